#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Apache::Test's driver for one server: writes httpd.conf from t/conf/*.in,
# starts httpd, runs the .t files, stops httpd. Called by scripts/apache-suite,
# which has made a private copy of t/ for it, in that copy's top folder:
#
#   perl t/run.pl -mpm event -site DIR -result FILE [Apache::Test options] t/x.t
#
# The stock driver hands the files to Test::Harness, which only prints. This
# one counts, and leaves "passed failed" in FILE.
use strict;
use warnings;

use lib 't/lib';

package WSPushRun;
use parent 'Apache::TestRun';

use Apache::TestHarness ();
use WSPushTest::Tap     ();

my $result_file;

sub run_tests {
    my $self  = shift;
    my @files = Apache::TestHarness->get_tests({ tests => $self->{tests} });
    my @count = WSPushTest::Tap::run(\@files, lib => ['t/lib']);
    open my $out, '>', $result_file or die "$result_file: $!";
    print {$out} "@count\n";
    close $out or die "$result_file: $!";
    return;
}

package main;

# Our own options become variables for t/conf/*.in (mpm is @wspush_mpm@ there);
# Apache::Test would refuse to know them.
my @rest;
my %own = map { $_ => 1 } qw(mpm site result);
while (@ARGV) {
    my $arg = shift @ARGV;
    if ($arg =~ /^-(\w+)$/ && $own{$1}) {
        $Apache::TestConfig::Argv{"wspush_$1"} = shift @ARGV;
        next;
    }
    push @rest, $arg;
}
@ARGV        = @rest;
$result_file = $Apache::TestConfig::Argv{wspush_result}
    or die "t/run.pl: use scripts/apache-suite\n";
$ENV{APACHE_TEST_ULIMIT_SET} = 1;    # Apache::Test would exec itself again

WSPushRun->new->run(@ARGV);
