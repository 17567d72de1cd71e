/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection: one client. Thousands of them are idle at any time, so the
 * struct holds what an idle client needs and nothing else; what a busy one
 * needs (unsent frames, a replay) lies in an outbox that comes and goes.
 *
 *   join          close frame queued       both sent      end of stream,
 *    │                                                    error, time-out
 *    v   closing_begin          closing_drained                  │
 *   OPEN ──────────────> CLOSING ────────────> LINGERING ──> DEAD
 *    └────────────── end of stream, error, no pong ───────────^  └> freed at
 *                                                        the end of the turn
 *
 * CLOSING     the close frame is being sent or the peer's is awaited
 * LINGERING   our direction is shut; what still comes is read and thrown away,
 *             so that no RST destroys the close frame on its way
 * DEAD        descriptor closed, left its topics, on loop->dead
 */
#ifndef WSP_IO_CONN_H
#define WSP_IO_CONN_H

#include "io/io.h"
#include "io/policy.h"
#include "io/rate.h"
#include "io/stream.h"
#include "io/timer.h"
#include "io/topic.h"
#include "protocol/reader.h"

/** From the decision to close to the end of the descriptor, at most. */
#define WSP_CLOSE_TIMEOUT_MS 5000u

/** Channels of one client at most (io.h, wsp_offer_t). */
#define WSP_CONN_CHANNELS_MAX 255u

struct wsp_loop;

typedef enum {
    WSP_CONN_OPEN = 0,
    WSP_CONN_CLOSING,
    WSP_CONN_LINGERING,
    WSP_CONN_DEAD
} wsp_conn_state_t;

/** A replay of history, up to where the client joined. */
typedef struct {
    wsp_id_t upto;   /* 0: no replay, or it is done */
    wsp_id_t *after; /* per member: history up to it has been queued */
} wsp_replay_t;

/** What is to be sent and is not in a backlog. In the order of sending:
 *  rest, pong, private, replayed, gap, then the backlogs. */
typedef struct {
    wsp_packet_t *rest; /* partly written */
    size_t rest_at;     /* bytes of it that are written */
    wsp_packet_t *pong; /* to the last ping */
    wsp_fifo_t private; /* frames for this client alone */
    wsp_fifo_t replayed;
    wsp_packet_t *gap; /* what was dropped from the backlogs */
    wsp_replay_t replay;
    uint8_t *early; /* bytes that came with the request, not yet read */
    size_t early_bytes, early_at;
} wsp_outbox_t;

typedef struct wsp_conn {
    struct wsp_loop *loop;
    wsp_link_t all;  /* loop->conns, or loop->dead */
    wsp_link_t work; /* loop->work: to be read from or flushed */
    const wsp_stream_t *stream;
    wsp_timer_t timer;
    wsp_reader_t reader;
    wsp_shared_policy_t *shared;
    char *text;            /* address NUL user NUL where NUL */
    wsp_outbox_t *out;     /* NULL: nothing to send but backlogs */
    wsp_member_t *members; /* &single, or an array */
    wsp_member_t single;
    uint64_t id;
    union {
        uint64_t heard_ms;  /* last bytes from the client */
        uint64_t stop_sent; /* stop.c: bytes of the farewell sent */
    };
    wsp_rate_t rate, heartbeat_rate;
    int fd;
    uint16_t member_count;
    uint8_t state; /* wsp_conn_state_t */
    uint8_t meta;  /* wsp_meta_t */
    bool may_subscribe : 1;
    bool may_publish : 1;
    bool answers_info : 1;
    bool info_is_json : 1;
    bool wants_read : 1;   /* there may be bytes that epoll will not tell of */
    bool wants_flush : 1;  /* there is something to send */
    bool is_blocked : 1;   /* the socket took less than offered */
    bool is_held_back : 1; /* not read until its answers are sent */
    bool at_end : 1;       /* epoll said that the peer's end is near */
    bool is_pinged : 1;    /* nothing was heard since the ping */
    bool is_peer_closed : 1; /* its close frame came */
    bool is_deaf : 1;        /* the reader must not be fed any more */
    bool has_gap : 1;        /* a gap is open: nothing sent since */
} wsp_conn_t;

/** Strings of the client. */
const char *wsp_conn_address(const wsp_conn_t *conn);
const char *wsp_conn_user(const wsp_conn_t *conn);
const char *wsp_conn_where(const wsp_conn_t *conn);

static inline const wsp_policy_t *wsp_conn_policy(const wsp_conn_t *conn)
{
    return &conn->shared->policy;
}

/** Is there anything to send, now or when room is made? */
bool wsp_outbox_has_work(const wsp_outbox_t *out);
/** The outbox, made if there is none. */
wsp_outbox_t *wsp_conn_outbox(wsp_conn_t *conn);
/** Free the outbox if nothing is left in it. */
void wsp_conn_trim_outbox(wsp_conn_t *conn);

/** The loop is to flush (read) this client before it sleeps. */
void wsp_conn_want_flush(wsp_conn_t *conn);
void wsp_conn_want_read(wsp_conn_t *conn);

/** Queue a frame for this client alone. */
void wsp_conn_queue(wsp_conn_t *conn, wsp_packet_t *packet);

/** Tell the host's hooks about the client. */
void wsp_conn_tell_open(wsp_conn_t *conn);
wsp_close_t wsp_conn_tell_message(wsp_conn_t *conn, wsp_opcode_t op,
                                  const uint8_t *data, size_t len);
void wsp_conn_tell_close(wsp_conn_t *conn, wsp_close_t code);

/** Leave all topics: no more news; positions and counts are given up. */
void wsp_conn_leave(wsp_conn_t *conn);
/** Close the descriptor and leave everything now; memory goes at the end of
 *  the turn. */
void wsp_conn_die(wsp_conn_t *conn);
/** End of the turn: free a dead one. */
void wsp_conn_free(wsp_conn_t *conn);

#endif
