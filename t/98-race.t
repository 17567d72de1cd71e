use Test::More; use WSPushTest;
my $lost=0;
for my $n (1..400) { my $ws=ws("/push/race$n"); http(POST=>"/push/race$n", body=>"x"); my @g=$ws->fence; $lost++ if !@g; $ws->disconnect; }
is $lost,0,'none lost'; done_testing;
