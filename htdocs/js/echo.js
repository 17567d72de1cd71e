/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The echo page: one WebSocket as the browser has it, nothing in between, so
 * that what the log shows is what happened. Messages come back in the order
 * they were sent, so the oldest unanswered one gives the round trip.
 */
import { both, el } from './site.js';

const $ = (id) => document.getElementById(id);
const KEEP = 200;
const SHOWN = 64; /* characters of a text that the log shows */
const SHOWN_BYTES = 24;

const CODES = {
    1000: ['normal', '正常关闭'], 1001: ['going away', '对方离开'],
    1002: ['protocol error', '协议错误'], 1003: ['type not accepted', '类型不被接受'],
    1005: ['no code given', '没有给出代码'], 1006: ['lost without a close', '未经关闭握手就断开'],
    1007: ['bad text', '文本编码错误'], 1008: ['policy', '违反规则'],
    1009: ['too big', '消息过大'], 1011: ['server error', '服务器内部错误'],
    1012: ['restart', '服务重启'], 1013: ['overloaded', '过载'],
};
const STATES = {
    closed: ['not connected', '未连接'],
    connecting: ['connecting', '正在连接'],
    open: ['connected', '已连接'],
    closing: ['closing', '正在关闭'],
};

let socket = null;
let sentAt = [];

function show(direction, what, size = '') {
    const arrow = { in: '↓', out: '↑', note: '·', closed: '×' }[direction];
    const spoken = { in: both('received', '收到'), out: both('sent', '发出') }[direction];
    const mark = el('span', '', el('span', '', arrow));
    mark.firstChild.setAttribute('aria-hidden', 'true');
    if (spoken)
        mark.append(el('span', 'sr', spoken));
    const now = new Date();
    const at = now.toTimeString().slice(0, 8) + '.'
        + String(now.getMilliseconds()).padStart(3, '0');
    const frames = $('frames');
    frames.append(el('li', direction, mark, el('span', 'at', at),
                     el('span', 'what', what), el('span', 'size', size)));
    while (frames.childElementCount > KEEP)
        frames.firstElementChild.remove();
    $('frames-box').scrollTop = frames.scrollHeight;
}

function setState(state) {
    $('state').dataset.state = state;
    $('state').replaceChildren(both(...STATES[state]));
    $('connect').disabled = state !== 'closed';
    $('send').disabled = state !== 'open';
    $('close').disabled = state !== 'open';
}

const bytesOf = (data) => (typeof data === 'string'
    ? new TextEncoder().encode(data).length : data.byteLength);

function readable(data) {
    if (typeof data === 'string')
        return data.length > SHOWN ? `${data.slice(0, SHOWN)}…` : data;
    return [...new Uint8Array(data).subarray(0, SHOWN_BYTES)]
        .map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
        + (data.byteLength > SHOWN_BYTES ? ' …' : '');
}

const sizeText = (data) =>
    `${bytesOf(data)} B ${typeof data === 'string' ? 'text' : 'binary'}`;

function connect() {
    const url = new URL('/echo/test', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const started = performance.now();
    socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    sentAt = [];
    setState('connecting');
    socket.onopen = () => {
        setState('open');
        const ms = (performance.now() - started).toFixed(1);
        show('note', both(`open after ${ms} ms`, `连接成功，用时 ${ms} 毫秒`));
        $('text').focus();
    };
    socket.onmessage = ({ data }) => {
        const since = sentAt.shift();
        const took = since === undefined
            ? '' : `, ${(performance.now() - since).toFixed(1)} ms`;
        show('in', readable(data), sizeText(data) + took);
    };
    socket.onclose = ({ code, reason, wasClean }) => {
        setState('closed');
        const [en, zh] = CODES[code] ?? [];
        const words = (...all) => all.filter(Boolean);
        show('closed', both(
            'closed: ' + words(words(code, en).join(' '), reason && `“${reason}”`,
                               wasClean ? 'clean' : 'not clean').join(', '),
            '已关闭：' + words(words(code, zh).join(' '), reason && `“${reason}”`,
                              wasClean ? '握手完整' : '非正常断开').join('，')));
    };
}

function send(data) {
    if (socket?.readyState !== WebSocket.OPEN)
        return;
    sentAt.push(performance.now());
    socket.send(data);
    show('out', readable(data), sizeText(data));
}

function closeNow(event) {
    event.preventDefault();
    try {
        socket.close(Number($('code').value), $('reason').value);
    } catch (error) {
        show('note', error.message);
        return;
    }
    show('out', both(`close ${$('code').value} “${$('reason').value}”`,
                     `关闭 ${$('code').value} “${$('reason').value}”`));
    setState('closing');
}

$('connect').addEventListener('click', connect);
$('close-form').addEventListener('submit', closeNow);
$('send-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = $('text').value;
    send($('binary').checked ? new TextEncoder().encode(text).buffer : text);
});
$('text').addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing
        && event.keyCode !== 229) {
        event.preventDefault();
        $('send-form').requestSubmit();
    }
});
for (const button of document.querySelectorAll('[data-preset]'))
    button.addEventListener('click', () => { $('text').value = button.dataset.preset; });
for (const button of document.querySelectorAll('[data-kib]')) {
    button.addEventListener('click', () =>
        send('0123456789abcdef'.repeat(Number(button.dataset.kib) * 64)));
}
$('clear').addEventListener('click', () => $('frames').replaceChildren());
setState('closed');
