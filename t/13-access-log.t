# SPDX-License-Identifier: Apache-2.0
#
# The access log has a line per handshake, as of any request: 101, written when
# the connection leaves httpd and not when the client goes; refusals, too.
use strict;
use warnings;

use Test::More;
use WSPushTest;

sub lines_with {
    my ($mark) = @_;
    return grep { /\Q$mark\E/ }
        split /\n/, WSPushTest::slurp(server_root() . '/logs/access_log');
}

sub line_with {
    my ($mark) = @_;
    return await("an access log line with $mark", sub { (lines_with($mark))[0] });
}

my $ws = ws('/push/logged?mark=upgrade', headers => ['User-Agent' => 'tester/1']);
like(line_with('mark=upgrade'),
    qr{^127\.0\.0\.1 - "GET /push/logged\?mark=upgrade HTTP/1\.1" 101 \S+ pid=\d+ "tester/1"$},
    'the upgrade is logged with 101 while the client is there');
my ($pid) = line_with('mark=upgrade') =~ /pid=(\d+)/;
is(child_of($ws), $pid, 'by the child that holds it');

$ws->send_text($_) for 1 .. 10;
$ws->recv_many(10);
is($ws->close, 1000, 'after some traffic and a good end');
http(GET => '/push/logged?mark=refused');
like(line_with('mark=refused'), qr{" 426 \d+ pid=}, 'a refusal has its status');
is(scalar(lines_with('mark=upgrade')), 1, 'still one line of the upgrade');

http(POST => '/pub/logged?mark=post', body => 'x');
like(line_with('mark=post'), qr{"POST /pub/logged\?mark=post HTTP/1\.1" 202},
    'a publish is logged as what it is');

# the module's own lines about a client name it and its place
my $mark = log_mark();
$ws = ws('/push/logged');
my $port = $ws->socket->sockport;
$ws->close(1000, 'done');
ok(await_client_log($mark, qr{client 127\.0\.0\.1:$port at /push/logged: closed 1000}),
    'the end is in the error log, with who and where');

done_testing();
