# SPDX-License-Identifier: Apache-2.0
#
# Several channels behind one connection or one publish; and groups, which keep
# channels of the same name apart.
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WSPushTest;

# --- groups
my $one  = ws('/channels/g1/room');
my $two  = ws('/channels/g2/room?group=two');
my $none = ws('/channels/g2/room?group=');
http(POST => '/channels/g1/room', body => 'one');
http(POST => '/channels/g2/room?group=two', body => 'two');
http(POST => '/push/room', body => 'none');
hears($one, ['one'],  'a group has its own channels');
hears($two, ['two'],  'another group, too');
hears($none, ['none'], 'the empty group is no group');
my $same = ws('/channels/g2/room?group=one');
http(POST => '/channels/g1/room', body => 'both');
is($_->recv->{payload}, 'both', 'the same group from another place') for $one, $same;
is(http(POST => '/channels/g2/x?group=a%1Fb', body => 'x')->status, 400,
    'no control character in a group');
is(http(POST => '/push/one%1Froom', body => 'x')->status, 400,
    'nor in an id: no way into a group');
for my $guess ('one/room', 'oneroom', 'one:room', 'one room') {
    (my $url = "/push/$guess") =~ s/ /%20/g;
    http(POST => $url, body => 'intruder');
}
hears($one, [], 'nor by any name');

# the group is not shown
my $meta = ws('/channels/g1/room', protocols => ['ws+meta.wspush']);
http(POST => '/channels/g1/room', body => 'x');
like($meta->recv->{payload}, qr/^channel: room$/m, 'meta lines have the id without group');
$_->disconnect for $one, $two, $none, $same, $meta;

# --- split
my $split = ws('/channels/split/a,b,,b,c,', protocols => ['ws+meta.wspush']);
http(POST => "/push/$_", body => "in $_") for qw(a b c d a);
my @got = map { [/^channel: (\w)$/m, /\n\n(.*)$/s] } $split->recv_many(4);
is_deeply(\@got,
    [['a', 'in a'], ['b', 'in b'], ['c', 'in c'], ['a', 'in a']],
    'split: its channels in the order of publishing, without empty ones and doubles');
http(POST => '/channels/split/a,c', body => 'twice');
is(scalar(my @two = $split->recv_many(2)), 2, 'a message to two of its channels comes twice');
hears($split, [], 'and no more');
$split->disconnect;

my $long = ws('/channels/split-long?ids=x--y');
http(POST => '/push/y', body => 'y');
http(POST => '/push/x-', body => 'no');
http(POST => '/push/x', body => 'x');
hears($long, ['y', 'x'], 'a separator of two characters');
$long->disconnect;

# --- several WSPushChannel
my $many = ws('/channels/many?user=eve', protocols => ['ws+meta.wspush']);
http(POST => '/push/news', body => 'n');
http(POST => '/push/user-eve', body => 'u');
http(POST => '/push/user-bob', body => 'no');
is_deeply([map { /\n\n(.*)$/s } $many->recv_only(2)], ['n', 'u'], 'several expressions; the empty one is left out');
my $posted = http(POST => '/channels/many?user=eve&extra=z', body => 'all three',
    headers => [Accept => 'application/json']);
is(scalar @{ JSON::PP->new->decode($posted->body) }, 3, 'a publish goes to each');
is(scalar(my @both = $many->recv_many(2)), 2, 'two of them are heard here');
$many->send_text('by frame');
is(scalar(@both = $many->recv_many(2)), 2, 'a frame goes to each of its channels');
$many->disconnect;

# --- 255 channels, not 256
my @ids = map { "n$_" } 1 .. 256;
my $url = '/channels/split/' . join ',', @ids[0 .. 254];
my $wide = ws($url);
is($wide->status, 101, '255 channels in one connection');
http(POST => "/push/$_", body => $_) for qw(n1 n255 n128 n256);
hears($wide, [qw(n1 n255 n128)], 'all are heard');
my $count = @{ JSON::PP->new->decode(http(POST => $url, body => 'to all',
    headers => [Accept => 'application/json'])->body) };
is($count, 255, '255 channels in one publish');
is(scalar(my @all = $wide->recv_many(255)), 255, 'all come');
$wide->disconnect;
my $over = ws('/channels/split/' . join(',', @ids), any => 1);
is($over->status, 400, '256 channels: 400');
like($over->body, qr/more than 255 channels/, '  says so');

# --- many clients on many channels: each hears its own, in order
my @clients = map { [$_, ws("/channels/split/m$_,m@{[$_ + 1]}")] } 0 .. 19;
for my $n (1 .. 5) {
    http(POST => "/push/m$_", body => "m$_ $n") for 0 .. 20;
}
for my $client (@clients) {
    my ($k, $ws) = @$client;
    is_deeply([$ws->recv_many(10)],
        [map { ("m$k $_", "m@{[$k + 1]} $_") } 1 .. 5],
        "client $k hears its two channels in one order");
    $ws->disconnect;
}

done_testing();
