# SPDX-License-Identifier: Apache-2.0
#
# Perl's Protocol::WebSocket, which shares no code with our own test client:
# handshake, both kinds of message, a long one, and the closing handshake.
use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Protocol::WebSocket::Frame ();
use Protocol::WebSocket::Handshake::Client ();
use Test::More;
use WSPushTest;

my $port   = server_port();
my $socket = IO::Socket::INET->new("127.0.0.1:$port") or die "connect: $!\n";
my $hand   = Protocol::WebSocket::Handshake::Client->new(
    url => "ws://127.0.0.1:$port/echo/perl");
my $frames = Protocol::WebSocket::Frame->new(max_payload_size => 2**21);

sub read_bytes {
    IO::Select->new($socket)->can_read($WSPushTest::TIMEOUT) or die "timeout\n";
    sysread $socket, my $bytes, 65_536 or return;
    return $bytes;
}

sub send_frame {
    my (%frame) = @_;
    syswrite $socket, Protocol::WebSocket::Frame->new(
        masked => 1, max_payload_size => 2**21, %frame)->to_bytes;
    return;
}

sub next_payload {
    while (1) {
        my $payload = $frames->next_bytes;
        return $payload if defined $payload;
        $frames->append(read_bytes() // return undef);
    }
}

syswrite $socket, $hand->to_string;
until ($hand->is_done) {
    my $bytes = read_bytes() // last;
    $hand->parse($bytes) or last;
    $frames->append($bytes);
}
ok($hand->is_done, 'the handshake is accepted') or diag $hand->error;

send_frame(type => 'text', buffer => "gr\x{c3}\x{bc}\x{c3}\x{9f} dich");
is(next_payload(), "gr\x{c3}\x{bc}\x{c3}\x{9f} dich", 'text comes back');
ok($frames->is_text, 'as text');

my $bytes = join '', map { chr } 0 .. 255;
send_frame(type => 'binary', buffer => $bytes);
is(next_payload(), $bytes, 'bytes come back');
ok($frames->is_binary, 'as binary');

my $long = 'x' x 300_000;
send_frame(type => 'text', buffer => $long);
is(length next_payload(), length $long, '300,000 bytes come back');

send_frame(type => 'ping', buffer => 'are you there');
is(next_payload(), 'are you there', 'a ping is answered');
ok($frames->is_pong, 'with a pong');

send_frame(type => 'close', buffer => pack 'n', 1000);
is(unpack('n', next_payload() // ''), 1000, 'a close is answered with its code');
ok(!defined read_bytes(), 'and the connection ends');

done_testing();
