# SPDX-License-Identifier: Apache-2.0
#
# A full segment (WSPushMemory): the oldest history goes first, a publish is
# refused with 507 only when nothing more can go, and no other channel loses its
# newest message for it.
use strict;
use warnings;

use Test::More;
use WSPushTest;
use WSPushTest::Server ();

my $server = WSPushTest::Server->start(conf => <<'END');
WSPushMemory 1M
<Location "/pub/">
    WSPush publish
    WSPushHistory 100000
    WSPushMaxMessage 8M
</Location>
<Location "/push/">
    WSPush pubsub
    WSPushHistory 100000
    WSPushReplay oldest
</Location>
END

sub post {
    my ($channel, $body) = @_;
    return $server->http(POST => "/pub/$channel", body => $body);
}

sub checked {
    return WSPushTest::decode($server->http(GET => '/wspush-status?check&json'), 'check');
}

is($server->status->{segment_bytes}, 1024 * 1024, 'a segment of 1M');

# --- one busy channel: never refused, however much goes through it
my $filler = 'x' x 5_000;
post('quiet', 'the only message of its channel');
my $bad = 0;
for my $n (1 .. 1_000) {
    $bad++ if post('busy', "$n $filler")->status != 202;
}
is($bad, 0, 'five times the segment through one channel: no refusal');
my $status = checked();
cmp_ok($status->{evicted_total}, '>=', 500, '  the oldest were evicted');
is($status->{refused_total}, 0, '  none refused');
is($status->{check_findings}, 0, '  the self-check is clean');

my $ws = $server->ws('/push/busy');
my @kept;
push @kept, $ws->recv->{payload} =~ /^(\d+) x/ while !@kept || $kept[-1] < 1_000;
is_deeply(\@kept, [$kept[0] .. 1_000], '  the newest are there, without a hole');
cmp_ok(scalar @kept, '>=', 50, '  as many as fit');
$ws->disconnect;
$ws = $server->ws('/push/quiet');
is($ws->recv->{payload}, 'the only message of its channel',
    '  and another channel still has its newest');
$ws->disconnect;

# --- a message that can never fit
my $refused = post('huge', 'y' x 2_000_000);
is($refused->status, 507, 'a message larger than the segment: 507');
like($refused->body, qr/WSPushMemory/, '  says which limit');
is(post('busy', 'small')->status, 202, '  the next one is taken');

# --- newest messages of many channels: nothing older to take
my $taken = 0;
$taken++ while $taken < 2_000 && ($refused = post("many-$taken", $filler))->status == 202;
cmp_ok($taken, '>=', 100, "the newest messages of $taken channels fit");
is($refused->status, 507, 'then: 507');
my $gone = grep {
    $server->http(GET => "/pub/many-$_", headers => [Accept => 'text/json'])->body
        !~ /"messages": 1,/
} 0 .. $taken - 1;
is($gone, 0, '  none of them has lost it');
cmp_ok(checked()->{refused_total}, '>=', 2, '  refusals are counted');
is($server->http(DELETE => "/pub/many-$_")->status, 200, "channel $_ is dropped") for 0 .. 2;
is(post('room', $filler)->status, 202, '  and there is room again');

# --- a client's own message finds no room: told, not lost in silence
post("fill-$_", $filler) for 1 .. 10;
my $talker = $server->ws('/push/new-channel');
$talker->send_text($filler x 10);
my $closed = $talker->await_close;
is($closed->{code}, 1013, 'a frame that finds no room in pubsub: 1013');
like($closed->{reason}, qr/WSPushMemory/, '  with the reason');
my $publisher = $server->ws('/pub/new-channel');
$publisher->send_text($filler x 10);
like($publisher->recv->{payload}, qr/^507 .*WSPushMemory/, 'in publish: an answer that says 507');
is($publisher->close, 1000, '  and it goes on');

is(checked()->{check_findings}, 0, 'the self-check is clean');
$server->stop;
is_deeply([$server->findings], [], 'no child has died');
done_testing();
