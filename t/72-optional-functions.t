# SPDX-License-Identifier: Apache-2.0
#
# What other modules may call (include/mod_wspush.h), by a module that does.
use strict;
use warnings;

use Test::More;
use WSPushTest;
use WSPushTest::Server ();

my $apxs   = $ENV{APXS} // 'apxs';
my $source = server_root() . '/c-modules/mod_wspush_probe.c';
my $object = server_root() . '/logs/mod_wspush_probe.so';
my @paths  = map { chomp; "-I$_" }
    map { scalar qx($apxs -q $_ 2>/dev/null) } qw(INCLUDEDIR APR_INCLUDEDIR APU_INCLUDEDIR);
chomp(my $flags = qx($apxs -q EXTRA_CPPFLAGS));
my $said = qx(gcc -shared -fPIC $flags @paths -I$ENV{WSPUSH_TOP}/include $source -o $object 2>&1);
is($? >> 8, 0, 'a module that includes mod_wspush.h compiles') or die $said;

my $server = WSPushTest::Server->start(conf => <<"END");
LoadModule wspush_probe_module "$object"
<Location "/probe">
    SetHandler wspush-probe
</Location>
<Location "/push/">
    WSPush pubsub
</Location>
<Location "/group/">
    WSPush subscribe
    WSPushGroup staff
</Location>
<Location "/page/">
    WSPush subscribe
    WSPushPlainHTTP pass
</Location>
END

sub probe {
    my ($args, @headers) = @_;
    my $answer = $server->http(GET => "/probe?$args", headers => \@headers);
    $answer->status == 200 or die $answer->status . ' ' . $answer->body;
    return { map { split / /, $_, 2 } split /\n/, $answer->body };
}

# --- publish
my $ws = $server->ws('/push/news', protocols => ['ws+meta.wspush']);
my $done = probe('publish&news', 'X-Body' => 'from a module', 'X-Event' => 'greeting');
is($done->{status},      'APR_SUCCESS', 'publish');
is($done->{subscribers}, 1,             '  one subscriber');
is($done->{messages},    1,             '  one message');
is($done->{last}, $done->{id},          '  the id is the last one');
is($ws->recv->{payload}, "id: $done->{id}\nchannel: news\nevent: greeting\n\nfrom a module",
    '  the message arrives');
probe('publish&news', 'X-Body' => 'raw', 'X-Type' => 'application/octet-stream');
is($ws->recv->{type}, 'binary', 'its type makes it binary');
probe('publish&news', 'X-Body' => "\xff");
is($ws->recv->{type}, 'binary', 'and a body that is not UTF-8');
probe('publish&news');
like($ws->recv->{payload}, qr/\n\n\z/, 'a message without body');
is(probe('publish&other', 'X-Body' => 'x', 'X-Mute' => 1)->{status}, 'APR_SUCCESS',
    'who wants neither id nor info gets none');
is(probe('publish&other', 'X-Body' => 'x')->{subscribers}, 0, 'a channel without subscribers');

my $staff = $server->ws('/group/news');
probe('publish&news&staff', 'X-Body' => 'in the group');
is($staff->recv->{payload}, 'in the group', 'a group');
hears($ws, [], '  is not the channel without one');

for my $case (
    ['no channel', 'publish'],
    ['an empty channel', 'publish&%20' =~ s/%20//r],
    ['a control character', 'publish&a%0Ab'],
    ['a channel that is not UTF-8', 'publish&%FF'],
    ['a channel of 1025 bytes', 'publish&' . 'x' x 1025],
    ['a group that makes it 1025', 'publish&' . 'x' x 1020 . '&abcd'],
    ['an event of 256 bytes', 'publish&news', 'X-Event' => 'e' x 256],
    ['a type of 256 bytes', 'publish&news', 'X-Type' => 't' x 256],
    )
{
    my ($what, @call) = @$case;
    is(probe(@call)->{status}, 'APR_EINVAL', "$what: APR_EINVAL");
}

# --- channel_info
my $info = probe('info&news');
is($info->{messages},    4, 'info: messages');
is($info->{subscribers}, 1, 'info: subscribers');
like($info->{last}, qr/^\d+:\d+$/, 'info: the last id');
is(probe('info&news&staff')->{messages}, 1, 'info of a channel in a group');
is(probe('info&never')->{status}, 'APR_NOTFOUND', 'info of none: APR_NOTFOUND');
is(probe('info&' . 'x' x 1025)->{status}, 'APR_EINVAL', 'info of a bad one: APR_EINVAL');

# --- is_websocket
is($ws->header('X-Is-WebSocket'), 'yes', 'is_websocket: a handshake');
is($server->http(GET => '/push/x')->header('X-Is-WebSocket'), 'no', '  a plain GET');
is($server->http(POST => '/push/x', body => 'x', headers => [Upgrade => 'websocket'])
    ->header('X-Is-WebSocket'), 'no', '  a POST');
is($server->ws('/elsewhere', any => 1)->header('X-Is-WebSocket') // 'no', 'no',
    '  a handshake where nothing is on');
is($server->ws('/page/x')->header('X-Is-WebSocket'), 'yes',
    '  a handshake where pages are, too');

$_->disconnect for $ws, $staff;
$server->stop;
is_deeply([$server->findings], [], 'no child has died');
done_testing();
