/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all pages share: the language switch, "copy" buttons, and the panels
 * that show a page's own source. Both languages are in the HTML, as elements
 * with a lang attribute; CSS hides the one not chosen. Attributes cannot hold
 * two texts, so their Chinese is in data-zh="attribute=text".
 */

const root = document.documentElement;

/** The text for the language chosen now. */
export const say = (en, zh) => (root.lang === 'en' ? en : zh);

/** Both texts as nodes: they follow the switch by themselves. */
export function both(en, zh) {
    const nodes = document.createDocumentFragment();
    for (const [lang, text] of [['en', en], ['zh-Hans', zh]]) {
        const span = document.createElement('span');
        span.lang = lang;
        span.textContent = text;
        nodes.append(span);
    }
    return nodes;
}

/** An element with a class, and text or nodes in it. Text stays text. */
export function el(tag, className, ...inside) {
    const node = document.createElement(tag);
    if (className)
        node.className = className;
    node.append(...inside);
    return node;
}

/** Storage that may be full or forbidden: then it just forgets. */
export const kept = {
    get(store, key) {
        try {
            return store().getItem(key);
        } catch {
            return null;
        }
    },
    set(store, key, value) {
        try {
            store().setItem(key, value);
        } catch { /* nothing to be done about it */ }
    },
};
export const forSession = () => sessionStorage;
export const forGood = () => localStorage;

function translateAttributes() {
    for (const node of document.querySelectorAll('[data-zh]')) {
        const at = node.dataset.zh.indexOf('=');
        const name = node.dataset.zh.slice(0, at);
        node.dataset.en ??= node.getAttribute(name);
        node.setAttribute(name, say(node.dataset.en,
                                    node.dataset.zh.slice(at + 1)));
    }
    const title = document.querySelector('title');
    title.dataset.en ??= title.textContent;
    document.title = say(title.dataset.en, title.dataset.title ?? '');
}

function startLanguageSwitch() {
    translateAttributes();
    document.querySelector('.lang')?.addEventListener('click', () => {
        root.lang = say('zh-Hans', 'en');
        kept.set(forGood, 'wspush-lang', root.lang);
        translateAttributes();
        dispatchEvent(new Event('languagechange'));
    });
}

/** `<details data-source="js/x.js">` shows the file that really runs. */
function startSourcePanels() {
    for (const panel of document.querySelectorAll('details[data-source]')) {
        panel.addEventListener('toggle', async () => {
            const answer = await fetch(panel.dataset.source);
            panel.querySelector('code').textContent = answer.ok
                ? await answer.text()
                : `${panel.dataset.source}: ${answer.status}`;
        }, { once: true });
    }
}

function startCopyButtons() {
    if (!navigator.clipboard)
        return;
    for (const pre of document.querySelectorAll('pre.copyable')) {
        const button = el('button', 'small copy', both('Copy', '复制'));
        button.type = 'button';
        button.addEventListener('click', async () => {
            await navigator.clipboard.writeText(
                pre.querySelector('code').textContent);
            button.replaceChildren(both('Copied', '已复制'));
        });
        pre.append(button);
    }
}

/** Examples name this very server, whatever its port is today. */
function fillInOrigin() {
    for (const node of document.querySelectorAll('[data-origin]')) {
        const origin = node.dataset.origin === 'ws'
            ? location.origin.replace(/^http/, 'ws') : location.origin;
        node.textContent = node.textContent.replaceAll('ORIGIN', origin);
    }
}

startLanguageSwitch();
startSourcePanels();
startCopyButtons();
fillInOrigin();
