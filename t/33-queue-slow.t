# SPDX-License-Identifier: Apache-2.0
#
# WSPushQueue: a client that does not read is closed with 1013, or loses the
# oldest messages and is told; others notice nothing.
use strict;
use warnings;

use IO::Socket::INET ();
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use WSPushTest;

my $filler = 'x' x 100_000;    # long, to fill the kernel's buffers soon

# A socket whose kernel buffer takes little, so that the server notices early.
sub small_socket {
    my $socket = IO::Socket::INET->new(Proto => 'tcp') or die $!;
    $socket->setsockopt(SOL_SOCKET, SO_RCVBUF, pack 'i', 4096);
    $socket->connect(Socket::pack_sockaddr_in(server_port(),
        Socket::inet_aton('127.0.0.1'))) or die $!;
    return $socket;
}

# Publish until COUNTER of the status rises. @return how many
sub publish_until {
    my ($url, $counter, $listener) = @_;
    my $before = status()->{$counter};
    my $sent   = 0;
    await("$counter to rise", sub {
        for (1 .. 20) {
            http(POST => $url, body => ++$sent . " $filler");
            is_next($listener, $sent);
        }
        return status()->{$counter} > $before;
    });
    return $sent;
}

sub is_next {
    my ($listener, $n) = @_;
    my ($got) = $listener->recv->{payload} =~ /(\d+) x/;
    $got == $n or die "the fast reader got $got, not $n\n";
    return;
}

# --- close
my $mark = log_mark();
my $slow = ws('/limits/slow/room', socket => small_socket());
my $fast = ws('/limits/fast/room');
my $sent = publish_until('/limits/slow/room', 'closed_slow_total', $fast);
pass("the fast reader has all of $sent, in order");
await_client_log($mark, qr{at /limits/slow/room: closed 1013 .*WSPushQueue.*65536});
pass('the log names the client, the directive and the limit');
my @got;
while (my $message = $slow->recv) {
    push @got, $message->{payload} =~ /^(\d+) x/;
    is(length $message->{payload}, length("$got[-1] $filler"), 'a whole message')
        if @got == 1;
}
is_deeply(\@got, [1 .. @got], 'what the slow one had received is whole and in order');
cmp_ok(scalar @got, '<', $sent, '  and not all');
is($slow->closed->{code}, 1013, 'then it is closed: 1013');
like($slow->closed->{reason}, qr/WSPushQueue/, '  with the reason');
await('no bytes to wait', sub { status()->{queued_bytes} == 0 });
pass('nothing waits for it any more');
$fast->disconnect;

# --- drop-oldest; short enough that several fit into the queue
$filler = 'x' x 20_000;
$mark   = log_mark();
$slow = ws('/limits/drop/room2', socket => small_socket(),
    protocols => ['ws+meta.wspush']);
my $plain = ws('/limits/drop/room2', socket => small_socket());
$fast = ws('/limits/fast/room2');
$sent = publish_until('/limits/drop/room2', 'dropped_total', $fast);
await_client_log($mark, qr{/limits/drop/room2.*WSPushQueue drop-oldest});
http(POST => '/limits/drop/room2', body => 'the end');
is($fast->recv->{payload}, 'the end', "the fast reader has all of $sent");

my ($last, $gaps, $is_told) = (0, 0, 0);
while (1) {
    my ($head, $body) = split /\n\n/, $slow->recv->{payload}, 2;
    if ($head =~ /^gap: /m) {
        $gaps++;
        $is_told = 1;
        next;
    }
    last if $body eq 'the end';
    my ($n) = $body =~ /^(\d+) x/;
    if ($n != $last + 1) {
        ok($is_told, "from $last to $n: it was told");
        cmp_ok($n, '>', $last, '  and forward');
    }
    ($last, $is_told) = ($n, 0);
}
cmp_ok($gaps, '>=', 1, 'drop-oldest: a gap');
is($last, $sent, 'and the newest messages');

my @plain;
while (1) {
    my $body = $plain->recv->{payload};
    last if $body eq 'the end';
    push @plain, $body =~ /^(\d+) x/;
}
is_deeply(\@plain, [sort { $a <=> $b } @plain], 'without the subprotocol: in order');
is($plain[-1], $sent, '  to the newest');
is($slow->close, 1000, 'it is still a client in good order');
$_->disconnect for $plain, $fast;

# --- one message that is larger than the queue still goes to who is idle
my $idle = ws('/limits/slow/large');
http(POST => '/limits/slow/large', body => 'y' x 500_000);
is(length $idle->recv->{payload}, 500_000, 'a message larger than WSPushQueue');
$idle->disconnect;

done_testing();
