# SPDX-License-Identifier: Apache-2.0
#
# Subprotocols: which one is answered, and what ws+meta.nchan and ws+meta.wspush
# put before each message.
use strict;
use warnings;

use Test::More;
use WSPushTest;

sub chosen {
    my ($path, @asked) = @_;
    my $ws = ws($path, protocols => \@asked);
    my $answer = $ws->header('Sec-WebSocket-Protocol');
    $ws->disconnect;
    return $answer;
}

my $app = '/limits/protocols/x';
is(chosen('/push/x', 'chat'), undef, 'none in common: no header');
is(chosen('/push/x', 'ws+meta.nchan'), 'ws+meta.nchan', 'ws+meta.nchan');
is(chosen('/push/x', 'ws+meta.wspush'), 'ws+meta.wspush', 'ws+meta.wspush');
is(chosen('/push/x', 'a', 'b', 'ws+meta.nchan', 'c'), 'ws+meta.nchan', 'anywhere in the list');
is(chosen('/push/x', 'ws+meta.wspush', 'ws+meta.nchan'), 'ws+meta.wspush', "the client's first");
is(chosen('/push/x', 'ws+meta.nchan', 'ws+meta.wspush'), 'ws+meta.nchan', "the client's first, the other way");
is(chosen($app, 'superchat', 'chat'), 'superchat', "the application's: the client's first");
is(chosen($app, 'x', 'v2.app', 'ws+meta.nchan'), 'v2.app', '  also before ours');
is(chosen($app, 'ws+meta.nchan', 'v2.app'), 'ws+meta.nchan', '  or after');
is(chosen($app, 'Chat'), undef, 'names are case-sensitive');
is(chosen($app, 'a, ,b'), undef, 'empty entries are nothing');
my $two = ws($app, headers => ['Sec-WebSocket-Protocol' => 'nope',
    'Sec-WebSocket-Protocol' => 'chat']);
is($two->header('Sec-WebSocket-Protocol'), 'chat', 'two headers are one list');
$two->disconnect;

# --- the welcome and everything after it, in each
for my $meta (undef, 'chat', 'ws+meta.nchan', 'ws+meta.wspush') {
    my $name = $meta // 'none';
    my $head = $name =~ /meta/ ? "\n" : '';
    my $ws   = ws("$app?name=%F0%9F%91%8B", $meta ? (protocols => [$meta]) : ());
    is_deeply($ws->recv, { type => 'text',
        payload => "${head}welcome \xf0\x9f\x91\x8b" }, "$name: the welcome");
    $ws->send_text('said');
    my $message = $ws->recv->{payload};
    my $want = $name eq 'ws+meta.wspush' ? qr/\Aid: \d+:\d+\nchannel: x\n\nsaid\z/
        : $name eq 'ws+meta.nchan' ? qr/\Aid: \d+:\d+\n\nsaid\z/ : qr/\Asaid\z/;
    like($message, $want, "$name: a message");
    $ws->send_binary("\xff");
    my $binary = $ws->recv;
    is($binary->{type}, 'binary', "$name: a binary message");
    like($binary->{payload}, $head ? qr/^content-type: application\/octet-stream\n/m : qr/\A\xff\z/,
        '  with its type') ;
    like($binary->{payload}, qr/\xff\z/, '  and its body');
    is($ws->close, 1000, "$name: the end");
}

# the welcome comes before everything else
http(POST => '/limits/protocols/first', body => 'early') for 1;
my $ws = ws('/limits/protocols/first?name=x&last_event_id=1000000000:1');
is($ws->recv->{payload}, 'welcome x', 'the welcome is first');
is($ws->recv->{payload}, 'early', 'then the history');
$ws->disconnect;

# one that would make a text frame no client could take
my $bad = ws('/limits/protocols/x?name=%FF', any => 1);
is($bad->status, 400, 'a welcome that is not UTF-8: 400');
like($bad->body, qr/WSPushWelcome/, '  says so');

done_testing();
