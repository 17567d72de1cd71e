// SPDX-License-Identifier: Apache-2.0
//
// The demo site in a real browser: people chat from separate browser contexts,
// with Chinese and emoji names; newcomers read the history; reloads and dropped
// lines lose and double nothing; markup in a message stays text; the echo,
// publishing and page-and-socket pages do what they say. Prints TAP.
//
//     node chat.mjs http://127.0.0.1:8080
//
// The server runs conf/demo.conf.in. Environment: WSP_BASE (instead of the
// argument), WSP_NODE_MODULES (folder with playwright-core), CHROMIUM (path),
// WSP_CONF (path of demo.conf.in), SHOTS (folder for screenshots).
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ALARM_MS = 240_000;
const WAIT_MS = 20_000; // for one event, on a busy machine
const HISTORY = 200;    // WSPushHistory of /chat/

const here = path.dirname(fileURLToPath(import.meta.url));
const base = (process.argv[2] ?? process.env.WSP_BASE ?? '').replace(/\/$/, '');
const room = `测试-${process.pid}-${Date.now().toString(36)}`;
const PAGES = ['index', 'chat', 'echo', 'publish', 'page-and-socket'];

// ------------------------------------------------------------------- TAP

let count = 0;
let failed = 0;

function ok(good, name, ...notes) {
    count += 1;
    console.log(`${good ? 'ok' : 'not ok'} ${count} - ${name}`);
    if (!good) {
        failed += 1;
        for (const note of notes)
            console.log(`# ${String(note).replaceAll('\n', '\n# ')}`);
    }
}

function is(got, wanted, name) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    ok(a === b, name, `got    ${a}`, `wanted ${b}`);
}

function end(why) {
    if (why)
        ok(false, why);
    console.log(`1..${count}`);
    process.exit(failed ? 1 : 0);
}

setTimeout(() => end(`still running after ${ALARM_MS / 1000} s`), ALARM_MS);

function skipAll(why) {
    console.log(`1..0 # SKIP ${why}`);
    process.exit(0);
}

// --------------------------------------------------------------- browser

function findBrowser() {
    const places = [process.env.CHROMIUM, '/usr/bin/chromium',
        '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
    return places.find((file) => file && fs.existsSync(file))
        ?? skipAll('no Chromium on this machine');
}

function loadPlaywright() {
    const modules = process.env.WSP_NODE_MODULES
        ?? path.join(here, '../../build/node/node_modules');
    return createRequire(import.meta.url)(
        path.resolve(modules, 'playwright-core'));
}

/** What the pages must never do: log an error, throw, ask another host. */
const troubles = [];

function watch(page) {
    page.setDefaultTimeout(WAIT_MS);
    page.on('console', (said) => {
        // "no such channel" is an answer, though browsers log it as an error
        const isInfo = said.location().url.includes('/chat-info/')
            && said.text().includes('404');
        if (said.type() === 'error' && !isInfo)
            troubles.push(`${page.url()}: ${said.text()}`);
    });
    page.on('pageerror', (error) => troubles.push(`${page.url()}: ${error}`));
    page.on('request', (request) => {
        if (new URL(request.url()).host !== new URL(base).host)
            troubles.push(`${page.url()} loads ${request.url()}`);
    });
}

let browser;

async function open(file, options = {}) {
    const context = await browser.newContext({ locale: 'en-US',
        viewport: { width: 1200, height: 860 }, ...options });
    context.on('page', watch);
    const page = await context.newPage();
    await page.goto(`${base}/${file}`);
    return page;
}

async function shot(page, name) {
    if (process.env.SHOTS)
        await page.screenshot({ path: path.join(process.env.SHOTS, `${name}.png`) });
}

/** Wait until a test of the page's DOM holds. The function runs in the page at
 *  each change; it is compiled once, as the pages' policy forbids eval. */
function until(page, test, arg) {
    let timer;
    const late = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(
            `waited ${WAIT_MS} ms on ${page.url()} for ${test} ${arg ?? ''}`)), WAIT_MS);
    });
    const found = page.evaluate(`new Promise((done) => {
        const test = ${test};
        const arg = ${JSON.stringify(arg)};
        const look = () => { if (test(arg)) { eyes.disconnect(); done(); } };
        const eyes = new MutationObserver(look);
        eyes.observe(document, { subtree: true, childList: true,
                                 attributes: true, characterData: true });
        look();
    })`);
    return Promise.race([found, late]).finally(() => clearTimeout(timer));
}

const isOpen = (page) => page.waitForSelector('#state[data-state="open"]');

// ------------------------------------------------------------------ chat

async function join(name, options) {
    const page = await open(`chat.html?room=${encodeURIComponent(room)}`, options);
    await page.fill('#name', name);
    await page.click('#join button');
    await isOpen(page);
    await until(page, () =>
        document.getElementById('my-uid').textContent !== '…');
    return page;
}

/** Write, each message after the one before has come back. */
async function say(page, ...texts) {
    for (const text of texts) {
        await page.waitForSelector('#send:not([disabled])');
        await page.fill('#text', text);
        await page.press('#text', 'Enter');
        await until(page, (wanted) => [...document.querySelectorAll(
            '.msg.own:not(.pending) .text')].some((node) =>
            node.textContent === wanted), text);
    }
}

/** Wait until a text is there, then all texts (or what is asked) in order. */
async function heard(page, last, selector = '.msg .text') {
    await until(page, 
        (text) => [...document.querySelectorAll('.msg .text')]
            .some((node) => node.textContent === text), last);
    return page.$$eval(selector, (nodes) => nodes.map((node) => node.textContent));
}

const uidOf = (page) => page.textContent('#my-uid');
const publish = (text) => fetch(
    `${base}/chat/${encodeURIComponent(room)}`,
    { method: 'POST', body: JSON.stringify({ name: 'node', text }) });

async function testChat(people) {
    const [fox, red] = people;
    const [foxId, redId] = [await uidOf(fox), await uidOf(red)];
    ok(/^[0-9a-z-]+$/i.test(foxId), 'joining gives an id', foxId);
    ok(foxId !== redId, 'and not the same to two', foxId, redId);
    ok((await fox.textContent('#messages')).includes(foxId),
       'the page says so in the log');

    await say(fox, 'Hello, room');
    await say(red, '你好，世界 🌏', '🎉');
    const said = ['Hello, room', '你好，世界 🌏', '🎉'];
    is(await heard(fox, '🎉'), said, 'one hears what both said, in order');
    is(await heard(red, '🎉'), said, 'so does the other');
    is(await heard(fox, '🎉', '.msg .name'), ['Ada 🦊', '小红', '小红'], 'with names');
    is(await heard(fox, '🎉', '.msg.own .text'), ['Hello, room'],
       'one\'s own message is marked');
    is(await heard(red, '🎉', '.msg.own .text'), ['你好，世界 🌏', '🎉'],
       'and only one\'s own');
    is(await fox.$$eval('.msg .uid', (all) => all.map((node) => node.title)),
       [foxId, redId, redId], 'each message knows its writer\'s id');
    is(await heard(fox, '🎉', '.msg .uid'), [foxId, redId, redId].map((id) =>
        id.slice(0, 6)), 'and shows the start of it');
    await shot(fox, 'chat-two');
}

async function testMarkup(people) {
    const evil = '<img src=x onerror="window.broken=1"><b>bold</b>';
    const mallory = await join('<i>Mallory</i>');
    await say(mallory, evil, '"\'&amp;</script>');
    await heard(people[0], '"\'&amp;</script>');
    for (const page of [...people, mallory]) {
        const found = await page.evaluate(() => ({
            broken: window.broken ?? 0,
            elements: document.querySelectorAll(
                '#messages :is(img, b, i, script)').length,
            name: [...document.querySelectorAll('.msg .name')].at(-1).textContent,
            text: [...document.querySelectorAll('.msg .text')].at(-2).textContent,
        }));
        is(found, { broken: 0, elements: 0, name: '<i>Mallory</i>', text: evil },
           'markup in a name and a message stays text');
    }
    await mallory.context().close();
}

async function testNewcomer(people) {
    const before = await people[0].$$eval('.msg .text', (all) =>
        all.map((node) => node.textContent));
    const late = await join('Late 🐢', { colorScheme: 'dark' });
    is(await heard(late, before.at(-1)), before,
       'a newcomer reads the history, in order');
    is(await late.locator('.msg.own').count(), 0, 'none of it is the newcomer\'s');
    await shot(late, 'chat-newcomer-dark');
    await late.context().close();
}

async function testReload([fox, red]) {
    await say(red, 'before the reload');
    const before = await heard(red, 'before the reload');
    const own = await red.locator('.msg.own').count();
    await say(fox, 'just before');
    await red.goto('about:blank');
    await say(fox, 'meanwhile 1', 'meanwhile 2');
    await red.goBack();
    await isOpen(red);
    is(await heard(red, 'meanwhile 2'),
       [...before, 'just before', 'meanwhile 1', 'meanwhile 2'],
       'away from the page and back: nothing lost, nothing doubled');
    is(await red.locator('.msg.own').count(), own, 'one\'s own are still one\'s own');

    const all = await heard(red, 'meanwhile 2');
    await Promise.all([red.reload(), say(fox, 'race 1', 'race 2', 'race 3')]);
    await isOpen(red);
    is(await heard(red, 'race 3'), [...all, 'race 1', 'race 2', 'race 3'],
       'a reload while others write: the same');
    await say(red, 'after the reload');
    is((await heard(fox, 'after the reload')).at(-1), 'after the reload',
       'who has reloaded can write');
}

async function testOffline([fox, red]) {
    const before = await heard(red, 'after the reload');
    await red.click('#pause');
    await red.waitForSelector('#state[data-state="closed"]');
    ok(await red.isDisabled('#send'), 'offline: nothing can be sent');
    await say(fox, 'missed 1', 'missed 2', 'missed 3');
    is((await red.$$('.msg')).length, before.length, 'offline: nothing arrives');
    const lastId = await red.textContent('#last-id');
    const asked = red.waitForEvent('websocket');
    await red.click('#pause');
    is(new URL((await asked).url()).searchParams.get('last_event_id'), lastId,
       'coming back asks for what came after the last id');
    await isOpen(red);
    is(await heard(red, 'missed 3'), [...before, 'missed 1', 'missed 2', 'missed 3'],
       'back online: what was missed, once and in order');
    is(await red.locator('.gap').count(), 0, 'and no gap');
}

async function testGap([fox, red]) {
    const wanted = [];
    await red.click('#pause');
    await red.waitForSelector('#state[data-state="closed"]');
    for (let i = 1; i <= HISTORY + 20; i++) {
        const answer = await publish(`burst ${i}`);
        if (!answer.ok)
            return ok(false, 'POST into the room', await answer.text());
        if (i > 20)
            wanted.push(`burst ${i}`);
    }
    const last = wanted.at(-1);
    ok((await heard(fox, last)).includes('burst 1'),
       'who stayed has all of a burst longer than the history');
    await red.click('#pause');
    const bursts = (await heard(red, last)).filter((text) => text.startsWith('burst'));
    is(bursts, wanted, 'who comes back late gets what the history still has');
    is(await red.locator('.gap').count(), 1, 'and is told that something is missing');
    const order = await red.$eval('.gap', (gap) =>
        gap.nextElementSibling.querySelector('.text')?.textContent);
    is(order, 'burst 21', 'at the very place where it is missing');
    await red.$eval('.gap', (gap) => gap.scrollIntoView({ block: 'center' }));
    await shot(red, 'chat-gap');
}

async function testReconnect([fox, red]) {
    for (const page of [fox, red]) {
        await page.evaluate(() => {
            const state = document.getElementById('state');
            new MutationObserver(() => {
                if (state.dataset.state === 'waiting')
                    document.body.dataset.lost = state.title;
            }).observe(state, { attributes: true });
        });
    }
    const answer = await fetch(`${base}/chat/${encodeURIComponent(room)}`,
                               { method: 'DELETE' });
    ok(answer.ok, 'DELETE drops the room', answer.status);
    for (const page of [fox, red]) {
        await until(page, () => document.body.dataset.lost !== undefined);
        const reason = await page.evaluate(() => document.body.dataset.lost);
        ok(reason !== '', 'its people are closed with a reason', reason);
    }
    await Promise.all([isOpen(fox), isOpen(red)]);
    await say(fox, 'we are back');
    await say(red, '我们回来了');
    is((await heard(fox, '我们回来了')).slice(-2), ['we are back', '我们回来了'],
       'they reconnect by themselves and go on');
    is((await heard(red, '我们回来了')).slice(-2), ['we are back', '我们回来了'],
       'both of them');
}

async function testForeignText([fox]) {
    await fetch(`${base}/chat/${encodeURIComponent(room)}`,
                { method: 'POST', body: 'no JSON, <b>just</b> text' });
    const texts = await heard(fox, 'no JSON, <b>just</b> text');
    is(texts.at(-1), 'no JSON, <b>just</b> text', 'a plain POST shows up as text');
}

// ----------------------------------------------------------- other pages

async function testEcho() {
    const page = await open('echo.html');
    const lines = (kind) => page.$$eval(`#frames .${kind} .what`, (all) =>
        all.map((node) => node.innerText));
    const arrived = async (n) => {
        await until(page, (wanted) =>
            document.querySelectorAll('#frames .in').length === wanted, n);
        return (await lines('in')).at(-1);
    };
    await page.click('#connect');
    await isOpen(page);
    ok(await page.isDisabled('#connect'), 'echo: connected once, not twice');
    await page.fill('#text', '你好 🌏');
    await page.click('#send');
    is(await arrived(1), '你好 🌏', 'echo: a text comes back');
    await page.check('#binary');
    await page.click('#send');
    is(await arrived(2), 'e4 bd a0 e5 a5 bd 20 f0 9f 8c 8f',
       'echo: a binary frame comes back as one');
    await page.click('[data-kib="32"]');
    ok((await arrived(3)).startsWith('0123456789abcdef'), 'echo: 32 KiB come back');

    const closed = async (n) => {
        await until(page, (wanted) =>
            document.querySelectorAll('#frames .closed').length === wanted, n);
        return (await lines('closed')).at(-1);
    };
    await page.fill('#code', '3001');
    await page.fill('#reason', '再见');
    await page.click('#close');
    const own = await closed(1); // a server may echo the reason, or not
    ok(/^closed: 3001(, “再见”)?, clean$/.test(own), 'echo: the close code comes back',
       own);
    is((await lines('out')).at(-1), 'close 3001 “再见”',
       'echo: the log shows code and reason as sent');
    await page.click('#connect');
    await isOpen(page);
    await page.click('[data-kib="80"]');
    const big = await closed(2);
    ok(/1009/.test(big) && /“.+”/.test(big), 'echo: too big, 1009 with a reason', big);
    await shot(page, 'echo');
    await page.context().close();
}

async function testPublishing() {
    const page = await open('publish.html');
    await isOpen(page);
    const text = `news ${room}`;
    await page.fill('#body', text);
    await page.fill('#event', 'score');
    await page.click('#form .primary');
    await until(page, (wanted) => [...document.querySelectorAll('#feed .body')]
        .some((node) => node.textContent === wanted), text);
    ok((await page.textContent('#feed li .meta')).includes('event: score'),
       'publishing: a POST arrives at the subscriber, with its event');
    await until(page, () => /201/.test(
        document.getElementById('answer').textContent));
    ok(/wspush-id: \d+:\d+/.test(await page.textContent('#answer')),
       'publishing: 201 with the id', await page.textContent('#answer'));
    await page.click('#info');
    await until(page, () => /"subscribers": ?[1-9]/.test(
        document.getElementById('answer').textContent));
    ok(true, 'publishing: GET of the publishing place tells of the subscribers');
    await shot(page, 'publish');
    await page.context().close();
}

async function testPageAndSocket() {
    const [here, there] = await Promise.all(
        [open('page-and-socket.html'), open('page-and-socket.html')]);
    await Promise.all([isOpen(here), isOpen(there)]);
    await here.click('#reactions button:nth-child(2)');
    await here.click('#reactions button:nth-child(2)');
    for (const page of [here, there]) {
        await until(page, () => document.querySelector(
            '#reactions button:nth-child(2) output').value === '2');
    }
    ok(true, 'page and socket: one URL is both, and all windows react');
    await shot(here, 'page-and-socket');
    await Promise.all([here.context().close(), there.context().close()]);
}

async function testHome() {
    const page = await open('index.html');
    await page.waitForSelector('#figures dd');
    const figures = await page.$$eval('#figures dd', (all) =>
        all.map((node) => node.textContent));
    ok(figures.every((text) => /\d/.test(text)), 'home: live figures', figures);
    await shot(page, 'home');
    await page.context().close();
}

async function testLanguage() {
    const page = await open('echo.html');
    const heading = () => page.locator('#h-connection').innerText();
    is(await heading(), 'Connection', 'English for an English browser');
    await page.click('.lang');
    is(await heading(), '连接', 'one click: Chinese');
    await page.goto(`${base}/chat.html`);
    is(await page.locator('h1').innerText(), '由 Apache 提供的聊天室',
       'remembered on the next page');
    is(await page.getAttribute('#text', 'placeholder'), '说点什么……',
       'in attributes, too');
    await page.context().close();
    const chinese = await open('echo.html', { locale: 'zh-CN' });
    is(await chinese.locator('#h-connection').innerText(), '连接',
       'Chinese for a Chinese browser');
    await chinese.context().close();
}

/** Wide or narrow, nothing sticks out; and the configuration that a page shows
 *  is what the demo runs with. */
async function testEveryPage() {
    const file = process.env.WSP_CONF
        ?? path.join(here, '../../conf/demo.conf.in');
    const squeeze = (text) => text.replace(/\s+/g, ' ').trim();
    const conf = fs.existsSync(file) ? squeeze(fs.readFileSync(file, 'utf8')) : null;
    for (const name of PAGES) {
        const page = await open(`${name}.html`, { viewport: { width: 340, height: 700 } });
        const [width, room_] = await page.evaluate(() =>
            [document.documentElement.scrollWidth, innerWidth]);
        ok(width <= room_, `${name}: fits a narrow screen`, width, room_);
        const shown = await page.$$eval('pre.conf code', (all) =>
            all.map((node) => node.textContent));
        const sections = shown.join('\n').match(/<Location[^]*?<\/Location>/g) ?? [];
        for (const section of sections) {
            ok(!conf || conf.includes(squeeze(section)),
               `${name}: shows the configuration it runs with`, section);
        }
        ok(sections.length > 0, `${name}: shows its configuration`);
        await page.context().close();
    }
}

async function testSplitting() {
    const page = await open('chat.html');
    const split = await page.evaluate(async () => {
        const { splitMeta } = await import('/js/socket.js');
        return ['\n{"uid":"a"}', '{"uid":"a"}', 'id: 1:2\n\nbody\n\nmore',
            'id: 1:2\ncontent-type: text/plain\nevent: e\n\n', 'gap: 1:1\n\n',
            'note: not a header\n\nbody', ''].map(splitMeta);
    });
    is(split, [
        { head: {}, body: '{"uid":"a"}' },
        { head: {}, body: '{"uid":"a"}' },
        { head: { id: '1:2' }, body: 'body\n\nmore' },
        { head: { id: '1:2', 'content-type': 'text/plain', event: 'e' }, body: '' },
        { head: { gap: '1:1' }, body: '' },
        { head: {}, body: 'note: not a header\n\nbody' },
        { head: {}, body: '' },
    ], 'header lines are told from bodies');
    await page.context().close();
}

// ------------------------------------------------------------------ main

if (!base)
    end('usage: node chat.mjs http://HOST:PORT');

try {
    browser = await loadPlaywright().chromium.launch({
        executablePath: findBrowser(),
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update',
            '--disable-sync'],
    });
    const people = [await join('Ada 🦊'), await join('小红')];
    for (const test of [testChat, testMarkup, testNewcomer, testReload, testOffline,
        testForeignText, testGap, testReconnect])
        await test(people);
    for (const test of [testEcho, testPublishing, testPageAndSocket, testHome,
        testLanguage, testEveryPage, testSplitting])
        await test();
    is(troubles, [], 'no page logged an error or asked another host');
    await browser.close();
    end();
} catch (error) {
    end(error.stack ?? String(error));
}
