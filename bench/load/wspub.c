/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: verify's publishers with --ws-publish. Each is a WebSocket client
 * of a pubsub endpoint on one channel and sends its messages as frames without
 * waiting; it hears them too, like everyone, and drops them. There is no answer
 * to a frame: what was written counts as acknowledged.
 */
#include "verify.h"

#include <errno.h>
#include <sys/socket.h>

#include "memory.h"
#include "message.h"
#include "worker.h"

#define OUT_BYTES 65536U

typedef struct {
    uint32_t next, written, total; /* built, with the kernel, all */
    size_t at, len;
    uint8_t *out;
} wspub_t;

typedef struct {
    wsp_verify_t *v;
    wsp_pool_t pool;
    wsp_load_options_t o; /* one channel each */
    uint32_t sent;
    wspub_t *pubs;
} wspress_t;

static void build(wspress_t *x, uint32_t which)
{
    static char body[WSP_MAX_SIZE + 1];
    const wsp_load_options_t *o = x->v->o;
    wspub_t *p = &x->pubs[which];
    double s = (double)(wsp_net_now_ns() - x->v->times->begun_ns) / 1e9;

    while (p->next < p->total && p->len < OUT_BYTES &&
           (!o->rate || (double)x->sent < s * (double)o->rate)) {
        wsp_message_t m = {which, p->next++, wsp_net_now_ns()};
        size_t size = wsp_message_write(o, &m, body);
        p->len +=
            wsp_ws_encode(p->out + p->len,
                          o->binary ? WSP_OP_BINARY : WSP_OP_TEXT, body, size);
        x->sent++;
    }
}

/* @return false: all is written, or the connection is gone */
static bool push(wspress_t *x, uint32_t which)
{
    wspub_t *p = &x->pubs[which];
    wsp_peer_t *peer = &x->pool.peers[which];

    if (peer->state != WSP_PEER_OPEN) {
        return false;
    }
    build(x, which);
    while (p->at < p->len) {
        ssize_t n =
            send(peer->fd, p->out + p->at, p->len - p->at, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN;
        }
        p->at += (size_t)n;
    }
    while (p->written < p->next) {
        x->v->acks[x->v->first[which] + p->written++].state = WSP_ACK_YES;
    }
    p->at = p->len = 0;
    return p->next < p->total;
}

static void publish(wspress_t *x)
{
    bool busy = true;

    x->v->times->begun_ns = wsp_net_now_ns();
    while (busy) {
        busy = false;
        for (uint32_t i = 0; i < x->v->o->publishers; i++) {
            busy = push(x, i) || busy;
        }
        wsp_pool_step(&x->pool, busy ? 1 : 0);
    }
    for (uint32_t i = 0; i < x->v->o->publishers; i++) {
        wspub_t *p = &x->pubs[i];
        while (p->written < p->next) {
            x->v->acks[x->v->first[i] + p->written++].state = WSP_ACK_UNKNOWN;
        }
    }
    x->v->times->published_ns = wsp_net_now_ns();
}

static void open_all(wspress_t *x)
{
    uint32_t publishers = x->v->o->publishers;

    for (uint32_t i = 0; i < x->pool.started; i++) {
        if (x->pool.peers[i].state == WSP_PEER_OPEN) {
            wsp_pool_close(&x->pool, &x->pool.peers[i], true);
        }
        wsp_pool_open(&x->pool, &x->pool.peers[i]);
    }
    x->pool.target = publishers;
    do {
        wsp_pool_step(&x->pool, 100);
    } while (x->pool.started < publishers || x->pool.in_flight > 0);
    for (uint32_t i = 0; i < publishers; i++) {
        if (x->pool.peers[i].state == WSP_PEER_OPEN) {
            wsp_net_local(x->pool.peers[i].fd, &x->v->pubs[i].ip,
                          &x->v->pubs[i].port);
        }
    }
}

static void close_all(wspress_t *x)
{
    for (uint32_t i = 0; i < x->pool.started; i++) {
        if (x->pool.peers[i].state == WSP_PEER_OPEN) {
            wsp_pool_close(&x->pool, &x->pool.peers[i], false);
        }
    }
    while (x->pool.live > 0) {
        wsp_pool_step(&x->pool, 100);
    }
}

static void prepare(wspress_t *x, wsp_verify_t *v)
{
    uint32_t publishers = v->o->publishers;

    x->v = v;
    x->o = *v->o;
    x->o.multiplex = 1;
    x->o.meta = false;
    x->pubs = wsp_memory_own(publishers, sizeof(*x->pubs));
    for (uint32_t i = 0; i < publishers; i++) {
        x->pubs[i].total = v->first[i + 1] - v->first[i];
        x->pubs[i].out = wsp_memory_own(1, OUT_BYTES + v->o->size_max + 14);
    }
    wsp_pool_init(&x->pool, &x->o, &v->tally[v->o->procs], publishers);
}

/* Wait for a command, and serve the clients meanwhile. */
static bool hear(wspress_t *x, int control, wsp_crew_word_t *word)
{
    while (!wsp_pool_step(&x->pool, 1000)) {
    }
    return wsp_crew_hear(control, word);
}

void wsp_wspub_run(unsigned which, int control, void *ctx)
{
    static wspress_t x;
    wsp_crew_word_t word;

    (void)which;
    wsp_net_raise_limit();
    prepare(&x, ctx);
    wsp_pool_watch(&x.pool, control);
    while (hear(&x, control, &word)) {
        if (word.op == WSP_CREW_READY) {
            open_all(&x);
        }
        else if (word.op == WSP_CREW_RUN) {
            publish(&x);
        }
        else if (word.op == WSP_CREW_FINISH) {
            close_all(&x);
        }
        wsp_crew_answer(control, (wsp_crew_op_t)word.op);
    }
}
