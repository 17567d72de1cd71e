# SPDX-License-Identifier: Apache-2.0
package WSPushTest::Tap;

# Runs TAP programs with TAP::Harness and counts: one place that says what
# "N passed, M failed" means, for the C tests (scripts/tap) and for t/*.t
# (t/run.pl).
use strict;
use warnings;

use parent 'TAP::Harness';

# A program that bails out (it hung, it could not start) has failed. It is no
# reason to leave out the others, as the stock harness does.
sub _bailout { return }

# Run FILES. Options: exec (command words before each file; [] for programs),
# jobs, and lib. Returns (passed, failed). A program that crashed, was killed or
# printed no plan counts as one failure more than its failed tests.
sub run {
    my ($files, %options) = @_;
    return (0, 1) unless @$files;
    my $harness = __PACKAGE__->new({
        merge     => 1,
        timer     => 1,
        color     => 0,
        verbosity => ($options{jobs} // 1) > 1 ? 0 : 1,
        %options,
    });
    my $sum    = $harness->runtests(@$files);
    my @broken = grep { !$_->failed && $_->has_problems } $sum->parsers;
    return (scalar $sum->passed, $sum->failed + @broken);
}

1;
