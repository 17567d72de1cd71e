# SPDX-License-Identifier: Apache-2.0
#
# Node's `ws`, the client most servers are written against: node-ws.mjs prints
# the TAP, this file only says where the server is.
use strict;
use warnings;

use Apache::Test ();

my $port = Apache::Test::vars('port');
exec 'node', 't/foreign/node-ws.mjs', "127.0.0.1:$port"
    or die "Bail out! node: $!\n";
