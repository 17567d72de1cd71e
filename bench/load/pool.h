/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: many WebSocket clients in one process, on one epoll. The pool
 * connects, shakes hands, answers pings and closes; the mode that owns it
 * hears of messages and of clients that are gone.
 *
 *     free -> connecting -> handshake -> open -> closing -> gone
 *                  \____________\__________\________\_____/
 *
 * One thread per process. A client's slot may be opened again once it is gone,
 * but only between two steps, so that no event of the old socket is left.
 */
#ifndef WSP_LOAD_POOL_H
#define WSP_LOAD_POOL_H

#include "tally.h"
#include "ws.h"

typedef enum {
    WSP_PEER_FREE = 0,
    WSP_PEER_CONNECTING,
    WSP_PEER_HANDSHAKE,
    WSP_PEER_OPEN,
    WSP_PEER_CLOSING, /* our close frame is out */
    WSP_PEER_GONE
} wsp_peer_state_t;

typedef struct {
    int fd;
    uint32_t index;      /* of all clients of all processes */
    uint32_t since_ms;   /* when the state began */
    uint32_t rest_len;   /* bytes of an incomplete frame */
    uint16_t close_code; /* received, 0: none */
    uint8_t state;
    bool is_unread; /* slow: its bytes stay in the socket */
    uint8_t *rest;
} wsp_peer_t;

typedef struct wsp_pool wsp_pool_t;

/** What the mode hears; either may be NULL. */
typedef struct {
    void (*on_open)(wsp_pool_t *pool, wsp_peer_t *peer);
    void (*on_message)(wsp_pool_t *pool, wsp_peer_t *peer,
                       const wsp_ws_frame_t *frame);
} wsp_pool_host_t;

struct wsp_pool {
    const wsp_load_options_t *o;
    wsp_tally_t *tally;
    wsp_pool_host_t host;
    void *ctx;
    unsigned process; /* client i of this process is number */
    unsigned stride;  /* i * stride + process of all */
    int epoll;
    uint32_t size;      /* slots */
    uint32_t target;    /* clients wanted */
    uint32_t started;   /* of them started so far */
    uint32_t in_flight; /* connecting or in the handshake */
    uint32_t live;      /* all that have a socket */
    uint32_t swept_ms;  /* last look for clients that are stuck */
    wsp_peer_t *peers;
    uint8_t *buffer;
};

/** An empty pool with room for @a size clients. */
void wsp_pool_init(wsp_pool_t *pool, const wsp_load_options_t *o,
                   wsp_tally_t *tally, uint32_t size);

/** Watch one more descriptor; wsp_pool_step says when it is readable. */
void wsp_pool_watch(wsp_pool_t *pool, int fd);

/** Start new clients, wait for events at most @a timeout_ms, handle them.
 *  @return true: the watched descriptor is readable */
bool wsp_pool_step(wsp_pool_t *pool, int timeout_ms);

/** Connect the client of a slot that is free or gone. */
void wsp_pool_open(wsp_pool_t *pool, wsp_peer_t *peer);

/** Begin the close handshake, or reset the connection. */
void wsp_pool_close(wsp_pool_t *pool, wsp_peer_t *peer, bool abruptly);

/** Leave what this client is sent in its socket from now on. */
void wsp_pool_leave_unread(wsp_pool_t *pool, wsp_peer_t *peer);

/** Read again from clients that were left unread. */
void wsp_pool_read_all(wsp_pool_t *pool);

/** Send a frame of at most 65,535 bytes at once.
 *  @return false: the socket is full or dead */
bool wsp_pool_send(wsp_peer_t *peer, unsigned op, const void *data, size_t len);

/** Channel ids of client @a index: PREFIX-k[,PREFIX-k+1…]. */
void wsp_pool_channel(const wsp_load_options_t *o, uint32_t index, char *out,
                      size_t size);

#endif
