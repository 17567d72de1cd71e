# SPDX-License-Identifier: Apache-2.0
#
# One server, several processes: what is published through any child reaches the
# subscribers of every child, once, and in one order.
use strict;
use warnings;

use POSIX ();
use Test::More;
use WSPushTest;

my $wanted = mpm() eq 'prefork' ? 4 : 2;

my $subscribers = ws_in_children($wanted, '/push/cross');
my @pids = sort { $a <=> $b } keys %$subscribers;
is(scalar @pids, $wanted, "subscribers in $wanted children");
cmp_ok($pids[0], '!=', $pids[1], 'with different pids');
is(child_of($subscribers->{$_}), $_, "a subscriber stays in child $_") for @pids;
is(WSPushTest::decode(http(GET => '/pub/cross', headers => [Accept => 'text/json']), '')
    ->{subscribers}, $wanted, 'channel info counts them over all children');

# --- by POST, through whichever child accepts it
my @sent;
for my $n (1 .. 20) {
    push @sent, "post $n";
    my $posted = publish('cross', $sent[-1]);
    $posted->status == 201 or is($posted->status, 201, "POST $n");
}
hears($subscribers->{$_}, \@sent, "all of it in child $_, in order") for @pids;

# --- by frames through each child: the publisher's own child takes them
@sent = ();
for my $round (1 .. 50) {
    for my $pid (@pids) {
        my $text = "frame $round of $pid";
        push @sent, $text;
        $subscribers->{$pid}->send_text($text);
        $subscribers->{$pid}->recv->{payload} eq $text or die 'order';
        for my $other (grep { $_ != $pid } @pids) {
            my $got = $subscribers->{$other}->recv->{payload};
            $got eq $text or is($got, $text, "in child $other");
        }
    }
}
pass(scalar(@sent) . ' frames through all children reach all children');

# --- at the same time from several processes: one order for everybody
my @listeners = (values %$subscribers, map { ws('/push/cross') } 1 .. 8);
my $each = 250;
my @publishers;
for my $p (1 .. 4) {
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        alarm 60 * $WSPushTest::PATIENCE;
        my $kept;
        for my $n (1 .. $each) {
            # MaxKeepAliveRequests ends connections now and then
            undef $kept
                if $kept && lc($kept->header('Connection') // '') eq 'close';
            $kept = http(POST => '/pub/cross', body => "$p:$n", keep => 1,
                $kept ? (socket => $kept->socket) : ());
            $kept->status == 201 or POSIX::_exit(1);
        }
        POSIX::_exit(0);
    }
    push @publishers, $pid;
}
my @heard = map { [$_->recv_many(4 * $each)] } @listeners;
my $bad = 0;
for my $pid (@publishers) { waitpid $pid, 0; $bad++ if $? }
is($bad, 0, 'four publishers at once');
is_deeply($heard[$_], $heard[0], "listener $_ has the order of all") for 1 .. $#heard;
for my $p (1 .. 4) {
    is_deeply([grep { /^$p:/ } @{ $heard[0] }], [map { "$p:$_" } 1 .. $each],
        "publisher $p: each message once, in its order");
}
is_deeply([$_->fence], [], 'and nothing else') for @listeners;
$_->disconnect for @listeners;

# --- no history at all, and a publisher that never waits
my $burst = flavour() eq 'plain' ? 10_000 : 2_000;
for my $keep (qw(none one)) {
    my $there = ws_in_children($wanted, "/history/$keep/burst");
    my $talker = ws("/history/$keep/burst");
    my $writer = fork // die "fork: $!";
    if (!$writer) {
        alarm 60 * $WSPushTest::PATIENCE;
        for my $from (map { 100 * $_ } 0 .. $burst / 100 - 1) {
            $talker->send_raw(join '', map {
                WSPushTest::WebSocket::frame(payload => $from + $_) } 1 .. 100);
        }
        POSIX::_exit(0);
    }
    for my $ws ($talker, values %$there) {
        my @got = $ws->recv_many($burst);
        my $at  = 0;
        $at++ while $at < @got && $got[$at] == $at + 1;
        is($at, $burst, "WSPushHistory ($keep): a burst of $burst, all and in order");
    }
    waitpid $writer, 0;
    $_->disconnect for $talker, values %$there;
}

is(WSPushTest::decode(http(GET => '/wspush-status?check&json'), 'check')
    ->{check_findings}, 0, 'the self-check finds nothing');
done_testing();
