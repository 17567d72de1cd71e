/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chat room. A message is {"name", "text", "uid", "n"} in a text frame; the
 * server sends it to everybody in the room, the sender included, so a message
 * has arrived when its sender sees it again. The first message on each
 * connection is the welcome {"uid"}: the id the server gave the connection.
 *
 * The log and the last id live in sessionStorage, saved together: after a reload
 * the page shows what it had and resumes after exactly that. Everything that
 * others wrote goes into the page as text, never as markup.
 */
import { both, el, forGood, forSession, kept } from './site.js';
import { PushSocket } from './socket.js';

const KEEP = 300; /* entries of the log, in the page and in the storage */
const LIMITS = { name: 40, text: 2000, uid: 40 };
const UID_SHOWN = 6; /* letters beside a message; the rest on pointing at it */
const SAVE_AFTER_MS = 200;
const COUNT_EVERY_MS = 10_000;
const COUNT_SOON_MS = 1000; /* after a message: somebody may be new */
const GREETING_LAST_MS = 1000;

const $ = (id) => document.getElementById(id);
const messages = $('messages');
const log = $('log');

const me = { name: '', uid: '', uids: new Set(), sent: 0 };
const room = { name: '', entries: [], seen: new Set(), lastId: '' };
const pending = new Map(); /* "uid/n" of what was sent, not seen again: its <li> */
let socket = null;
let unread = 0;
let countTimer = 0;

/* ---------------------------------------------------------- what is kept */

const storeKey = () => `wspush-chat:${room.name}`;
let saveTimer = 0;

function save() {
    clearTimeout(saveTimer);
    saveTimer = 0;
    if (!room.name)
        return;
    kept.set(forSession, storeKey(), JSON.stringify({
        lastId: room.lastId, uids: [...me.uids].slice(-50), entries: room.entries,
    }));
}

function saveSoon() {
    saveTimer ||= setTimeout(save, SAVE_AFTER_MS);
}

function recall() {
    const old = JSON.parse(kept.get(forSession, storeKey()) ?? '{}');
    room.lastId = old.lastId ?? '';
    room.entries = old.entries ?? [];
    room.seen = new Set(room.entries.map((entry) => entry.id));
    me.uids = new Set(old.uids ?? []);
}

/* --------------------------------------------------------------- reading */

const cut = (value, most) =>
    (typeof value === 'string' ? [...value].slice(0, most).join('') : '');

/** Whatever was published here, as an entry of the log. */
function understand(id, body) {
    let said = null;
    try {
        said = JSON.parse(body);
    } catch { /* not from this page: show it as it is */ }
    if (typeof said?.text !== 'string')
        said = { name: 'HTTP', text: body };
    return {
        id, at: Number(id.split(':')[0]) || Math.floor(Date.now() / 1000),
        name: cut(said.name, LIMITS.name).trim() || '?',
        text: cut(said.text, LIMITS.text),
        uid: cut(said.uid, LIMITS.uid),
        n: Number.isSafeInteger(said.n) ? said.n : 0,
    };
}

function welcomed(body) {
    try {
        me.uid = cut(JSON.parse(body).uid, LIMITS.uid);
    } catch {
        return;
    }
    const isFirst = me.uids.size === 0;
    me.uids.add(me.uid);
    $('my-uid').textContent = me.uid;
    if (isFirst)
        greet();
    for (const key of pending.keys())
        doubt(key);
    saveSoon();
    count();
}

/* The history follows the welcome; the greeting stays below it meanwhile. */
function greet() {
    const row = el('li', 'event pending', both(
        `You are in as ${me.name}, id ${me.uid}`,
        `你已加入：${me.name}，编号 ${me.uid}`));
    show(row);
    setTimeout(() => row.classList.remove('pending'), GREETING_LAST_MS);
}

function received({ id, body }) {
    if (!id) {
        welcomed(body);
        return;
    }
    if (room.seen.has(id))
        return;
    const entry = understand(id, body);
    const key = `${entry.uid}/${entry.n}`;
    pending.get(key)?.remove();
    pending.delete(key);
    room.lastId = id;
    keep(entry);
    $('last-id').textContent = id;
    countTimer ||= setTimeout(count, COUNT_SOON_MS);
    if (document.hidden && !me.uids.has(entry.uid))
        showUnread(unread + 1);
}

function keep(entry) {
    room.entries.push(entry);
    room.seen.add(entry.id);
    while (room.entries.length > KEEP)
        room.seen.delete(room.entries.shift().id);
    saveSoon();
    show(draw(entry));
}

/* --------------------------------------------------------------- drawing */

const JUST_EMOJI = /^(\p{Extended_Pictographic}|\p{Emoji_Component}|\s){1,12}$/u;
const graphemes = globalThis.Intl?.Segmenter ? new Intl.Segmenter() : null;

const firstLetter = (name) =>
    (graphemes ? [...graphemes.segment(name)][0]?.segment : [...name][0]) ?? '?';

function hue(text) {
    let sum = 0;
    for (const letter of text)
        sum = (sum * 31 + letter.codePointAt(0)) % 360;
    return (sum * 137) % 360; /* far apart for near sums */
}

function draw(entry) {
    if (entry.gap !== undefined)
        return drawGap(entry.gap);
    const isMine = me.uids.has(entry.uid);
    const row = el('li', 'msg');
    row.dataset.id = entry.id;
    row.dataset.from = `${entry.uid}/${entry.name}`;
    row.classList.toggle('own', isMine);
    row.classList.toggle('jumbo', JUST_EMOJI.test(entry.text)
                                  && /\p{Extended_Pictographic}/u.test(entry.text));
    const avatar = el('span', 'avatar', firstLetter(entry.name));
    avatar.setAttribute('aria-hidden', 'true');
    avatar.style.setProperty('--hue', hue(entry.name));
    const at = new Date(entry.at * 1000);
    const time = el('time', '', at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
    time.dateTime = at.toISOString();
    const who = el('p', 'who', el('bdi', 'name', entry.name));
    if (entry.uid) {
        const uid = el('span', 'uid mono', entry.uid.slice(0, UID_SHOWN));
        uid.title = entry.uid;
        who.append(uid);
    }
    if (isMine)
        who.append(el('span', 'you', both('you', '我')));
    who.append(time);
    row.append(avatar, el('div', '', who, el('p', 'text', entry.text)));
    return row;
}

function drawGap(after) {
    const row = el('li', 'gap', both(
        'Messages are missing here: they had left the history before you came back.',
        '此处缺少消息：在你回来之前，它们已不在历史记录中。'));
    if (after)
        row.append(' ', el('span', 'mono', after));
    return row;
}

function notice(...inside) {
    show(el('li', 'event', ...inside));
}

function show(row) {
    const before = [...messages.children].findLast((li) => !li.matches('.pending'));
    const isPending = row.matches('.pending');
    const previous = isPending ? messages.lastElementChild : before;
    row.classList.toggle('same', row.dataset.from !== undefined
                                 && row.dataset.from === previous?.dataset.from);
    const wasAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    if (isPending)
        messages.append(row);
    else if (before)
        before.after(row);
    else
        messages.prepend(row);
    while (messages.childElementCount > KEEP)
        messages.firstElementChild.remove();
    $('empty').hidden = true;
    if (wasAtEnd || row.matches('.own'))
        toEnd();
    else
        $('to-end').hidden = false;
}

function toEnd() {
    log.scrollTop = log.scrollHeight;
    $('to-end').hidden = true;
}

function showUnread(n) {
    unread = n;
    document.title = document.title.replace(/^\(\d+\) /, '');
    if (n > 0)
        document.title = `(${n}) ${document.title}`;
}

const STATES = {
    connecting: ['connecting', '正在连接'],
    open: ['connected', '已连接'],
    closed: ['offline', '已断线'],
};

function showState({ state, code, reason, wait }) {
    const [en, zh] = STATES[state] ?? [
        `lost (${code}); again in ${Math.ceil(wait / 1000)} s`,
        `连接断开（${code}），${Math.ceil(wait / 1000)} 秒后重连`];
    $('state').dataset.state = state;
    $('state').replaceChildren(both(en, zh));
    $('state').title = reason ?? '';
    if (state === 'waiting' && code !== 1006)
        notice(both(`The server closed the connection: ${code} ${reason}`,
                    `服务器关闭了连接：${code} ${reason}`));
    $('send').disabled = state !== 'open';
    const isOff = state === 'closed';
    $('pause').setAttribute('aria-pressed', String(isOff));
    $('pause').querySelector('.off').hidden = isOff;
    $('pause').querySelector('.on').hidden = !isOff;
}

/** How many are in the room: the channel info of a place that only tells. */
async function count() {
    clearTimeout(countTimer);
    countTimer = 0;
    if (!socket?.isOpen || document.hidden)
        return;
    const answer = await fetch(`/chat-info/${encodeURIComponent(room.name)}`,
                               { headers: { Accept: 'application/json' } })
        .then((r) => (r.ok ? r.json() : null)).catch(() => null);
    const n = answer?.subscribers;
    $('people').replaceChildren(Number.isInteger(n)
        ? both(n === 1 ? '1 person here' : `${n} people here`, `${n} 人在线`) : '');
}

/* --------------------------------------------------------------- writing */

function post(text) {
    const said = { name: me.name, text, uid: me.uid, n: ++me.sent };
    if (!socket.send(JSON.stringify(said)))
        return false;
    const row = draw({ ...said, id: '', at: Date.now() / 1000 });
    row.classList.add('pending');
    pending.set(`${said.uid}/${said.n}`, row);
    show(row);
    return true;
}

/* Sent, and then the line broke: it may or may not have arrived. If it has, the
   resumed stream brings it; if not, its writer decides. */
function doubt(key) {
    const row = pending.get(key);
    if (row.querySelector('.unsure'))
        return;
    const again = el('button', 'small', both('Send again', '重新发送'));
    again.type = 'button';
    again.addEventListener('click', () => {
        if (!post(row.querySelector('.text').textContent))
            return;
        row.remove();
        pending.delete(key);
    });
    row.lastElementChild.append(el('p', 'unsure', both('not confirmed', '未确认'), again));
}

function submit(event) {
    event.preventDefault();
    const text = $('text').value.trim();
    if (text && post(text))
        $('text').value = '';
    $('text').focus();
}

/* ------------------------------------------------------- coming and going */

function enter(name, roomName) {
    me.name = name;
    room.name = roomName;
    recall();
    kept.set(forGood, 'wspush-chat-name', name);
    kept.set(forSession, 'wspush-chat-in', JSON.stringify({ name, room: roomName }));
    $('join').hidden = true;
    $('inside').hidden = false;
    $('room-title').textContent = roomName;
    $('my-name').textContent = name;
    $('last-id').textContent = room.lastId || '–';
    $('second').href = `chat.html?room=${encodeURIComponent(roomName)}`;
    for (const entry of room.entries)
        show(draw(entry));
    toEnd();
    socket = new PushSocket(`/chat/${encodeURIComponent(roomName)}`, {
        lastId: room.lastId,
        heartbeat: { text: 'ping', reply: 'pong', every: 25_000, within: 10_000 },
    });
    socket.addEventListener('state', ({ detail }) => showState(detail));
    socket.addEventListener('message', ({ detail }) => received(detail));
    socket.addEventListener('gap', ({ detail }) =>
        keep({ gap: detail.after, id: `gap ${detail.after}` }));
    socket.open();
    setInterval(count, COUNT_EVERY_MS);
    $('text').focus({ preventScroll: true });
}

function leave() {
    save();
    kept.set(forSession, 'wspush-chat-in', '');
    room.name = '';
    location.reload();
}

function start() {
    const asked = new URLSearchParams(location.search).get('room');
    if (asked)
        $('room').value = cut(asked, LIMITS.name);
    $('name').value = kept.get(forGood, 'wspush-chat-name') ?? '';
    $('join-form').addEventListener('submit', (event) => {
        event.preventDefault();
        const name = $('name').value.trim();
        if (name)
            enter(name, $('room').value.trim() || 'lobby');
    });
    $('composer').addEventListener('submit', submit);
    $('text').addEventListener('keydown', (event) => {
        /* Enter also ends a word in an input method for Chinese: not ours. */
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing
            || event.keyCode === 229)
            return;
        event.preventDefault();
        $('composer').requestSubmit();
    });
    $('pause').addEventListener('click', () => {
        if ($('pause').getAttribute('aria-pressed') === 'true')
            socket.open();
        else
            socket.close(1000, 'gone for a while');
    });
    $('leave').addEventListener('click', leave);
    $('to-end').addEventListener('click', toEnd);
    log.addEventListener('scroll', () => {
        if (log.scrollHeight - log.scrollTop - log.clientHeight < 80)
            $('to-end').hidden = true;
    });
    addEventListener('pagehide', save);
    document.addEventListener('visibilitychange', () => {
        if (!document.hidden) {
            showUnread(0);
            count();
        }
    });

    const back = JSON.parse(kept.get(forSession, 'wspush-chat-in') || 'null');
    if (back && (!asked || asked === back.room)) {
        enter(back.name, back.room);
        return;
    }
    $('join').hidden = false;
    $('name').focus();
}

start();
