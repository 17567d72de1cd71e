/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving (see receive.h): the loop calls it for clients that epoll reported
 * or that had more than one slice.
 *
 *   bytes ─> reader ─> message ─> heartbeat? answer it
 *                 │               over WSPushRate? 1008
 *                 │               refused by a hook? its code
 *                 │               echo │ discard │ publish (and answer)
 *                 ├──> ping ─> pong
 *                 └──> close ─> closing.c
 *
 * Epoll is edge-triggered: a read that fills its buffer may have left bytes
 * behind that nobody will report again, so the client is marked for the next
 * turn. A client whose answers pile up (it does not read them) is not read
 * until they are sent: its own sending slows down, nothing is lost, and memory
 * stays within WSPushQueue.
 */
#include "io/receive.h"

#include <errno.h>
#include <string.h>

#include "io/alloc.h"
#include "io/closing.h"
#include "io/loop.h"

/* Heartbeats have their own budget, so that they never use up the messages'
 * and a flood of them is a flood all the same. */
#define HEARTBEATS_PER_MESSAGE 4u

static const char binary_type[] = "application/octet-stream";

/* What a reader's callback returns after it may have begun to close. */
static wsp_close_t verdict(const wsp_conn_t *conn)
{
    return conn->state == WSP_CONN_OPEN ? WSP_CLOSE_NONE : WSP_CLOSE_POLICY;
}

static void answer(wsp_conn_t *conn, wsp_opcode_t op, const void *body,
                   size_t len)
{
    wsp_conn_queue(conn,
                   wsp_packet_frame(op, (wsp_meta_t)conn->meta, body, len));
}

/* ---- publish ---- */

/* The text of several channels' info has the form that HTTP publishers get. */
static void answer_infos(wsp_conn_t *conn, const wsp_channel_info_t *infos)
{
    bool json = conn->info_is_json, is_list = json && conn->member_count > 1;
    char *text =
        wsp_alloc((size_t)conn->member_count * (WSP_INFO_TEXT_SIZE + 2) + 2);
    size_t len = 0;

    if (is_list) {
        text[len++] = '[';
    }
    for (unsigned i = 0; i < conn->member_count; i++) {
        if (i > 0) {
            const char *between = json ? ",\n" : "\n";
            memcpy(text + len, between, strlen(between));
            len += strlen(between);
        }
        len += wsp_info_format(&infos[i], json, text + len);
    }
    if (is_list) {
        text[len++] = ']';
    }
    answer(conn, WSP_OP_TEXT, text, len);
    free(text);
}

static void publish_failed(wsp_conn_t *conn, apr_status_t status)
{
    static const char full[] = "507 server memory is full (WSPushMemory)";
    static const char failed[] = "500 could not publish";

    if (conn->answers_info && status == APR_ENOSPC) {
        answer(conn, WSP_OP_TEXT, full, sizeof full - 1);
    }
    else if (conn->answers_info) {
        answer(conn, WSP_OP_TEXT, failed, sizeof failed - 1);
    }
    else if (status == APR_ENOSPC) {
        wsp_closing_begin(conn, WSP_CAUSE_FULL);
    }
    else {
        wsp_closing_begin(conn, WSP_CAUSE_INTERNAL);
    }
}

static void publish(wsp_conn_t *conn, wsp_opcode_t op, const uint8_t *data,
                    size_t len)
{
    const wsp_policy_t *policy = wsp_conn_policy(conn);
    wsp_channel_info_t infos[WSP_CONN_CHANNELS_MAX];
    apr_status_t status = APR_SUCCESS;
    wsp_publish_t message;

    memset(&message, 0, sizeof message);
    message.body = (wsp_bytes_t){(const char *)data, len};
    message.is_binary = op == WSP_OP_BINARY;
    if (message.is_binary) {
        message.content_type =
            (wsp_bytes_t){binary_type, sizeof binary_type - 1};
    }
    message.history_count = policy->history_count;
    message.history_age_s = policy->history_age_s;
    for (unsigned i = 0; status == APR_SUCCESS && i < conn->member_count; i++) {
        message.channel = wsp_topic_name(conn->members[i].topic);
        status = wsp_registry_publish(conn->loop->registry, &message, NULL,
                                      conn->answers_info ? &infos[i] : NULL);
    }
    if (status != APR_SUCCESS) {
        publish_failed(conn, status);
    }
    else if (conn->answers_info) {
        answer_infos(conn, infos);
    }
}

/* ---- messages ---- */

static bool is_heartbeat(const wsp_policy_t *policy, wsp_opcode_t op,
                         const uint8_t *data, size_t len)
{
    return policy->has_heartbeat && op == WSP_OP_TEXT &&
           len == policy->heartbeat_len &&
           memcmp(data, policy->heartbeat, len) == 0;
}

static void take_heartbeat(wsp_conn_t *conn)
{
    const wsp_policy_t *policy = wsp_conn_policy(conn);
    uint32_t burst =
        policy->rate_burst > 0 ? policy->rate_burst : policy->rate_count;

    if (!wsp_rate_try_take(&conn->heartbeat_rate, conn->loop->now_ms,
                           policy->rate_count * HEARTBEATS_PER_MESSAGE,
                           policy->rate_ms, burst * HEARTBEATS_PER_MESSAGE)) {
        wsp_closing_begin(conn, WSP_CAUSE_HEARTBEATS);
        return;
    }
    answer(conn, WSP_OP_TEXT, policy->heartbeat_reply,
           policy->heartbeat_reply_len);
}

static void act(wsp_conn_t *conn, wsp_opcode_t op, const uint8_t *data,
                size_t len)
{
    switch (wsp_conn_policy(conn)->on_message) {
    case WSP_ON_MESSAGE_ECHO:
        answer(conn, op, data, len);
        break;
    case WSP_ON_MESSAGE_DISCARD:
        break;
    case WSP_ON_MESSAGE_PUBLISH:
    default:
        if (conn->may_publish) {
            publish(conn, op, data, len);
        }
        else {
            wsp_closing_begin(conn, WSP_CAUSE_NO_PUBLISH);
        }
        break;
    }
}

static wsp_close_t message_cb(void *ctx, wsp_opcode_t op, uint8_t *data,
                              size_t len)
{
    wsp_conn_t *conn = ctx;
    const wsp_policy_t *policy = wsp_conn_policy(conn);
    wsp_close_t refused;

    if (conn->state != WSP_CONN_OPEN) {
        return WSP_CLOSE_NONE; /* only the peer's close frame counts now */
    }
    wsp_loop_count(conn->loop, WSP_STAT_MESSAGES_IN, 1);
    if (is_heartbeat(policy, op, data, len)) {
        take_heartbeat(conn);
        return verdict(conn);
    }
    if (!wsp_rate_try_take(&conn->rate, conn->loop->now_ms, policy->rate_count,
                           policy->rate_ms, policy->rate_burst)) {
        wsp_closing_begin(conn, WSP_CAUSE_RATE);
        return verdict(conn);
    }
    refused = wsp_conn_tell_message(conn, op, data, len);
    if (refused != WSP_CLOSE_NONE) {
        wsp_closing_begin_with(conn, WSP_CAUSE_HOST, refused,
                               "refused by the application");
    }
    else {
        act(conn, op, data, len);
    }
    return verdict(conn);
}

/* ---- control frames ---- */

/* Only the newest ping has to be answered (RFC 6455 5.5.3): a pong that still
 * waits is replaced, so pings cannot pile up. */
static void queue_pong(wsp_conn_t *conn, const uint8_t *data, size_t len)
{
    wsp_outbox_t *out = wsp_conn_outbox(conn);
    wsp_packet_t *pong =
        wsp_packet_frame(WSP_OP_PONG, WSP_META_NONE, data, len);

    if (out->pong != NULL) {
        wsp_packet_unref(out->pong);
    }
    out->pong = pong;
    wsp_conn_want_flush(conn);
}

static wsp_close_t control_cb(void *ctx, wsp_opcode_t op, const uint8_t *data,
                              size_t len)
{
    wsp_conn_t *conn = ctx;

    if (op == WSP_OP_PING && conn->state == WSP_CONN_OPEN) {
        queue_pong(conn, data, len);
    }
    return WSP_CLOSE_NONE; /* a pong has been noticed as bytes */
}

static void close_cb(void *ctx, unsigned code, const char *reason,
                     size_t reason_len)
{
    wsp_conn_t *conn = ctx;

    (void)reason;
    (void)reason_len;
    conn->is_peer_closed = true;
    wsp_closing_begin_with(conn, WSP_CAUSE_PEER, (wsp_close_t)code, NULL);
}

static const wsp_reader_cbs_t callbacks = {message_cb, control_cb, close_cb};

/* ---- bytes ---- */

static void feed(wsp_conn_t *conn, uint8_t *bytes, size_t len)
{
    wsp_close_t code;
    const char *why = NULL;

    if (conn->is_deaf || conn->state == WSP_CONN_LINGERING) {
        return;
    }
    code = wsp_reader_feed(&conn->reader, bytes, len,
                           wsp_conn_policy(conn)->max_message, &callbacks, conn,
                           &why);
    if (code == WSP_CLOSE_NONE) {
        return;
    }
    conn->is_deaf = true;
    wsp_reader_clear(&conn->reader);
    if (code == WSP_CLOSE_TOO_BIG) {
        wsp_closing_begin(conn, WSP_CAUSE_TOO_BIG);
    }
    else {
        wsp_closing_begin_with(conn, WSP_CAUSE_PROTOCOL, code, why);
    }
}

static ssize_t take_early(wsp_outbox_t *out, uint8_t *buffer, size_t len)
{
    size_t left = out->early_bytes - out->early_at;
    size_t n = len < left ? len : left;

    memcpy(buffer, out->early + out->early_at, n);
    out->early_at += n;
    if (out->early_at == out->early_bytes) {
        free(out->early);
        out->early = NULL;
    }
    return (ssize_t)n;
}

static ssize_t next_bytes(wsp_conn_t *conn, size_t len, bool *is_early)
{
    uint8_t *buffer = conn->loop->buffer;

    *is_early = conn->out != NULL && conn->out->early != NULL;
    if (*is_early) {
        return take_early(conn->out, buffer, len);
    }
    return conn->stream->recv(conn->fd, buffer, len);
}

/* The peer will send nothing more. Answers that wait get one chance: a script
 * may well send its messages, shut its side, and read what comes. */
static void end_of_stream(wsp_conn_t *conn)
{
    if (conn->state == WSP_CONN_OPEN) {
        wsp_send_flush(conn);
    }
    wsp_closing_lost(conn, "connection ended without a close frame");
}

static void take_bytes(wsp_conn_t *conn, size_t n, bool may_be_more)
{
    conn->heard_ms = conn->loop->now_ms;
    if (conn->is_pinged && conn->state == WSP_CONN_OPEN) {
        /* The timer waits for this sign of life: back to the interval, which
         * may be the shorter of the two. */
        conn->is_pinged = false;
        wsp_timer_set(&conn->loop->wheel, &conn->timer,
                      conn->heard_ms + wsp_conn_policy(conn)->ping_ms);
    }
    feed(conn, conn->loop->buffer, n);
    if (conn->out != NULL &&
        conn->out->private.bytes > wsp_conn_policy(conn)->queue_bytes &&
        conn->state == WSP_CONN_OPEN) {
        conn->is_held_back = true;
    }
    if (may_be_more) {
        wsp_conn_want_read(conn);
    }
    if (conn->state == WSP_CONN_CLOSING) {
        wsp_conn_trim_outbox(conn);
        wsp_closing_drained(conn);
    }
}

void wsp_receive(wsp_conn_t *conn)
{
    size_t len = wsp_reader_held_bytes(&conn->reader) > 0
                     ? WSP_RECEIVE_BYTES
                     : WSP_RECEIVE_SLICE_BYTES;
    bool is_early;
    ssize_t n;

    conn->wants_read = false;
    if (conn->state == WSP_CONN_DEAD || conn->is_held_back) {
        return;
    }
    n = next_bytes(conn, len, &is_early);
    if (n > 0) {
        take_bytes(conn, (size_t)n,
                   (size_t)n == len || conn->at_end || is_early);
    }
    else if (n == 0) {
        end_of_stream(conn);
    }
    else if (errno != EAGAIN && errno != EWOULDBLOCK) {
        wsp_closing_lost(conn, strerror(errno));
    }
}
