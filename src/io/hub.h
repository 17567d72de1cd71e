/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hub: the topics of one I/O thread, and the way of news from the segment into
 * their backlogs. All topics are brought to one common point (the horizon, an
 * id that the registry vouches for) before it moves on, so that
 *
 *   - a client that joins at that point has everything before it as history and
 *     everything after it as news, nothing twice and nothing never;
 *   - a client of several channels can merge them by id.
 */
#ifndef WSP_IO_HUB_H
#define WSP_IO_HUB_H

#include "io/topic.h"

struct wsp_loop;

/** News read per turn of the loop, over all topics. @units bytes of bodies */
#define WSP_HUB_TURN_BYTES (1024u * 1024u)
/** A topic whose pass still runs gets no more news than this, so that the last
 *  clients of a pass are never further behind than one write can take. */
#define WSP_HUB_PASS_BYTES (256u * 1024u)

typedef struct {
    struct wsp_loop *loop;
    wsp_topic_t **buckets;
    uint32_t bucket_count; /* power of two */
    uint32_t topic_count;
    uint64_t seed;      /* of the hash: names come from clients */
    wsp_link_t ready;   /* may have news up to the horizon */
    wsp_link_t held;    /* appended to; have merged members */
    wsp_id_t horizon;   /* being read up to */
    wsp_id_t delivered; /* every backlog is complete up to it */
} wsp_hub_t;

void wsp_hub_init(wsp_hub_t *hub, struct wsp_loop *loop);
void wsp_hub_clear(wsp_hub_t *hub);

/** The topic of that name, made if there is none. @return one reference */
wsp_topic_t *wsp_hub_topic(wsp_hub_t *hub, wsp_bytes_t name);
void wsp_hub_release(wsp_hub_t *hub, wsp_topic_t *topic);

/** A client is going to join: see to it that the topic has a subscription.
 *  @return wsp_sub_open's; then the client is not awaited */
apr_status_t wsp_hub_await(wsp_hub_t *hub, wsp_topic_t *topic);
/** It has joined, or it will not come. */
void wsp_hub_no_longer_await(wsp_topic_t *topic);
/** A member joined or left: the registry is told how many there are. The
 *  subscription goes with the last that is or was to be a member. */
void wsp_hub_recount(wsp_topic_t *topic);

/** Is everything up to the horizon in the backlogs? */
bool wsp_hub_is_level(const wsp_hub_t *hub);
/** Move the horizon. Only while wsp_hub_is_level. */
void wsp_hub_collect(wsp_hub_t *hub);
/** Read news up to the horizon, one turn's share, and schedule visits. */
void wsp_hub_read(wsp_hub_t *hub);

#endif
