# SPDX-License-Identifier: Apache-2.0
#
# Each rule of the opening handshake (RFC 6455 4.2), broken alone: the status,
# a short text that names the rule, a line in the log, and a server that goes on.
use strict;
use warnings;

use Test::More;
use WSPushTest;

my $path = '/handshake/room';

# what is changed, status, text
my @broken = (
    [{ replace => { Connection => 'keep-alive' } },
        400, qr/Connection header does not name Upgrade/],
    [{ replace => { Connection => undef } },
        400, qr/Connection header does not name Upgrade/],
    [{ replace => { 'Sec-WebSocket-Key' => undef } },
        400, qr/Sec-WebSocket-Key header is missing/],
    [{ replace => { 'Sec-WebSocket-Key' => 'c2hvcnQ=' } },
        400, qr/Sec-WebSocket-Key is not 16 bytes/],
    [{ replace => { 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZX==' } },
        400, qr/Sec-WebSocket-Key is not 16 bytes/],
    [{ replace => { 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==AA' } },
        400, qr/Sec-WebSocket-Key is not 16 bytes/],
    [{ headers => ['Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ=='] },
        400, qr/Sec-WebSocket-Key is not 16 bytes/],
    [{ replace => { 'Sec-WebSocket-Version' => undef } },
        426, qr/Sec-WebSocket-Version header is missing/],
    [{ replace => { 'Sec-WebSocket-Version' => '8' } },
        426, qr/Only Sec-WebSocket-Version 13/],
    [{ replace => { 'Sec-WebSocket-Version' => '14' } },
        426, qr/Only Sec-WebSocket-Version 13/],
    [{ replace => { 'Sec-WebSocket-Version' => '013' } },
        426, qr/Only Sec-WebSocket-Version 13/],
    [{ headers => ['Content-Length' => 2], early => 'hi' },
        400, qr/has no request body/],
    [{ headers => ['Transfer-Encoding' => 'chunked'], early => "0\r\n\r\n" },
        400, qr/has no request body/],
    [{ protocols => ['chat', 'chat'] }, 400, qr/unique tokens/],
    [{ protocols => ['cha t'] },        400, qr/unique tokens/],
    [{ version => '1.0' },              400, qr{needs HTTP/1\.1}],
    [{ method  => 'HEAD' },             405, qr/^$/],
);
for my $case (@broken) {
    my ($options, $status, $text) = @$case;
    my $what = describe($options);
    my $mark = log_mark();
    my $ws   = ws($path, any => 1, %$options);
    is($ws->status, $status, "$what: $status");
    like($ws->body, $text, "$what: says why");
    is($ws->header('Sec-WebSocket-Accept'), undef, "$what: nothing accepted");
    like($ws->header('Content-Type'), qr{^text/plain}, "$what: as text");
    if ($status == 426) {
        is($ws->header('Sec-WebSocket-Version'), '13', "$what: says the version");
        is($ws->header('Upgrade'), 'websocket', "$what: says to what");
    }
    await_log($mark, qr{(?:GET|HEAD) /handshake/room: $status:});
    $ws->disconnect;
}

sub describe {
    my ($o) = @_;
    my %replaced = %{ $o->{replace} // {} };
    return join ', ',
        (map { "$_ " . ($replaced{$_} // 'missing') } sort keys %replaced),
        ($o->{headers} ? "also $o->{headers}[0]" : ()),
        ($o->{protocols} ? "protocols @{$o->{protocols}}" : ()),
        ($o->{version} ? "HTTP/$o->{version}" : ()),
        ($o->{method} // ());
}

# What only looks like a mistake.
my @fine = (
    { replace => { Upgrade => 'WebSocket', Connection => 'UPGRADE' } },
    { replace => { Connection => 'keep-alive, Upgrade' } },
    { replace => { Upgrade => 'h2c, websocket' } },
    { replace => { Connection => 'keep-alive' },
        headers => [connection => 'Upgrade'] },
    { headers => ['Content-Length' => 0] },
    { headers => ['Sec-WebSocket-Extensions' =>
        'permessage-bogus; x=1, permessage-deflate; client_max_window_bits'] },
    { protocols => ['not-spoken-here'] },
);
for my $options (@fine) {
    my $ws = ws($path, %$options);
    is($ws->status, 101, describe($options) . ': upgraded');
    is($ws->header('Sec-WebSocket-Extensions'), undef, '  without extension');
    is($ws->header('Sec-WebSocket-Protocol'),   undef, '  without subprotocol');
    $ws->disconnect;
}

# Upgrade to something else is a plain request.
my $other = ws($path, any => 1, replace => { Upgrade => 'h2c' });
is($other->status, 426, 'another protocol in Upgrade: a plain GET');
is($other->header('Upgrade'), 'websocket', '  and this place says what it speaks');

# A POST that carries upgrade headers is a publish: a server may ignore Upgrade.
my $post = http(POST => '/handshake/publish/x', body => 'hello', keep => 1,
    headers => [Upgrade => 'websocket', Connection => 'Upgrade']);
is($post->status, 202, 'a POST that asks to upgrade publishes');

# A refusal that leaves the connection in order leaves it open.
my $plain = http(GET => $path, keep => 1);
is($plain->status, 426, 'a plain GET');
my $again = ws($path, socket => $plain->socket);
is($again->status, 101, 'the same connection can still be upgraded');
$again->disconnect;

# No channel, no place.
is(ws('/handshake/', any => 1)->status, 404, 'no channel id: 404');
like(ws('/handshake/', any => 1)->body, qr/WSPushChannel/, '  and says so');
is(ws('/nowhere/x', any => 1)->status, 404, 'not an endpoint: as without us');
is(ws('/handshake/x?last_event_id=soon', any => 1)->status, 400,
    'last_event_id that is no id: 400');
is(ws('/handshake/x?last_event_id=', any => 1)->status, 101,
    'an empty last_event_id is none');

is(ws($path)->close, 1000, 'and a good handshake still works');
done_testing();
