# SPDX-License-Identifier: Apache-2.0
#
# The status page in its four forms, its figures, the self-check, and the section
# on mod_status' page.
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use WSPushTest;

# clients of the test before this one may still be leaving
await('a quiet server', sub { status()->{connections} == 0 });
my $before = status();
my $ws     = ws('/push/status');
http(POST => '/push/status', body => 'one');
$ws->send_text('two');
$ws->recv_many(2);

# The I/O threads tell their figures at the end of a turn.
my $now;
await('the figures', sub {
    $now = status();
    return $now->{deliveries_total} >= $before->{deliveries_total} + 2
        && $now->{messages_in_total} >= $before->{messages_in_total} + 1;
});
is($now->{connections}, $before->{connections} + 1, 'connections');
is($now->{connections_total}, $before->{connections_total} + 1, 'connections_total');
is($now->{messages_in_total}, $before->{messages_in_total} + 1, 'messages_in_total');
is($now->{deliveries_total}, $before->{deliveries_total} + 2, 'deliveries_total');
is($now->{published_total}, $before->{published_total} + 2, 'published_total');
cmp_ok($now->{bytes_out_total}, '>', $before->{bytes_out_total}, 'bytes_out_total');
cmp_ok($now->{channels}, '>=', 1, 'channels');
is($now->{segment_bytes}, 16 * 1024 * 1024, 'segment_bytes is WSPushMemory');
cmp_ok($now->{blocks_free}, '<=', $now->{blocks}, 'blocks');
cmp_ok($now->{blocks_free}, '>', 0, 'blocks_free');

# --- children
my @children = @{ $now->{children} };
is_deeply([sort map { $_->{pid} } @children], [sort(children())],
    'each child has a seat, and nobody else');
is($now->{seats_taken}, scalar @children, 'seats_taken');
cmp_ok($now->{seats}, '>=', 2 * @children, 'seats for a restart');
my ($holder) = grep { $_->{pid} == child_of($ws) } @children;
cmp_ok($holder->{connections}, '>=', 1, "the holder's seat counts the client");
my $sum = 0;
$sum += $_->{connections} for @children;
is($sum, $now->{connections}, 'the seats add up');
ok((grep { $_ == $now->{pid} } children()), 'pid: the child that answered');

# --- forms
my $json = http(GET => '/wspush-status', headers => [Accept => 'application/json']);
like($json->header('Content-Type'), qr{^application/json}, 'JSON by Accept');
ok(JSON::PP->new->decode($json->body), '  which it is');
is($json->header('Cache-Control'), 'no-store', '  not for caches');

my $html = http(GET => '/wspush-status');
like($html->header('Content-Type'), qr{^text/html; charset=utf-8}i, 'HTML by default');
like($html->body, qr/Clients connected/, '  in words');
like($html->body, qr/<\/html>/, '  to its end');
unlike($html->body, qr/<script/i, '  without scripts');

my $metrics = http(GET => '/wspush-status?prometheus');
like($metrics->header('Content-Type'), qr{^text/plain; version=0\.0\.4}, 'Prometheus');
my (%help, %type, %value, @odd);
for (split /\n/, $metrics->body) {
    if    (/^# HELP (wspush_\w+) \S/)                   { $help{$1}  = 1 }
    elsif (/^# TYPE (wspush_\w+) (counter|gauge)$/)     { $type{$1}  = $2 }
    elsif (/^(wspush_\w+) (-?\d+)$/)                    { $value{$1} = $2 }
    else                                                { push @odd, $_ }
}
is_deeply(\@odd, [], '  each line has a form');
is_deeply([sort keys %help], [sort keys %value], '  each figure has its HELP');
is_deeply([sort keys %type], [sort keys %value], '  and its TYPE');
is($value{wspush_connections}, $now->{connections}, '  the same figures');
is_deeply([grep { ($type{$_} eq 'counter') != /_total$/ } keys %type], [],
    '  counters end in _total, gauges do not');
is_deeply([sort map { s/^wspush_//r } keys %value],
    [sort grep { !ref $now->{$_} && $_ ne 'pid' } keys %$now],
    'JSON and Prometheus have the same figures');

is(http(POST => '/wspush-status', body => 'x')->status, 405, 'only GET');
is(http(HEAD => '/wspush-status')->status, 200, 'and HEAD');

# --- self-check
my $checked = WSPushTest::decode(http(GET => '/wspush-status?check&json'), 'check');
is($checked->{check_findings}, 0, 'the self-check finds nothing');
cmp_ok(abs($checked->{check_time} - time), '<=', 5, '  and has just run');
is(status()->{check_time}, $checked->{check_time}, 'its result stays');

# --- mod_status
my $auto = http(GET => '/server-status?auto')->body;
my %auto = $auto =~ /^wspush_(\w+): (-?\d+)$/mg;
is($auto{connections}, $now->{connections}, 'mod_status ?auto has the figures');
like(http(GET => '/server-status')->body, qr{<h2>mod_wspush</h2>},
    "mod_status' page has a section");

# --- what a client leaves behind
$ws->close;
await('the count to go back', sub {
    status()->{connections} == $before->{connections}
});
pass('a client that left is not counted');
is(status()->{connections_total}, $now->{connections_total}, 'but was');

done_testing();
