# SPDX-License-Identifier: Apache-2.0
#
# Loss is never silent: a client that resumes from an id whose successors have
# gone is told in ws+meta.wspush.
use strict;
use warnings;

use Test::More;
use WSPushTest;

my $meta = 'ws+meta.wspush';

sub post {
    my ($path, $body) = @_;
    return http(POST => "/history/$path", body => $body)->header('WSPush-Id');
}

sub heard {
    my ($url, @o) = @_;
    my $ws    = ws($url, protocols => [$meta], @o);
    my @found = $ws->fence;
    $ws->disconnect;
    return map { head($_) } @found;
}

sub head {
    my ($head, $body) = split /\n\n/, $_[0], 2;
    my %lines = map { split /: /, $_, 2 } split /\n/, $head;
    return { %lines, body => $body };
}

# five messages, two kept
my @ids = map { post('short/gap', "m$_") } 1 .. 5;
for my $k (0, 1) {
    my ($gap, @rest) = heard("/history/short/gap?last_event_id=$ids[$k]");
    is($gap->{gap}, $ids[2], 'after m' . ($k + 1) . ': a gap, up to the last one lost');
    is($gap->{id},  $ids[2], '  from which it may go on');
    is($gap->{body}, '', '  with nothing else in that frame');
    is_deeply([map { $_->{body} } @rest], ['m4', 'm5'], '  then what is left');
    ok(!grep({ exists $_->{gap} } @rest), '  no second gap');
}
for my $k (2 .. 4) {
    my @heard = heard("/history/short/gap?last_event_id=$ids[$k]");
    is_deeply([map { $_->{body} } @heard], [map { "m$_" } $k + 2 .. 5],
        'after m' . ($k + 1) . ': what follows');
    ok(!grep({ exists $_->{gap} } @heard), '  without a gap');
}
ok(!grep({ exists $_->{gap} } heard('/history/short/gap')),
    'no gap for who starts with the oldest that is there');

# resuming from the gap's own id gives no gap again
my @again = heard("/history/short/gap?last_event_id=$ids[2]");
is_deeply([map { $_->{body} } @again], ['m4', 'm5'], "the gap's id resumes");

# other subprotocols have no line for it, but get the messages
for my $o ([protocols => ['ws+meta.nchan']], []) {
    my $ws    = ws("/history/short/gap?last_event_id=$ids[0]", @$o);
    my @found = map { s/^.*?\n\n//sr } $ws->fence;
    is_deeply(\@found, ['m4', 'm5'],
        (@$o ? 'ws+meta.nchan' : 'no subprotocol') . ': only the messages');
    $ws->disconnect;
}

# an id of long ago: before everything
my ($first) = heard('/history/short/gap?last_event_id=1000000000:1');
is($first->{gap}, $ids[2], 'an id of 2001: a gap');

# history 0: everything since the id is gone
my $none = post('none/gap', 'n1');
post('none/gap', 'n2');
my @heard = heard("/history/none/gap?last_event_id=$none");
is(scalar @heard, 1, 'WSPushHistory 0: one frame');
ok($heard[0]{gap}, '  the gap');

# a dropped channel: what it had is lost to who was away
my @dropped = map { post('many/gap-drop', "d$_") } 1 .. 3;
http(DELETE => '/history/many/gap-drop');
post('many/gap-drop', 'd4');
@heard = heard("/history/many/gap-drop?last_event_id=$dropped[0]");
ok($heard[0]{gap}, 'a channel that was dropped and made anew: a gap');
is($heard[-1]{body}, 'd4', '  then what is new');

# several channels: the gap of one does not hide the others
my @b = map { post('many/gap-b', "b$_") } 1 .. 2;
post('short/gap-a', "a$_") for 1 .. 5;
my $b3 = post('many/gap-b', 'b3');
@heard = heard("/history/many/gap-a,gap-b?last_event_id=$b[0]");
is(scalar(grep { $_->{gap} } @heard), 1, 'two channels: one gap');
is_deeply([map { $_->{body} } grep { !$_->{gap} } @heard], [qw(b2 a4 a5 b3)],
    '  and all that is left, in order');
is_deeply([map { $_->{id} } @heard], [sort { id_order($a, $b) } map { $_->{id} } @heard],
    '  ids rise, the gap among them');

sub id_order {
    my @x = split /:/, $_[0];
    my @y = split /:/, $_[1];
    return $x[0] <=> $y[0] || $x[1] <=> $y[1];
}

# the count of gaps is in the status
cmp_ok(status()->{gaps_total}, '>=', 5, 'gaps are counted');

done_testing();
