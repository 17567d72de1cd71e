# SPDX-License-Identifier: Apache-2.0
#
# What `apachectl -t` says to a bad value: the directive, the value, and what
# would be legal. And what it says to each default and to good values: nothing.
use strict;
use warnings;

use Test::More;
use WSPushTest;
use WSPushTest::Server ();

# directive, bad argument(s), what the message must say
my @bad = (
    # what and where
    ['WSPush', 'maybe', qr/'maybe' is not one of off\|subscribe\|publish\|pubsub/],
    ['WSPush', '',           qr/takes: off\|subscribe\|publish\|pubsub/],
    ['WSPush', 'pubsub off', qr/takes: off/],
    ['WSPushChannel', '"%{nosuch:x"', qr/'%\{nosuch:x' is not an expression/],
    ['WSPushChannel', '"%{nosuch:x}"', qr/'%\{nosuch:x\}' is not an expression/],
    ['WSPushChannel', '',  qr/takes: path\|expr/],
    ['WSPushChannelSplit', '""', qr/the separator is empty/],
    ['WSPushChannelSplit', ', ;', qr/takes: none\|separator/],
    ['WSPushGroup', '"%{"',   qr/'%\{' is not an expression/],
    ['WSPushTransports', 'carrier-pigeon',
        qr/'carrier-pigeon' is not one of websocket/],
    ['WSPushPlainHTTP', 'perhaps', qr/'perhaps' is not one of refuse\|pass/],

    # messages
    ['WSPushHistory', 'many', qr/'many' is not a number from 0 to 1000000/],
    ['WSPushHistory', '-1',   qr/'-1' is not a number from 0 to 1000000/],
    ['WSPushHistory', '1000001', qr/'1000001' is not a number from 0 to 1000000/],
    ['WSPushHistory', '10 soon', qr/'soon' is not a time from 1s to 1000h/],
    ['WSPushHistory', '10 1001h', qr/'1001h' is not a time from 1s to 1000h/],
    ['WSPushHistory', '10 999ms', qr/'999ms' is not a time from 1s to 1000h/],
    ['WSPushHistory', '10 1h 1',  qr/takes: count/],
    ['WSPushReplay', 'latest',
        qr/'latest' is not a number from 1 to 1000000, newest or oldest/],
    ['WSPushReplay', '0', qr/'0' is not a number from 1 to 1000000/],
    ['WSPushOrigin', 'www.example.org',
        qr/'www.example.org' is not same, any or an origin/],
    ['WSPushOrigin', 'https://www.example.org/page',
        qr{'https://www.example.org/page' is not same, any or an origin}],
    ['WSPushOrigin', 'any https://a.example', qr/'any' is not same/],
    ['WSPushMaxMessage', '0', qr/'0' is not a size from 1 to 256M/],
    ['WSPushMaxMessage', '257M', qr/'257M' is not a size from 1 to 256M/],
    ['WSPushMaxMessage', '1T',   qr/'1T' is not a size from 1 to 256M/],
    ['WSPushMaxMessage', '1 M',  qr/takes: size/],
    ['WSPushMaxMessage', '99999999999999999999G', qr/is not a size from 1 to 256M/],
    ['WSPushOnMessage', 'shout', qr/'shout' is not one of publish\|echo\|discard/],
    ['WSPushWelcome', '"%{"',    qr/'%\{' is not an expression/],
    ['WSPushSubprotocols', 'chat,superchat', qr/'chat,superchat' is not a token/],
    ['WSPushSubprotocols', '""', qr/'' is not a token/],

    # limits
    ['WSPushPing', '0', qr/'0' is not a time from 100ms to 1h.*, or off/],
    ['WSPushPing', '2h', qr/'2h' is not a time from 100ms to 1h/],
    ['WSPushPing', '30s never', qr/'never' is not a time from 100ms to 1h/],
    ['WSPushHeartbeat', '""', qr/'' is not a text of 1 to 125 bytes/],
    ['WSPushHeartbeat', 'x' x 126, qr/'x{126}' is not a text of 1 to 125 bytes/],
    ['WSPushHeartbeat', 'ping ' . 'x' x 126, qr/is not a text of 1 to 125 bytes/],
    ['WSPushQueue', '1023', qr/'1023' is not a size from 1K to 1G/],
    ['WSPushQueue', '2G',   qr/'2G' is not a size from 1K to 1G/],
    ['WSPushQueue', '1M drop', qr/'drop' is not one of close\|drop-oldest/],
    ['WSPushRate', '10',   qr{'10' is not off or count/time such as 10/s}],
    ['WSPushRate', '10/',  qr/'' is not a time from 100ms to 1h/],
    ['WSPushRate', '0/s',  qr/'0' is not a number from 1 to 1000000/],
    ['WSPushRate', '10/fortnight', qr/'1fortnight' is not a time/],
    ['WSPushRate', '10/s none', qr/'none' is not a number from 1 to 1000000/],
    ['WSPushMaxSubscribers', '0', qr/'0' is not a number from 1 to 100000000, or none/],
    ['WSPushMaxSubscribers', '10k', qr/'10k' is not a number/],

    # server-wide
    ['WSPushMaxConnections', '-5', qr/'-5' is not a number from 1 to 100000000, or none/],
    ['WSPushMemory', '64', qr/'64' is not a size from 1M to 64G/],
    ['WSPushMemory', '65G', qr/'65G' is not a size from 1M to 64G/],
    ['WSPushIOThreads', '0', qr/'0' is not a number from 1 to 64/],
    ['WSPushIOThreads', '65', qr/'65' is not a number from 1 to 64/],
);
for my $case (@bad) {
    my ($directive, $value, $expected) = @$case;
    my ($ok, $said) = WSPushTest::Server->check("$directive $value");
    my $shown = length $value > 40 ? substr($value, 0, 37) . '...' : $value;
    ok(!$ok && $said =~ /^\Q$directive\E:? .*$expected/m,
        "$directive $shown is refused, and why")
        or diag $said;
}

# Where a directive may stand.
my @places = (
    ["<Location /x>\nWSPushMemory 8M\n</Location>",
        qr/WSPushMemory cannot occur within directory context/],
    ["<VirtualHost *:80>\nWSPushMaxConnections 8\n</VirtualHost>",
        qr/WSPushMaxConnections cannot occur within <VirtualHost> section/],
    ["<VirtualHost *:80>\nWSPushIOThreads 2\n</VirtualHost>",
        qr/WSPushIOThreads cannot occur within <VirtualHost> section/],
    ["<Location /x>\n<Limit POST>\nWSPush pubsub\n</Limit>\n</Location>",
        qr/WSPush cannot occur within <Limit> or <LimitExcept> section/],
);
for my $case (@places) {
    my ($text, $expected) = @$case;
    my ($ok, $said) = WSPushTest::Server->check($text);
    my ($where) = $text =~ /^(.*?)\nWSPush/s;
    $where =~ s/\n/ /g;
    ok(!$ok && $said =~ $expected, "$where: not there") or diag $said;
}

# Good values at their edges, each default written out, and many arguments.
my ($documented, $reference) =
    WSPushTest::Server->check('', '-D', 'DUMP_WSPUSH_DOCS');
ok($documented, 'the reference can be printed');
my @defaults = map { s/<[^>]+>//gr =~ s/&quot;/"/gr }
    $reference =~ m{<tr><th>Default</th><td>(.*?)</td></tr>}g;
cmp_ok(scalar @defaults, '>=', 20, 'it has a default for each directive');

my $good = join "\n", @defaults,
    'WSPushHistory 0', 'WSPushHistory 1000000 1000h', 'WSPushReplay OLDEST',
    'WSPushMaxMessage 256M', 'WSPushMaxMessage 1', 'WSPushQueue 1K drop-oldest',
    'WSPushPing 100ms 1h', 'WSPushPing off', 'WSPushRate 1000000/1h 1',
    'WSPushRate 10/s', 'WSPushRate 5/500ms', 'WSPushHeartbeat ' . 'x' x 125,
    'WSPushOrigin same https://a.example http://B.example:8080',
    'WSPushMemory 1m', 'WSPushIOThreads 64', 'WSPushChannelSplit "|"',
    'WSPushSubprotocols ' . join(' ', map { "p$_" } 1 .. 64),
    'WSPushOrigin ' . join(' ', map { "https://h$_.example" } 1 .. 255),
    'WSPushChannel ' . join(' ', map { "c$_" } 1 .. 255);
my ($ok, $said) = WSPushTest::Server->check($good);
ok($ok, 'good values are taken') or diag $said;

($ok, $said) = WSPushTest::Server->check(
    'WSPushChannel ' . join(' ', map { "c$_" } 1 .. 256));
ok(!$ok && $said =~ /WSPushChannel takes:/, 'the 256th channel is not')
    or diag $said;

done_testing();
