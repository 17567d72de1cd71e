# SPDX-License-Identifier: Apache-2.0
#
# What a newcomer reads (WSPushHistory, WSPushReplay), and how a client that was
# away goes on after the last id it saw: nothing lost, nothing twice.
use strict;
use warnings;

use Test::More;
use WSPushTest;

sub post {
    my ($path, $body) = @_;
    my $answer = http(POST => "/history/$path", body => $body);
    $answer->status =~ /^20[12]$/ or die "$path: " . $answer->body;
    return $answer->header('WSPush-Id');
}

sub bodies { return map { s/^.*?\n\n//sr } @_ }

# --- WSPushReplay
my @ids = map { post('pub/a', "a$_") } 1 .. 5;
my %start = (
    newest => [],
    oldest => [map { "a$_" } 1 .. 5],
    last3  => [map { "a$_" } 3 .. 5],
);
for my $replay (sort keys %start) {
    my $ws = ws("/history/$replay/a");
    hears($ws, $start{$replay}, "WSPushReplay $replay") ;
    $ws->disconnect;
}
my $new = ws('/history/newest/a');
post('pub/a', 'news');
hears($new, ['news'], 'news come to who is there');
$new->disconnect;

# --- resume
for my $k (0 .. 4) {
    my $ws = ws("/history/newest/a?last_event_id=$ids[$k]");
    hears($ws, [(map { "a$_" } $k + 2 .. 5), 'news'],
        'after the id of a' . ($k + 1));
    $ws->disconnect;
}
my $ws = ws('/history/newest/a', headers => ['Last-Event-ID' => $ids[3]]);
hears($ws, ['a5', 'news'], 'the header Last-Event-ID does, too');
$ws->disconnect;
$ws = ws("/history/newest/a?last_event_id=$ids[4]", headers => ['Last-Event-ID' => $ids[0]]);
hears($ws, ['news'], 'the query goes before the header');
$ws->disconnect;
$ws = ws("/history/oldest/a?last_event_id=$ids[3]");
hears($ws, ['a5', 'news'], 'an id goes before WSPushReplay');
$ws->disconnect;
my ($s, $n) = split /:/, $ids[4];
$ws = ws('/history/newest/a?last_event_id=' . ($s + 3600) . ':0');
hears($ws, [], 'an id of the future: only news');
post('pub/a', 'later');
hears($ws, ['later'], '  and they come');
$ws->disconnect;

# --- resuming while others publish: each message once, in order
my $last = post('pub/b', 'b0');
my $got  = 0;
for my $round (1 .. 10) {
    my $reader =
        ws("/history/newest/b?last_event_id=$last", protocols => ['ws+meta.nchan']);
    post('pub/b', "b" . ++$got) for 1 .. 7;
    for my $message ($reader->recv_many(4)) {
        ($last) = $message =~ /^id: (\S+)$/m;
    }
    $reader->disconnect;    # with three on the way that it has not read
    $got -= 3;
    my $resumed =
        ws("/history/newest/b?last_event_id=$last", protocols => ['ws+meta.nchan']);
    my @rest = $resumed->recv_many(3);
    is_deeply([bodies(@rest)], [map { 'b' . ($got + $_) } 1 .. 3],
        "round $round: goes on where it was");
    hears($resumed, [], '  nothing twice');
    $got += 3;
    ($last) = $rest[-1] =~ /^id: (\S+)$/m;
    $resumed->disconnect;
}

# --- WSPushHistory
post('short/c', "c$_") for 1 .. 5;
$ws = ws('/history/short/c');
hears($ws, ['c4', 'c5'], 'WSPushHistory 2 keeps two');
post('short/c', 'c6');
hears($ws, ['c6'], 'who is there hears all');
$ws->disconnect;

$ws = ws('/history/none/d');
post('none/d', "d$_") for 1 .. 200;
is_deeply([$ws->recv_many(200)], [map { "d$_" } 1 .. 200],
    'WSPushHistory 0: who is there hears all');
my $late = ws('/history/none/d');
hears($late, [], '  a newcomer nothing');
$_->disconnect for $ws, $late;

$ws = ws('/history/one/d');
$ws->send_text("e$_") for 1 .. 200;
is_deeply([$ws->recv_many(200)], [map { "e$_" } 1 .. 200],
    'WSPushHistory 1 and a burst: all, in order');
$late = ws('/history/one/d');
hears($late, ['e200'], '  a newcomer the last one');
$_->disconnect for $ws, $late;

# an age: messages go, whether or not somebody looks
post('brief/f', 'soon gone');
is_deeply([fence_of('/history/brief/f')], ['soon gone'], 'young enough');
await('the end of its second', sub { !fence_of('/history/brief/f') });
pass('too old after WSPushHistory 100 1s');

sub fence_of {
    my $client = ws($_[0]);
    my @found  = $client->fence;
    $client->disconnect;
    return @found;
}

# --- long histories come in batches: more than fits one of any kind
my @long = map { "g$_ " . 'x' x ($_ % 1_000) } 1 .. 700;
post('many/g', $_) for @long;
$ws = ws('/history/many/g');
is_deeply([$ws->recv_many(700)], \@long, 'a history of 700 messages');
hears($ws, [], '  once');
$ws->disconnect;

# a replay while news come in
$ws = ws('/history/many/g');
post('many/g', "n$_") for 1 .. 50;
my @all = $ws->recv_many(750);
is_deeply(\@all, [@long, map { "n$_" } 1 .. 50], 'history first, then news, no seam');
$ws->disconnect;

# --- several channels: one order by id
my @mixed;
for my $k (1 .. 40) {
    my $channel = 'h' . $k % 3;
    post("many/$channel", "$channel $k");
    push @mixed, "$channel $k";
}
$ws = ws('/history/many/h0,h1,h2');
hears($ws, \@mixed, 'the histories of three channels, merged');
$ws->disconnect;
$ws = ws('/history/last3/h0,h1,h2');
hears($ws, [@mixed[31 .. 39]], 'WSPushReplay 3: of each channel');
$ws->disconnect;
$ws = ws('/history/many/h0,h1,h2', protocols => ['ws+meta.nchan']);
my @heads = $ws->recv_many(20);
$ws->disconnect;
my ($id) = $heads[-1] =~ /^id: (\S+)$/m;
$ws = ws("/history/many/h0,h1,h2?last_event_id=$id");
hears($ws, [@mixed[20 .. 39]], 'one id resumes all three');
$ws->disconnect;
$ws = ws("/history/many/h1,new?last_event_id=$id");
hears($ws, [grep { /^h1/ } @mixed[20 .. 39]],
    'or another set of channels');
$ws->disconnect;

done_testing();
