/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live figures on the home page, from the module's status in JSON and from
 * mod_status. Read every few seconds while somebody looks, not at all in a
 * hidden tab.
 */
import { both, el } from './site.js';

const EVERY_MS = 4000;

const FIGURES = [
    ['clients connected', '已连接的客户端', (s) => s.connections],
    ['Apache workers busy', '忙碌的工作线程', (s) => s.busyWorkers],
    ['messages published', '已发布的消息', (s) => s.published_total],
    ['messages delivered', '已送达的消息', (s) => s.deliveries_total],
    ['shared memory used', '共享内存占用',
        (s) => (s.blocks - s.blocks_free) / s.blocks, { style: 'percent',
            maximumFractionDigits: 2 }],
];

const list = document.getElementById('figures');
const note = document.getElementById('figures-note');

function show(status) {
    const rows = FIGURES.map(([en, zh, find, style]) =>
        [both(en, zh), find(status), new Intl.NumberFormat(undefined, style)]);
    list.replaceChildren(...rows
        .filter(([, value]) => Number.isFinite(value))
        .map(([name, value, format]) => el('div', '', el('dt', '', name),
                                           el('dd', '', format.format(value)))));
    note.replaceChildren();
}

async function ask(place) {
    const answer = await fetch(place);
    if (!answer.ok)
        throw new Error(`${place}: ${answer.status} ${answer.statusText}`);
    return answer;
}

async function read() {
    if (document.hidden)
        return;
    try {
        const [push, httpd] = await Promise.all(
            [ask('/wspush-status?json'), ask('/server-status?auto')]);
        const busy = /^BusyWorkers: (\d+)/m.exec(await httpd.text());
        show({ ...await push.json(), busyWorkers: Number(busy?.[1] ?? NaN) });
    } catch (error) {
        note.replaceChildren(both(`no figures: ${error.message}`,
                                  `暂无数据：${error.message}`));
    }
}

document.addEventListener('visibilitychange', read);
setInterval(read, EVERY_MS);
read();
