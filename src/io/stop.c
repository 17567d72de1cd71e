/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping (see stop.h): start.c's thread function calls it when the loop has
 * ended.
 *
 *   each client   rest of a frame that is partly out │ close frame ─> sent?
 *                 (a closing one: its own queue)                       │
 *                                                shut our direction <──┘
 *                                                read and discard ─> its end
 *                                                                    or time
 *
 * Sending starts over from the same bytes each time the socket has room and
 * leaves out the first conn->stop_sent of them, so nothing has to be taken out
 * of a queue (and freed) on the way.
 */
#include "io/stop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "io/core.h"
#include "io/ticket.h"

#define EVENTS 256
/* Reads of one client's leftovers per event. */
#define DISCARDS_MAX 16

typedef struct {
    wsp_loop_t *loop;
    unsigned open; /* descriptors not closed yet */
    size_t frame_bytes;
    uint8_t frame[WSP_FRAME_HEADER_MAX + WSP_CLOSE_PAYLOAD_MAX];
} stop_t;

static void make_frame(stop_t *stop)
{
    const wsp_io_t *io = stop->loop->io;
    uint8_t payload[WSP_CLOSE_PAYLOAD_MAX];
    size_t len = wsp_close_encode(payload, io->stop_code, io->stop_reason);
    size_t header =
        wsp_frame_header(stop->frame, WSP_FRAME_FIN, WSP_OP_CLOSE, len);

    memcpy(stop->frame + header, payload, len);
    stop->frame_bytes = header + len;
}

/* ---- what a client is still sent ---- */

/* Add pieces, less the first *@a skip bytes of what is added in all. */
static void add(wsp_gather_t *gather, struct iovec piece, size_t *skip)
{
    size_t cut = *skip < piece.iov_len ? *skip : piece.iov_len;

    *skip -= cut;
    if (cut == piece.iov_len ||
        gather->piece_count == WSP_SEND_PICKS * WSP_PACKET_PIECES) {
        return;
    }
    piece.iov_base = (uint8_t *)piece.iov_base + cut;
    piece.iov_len -= cut;
    gather->pieces[gather->piece_count++] = piece;
    gather->bytes += piece.iov_len;
}

/* Only packets whose prefix exists: a partly written one, finished frames. */
static void add_packet(wsp_conn_t *conn, wsp_packet_t *packet, size_t *skip)
{
    struct iovec pieces[WSP_PACKET_PIECES];
    wsp_text_t no_label = {NULL, 0};
    unsigned count =
        wsp_packet_pieces(packet, (wsp_meta_t)conn->meta, no_label, pieces);

    for (unsigned i = 0; i < count; i++) {
        add(&conn->loop->gather, pieces[i], skip);
    }
}

static void prepare(stop_t *stop, wsp_conn_t *conn)
{
    wsp_gather_t *gather = &stop->loop->gather;
    const wsp_outbox_t *out = conn->out;
    size_t skip = conn->stop_sent;

    gather->bytes = 0;
    gather->piece_count = 0;
    if (out != NULL && out->rest != NULL) {
        skip += out->rest_at;
        add_packet(conn, out->rest, &skip);
    }
    if (conn->state == WSP_CONN_OPEN) {
        struct iovec frame = {stop->frame, stop->frame_bytes};
        add(gather, frame, &skip);
        return;
    }
    for (wsp_packet_t *packet = out != NULL ? out->private.first : NULL;
         packet != NULL; packet = packet->next) {
        add_packet(conn, packet, &skip);
    }
}

static void hang_up(stop_t *stop, wsp_conn_t *conn)
{
    if (conn->fd >= 0) {
        close(conn->fd);
        conn->fd = -1;
        stop->open--;
    }
}

static void say_goodbye(stop_t *stop, wsp_conn_t *conn)
{
    wsp_gather_t *gather = &stop->loop->gather;
    ssize_t n;

    if (conn->fd < 0 || conn->state == WSP_CONN_LINGERING) {
        return;
    }
    prepare(stop, conn);
    n = gather->bytes == 0
            ? 0
            : conn->stream->send(conn->fd, gather->pieces, gather->piece_count);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        hang_up(stop, conn);
        return;
    }
    conn->stop_sent += n > 0 ? (size_t)n : 0;
    if (n >= 0 && (size_t)n == gather->bytes) {
        conn->state = WSP_CONN_LINGERING;
        conn->stream->finish(conn->fd);
    }
}

/* What it still sends is of no use; its end is. */
static void discard(stop_t *stop, wsp_conn_t *conn)
{
    for (unsigned i = 0; conn->fd >= 0 && i < DISCARDS_MAX; i++) {
        ssize_t n = conn->stream->recv(conn->fd, stop->loop->buffer,
                                       sizeof stop->loop->buffer);
        if (n > 0) {
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
            hang_up(stop, conn);
        }
        return;
    }
}

/* ---- tickets that came too late ---- */

static void refuse(stop_t *stop, wsp_mail_t *mail)
{
    for (; mail != NULL; mail = mail->next) {
        const wsp_ticket_t *ticket = wsp_ticket_of(mail);
        struct iovec pieces[] = {{ticket->answer, ticket->answer_len},
                                 {stop->frame, stop->frame_bytes}};
        (void)wsp_stream_plain.send(ticket->offer.fd, pieces, 2);
        wsp_stream_plain.finish(ticket->offer.fd);
        close(ticket->offer.fd);
        if (ticket->conn != NULL) {
            ticket->conn->fd = -1;
        }
    }
}

static void refuse_tickets(stop_t *stop)
{
    wsp_loop_t *loop = stop->loop;
    wsp_mail_t **last = &loop->arriving;

    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = wsp_mailbox_close(&loop->mailbox);
    refuse(stop, loop->arriving);
    refuse(stop, loop->joining);
}

/* ---- the last turns ---- */

static void begin(stop_t *stop)
{
    wsp_loop_t *loop = stop->loop;

    for (wsp_link_t *link = loop->conns.next; link != &loop->conns;
         link = link->next) {
        wsp_conn_t *conn = wsp_list_item(link, wsp_conn_t, all);
        if (conn->fd < 0) {
            continue; /* refused above, as a ticket */
        }
        conn->stop_sent = 0; /* shares its place with heard_ms */
        stop->open++;
        say_goodbye(stop, conn);
        discard(stop, conn);
    }
}

static void wait_for_ends(stop_t *stop, uint64_t until_ms)
{
    struct epoll_event events[EVENTS];
    uint64_t now;

    while (stop->open > 0 && (now = wsp_clock_ms()) < until_ms) {
        int count = epoll_wait(stop->loop->epoll_fd, events, EVENTS,
                               (int)(until_ms - now));
        if (count < 0 && errno != EINTR) {
            return;
        }
        for (int i = 0; i < count; i++) {
            wsp_conn_t *conn = events[i].data.ptr;
            if (conn != NULL) {
                say_goodbye(stop, conn);
                discard(stop, conn);
            }
        }
    }
}

void wsp_stop_run(wsp_loop_t *loop)
{
    stop_t stop = {.loop = loop};
    int wake_fd = wsp_seat_wake_fd(loop->seat);

    /* It may be readable from now on and nobody would drain it. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, wake_fd, NULL);
    make_frame(&stop);
    refuse_tickets(&stop);
    begin(&stop);
    wait_for_ends(&stop, wsp_clock_ms() + loop->io->stop_flush_ms);
    for (wsp_link_t *link = loop->conns.next; link != &loop->conns;
         link = link->next) {
        hang_up(&stop, wsp_list_item(link, wsp_conn_t, all));
    }
}
