/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publishing page: publishes with fetch, as a shell would with curl, and
 * subscribes to the same channel to show what arrives.
 */
import { both, el } from './site.js';
import { PushSocket } from './socket.js';

const $ = (id) => document.getElementById(id);
const KEEP = 50;
const SHOWN = 2000; /* characters of a body that the page shows */
const HEADERS = ['content-type', 'wspush-id', 'allow'];
const STATES = {
    connecting: ['connecting', '正在连接'], open: ['subscribed', '已订阅'],
    waiting: ['reconnecting', '正在重连'], closed: ['closed', '已关闭'],
};

function arrived({ id, head, body }) {
    if (!id)
        return;
    const meta = el('div', 'meta mono', el('span', '', id));
    for (const name of ['content-type', 'event']) {
        if (head[name])
            meta.append(el('span', '', `${name}: ${head[name]}`));
    }
    $('feed').prepend(el('li', '', meta, el('div', 'body', body.slice(0, SHOWN))));
    if ($('feed').childElementCount > KEEP)
        $('feed').lastElementChild.remove();
    $('empty').hidden = true;
}

async function ask(method, path, options = {}) {
    const line = el('span', '');
    const code = $('answer').querySelector('code');
    try {
        const answer = await fetch(path, { method, ...options });
        const body = await answer.text();
        line.className = answer.ok ? 'ok' : 'no';
        line.textContent = `${answer.status} ${answer.statusText}\n`;
        const heads = HEADERS.filter((name) => answer.headers.has(name))
            .map((name) => `${name}: ${answer.headers.get(name)}\n`).join('');
        code.replaceChildren(`${method} ${path}\n`, line, heads, '\n', body);
    } catch (error) {
        line.className = 'no';
        line.textContent = error.message;
        code.replaceChildren(`${method} ${path}\n`, line);
    }
}

$('form').addEventListener('submit', (event) => {
    event.preventDefault();
    const headers = { 'Content-Type': $('type').value };
    if ($('event').value)
        headers['WSPush-Event'] = $('event').value;
    ask('POST', '/push/news', { headers, body: $('body').value });
});
$('info').addEventListener('click', () =>
    ask('GET', '/publish/news', { headers: { Accept: 'application/json' } }));
$('delete').addEventListener('click', () => ask('DELETE', '/push/news'));

const socket = new PushSocket('/push/news');
socket.addEventListener('message', ({ detail }) => arrived(detail));
socket.addEventListener('state', ({ detail }) => {
    $('state').dataset.state = detail.state;
    $('state').replaceChildren(both(...STATES[detail.state]));
});
socket.open();
