/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending (see send.h): the lanes visit members with news, the loop flushes
 * clients that have something of their own.
 *
 *   rest │ pong │ private │ replayed │ gap │ backlogs, merged by id
 *   ─────┴──────┴─────────┴──────────┴─────┴────────────> picks ─> sendmsg
 *                                                            │
 *     consumed: popped, or the position moves on <───────────┤
 *     cut in the middle: becomes the rest        <───────────┘
 *
 * Positions move only after the write, so nothing has to be put back when the
 * socket takes less; a member's `ahead` says how many entries of its backlog
 * the prepared write contains.
 *
 * Invariants:
 *   1. Outside of wsp_send_flush every member's ahead is 0.
 *   2. A client with several channels is sent nothing newer than
 *      hub->delivered, nor does it lose anything newer: only up to there is
 *      every backlog complete.
 *   3. Backlogs wait for the end of the replay.
 *   4. is_blocked: the kernel has said that it takes no more; epoll will tell.
 */
#include "io/send.h"

#include <errno.h>
#include <inttypes.h>

#include "io/closing.h"
#include "io/loop.h"
#include "io/replay.h"

enum {
    FROM_REST,
    FROM_PONG,
    FROM_PRIVATE,
    FROM_REPLAYED,
    FROM_GAP,
    FROM_BACKLOG
};

/* ---- which member's entry is next ---- */

static bool has_next(const wsp_member_t *member)
{
    return member->is_joined &&
           member->at + member->ahead < member->topic->log.end;
}

static wsp_packet_t *next_packet(const wsp_member_t *member)
{
    return wsp_backlog_at(&member->topic->log, member->at + member->ahead);
}

/* The member with the smallest id. */
static wsp_member_t *oldest_member(wsp_conn_t *conn)
{
    wsp_member_t *oldest = NULL;
    wsp_id_t oldest_id = 0;

    for (unsigned i = 0; i < conn->member_count; i++) {
        wsp_member_t *member = &conn->members[i];
        if (has_next(member) &&
            (oldest == NULL || next_packet(member)->id < oldest_id)) {
            oldest = member;
            oldest_id = next_packet(member)->id;
        }
    }
    return oldest;
}

/* The member whose entry comes next in the order of ids; NULL: none, or an
 * older one of another channel may still come (invariant 2). */
static wsp_member_t *oldest_complete(wsp_conn_t *conn)
{
    wsp_member_t *member;

    if (conn->member_count == 1) {
        return has_next(conn->members) ? conn->members : NULL;
    }
    member = oldest_member(conn);
    if (member != NULL && next_packet(member)->id > conn->loop->hub.delivered) {
        return NULL;
    }
    return member;
}

static wsp_member_t *next_member(wsp_conn_t *conn)
{
    if (conn->out != NULL && conn->out->replay.upto != 0) {
        return NULL;
    }
    return oldest_complete(conn);
}

/* ---- prepare ---- */

static bool is_full(const wsp_gather_t *gather)
{
    return gather->pick_count == WSP_SEND_PICKS ||
           gather->bytes >= WSP_SEND_BYTES;
}

/* Leave out the first @a skip bytes of the pieces added last. */
static void skip_bytes(wsp_gather_t *gather, unsigned added, size_t skip)
{
    struct iovec *piece = &gather->pieces[gather->piece_count - added];

    for (; added > 0 && skip > 0; added--, piece++) {
        size_t cut = skip < piece->iov_len ? skip : piece->iov_len;
        piece->iov_base = (uint8_t *)piece->iov_base + cut;
        piece->iov_len -= cut;
        skip -= cut;
    }
}

static void pick(wsp_conn_t *conn, wsp_packet_t *packet, wsp_member_t *member,
                 uint8_t source, size_t skip)
{
    wsp_gather_t *gather = &conn->loop->gather;
    wsp_pick_t *added = &gather->picks[gather->pick_count++];
    struct iovec *pieces = &gather->pieces[gather->piece_count];
    wsp_text_t label = {NULL, 0};
    size_t bytes = 0;
    unsigned count;

    /* Replayed packets have had their prefix built by replay.c. */
    if (member != NULL) {
        label = wsp_topic_label(member->topic);
    }
    count = wsp_packet_pieces(packet, (wsp_meta_t)conn->meta, label, pieces);
    for (unsigned i = 0; i < count; i++) {
        bytes += pieces[i].iov_len;
    }
    gather->piece_count += count;
    skip_bytes(gather, count, skip);
    *added = (wsp_pick_t){packet, member, bytes - skip, source};
    gather->bytes += bytes - skip;
}

static void pick_fifo(wsp_conn_t *conn, const wsp_fifo_t *fifo, uint8_t source)
{
    wsp_packet_t *packet = fifo->first;

    for (; packet != NULL && !is_full(&conn->loop->gather);
         packet = packet->next) {
        pick(conn, packet, NULL, source, 0);
    }
}

static void pick_outbox(wsp_conn_t *conn)
{
    wsp_outbox_t *out = conn->out;

    if (out->rest != NULL) {
        pick(conn, out->rest, NULL, FROM_REST, out->rest_at);
    }
    if (out->pong != NULL) {
        pick(conn, out->pong, NULL, FROM_PONG, 0);
    }
    pick_fifo(conn, &out->private, FROM_PRIVATE);
    if (out->replayed.first == NULL && out->replay.upto != 0) {
        wsp_replay_pull(conn);
    }
    pick_fifo(conn, &out->replayed, FROM_REPLAYED);
    if (out->gap != NULL && out->replay.upto == 0 &&
        !is_full(&conn->loop->gather)) {
        pick(conn, out->gap, NULL, FROM_GAP, 0);
    }
}

static void prepare(wsp_conn_t *conn)
{
    wsp_gather_t *gather = &conn->loop->gather;
    wsp_member_t *member;

    gather->bytes = 0;
    gather->pick_count = gather->piece_count = 0;
    if (conn->out != NULL) {
        pick_outbox(conn);
    }
    while (!is_full(gather) && (member = next_member(conn)) != NULL) {
        pick(conn, next_packet(member), member, FROM_BACKLOG, 0);
        member->ahead++;
    }
}

/* ---- take back what was written ---- */

/* Take the packet out of where it waited, with its reference; a backlog keeps
 * its own, so there it is another one. */
static wsp_packet_t *take(wsp_conn_t *conn, const wsp_pick_t *picked)
{
    wsp_outbox_t *out = conn->out;
    wsp_packet_t *packet = picked->packet;

    switch (picked->source) {
    case FROM_REST:
        out->rest = NULL;
        break;
    case FROM_PONG:
        out->pong = NULL;
        break;
    case FROM_PRIVATE:
        wsp_fifo_pop(&out->private);
        break;
    case FROM_REPLAYED:
        wsp_fifo_pop(&out->replayed);
        break;
    case FROM_GAP:
        out->gap = NULL;
        break;
    default:
        break;
    }
    if (picked->member != NULL) { /* FROM_BACKLOG */
        wsp_packet_ref(packet);
        picked->member->ahead++;
        conn->has_gap = false;
    }
    return packet;
}

static void count_packet(wsp_conn_t *conn, const wsp_packet_t *packet)
{
    if (packet->kind == WSP_PACKET_MESSAGE) {
        wsp_loop_count(conn->loop, WSP_STAT_DELIVERIES, 1);
    }
    else if (packet->kind == WSP_PACKET_GAP) {
        wsp_loop_count(conn->loop, WSP_STAT_GAPS, 1);
    }
}

/* Keep what was cut in the middle. */
static void keep_rest(wsp_conn_t *conn, const wsp_pick_t *picked,
                      size_t written)
{
    wsp_outbox_t *out = wsp_conn_outbox(conn);
    size_t before = picked->source == FROM_REST ? out->rest_at : 0;

    out->rest = take(conn, picked);
    out->rest_at = before + written;
}

static void move_members(const wsp_gather_t *gather)
{
    for (unsigned i = 0; i < gather->pick_count; i++) {
        wsp_member_t *member = gather->picks[i].member;
        if (member != NULL && member->ahead > 0) {
            uint64_t to = member->at + member->ahead;
            wsp_backlog_move(&member->topic->log, member->at, to);
            member->at = to;
            member->ahead = 0;
        }
    }
}

/* @a written bytes of the prepared write are on their way. */
static void consume(wsp_conn_t *conn, size_t written)
{
    wsp_gather_t *gather = &conn->loop->gather;

    for (unsigned i = 0; i < gather->pick_count; i++) {
        if (gather->picks[i].member != NULL) {
            gather->picks[i].member->ahead = 0;
        }
    }
    for (unsigned i = 0; i < gather->pick_count; i++) {
        const wsp_pick_t *picked = &gather->picks[i];
        if (written == 0 && picked->bytes > 0) {
            break;
        }
        if (picked->source != FROM_REST) {
            count_packet(conn, picked->packet);
        }
        if (written < picked->bytes) {
            keep_rest(conn, picked, written);
            break;
        }
        written -= picked->bytes;
        wsp_packet_unref(take(conn, picked));
    }
    move_members(gather);
}

/* ---- WSPushQueue ---- */

static bool is_over_queue(const wsp_conn_t *conn)
{
    uint64_t bytes = conn->out != NULL ? conn->out->private.bytes : 0;
    uint64_t messages = conn->out != NULL && conn->out->private.first != NULL;

    for (unsigned i = 0; i < conn->member_count; i++) {
        const wsp_member_t *member = &conn->members[i];
        if (member->is_joined) {
            const wsp_backlog_t *log = &member->topic->log;
            bytes += wsp_backlog_bytes_from(log, member->at);
            messages += log->end - member->at;
        }
    }
    /* One message alone is sent however large it is. */
    return bytes > wsp_conn_policy(conn)->queue_bytes && messages > 1;
}

static void note_gap(wsp_conn_t *conn, wsp_id_t lost)
{
    wsp_outbox_t *out;

    if (!conn->has_gap) {
        conn->has_gap = true;
        wsp_closing_log_gap(conn, "it reads too slowly and loses the oldest "
                                  "(WSPushQueue drop-oldest)");
        if (conn->meta != WSP_META_WSPUSH) {
            wsp_loop_count(conn->loop, WSP_STAT_GAPS, 1);
        }
    }
    if (conn->meta == WSP_META_WSPUSH) {
        out = wsp_conn_outbox(conn);
        if (out->gap != NULL) {
            wsp_packet_unref(out->gap);
        }
        out->gap = wsp_packet_gap(lost);
    }
}

static void drop_oldest(wsp_conn_t *conn)
{
    wsp_member_t *member;
    wsp_id_t lost = 0;
    int64_t count = 0;

    while (is_over_queue(conn) && (member = oldest_complete(conn)) != NULL) {
        lost = next_packet(member)->id;
        wsp_backlog_move(&member->topic->log, member->at, member->at + 1);
        member->at++;
        count++;
    }
    if (count > 0) {
        wsp_loop_count(conn->loop, WSP_STAT_DROPPED, count);
        note_gap(conn, lost);
    }
}

/* A client that takes nothing: how much may wait for it? */
static void enforce_queue(wsp_conn_t *conn)
{
    if (conn->state != WSP_CONN_OPEN || !is_over_queue(conn)) {
        return;
    }
    if (wsp_conn_policy(conn)->queue_drop_oldest) {
        drop_oldest(conn);
    }
    else {
        wsp_closing_begin(conn, WSP_CAUSE_SLOW);
    }
}

/* ---- write ---- */

static bool has_more(wsp_conn_t *conn)
{
    const wsp_outbox_t *out = conn->out;

    if (out != NULL && wsp_outbox_has_work(out)) {
        return true;
    }
    wsp_conn_trim_outbox(conn);
    return next_member(conn) != NULL;
}

/* The client's answers have gone out: read on where reading was held back. */
static void release_reading(wsp_conn_t *conn)
{
    size_t waiting = conn->out != NULL ? conn->out->private.bytes : 0;

    if (conn->is_held_back && waiting <= wsp_conn_policy(conn)->queue_bytes) {
        conn->is_held_back = false;
        wsp_conn_want_read(conn);
    }
}

static void after_write(wsp_conn_t *conn)
{
    bool more = has_more(conn);

    release_reading(conn);
    if (conn->is_blocked) {
        enforce_queue(conn);
    }
    else if (more) {
        wsp_conn_want_flush(conn);
    }
    else if (conn->state == WSP_CONN_CLOSING) {
        wsp_closing_drained(conn);
    }
}

/* @return bytes taken, 0 when blocked, -1: the connection is gone */
static ssize_t write_out(wsp_conn_t *conn)
{
    wsp_gather_t *gather = &conn->loop->gather;
    ssize_t n;

    if (gather->bytes == 0) {
        return 0; /* a gap that this subprotocol cannot tell */
    }
    n = conn->stream->send(conn->fd, gather->pieces, gather->piece_count);
    wsp_loop_count(conn->loop, WSP_STAT_WRITE_CALLS, 1);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        n = 0;
    }
    if (n >= 0) {
        wsp_loop_count(conn->loop, WSP_STAT_BYTES_OUT, n);
        conn->is_blocked = (size_t)n < gather->bytes;
    }
    return n;
}

void wsp_send_flush(wsp_conn_t *conn)
{
    ssize_t written;

    conn->wants_flush = false;
    if (conn->is_blocked || conn->state == WSP_CONN_LINGERING ||
        conn->state == WSP_CONN_DEAD) {
        return;
    }
    prepare(conn);
    written = write_out(conn);
    if (written < 0) {
        consume(conn, 0);
        wsp_closing_lost(conn, "write failed");
        return;
    }
    consume(conn, (size_t)written);
    after_write(conn);
}

void wsp_send_visit(wsp_member_t *member)
{
    wsp_conn_t *conn = member->conn;
    bool is_deleted = member->topic->is_deleted;

    if (conn->is_blocked) {
        enforce_queue(conn);
    }
    else {
        wsp_send_flush(conn);
    }
    if (is_deleted) {
        wsp_closing_begin(conn, WSP_CAUSE_DELETED);
    }
}
