# SPDX-License-Identifier: Apache-2.0
#
# WSPushOrigin: which pages may connect, publish and read answers. A browser
# says where its page is from; a program says nothing and passes.
use strict;
use warnings;

use Test::More;
use WSPushTest;

my $port = server_port();
my $host = "127.0.0.1:$port";

# place, Origin (undef: none), may it?
my @cases = (
    ['same', undef, 1],
    ['same', "http://$host", 1],
    ['same', "HTTP://$host", 1],
    ['same', "https://$host", 0],
    ['same', 'http://127.0.0.1', 0],
    ['same', "http://127.0.0.1:@{[$port + 1]}", 0],
    ['same', 'http://evil.example', 0],
    ['same', "http://$host.evil.example", 0],
    ['same', "http://evil.example/http://$host", 0],
    ['same', 'null', 0],
    ['same', '', 0],
    ['same', 'file://', 0],
    ['any', undef, 1],
    ['any', 'https://evil.example', 1],
    ['any', 'null', 1],
    ['listed', undef, 1],
    ['listed', 'https://app.example', 1],
    ['listed', 'https://APP.example', 1],
    ['listed', 'https://app.example:443', 1],
    ['listed', 'http://app.example', 0],
    ['listed', 'https://app.example:444', 0],
    ['listed', 'https://sub.app.example', 0],
    ['listed', 'https://app.example.evil', 0],
    ['listed', 'http://127.0.0.1:8000', 1],
    ['listed', "http://$host", 0],
    ['listed', 'null', 0],
);
for my $case (@cases) {
    my ($place, $origin, $may) = @$case;
    my @o    = defined $origin ? (headers => [Origin => $origin]) : ();
    my $what = "$place: " . ($origin // 'no Origin');
    my $url  = "/origin/$place/room";
    my $ws   = ws($url, any => 1, host => $host, @o);
    is($ws->status, $may ? 101 : 403, "$what: WebSocket " . ($may ? 'opens' : 'does not'));
    like($ws->body, qr/WSPushOrigin/, '  says why') unless $may;
    $ws->disconnect;
    for my $method (qw(POST PUT)) {
        like(http($method => $url, body => 'x', host => $host, @o)->status,
            $may ? qr/^20[12]$/ : qr/^403$/, "$what: $method");
    }
    is(http(DELETE => $url, host => $host, @o)->status, $may ? 200 : 403,
        "$what: DELETE");
    http(DELETE => $url, host => $host) unless $may;
}

# the port of the scheme is the same as none, on either side
for my $case (['example.org', 'http://example.org:80'],
    ['example.org:80', 'http://example.org'], ['EXAMPLE.org', 'http://example.ORG'],
    ['[::1]:8080', 'http://[::1]:8080'])
{
    my ($name, $origin) = @$case;
    my $ws = ws('/origin/same/room', any => 1, host => $name, origin => $origin);
    is($ws->status, 101, "same: Host $name, Origin $origin");
    $ws->disconnect;
}

# --- CORS: what a foreign page may read

my $app  = [Origin => 'https://app.example'];
my $cors = http(POST => '/origin/listed/room', body => 'x', headers => $app);
is($cors->header('Access-Control-Allow-Origin'), 'https://app.example',
    'a listed origin is named');
is($cors->header('Access-Control-Allow-Credentials'), 'true', '  with credentials');
is($cors->header('Access-Control-Expose-Headers'), 'WSPush-Id', '  may read the id');
like($cors->header('Vary'), qr/\bOrigin\b/, '  Vary says so');
$cors = http(POST => '/origin/any/room', body => 'x', headers => $app);
is($cors->header('Access-Control-Allow-Origin'), 'https://app.example', 'any: is named');
is($cors->header('Access-Control-Allow-Credentials'), undef, '  without credentials');
like($cors->header('Vary'), qr/\bOrigin\b/, '  Vary says so');
$cors = http(POST => '/origin/listed/room', body => 'x');
is($cors->header('Access-Control-Allow-Origin'), undef, 'no Origin: no CORS');
like($cors->header('Vary'), qr/\bOrigin\b/, '  Vary all the same, for caches');
$cors = http(POST => '/origin/same/room', body => 'x', host => $host,
    headers => [Origin => "http://$host"]);
is($cors->header('Access-Control-Allow-Origin'), undef, "the server's own page: none needed");
$cors = http(POST => '/origin/listed/room', body => 'x',
    headers => [Origin => 'https://evil.example']);
is($cors->header('Access-Control-Allow-Origin'), undef, 'a foreign page: none');

my $preflight = http(OPTIONS => '/origin/both/room', headers => [@$app,
    'Access-Control-Request-Method'  => 'POST',
    'Access-Control-Request-Headers' => 'content-type, wspush-event']);
is($preflight->status, 204, 'a preflight');
is($preflight->header('Access-Control-Allow-Origin'), 'https://app.example', '  allowed');
is($preflight->header('Access-Control-Allow-Methods'), 'GET, POST, PUT, DELETE', '  methods');
like($preflight->header('Access-Control-Allow-Headers'), qr/Content-Type, WSPush-Event/, '  headers');
like($preflight->header('Access-Control-Max-Age'), qr/^\d+$/, '  for a while');
$preflight = http(OPTIONS => '/origin/sub/room', headers => $app);
is($preflight->header('Access-Control-Allow-Methods'), 'GET', 'a preflight where clients only subscribe');
$preflight = http(OPTIONS => '/origin/both/room', headers => [
    Origin => 'https://evil.example', 'Access-Control-Request-Method' => 'POST']);
is($preflight->header('Access-Control-Allow-Origin'), undef, 'a preflight of a foreign page');

# an application's own page beside a list
my $ws = ws('/origin/both/room', host => $host, origin => "http://$host");
is($ws->status, 101, '"same" in a list');
$ws->disconnect;

done_testing();
