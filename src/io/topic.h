/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topic: one channel as this thread knows it: its name (kept once for all of
 * the clients that name it), the registry subscription while somebody here
 * subscribes, the backlog, and the subscribers ("members").
 *
 *   wsp_topic_t ── sub ──> registry
 *     │ log      [ m7 ][ m8 ][ m9 ]
 *     │                  ^at
 *     └ members[] ──> wsp_member_t (inside its wsp_conn_t) ── conn
 */
#ifndef WSP_IO_TOPIC_H
#define WSP_IO_TOPIC_H

#include "io/backlog.h"
#include "io/list.h"

/** What stands before a channel id when the place has a group (WSPushGroup);
 *  clients are shown the id without its group. */
#define WSP_TOPIC_GROUP_END '\x1f'

typedef struct wsp_topic wsp_topic_t;
struct wsp_conn;

/** One client's place in one topic. */
typedef struct {
    wsp_topic_t *topic;
    struct wsp_conn *conn;
    uint64_t at;         /* position in topic->log, while is_joined */
    uint32_t index;      /* in topic->members, while is_joined */
    uint32_t ahead : 30; /* entries picked by the write being prepared */
    uint32_t is_joined : 1;
    uint32_t is_awaited : 1; /* about to join */
} wsp_member_t;

struct wsp_topic {
    wsp_link_t ready;  /* in the hub's list: may have news */
    wsp_link_t held;   /* in the hub's list: merged members may have to
                          wait for other channels */
    wsp_link_t job;    /* in a lane: members are to be visited */
    wsp_topic_t *next; /* in the hub's bucket */
    uint64_t hash;
    wsp_sub_t *sub; /* NULL: nobody here subscribes */
    wsp_backlog_t log;
    wsp_member_t **members;
    uint32_t member_count, member_room;
    uint32_t awaited; /* clients about to join */
    uint32_t refs;    /* clients that name it, subscribed or not */
    uint32_t merged;  /* members whose client has several channels */
    uint32_t meta_count[WSP_META_KINDS]; /* members per subprotocol */
    uint32_t job_left;   /* members [0, job_left) wait for their visit */
    bool job_again;      /* then once more from the start */
    bool is_deleted;     /* visits close the member */
    uint64_t pass_bytes; /* appended since the pass began */
    uint16_t label_at;   /* where the id without its group begins */
    uint16_t name_bytes;
    char name[];
};

/** @return a topic with one reference, not in any list */
wsp_topic_t *wsp_topic_make(wsp_bytes_t name, uint64_t hash);
/** Nobody names it any more. It has no members and no sub. */
void wsp_topic_free(wsp_topic_t *topic);

bool wsp_topic_is_named(const wsp_topic_t *topic, uint64_t hash,
                        wsp_bytes_t name);
wsp_bytes_t wsp_topic_name(const wsp_topic_t *topic);
/** The id without its group, for meta lines. */
wsp_text_t wsp_topic_label(const wsp_topic_t *topic);

/** Subscribe: the member starts at the end of the log.
 *  @param is_merged the client has several channels */
void wsp_topic_join(wsp_topic_t *topic, wsp_member_t *member, wsp_meta_t meta,
                    bool is_merged);
/** Unsubscribe; keeps a pass over the members from missing anybody. */
void wsp_topic_leave(wsp_topic_t *topic, wsp_member_t *member, wsp_meta_t meta,
                     bool is_merged);

/** The subprotocol that most members use. */
wsp_meta_t wsp_topic_meta(const wsp_topic_t *topic);

#endif
