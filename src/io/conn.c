/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections (see conn.h): their memory, their marks for the loop, and their
 * end. Made by join.c; read by receive.c, written by send.c, closed by
 * closing.c.
 *
 * Invariants:
 *   1. A connection that is not DEAD is in loop->conns and, once it has joined,
 *      in epoll; a DEAD one is in loop->dead, has no descriptor and is member
 *      of nothing.
 *   2. It is in loop->work if and only if wants_read or wants_flush is set.
 *   3. Its topics are referenced until it is freed, so that a pass that runs
 *      into its death still has its topic.
 */
#include "io/conn.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "io/alloc.h"
#include "io/core.h"

/* Figure that docs/io.md gives: an idle client costs this, its strings and
 * one pointer in its topic. 264 is what malloc gives for 257 to 264. */
_Static_assert(sizeof(wsp_conn_t) <= 264, "wsp_conn_t has grown");

static const char *nth_string(const char *text, unsigned n)
{
    for (; n > 0; n--) {
        text += strlen(text) + 1;
    }
    return text;
}

const char *wsp_conn_address(const wsp_conn_t *conn)
{
    return nth_string(conn->text, 0);
}

const char *wsp_conn_user(const wsp_conn_t *conn)
{
    return nth_string(conn->text, 1);
}

const char *wsp_conn_where(const wsp_conn_t *conn)
{
    return nth_string(conn->text, 2);
}

/* ---- outbox ---- */

wsp_outbox_t *wsp_conn_outbox(wsp_conn_t *conn)
{
    if (conn->out == NULL) {
        conn->out = wsp_alloc(sizeof *conn->out);
    }
    return conn->out;
}

bool wsp_outbox_has_work(const wsp_outbox_t *out)
{
    return out->rest != NULL || out->pong != NULL ||
           out->private.first != NULL || out->replayed.first != NULL ||
           out->gap != NULL || out->replay.upto != 0;
}

static bool is_needed(const wsp_outbox_t *out)
{
    return wsp_outbox_has_work(out) || out->early != NULL;
}

static void unref_if(wsp_packet_t *packet)
{
    if (packet != NULL) {
        wsp_packet_unref(packet);
    }
}

static void free_outbox(wsp_conn_t *conn)
{
    wsp_outbox_t *out = conn->out;

    if (out == NULL) {
        return;
    }
    wsp_fifo_clear(&out->private);
    wsp_fifo_clear(&out->replayed);
    unref_if(out->rest);
    unref_if(out->pong);
    unref_if(out->gap);
    free(out->replay.after);
    free(out->early);
    free(out);
    conn->out = NULL;
}

void wsp_conn_trim_outbox(wsp_conn_t *conn)
{
    if (conn->out != NULL && !is_needed(conn->out)) {
        free_outbox(conn);
    }
}

/* ---- work ---- */

void wsp_conn_want_flush(wsp_conn_t *conn)
{
    if (conn->state == WSP_CONN_DEAD || conn->is_blocked) {
        return; /* nothing to do, or epoll will tell */
    }
    conn->wants_flush = true;
    if (!wsp_link_is_in_list(&conn->work)) {
        wsp_list_append(&conn->loop->work, &conn->work);
    }
}

void wsp_conn_want_read(wsp_conn_t *conn)
{
    if (conn->state == WSP_CONN_DEAD) {
        return;
    }
    conn->wants_read = true;
    if (!wsp_link_is_in_list(&conn->work)) {
        wsp_list_append(&conn->loop->work, &conn->work);
    }
}

void wsp_conn_queue(wsp_conn_t *conn, wsp_packet_t *packet)
{
    wsp_fifo_push(&wsp_conn_outbox(conn)->private, packet);
    wsp_conn_want_flush(conn);
}

/* ---- host ---- */

/* Only when the host has a hook: the view costs a look at each channel. */
static void fill_view(const wsp_conn_t *conn, wsp_client_view_t *view,
                      wsp_bytes_t *channels)
{
    for (unsigned i = 0; i < conn->member_count; i++) {
        channels[i] = wsp_topic_name(conn->members[i].topic);
    }
    view->id = conn->id;
    view->address = wsp_conn_address(conn);
    view->user = wsp_conn_user(conn);
    view->where = wsp_conn_where(conn);
    view->channel_count = conn->member_count;
    view->channels = channels;
}

void wsp_conn_tell_open(wsp_conn_t *conn)
{
    const wsp_io_host_t *host = conn->loop->host;
    wsp_bytes_t channels[WSP_CONN_CHANNELS_MAX];
    wsp_client_view_t view;

    if (host->on_open != NULL) {
        fill_view(conn, &view, channels);
        host->on_open(host->ctx, &view);
    }
}

wsp_close_t wsp_conn_tell_message(wsp_conn_t *conn, wsp_opcode_t op,
                                  const uint8_t *data, size_t len)
{
    const wsp_io_host_t *host = conn->loop->host;
    wsp_bytes_t channels[WSP_CONN_CHANNELS_MAX];
    wsp_client_view_t view;

    if (host->on_message == NULL) {
        return WSP_CLOSE_NONE;
    }
    fill_view(conn, &view, channels);
    return host->on_message(host->ctx, &view, op, data, len);
}

void wsp_conn_tell_close(wsp_conn_t *conn, wsp_close_t code)
{
    const wsp_io_host_t *host = conn->loop->host;
    wsp_bytes_t channels[WSP_CONN_CHANNELS_MAX];
    wsp_client_view_t view;

    if (host->on_close != NULL) {
        fill_view(conn, &view, channels);
        host->on_close(host->ctx, &view, code);
    }
}

/* ---- end ---- */

void wsp_conn_leave(wsp_conn_t *conn)
{
    bool is_merged = conn->member_count > 1;

    for (unsigned i = 0; i < conn->member_count; i++) {
        wsp_member_t *member = &conn->members[i];
        if (member->is_joined) {
            wsp_topic_leave(member->topic, member, (wsp_meta_t)conn->meta,
                            is_merged);
            wsp_hub_recount(member->topic);
        }
    }
}

void wsp_conn_die(wsp_conn_t *conn)
{
    wsp_loop_t *loop = conn->loop;

    if (conn->state == WSP_CONN_DEAD) {
        return;
    }
    wsp_conn_leave(conn);
    conn->state = WSP_CONN_DEAD;
    wsp_timer_clear(&loop->wheel, &conn->timer);
    /* Not left to close(2): another process may have inherited the socket and
     * would keep it, and its events, in our epoll set. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    close(conn->fd);
    conn->fd = -1;
    wsp_list_remove(&conn->work);
    wsp_list_remove(&conn->all);
    wsp_list_append(&loop->dead, &conn->all);
    wsp_io_release(loop->io, loop->seat);
}

void wsp_conn_free(wsp_conn_t *conn)
{
    wsp_list_remove(&conn->all);
    free_outbox(conn);
    wsp_reader_clear(&conn->reader);
    for (unsigned i = 0; i < conn->member_count; i++) {
        wsp_hub_release(&conn->loop->hub, conn->members[i].topic);
    }
    if (conn->members != &conn->single) {
        free(conn->members);
    }
    wsp_policy_release(&conn->loop->policies, conn->shared);
    free(conn->text);
    free(conn);
}
