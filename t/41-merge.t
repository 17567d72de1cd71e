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

my $server = WSPushTest::Server->start(conf => <<'END');
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
<Directory "/">
    WSPushWelcome "directory"
</Directory>
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

<VirtualHost *>
    ServerName one.example
    DocumentRoot "${HTDOCS}"
    WSPushWelcome "one"
    <Location "/over/">
        WSPush pubsub
    </Location>
    <Location "/one/">
        WSPush pubsub
    </Location>
</VirtualHost>
<VirtualHost *>
    ServerName two.example
    DocumentRoot "${HTDOCS}"
    WSPush pubsub
    WSPushPlainHTTP pass
</VirtualHost>
END

# The main server is answered by its own name only when no virtual host takes
# its place, so it has an address of its own here.
sub at {
    my ($host, $path, @o) = @_;
    return $server->ws($path, any => 1, host => $host, @o);
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
    $server->http(POST => $path, body => "k$_", host => $host) for 1 .. 3;
    my $ws = at($host, $path);
    my @all = $ws->fence;
    $ws->disconnect;
    $server->http(DELETE => $path, host => $host);
    return scalar grep { /^k/ } @all;
}

my $main = '127.0.0.1:' . $server->port;
is(welcome($main, '/plain/x'), 'directory', 'Directory goes before the server');
is(welcome($main, '/over/x'),  'over',      'Location before Directory');
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
is(welcome($main, '/ifmodule/x'), 'directory', 'IfModule inside and outside');
is(welcome($main, '/socket.txt'), 'files', 'Files');

# --- the channel id is what is below the place that says WSPush
sub is_channel {
    my ($host, $path, $id) = @_;
    my $ws = at($host, $path, protocols => ['ws+meta.wspush']);
    $server->http(POST => $path, body => 'x', host => $host);
    my $found;
    while (my $message = $ws->recv) {
        last if ($found) = $message->{payload} =~ /^channel: (.*)$/m;
    }
    $ws->disconnect;
    return is($found, $id, "$host$path is the channel $id");
}
is_channel($main, '/over/deep/x', 'deep/x');
is_channel($main, '/if/x?a', 'x');
is_channel($main, '/ifmodule/x', 'x');
is_channel($main, '/socket.txt', 'socket.txt');
is_channel('two.example', '/any/path', 'any/path');

# --- virtual hosts
is(welcome('one.example', '/one/x'), 'directory', 'a virtual host');
is(welcome('one.example', '/over/x'), 'over', 'sections of the main server hold in it, too');
is(welcome('two.example', '/one/x'), 'directory', 'another');
is($server->http(GET => '/', host => 'two.example')->body, "welcome\n",
    'on for a whole host: pages are pages');
is($server->http(GET => '/', host => 'one.example')->status, 200, 'and elsewhere');
is(at('one.example', '/plain-page')->status, 404, 'off where nobody said so');
$server->stop;
is_deeply([$server->findings], [], 'no child has died');

done_testing();
