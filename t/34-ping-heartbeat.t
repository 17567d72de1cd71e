# SPDX-License-Identifier: Apache-2.0
#
# WSPushPing and WSPushHeartbeat: who is quiet is asked, who does not answer is
# dropped; and pages, which cannot send pings, have a text for it.
use strict;
use warnings;

use Test::More;
use WSPushTest;

# --- pings
my $ws = ws('/limits/ping/x');
for my $n (1 .. 4) {
    my $frame = $ws->recv_frame;
    is($frame->{op}, 9, "a quiet client is pinged, $n");
    $ws->send_frame(op => 10, payload => $frame->{payload});
}
http(POST => '/limits/ping/x', body => 'hello');
is($ws->recv->{payload}, 'hello', 'and is still a client');
$ws->close;

my $before = status()->{closed_ping_total};
my $mark   = log_mark();
my $deaf   = ws('/limits/deaf/x');
my $ping   = $deaf->recv_frame;
is($ping->{op}, 9, 'one that does not answer is pinged');
is($deaf->recv_frame, undef, '  and dropped, without more words');
await_client_log($mark, qr{at /limits/deaf/x: closed 1006 .*WSPushPing});
await('the count', sub { status()->{closed_ping_total} > $before });
pass('  which the status counts');

# a client that does not read is not dropped for it while it sends
my $busy = ws('/limits/deaf/x');
for my $n (1 .. 5) {
    my $frame = $busy->recv_frame;
    is($frame->{op}, 9, "quiet again, pinged again, $n");
    # any byte is a sign of life, not only a pong
    $busy->send_frame(op => 10, payload => 'unasked');
}
$busy->disconnect;

my $never = ws('/limits/noping/x');
$never->send_ping('mine');
is_deeply($never->recv_frame, { op => 10, fin => 1, rsv => 0, payload => 'mine' },
    "WSPushPing off: a client's ping is answered all the same");
$never->send_ping('');
is($never->recv_frame->{payload}, '', 'an empty ping');
$never->send_ping('p' x 125);
is($never->recv_frame->{payload}, 'p' x 125, 'a ping of 125 bytes');
$never->send_frame(op => 10, payload => 'unasked');
is_deeply([$never->fence], [], 'a pong nobody asked for is nothing');
$never->disconnect;

# --- heartbeats
my $listener = ws('/limits/heartbeat/h');
$ws = ws('/limits/heartbeat/h');
$ws->send_text('are you there?');
is_deeply($ws->recv, { type => 'text', payload => 'yes' }, 'a heartbeat is answered');
$ws->send_frame(fin => 0, payload => 'are you');
$ws->send_frame(op => 0, payload => ' there?');
is($ws->recv->{payload}, 'yes', 'also in fragments');
$ws->send_text($_) for 'are you there', 'Are you there?', 'are you there??';
$ws->send_binary('are you there?');
is_deeply([$listener->recv_many(4)],
    ['are you there', 'Are you there?', 'are you there??', 'are you there?'],
    'what only looks like it is published; no heartbeat was');
$_->disconnect for $ws, $listener;

$ws = ws('/limits/heartbeat-same/h', protocols => ['ws+meta.nchan']);
$ws->send_text('ping');
is($ws->recv->{payload}, "\nping",
    'answered with itself, also where clients may not publish, in its subprotocol');
is($ws->close, 1000, 'and it stays');
is(WSPushTest::info('h'), undef, 'no heartbeat was stored')
    if http(DELETE => '/limits/heartbeat/h')->status;

done_testing();
