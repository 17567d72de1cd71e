/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay (see replay.h); send.c pulls when it has room.
 *
 * Over several channels a batch must be in the order of ids, so it is taken in
 * two steps: look how far the next messages of all channels reach (ids and
 * sizes only), which fixes the id up to which this batch goes; then read each
 * channel up to there. A message that is evicted between the two is reported
 * as lost by the second.
 *
 *   channel a   10      14 15       22 ...            bound = 17:
 *   channel b      11         17 18 ...               10 11 14 15 17
 *                                └ a batch is full here
 */
#include "io/replay.h"

#include "io/alloc.h"
#include "io/closing.h"
#include "io/loop.h"

void wsp_replay_begin(wsp_conn_t *conn, wsp_start_t start, uint32_t count,
                      wsp_id_t id, wsp_id_t upto)
{
    wsp_replay_t *replay;

    if (start == WSP_START_NEWEST || upto == 0) {
        return;
    }
    replay = &wsp_conn_outbox(conn)->replay;
    replay->upto = upto;
    replay->after = wsp_alloc(conn->member_count * sizeof *replay->after);
    for (unsigned i = 0; i < conn->member_count; i++) {
        replay->after[i] =
            start == WSP_START_AFTER
                ? id
                : wsp_sub_start(conn->members[i].topic->sub, count, upto);
    }
    wsp_conn_want_flush(conn);
}

/* ---- step one: how far does this batch go ---- */

typedef struct {
    wsp_id_t id;
    size_t bytes;
} seen_t;

typedef struct {
    seen_t *items;
    unsigned count;
    wsp_id_t bound; /* every channel was looked at up to here */
} look_t;

static void look_at(wsp_conn_t *conn, unsigned i, look_t *look)
{
    wsp_sub_t *sub = conn->members[i].topic->sub;
    const wsp_replay_t *replay = &conn->out->replay;
    wsp_batch_t batch;

    wsp_sub_read_history(sub, replay->after[i], replay->upto, WSP_REPLAY_BYTES,
                         &batch);
    wsp_sub_release(sub, wsp_sub_cursor(sub));
    for (unsigned k = 0; k < batch.count; k++) {
        look->items[look->count++] =
            (seen_t){batch.items[k].id, batch.items[k].body_bytes};
    }
    if (batch.more && batch.count > 0 &&
        batch.items[batch.count - 1].id < look->bound) {
        look->bound = batch.items[batch.count - 1].id;
    }
}

static int by_id(const void *a, const void *b)
{
    wsp_id_t left = ((const seen_t *)a)->id, right = ((const seen_t *)b)->id;
    return left < right ? -1 : left > right;
}

/* The id up to which the next batch of a client with several channels goes. */
static wsp_id_t find_bound(wsp_conn_t *conn)
{
    look_t look = {NULL, 0, conn->out->replay.upto};
    size_t bytes = 0;

    look.items = wsp_alloc((size_t)conn->member_count * WSP_BATCH_MAX *
                           sizeof *look.items);
    for (unsigned i = 0; i < conn->member_count; i++) {
        look_at(conn, i, &look);
    }
    qsort(look.items, look.count, sizeof *look.items, by_id);
    for (unsigned k = 0; k < look.count; k++) {
        bytes += look.items[k].bytes;
        if ((k + 1 == WSP_REPLAY_MESSAGES || bytes >= WSP_REPLAY_BYTES) &&
            look.items[k].id < look.bound) {
            look.bound = look.items[k].id;
            break;
        }
    }
    free(look.items);
    return look.bound;
}

/* ---- step two: read up to there ---- */

typedef struct {
    wsp_packet_t **items;
    unsigned count;
} found_t;

/* Its prefix is built now, while the channel's name is at hand. */
static void add(const wsp_conn_t *conn, unsigned i, found_t *found,
                wsp_packet_t *packet)
{
    struct iovec unused[WSP_PACKET_PIECES];
    wsp_packet_pieces(packet, (wsp_meta_t)conn->meta,
                      wsp_topic_label(conn->members[i].topic), unused);
    found->items[found->count++] = packet;
}

/* @return false: there is more for this channel up to @a bound */
static bool read_channel(wsp_conn_t *conn, unsigned i, wsp_id_t bound,
                         found_t *found)
{
    wsp_topic_t *topic = conn->members[i].topic;
    wsp_id_t *after = &conn->out->replay.after[i];
    wsp_batch_t batch;

    wsp_sub_read_history(topic->sub, *after, bound, WSP_REPLAY_BYTES, &batch);
    if (batch.lost != 0) {
        wsp_closing_log_gap(conn, "what followed its id is gone "
                                  "(WSPushHistory, WSPushMemory)");
        add(conn, i, found, wsp_packet_gap(batch.lost));
        *after = batch.lost;
    }
    for (unsigned k = 0; k < batch.count; k++) {
        add(conn, i, found,
            wsp_packet_read(conn->loop->registry, &batch.items[k],
                            wsp_topic_label(topic), (wsp_meta_t)conn->meta));
        *after = batch.items[k].id;
    }
    wsp_sub_release(topic->sub, wsp_sub_cursor(topic->sub));
    if (!batch.more && *after < bound) {
        *after = bound;
    }
    return !batch.more;
}

static int by_packet_id(const void *a, const void *b)
{
    wsp_id_t left = (*(wsp_packet_t *const *)a)->id;
    wsp_id_t right = (*(wsp_packet_t *const *)b)->id;
    return left < right ? -1 : left > right;
}

static bool is_readable(const wsp_conn_t *conn)
{
    for (unsigned i = 0; i < conn->member_count; i++) {
        if (conn->members[i].topic->sub == NULL) {
            return false; /* deleted: the client is about to be closed */
        }
    }
    return true;
}

static void read_batch(wsp_conn_t *conn, wsp_id_t bound)
{
    wsp_outbox_t *out = conn->out;
    bool is_complete = true;
    found_t found = {NULL, 0};

    found.items = wsp_alloc((size_t)conn->member_count * (WSP_BATCH_MAX + 1) *
                            sizeof(wsp_packet_t *));
    for (unsigned i = 0; i < conn->member_count; i++) {
        is_complete &= read_channel(conn, i, bound, &found);
    }
    if (conn->member_count > 1) {
        qsort(found.items, found.count, sizeof(wsp_packet_t *), by_packet_id);
    }
    for (unsigned k = 0; k < found.count; k++) {
        wsp_fifo_push(&out->replayed, found.items[k]);
    }
    free(found.items);
    if (is_complete && bound >= out->replay.upto) {
        out->replay.upto = 0;
    }
}

void wsp_replay_pull(wsp_conn_t *conn)
{
    wsp_replay_t *replay = &conn->out->replay;

    if (!is_readable(conn)) {
        replay->upto = 0;
        return;
    }
    read_batch(conn, conn->member_count == 1 ? replay->upto : find_bound(conn));
}
