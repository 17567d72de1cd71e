/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reactions over a socket to this page's own URL. A message is one of the
 * emoji below; anything else that is published here is ignored.
 */
import { both, el } from './site.js';
import { PushSocket } from './socket.js';

const REACTIONS = { '👏': ['applause', '鼓掌'], '🎉': ['party', '庆祝'],
    '❤️': ['heart', '爱心'], '😂': ['laughter', '大笑'], '🤔': ['doubt', '疑惑'] };
const STATES = { connecting: ['connecting', '正在连接'], open: ['connected', '已连接'],
    waiting: ['reconnecting', '正在重连'], closed: ['closed', '已关闭'] };
const IN_FLIGHT_MAX = 60;

const $ = (id) => document.getElementById(id);
const counters = new Map();
const socket = new PushSocket(location.pathname);

function react(emoji) {
    const counter = counters.get(emoji);
    if (!counter)
        return;
    counter.value = Number(counter.value) + 1;
    $('hint').hidden = true;
    if ($('stage').childElementCount > IN_FLIGHT_MAX)
        return;
    const fly = el('span', 'fly', emoji);
    fly.style.setProperty('--x', `${5 + Math.random() * 85}%`);
    fly.addEventListener('animationend', () => fly.remove());
    $('stage').append(fly);
}

for (const [emoji, [en, zh]] of Object.entries(REACTIONS)) {
    const count = el('output', '');
    count.value = '0';
    const face = el('span', '', emoji);
    face.setAttribute('aria-hidden', 'true');
    const button = el('button', '', face, el('span', 'sr', both(en, zh)), count);
    button.type = 'button';
    button.addEventListener('click', () => socket.send(emoji));
    counters.set(emoji, count);
    $('reactions').append(button);
}
for (const here of document.querySelectorAll('.here'))
    here.textContent = location.pathname;

socket.addEventListener('message', ({ detail }) => react(detail.body));
socket.addEventListener('state', ({ detail }) => {
    $('state').dataset.state = detail.state;
    $('state').replaceChildren(both(...STATES[detail.state]));
    for (const button of $('reactions').children)
        button.disabled = detail.state !== 'open';
});
socket.open();
