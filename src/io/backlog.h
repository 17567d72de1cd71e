/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backlog: one channel's messages that some client of this thread has not been
 * sent yet, once for all of them. A client has no queue of its own, only a
 * position here; so appending a message costs the same for one subscriber as
 * for ten thousand, and a client that reads slowly costs the messages between
 * its position and the end, shared with all others that are as slow.
 *
 *    head                                       end
 *     |                                          |
 *   [ m7, 2 holders ][ m8, 0 ][ m9, 1 holder ]  ( 997 at the end )
 *
 * What lies before the first position with holders is freed at once.
 */
#ifndef WSP_IO_BACKLOG_H
#define WSP_IO_BACKLOG_H

#include <stdint.h>

#include "io/packet.h"

typedef struct {
    wsp_packet_t *packet;
    uint64_t before;  /* cost of everything appended before it */
    uint32_t holders; /* clients whose position is this entry */
} wsp_backlog_entry_t;

/** All zero is an empty one; an empty one owns no memory. */
typedef struct {
    wsp_backlog_entry_t *ring; /* entry of position p: ring[p % capacity] */
    uint32_t capacity;         /* power of two, or 0 */
    uint32_t at_end;           /* clients that have taken everything */
    uint64_t head, end;        /* positions */
    uint64_t end_bytes;        /* cost of everything ever appended */
} wsp_backlog_t;

/** A client starts at the end. @return its position */
uint64_t wsp_backlog_join(wsp_backlog_t *log);
/** The client at @a at goes. */
void wsp_backlog_leave(wsp_backlog_t *log, uint64_t at);
/** Move a client from @a at to @a to, at <= to <= end. */
void wsp_backlog_move(wsp_backlog_t *log, uint64_t at, uint64_t to);

/** Takes over the caller's reference. */
void wsp_backlog_append(wsp_backlog_t *log, wsp_packet_t *packet);

/** The packet at a position, head <= at < end. */
wsp_packet_t *wsp_backlog_at(const wsp_backlog_t *log, uint64_t at);
/** Cost of what a client at @a at has not taken. @units bytes */
uint64_t wsp_backlog_bytes_from(const wsp_backlog_t *log, uint64_t at);
/** Cost of what is held now. @units bytes */
uint64_t wsp_backlog_bytes(const wsp_backlog_t *log);

#endif
