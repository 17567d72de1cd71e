# SPDX-License-Identifier: Apache-2.0
#
# Where directives may stand and how httpd merges them: a whole server, virtual
# hosts, Location, LocationMatch, Directory, If; and three servers in full as the
# examples have them.
use strict;
use warnings;

use Test::More;
use WSPushTest;
use WSPushTest::Server ();

my $hosts = WSPushTest::Server::free_port();
my $server = WSPushTest::Server->start(conf => <<'END' . <<"END" . <<'END');
# the whole main server
WSPushWelcome "main"
WSPushHistory 1
WSPushReplay oldest
<Location "/plain/">
    WSPush pubsub
</Location>
<Location "/over/">
    WSPush pubsub
    WSPushWelcome "over"
</Location>
<Location "/over/deep/">
    WSPushHistory 2
</Location>
<Location "/over/again/">
    WSPush subscribe
    WSPushWelcome none
</Location>
<Location "/over/off/">
    WSPush off
</Location>
<Location "/over/default/">
    WSPushHistory 100 1h
    WSPushReplay newest
</Location>
<LocationMatch "^/over/.*/match/">
    WSPushWelcome "match"
</LocationMatch>
<Directory "${FOLDER}/htdocs/dir">
    WSPush pubsub
    WSPushWelcome "directory"
</Directory>
<Location "/dir/location/">
    WSPushWelcome "location"
</Location>
<Location "/if/">
    WSPush pubsub
    WSPushWelcome "location"
    <If "%{QUERY_STRING} =~ /a/">
        WSPushWelcome "if"
    </If>
    <ElseIf "%{QUERY_STRING} =~ /b/">
        WSPushWelcome "elseif"
    </ElseIf>
    <Else>
        WSPushHistory 0
    </Else>
</Location>
<Location "/else/">
    <If "%{QUERY_STRING} =~ /a/">
        WSPush off
    </If>
    <Else>
        WSPush pubsub
    </Else>
</Location>
<IfModule mod_wspush.c>
    <Location "/ifmodule/">
        <IfModule mod_wspush.c>
            WSPush pubsub
        </IfModule>
    </Location>
</IfModule>
<Files "socket.txt">
    WSPush pubsub
    WSPushWelcome "files"
</Files>
END
Listen 127.0.0.1:$hosts
<VirtualHost *:$hosts>
    ServerName one.example
    WSPushWelcome "one"
    <Location "/one/">
        WSPush pubsub
    </Location>
</VirtualHost>
<VirtualHost *:$hosts>
    ServerName two.example
    WSPush pubsub
    WSPushPlainHTTP pass
END
    <Location "/quiet/">
        WSPush off
    </Location>
</VirtualHost>
END
mkdir $server->folder . "/htdocs/$_" for 'dir', 'dir/location';

my $main = '127.0.0.1:' . $server->port;

sub port_of {
    my ($host) = @_;
    return $host eq $main ? $server->port : $hosts;
}

sub at {
    my ($host, $path, @o) = @_;
    return $server->ws($path, any => 1, host => $host, port => port_of($host), @o);
}

sub request {
    my ($method, $host, $path, @o) = @_;
    return $server->http($method => $path, host => $host, port => port_of($host), @o);
}

sub welcome {
    my ($host, $path) = @_;
    my $ws = at($host, $path);
    return $ws->status if $ws->status != 101;
    my $message = $ws->recv;
    $ws->disconnect;
    return $message && $message->{payload};
}

sub kept {
    my ($host, $path) = @_;
    request(POST => $host, $path, body => "k$_") for 1 .. 3;
    my $ws = at($host, $path);
    my @all = $ws->fence;
    $ws->disconnect;
    request(DELETE => $host, $path);
    return scalar grep { /^k/ } @all;
}

is(welcome($main, '/plain/x'), 'main',      'the main server');
is(welcome($main, '/dir/x'),   'directory', 'Directory goes before the server');
is(welcome($main, '/dir/location/x'), 'location', 'Location before Directory');
is(welcome($main, '/over/x'),  'over',      'Location before the server');
is(welcome($main, '/over/deep/x'), 'over',  'a deeper Location leaves what it does not say');
is(kept($main, '/over/x'),      1, 'WSPushHistory of the server');
is(kept($main, '/over/deep/x'), 2, 'WSPushHistory of a deeper Location');
is(kept($main, '/over/default/x'), 0, 'defaults, written out, replace what is above them');
is(welcome($main, '/over/x/match/y'), 'match', 'LocationMatch that stands later');
my $none = at($main, '/over/again/x');
hears($none, [], 'WSPushWelcome none takes it back');
$none->send_text('x');
is($none->await_close->{code}, 1008, 'WSPush subscribe in a deeper Location');
is(at($main, '/over/off/x')->status, 404, 'WSPush off in a deeper Location');
is(welcome($main, '/if/x?a'), 'if',       'If');
is(welcome($main, '/if/x?b'), 'elseif',   'ElseIf');
is(welcome($main, '/if/x?c'), 'location', 'Else says nothing about it');
is(kept($main, '/if/x'), 0,               'Else');
is(at($main, '/else/x?a')->status, 404, 'WSPush off in an If');
is(welcome($main, '/else/x'), 'main', 'WSPush in an Else');
is(welcome($main, '/ifmodule/x'), 'main', 'IfModule inside and outside');
is(welcome($main, '/socket.txt'), 'files', 'Files');

# --- the channel id is what is below the place that says WSPush
sub is_channel {
    my ($host, $path, $id) = @_;
    my $ws = at($host, $path, protocols => ['ws+meta.wspush']);
    request(POST => $host, $path, body => 'x');
    my $found;
    while (my $message = $ws->recv) {
        last if ($found) = $message->{payload} =~ /^channel: (.*)$/m;
    }
    $ws->disconnect;
    return is($found, $id, "$host$path is the channel $id");
}
is_channel($main, '/over/deep/x', 'deep/x');
is_channel($main, '/if/x?a', 'x');
is_channel($main, '/else/x', 'x');
is_channel($main, '/ifmodule/x', 'x');
is_channel($main, '/dir/location/x', 'location/x');
is_channel($main, '/socket.txt', 'socket.txt');
is_channel('two.example', '/any/path', 'any/path');

# --- virtual hosts
is(welcome('one.example', '/one/x'), 'one', 'a virtual host');
is(welcome('one.example', '/over/x'), 'over', 'sections of the main server hold in it, too');
is(welcome('two.example', '/one/x'), 'main', 'another has what the main server says');
is(kept('two.example', '/one/y'), 1, '  of everything');
is(request(GET => 'two.example', '/')->body, "welcome\n",
    'on for a whole host, plain HTTP passed: a page is a page');
is(welcome('two.example', '/index.html'), 'main', '  and a socket');
is(at('two.example', '/quiet/x')->status, 404, '  but where it is off');
is(at('one.example', '/elsewhere')->status, 404, 'off where nobody said so');
is(at($main, '/elsewhere')->status, 404, '  in the main server as well');
$server->stop;
is_deeply([$server->findings], [], 'no child has died');

done_testing();
