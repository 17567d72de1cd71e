/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O room: the facade. A child process has one wsp_io_t with one or more I/O
 * threads; each thread owns an epoll loop, a seat in the registry, a hub, and
 * the connections it was given. The httpd room prepares an offer while it still
 * has the request, and submits it once httpd has let go of the connection. No
 * httpd here: the host's functions below are all that comes back.
 *
 * Threading contract in one sentence: wsp_io_* may be called by any thread of
 * the process that started it, and everything else in this room runs on the one
 * I/O thread that owns the connection.
 */
#ifndef WSP_IO_H
#define WSP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <apr_errno.h>

#include "protocol/close.h"
#include "protocol/frame.h"
#include "protocol/meta.h"
#include "registry/registry.h"

typedef struct wsp_io wsp_io_t;
typedef struct wsp_ticket wsp_ticket_t; /* a prepared, not yet armed client */

/** Levels as httpd has them (APLOG_ERR 3, WARNING 4, NOTICE 5, INFO 6,
 *  DEBUG 7); the host compares with its LogLevel. */
typedef enum {
    WSP_LOG_ERR = 3,
    WSP_LOG_WARNING = 4,
    WSP_LOG_NOTICE = 5,
    WSP_LOG_INFO = 6,
    WSP_LOG_DEBUG = 7
} wsp_log_level_t;

/** What the host is told about a client; valid during the call. */
typedef struct {
    uint64_t id;         /* connection id, %{wspush:ID} in hex */
    const char *address; /* as httpd saw it: useragent_ip:port */
    const char *user;    /* REMOTE_USER or "" */
    const char *where;   /* request URI, without its query */
    unsigned channel_count;
    const wsp_bytes_t *channels;
} wsp_client_view_t;

/** Functions of the host, called on an I/O thread; they must not block. Any
 *  may be NULL. */
typedef struct {
    void *ctx;
    /** One log line. client may be NULL (not about a client). */
    void (*log)(void *ctx, wsp_log_level_t level, const char *text);
    void (*on_open)(void *ctx, const wsp_client_view_t *client);
    /** A client's message before it is acted upon. WSP_CLOSE_NONE: go on; else
     *  the connection is closed with the code. */
    wsp_close_t (*on_message)(void *ctx, const wsp_client_view_t *client,
                              wsp_opcode_t op, const uint8_t *data, size_t len);
    void (*on_close)(void *ctx, const wsp_client_view_t *client,
                     wsp_close_t code);
} wsp_io_host_t;

typedef struct {
    wsp_registry_t *registry;
    unsigned threads;      /* WSPushIOThreads */
    unsigned reserved_fds; /* descriptors httpd itself needs in this child */
    wsp_io_host_t host;
} wsp_io_options_t;

/**
 * Raise the soft descriptor limit to the hard one, take the seats, start the
 * threads (all signals blocked in them).
 * @param why out: English text on failure
 * @return APR_ENOSPC: no seat free
 * @context child-start
 */
apr_status_t wsp_io_start(const wsp_io_options_t *options, wsp_io_t **io,
                          const char **why);

/** How many clients this child may hold: descriptor limit less the reserve. */
unsigned wsp_io_capacity(const wsp_io_t *io);

/** Clients and tickets this child holds now. @context any thread */
unsigned wsp_io_clients(const wsp_io_t *io);

/**
 * Close all clients with @a code and @a reason (a string constant), flush for
 * at most @a flush_ms, end and join the threads.
 * Called in prefork from within a signal handler that may have interrupted
 * anything: it allocates nothing, takes no lock, and gives up on a thread that
 * does not end in flush_ms + 1000 (the process exits anyway); the threads take
 * no lock of the segment and free nothing on that path. Tickets that were not
 * submitted stay the caller's.
 * @context child's main thread
 */
void wsp_io_stop(wsp_io_t *io, wsp_close_t code, const char *reason,
                 unsigned flush_ms);

/**
 * Free what wsp_io_stop had to leave. Only when the process goes on (tests,
 * leak checkers): no ticket may be left with its caller.
 * @context main thread, after wsp_io_stop, not in a signal handler
 */
void wsp_io_free(wsp_io_t *io);

/* ----------------------------------------------------------------- policy */

typedef enum {
    WSP_ON_MESSAGE_PUBLISH = 0,
    WSP_ON_MESSAGE_ECHO,
    WSP_ON_MESSAGE_DISCARD
} wsp_on_message_t;

#define WSP_HEARTBEAT_MAX 125

/** An endpoint's settings as the I/O room needs them: plain values, zero
 *  initialised (compared with memcmp), so that 10,000 clients share one. */
typedef struct {
    uint64_t queue_bytes; /* WSPushQueue */
    uint64_t max_message; /* WSPushMaxMessage */
    uint32_t ping_ms;     /* WSPushPing interval, 0: never */
    uint32_t pong_ms;     /* WSPushPing timeout */
    uint32_t rate_count;  /* WSPushRate, 0: off */
    uint32_t rate_ms;
    uint32_t rate_burst;      /* messages */
    uint32_t max_subscribers; /* WSPushMaxSubscribers, 0: no limit */
    uint32_t history_count;   /* WSPushHistory */
    uint32_t history_age_s;
    wsp_on_message_t on_message;
    bool queue_drop_oldest;
    bool has_heartbeat;
    uint8_t heartbeat_len, heartbeat_reply_len;
    char heartbeat[WSP_HEARTBEAT_MAX];
    char heartbeat_reply[WSP_HEARTBEAT_MAX];
} wsp_policy_t;

/* ------------------------------------------------------------------ offer */

typedef enum {
    WSP_START_NEWEST = 0, /* only what is published from now on */
    WSP_START_LAST,       /* the last start_count messages, then on */
    WSP_START_AFTER       /* after start_id (resume) */
} wsp_start_t;

/** A client to be taken over; the room copies everything it keeps. */
typedef struct {
    int fd; /* a duplicate of the client's socket, O_NONBLOCK, CLOEXEC */
    const uint8_t *early; /* bytes the client sent after its request */
    size_t early_len;
    const wsp_policy_t *policy;
    uint64_t id;
    bool may_subscribe; /* subscribe and pubsub */
    bool may_publish;   /* publish and pubsub, and authorised to POST */
    bool answers_info;  /* publish: each message is answered with info */
    bool info_is_json;
    wsp_meta_t meta;
    const wsp_bytes_t *channels; /* 1..255, distinct */
    unsigned channel_count;
    wsp_start_t start;
    uint32_t start_count; /* UINT32_MAX: oldest */
    wsp_id_t start_id;
    const char *welcome; /* first text message, or NULL */
    size_t welcome_len;
    const char *address, *user, *where;
} wsp_offer_t;

/**
 * Copy an offer and reserve room for its client (descriptor count, server-wide
 * connection limit).
 * @param max_connections WSPushMaxConnections, 0: none
 * @return APR_EMFILE: this child is at its capacity; APR_ENOSPC: @a
 *         max_connections reached; APR_ENOMEM. The fd stays the caller's then.
 * @owns on success the ticket owns offer->fd and is passed to exactly one of
 *       submit and abandon
 * @context any thread of the process
 */
apr_status_t wsp_io_prepare(wsp_io_t *io, const wsp_offer_t *offer,
                            uint64_t max_connections, wsp_ticket_t **ticket);
/**
 * The HTTP answer (101 and its headers), sent by the I/O thread before the
 * first frame and only when the client has joined its channels: so whoever has
 * seen the answer misses nothing that is published afterwards. Copied.
 * @return false: out of memory
 * @context any thread, between prepare and submit
 */
bool wsp_io_try_set_answer(wsp_ticket_t *ticket, const char *text, size_t len);
/** Arm the client: nobody else reads or writes its socket any more. Cannot
 *  fail; after wsp_io_stop it closes the descriptor. @context any thread */
void wsp_io_submit(wsp_ticket_t *ticket);
/** Give it up; closes the ticket's descriptor. @context any thread */
void wsp_io_abandon(wsp_ticket_t *ticket);

/* ------------------------------------------------------- shared with httpd */

/**
 * Channel info as Nchan prints it.
 * @param json  false: text/plain form
 * @param out   room for WSP_INFO_TEXT_SIZE
 * @return length without the NUL
 */
#define WSP_INFO_TEXT_SIZE 256
size_t wsp_info_format(const wsp_channel_info_t *info, bool json,
                       char out[WSP_INFO_TEXT_SIZE]);

#endif
