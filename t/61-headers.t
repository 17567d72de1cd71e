# SPDX-License-Identifier: Apache-2.0
#
# Other modules on the upgrade: mod_headers, mod_setenvif, mod_env; and those
# whose limits are for requests and must not touch a taken-over connection.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use WSPushTest;
use WSPushTest::Server ();

# --- mod_headers
my $ws = ws('/headers/set/x', headers => ['User-Agent' => 'tester']);
is($ws->header('X-Set'),        'on every answer', 'Header set on the 101');
is($ws->header('X-Always'),     'also on errors',  'Header always');
is($ws->header('X-User-Agent'), 'tester',          'with an expression');
is($ws->header('X-List'),       'one, two',        'Header append');
is($ws->header('Set-Cookie'),   'id=1, id=2',      'two cookies');
http(POST => '/headers/set/x', body => 'x');
is($ws->recv->{payload}, 'x', 'and it is a WebSocket');
$ws->close;
my $refused = ws('/headers/set/x', any => 1, replace => { 'Sec-WebSocket-Key' => 'x' });
is($refused->header('X-Always'), 'also on errors', 'Header always on a refusal');

$ws = ws('/headers/request/x');
http(POST => '/pub/from-mod-headers', body => 'y');
is($ws->recv->{payload}, 'y', 'RequestHeader is seen by expressions');
$ws->disconnect;

$ws = ws('/headers/bad/x');
is($ws->header($_), undef, "no $_ on a 101, whoever sets it")
    for qw(Content-Length Transfer-Encoding Content-Encoding);
$ws->send_text('z');
is($ws->recv->{payload}, 'z', 'and it is a WebSocket');
$ws->disconnect;

# --- mod_setenvif, mod_env
$ws = ws('/headers/setenvif/x', headers => ['User-Agent' => 'Room/kitchen']);
http(POST => '/pub/kitchen', body => 'tea');
is($ws->recv->{payload}, 'tea', 'a variable of mod_setenvif names the channel');
$ws->disconnect;
is(ws('/headers/setenvif/x', any => 1, headers => ['User-Agent' => 'Robot/1'])->status,
    403, 'or keeps somebody out');
$ws = ws('/headers/env/x');
is($ws->recv->{payload}, 'from-mod-env', 'a variable of mod_env');
$ws->disconnect;

# --- limits of requests, all of them as short as they can be: a connection that
# outlives them while another client shows that they are at work
my $conf = <<'END';
<Location "/push/">
    WSPush pubsub
    WSPushPing off
</Location>
Timeout 1
KeepAlive On
KeepAliveTimeout 1
MaxKeepAliveRequests 1
<IfModule mod_reqtimeout.c>
    RequestReadTimeout handshake=0 header=1,MinRate=1000000 body=1,MinRate=1000000
</IfModule>
LimitRequestBody 10
END
my $server  = WSPushTest::Server->start(conf => $conf);
my $talker  = $server->ws('/push/limits');
my $silent  = $server->ws('/push/limits');
my $stalled = WSPushTest::HTTP::connect_to($server->port);
$stalled->syswrite("GET / HTTP/1.1\r\n");
my $kept = $server->http(GET => '/', keep => 1);
is(lc($kept->header('Connection') // ''), '', 'KeepAlive: the first request may');
my $drip = WSPushTest::WebSocket::frame(payload => 'a letter at a time');
IO::Select->new($stalled)->can_read($WSPushTest::TIMEOUT);
my $answer = <$stalled> // '';
like($answer, qr/^(HTTP\/1\.1 408|$)/, 'mod_reqtimeout has ended a request');
IO::Select->new($kept->socket)->can_read($WSPushTest::TIMEOUT);
is(sysread($kept->socket, my $nothing, 1), 0, 'KeepAliveTimeout has ended a connection');
for my $byte (split //, $drip) {
    $talker->send_raw($byte);
    my $until = time + 0.1;
    await('a moment', sub { time > $until });
}
is($_->recv->{payload}, 'a letter at a time',
    'a frame slower than RequestReadTimeout and Timeout') for $talker, $silent;
$talker->send_text('longer than LimitRequestBody');
is($silent->recv->{payload}, 'longer than LimitRequestBody', 'LimitRequestBody is for requests');
$talker->send_text("n$_") for 1 .. 10;
is(scalar(my @n = $silent->recv_many(10)), 10, 'so is MaxKeepAliveRequests');
is($_->close, 1000, 'a good end') for $talker, $silent;
$server->stop;

# --- KeepAlive Off, also for the upgrade; and what a log can say about it
$server = WSPushTest::Server->start(name => '61-keepalive-off', conf => <<'END');
KeepAlive Off
<Location "/push/">
    WSPush pubsub
    WSPushWelcome "%{wspush:ID}"
</Location>
LogFormat "%>s %O %{WSPUSH_ID}e %{Sec-WebSocket-Protocol}o" wspush
CustomLog "${FOLDER}/access_log" wspush
END
$ws = $server->ws('/push/x', protocols => ['ws+meta.nchan']);
is(lc $ws->header('Connection'), 'upgrade', 'KeepAlive Off: an upgrade as ever');
my ($id) = $ws->recv->{payload} =~ /(\S+)/;
my $line = await('the access log',
    sub { WSPushTest::slurp($server->folder . '/access_log') =~ /^(101 .*)$/m && $1 });
like($line, qr/^101 \d+ $id ws\+meta\.nchan$/,
    'the log can have the connection id, the bytes of the 101 and its headers');
cmp_ok((split / /, $line)[1], '>=', 100, '  that many, as mod_logio counts');
$ws->send_text('x');
like($ws->recv->{payload}, qr/\n\nx\z/, '  that lasts');
is($ws->close, 1000, '  to a good end');
$server->stop;
is_deeply([$server->findings], [], 'no child has died');

done_testing();
