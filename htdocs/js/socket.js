/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebSocket that comes back. It speaks the subprotocol ws+meta.wspush, in
 * which each message carries its id; after any loss it reconnects with
 * exponential back-off and jitter and asks for what came after the last id it
 * saw. Used by the chat, the publishing page and the reactions.
 *
 *              open()                    onopen
 *   closed ──────────────▶ connecting ─────────────▶ open
 *     ▲                     ▲       │ onclose          │ onclose, or no answer
 *     │ close()             │ timer ▼                  │ to a heartbeat
 *     └──────────────────── waiting ◀──────────────────┘
 *
 * Events: "state" {state, code, reason, wait}, "message" {id, head, body},
 * "gap" {after}: what was published after that id is lost to this client.
 */

const FIELD = /^(id|content-type|channel|event|gap): ?(.*)$/;

/**
 * Split a ws+meta.wspush message into its header lines and its body. A message
 * without an id (a welcome) has an empty header block; one that has no block at
 * all is taken as it is.
 */
export function splitMeta(text) {
    const head = {};
    let at = 0;
    for (;;) {
        const end = text.indexOf('\n', at);
        if (end < 0)
            return { head: {}, body: text };
        if (end === at)
            return { head, body: text.slice(end + 1) };
        const field = FIELD.exec(text.slice(at, end));
        if (!field)
            return { head: {}, body: text };
        head[field[1]] = field[2];
        at = end + 1;
    }
}

export class PushSocket extends EventTarget {
    #path; #lastId; #heartbeat; #slowest;
    #socket = null; #tries = 0; #openedAt = 0;
    #retryTimer = 0; #beatTimer = 0;
    #wanted = false;

    /**
     * @param path of the endpoint, on this server
     * @param options lastId: resume after it; heartbeat: {text, reply, every,
     *        within}, as WSPushHeartbeat has it; slowest: longest wait
     */
    constructor(path, { lastId = '', heartbeat = null, slowest = 30_000 } = {}) {
        super();
        this.#path = path;
        this.#lastId = lastId;
        this.#heartbeat = heartbeat;
        this.#slowest = slowest;
        addEventListener('online', () => this.#retryNow());
        document.addEventListener('visibilitychange', () => {
            if (!document.hidden)
                this.#retryNow();
        });
    }

    get lastId() { return this.#lastId; }
    get isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }

    open() {
        this.#wanted = true;
        if (!this.#socket)
            this.#connect();
    }

    close(code = 1000, reason = '') {
        this.#wanted = false;
        clearTimeout(this.#retryTimer);
        if (this.#socket)
            this.#socket.close(code, reason);
        else
            this.#tell('closed');
    }

    /** @return false: not connected, nothing was sent */
    send(text) {
        if (!this.isOpen)
            return false;
        this.#socket.send(text);
        return true;
    }

    #tell(state, more = {}) {
        this.dispatchEvent(new CustomEvent('state', { detail: { state, ...more } }));
    }

    #connect() {
        const url = new URL(this.#path, location.href);
        url.protocol = url.protocol.replace('http', 'ws');
        if (this.#lastId)
            url.searchParams.set('last_event_id', this.#lastId);
        const socket = new WebSocket(url, 'ws+meta.wspush');
        socket.binaryType = 'arraybuffer';
        this.#socket = socket;
        this.#tell('connecting');
        socket.onopen = () => {
            this.#openedAt = Date.now();
            this.#beatLater();
            this.#tell('open');
        };
        socket.onmessage = (event) => {
            this.#beatLater();
            this.#receive(typeof event.data === 'string'
                ? event.data : new TextDecoder().decode(event.data));
        };
        socket.onclose = (event) => {
            if (socket === this.#socket)
                this.#lost(event.code, event.reason);
        };
    }

    #receive(text) {
        const { head, body } = splitMeta(text);
        if (body === this.#heartbeat?.reply && !head.id)
            return;
        if (head.gap !== undefined)
            this.dispatchEvent(new CustomEvent('gap', { detail: { after: head.gap } }));
        if (head.id)
            this.#lastId = head.id;
        if (body !== '' || head.gap === undefined) {
            this.dispatchEvent(new CustomEvent('message', {
                detail: { id: head.id ?? '', head, body },
            }));
        }
    }

    /* A line that carried for a while starts the back-off afresh; a server that
       accepts and closes at once must not be asked every half second. */
    #lost(code, reason) {
        clearTimeout(this.#beatTimer);
        this.#socket = null;
        if (this.#openedAt && Date.now() - this.#openedAt > 10_000)
            this.#tries = 0;
        this.#openedAt = 0;
        if (!this.#wanted) {
            this.#tell('closed', { code, reason });
            return;
        }
        const ceiling = Math.min(this.#slowest, 500 * 2 ** this.#tries++);
        const wait = Math.round(ceiling * (0.5 + Math.random() / 2));
        this.#retryTimer = setTimeout(() => this.#connect(), wait);
        this.#tell('waiting', { code, reason, wait });
    }

    #retryNow() {
        if (!this.#wanted || this.#socket)
            return;
        clearTimeout(this.#retryTimer);
        this.#connect();
    }

    /* A browser cannot see the server's pings, so it asks for itself: a dead
       link is noticed in seconds instead of TCP's minutes. */
    #beatLater() {
        clearTimeout(this.#beatTimer);
        if (!this.#heartbeat)
            return;
        const socket = this.#socket;
        this.#beatTimer = setTimeout(() => {
            if (!this.send(this.#heartbeat.text))
                return;
            this.#beatTimer = setTimeout(() => {
                socket.onclose = null;
                socket.close();
                this.#lost(1006, 'no answer to a heartbeat');
            }, this.#heartbeat.within);
        }, this.#heartbeat.every);
    }
}
