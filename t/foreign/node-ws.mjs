// SPDX-License-Identifier: Apache-2.0
//
// Node's `ws` against the server under test, with the client's own defaults (it
// offers permessage-deflate, which may be declined). Prints TAP.
//
//     node node-ws.mjs 127.0.0.1:8529
import WebSocket from 'ws';

const [server] = process.argv.slice(2);
const ALARM_MS = 120_000;

let count = 0;
let failed = 0;

function ok(good, name, note = '') {
    count += 1;
    failed += good ? 0 : 1;
    console.log(`${good ? 'ok' : 'not ok'} ${count} - ${name}`);
    if (!good && note)
        console.log(`# ${note}`);
}

function is(got, wanted, name) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    ok(a === b, name, `got ${a}, wanted ${b}`);
}

setTimeout(() => {
    console.log(`# hung for ${ALARM_MS / 1000} s`);
    process.exit(124);
}, ALARM_MS).unref();

/** An open client that keeps what comes, and can wait for it. */
class Client {
    static open(path, protocols = [], options = {}) {
        const client = new Client();
        client.socket = new WebSocket(`ws://${server}${path}`, protocols, options);
        client.messages = [];
        client.wake = () => {};
        client.socket.on('message', (data, isBinary) => {
            client.messages.push(isBinary ? data : data.toString());
            client.wake();
        });
        client.socket.on('error', () => {});
        client.closed = new Promise((done) => {
            client.socket.on('close', (code, reason) =>
                done({ code, reason: reason.toString() }));
        });
        return new Promise((opened, refused) => {
            client.socket.on('open', () => opened(client));
            client.socket.on('unexpected-response', (_, response) => {
                refused(Object.assign(new Error('refused'),
                    { status: response.statusCode, headers: response.headers }));
            });
        });
    }

    /** The first `wanted` messages, once they are here. */
    async first(wanted) {
        while (this.messages.length < wanted)
            await new Promise((more) => { this.wake = more; });
        return this.messages.slice(0, wanted);
    }

    close(code) {
        this.socket.close(code);
        return this.closed;
    }
}

async function post(channel, body, type = 'text/plain') {
    const response = await fetch(`http://${server}/pub/${channel}`,
        { method: 'POST', body, headers: { 'Content-Type': type } });
    await response.arrayBuffer();
    return response;
}

const room = `node-${process.pid}`;

// --- echo ----------------------------------------------------------------

const echo = await Client.open('/echo/node');
is(echo.socket.protocol, '', 'no subprotocol was asked for, none is answered');
is(echo.socket.extensions, '', 'no extension is answered');
const texts = ['', 'hello', '你好，世界 👋🏽', 'x'.repeat(125), 'x'.repeat(126),
    'x'.repeat(65_535), 'x'.repeat(65_536), 'ü'.repeat(250_000)];
for (const text of texts)
    echo.socket.send(text);
is((await echo.first(texts.length)).map((text) => text.length),
    texts.map((text) => text.length), 'texts of all lengths come back');
ok(texts.every((text, i) => text === echo.messages[i]), 'unchanged, in order');

const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256));
echo.messages = [];
echo.socket.send(bytes);
ok(bytes.equals((await echo.first(1))[0]), 'bytes come back as bytes');

echo.messages = [];
echo.socket.send('one ', { fin: false });
echo.socket.send('two ', { fin: false });
echo.socket.ping('between fragments');
const pong = new Promise((done) => echo.socket.once('pong', done));
echo.socket.send('three', { fin: true });
is((await pong).toString(), 'between fragments', 'a ping between fragments');
is(await echo.first(1), ['one two three'], 'fragments are put together');
is((await echo.close(1000)).code, 1000, 'the close is echoed');

// --- push ----------------------------------------------------------------

const many = await Promise.all(
    Array.from({ length: 20 }, () => Client.open(`/sub/${room}`)));
const numbers = Array.from({ length: 200 }, (_, i) => `message ${i}`);
for (const text of numbers)
    await post(room, text);
const lists = await Promise.all(many.map((client) => client.first(200)));
ok(lists.every((list) => JSON.stringify(list) === JSON.stringify(numbers)),
    '20 clients have 200 messages each, in order, once');

const response = await post(room, new Uint8Array([0, 255, 128]),
    'application/octet-stream');
is(response.status, 201, 'a publish with subscribers is 201');
ok(Buffer.from([0, 255, 128]).equals((await many[0].first(201))[200]),
    'application/octet-stream is a binary message');

// --- resume --------------------------------------------------------------

const meta = await Client.open(`/sub/${room}`, ['unknown', 'ws+meta.nchan']);
is(meta.socket.protocol, 'ws+meta.nchan', 'the subprotocol that both know');
await post(room, 'with an id');
const [text] = await meta.first(1);
const [, id] = /^id: (\d+:\d+)\n/.exec(text) ?? [];
ok(id && text.endsWith('\n\nwith an id'), 'comes with its id', text);
await meta.close();
await post(room, 'missed 1');
await post(room, 'missed 2');
const again = await Client.open(`/sub/${room}?last_event_id=${id}`);
is(await again.first(2), ['missed 1', 'missed 2'], 'a resume has what was missed');

// --- ends ----------------------------------------------------------------

await fetch(`http://${server}/pub/${room}`, { method: 'DELETE' });
const ends = await Promise.all([again, ...many].map((client) => client.closed));
ok(ends.every(({ code }) => code === 1001), 'a deleted channel closes with 1001',
    JSON.stringify(ends[0]));

const refusal = await Client.open('/push/', [], { origin: 'https://elsewhere.example' })
    .then(() => ({ status: 101 }), (error) => error);
is(refusal.status, 403, "a foreign page's Origin is refused");

console.log(`1..${count}`);
process.exit(failed ? 1 : 0);
