# SPDX-License-Identifier: Apache-2.0
#
# TLS by mod_ssl: publishing works, also bodies that come in many records; a
# WebSocket is refused with a reason.
use strict;
use warnings;

use Test::More;
use WSPushTest;
use WSPushTest::Server ();

my $apxs = $ENV{APXS} // 'apxs';
chomp(my $modules = qx($apxs -q LIBEXECDIR));
plan skip_all => 'no mod_ssl' unless -e "$modules/mod_ssl.so";
plan skip_all => 'no IO::Socket::SSL' unless eval { require IO::Socket::SSL; 1 };
my $pem = server_root() . '/logs/tls.pem';
my $made = qx(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout $pem.key -out $pem 2>&1);
plan skip_all => 'no openssl command' if $?;

my $port   = WSPushTest::Server::free_port();
my $server = WSPushTest::Server->start(conf => <<"END");
LoadModule ssl_module "$modules/mod_ssl.so"
Listen 127.0.0.1:$port
<Location "/push/">
    WSPush pubsub
    WSPushMaxMessage 4M
</Location>
<VirtualHost *:$port>
    SSLEngine on
    SSLCertificateFile "$pem"
    SSLCertificateKeyFile "$pem.key"
</VirtualHost>
END

# The clients of this suite read and write any socket, so one of TLS as well.
sub tls {
    return IO::Socket::SSL->new(
        PeerAddr        => '127.0.0.1',
        PeerPort        => $port,
        SSL_verify_mode => 0,
    ) // die "no TLS connection\n";
}

# IO::Select does not see what TLS has read ahead: read to the end.
sub request {
    my ($text, @pieces) = @_;
    my $socket = tls();
    for my $piece ($text, @pieces) {
        my $at = 0;
        $at += syswrite $socket, $piece, 16_000, $at while $at < length $piece;
    }
    local $/ = undef;
    return scalar <$socket>;
}

my $ws = $server->ws('/push/tls');
my $small = request("POST /push/tls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    . "Content-Length: 5\r\n\r\nsmall");
like($small, qr{^HTTP/1\.1 201}, 'a publish over TLS');
is($ws->recv->{payload}, 'small', '  arrives');

# each record is another text, so that a buffer used twice would show
for my $size (20_000, 100_000, 2_000_000) {
    my $body = substr join(' ', 1 .. $size / 4), 0, $size;
    my $large = request("POST /push/tls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n", $body);
    like($large, qr{^HTTP/1\.1 201}, "$size bytes over TLS");
    ok($ws->recv->{payload} eq $body, '  arrive as they were sent');
}

my $refused = request(join "\r\n", 'GET /push/tls HTTP/1.1', 'Host: x',
    'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', '');
like($refused, qr{^HTTP/1\.1 501}, 'a WebSocket over TLS: 501');
like($refused, qr/over TLS cannot be taken over/, '  and says why');
is($ws->close, 1000, 'plain clients go on');
$server->stop;
is_deeply([$server->findings], [], 'no child has died');

done_testing();
