/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending: everything a client is to get, in one system call per burst,
 * whatever queues and channels it lies in; and WSPushQueue, which says how far
 * a client may fall behind.
 */
#ifndef WSP_IO_SEND_H
#define WSP_IO_SEND_H

#include "io/conn.h"

/** Packets and bytes of one write. */
#define WSP_SEND_PICKS 512u
#define WSP_SEND_BYTES (256u * 1024u)

/** One packet of the write that is being prepared. */
typedef struct {
    wsp_packet_t *packet;
    wsp_member_t *member; /* NULL: not from a backlog */
    size_t bytes;
    uint8_t source; /* send.c */
} wsp_pick_t;

/** The write that is being prepared; one per loop is enough. */
typedef struct {
    size_t bytes;
    unsigned pick_count, piece_count;
    wsp_pick_t picks[WSP_SEND_PICKS];
    struct iovec pieces[WSP_SEND_PICKS * WSP_PACKET_PIECES];
} wsp_gather_t;

/** Write what there is, once; marks the client for another turn if there is
 *  more. May end it. @context io thread */
void wsp_send_flush(wsp_conn_t *conn);

/** A topic has news for this member (or is deleted). @context io thread */
void wsp_send_visit(wsp_member_t *member);

#endif
