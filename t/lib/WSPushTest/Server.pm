# SPDX-License-Identifier: Apache-2.0
package WSPushTest::Server;

# A second httpd beside the one under test, for what needs a configuration or an
# end of its own: bad values, limits of a whole server, restarts, stops. It has
# the same httpd, MPM and modules, a folder below $TMPDIR, a port of its own,
# and leaves its error log as t/logs/NAME-error_log.
#
#   my $server = WSPushTest::Server->start(
#       conf     => 'WSPush pubsub',     # added to a small configuration;
#                                        # ${FOLDER}/htdocs is the DocumentRoot
#       children => 2,                   # at least; threads => 8
#       name     => 'stop');             # of the log; default: the test's
#   $server->folder
#   $server->http(METHOD, PATH, OPTIONS)  $server->ws(PATH, OPTIONS)
#   $server->status  $server->port  $server->pid  $server->children
#   $server->log                          the error log's text so far
#   $server->signal('USR1')               to the parent
#   $server->graceful                     and wait for the new children
#   $server->configure(TEXT)              for the next restart
#   $server->stop                         TERM and wait; also when it goes away
#   $server->findings                     crashes in its log; () is good
#
#   my ($ok, $output) = WSPushTest::Server->check('WSPush maybe');   # httpd -t
use strict;
use warnings;

use Carp       qw(croak);
use File::Temp qw(tempdir);
use IO::Socket::INET ();
use JSON::PP         ();

use Apache::Test ();
use WSPushTest   ();

my $vars  = Apache::Test::vars();
my $count = 0;

# --- configuration --------------------------------------------------------

sub base {
    my ($self) = @_;
    my $children = $self->{children} // 2;
    my $threads  = $self->{threads}  // 8;
    my $most     = 3 * $children;    # restarts have two generations at a time
    # The spare limits are what makes an MPM start as many after a restart.
    my $mpm = WSPushTest::mpm() eq 'prefork'
        ? "StartServers $children\nServerLimit $most\n"
        . "MaxRequestWorkers $most\nMinSpareServers $children\n"
        . "MaxSpareServers $most\n"
        : "StartServers $children\nServerLimit $most\n"
        . "ThreadsPerChild $threads\nThreadLimit $threads\n"
        . "MaxRequestWorkers @{[ $most * $threads ]}\n"
        . "MinSpareThreads @{[ ($children - 1) * $threads + 1 ]}\n"
        . "MaxSpareThreads @{[ $most * $threads ]}\n";
    return <<"END" . $mpm . <<'END';
Include "$vars->{httpd_conf}"
Define FOLDER "$self->{folder}"
Listen 127.0.0.1:$self->{port}
ServerName 127.0.0.1
ServerRoot "$self->{folder}"
DefaultRuntimeDir "$self->{folder}"
PidFile "$self->{folder}/httpd.pid"
DocumentRoot "$self->{folder}/htdocs"
ErrorLog "$self->{log}"
LogLevel info wspush:debug
<IfModule mod_mime.c>
    TypesConfig /dev/null
</IfModule>
END
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
<Location "/server-status">
    SetHandler server-status
    WSPush off
</Location>
<Location "/wspush-status">
    SetHandler wspush-status
    WSPush off
</Location>
END
}

sub configure {
    my ($self, $text) = @_;
    open my $out, '>', "$self->{folder}/httpd.conf" or croak "httpd.conf: $!";
    print {$out} $self->base, $text, "\n";
    close $out or croak "httpd.conf: $!";
    return;
}

sub free_port {
    my $socket = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1)
        // croak "no free port: $!";
    return $socket->sockport;
}

sub new {
    my ($class, %o) = @_;
    my ($test) = $0 =~ m{([^/]+)\.t$};
    my $name = $o{name} // ($test // 'server') . ($count++ ? "-$count" : '');
    my $self = bless {
        %o,
        folder => tempdir('server.XXXXXX', TMPDIR => 1, CLEANUP => 1),
        log    => "$vars->{t_logs}/$name-error_log",
        port   => free_port(),
        owner  => $$,
    }, $class;
    mkdir "$self->{folder}/htdocs" or croak "htdocs: $!";
    open my $page, '>', "$self->{folder}/htdocs/index.html" or croak "page: $!";
    print {$page} "welcome\n";
    close $page or croak "page: $!";
    unlink $self->{log};
    return $self;
}

# Runs httpd with arguments, to its end.  @return (status is 0, what it said)
sub run {
    my ($self, @arguments) = @_;
    my $pid = open(my $output, '-|') // croak "fork: $!";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec $vars->{httpd}, '-d', $self->{folder}, '-f',
            "$self->{folder}/httpd.conf", @arguments
            or die "$vars->{httpd}: $!\n";
    }
    local $/ = undef;
    my $text = <$output> // '';
    return (close($output) ? 1 : 0, $text);
}

sub check {
    my ($class, $text, @arguments) = @_;
    my $self = $class->new(name => 'check');
    $self->configure($text);
    my ($ok, $said) = $self->run('-t', @arguments);
    # where it stands is the test's business, not the folder's name
    $said =~ s{\Q$self->{folder}\E/?}{}g;
    return ($ok, $said);
}

# --- life -----------------------------------------------------------------

sub start {
    my ($class, %o) = @_;
    my $self = $class->new(%o);
    $self->configure($o{conf} // '');
    my ($ok, $said) = $self->run('-k', 'start');
    $ok or croak "httpd does not start: $said" . $self->log;
    WSPushTest::await('a second httpd', sub { $self->is_up });
    return $self;
}

sub is_up {
    my ($self) = @_;
    return 0 unless $self->children >= ($self->{children} // 2);
    return $self->log =~ /resuming normal operations/
        && IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $self->{port});
}

sub port   { return $_[0]{port} }
sub folder { return $_[0]{folder} }

sub pid {
    my ($self) = @_;
    my ($pid) = WSPushTest::slurp("$self->{folder}/httpd.pid") =~ /^(\d+)$/;
    $self->{pid} = $pid if $pid;
    return $self->{pid} // 0;
}

sub children {
    my ($self) = @_;
    return WSPushTest::children_of($self->pid);
}

sub log { return WSPushTest::slurp($_[0]{log}) }

sub signal {
    my ($self, $name) = @_;
    return kill $name => $self->pid;
}

# The old children may still be ending.
sub graceful {
    my ($self) = @_;
    my %before = map { $_ => 1 } $self->children;
    my $ups    = () = $self->log =~ /resuming normal operations/g;
    $self->signal('USR1') or croak "graceful: $!";
    WSPushTest::await('the graceful restart', sub {
        my $now = () = $self->log =~ /resuming normal operations/g;
        my @new = grep { !$before{$_} } $self->children;
        return $now > $ups && @new >= ($self->{children} // 2);
    });
    return;
}

sub stop {
    my ($self) = @_;
    my $pid = $self->pid or return;
    kill TERM => $pid;
    WSPushTest::await('the end of httpd', sub { !WSPushTest::is_alive($pid) });
    $self->{pid} = 0;
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ($@, $?, $!);
    return unless $self->{owner} == $$ && $self->pid;
    eval { $self->stop; 1 } or kill KILL => $self->children, $self->pid;
    return;
}

# A test may kill a child (9); nothing else may end one.
sub findings {
    my ($self) = @_;
    return grep { /exit signal (?!Killed)|assertion/i } split /\n/, $self->log;
}

# --- requests -------------------------------------------------------------

sub http {
    my ($self, $method, $path, %o) = @_;
    return WSPushTest::http($method, $path, port => $self->{port}, %o);
}

sub ws {
    my ($self, $path, %o) = @_;
    return WSPushTest::ws($path, port => $self->{port}, %o);
}

sub status {
    my ($self) = @_;
    return WSPushTest::decode($self->http(GET => '/wspush-status?json'),
        'status');
}

1;
