# SPDX-License-Identifier: Apache-2.0
#
# Python's `websockets`: websockets_client.py prints the TAP, this file only says
# where the server is.
use strict;
use warnings;

use Apache::Test ();

my $port = Apache::Test::vars('port');
exec '/usr/bin/python3', 't/foreign/websockets_client.py', "127.0.0.1:$port"
    or die "Bail out! python3: $!\n";
