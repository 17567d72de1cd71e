# SPDX-License-Identifier: Apache-2.0
#
# Publishing by POST and PUT: statuses, ids, the message as it arrives, limits.
use strict;
use warnings;

use Test::More;
use WSPushTest;

sub post {
    my ($path, $body, %o) = @_;
    return http(POST => "/publish/$path", body => $body, %o);
}

# --- statuses and answers

my $answer = post('any/a', 'nobody hears');
is($answer->status, 202, 'without a subscriber: 202');
like($answer->header('WSPush-Id'), qr/^\d{10}:\d+$/, 'WSPush-Id is seconds:n');
like($answer->header('Content-Type'), qr{^text/plain}, 'the answer is text');
is($answer->header('Cache-Control'), 'no-store', 'not to be kept');
like($answer->body, qr/^queued\ messages:\ 1\r?\nlast\ requested:\ -1\ sec\.\ ago\r?\n
    active\ subscribers:\ 0\r?\nlast\ message\ id:\ (\d+:\d+)\r?\n$/x,
    'channel info as text')
    or diag $answer->body;

my $ws = ws('/publish/sub/a', protocols => ['ws+meta.nchan']);
$answer = post('any/a', 'somebody hears', headers => [Accept => 'application/json']);
is($answer->status, 201, 'with a subscriber: 201');
like($answer->header('Content-Type'), qr{^application/json}, 'as JSON when asked');
my $info = WSPushTest::decode(http(GET => '/publish/any/a',
    headers => [Accept => 'text/json']), 'info');
is_deeply([sort keys %$info],
    [qw(last_message_id messages requested subscribers)], "Nchan's names");
is($info->{messages},        2, 'messages');
is($info->{subscribers},     1, 'subscribers');
is($info->{last_message_id}, $answer->header('WSPush-Id'), 'the id is the last one');
cmp_ok($info->{requested}, '>=', 0, 'requested is a time now');
is($ws->recv->{payload},
    "id: $info->{last_message_id}\n\nsomebody hears", 'and in the message');
$ws->disconnect;

# ids rise, over channels and methods
my @ids = map { $_->header('WSPush-Id') } map {
    (post("any/ids-$_", 'x'), http(PUT => "/publish/any/ids-$_", body => 'y'))
} 1 .. 10;
is_deeply(\@ids, [sort { id_order($a, $b) } @ids], 'ids rise');
is(scalar(keys %{ { map { $_ => 1 } @ids } }), 20, 'and are all different');

sub id_order {
    my @x = split /:/, $_[0];
    my @y = split /:/, $_[1];
    return $x[0] <=> $y[0] || $x[1] <=> $y[1];
}

# --- the message as it arrives

my %listeners = map { $_ => ws('/publish/sub/form', $_ ? (protocols => [$_]) : ()) }
    '', 'ws+meta.nchan', 'ws+meta.wspush';

sub arrives {
    my ($what, $type, $body, %lines) = @_;
    my $got = $listeners{''}->recv;
    is($got->{type}, $type, "$what: a $type frame");
    ok($got->{payload} eq $body, "$what: the body") or diag explain $got;
    for my $meta (sort grep { length } keys %listeners) {
        my ($head, $rest) =
            split /\n\n/, $listeners{$meta}->recv->{payload}, 2;
        my %found = map { split /: /, $_, 2 } split /\n/, $head;
        my %want = %lines;
        delete @want{qw(event channel)} if $meta eq 'ws+meta.nchan';
        like(delete $found{id}, qr/^\d+:\d+$/, "$what, $meta: id");
        is_deeply(\%found, \%want, "$what, $meta: lines");
        ok($rest eq $body, "$what, $meta: the body");
    }
    return;
}

my @channel = (channel => 'form');
post('any/form', 'plain');
arrives('nothing special', 'text', 'plain', @channel);
post('any/form', '');
arrives('an empty body', 'text', '', @channel);
post('any/form', "<b>\xe4\xbd\xa0\xe5\xa5\xbd</b>",
    headers => ['Content-Type' => 'text/html; charset=utf-8']);
arrives('a Content-Type', 'text', "<b>\xe4\xbd\xa0\xe5\xa5\xbd</b>", @channel,
    'content-type' => 'text/html; charset=utf-8');
post('any/form', "\0\x01\xff", headers => ['Content-Type' => 'application/octet-stream']);
arrives('octet-stream', 'binary', "\0\x01\xff", @channel,
    'content-type' => 'application/octet-stream');
post('any/form', 'text all the same',
    headers => ['Content-Type' => 'Application/Octet-Stream; x=y']);
arrives('octet-stream with a parameter', 'binary', 'text all the same', @channel,
    'content-type' => 'Application/Octet-Stream; x=y');
post('any/form', "latin-1: \xe9", headers => ['Content-Type' => 'text/plain']);
arrives('a text that is not UTF-8 would end every client', 'binary',
    "latin-1: \xe9", @channel, 'content-type' => 'text/plain');
post('any/form', 'tick', headers => ['WSPush-Event' => 'clock']);
arrives('WSPush-Event', 'text', 'tick', @channel, event => 'clock');
post('any/form', 'tock', headers => ['X-EventSource-Event' => 'clock']);
arrives('X-EventSource-Event', 'text', 'tock', @channel, event => 'clock');
post('any/form', 'both', headers =>
    ['X-EventSource-Event' => 'nchan', 'WSPush-Event' => 'ours']);
arrives('both event headers', 'text', 'both', @channel, event => 'ours');
post('any/form', "id: 1:1\ngap: x\n\nnot a head");
arrives('a body like a head', 'text', "id: 1:1\ngap: x\n\nnot a head", @channel);
http(PUT => '/publish/any/form', body => 'put');
arrives('PUT', 'text', 'put', @channel);

# chunked, and a body that comes in pieces
my $chunked = http(POST => '/publish/any/form', headers => [
    'Transfer-Encoding' => 'chunked'], chunks => ['chu', 'nk', 'ed']);
is($chunked->status, 201, 'a chunked body');
arrives('chunked', 'text', 'chunked', @channel);
$_->disconnect for values %listeners;

for my $size (125, 126, 65_535, 65_536, 1_000_000) {
    my $body     = join '', map { chr 33 + $_ % 90 } 1 .. $size;
    my $listener = ws('/publish/sub/size');
    is(post('any/size', $body)->status, 201, "$size bytes");
    ok($listener->recv->{payload} eq $body, '  arrive whole');
    $listener->disconnect;
}
my $listener = ws('/publish/sub/size');
my $eight = 'x' x (8 * 1024 * 1024);
is(post('big/size', $eight)->status, 201, '8M, where that much is allowed');
ok($listener->recv->{payload} eq $eight, '  arrive whole');
$listener->disconnect;

# --- limits and mistakes

my $exact = post('small/x', 'y' x 100);
is($exact->status, 202, 'WSPushMaxMessage bytes pass');
for my $case (
    ['announced', body => 'y' x 101],
    ['in chunks', chunks => [('y' x 50) x 3],
        headers => ['Transfer-Encoding' => 'chunked']],
    )
{
    my ($what, %o) = @$case;
    my $mark    = log_mark();
    my $refused = http(POST => '/publish/small/x', %o);
    is($refused->status, 413, "one more, $what: 413");
    like($refused->body, qr/100 bytes \(WSPushMaxMessage\)/, '  and which limit');
    is(lc $refused->header('Connection'), 'close', '  and the end of the connection');
    await_log($mark, qr{POST /publish/small/x: 413: .*WSPushMaxMessage});
}
my $eager = http(POST => '/publish/small/x', headers =>
    ['Content-Length' => 1_000_000_000, Expect => '100-continue']);
is($eager->status, 413, 'a gigabyte is refused before it is sent');

is(post('body-limit/x', 'z' x 50)->status, 202, 'LimitRequestBody: just so');
is(post('body-limit/x', 'z' x 51)->status, 413, '  one more');
is(http(POST => '/publish/body-limit/x', chunks => ['z' x 30, 'z' x 30],
    headers => ['Transfer-Encoding' => 'chunked'])->status, 413, '  in chunks');

for my $case (
    ['a Content-Type of 256 bytes', 'Content-Type' => 'text/' . 'x' x 251],
    ['an event of 256 bytes', 'WSPush-Event' => 'e' x 256],
    ['an event that is not UTF-8', 'WSPush-Event' => "\xff"],
    )
{
    my ($what, @header) = @$case;
    my $refused = post('any/x', 'body', headers => \@header);
    is($refused->status, 400, "$what: 400");
    like($refused->body, qr/Content-Type or event name/, '  and what is wrong');
}
is(post('any/x', 'body', headers => ['Content-Type' => 'text/' . 'x' x 250])->status,
    202, 'a Content-Type of 255 bytes passes');
is(post('any/', 'body')->status, 404, 'no channel id: 404');

# --- on a kept connection: MaxKeepAliveRequests is 5 here
my $kept;
for my $n (1 .. 6) {
    $kept = http(POST => '/publish/any/kept', body => "n$n", keep => 1,
        $kept ? (socket => $kept->socket) : ());
    is($kept->status, 202, "publish $n on one connection");
}
is(lc($kept->header('Connection') // ''), 'close', "httpd's limit holds for publishers");

# --- several channels at once
my @both = map { ws("/publish/sub/$_") } qw(left right);
my $several = post('several/left,right', 'to both',
    headers => [Accept => 'application/json']);
is($several->status, 201, 'a publish to two channels');
is(scalar @{ JSON::PP->new->decode($several->body) }, 2, 'two infos');
is($_->recv->{payload}, 'to both', 'both have it') for @both;
$_->disconnect for @both;

# --- several channels, one with subscribers
my $one = ws('/publish/sub/right');
is(post('several/left,right', 'x')->status, 201, '201 when any of them has subscribers');
$one->disconnect;

done_testing();
