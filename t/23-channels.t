# SPDX-License-Identifier: Apache-2.0
#
# Which channel a request is about: the path below the place, or WSPushChannel.
use strict;
use warnings;

use File::Path qw(make_path);
use Test::More;
use WSPushTest;

# Which channel does this URL name? The one that gets what is sent there.
sub is_channel {
    my ($url, $id, $what, %o) = @_;
    my $text   = "to $id by $what";
    my $before = messages($id);
    my $posted = http(POST => $url, body => $text, %o);
    is($posted->status, 202, "$what: POST is published")
        or diag $posted->body;
    is(messages($id), $before + 1, "$what: into '$id'");
    my $ws = ws($url, %o);
    http(POST => ask($id), body => $text);
    my $got = $ws->recv;
    is($got && $got->{payload}, $text, "$what: WebSocket hears '$id'");
    $ws->disconnect;
    await("the end of $what", sub { subscribers($id) == 0 });
    return;
}

sub ask {
    my ($id) = @_;
    $id =~ s/([^A-Za-z0-9_.~\/-])/sprintf '%%%02X', ord $1/ge;
    return "/channels/ask/$id";
}

sub info_of {
    my ($id) = @_;
    my $info = http(GET => ask($id), headers => [Accept => 'application/json']);
    return { messages => 0, subscribers => 0 } if $info->status == 404;
    return WSPushTest::decode($info, $id);
}
sub messages    { return info_of($_[0])->{messages} }
sub subscribers { return info_of($_[0])->{subscribers} }

# --- the path below a Location, a pattern, a Directory
is_channel('/push/news', 'news', 'a Location');
is_channel('/push/news/today', 'news/today', 'deeper');
is_channel('/push/news/', 'news/', 'with a slash at the end');
is_channel('/push/a%20b', 'a b', 'with a space');
is_channel('/push/%E4%BD%A0%F0%9F%91%8B', "\xe4\xbd\xa0\xf0\x9f\x91\x8b",
    'Chinese and emoji');
is_channel('/push/a+b;c=d,e', 'a+b;c=d,e', 'with punctuation');
is_channel('/channels/whole/x', 'channels/whole/x', 'a LocationMatch: the whole path');
is_channel('/channels/deep/x', 'x', 'a Location with an <If> that is not true');
is_channel('/channels/deep/x?other', 'other', 'a Location with an <If> that is');
is_channel('/channels/short/x', 'x', 'mod_rewrite, passed through');

make_path(server_root() . '/htdocs/channels-dir/sub',
    map { server_root() . "/htdocs/channels-wild/$_/in" } qw(a b));
is_channel('/channels-dir/x', 'x', 'a Directory');
is_channel('/channels-dir/sub/x/y', 'sub/x/y', 'a Directory, deeper');
is_channel('/channels-wild/a/in/x', 'x', 'a Directory with a wildcard');
is_channel('/channels/folder/channels-dir/y', 'y', 'a Directory by an Alias');

# --- WSPushChannel
is_channel('/channels/fixed', 'lobby', 'a fixed name');
is_channel('/channels/fixed/whatever', 'lobby', 'a fixed name, any path');
is_channel('/channels/query?id=q1', 'q1', 'a query argument');
is_channel('/channels/query?x=0&id=q%2F2+3&id=no', 'q/2 3',
    'a query argument, decoded, the first of two');
is_channel('/channels/room/kitchen', 'room-kitchen', 'a named part of a LocationMatch');
is_channel('/channels/header', 'from-header', 'a request header',
    headers => ['X-Room' => 'from-header']);

# a channel of one's own
my $own = ws('/channels/own');
my $id  = $own->recv->{payload};
like($id, qr/^[0-9a-f]{16}$/, 'a connection id in the welcome');
is(http(POST => ask("own-$id"), body => 'for you')->status, 201, 'its channel');
is($own->recv->{payload}, 'for you', 'is named after it');
my $second = ws('/channels/own');
isnt($second->recv->{payload}, $id, 'the next client has another id');
$_->disconnect for $own, $second;

# --- a front controller does not get what is ours
make_path(server_root() . '/htdocs/channels-app/page',
    server_root() . '/htdocs/channels-app/push');
for my $file (qw(page/index.html push/news.html page/news.html)) {
    open my $out, '>', server_root() . "/htdocs/channels-app/$file" or die $!;
    print {$out} "page $file\n";
    close $out or die $!;
}
is_channel('/channels-app/push/news', 'news', 'MultiViews and FallbackResource');
is_channel('/channels-app/push/unknown', 'unknown', 'FallbackResource');
is_channel('/channels-app/page/news', 'news', 'the same URL');
is(http(GET => '/channels-app/page/news')->body, "page page/news.html\n",
    '  is a page for who asks for one');
is(http(GET => '/channels-app/page/unknown')->body, "welcome\n",
    '  or what FallbackResource says');
is(http(GET => '/channels-app/page/')->body, "page page/index.html\n",
    '  or the index of the folder');

# --- refusals
for my $case (
    ['/push/',               404, qr/no channel id/],
    ['/channels/query',      404, qr/no channel id/],
    ['/channels/query?id=',  404, qr/no channel id/],
    ['/push/a%0Ab',          400, qr/control characters/],
    ['/push/a%1Fb',          400, qr/control characters/],
    ['/push/a%7F',           400, qr/control characters/],
    ['/push/%FF%FE',         400, qr/not UTF-8/],
    ['/channels/query?id=a%0D', 400, qr/control characters/],
    ['/push/' . 'x' x 1025,  400, qr/longer than 1024 bytes/],
    )
{
    my ($url, $status, $text) = @$case;
    my $shown = length $url > 40 ? substr($url, 0, 37) . '...' : $url;
    my $posted = http(POST => $url, body => 'x');
    is($posted->status, $status, "POST $shown: $status");
    like($posted->body, $text, '  says why');
    my $ws = ws($url, any => 1);
    is($ws->status, $status, "WebSocket $shown: $status");
    like($ws->body, $text, '  says why');
    $ws->disconnect;
}
is(http(POST => '/push/' . 'y' x 1024, body => 'x')->status, 202,
    'an id of 1024 bytes');

done_testing();
