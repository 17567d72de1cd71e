# SPDX-License-Identifier: Apache-2.0
#
# The load tool against the real server, in small: every acknowledged message
# reaches every subscriber of every child once and in one order; publishers that
# never wait; no history; several channels per client; a publish in the instant
# of the 101. bench/ has the same in large.
use strict;
use warnings;

use FindBin;
use Test::More;
use WSPushTest;

my $wsload = "$FindBin::Bin/../wsload";
ok(-x $wsload, 'the load tool is there (make bench-tools)')
    or BAIL_OUT('build/bench/wsload is missing');

my $children = mpm() eq 'prefork' ? 1 : 2;

sub load_ok {
    my ($what, $mode, @options) = @_;
    my $url = sprintf 'http://127.0.0.1:%d%s', server_port(),
        shift @options;
    my @command = ($wsload, $mode, @options, '--url', $url);
    my $output  = qx(@command 2>&1);
    ok($? == 0, $what) or diag("@command\n$output");
    return;
}

load_ok('4 publishers, 4 channels', 'verify', '/push/', '--subs', 120,
    '--channels', 4, '--messages', 300, '--publishers', 4, '--children', $children);
load_ok('publishers that never wait, no history', 'verify', '/load-none/',
    '--subs', 60, '--channels', 2, '--messages', 1000, '--publishers', 2,
    '--pipeline');
load_ok('publishers that never wait, history of one', 'verify',
    '/load-one/', '--subs', 60, '--channels', 2, '--messages', 1000,
    '--publishers', 2, '--pipeline');
load_ok('3 of 7 channels per client, by ids', 'verify', '/load-many/',
    '--subs', 40, '--channels', 7, '--messages', 300, '--publishers', 3,
    '--multiplex', 3, '--meta');
load_ok('publishers over WebSocket', 'verify', '/push/', '--subs', 40,
    '--messages', 200, '--publishers', 3, '--ws-publish');
load_ok('a publish in the instant of the 101', 'seam', '/load-none/', 200);

done_testing();
