# SPDX-License-Identifier: Apache-2.0
package WSPushTest::WebSocket;

# A WebSocket client with control over every bit, for tests: it can break each
# rule of RFC 6455 on purpose, and checks the server's frames strictly.
#
#   my $ws = WSPushTest::WebSocket->open('/push/a', port => 8529,
#       protocols => ['ws+meta.nchan'],  # Sec-WebSocket-Protocol
#       headers   => [Origin => '...'],  # more headers, in order
#       origin    => '...',              # the same, shorter
#       replace   => {'Upgrade' => 'x'}, # instead of a standard header; undef: none
#       method    => 'GET', version => '1.1',
#       early     => $bytes,             # sent in one piece with the request
#       any       => 1,                  # do not die when the answer is not 101
#       socket    => $s, sent => 'GET ', # a connection, and what was sent on it
#       timeout   => 10);
#   $ws->status $ws->header(NAME) $ws->body      of the handshake's answer
#
#   $ws->send_text($bytes) $ws->send_binary($bytes) $ws->send_ping($bytes)
#   $ws->send_close($code, $reason)
#   $ws->send_frame(op => 1, fin => 1, rsv => 0, payload => '', mask => 1,
#       key => "\0\0\0\0", form => 7|16|64, announce => $length)
#   $ws->send_raw($bytes)                        anything
#   WSPushTest::WebSocket::frame(...)            a frame's bytes, as send_frame
#
#   $ws->recv_frame   next frame {op, fin, rsv, payload}; undef at the end
#   $ws->recv         next message {type => 'text'|'binary', payload}, whole;
#                     answers pings; undef when closed (see closed)
#   $ws->recv_many(N) the payloads of the next N messages
#   $ws->recv_only(N) the same, and what else comes before a fence: all that
#                     should come, and a look at whether more does
#   $ws->closed       {code, reason} of the server's close frame, or undef
#   $ws->await_close  read until the server has closed; {code, reason}
#   $ws->fence        what came before the server's answer to a ping sent now:
#                     the way to say "nothing (else) came" without waiting; a
#                     message just published may come before or after it
#   $ws->close        close handshake as a client; returns the server's code
#   $ws->disconnect   just close the socket      $ws->socket
use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use IO::Select ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);

use WSPushTest::HTTP ();

use constant GUID => '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
use constant { TEXT => 1, BINARY => 2, CLOSE => 8, PING => 9, PONG => 10 };

# --- handshake ----------------------------------------------------------

sub open {
    my ($class, $path, %o) = @_;
    my $self = bless {
        timeout => $o{timeout} // 10,
        socket  => $o{socket}  // WSPushTest::HTTP::connect_to($o{port}),
        buffer  => '',
        pings   => 0,
    }, $class;
    my $key     = encode_base64(join('', map { chr int rand 256 } 1 .. 16), '');
    my $request = WSPushTest::HTTP::format_request(
        $o{method} // 'GET', $path,
        {
            version => $o{version},
            upgrade => 1,
            headers => [handshake_headers($key, \%o)],
            exists $o{host} ? (host => $o{host}) : (),
        });
    my $sent = $o{sent} // '';
    index($request, $sent) == 0 or die "sent '$sent' does not begin $request\n";
    $self->send_raw(substr($request, length $sent) . ($o{early} // ''));
    $self->read_answer($o{method} // 'GET');
    return $self if $self->status != 101 && $o{any};
    $self->status == 101
        or die "no upgrade at $path: " . $self->status . ' ' . $self->body . "\n";
    $self->check_answer($key);
    return $self;
}

sub handshake_headers {
    my ($key, $o) = @_;
    my @headers = (
        'Upgrade'               => 'websocket',
        'Connection'            => 'Upgrade',
        'Sec-WebSocket-Version' => '13',
        'Sec-WebSocket-Key'     => $key,
    );
    push @headers, 'Sec-WebSocket-Protocol' => join ', ', @{ $o->{protocols} }
        if $o->{protocols};
    push @headers, Origin => $o->{origin} if defined $o->{origin};
    push @headers, @{ $o->{headers} // [] };
    return @headers unless $o->{replace};

    my @kept;
    while (my ($name, $value) = splice @headers, 0, 2) {
        $value = $o->{replace}{$name} if exists $o->{replace}{$name};
        push @kept, $name, $value if defined $value;
    }
    return @kept;
}

# The answer is read as any HTTP answer; what follows it is already frames.
sub read_answer {
    my ($self, $method) = @_;
    my $http = bless {
        method   => $method,
        socket   => $self->{socket},
        deadline => time + $self->{timeout},
        buffer   => '',
    }, 'WSPushTest::HTTP';
    $http->read_response;
    $self->{answer} = $http;
    $self->{buffer} = $http->{buffer} // '';
    return;
}

sub check_answer {
    my ($self, $key) = @_;
    my $accept = sha1_base64($key . GUID) . '=';
    my $got    = $self->header('Sec-WebSocket-Accept') // 'none';
    $got eq $accept or die "Sec-WebSocket-Accept is $got, not $accept\n";
    lc($self->header('Upgrade') // '') eq 'websocket' or die "no Upgrade\n";
    ($self->header('Connection') // '') =~ /\bupgrade\b/i or die "no Connection\n";
    return;
}

sub status { return $_[0]{answer}->status }
sub body   { return $_[0]{answer}->body }
sub header { my ($self, $name) = @_; return $self->{answer}->header($name) }
sub socket { return $_[0]{socket} }
sub closed { return $_[0]{closed} }

# --- sending ------------------------------------------------------------

sub frame {
    my (%f) = (op => TEXT, fin => 1, rsv => 0, payload => '', mask => 1, @_);
    my $announce = $f{announce} // length $f{payload};
    my $form = $f{form} // ($announce < 126 ? 7 : $announce < 65_536 ? 16 : 64);
    my $bit  = $f{mask} ? 0x80 : 0;
    my $head = pack 'C', ($f{fin} ? 0x80 : 0) | $f{rsv} << 4 | $f{op};
    $head .=
          $form == 7  ? pack('C',  $bit | $announce)
        : $form == 16 ? pack('Cn', $bit | 126, $announce)
        :               pack('CQ>', $bit | 127, $announce);
    return $head . $f{payload} unless $f{mask};
    my $key = $f{key} // pack 'N', int rand 2**32;
    return $head . $key . mask($f{payload}, $key);
}

sub mask {
    my ($payload, $key) = @_;
    my $length = length $payload;
    # quoted: xor of two strings, also when the payload was a number
    return "$payload" ^ substr $key x ($length / 4 + 1), 0, $length;
}

sub send_raw {
    my ($self, $bytes) = @_;
    my $deadline = time + $self->{timeout};
    my $at       = 0;
    while ($at < length $bytes) {
        IO::Select->new($self->{socket})->can_write($deadline - time)
            or die "timeout while sending\n";
        my $sent = syswrite $self->{socket}, $bytes, 65_536, $at;
        return 0 if !defined $sent;    # the server has closed
        $at += $sent;
    }
    return 1;
}

sub send_frame  { my ($self, %f)     = @_; return $self->send_raw(frame(%f)) }
sub send_text   { my ($self, $bytes) = @_; return $self->send_frame(payload => $bytes) }
sub send_binary { my ($self, $bytes) = @_; return $self->send_frame(op => BINARY, payload => $bytes) }
sub send_ping   { my ($self, $bytes) = @_; return $self->send_frame(op => PING, payload => $bytes // '') }

sub send_close {
    my ($self, $code, $reason) = @_;
    my $payload = defined $code ? pack('n', $code) . ($reason // '') : '';
    return $self->send_frame(op => CLOSE, payload => $payload);
}

# --- receiving ----------------------------------------------------------

# Returns false when the stream ends before COUNT bytes are there.
sub fill {
    my ($self, $count, $deadline) = @_;
    while (length $self->{buffer} < $count) {
        my $left = $deadline - time;
        IO::Select->new($self->{socket})->can_read($left > 0 ? $left : 0)
            or die "timeout while waiting for a frame\n";
        my $got = sysread $self->{socket}, $self->{buffer}, 262_144,
            length $self->{buffer};
        return 0 if !$got;
    }
    return 1;
}

sub recv_frame {
    my ($self, $deadline) = @_;
    $deadline //= time + $self->{timeout};
    if (!$self->fill(2, $deadline)) {
        length $self->{buffer} and die "the stream ends inside of a frame\n";
        return undef;
    }
    my ($first, $length) = unpack 'CC', $self->{buffer};
    die "the server's frame is masked\n" if $length & 0x80;
    my $more   = $length == 126 ? 2 : $length == 127 ? 8 : 0;
    $self->fill(2 + $more, $deadline) or die "the stream ends inside of a frame\n";
    if ($more) {
        my $minimum = $more == 2 ? 126 : 65_536;
        $length = unpack $more == 2 ? 'n' : 'Q>', substr $self->{buffer}, 2, $more;
        die "the server's length $length is not minimal\n" if $length < $minimum;
    }
    $self->fill(2 + $more + $length, $deadline)
        or die "the stream ends inside of a frame\n";
    my $bytes = substr $self->{buffer}, 0, 2 + $more + $length, '';
    my %frame = (
        fin     => $first >> 7,
        rsv     => $first >> 4 & 7,
        op      => $first & 15,
        payload => substr($bytes, 2 + $more),
    );
    check_frame(\%frame);
    return \%frame;
}

sub check_frame {
    my ($f) = @_;
    die "RSV bits from the server: $f->{rsv}\n" if $f->{rsv};
    die "opcode $f->{op} from the server\n" if $f->{op} !~ /^(?:0|1|2|8|9|10)$/;
    die "a control frame of " . length($f->{payload}) . " bytes, fin $f->{fin}\n"
        if $f->{op} >= 8 && (length $f->{payload} > 125 || !$f->{fin});
    return;
}

# The next data or pong frame; pings are answered, a close is noted (undef).
# One deadline for all: a server that only pings does not keep a test waiting.
sub recv_data {
    my ($self, $deadline) = @_;
    $deadline //= time + $self->{timeout};
    while (my $f = $self->recv_frame($deadline)) {
        if ($f->{op} == PING) {
            $self->{pings}++;
            $self->send_frame(op => PONG, payload => $f->{payload});
            next;
        }
        return $f if $f->{op} != CLOSE;
        my ($code, $reason) =
            length $f->{payload} ? unpack 'n a*', $f->{payload} : (1005, '');
        $self->{closed} = { code => $code, reason => $reason };
        return undef;
    }
    return undef;
}

sub recv {
    my ($self) = @_;
    my $deadline = time + $self->{timeout};
    my ($type, $payload);
    while (my $f = $self->recv_data($deadline)) {
        next if $f->{op} == PONG;
        die "a fragment of nothing\n" if $f->{op} == 0 && !$type;
        die "a message inside of a message\n" if $f->{op} && $type;
        $type //= $f->{op} == TEXT ? 'text' : 'binary';
        $payload .= $f->{payload};
        return { type => $type, payload => $payload } if $f->{fin};
    }
    return undef;
}

sub recv_many {
    my ($self, $count) = @_;
    my @payloads;
    while (@payloads < $count) {
        my $message = $self->recv
            // die 'closed after ' . @payloads . " of $count messages\n";
        push @payloads, $message->{payload};
    }
    return @payloads;
}

sub recv_only {
    my ($self, $count) = @_;
    return ($self->recv_many($count), $self->fence);
}

my $fences = 0;

sub fence {
    my ($self) = @_;
    my $mark     = 'fence ' . ++$fences;
    my $deadline = time + $self->{timeout};
    my @before;
    $self->send_ping($mark);
    while (my $f = $self->recv_data($deadline)) {
        return @before if $f->{op} == PONG && $f->{payload} eq $mark;
        push @before, $f->{payload} if $f->{op} != PONG;
    }
    die "closed before the pong\n";
}

sub await_close {
    my ($self) = @_;
    1 while $self->recv;
    return $self->{closed};
}

sub close {
    my ($self, $code, $reason) = @_;
    $self->send_close($code // 1000, $reason);
    my $closed = $self->await_close;
    $self->disconnect;
    return $closed && $closed->{code};
}

sub disconnect {
    my ($self) = @_;
    CORE::close $self->{socket};
    return;
}

1;
