# SPDX-License-Identifier: Apache-2.0
#
# Starts, restarts, stops, and children that end or are killed: what the clients
# are told, and what outlives which.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use WSPushTest;
use WSPushTest::Server ();

my $conf = <<'END';
<Location "/push/">
    WSPush pubsub
</Location>
<Location "/old/">
    WSPush subscribe
    WSPushReplay oldest
</Location>
<Location "/pub/">
    WSPush publish
</Location>
END
my $server = WSPushTest::Server->start(conf => $conf);

sub post { return $server->http(POST => "/pub/$_[0]", body => $_[1]) }

sub info_of {
    my $info = $server->http(GET => "/pub/$_[0]", headers => [Accept => 'application/json']);
    return $info->status == 404 ? undef : WSPushTest::decode($info, $_[0]);
}

sub checked {
    return WSPushTest::decode($server->http(GET => '/wspush-status?check&json'), 'check');
}

sub id_less {
    my @x = split /:/, $_[0];
    my @y = split /:/, $_[1];
    return $x[0] < $y[0] || $x[0] == $y[0] && $x[1] < $y[1];
}

# A client in each child.
sub clients {
    my %by_pid;
    await('a client in each child', sub {
        my @pids = $server->children;
        my @bunch = map { $server->ws('/push/life') } 1 .. 6;
        for my $ws (@bunch) {
            my $pid = child_of($ws, @pids) // next;
            if ($by_pid{$pid}) { $ws->disconnect }
            else               { $by_pid{$pid} = $ws }
        }
        return !grep { !$by_pid{$_} } @pids;
    });
    return \%by_pid;
}

# --- a graceful restart

my @ids = map { post('life', "m$_")->header('WSPush-Id') } 1 .. 3;
my $clients = clients();
cmp_ok(scalar keys %$clients, '>=', 2, 'clients in two children');
my @old = $server->children;
$server->graceful;
for my $pid (sort keys %$clients) {
    my $closed = $clients->{$pid}->await_close;
    is($closed->{code}, 1012, "a graceful restart: clients of $pid are told 1012");
    like($closed->{reason}, qr/reconnect/, '  and what to do');
}
await('the end of the old children', sub {
    my %now = map { $_ => 1 } $server->children;
    return !grep { $now{$_} } @old;
});
is(info_of('life')->{messages}, 3, 'the history is there');
is(info_of('life')->{last_message_id}, $ids[2], '  with its ids');
my $next = post('life', 'm4')->header('WSPush-Id');
ok(id_less($ids[2], $next), 'ids go on rising');
my $ws = $server->ws("/push/life?last_event_id=$ids[1]");
hears($ws, ['m3', 'm4'], 'a client resumes over the restart');
$ws->disconnect;
is(checked()->{check_findings}, 0, 'the self-check is clean');

# many in a row: nothing piles up
my $free = checked()->{blocks_free};
for my $round (1 .. 4) {
    my $client = $server->ws('/push/life');
    $server->graceful;
    is($client->await_close->{code}, 1012, "restart $round: 1012");
    post('life', "round $round");
}
# (after restarts there may be more children than at the start)
await('a seat per child', sub { checked()->{seats_taken} == $server->children });
pass('no seat is lost');
await('the blocks back', sub { checked()->{blocks_free} >= $free - 8 });
pass('nor any memory');
my $replay = $server->ws('/old/life');
hears($replay, [qw(m1 m2 m3 m4), map { "round $_" } 1 .. 4], 'the history of all of it');
$replay->disconnect;

# publishing and connecting while it restarts: no error, nothing lost
$server->signal('USR1');
my @sent;
for my $n (1 .. 60) {
    my $posted = post('during', "d$n");
    push @sent, "d$n" if $posted->status =~ /^20[12]$/;
}
is(scalar @sent, 60, 'sixty publishes while restarting are all taken');
await('the new generation', sub { $server->children >= 2 });
$replay = $server->ws('/old/during');
hears($replay, \@sent, '  and kept');
$replay->disconnect;

# --- a changed WSPushMemory waits for a full start, and says so
my $segment = $server->status->{segment_bytes};
$server->configure("WSPushMemory 8M\n$conf");
$server->graceful;
is($server->status->{segment_bytes}, $segment, 'a changed WSPushMemory has no effect yet');
like($server->log, qr/WSPushMemory 8388608 takes effect at the next full start/, '  the log says so');

# --- a child is killed

$clients = clients();
post('life', 'before');
$_->recv for values %$clients;
my ($victim, @others) = sort { $a <=> $b } keys %$clients;
kill KILL => $victim;
is($clients->{$victim}->recv, undef, 'its own clients lose their connection');
await('the others to be all there is', sub {
    (info_of('life') // {})->{subscribers} == @others
});
pass('subscribers of the dead are not counted');
is(post('life', 'after')->status, 201, 'publishing goes on');
is($clients->{$_}->recv->{payload}, 'after', 'clients of other children go on') for @others;
await('a new child', sub { $server->children >= 2 });
my $fresh = clients();
is($fresh->{$_}->recv_only(0), 0, 'a new child takes clients') for grep { $_ != $victim } keys %$fresh;
is(post('life', 'again')->status, 201, 'and they are subscribers');
is($_->recv->{payload}, 'again', 'who hear it') for values %$fresh;
is(checked()->{check_findings}, 0, 'the self-check is clean after the kill');
$_->disconnect for values %$fresh, map { $clients->{$_} } @others;

# all of them, again and again, in the middle of their work
for my $round (1 .. 3) {
    my @busy = map { $server->ws('/push/busy') } 1 .. 4;
    for my $talker (@busy) {
        $talker->send_raw(join '', map {
            WSPushTest::WebSocket::frame(payload => "b$_") } 1 .. 200);
    }
    my @pids = $server->children;
    kill KILL => @pids;
    await('new children', sub {
        my %old = map { $_ => 1 } @pids;
        my @new = grep { !$old{$_} } $server->children;
        return @new >= 2;
    });
    is(checked()->{check_findings}, 0, "all killed, round $round: the self-check is clean");
    is(post('busy', 'alive')->status, 202, '  publishing works, nobody is left over');
    $_->disconnect for @busy;
}
await('a seat per child', sub { checked()->{seats_taken} == $server->children });
pass('dead seats are given back');

# --- a full restart and a stop

my $client = $server->ws('/push/life');
my $ups = () = $server->log =~ /resuming normal operations/g;
$server->signal('HUP');
like($client->await_close->{code}, qr/^1001|1012$/, 'a restart: clients are told');
await('the restart', sub {
    my $now = () = $server->log =~ /resuming normal operations/g;
    return $now > $ups && $server->children >= 2;
});
is(info_of('life')->{messages}, 11, 'the history is still there');

my @many  = map { $server->ws('/push/life') } 1 .. 20;
my $quiet = $server->ws('/push/life');    # never answers the close
my $began = time;
my $pid   = $server->pid;
$server->signal('TERM');
is($_->await_close->{code}, 1001, 'a stop: 1001') for @many;
is($many[0]->recv_frame, undef, 'then the end of the stream');
await('the end of httpd', sub { !is_alive($pid) });
cmp_ok(time - $began, '<', 5 * $WSPushTest::PATIENCE,
    'a client that does not answer does not hold it up');
is_deeply([$server->findings], [], 'no child has died by itself');

# --- children that are recycled

$server = WSPushTest::Server->start(name => '50-recycling',
    conf => "MaxConnectionsPerChild 40\n$conf");
my %seen  = map { $_ => 1 } $server->children;
my $stays = $server->ws('/push/recycled');
my $told;
await('a child to be recycled', sub {
    $server->http(GET => '/') for 1 .. 20;
    return grep { !$seen{$_} } $server->children;
});
await('its client to be told', sub {
    $server->http(GET => '/') for 1 .. 20;
    return 0 unless IO::Select->new($stays->socket)->can_read(0);
    $told = $stays->await_close;
    return 1;
});
is($told->{code}, 1012, 'MaxConnectionsPerChild: its clients are told 1012');
is(checked()->{check_findings}, 0, 'the self-check is clean');
$server->stop;
is_deeply([$server->findings], [], 'no child has died by itself');

done_testing();
