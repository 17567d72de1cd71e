# SPDX-License-Identifier: Apache-2.0
#
# The ground that every other suite stands on: httpd is up with the module and
# the MPM that was asked for, serves a file, and has at least two children.
use strict;
use warnings;

use Apache::Test ();
use Test::More;
use WSPushTest;

my $page = http(GET => '/');
is($page->status, 200, 'GET / is answered');
like($page->body, qr/welcome/, 'with the page');

ok(Apache::Test::have_module('mod_wspush'), 'mod_wspush is loaded');
my $server = http(GET => '/server-status?auto')->body;
is(($server =~ /^ServerMPM: (\w+)/m)[0], mpm(), 'under the MPM of this run');

my @pids = children();
cmp_ok(scalar @pids, '>=', 2, 'at least two children');
cmp_ok($pids[0], '!=', $pids[1], 'with different pids');
await('idle workers', sub { workers_busy() == 0 });
pass('no worker is busy with anything');

my $kept = http(GET => '/', keep => 1);
ok((grep { $_ == (child_of($kept->socket) // 0) } @pids),
    'the child that holds a connection is one of them');

done_testing();
