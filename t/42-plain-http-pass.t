# SPDX-License-Identifier: Apache-2.0
#
# One URL for a page and its socket (WSPushPlainHTTP pass), and a URL that is a
# socket only (refuse).
use strict;
use warnings;

use File::Path qw(make_path);
use Test::More;
use WSPushTest;

for my $place (qw(both listen only)) {
    my $folder = server_root() . "/htdocs/plain/$place";
    make_path($folder);
    for my $name (qw(page.html index.html)) {
        open my $out, '>', "$folder/$name" or die $!;
        print {$out} "$name of $place\n";
        close $out or die $!;
    }
}

# --- pass
my $page = http(GET => '/plain/both/page.html');
is($page->status, 200, 'a GET is the page');
is($page->body, "page.html of both\n", '  from its file');
like($page->header('Vary'), qr/\bUpgrade\b/, '  Vary: Upgrade, for caches');
ok($page->header('ETag'), "  with all of httpd's own headers");
is($page->header('Connection'), 'close', '  and no other Connection');
is(http(HEAD => '/plain/both/page.html')->status, 200, 'HEAD: of the page');
is(http(GET => '/plain/both/page.html', headers => ['If-None-Match' => $page->header('ETag')])
    ->status, 304, 'a conditional GET: of the page');
is(http(GET => '/plain/both/page.html', headers => [Range => 'bytes=0-3'])->body,
    'page', 'a range: of the page');
is(http(GET => '/plain/both/')->body, "index.html of both\n", 'the index of the folder');
is(http(GET => '/plain/both/none.html')->status, 404, 'no such page');

my @sockets = map { ws($_) } '/plain/both/page.html', '/plain/both/',
    '/plain/both/none.html', '/plain/listen/page.html';
is(http(POST => '/plain/both/page.html', body => 'to all')->status, 201,
    'pubsub: a POST is a publish');
is($_->recv->{payload}, 'to all', 'the same URLs are sockets') for @sockets;
$_->disconnect for @sockets;
is(ws('/plain/both/page.html', any => 1,
    replace => { 'Sec-WebSocket-Version' => '8' })->status, 426,
    'a bad handshake is not a page');
is(ws('/plain/both/page.html', any => 1, replace => { Upgrade => 'h2c' })->status,
    200, 'another Upgrade is a page');

# --- pass, only subscribing: the application keeps every other method
for my $method (qw(POST PUT DELETE)) {
    my $passed = http($method => '/plain/listen/page.html', body => 'x');
    isnt($passed->status, 201, "subscribe: $method is not ours");
    unlike($passed->body, qr/WSPush/, '  and not answered by us');
}
like(http(OPTIONS => '/plain/listen/page.html')->header('Allow'), qr/HEAD/,
    "OPTIONS: the page's own Allow");
like(http(GET => '/plain/listen/status?auto')->body, qr/^BusyWorkers/m,
    'another handler of the place is reached');
is(http(GET => '/plain/listen/')->body, "index.html of listen\n", 'its index, too');

# --- a publish place has its own GET
like(http(GET => '/plain/publish/x')->body, qr/^queued messages/,
    'publish: GET is channel info, pass or not');

# --- refuse
my $only = http(GET => '/plain/only/page.html');
is($only->status, 426, 'refuse: a GET is 426');
is($only->header('Upgrade'), 'websocket', '  says to what');
like($only->header('Connection'), qr/\bUpgrade\b/i, '  Connection: Upgrade');
like($only->body, qr/WebSocket/, '  and in words');
is($only->header('Cache-Control'), 'no-store', '  not for caches');
is(http(HEAD => '/plain/only/page.html')->status, 426, 'HEAD: the same');
is(http(HEAD => '/plain/only/page.html')->body, '', '  without a body');

done_testing();
