# SPDX-License-Identifier: Apache-2.0
package WSPushTest;

# What a t/*.t file needs to talk to the server under test. `use WSPushTest;`
# exports everything below and sets an alarm, so that a hang is a failed test.
# Use it together with Test::More:
#
#     use Test::More;
#     use WSPushTest;
#
#     my $ws = ws('/push/news');
#     publish('news', 'hello');
#     is($ws->recv->{payload}, 'hello', 'a message arrives');
#     done_testing();
#
# Every wait has a deadline ($WSPushTest::TIMEOUT seconds) and dies after it with
# what it waited for. Nothing here waits for time to pass.
#
#   ws(PATH, OPTIONS)            open a WebSocket, see WSPushTest::WebSocket;
#                                dies unless the answer is 101 (or OPTION any)
#   http(METHOD, PATH, OPTIONS)  one request, see WSPushTest::HTTP
#   publish(CHANNEL, BODY, OPTIONS)   POST to /pub/CHANNEL; the response
#   info(CHANNEL)                channel info as a hash, undef for 404
#   status()                     wspush-status as a hash
#   server_port() server_root()  where the server is
#   parent_pid() children()      pids; children are sorted
#   is_alive(PID)
#   child_of(SOCKET, PIDS)       pid of the child that holds the other end; PIDS:
#                                another server's children
#   ws_in_children(N, PATH, OPTIONS)  one open WebSocket in each of N children
#   workers_busy()               mod_status' BusyWorkers, this request not counted
#   hears(WS, [TEXTS], NAME)     a test: these messages come, no others
#   await(WHAT, SUB)             until SUB returns true; its value
#   log_mark() log_since(MARK)   the error log from a point on
#   await_log(MARK, REGEX)       until a line matches
#   await_client_log(MARK, REGEX)  the same, for lines of the I/O threads
#   graceful()                   graceful restart; returns when it is done
#   mpm() flavour()              event|worker|prefork, plain|asan|tsan
use strict;
use warnings;

use Exporter qw(import);
use IO::Select ();
use IO::Socket::INET ();
use JSON::PP     ();
use Time::HiRes  qw(time);

use Apache::Test ();
use Test::More   ();
use WSPushTest::HTTP ();
use WSPushTest::WebSocket ();

our @EXPORT = qw(
    ws http publish info status server_port server_root parent_pid children
    is_alive child_of ws_in_children workers_busy await log_mark log_since await_log
    await_client_log graceful hears mpm flavour
);

# Sanitizers slow everything down.
my %patience = (plain => 1, asan => 3, tsan => 6);
our $PATIENCE = $patience{ $ENV{WSPUSH_FLAVOUR} // 'plain' } // 1;
our $TIMEOUT  = 10 * $PATIENCE;
our $ALARM    = 60 + 60 * $PATIENCE;

$SIG{ALRM} = sub { print "# $0 hung for $ALARM seconds\n"; exit 124 };
$SIG{PIPE} = 'IGNORE';    # a closed socket is a failed write, not an exit
alarm $ALARM;

my $vars = Apache::Test::vars();

sub mpm         { return $ENV{WSPUSH_MPM}     // 'event' }
sub flavour     { return $ENV{WSPUSH_FLAVOUR} // 'plain' }
sub server_port { return $vars->{port} }
sub server_root { return $vars->{serverroot} }

# --- requests -----------------------------------------------------------

sub http {
    my ($method, $path, %options) = @_;
    return WSPushTest::HTTP->request($method, $path,
        port => server_port(), timeout => $TIMEOUT, %options);
}

sub ws {
    my ($path, %options) = @_;
    return WSPushTest::WebSocket->open($path,
        port => server_port(), timeout => $TIMEOUT, %options);
}

sub publish {
    my ($channel, $body, %options) = @_;
    return http(POST => "/pub/$channel", body => $body, %options);
}

sub info {
    my ($channel) = @_;
    my $response =
        http(GET => "/pub/$channel", headers => [Accept => 'application/json']);
    return undef if $response->status == 404;
    return decode($response, "info of $channel");
}

sub status {
    return decode(http(GET => '/wspush-status?json'), 'status');
}

sub decode {
    my ($response, $what) = @_;
    $response->status == 200
        or die "$what: " . $response->status . ' ' . $response->body;
    return JSON::PP->new->decode($response->body);
}

sub hears {
    my ($ws, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @got;
    my $ok = eval { @got = $ws->recv_only(scalar @$expected); 1 };
    Test::More::is_deeply(\@got, $expected, $name) && $ok
        or Test::More::diag($@);
    return;
}

# --- processes ----------------------------------------------------------

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or return '';
    local $/ = undef;
    my $text = <$in>;
    return $text // '';
}

sub parent_pid {
    my ($pid) = slurp($vars->{t_pid_file}) =~ /^(\d+)$/;
    return $pid // die "no pid in $vars->{t_pid_file}\n";
}

# Living children of a parent: /proc/PID/stat is "pid (name) state ppid".
sub children_of {
    my ($parent) = @_;
    my @found;
    for my $file (glob '/proc/[0-9]*/stat') {
        my ($pid, $state, $ppid) =
            slurp($file) =~ /^(\d+) \(.*\) (\S) (\d+)/s;
        push @found, $pid if defined $ppid && $ppid == $parent && $state ne 'Z';
    }
    @found = sort { $a <=> $b } @found;
    return @found;
}

# Not a zombie either, which nobody may be there to wait for.
sub is_alive {
    my ($pid) = @_;
    return slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) ([^Z]) /s;
}

sub children { return children_of(parent_pid()) }

# The server's end of a connection is the row of /proc/net/tcp whose local port
# is the server's and whose remote port is ours; its inode is a link in the
# holder's fd folder. A taken-over socket is found the same way.
sub child_of {
    my ($socket, @pids) = @_;
    @pids = children() unless @pids;
    $socket = $socket->socket if !$socket->isa('IO::Socket');
    my $row = sprintf ':%04X [0-9A-F]{8}:%04X', $socket->peerport,
        $socket->sockport;
    for my $line (split /\n/, slurp('/proc/net/tcp')) {
        my $inode = (split ' ', $line)[9];
        next unless $line =~ $row && $inode;
        for my $pid (@pids) {
            for my $link (glob "/proc/$pid/fd/*") {
                return $pid if (readlink $link // '') eq "socket:[$inode]";
            }
        }
    }
    return undef;
}

# Nobody can tell the kernel which child shall accept. Connections that come in
# at the same time wake several, so: bunches, until N children have one each.
sub ws_in_children {
    my ($wanted, $path, %options) = @_;
    my %by_pid;
    await("$wanted children with a WebSocket", sub {
        my @bunch = map {
            IO::Socket::INET->new(
                PeerAddr => '127.0.0.1', PeerPort => server_port())
                or die "connect: $!\n"
        } 1 .. 8;
        # Half a request occupies an accepting child until the rest comes.
        $_->syswrite("GET ") for @bunch;
        for my $socket (@bunch) {
            # Its turn may come after RequestReadTimeout on a busy machine.
            my $ws = eval {
                ws($path, %options, socket => $socket, sent => 'GET ')
            } or next;
            my $pid = child_of($ws) // next;
            if ($by_pid{$pid} || keys %by_pid >= $wanted) {
                $ws->disconnect;
                next;
            }
            $by_pid{$pid} = $ws;
        }
        return keys %by_pid >= $wanted;
    });
    return \%by_pid;
}

sub workers_busy {
    my $text = http(GET => '/server-status?auto')->body;
    my ($busy) = $text =~ /^BusyWorkers: (\d+)/m;
    defined $busy or die "no BusyWorkers in: $text\n";
    return $busy - 1;
}

# --- waiting ------------------------------------------------------------

# For what sends no event to wait on (another process' state). Looks again
# whenever the quiet pipe has been quiet for a moment, which is always.
my ($quiet, $quiet_end);
pipe $quiet, $quiet_end or die "pipe: $!\n";
my $moment = IO::Select->new($quiet);

sub await {
    my ($what, $test, $seconds) = @_;
    my $deadline = time + ($seconds // $TIMEOUT);
    while (1) {
        my $value = $test->();
        return $value if $value;
        die "waited in vain for: $what\n" if time > $deadline;
        $moment->can_read(0.02);
    }
}

sub log_file { return "$vars->{t_logs}/error_log" }
sub log_mark { return -s log_file() }

sub log_since {
    my ($mark) = @_;
    return substr slurp(log_file()), $mark // 0;
}

sub await_log {
    my ($mark, $regex) = @_;
    return await("a log line that matches $regex", sub {
        my ($line) = grep { /$regex/ } split /\n/, log_since($mark);
        return $line;
    });
}

# An I/O thread writes ten lines a second about clients and then how many more
# there would have been: enough here.
sub await_client_log {
    my ($mark, $regex) = @_;
    return await_log($mark, qr/$regex|more log lines about clients were left out/);
}

# Done means: the new generation's line is in the log, and every new child
# answers (the old ones may still be finishing).
sub graceful {
    my $mark   = log_mark();
    my %before = map { $_ => 1 } children();
    kill USR1 => parent_pid() or die "graceful: $!\n";
    await_log($mark, qr/resuming normal operations/);
    await('new children', sub { grep { !$before{$_} } children() });
    return;
}

1;
