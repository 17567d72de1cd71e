/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: what the processes of verify share. One mapping, made before the
 * fork:
 *
 *     tallies | times | publishers | subscribers | acks | seen bits | witnesses
 *
 * Who writes: a subscriber's record, bits and witness list only the process
 * that owns the subscriber; times, acks and publishers only the publishing
 * process.
 * The coordinator reads once a process has answered it; before that only
 * the counters that are _Atomic.
 *
 * Message k of publisher p is number first[p] + k of all messages. A
 * subscriber's seen bits are indexed by that number. Its chain hashes the
 * numbers in order of arrival, so that equal chains mean equal order.
 */
#ifndef WSP_LOAD_VERIFY_H
#define WSP_LOAD_VERIFY_H

#include "crew.h"
#include "tally.h"

typedef enum {
    WSP_ACK_NONE = 0, /* not sent */
    WSP_ACK_YES,      /* 201 or 202, or a frame that was written */
    WSP_ACK_NO,       /* refused with another status */
    WSP_ACK_UNKNOWN   /* the connection broke before the answer */
} wsp_ack_state_t;

typedef struct {
    uint64_t id_seconds, id_number; /* WSPush-Id */
    uint16_t status;
    uint8_t state;
} wsp_ack_t;

typedef struct {
    uint32_t ip; /* our end, network order */
    uint16_t port;
    bool is_open;
    uint32_t unique, doubled, reordered, foreign, disorder;
    uint32_t arrived; /* entries of its witness list */
    uint64_t chain;
    uint64_t last_seconds, last_number; /* --meta: id of the last message */
} wsp_sub_t;

typedef struct {
    uint32_t ip;
    uint16_t port;
    uint32_t reconnects, broken;
} wsp_pub_t;

/** When publishing began and ended. */
typedef struct {
    uint64_t begun_ns, published_ns;
} wsp_times_t;

typedef struct {
    const wsp_load_options_t *o;
    uint32_t max_subs;
    uint32_t first[WSP_MAX_PUBLISHERS + 1]; /* number of their message 0 */
    wsp_tally_t *tally; /* of processes 0..procs; the last is the publisher's */
    wsp_pub_t *pubs;
    wsp_sub_t *subs;
    wsp_ack_t *acks;
    uint64_t *seen; /* words of subscriber s begin at s * seen_words */
    size_t seen_words;
    uint32_t *witness; /* order of arrival at subscribers 0..channels-1 */
    wsp_times_t *times;
} wsp_verify_t;

/** Does subscriber @a sub hear @a channel? */
static inline bool wsp_verify_hears(const wsp_load_options_t *o, uint32_t sub,
                                    uint32_t channel)
{
    return (channel + o->channels - sub % o->channels) % o->channels <
           o->multiplex;
}

/* Processes of the crew; ctx is the wsp_verify_t. */
void wsp_receiver_run(unsigned which, int control, void *ctx);
void wsp_publisher_run(unsigned which, int control, void *ctx);
void wsp_wspub_run(unsigned which, int control, void *ctx);

/** What was found; every count but the first two is a violation. */
typedef struct {
    uint64_t deliveries;      /* subscribers x messages, as they came */
    uint64_t unanswered_seen; /* seen, though never acknowledged: allowed */
    uint64_t lost, doubled, reordered, foreign;
    uint64_t order_differs;    /* subscribers with another order */
    uint64_t id_disorder;      /* ids that do not go up in order of arrival */
    uint64_t id_differs;       /* the id of the answer is not the message's */
    uint64_t not_acknowledged; /* refused, or without an answer */
    uint64_t id_missing;       /* an acknowledgement without WSPush-Id */
    uint64_t nobody_there;     /* 202 although there are subscribers */
} wsp_verdict_t;

/** Judge, once all processes have answered. Troubles are noted in @a notes. */
void wsp_verify_judge(const wsp_verify_t *v, uint32_t subs,
                      wsp_verdict_t *verdict, wsp_tally_t *notes);

/** Deliveries that must come, from what was acknowledged so far. */
uint64_t wsp_verify_expected(const wsp_verify_t *v, uint32_t subs);

#endif
