# SPDX-License-Identifier: Apache-2.0
package WSPushTest::HTTP;

# A small HTTP/1.1 client over a raw socket: it sends exactly the headers it is
# told, shows the answer as it came, and can keep or reuse the connection.
#
#   my $r = WSPushTest::HTTP->request('POST', '/push/a', port => 8529,
#       headers => [Accept => 'text/plain', ...],   # pairs, in order, repeatable
#       body    => $bytes,                # Content-Length is added
#       chunks  => [$bytes, ...],         # or in chunks; the header is yours
#       socket  => $kept,                 # reuse; otherwise a new connection
#       keep    => 1,                     # leave it open, see $r->socket
#       version => '1.1',                 # of the request line
#       host    => 'localhost',           # undef: no Host header
#       timeout => 10);
#   $r->status $r->reason $r->header(NAME) $r->headers(NAME) $r->body $r->socket
use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Time::HiRes qw(time);

sub request {
    my ($class, $method, $path, %o) = @_;
    my $self = bless {
        method   => $method,
        socket   => $o{socket} // connect_to($o{port}),
        deadline => time + ($o{timeout} // 10),
        buffer   => '',
    }, $class;
    $self->send_all(format_request($method, $path, \%o));
    $self->read_response;
    $self->{socket}->close unless $o{keep};
    return $self;
}

sub connect_to {
    my ($port) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
        // die "connect to port $port: $!\n";
}

sub format_request {
    my ($method, $path, $o) = @_;
    my $version = $o->{version} // '1.1';
    my $host    = exists $o->{host} ? $o->{host} : '127.0.0.1';
    my $text    = "$method $path HTTP/$version\r\n";
    $text .= "Host: $host\r\n"         if defined $host;
    $text .= "Connection: close\r\n" if !$o->{keep} && !$o->{upgrade};
    my @pairs = @{ $o->{headers} // [] };
    while (my ($name, $value) = splice @pairs, 0, 2) {
        $text .= "$name: $value\r\n";
    }
    $text .= 'Content-Length: ' . length($o->{body}) . "\r\n"
        if defined $o->{body};
    return $text . "\r\n" . ($o->{body} // '') . format_chunks($o->{chunks});
}

sub format_chunks {
    my ($chunks) = @_;
    return '' unless $chunks;
    return join '', map { sprintf "%x\r\n%s\r\n", length, $_ } @$chunks, '';
}

sub status { return $_[0]{status} }
sub reason { return $_[0]{reason} }
sub body   { return $_[0]{body} }
sub socket { return $_[0]{socket} }

sub headers {
    my ($self, $name) = @_;
    return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{headers} };
}

# The value; several are joined as RFC 9110 5.3 does; undef when there is none.
sub header {
    my ($self, $name) = @_;
    my @values = $self->headers($name);
    return @values ? join ', ', @values : undef;
}

# --- reading and writing ------------------------------------------------

sub send_all {
    my ($self, $bytes) = @_;
    while (length $bytes) {
        IO::Select->new($self->{socket})->can_write($self->left)
            or die "timeout while sending a $self->{method}\n";
        my $sent = syswrite $self->{socket}, $bytes;
        # Refused before it was all sent: the answer says why.
        return if !defined $sent;
        substr $bytes, 0, $sent, '';
    }
    return;
}

sub left {
    my ($self) = @_;
    my $left = $self->{deadline} - time;
    return $left > 0 ? $left : 0;
}

# Returns false at the end of the stream.
sub read_more {
    my ($self) = @_;
    IO::Select->new($self->{socket})->can_read($self->left)
        or die "timeout while waiting for the answer to $self->{method}; got: "
        . substr($self->{buffer}, 0, 500) . "\n";
    my $got = sysread $self->{socket}, $self->{buffer}, 65_536,
        length $self->{buffer};
    return $got;
}

sub take_line {
    my ($self) = @_;
    my $end;
    while (($end = index $self->{buffer}, "\r\n") < 0) {
        $self->read_more or die "end of stream inside of a line: $self->{buffer}\n";
    }
    my $line = substr $self->{buffer}, 0, $end + 2, '';
    return substr $line, 0, $end;
}

sub take_bytes {
    my ($self, $count) = @_;
    while (length $self->{buffer} < $count) {
        $self->read_more or die "end of stream inside of a body\n";
    }
    return substr $self->{buffer}, 0, $count, '';
}

sub read_response {
    my ($self) = @_;
    do { $self->read_head } while $self->{status} =~ /^1/ && $self->{status} != 101;
    $self->{body} = $self->read_body;
    return;
}

sub read_head {
    my ($self) = @_;
    my $line = $self->take_line;
    ($self->{status}, $self->{reason}) =
        $line =~ m{^HTTP/1\.[01] (\d{3}) ?(.*)$}
        or die "no status line: $line\n";
    $self->{headers} = [];
    while (length(my $header = $self->take_line)) {
        my ($name, $value) = $header =~ /^([^:\s]+):[ \t]*(.*?)[ \t]*$/
            or die "no header: $header\n";
        push @{ $self->{headers} }, [$name, $value];
    }
    return;
}

sub read_body {
    my ($self) = @_;
    return ''
        if $self->{method} eq 'HEAD' || $self->{status} =~ /^(?:101|204|304)$/;
    return $self->read_chunks
        if lc($self->header('Transfer-Encoding') // '') eq 'chunked';
    my $length = $self->header('Content-Length');
    return $self->take_bytes($length) if defined $length;
    1 while $self->read_more;
    return delete $self->{buffer};
}

sub read_chunks {
    my ($self) = @_;
    my $body = '';
    while (my $size = hex $self->take_line) {
        $body .= $self->take_bytes($size);
        $self->take_line;
    }
    1 while length $self->take_line;
    return $body;
}

1;
