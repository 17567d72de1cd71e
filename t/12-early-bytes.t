# SPDX-License-Identifier: Apache-2.0
#
# A client may not wait for the 101 before it sends frames (RFC 6455 4.1 says
# it must, some do not). httpd has read them already when it hands the connection
# over: none may be lost, doubled or reordered, wherever they are cut.
use strict;
use warnings;

use Test::More;
use WSPushTest;

sub frame { return WSPushTest::WebSocket::frame(@_) }

my $ws = ws('/echo/early', early => frame(payload => 'one'));
is($ws->recv->{payload}, 'one', 'a frame in one piece with the request');
$ws->send_text('two');
is($ws->recv->{payload}, 'two', 'and one afterwards');
$ws->close;

$ws = ws('/echo/early',
    early => join '', map { frame(payload => "n$_") } 1 .. 50);
is_deeply([$ws->recv_many(50)], [map { "n$_" } 1 .. 50], 'fifty frames, in order');
$ws->close;

# Cut at each place of a frame: some bytes with the request, the rest later.
my $whole = frame(payload => 'cut here');
for my $cut (1 .. length($whole) - 1) {
    $ws = ws('/echo/early', early => substr $whole, 0, $cut);
    $ws->send_raw(substr $whole, $cut);
    my $got = $ws->recv;
    is($got && $got->{payload}, 'cut here', "cut after $cut bytes");
    $ws->disconnect;
}

# More than httpd reads at a time, and more than a socket's buffer.
for my $size (8_000, 70_000, 500_000) {
    my $body = join '', map { chr 97 + $_ % 26 } 1 .. $size;
    $ws = ws('/echo/early', early => frame(payload => $body));
    my $got = $ws->recv;
    ok($got && $got->{payload} eq $body, "$size bytes of a frame");
    is($ws->close, 1000, '  and a good end');
}

# A fragmented message with a ping in between, cut in the middle.
$ws = ws('/echo/early',
    early => frame(fin => 0, payload => 'first ')
        . frame(op => 9, payload => 'are you there')
        . frame(fin => 0, op => 0, payload => 'second '));
my $pong = $ws->recv_frame;
is($pong->{op},      10,              'the ping between fragments is answered');
is($pong->{payload}, 'are you there', 'with its payload');
$ws->send_frame(op => 0, payload => 'third');
is($ws->recv->{payload}, 'first second third', 'the message is whole');
$ws->close;

# The end in one piece with the beginning.
$ws = ws('/echo/early', early => frame(op => 8, payload => pack 'n', 1000));
is($ws->await_close->{code}, 1000, 'an early close is answered');

# Published, not only echoed.
my $listener = ws('/push/early');
my $talker   = ws('/push/early', early => frame(payload => 'early bird'));
is($listener->recv->{payload}, 'early bird', 'an early frame is published');
$_->disconnect for $listener, $talker;

# An early mistake is told as any other.
$ws = ws('/echo/early', early => frame(payload => 'x', mask => 0));
is($ws->await_close->{code}, 1002, 'an early unmasked frame: 1002');

# Requests before it on the same connection, all in one piece (pipelined): their
# answers come first and whole, then the 101.
my $socket = WSPushTest::HTTP::connect_to(server_port());
$socket->syswrite("GET / HTTP/1.1\r\nHost: x\r\n\r\n" x 3
    . join("\r\n", 'GET /echo/early HTTP/1.1', 'Host: x', 'Upgrade: websocket',
        'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', '')
    . frame(payload => 'behind'));
my $all = '';
while ($all !~ /behind/) {
    IO::Select->new($socket)->can_read($WSPushTest::TIMEOUT) or last;
    sysread $socket, $all, 65_536, length $all or last;
}
my @answers = $all =~ m{^HTTP/1\.1 (\d+)}mg;
is_deeply(\@answers, [200, 200, 200, 101], 'an upgrade behind pipelined requests');
like($all, qr/\r\n\r\n\x81\x06behind\z/, '  and its frame is answered');
is(scalar(() = $all =~ /^welcome$/mg), 3, '  the pages are whole');
close $socket;

# A client that says something and ends its side, right behind the request.
$listener = ws('/push/early');
my $half = ws('/push/early', early => frame(payload => 'last words'));
shutdown $half->socket, 1;
is($listener->recv->{payload}, 'last words', 'its message is published');
1 while $half->recv;
pass('and it is let go');
$listener->disconnect;

done_testing();
