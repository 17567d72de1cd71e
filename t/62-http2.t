# SPDX-License-Identifier: Apache-2.0
#
# HTTP/2: publishing works as over HTTP/1.1; a WebSocket cannot be taken over from
# a stream, and the client is told so (RFC 8441, extended CONNECT).
use strict;
use warnings;

use Test::More;
use WSPushTest;
use WSPushTest::Server ();

plan skip_all => 'mod_http2 does not support prefork' if mpm() eq 'prefork';
plan skip_all => 'no mod_http2' unless Apache::Test::have_module('mod_http2');

my $server = WSPushTest::Server->start(conf => <<'END');
Protocols h2c http/1.1
H2WebSockets on
<Location "/push/">
    WSPush pubsub
</Location>
<Location "/pub/">
    WSPush publish
</Location>
END

# --- just enough of HTTP/2: frames, and headers as literals without Huffman

sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return pack('xnCCN', length $payload, $type, $flags, $stream) . $payload;
}

sub literal {
    my ($name, $value) = @_;
    die 'too long' if length $name > 126 || length $value > 126;
    return "\0" . chr(length $name) . $name . chr(length $value) . $value;
}

# @return (bytes of the header blocks, body) of the answer to one request
sub exchange {
    my ($headers, $body, $ends) = @_;
    my $socket = WSPushTest::HTTP::connect_to($server->port);
    my $block  = join '', map { literal(@$_) } @$headers;
    $socket->syswrite("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '')
        . frame(1, $ends ? 5 : 4, 1, $block)
        . (defined $body ? frame(0, 1, 1, $body) : ''));
    my ($buffer, $head, $text) = ('', '', '');
    while (1) {
        while (length $buffer >= 9) {
            my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $buffer;
            my $length = $high << 16 | $low;
            last if length $buffer < 9 + $length;
            my $payload = substr substr($buffer, 0, 9 + $length, ''), 9;
            $socket->syswrite(frame(4, 1, 0, '')) if $type == 4 && !($flags & 1);
            next if $stream != 1;
            $head .= $payload if $type == 1;
            $text .= $payload if $type == 0;
            return ($head, $text) if $type == 3 || $type <= 1 && $flags & 1;
        }
        IO::Select->new($socket)->can_read($WSPushTest::TIMEOUT)
            or die "no answer over HTTP/2\n";
        sysread $socket, $buffer, 65_536, length $buffer
            or die "HTTP/2 connection ended: $head $text\n";
    }
}

# ":status" as the server writes it: a literal in Huffman code, or an indexed one.
sub has_status {
    my ($head, $status) = @_;
    my %code = ('0' => '00000', '1' => '00001', '2' => '00010', '3' => '011001',
        '4' => '011010', '5' => '011011', '6' => '011100');
    my $bits = join '', map { $code{$_} } split //, $status;
    $bits .= '1' while length($bits) % 8;
    my $huffman = pack 'B*', $bits;
    return index($head, chr(0x80 | length $huffman) . $huffman) >= 0
        || index($head, "\3$status") >= 0;
}

my @common = ([':scheme', 'http'], [':authority', '127.0.0.1:' . $server->port]);

# --- publishing
my $ws = $server->ws('/push/h2');
my ($head, $text) = exchange([[':method', 'POST'], [':path', '/pub/h2'], @common],
    'over HTTP/2');
ok(has_status($head, 201), 'a POST over HTTP/2: 201');
like($text, qr/^queued messages: 1/, '  with channel info');
is($ws->recv->{payload}, 'over HTTP/2', '  and it arrives');
($head, $text) = exchange([[':method', 'GET'], [':path', '/push/h2'], @common], undef, 1);
ok(has_status($head, 426), 'a GET over HTTP/2: 426');

# --- a WebSocket over HTTP/2
my $mark = length $server->log;
($head, $text) = exchange([[':method', 'CONNECT'], [':protocol', 'websocket'],
    [':path', '/push/h2'], @common, ['sec-websocket-version', '13']], undef, 0);
ok(has_status($head, 501), 'a WebSocket over HTTP/2: 501') or diag unpack 'H*', $head;
like($text, qr/HTTP\/2 is not supported/, '  and says why');
is($server->status->{connections}, 1, '  nothing is taken over');
is($ws->close, 1000, 'clients of HTTP/1.1 go on');
is($server->http(GET => '/')->status, 200, 'so do pages');
$server->stop;
is_deeply([$server->findings], [], 'no child has died');

done_testing();
