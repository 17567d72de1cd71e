# SPDX-License-Identifier: Apache-2.0
#
# The point of it all: clients cost no worker. Many times more clients than this
# server has workers, in each MPM, and it still serves pages.
use strict;
use warnings;

use Test::More;
use WSPushTest;

my $workers = mpm() eq 'prefork' ? 6 : 16;    # t/conf/httpd.conf.in
my $count   = 20 * $workers;

my @clients = map { ws('/push/crowd') } 1 .. $count;
is(scalar @clients, $count, "$count clients on $workers workers");
await('idle workers', sub { workers_busy() == 0 });
pass('no worker is busy');
my $auto = await('a board without the last requests', sub {
    my $text = http(GET => '/server-status?auto')->body;
    my ($board) = $text =~ /^Scoreboard: (\S+)/m;
    return $board =~ tr/KRC// ? undef : $text;
});
pass('nobody reads, keeps or closes');
my ($idle) = $auto =~ /^IdleWorkers: (\d+)/m;
cmp_ok($idle, '>=', 1, 'some are idle');
if (mpm() eq 'event') {
    # a few that other tests left may still be closing; none of these clients
    my ($total) = $auto =~ /^ConnsTotal: (\d+)/m;
    cmp_ok($total, '<', $count / 2, 'the event MPM has no connection of theirs');
}

# as many pages at once as there are workers
my @page = map { WSPushTest::HTTP::connect_to(server_port()) } 1 .. $workers;
$_->syswrite("GET / HTTP/1.1\r\n") for @page;
for my $socket (@page) {
    $socket->syswrite("Host: x\r\nConnection: close\r\n\r\n");
    local $/ = undef;
    my $text = <$socket>;
    like($text, qr{^HTTP/1\.1 200 .*welcome}s, 'a page, at the same time as others');
}

# everyone is there, over all children
my %by_child;
$by_child{ child_of($clients[$_]) // 'nobody' }++ for map { $_ * 5 } 0 .. 19;
cmp_ok(scalar keys %by_child, '>=', 2, 'they are in several children');
ok(!$by_child{nobody}, '  each in one');
is(status()->{connections}, $count, 'the status counts them');

http(POST => '/push/crowd', body => 'to the crowd');
my $heard = grep { $_->recv->{payload} eq 'to the crowd' } @clients;
is($heard, $count, 'a message reaches all');
$clients[0]->send_text('from one of us');
$heard = grep { $_->recv->{payload} eq 'from one of us' } @clients;
is($heard, $count, 'a message of one of them, too');

# half go without a word, the others properly; nobody is held up
$_->disconnect for @clients[0 .. $count / 2 - 1];
is($clients[$_]->close, 1000, 'a good end') for $count - 3 .. $count - 1;
await('the half that is left', sub { status()->{connections} == $count / 2 - 3 });
pass('those who left are noticed');
$_->disconnect for @clients[$count / 2 .. $count - 4];
await('an empty server', sub { status()->{connections} == 0 });
is(http(GET => '/')->status, 200, 'a page at the end');

done_testing();
