# SPDX-License-Identifier: Apache-2.0
#
# RFC 6455 sections 5 to 8 bit by bit, through the real server: what must be
# taken, and what must be refused and with which code.
use strict;
use warnings;

use Test::More;
use WSPushTest;

sub frame { return WSPushTest::WebSocket::frame(@_) }
sub open_echo { return ws('/raw/echo') }

# Sent bytes, echoed messages.
sub takes {
    my ($what, $bytes, @messages) = @_;
    my $ws = open_echo();
    $ws->send_raw($bytes);
    my @got = eval { map { $ws->recv } @messages };
    is_deeply([map { [$_->{type}, $_->{payload}] } @got], \@messages, $what)
        or diag $@;
    $ws->disconnect;
    return;
}

sub refuses {
    my ($what, $code, $bytes) = @_;
    for my $way ('at once', 'byte by byte') {
        my $ws = open_echo();
        if ($way eq 'at once') { $ws->send_raw($bytes) }
        else                   { $ws->send_raw($_) for split //, $bytes }
        my $closed = $ws->await_close // {};
        is($closed->{code}, $code, "$what, $way: $code");
        ok(length $closed->{reason}, '  with a reason') if $code != 1005;
        is($ws->recv_frame, undef, '  and the end');
        $ws->disconnect;
    }
    return;
}

# --- lengths, at the edges of each form
for my $length (0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 1_000_000) {
    my $body = substr 'abcdefghij' x ($length / 10 + 1), 0, $length;
    takes("a text of $length bytes", frame(payload => $body), ['text', $body]);
}
takes('a binary message with every byte',
    frame(op => 2, payload => join '', map { chr } 0 .. 255),
    ['binary', join '', map { chr } 0 .. 255]);
takes('each masking key', join('', map { frame(payload => 'masked', key => $_) }
    "\0\0\0\0", "\xff\xff\xff\xff", "\1\2\3\4", "mask"), (['text', 'masked']) x 4);

# --- fragments, control frames between them
takes('two fragments',
    frame(fin => 0, payload => 'frag') . frame(op => 0, payload => 'ment'),
    ['text', 'fragment']);
takes('fragments of nothing', frame(fin => 0, payload => '')
    . frame(fin => 0, op => 0, payload => '') x 10 . frame(op => 0, payload => ''),
    ['text', '']);
takes('a hundred fragments', frame(fin => 0, op => 2, payload => 'x')
    . frame(fin => 0, op => 0, payload => 'y') x 98 . frame(op => 0, payload => 'z'),
    ['binary', 'x' . 'y' x 98 . 'z']);
my $ws = open_echo();
$ws->send_raw(frame(fin => 0, payload => 'a') . frame(op => 9, payload => 'p1')
    . frame(op => 10, payload => 'unasked') . frame(op => 0, fin => 0, payload => 'b'));
is_deeply([@{ $ws->recv_frame }{qw(op payload)}], [10, 'p1'],
    'a ping between fragments is answered at once');
$ws->send_raw(frame(op => 9, payload => '') . frame(op => 0, payload => 'c'));
my %seen = map { $_->{op} => $_->{payload} } $ws->recv_frame, $ws->recv_frame;
is_deeply(\%seen, { 1 => 'abc', 10 => '' }, '  and the message is whole');
$ws->disconnect;

# --- a character cut between fragments and frames' bytes
my $text = "\xf0\x9f\x91\x8b \xe4\xbd\xa0\xe5\xa5\xbd gr\xc3\xbc\xc3\x9fe";
takes('UTF-8, a fragment per byte', join('', map {
    frame(op => $_ ? 0 : 1, fin => $_ == length($text) - 1, payload => substr $text, $_, 1)
} 0 .. length($text) - 1), ['text', $text]);
for my $good ("\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80",
    "\0", "\xef\xbf\xbe")
{
    takes('UTF-8 at an edge: ' . unpack('H*', $good), frame(payload => $good),
        ['text', $good]);
}

# --- byte by byte, many messages
my $stream = frame(payload => 'one') . frame(op => 2, payload => 'two')
    . frame(fin => 0, payload => 'th') . frame(op => 9, payload => 'p')
    . frame(op => 0, payload => 'ree') . frame(payload => 'x' x 200);
$ws = open_echo();
$ws->send_raw($_) for split //, $stream;
is_deeply([map { $_->{payload} } map { $ws->recv } 1 .. 4],
    ['one', 'two', 'three', 'x' x 200], 'a stream byte by byte');
$ws->disconnect;

# --- refused

refuses('an unmasked frame', 1002, frame(payload => 'x', mask => 0));
refuses("RSV$_", 1002, frame(payload => 'x', rsv => 1 << 3 - $_)) for 1 .. 3;
refuses("opcode $_", 1002, frame(op => $_, payload => 'x')) for 3 .. 7, 11 .. 15;
refuses('a fragmented ping', 1002, frame(op => 9, fin => 0, payload => 'x'));
refuses('a fragmented close', 1002, frame(op => 8, fin => 0, payload => ''));
refuses('a ping of 126 bytes', 1002, frame(op => 9, payload => 'x' x 126));
refuses('a continuation of nothing', 1002, frame(op => 0, payload => 'x'));
refuses('a message inside of a message', 1002,
    frame(fin => 0, payload => 'x') . frame(payload => 'y'));
refuses('5 bytes in 16 bits', 1002, frame(payload => 'abcde', form => 16));
refuses('125 bytes in 16 bits', 1002, frame(payload => 'x' x 125, form => 16));
refuses('126 bytes in 64 bits', 1002, frame(payload => 'x' x 126, form => 64));
refuses('65535 bytes in 64 bits', 1002, frame(form => 64, payload => '',
    announce => 65_535));
refuses('a length of 2^63', 1002, frame(form => 64, payload => '',
    announce => 2**63));
refuses('a length of 2^64-1', 1002, frame(form => 64, payload => '',
    announce => ~0));
refuses('a length of 2^63-1', 1009, frame(form => 64, payload => '',
    announce => ~0 >> 1));
refuses('a length of 3 GiB', 1009, frame(form => 64, payload => '',
    announce => 3 * 2**30));
refuses('a length just over WSPushMaxMessage', 1009, frame(form => 64, payload => '',
    announce => 100 * 2**20 + 1));
refuses('UTF-8 that is not: ' . unpack('H*', $_), 1007, frame(payload => $_))
    for "\xff", "\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "ok \xc3\x28", "cut \xe4\xbd";
refuses('a bad character at the start of a long message', 1007,
    frame(payload => "\xff", announce => 50_000_000));
refuses('a character cut by the end of the last fragment', 1007,
    frame(fin => 0, payload => "x\xe4") . frame(op => 0, payload => "\xbd"));

# --- close frames
for my $code (1000 .. 1003, 1007 .. 1014, 3000, 3999, 4000, 4999) {
    $ws = open_echo();
    $ws->send_close($code, "r\xc3\xa4son");
    is($ws->await_close->{code}, $code, "close $code is echoed");
    is($ws->recv_frame, undef, '  then the end');
    $ws->disconnect;
}
refuses("close $_", 1002, frame(op => 8, payload => pack 'n', $_))
    for 0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535;
refuses('a close of one byte', 1002, frame(op => 8, payload => "\x03"));
refuses('a close whose reason is not UTF-8', 1007,
    frame(op => 8, payload => pack('n', 1000) . "\xff"));
refuses('a close of 126 bytes', 1002,
    frame(op => 8, payload => pack('n', 1000) . 'x' x 124));

# what follows a close frame is not read
$ws = open_echo();
$ws->send_raw(frame(op => 8, payload => pack 'n', 1000) . frame(payload => 'too late')
    . "\xff" x 1000);
is($ws->recv, undef, 'nothing after a close frame is answered');
is($ws->closed->{code}, 1000, '  but the close is');

# both close at once: the server's close frame has gone out when ours arrives
$ws = ws('/push/raw-closing');
$ws->send_close(1000);
http(DELETE => '/pub/raw-closing');
ok($ws->await_close, 'both sides close at once');
is($ws->recv_frame, undef, '  and it ends');

# --- ends without a word
my $mark = log_mark();
$ws = open_echo();
$ws->send_raw(substr frame(payload => 'half of it'), 0, 9);
shutdown $ws->socket, 1;
is($ws->recv_frame, undef, 'half a frame, then the end of the stream: no answer');

$ws = open_echo();
my $port = $ws->socket->sockport;
setsockopt $ws->socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'ii', 1, 0;
$ws->disconnect;
await_client_log($mark, qr{127\.0\.0\.1:$port at /raw/echo: closed 1006});
pass('a reset connection is noticed');
await('the clients so far to be gone', sub { status()->{connections} == 0 });
pass('and nobody is left behind');

# an announced length costs nothing: a thousand of them at once
my @greedy = map { open_echo() } 1 .. 50;
$_->send_raw(frame(payload => 'x' x 100, announce => 90_000_000)) for @greedy;
hears(open_echo(), [], 'fifty clients who announce 90 MB each do not hurt others');
my $rss = 0;
for my $pid (children()) {
    my ($kb) = WSPushTest::slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m;
    $rss += $kb;
}
cmp_ok($rss, '<', 200_000, '  nor take memory for it') if flavour() eq 'plain';
$_->disconnect for @greedy;

is(http(GET => '/')->status, 200, 'the server is well');
done_testing();
