/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing (see closing.h; the states are drawn in conn.h).
 *
 *   we close first:    our frame ─> wait for theirs ─┐
 *   they close first:  theirs ─> our echo ───────────┼─> shut our direction,
 *   broken reader:     our frame ────────────────────┘   read until their end
 *
 * The server shuts its direction first (RFC 6455 7.1.1) and then waits for the
 * peer's end, because closing a socket with unread bytes sends an RST, which
 * may reach the peer before it has read the close frame.
 */
#include "io/closing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "io/loop.h"

#define NO_STAT WSP_STAT_COUNT

typedef struct {
    wsp_close_t code;
    wsp_log_level_t level;
    wsp_stat_t stat;  /* NO_STAT: only the connection's own figures */
    const char *text; /* in the close frame and the log */
} cause_t;

static const cause_t causes[WSP_CAUSE_COUNT] = {
    [WSP_CAUSE_PEER] = {WSP_CLOSE_NORMAL, WSP_LOG_INFO, NO_STAT, NULL},
    [WSP_CAUSE_PROTOCOL] = {WSP_CLOSE_PROTOCOL, WSP_LOG_INFO,
                            WSP_STAT_CLOSED_PROTOCOL, "protocol error"},
    [WSP_CAUSE_TOO_BIG] = {WSP_CLOSE_TOO_BIG, WSP_LOG_INFO,
                           WSP_STAT_CLOSED_PROTOCOL,
                           "message is too big (WSPushMaxMessage)"},
    [WSP_CAUSE_SLOW] = {WSP_CLOSE_TRY_LATER, WSP_LOG_INFO, WSP_STAT_CLOSED_SLOW,
                        "client reads too slowly (WSPushQueue)"},
    [WSP_CAUSE_RATE] = {WSP_CLOSE_POLICY, WSP_LOG_INFO, WSP_STAT_CLOSED_RATE,
                        "too many messages (WSPushRate)"},
    [WSP_CAUSE_HEARTBEATS] = {WSP_CLOSE_POLICY, WSP_LOG_INFO,
                              WSP_STAT_CLOSED_RATE,
                              "too many heartbeats (WSPushRate)"},
    [WSP_CAUSE_NO_PUBLISH] = {WSP_CLOSE_POLICY, WSP_LOG_INFO, NO_STAT,
                              "not allowed to publish here"},
    [WSP_CAUSE_HOST] = {WSP_CLOSE_POLICY, WSP_LOG_INFO, NO_STAT,
                        "refused by the application"},
    [WSP_CAUSE_FULL] = {WSP_CLOSE_TRY_LATER, WSP_LOG_WARNING, NO_STAT,
                        "server memory is full (WSPushMemory)"},
    [WSP_CAUSE_SUBSCRIBERS] = {WSP_CLOSE_TRY_LATER, WSP_LOG_INFO, NO_STAT,
                               "channel is full (WSPushMaxSubscribers)"},
    [WSP_CAUSE_DELETED] = {WSP_CLOSE_GOING_AWAY, WSP_LOG_INFO, NO_STAT,
                           "channel deleted"},
    [WSP_CAUSE_INTERNAL] = {WSP_CLOSE_INTERNAL, WSP_LOG_ERR, NO_STAT,
                            "internal error"},
};

/* The value of the limit that was hit, for the administrator. */
static const char *limit_text(const wsp_conn_t *conn, wsp_cause_t cause,
                              char *out, size_t out_bytes)
{
    const wsp_policy_t *policy = wsp_conn_policy(conn);

    out[0] = '\0';
    switch (cause) {
    case WSP_CAUSE_TOO_BIG:
        snprintf(out, out_bytes, ", limit %" PRIu64 " bytes",
                 policy->max_message);
        break;
    case WSP_CAUSE_SLOW:
        snprintf(out, out_bytes, ", limit %" PRIu64 " bytes",
                 policy->queue_bytes);
        break;
    case WSP_CAUSE_RATE:
    case WSP_CAUSE_HEARTBEATS:
        snprintf(out, out_bytes, ", limit %" PRIu32 " in %" PRIu32 " ms",
                 policy->rate_count, policy->rate_ms);
        break;
    case WSP_CAUSE_SUBSCRIBERS:
        snprintf(out, out_bytes, ", limit %" PRIu32, policy->max_subscribers);
        break;
    case WSP_CAUSE_PEER:
    case WSP_CAUSE_PROTOCOL:
    case WSP_CAUSE_NO_PUBLISH:
    case WSP_CAUSE_HOST:
    case WSP_CAUSE_FULL:
    case WSP_CAUSE_DELETED:
    case WSP_CAUSE_INTERNAL:
    case WSP_CAUSE_COUNT:
    default:
        break;
    }
    return out;
}

static void log_end(wsp_conn_t *conn, wsp_log_level_t level, unsigned code,
                    const char *text, const char *limit)
{
    wsp_loop_t *loop = conn->loop;
    const char *user = wsp_conn_user(conn);

    wsp_logline_write(&loop->logline, loop->now_ms, level,
                      "client %s%s%s at %s: closed %u %s%s",
                      wsp_conn_address(conn), *user != '\0' ? " user " : "",
                      user, wsp_conn_where(conn), code, text, limit);
}

static void drop_one(wsp_packet_t **packet)
{
    if (*packet != NULL) {
        wsp_packet_unref(*packet);
        *packet = NULL;
    }
}

/* What was queued for the client and must not follow the close frame, or
 * would only delay it. */
static void drop_queued(wsp_conn_t *conn, bool with_private)
{
    wsp_outbox_t *out = conn->out;

    if (out == NULL) {
        return;
    }
    wsp_fifo_clear(&out->replayed);
    out->replay.upto = 0;
    drop_one(&out->gap);
    drop_one(&out->pong);
    if (with_private) {
        wsp_fifo_clear(&out->private);
    }
}

static void queue_close_frame(wsp_conn_t *conn, wsp_close_t code,
                              const char *text)
{
    uint8_t payload[WSP_CLOSE_PAYLOAD_MAX];
    size_t len = wsp_close_encode(payload, code, text);

    wsp_conn_queue(conn,
                   wsp_packet_frame(WSP_OP_CLOSE, WSP_META_NONE, payload, len));
}

void wsp_closing_begin_with(wsp_conn_t *conn, wsp_cause_t cause,
                            wsp_close_t code, const char *text)
{
    const cause_t *row = &causes[cause];
    char limit[64];

    if (conn->state != WSP_CONN_OPEN) {
        return;
    }
    wsp_conn_tell_close(conn, code);
    log_end(conn, row->level, code, text != NULL ? text : "by the client",
            limit_text(conn, cause, limit, sizeof limit));
    if (row->stat != NO_STAT) {
        wsp_loop_count(conn->loop, row->stat, 1);
    }
    wsp_conn_leave(conn);
    drop_queued(conn, cause == WSP_CAUSE_SLOW);
    conn->state = WSP_CONN_CLOSING;
    conn->is_held_back = false;
    queue_close_frame(conn, code, text);
    wsp_timer_set(&conn->loop->wheel, &conn->timer,
                  conn->loop->now_ms + WSP_CLOSE_TIMEOUT_MS);
    wsp_conn_want_read(conn);
}

void wsp_closing_begin(wsp_conn_t *conn, wsp_cause_t cause)
{
    wsp_closing_begin_with(conn, cause, causes[cause].code, causes[cause].text);
}

void wsp_closing_drained(wsp_conn_t *conn)
{
    if (conn->state != WSP_CONN_CLOSING || conn->out != NULL ||
        !(conn->is_peer_closed || conn->is_deaf)) {
        return;
    }
    conn->state = WSP_CONN_LINGERING;
    conn->stream->finish(conn->fd);
    wsp_conn_want_read(conn);
}

void wsp_closing_lost(wsp_conn_t *conn, const char *why)
{
    if (conn->state == WSP_CONN_OPEN) {
        wsp_conn_tell_close(conn, WSP_CLOSE_ABNORMAL);
        log_end(conn, WSP_LOG_INFO, WSP_CLOSE_ABNORMAL, why, "");
    }
    wsp_conn_die(conn);
}

void wsp_closing_no_pong(wsp_conn_t *conn)
{
    wsp_loop_count(conn->loop, WSP_STAT_CLOSED_PING, 1);
    wsp_closing_lost(conn, "no answer to a ping (WSPushPing)");
}

void wsp_closing_log_gap(wsp_conn_t *conn, const char *why)
{
    wsp_loop_t *loop = conn->loop;

    wsp_logline_write(&loop->logline, loop->now_ms, WSP_LOG_INFO,
                      "client %s at %s misses messages: %s",
                      wsp_conn_address(conn), wsp_conn_where(conn), why);
}
