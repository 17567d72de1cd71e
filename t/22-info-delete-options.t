# SPDX-License-Identifier: Apache-2.0
#
# The rest of HTTP: GET and HEAD ask about a channel, DELETE drops it, OPTIONS
# says what is there; and every method that is not.
use strict;
use warnings;

use Test::More;
use WSPushTest;

my @json = (headers => [Accept => 'application/json']);

# --- GET, HEAD
my $none = http(GET => '/publish/any/never');
is($none->status, 404, 'a channel that is not there: 404');
like($none->body, qr/no such channel/, '  says so');
is(http(HEAD => '/publish/any/never')->status, 404, 'HEAD: the same');

http(POST => '/publish/any/info', body => 'x') for 1 .. 3;
my $info = http(GET => '/publish/any/info', @json);
is($info->status, 200, 'a channel with messages: 200');
is($info->header('Vary'), 'Accept', 'the answer varies with Accept');
my $said = WSPushTest::decode($info, 'info');
is($said->{messages},  3,  'three messages');
is($said->{requested}, -1, 'never subscribed to');
my $head = http(HEAD => '/publish/any/info', @json);
is($head->status, 200, 'HEAD: 200');
is($head->body,   '',  '  without a body');
is($head->header('Content-Type'), $info->header('Content-Type'), '  same type');

my $alone = ws('/publish/sub/alone');
is(WSPushTest::decode(http(GET => '/publish/any/alone', @json), '')->{subscribers},
    1, 'a channel with a subscriber and no message is there');
my @more = map { ws('/publish/sub/alone') } 1 .. 4;
await('five subscribers', sub {
    WSPushTest::decode(http(GET => '/publish/any/alone', @json), '')
        ->{subscribers} == 5;
});
pass('five subscribers are counted');
$_->disconnect for $alone, @more;
await('none', sub { http(GET => '/publish/any/alone')->status == 404 });
pass('and forgotten when they go');

# --- DELETE
my @clients = map { ws($_) } '/publish/sub/drop', '/publish/pubsub/drop';
my $half = ws('/publish/sub/drop,other');
http(POST => '/publish/any/drop', body => 'x');
$_->recv for @clients, $half;
my $deleted = http(DELETE => '/publish/any/drop', @json);
is($deleted->status, 200, 'DELETE: 200');
is(WSPushTest::decode($deleted, '')->{messages}, 1, '  with what the channel was');
for my $client (@clients, $half) {
    my $closed = $client->await_close;
    is($closed->{code}, 1001, 'its clients are closed: 1001');
    like($closed->{reason}, qr/channel deleted/, '  with the reason');
}
is(http(GET => '/publish/any/drop')->status,    404, 'it is gone');
is(http(DELETE => '/publish/any/drop')->status, 404, 'and cannot be dropped again');
my $afresh = ws('/publish/sub/drop?last_event_id=', protocols => ['ws+meta.nchan']);
http(POST => '/publish/any/drop', body => 'afresh');
like($afresh->recv->{payload}, qr/\n\nafresh$/, 'a new channel of that name works');
$afresh->disconnect;

# --- OPTIONS, other methods
my %allow = (
    any    => 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
    pubsub => 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
    sub    => 'GET, HEAD, OPTIONS',
);
for my $place (sort keys %allow) {
    my $options = http(OPTIONS => "/publish/$place/x");
    is($options->status, 204, "OPTIONS of $place");
    is($options->header('Allow'), $allow{$place}, '  says what is allowed');
    is($options->body, '', '  and no more');
}
for my $case (
    ['sub', 'POST'], ['sub', 'PUT'], ['sub', 'DELETE'], ['sub', 'PATCH'],
    ['any', 'PATCH'], ['pubsub', 'MKCOL'], ['any', 'BREW'],
    )
{
    my ($place, $method) = @$case;
    my $refused = http($method => "/publish/$place/x", body => 'x');
    is($refused->status, 405, "$method to $place: 405");
    is($refused->header('Allow'), $allow{$place}, '  with Allow');
}

# --- where plain HTTP is passed on, the next handler has all of it
my $page = http(OPTIONS => '/publish/pass/x');
isnt($page->status, 204, 'OPTIONS is passed on with the rest');
is(http(GET => '/publish/pass/x')->status, 404, 'a GET: no such file');

is(http(TRACE => '/publish/any/x')->status, 200, "TRACE is httpd's own");
done_testing();
