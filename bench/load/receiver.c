/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: verify's subscribers. Writes down for each what came and in which
 * order; the judging is the coordinator's.
 */
#include "verify.h"

#include <string.h>

#include "memory.h"
#include "message.h"
#include "worker.h"

typedef struct {
    wsp_verify_t *v;
    uint32_t *newest; /* [slot * publishers + p]: 1 + his latest sequence */
} receiver_t;

static void note_open(wsp_pool_t *pool, wsp_peer_t *peer)
{
    const receiver_t *r = pool->ctx;
    wsp_sub_t *sub = &r->v->subs[peer->index];

    wsp_net_local(peer->fd, &sub->ip, &sub->port);
    sub->is_open = true;
}

/* With --meta: take "id: S:N\n[content-type: T\n]\n" off the front. */
static bool take_meta(wsp_sub_t *sub, const char **data, size_t *len)
{
    uint64_t seconds, number;
    const char *text = *data;
    const char *body = memmem(text, *len, "\n\n", 2);

    if (!body || *len < 5 || memcmp(text, "id: ", 4) != 0) {
        return false;
    }
    size_t used =
        wsp_ws_parse_id(text + 4, (size_t)(body - text) - 4, &seconds, &number);
    if (used == 0 || text[4 + used] != '\n') {
        return false;
    }
    if (seconds < sub->last_seconds ||
        (seconds == sub->last_seconds && number <= sub->last_number)) {
        sub->disorder++;
    }
    sub->last_seconds = seconds;
    sub->last_number = number;
    *len -= (size_t)(body + 2 - text);
    *data = body + 2;
    return true;
}

static void take_message(const receiver_t *r, const wsp_pool_t *pool,
                         const wsp_peer_t *peer, const wsp_message_t *m)
{
    wsp_verify_t *v = r->v;
    wsp_sub_t *sub = &v->subs[peer->index];
    uint32_t number = v->first[m->publisher] + m->sequence;
    uint64_t *word = &v->seen[peer->index * v->seen_words + number / 64];
    uint64_t bit = 1ULL << number % 64;
    uint32_t slot = (uint32_t)(peer - pool->peers);
    uint32_t *newest = &r->newest[slot * v->o->publishers + m->publisher];

    if (*word & bit) {
        sub->doubled++;
        wsp_tally_note(pool->tally, "subscriber %u: twice %u/%u", peer->index,
                       m->publisher, m->sequence);
        return;
    }
    *word |= bit;
    if (m->sequence < *newest) {
        sub->reordered++;
        wsp_tally_note(pool->tally, "subscriber %u: %u/%u came after %u",
                       peer->index, m->publisher, m->sequence, *newest - 1);
    }
    else {
        *newest = m->sequence + 1;
    }
    sub->unique++;
    sub->chain = (sub->chain ^ number) * 0x9e3779b97f4a7c15ULL;
    sub->chain ^= sub->chain >> 29;
    if (peer->index < v->o->channels) {
        size_t total = v->first[v->o->publishers];
        v->witness[peer->index * total + sub->arrived++] = number;
    }
    uint64_t now = wsp_net_now_ns();
    wsp_tally_latency(pool->tally, now - m->sent_ns);
    pool->tally->last_ns = now;
    atomic_fetch_add_explicit(&pool->tally->fresh, 1, memory_order_relaxed);
}

static void on_message(wsp_pool_t *pool, wsp_peer_t *peer,
                       const wsp_ws_frame_t *frame)
{
    const receiver_t *r = pool->ctx;
    const wsp_load_options_t *o = pool->o;
    wsp_sub_t *sub = &r->v->subs[peer->index];
    const char *data = (const char *)frame->data;
    size_t len = frame->len;
    wsp_message_t m;

    bool ok =
        frame->op == (o->binary ? WSP_OP_BINARY : WSP_OP_TEXT) &&
        (!o->meta || take_meta(sub, &data, &len)) &&
        wsp_message_read(o, data, len, &m) && m.publisher < o->publishers &&
        m.sequence < r->v->first[m.publisher + 1] - r->v->first[m.publisher] &&
        wsp_verify_hears(o, peer->index,
                         wsp_message_channel(o, m.publisher, m.sequence));
    if (ok) {
        take_message(r, pool, peer, &m);
        return;
    }
    sub->foreign++;
    wsp_tally_note(pool->tally, "subscriber %u: opcode %u, %zu bytes: not ours",
                   peer->index, frame->op, frame->len);
}

void wsp_receiver_run(unsigned which, int control, void *ctx)
{
    static receiver_t r;
    wsp_pool_t pool;

    r.v = ctx;
    uint32_t limit = wsp_net_raise_limit();
    uint32_t size = wsp_worker_share(r.v->max_subs, which, r.v->o->procs);

    if (size + 32 > limit) {
        size = limit - 32;
    }
    r.newest =
        wsp_memory_own((size_t)size * r.v->o->publishers, sizeof(uint32_t));
    wsp_pool_init(&pool, r.v->o, &r.v->tally[which], size);
    pool.process = which;
    pool.stride = r.v->o->procs;
    pool.host = (wsp_pool_host_t){note_open, on_message};
    pool.ctx = &r;
    wsp_worker_run(&pool, control);
}
