/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet: one immutable thing to send, shared by all clients of this thread
 * that get it. A message is read once from the segment into one allocation;
 * what differs between subprotocols is only the prefix before the body (frame
 * header and meta lines), which is built at most once per subprotocol.
 *
 *   wsp_packet_t | content type | event | room for one prefix | body
 *                                         ^ the first prefix asked for lies
 *                                           right before the body: one piece
 *
 * The reference count is a plain number: a packet never leaves its thread.
 */
#ifndef WSP_IO_PACKET_H
#define WSP_IO_PACKET_H

#include <sys/uio.h>

#include "protocol/frame.h"
#include "protocol/meta.h"
#include "registry/registry.h"

#define WSP_META_KINDS 3
/** Most pieces (iovec entries) one packet takes. */
#define WSP_PACKET_PIECES 2

typedef enum {
    WSP_PACKET_MESSAGE, /* a published message */
    WSP_PACKET_GAP,     /* messages up to this id are lost */
    WSP_PACKET_FRAME    /* a finished frame for one client */
} wsp_packet_kind_t;

typedef struct wsp_packet {
    struct wsp_packet *next; /* in the one FIFO that a FRAME or a replayed
                                packet is in */
    wsp_id_t id;
    uint8_t *prefix[WSP_META_KINDS]; /* NULL: not built yet */
    uint16_t prefix_bytes[WSP_META_KINDS];
    uint16_t content_type_bytes, event_bytes;
    uint16_t room_bytes; /* for the prefix before the body */
    uint32_t refs;
    uint32_t body_bytes;
    uint8_t kind; /* wsp_packet_kind_t */
    uint8_t op;   /* wsp_opcode_t of a message */
    uint8_t data[];
} wsp_packet_t;

/**
 * Read a pinned message.
 * @param label channel name for the meta line
 * @param meta  the subprotocol that most clients are expected to use
 * @return one reference
 * @context io thread, while the message is pinned
 */
wsp_packet_t *wsp_packet_read(const wsp_registry_t *registry,
                              const wsp_message_t *message, wsp_text_t label,
                              wsp_meta_t meta);

/** "Messages up to @a lost are gone": a frame of its own in ws+meta.wspush,
 *  nothing to others. @return one reference */
wsp_packet_t *wsp_packet_gap(wsp_id_t lost);

/**
 * A frame for one client.
 * @param meta data frames of a subprotocol begin with an empty meta block
 * @return one reference
 */
wsp_packet_t *wsp_packet_frame(wsp_opcode_t op, wsp_meta_t meta,
                               const void *body, size_t len);

/** Bytes as they are. @return one reference */
wsp_packet_t *wsp_packet_raw(const void *bytes, size_t len);

void wsp_packet_ref(wsp_packet_t *packet);
void wsp_packet_unref(wsp_packet_t *packet);

/** Heap it takes; what WSPushQueue counts. @units bytes */
size_t wsp_packet_cost(const wsp_packet_t *packet);

/** Cost of all packets that this thread holds now. @units bytes */
int64_t wsp_packet_held_bytes(void);

/**
 * What to write for a client of subprotocol @a meta.
 * @param label used when the prefix has to be built; not kept
 * @return pieces filled in: 0 (nothing to say in this subprotocol) to 2
 */
unsigned wsp_packet_pieces(wsp_packet_t *packet, wsp_meta_t meta,
                           wsp_text_t label,
                           struct iovec out[WSP_PACKET_PIECES]);

/* ---------------------------------------------------------------- FIFO */

/** Packets that belong to one client. All zero is empty. */
typedef struct {
    wsp_packet_t *first, *last;
    size_t bytes; /* cost of its packets */
} wsp_fifo_t;

/** Takes over the caller's reference. */
void wsp_fifo_push(wsp_fifo_t *fifo, wsp_packet_t *packet);
/** @return the reference, NULL when empty */
wsp_packet_t *wsp_fifo_pop(wsp_fifo_t *fifo);
void wsp_fifo_clear(wsp_fifo_t *fifo);

#endif
