# SPDX-License-Identifier: Apache-2.0
#
# WSPushIOThreads: several I/O threads per child, each with a seat of its own.
use strict;
use warnings;

use Test::More;
use WSPushTest;
use WSPushTest::Server ();

my $conf = <<'END';
WSPushIOThreads 3
WSPushMaxConnections 40
<Location "/push/">
    WSPush pubsub
</Location>
<Location "/pub/">
    WSPush publish
</Location>
END
my $server = WSPushTest::Server->start(conf => $conf);

sub seats { return grep { $_->{pid} == $_[0] } @{ $server->status->{children} } }

my @pids = $server->children;
for my $pid (@pids) {
    await('its threads', sub { my @found = seats($pid); @found >= 3 });
    is(scalar(my @found = seats($pid)), 3, "child $pid has three seats");
}

my @clients = map { $server->ws('/push/threads') } 1 .. 40;
is($server->ws('/push/threads', any => 1)->status, 503,
    'WSPushMaxConnections counts over all threads of all children');
my $empty = grep { $_->{connections} == 0 } map { seats($_) } @pids;
cmp_ok($empty, '<=', 3, 'clients are spread over the threads');

$server->http(POST => '/pub/threads', body => "post $_") for 1 .. 20;
my @posts = map { "post $_" } 1 .. 20;
my $wrong = grep { join('|', $_->recv_many(20)) ne join '|', @posts } @clients;
is($wrong, 0, 'forty clients hear twenty messages, in order');

# messages of clients of different threads: one order for all
for my $n (0 .. 39) { $clients[$n]->send_text("from $n") }
my @order = $clients[0]->recv_many(40);
is_deeply([sort @order], [sort map { "from $_" } 0 .. 39], 'each client speaks once');
$wrong = grep { join('|', $_->recv_many(40)) ne join '|', @order } @clients[1 .. 39];
is($wrong, 0, 'all hear them in the same order');

# a killed child frees all of its seats
kill KILL => $pids[0];
await('its seats to be free', sub { !seats($pids[0]) });
pass('the seats of a killed child are free');
await('a new child', sub { grep { $_ != $pids[0] && $_ != $pids[1] } $server->children });
await('its seats', sub { @{ $server->status->{children} } == 3 * $server->children });
pass('a new child takes three');

# more threads at a graceful restart
$server->graceful;
my @told = map { $_->await_close } @clients;
is_deeply([grep { $_ && $_->{code} != 1012 } @told], [], 'the restart closes all: 1012');
my $ws = $server->ws('/push/threads');
$ws->send_text('again');
is($ws->recv->{payload}, 'again', 'and it goes on');
is(WSPushTest::decode($server->http(GET => '/wspush-status?check&json'), '')
    ->{check_findings}, 0, 'the self-check is clean');
$server->stop;
is($ws->await_close->{code}, 1001, 'a stop closes with 1001');
is_deeply([$server->findings], [], 'no child has died');
done_testing();
