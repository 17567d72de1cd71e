# SPDX-License-Identifier: Apache-2.0
#
# A handshake that is in order: what the 101 says and does not say, and that the
# connection is a WebSocket from then on, whatever httpd's own limits are.
use strict;
use warnings;

use Test::More;
use WSPushTest;

# RFC 6455 1.3
my $rfc = http(GET => '/push/upgrade', keep => 1, headers => [
    Upgrade                 => 'websocket',
    Connection              => 'Upgrade',
    'Sec-WebSocket-Version' => 13,
    'Sec-WebSocket-Key'     => 'dGhlIHNhbXBsZSBub25jZQ==',
]);
is($rfc->status, 101, 'the upgrade');
is($rfc->reason, 'Switching Protocols', 'Switching Protocols');
is($rfc->header('Sec-WebSocket-Accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    "the accept value of the RFC's example");
is(lc $rfc->header('Upgrade'),    'websocket', 'Upgrade');
is(lc $rfc->header('Connection'), 'upgrade',   'Connection has nothing else');
is($rfc->header($_), undef, "no $_") for qw(Content-Length Transfer-Encoding
    Content-Type Keep-Alive Sec-WebSocket-Protocol Sec-WebSocket-Extensions);
is($rfc->headers('Upgrade'), 1, 'one Upgrade header');
$rfc->socket->close;

# Both directions.
my $ws = ws('/push/upgrade');
my $other = ws('/push/upgrade');
$ws->send_text("gr\xc3\xbc\xc3\x9fe \xf0\x9f\x91\x8b");
is($_->recv->{payload}, "gr\xc3\xbc\xc3\x9fe \xf0\x9f\x91\x8b",
    'what one sends, both receive') for $ws, $other;
is(publish('upgrade', 'from outside')->status, 201, 'a POST has subscribers');
is($ws->recv->{payload}, 'from outside', 'and arrives');
hears($other, ['from outside'], 'once');
is($ws->close(1000, 'bye'), 1000, 'the close handshake echoes the code');
is($other->close(3042), 3042, 'also one of the application');

# Who has seen the 101 misses nothing: it is sent when the client has joined its
# channels in its child, whichever child takes the message.
my @missed = grep {
    my $new = ws("/push/upgrade-$_");
    http(POST => "/push/upgrade-$_", body => "m$_");
    my $message = eval { $new->recv };
    $new->disconnect;
    !$message || $message->{payload} ne "m$_";
} 1 .. 100;
is_deeply(\@missed, [], 'a message published right after the 101 arrives');

# TCP is closed by the server after the close handshake (RFC 6455 7.1.1).
$ws = ws('/push/upgrade');
$ws->send_close(1001);
is($ws->await_close->{code}, 1001, 'close 1001 is echoed');
is($ws->recv_frame, undef, 'then the stream ends');

# A close frame without a code.
$ws = ws('/push/upgrade');
$ws->send_close;
is($ws->await_close->{code}, 1005, 'no code is answered with none');

# Request forms.
for my $case (
    ['a query string', '/push/upgrade?token=abc&x=%20'],
    ['escaped characters', '/push/up%67rade'],
    ['doubled slashes', '//push//upgrade'],
    ['dots', '/push/./x/../upgrade'],
    ['the absolute form', 'http://127.0.0.1/push/upgrade'],
    )
{
    my ($what, $uri) = @$case;
    $ws = ws($uri);
    publish('upgrade', $what);
    is($ws->recv->{payload}, $what, "$what in the request");
    $ws->disconnect;
}

# On a kept connection, after other requests.
my $kept = http(GET => '/', keep => 1);
is($kept->status, 200, 'a page');
$kept = http(POST => '/pub/upgrade', body => 'x', keep => 1,
    socket => $kept->socket);
like($kept->status, qr/^20[12]$/, 'a publish on the same connection');
$ws = ws('/push/upgrade', socket => $kept->socket);
publish('upgrade', 'kept');
is($ws->recv->{payload}, 'kept', 'and then a WebSocket on it');
is($ws->close, 1000, 'to its end');

# httpd's 2 s of KeepAliveTimeout, 3 s of RequestReadTimeout and 10 s of Timeout
# are over before the other tests: here, that a quiet connection has no limit is
# shown by who holds it. No worker, so nobody who could time it out.
$ws = ws('/push/upgrade');
is(workers_busy(), 0, 'no worker is busy with a WebSocket');
ok((grep { $_ == child_of($ws) } children()), 'a child holds its socket');
$ws->close;

done_testing();
