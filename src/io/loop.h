/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop: what one I/O thread owns, and its turn. All that is in here is touched
 * by that thread alone, except mailbox and the io it belongs to.
 */
#ifndef WSP_IO_LOOP_H
#define WSP_IO_LOOP_H

#include <pthread.h>
#include <sys/types.h>

#include "io/conn.h"
#include "io/hub.h"
#include "io/lanes.h"
#include "io/logline.h"
#include "io/mailbox.h"
#include "io/send.h"

/** One read of one client; also the shared receive buffer. */
#define WSP_RECEIVE_BYTES 65536u

typedef struct wsp_loop {
    wsp_io_t *io;
    wsp_registry_t *registry;
    const wsp_io_host_t *host;
    wsp_seat_t *seat;
    int epoll_fd;
    uint64_t now_ms;       /* monotonic, of this turn */
    uint64_t next_tick_ms; /* of the once-a-second work */
    wsp_mailbox_t mailbox;
    wsp_mail_t *arriving, *joining; /* tickets with their conn, join.h */
    wsp_wheel_t wheel;
    wsp_lanes_t lanes;
    wsp_hub_t hub;
    wsp_link_t conns; /* all that are not dead */
    wsp_link_t work;  /* want to be read or flushed */
    wsp_link_t dead;  /* to be freed at the end of the turn */
    wsp_shared_policy_t *policies;
    wsp_logline_t logline;
    wsp_gather_t gather;           /* the write being prepared */
    int64_t tally[WSP_STAT_COUNT]; /* not yet added to the seat's */
    int64_t told_held_bytes;       /* of the packets, in the seat's */
    uint8_t buffer[WSP_RECEIVE_BYTES];
} wsp_loop_t;

/** Take a seat and make the loop.
 *  @param why out: English text on failure
 *  @context io thread, which keeps the seat */
apr_status_t wsp_loop_init(wsp_loop_t *loop, wsp_io_t *io, const char **why);

/** Turns until the io stops. @context io thread */
void wsp_loop_run(wsp_loop_t *loop);

/** Free what is left. @context any, after the thread has ended */
void wsp_loop_clear(wsp_loop_t *loop);

/** Count for the status page. */
static inline void wsp_loop_count(wsp_loop_t *loop, wsp_stat_t stat, int64_t n)
{
    loop->tally[stat] += n;
}

#endif
