# SPDX-License-Identifier: Apache-2.0
#
# What a client's message does: at each kind of place and with each
# WSPushOnMessage.
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WSPushTest;

# --- publish: each message is answered with channel info

my $listener  = ws('/publish/sub/ws');
my $publisher = ws('/publish/any/ws', headers => [Accept => 'application/json']);
$publisher->send_text('by frame');
is($listener->recv->{payload}, 'by frame', 'a frame is published');
my $info = JSON::PP->new->decode($publisher->recv->{payload});
is($info->{messages},    1, 'the publisher gets channel info: messages');
is($info->{subscribers}, 1, '  subscribers: itself is none');
is($info->{last_message_id}, info_of('ws')->{last_message_id}, '  the id');

$publisher->send_binary("\xff\0");
is_deeply($listener->recv, { type => 'binary', payload => "\xff\0" },
    'a binary frame stays one');
is($publisher->recv->{type}, 'text', 'the answer is text');
$publisher->send_text("m$_") for 1 .. 100;
is_deeply([$listener->recv_many(100)], [map { "m$_" } 1 .. 100], 'a hundred, in order');
is(scalar($publisher->recv_many(100)), 100, 'a hundred answers');
http(POST => '/publish/any/ws', body => 'by POST');
is($listener->recv->{payload}, 'by POST', 'a POST of another');
is_deeply([$publisher->fence], [], 'a publisher receives no messages');
$publisher->disconnect;

my $plain = ws('/publish/any/ws');
$plain->send_text('x');
like($plain->recv->{payload}, qr/^queued messages: \d+\r?\n/, 'info as text by default');
$listener->recv;
$plain->disconnect;

my $two = ws('/publish/several/ws,ws2', headers => [Accept => 'application/json']);
$two->send_text('to both');
is($listener->recv->{payload}, 'to both', 'a frame to two channels');
is(scalar @{ JSON::PP->new->decode($two->recv->{payload}) }, 2, '  two infos');
$two->disconnect;

sub info_of {
    my ($channel) = @_;
    return WSPushTest::decode(http(GET => "/publish/any/$channel",
        headers => [Accept => 'application/json']), 'info');
}

# --- in a subprotocol with meta lines, answers have an empty head
my $meta = ws('/publish/any/ws', protocols => ['ws+meta.nchan']);
$meta->send_text('x');
like($meta->recv->{payload}, qr/^\nqueued messages/, 'an answer in ws+meta.nchan');
$meta->disconnect;
$listener->disconnect;

# --- pubsub: the sender is a subscriber like any other
my @room = map { ws('/publish/pubsub/room') } 1 .. 3;
$room[0]->send_text('hello, all');
is($_->recv->{payload}, 'hello, all', 'pubsub: everyone has it') for @room;
is_deeply([$_->fence], [], 'once') for @room;
$_->disconnect for @room;

# --- subscribe: a client's message is a mistake
my $mark = log_mark();
my $subscriber = ws('/publish/sub/ws');
$subscriber->send_text('let me in');
my $closed = $subscriber->await_close;
is($closed->{code}, 1008, 'a message where clients only subscribe: 1008');
like($closed->{reason}, qr/not allowed to publish/, '  and why');
await_client_log($mark, qr{at /publish/sub/ws: closed 1008});

# --- echo, discard
my $echo  = ws('/publish/echo/room');
my $quiet = ws('/publish/echo/room');
$echo->send_text('only me');
is_deeply($echo->recv, { type => 'text', payload => 'only me' }, 'echo');
$echo->send_binary("\xff");
is_deeply($echo->recv, { type => 'binary', payload => "\xff" }, 'echo of a binary frame');
is_deeply([$quiet->fence], [], 'nobody else hears an echo');
http(POST => '/publish/echo/room', body => 'to all');
is($_->recv->{payload}, 'to all', 'a POST there is a publish') for $echo, $quiet;
$_->disconnect for $echo, $quiet;

my $discard = ws('/publish/discard/room');
$discard->send_text('into the void');
is_deeply([$discard->fence], [], 'discard: nothing comes back');
http(POST => '/publish/discard/room', body => 'from outside');
is($discard->recv->{payload}, 'from outside', 'discard: but it listens');
$discard->disconnect;

# --- order between POST and frames of different clients
my $one   = ws('/publish/pubsub/order');
my $other = ws('/publish/pubsub/order');
my @sent;
for my $n (1 .. 30) {
    if ($n % 2) {
        # taken when it has come back
        $other->send_text("frame $n");
        1 while $other->recv->{payload} ne "frame $n";
    }
    else {
        http(POST => '/publish/pubsub/order', body => "post $n");
    }
    push @sent, ($n % 2 ? 'frame' : 'post') . " $n";
}
is_deeply([$one->recv_many(30)], \@sent, 'one order for POST and frames');
$_->disconnect for $one, $other;

done_testing();
