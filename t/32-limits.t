# SPDX-License-Identifier: Apache-2.0
#
# WSPushMaxMessage, WSPushRate, WSPushMaxSubscribers, WSPushMaxConnections: what
# is just allowed passes, one more is refused and told which limit it was.
use strict;
use warnings;

use Test::More;
use WSPushTest;
use WSPushTest::Server ();

sub closed_like {
    my ($ws, $code, $reason, $what) = @_;
    my $closed = $ws->await_close // {};
    is($closed->{code}, $code, "$what: $code");
    like($closed->{reason}, $reason, '  the reason says which limit');
    return;
}

# --- WSPushMaxMessage
my $ws = ws('/limits/message/x');
$ws->send_text('m' x 1000);
is(length $ws->recv->{payload}, 1000, 'a message of WSPushMaxMessage bytes');
$ws->send_frame(fin => 0, payload => 'm' x 600);
$ws->send_frame(op => 0, payload => 'm' x 400);
is(length $ws->recv->{payload}, 1000, '  in fragments');
$ws->send_text('m' x 1001);
closed_like($ws, 1009, qr/WSPushMaxMessage/, 'one byte more');

$ws = ws('/limits/message/x');
$ws->send_frame(fin => 0, payload => 'm' x 600);
$ws->send_frame(op => 0, payload => 'm' x 401);
closed_like($ws, 1009, qr/WSPushMaxMessage/, 'in fragments');

$ws = ws('/limits/message/x');
$ws->send_frame(announce => 3 * 2**30, payload => '');
closed_like($ws, 1009, qr/WSPushMaxMessage/, 'announced only, 3 GiB');

$ws = ws('/limits/message/x');
$ws->send_frame(fin => 0, payload => 'm');
$ws->send_frame(fin => 0, op => 0, payload => '') for 1 .. 500;
$ws->send_frame(op => 0, payload => 'm');
is($ws->recv->{payload}, 'mm', 'empty fragments add up to nothing');
$ws->disconnect;

# --- WSPushRate
my $before = status()->{closed_rate_total};
$ws = ws('/limits/rate/x');
for my $n (1 .. 5) {
    $ws->send_text("m$n");
    $ws->send_text('ping');
    is_deeply([sort $ws->recv_many(2)], ["m$n", 'ping'], "message $n of 5, and a heartbeat");
}
is(http(POST => '/limits/rate/x', body => 'post')->status, 201, 'a POST is not counted');
is($ws->recv->{payload}, 'post', '  and comes');
$ws->send_text('m6');
closed_like($ws, 1008, qr/WSPushRate/, 'the sixth');
cmp_ok(status()->{closed_rate_total}, '>', $before, '  counted in the status');

$ws = ws('/limits/rate/x');
$ws->send_text('ping') for 1 .. 2_000;
closed_like($ws, 1008, qr/WSPushRate/, 'a flood of heartbeats is a flood, too');

$ws = ws('/limits/burst/x');
$ws->send_text("b$_") for 1 .. 10;
is_deeply([$ws->recv_many(10)], [map { "b$_" } 1 .. 10], 'a burst of ten at 1/1h 10');
$ws->send_text('b11');
closed_like($ws, 1008, qr/WSPushRate/, 'the eleventh');

# one at a time, each after the time that earns it
$ws = ws('/limits/refill/x');
for my $n (1 .. 5) {
    $ws->send_text("r$n");
    is($ws->recv->{payload}, "r$n", "message $n at 10/1s");
    my $due = Time::HiRes::time() + 0.15;
    await('the next tenth of a second', sub { Time::HiRes::time() > $due });
}
$ws->disconnect;

# --- WSPushMaxSubscribers
my @three = map { ws('/limits/subscribers/s') } 1 .. 3;
my $fourth = ws('/limits/subscribers/s', any => 1);
is($fourth->status, 503, 'the fourth of three subscribers: 503');
like($fourth->body, qr/WSPushMaxSubscribers/, '  says which limit');
like($fourth->header('Retry-After'), qr/^\d+$/, '  and when to come back');
is(ws('/limits/subscribers/other,s', any => 1)->status, 503, 'also among other channels');
my $elsewhere = ws('/limits/subscribers/t');
is($elsewhere->status, 101, 'another channel has room');
$_->disconnect for shift @three, $elsewhere;
my $again;
await('a free place', sub {
    $again = ws('/limits/subscribers/s', any => 1);
    return $again->status == 101;
});
http(POST => '/limits/subscribers/s', body => 'hello');
is($_->recv->{payload}, 'hello', 'a place that became free is taken') for @three, $again;
$_->disconnect for @three, $again;

# many at once, over all children: never one too many
my @sockets = map { WSPushTest::HTTP::connect_to(server_port()) } 1 .. 12;
my @answers = map { ws('/limits/subscribers/rush', any => 1, socket => $_) } @sockets;
my $inside  = 0;
for my $client (@answers) {
    next if $client->status != 101;
    # one that came in at the same moment is closed by the I/O thread
    my $ok = eval { $client->fence; 1 };
    $inside += $ok ? 1 : 0;
    ok($ok || $client->closed->{code} == 1013, 'in, or told to come back');
}
is($inside, 3, 'twelve at once: three are in');
$_->disconnect for @answers;

# --- WSPushMaxConnections, for a whole server
my $server = WSPushTest::Server->start(conf => <<'END');
WSPushMaxConnections 4
<Location "/a/">
    WSPush pubsub
</Location>
<Location "/b/">
    WSPush subscribe
</Location>
END
my @four = map { $server->ws($_) } qw(/a/x /a/y /b/x /b/y);
my $fifth = $server->ws('/a/x', any => 1);
is($fifth->status, 503, 'the fifth of four connections: 503');
like($fifth->body, qr/WSPushMaxConnections/, '  says which limit');
like($fifth->header('Retry-After'), qr/^\d+$/, '  and when to come back');
is($server->status->{connections}, 4, 'the status has four');
is($server->http(POST => '/a/x', body => 'x')->status, 201, 'publishing goes on');
(shift @four)->close;
await('a free place', sub {
    $again = $server->ws('/a/x', any => 1);
    return $again->status == 101;
});
pass('a place that became free is taken');
is($server->ws('/b/x', any => 1)->status, 503, 'and then it is full again');
$_->disconnect for @four, $again;
is_deeply([$server->findings], [], 'no child has died');

done_testing();
