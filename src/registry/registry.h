/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry: the facade of the shared segment that all processes of one server
 * have in common: channels, their messages, who subscribes, wake-ups, counters.
 * Publishers (any thread of any process) append to a channel; each I/O thread
 * holds a *seat*, has one cursor per channel it subscribes to, and takes what
 * is new in the order of ids. No sockets, no httpd here.
 *
 * Threading contract in one sentence: functions on a seat or a subscription
 * are called by the one thread that took the seat, everything else by any
 * thread of any process, and nobody waits for anybody longer than one
 * channel's bookkeeping takes (bodies are copied outside of the locks).
 *
 * Results are apr_status_t: APR_SUCCESS, APR_ENOSPC (segment or seats full),
 * APR_NOTFOUND, APR_EINVAL (a name or size over the limits below).
 */
#ifndef WSP_REGISTRY_H
#define WSP_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <apr_errno.h>
#include <apr_pools.h>

/** Longest channel id (group and separator included), bytes. */
#define WSP_CHANNEL_ID_MAX 1024u
/** Longest content type and event name, bytes. */
#define WSP_FIELD_MAX 255u
/** Smallest and largest segment, bytes. */
#define WSP_SEGMENT_MIN ((size_t)1 << 20)
#define WSP_SEGMENT_MAX ((size_t)64 << 30)

/**
 * Message id: unix seconds << 28 | counter. Strictly increasing over all
 * channels of a server, also when the clock steps back; 0 means none.
 */
typedef uint64_t wsp_id_t;
#define WSP_ID_COUNTER_BITS 28
#define WSP_ID_TEXT_SIZE 32 /* "<seconds>:<n>" with NUL */

/** @return length written, without the NUL. @context any thread */
size_t wsp_id_format(wsp_id_t id, char out[WSP_ID_TEXT_SIZE]);
/** Strict: digits ":" digits, in range. @return false: not an id */
bool wsp_id_parse(const char *text, size_t len, wsp_id_t *id);

/** Bytes that belong to the caller; not NUL-terminated. */
typedef struct {
    const char *at;
    size_t len;
} wsp_bytes_t;

typedef struct wsp_registry wsp_registry_t; /* this process's handle */
typedef struct wsp_seat wsp_seat_t;         /* an I/O thread's place */
typedef struct wsp_sub wsp_sub_t; /* a seat's subscription of one channel */

/* ------------------------------------------------------------ life cycle */

typedef struct {
    size_t segment_bytes; /* WSPushMemory */
    unsigned seats;       /* I/O threads alive at once, restarts included */
} wsp_registry_options_t;

/**
 * Make the segment, its locks and one eventfd per seat.
 * @param process_pool lives as long as the parent: only APR's own clean-ups
 *                     are registered there, so that the module may be
 *                     unloaded and loaded again while the segment stays
 * @param segment      out: base address, to be kept in httpd's retained data
 * @param why          out: English text on failure
 * @context parent, before any fork
 */
apr_status_t wsp_registry_create(const wsp_registry_options_t *options,
                                 apr_pool_t *process_pool, void **segment,
                                 const char **why);

/**
 * Make a handle for an existing segment (after create, and again after each
 * reload of the module).
 * @return APR_EINVAL when the segment's layout is another version's
 * @context parent
 */
apr_status_t wsp_registry_attach(void *segment, apr_pool_t *pool,
                                 wsp_registry_t **registry, const char **why);

/** What create was asked for; to tell the administrator that a changed
 *  WSPushMemory waits for a full start. */
void wsp_registry_options(const wsp_registry_t *registry,
                          wsp_registry_options_t *options);

/* ------------------------------------------------------------- publishing */

typedef struct {
    wsp_bytes_t channel; /* id, or group 0x1F id: see httpd/request.h */
    wsp_bytes_t body;
    wsp_bytes_t content_type; /* no CR, LF, NUL: the caller checked */
    wsp_bytes_t event;        /* same */
    bool is_binary;           /* WebSocket opcode of the message */
    uint32_t history_count;   /* WSPushHistory; becomes the channel's */
    uint32_t history_age_s;   /* 0: no age limit */
} wsp_publish_t;

typedef struct {
    uint64_t messages;    /* readable history: within count and age */
    int64_t requested_s;  /* seconds since a subscriber last came; -1 never */
    uint64_t subscribers; /* of living seats */
    wsp_id_t last_id;     /* 0: none yet */
} wsp_channel_info_t;

/**
 * Append a message and wake the seats that subscribe.
 * When this returns APR_SUCCESS the message is in the segment and will reach
 * every subscriber of every living seat, whatever dies afterwards.
 * @param id   out: the message's id (may be NULL)
 * @param info out: the channel after it (may be NULL)
 * @return APR_ENOSPC: nothing older can go (507); APR_EINVAL: over a limit
 * @context any thread, any process (also an I/O thread)
 * @locks pool, then one shard, for O(seats of the channel + messages trimmed)
 * @crash at any instruction: either the whole message is there or nothing of
 *        it; blocks in flight come back with the next repair
 */
apr_status_t wsp_registry_publish(wsp_registry_t *registry,
                                  const wsp_publish_t *message, wsp_id_t *id,
                                  wsp_channel_info_t *info);

/** @return APR_NOTFOUND: no message and no subscriber */
apr_status_t wsp_registry_info(wsp_registry_t *registry, wsp_bytes_t id,
                               wsp_channel_info_t *info);

/** Drop the channel with its messages; its subscriptions learn of it
 *  (wsp_sub_state) and a new channel of that name starts afresh.
 *  @return APR_NOTFOUND */
apr_status_t wsp_registry_delete(wsp_registry_t *registry, wsp_bytes_t id,
                                 wsp_channel_info_t *info);

/* ------------------------------------------------------------------ seats */

/**
 * Take a free seat, or a dead owner's (its subscriptions are cleared first).
 * @return APR_ENOSPC: all seats are held by living threads
 * @context io thread, which keeps the seat until it leaves or dies
 * @crash the seat's robust mutex tells the next taker, or any tick
 */
apr_status_t wsp_seat_take(wsp_registry_t *registry, wsp_seat_t **out);

/** Close all subscriptions and give the seat back. @context its thread */
void wsp_seat_leave(wsp_seat_t *seat);

/** The seat's eventfd (non-blocking, made by the parent, never closed here):
 *  readable when there is something to collect. @context any thread */
int wsp_seat_wake_fd(const wsp_seat_t *seat);

/** Wake the seat's thread for a reason of one's own (mailbox). Async-signal-
 *  safe. @context any thread of this process */
void wsp_seat_wake(wsp_seat_t *seat);

/**
 * Call before blocking in epoll_wait: from now on publishers write the
 * eventfd.
 * @return false: something is pending already, do not block
 * @context its thread
 */
bool wsp_seat_try_sleep(wsp_seat_t *seat);
/** Call after epoll_wait: publishers need not write the eventfd now (it is
 *  drained here). @context its thread */
void wsp_seat_awake(wsp_seat_t *seat);

/**
 * Find the subscriptions that may have news.
 * Fixes the horizon first: every message of every channel with an id <=
 * *@a horizon is complete in the segment and, if its channel is subscribed by
 * this seat, among the subscriptions reported (now or earlier). So merging what
 * wsp_sub_read gives up to the horizon by id yields one order that any id
 * resumes, also over several channels.
 * @param ready called once per subscription with possible news or a changed
 *              state; may not open or close subscriptions
 * @context its thread @locks none, or one shard's for an instant when a
 *          publisher is in the middle of it
 */
void wsp_seat_collect(wsp_seat_t *seat, wsp_id_t *horizon,
                      void (*ready)(void *ctx, wsp_sub_t *sub, void *cookie),
                      void *ctx);

/**
 * Once a second per seat: notice dead owners of seats and locks, repair what
 * they left, expire a slice of old history, look again at own subscriptions.
 * @context its thread
 */
void wsp_seat_tick(wsp_seat_t *seat);

/**
 * Look for dead seat owners now: their seats are free and their subscriptions
 * void from then on (the memory comes back with the next tick).
 * @context any thread, any process; the parent when it learns of a child's end
 */
void wsp_registry_seats_reap(wsp_registry_t *registry);

/* Counters, summed over seats for the status page; relaxed atomics. */
typedef enum {
    WSP_STAT_CONNECTIONS, /* open now */
    WSP_STAT_CONNECTIONS_TOTAL,
    WSP_STAT_MESSAGES_IN, /* from WebSocket clients */
    WSP_STAT_DELIVERIES,  /* messages written to clients */
    WSP_STAT_BYTES_OUT,
    WSP_STAT_WRITE_CALLS,
    WSP_STAT_CLOSED_SLOW, /* WSPushQueue close */
    WSP_STAT_DROPPED,     /* WSPushQueue drop-oldest, messages */
    WSP_STAT_CLOSED_PROTOCOL,
    WSP_STAT_CLOSED_RATE,
    WSP_STAT_CLOSED_PING,
    WSP_STAT_GAPS,         /* gaps told to subscribers */
    WSP_STAT_QUEUED_BYTES, /* held for slow clients now */
    WSP_STAT_COUNT
} wsp_stat_t;
void wsp_seat_stat_add(wsp_seat_t *seat, wsp_stat_t stat, int64_t delta);

/* ---------------------------------------------------------- subscriptions */

/**
 * Subscribe this seat to a channel (made if it does not exist). Once per
 * channel and seat: the hub counts its clients with wsp_sub_set_clients.
 * Messages with an id > @a cursor are news; those up to it are history.
 * @param cookie given back by wsp_seat_collect
 * @return APR_ENOSPC, APR_EINVAL
 * @context the seat's thread
 */
apr_status_t wsp_sub_open(wsp_seat_t *seat, wsp_bytes_t channel,
                          wsp_id_t cursor, void *cookie, wsp_sub_t **out);
void wsp_sub_close(wsp_sub_t *sub);
/** How many clients stand behind it (channel info, WSPushMaxSubscribers). */
void wsp_sub_set_clients(wsp_sub_t *sub, uint32_t clients);
/** Was the channel deleted? Then close the clients (1001) and the sub. */
bool wsp_sub_is_deleted(const wsp_sub_t *sub);
/** Clients of all living seats on this channel. */
uint64_t wsp_sub_subscribers(wsp_sub_t *sub);

/** One message in the segment; valid until wsp_sub_release. */
typedef struct {
    wsp_id_t id;
    uint32_t body_bytes;
    uint16_t content_type_bytes;
    uint16_t event_bytes;
    bool is_binary;
    uint32_t ref; /* offset in the segment, for wsp_message_copy */
} wsp_message_t;

#define WSP_BATCH_MAX 64

typedef struct {
    unsigned count;
    bool more;     /* there are further messages in the range */
    wsp_id_t lost; /* != 0: messages of the range are gone, the newest of
                      them has this id: a gap before items[0] */
    wsp_message_t items[WSP_BATCH_MAX];
} wsp_batch_t;

/**
 * News: messages after the cursor, up to @a upto, oldest first, at most
 * WSP_BATCH_MAX and about @a max_bytes of bodies (but at least one). They are
 * pinned (cannot be evicted) until wsp_sub_release; copy them with
 * wsp_message_copy without any lock.
 * @context the seat's thread; one read per sub at a time
 * @locks the shard's, for O(batch)
 */
void wsp_sub_read(wsp_sub_t *sub, wsp_id_t upto, size_t max_bytes,
                  wsp_batch_t *batch);
/** History for one client: readable messages with after < id <= upto; the
 *  cursor does not move. Same pinning. */
void wsp_sub_read_history(wsp_sub_t *sub, wsp_id_t after, wsp_id_t upto,
                          size_t max_bytes, wsp_batch_t *batch);
/** Id after which a subscriber starts that wants the last @a count messages
 *  up to @a upto (UINT32_MAX: all). Never reports a gap by itself: resuming
 *  after it finds nothing lost unless something is evicted meanwhile. */
wsp_id_t wsp_sub_start(wsp_sub_t *sub, uint32_t count, wsp_id_t upto);
/** End a read: unpin; after wsp_sub_read also move the cursor to @a cursor
 *  (what was really taken; pass the old cursor to take nothing). */
void wsp_sub_release(wsp_sub_t *sub, wsp_id_t cursor);
wsp_id_t wsp_sub_cursor(const wsp_sub_t *sub);

/** Copy of a pinned message's parts, each into room for its full length.
 *  NULL skips. @context any thread while pinned @locks none */
void wsp_message_copy(const wsp_registry_t *registry,
                      const wsp_message_t *message, char *body,
                      char *content_type, char *event);

/* ------------------------------------------------- check, repair, figures */

/**
 * Walk every invariant of the segment (numbered in segment.h) with all locks
 * held. The result is kept in the segment for the status page.
 * @param report called per finding, may be NULL
 * @return findings: 0 is clean
 * @context any thread, any process; rare: stops publishers for its duration
 */
unsigned wsp_registry_check(wsp_registry_t *registry,
                            void (*report)(void *ctx, const char *finding),
                            void *ctx);

typedef struct {
    size_t segment_bytes;
    uint64_t blocks, blocks_free;
    unsigned block_bytes;
    uint64_t channels, messages, published, evicted, expired, refused;
    uint64_t repairs; /* locks or seats taken over from the dead */
    unsigned seats, seats_taken;
    int64_t check_time_s; /* unix seconds of the last self-check, 0 never */
    unsigned check_findings;
    wsp_id_t last_id;
    int64_t stat[WSP_STAT_COUNT];
} wsp_registry_figures_t;
/** @context any thread, any process */
void wsp_registry_figures(wsp_registry_t *registry,
                          wsp_registry_figures_t *figures);

typedef struct {
    int pid;
    int64_t connections, connections_total, deliveries, queued_bytes;
    uint64_t channels; /* open subscriptions */
} wsp_seat_figures_t;
/** @return APR_NOTFOUND: nobody sits there. @param index 0..seats-1 */
apr_status_t wsp_seat_figures(wsp_registry_t *registry, unsigned index,
                              wsp_seat_figures_t *figures);

/** Server-wide connections: count one more if fewer than @a max (0: no
 *  limit). Exact under concurrency. It is counted for the calling process's
 *  seat, so that a dead child's connections stop counting.
 *  @context any thread of the seat's process */
bool wsp_seat_try_connect(wsp_seat_t *seat, uint64_t max);
void wsp_seat_disconnect(wsp_seat_t *seat);

#endif
