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
    wsp_link_t opened;  /* subscribed since the last collect */
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

/** See to it that the topic has a subscription; members are to join next.
 *  Only while wsp_hub_is_level. @return wsp_sub_open's */
apr_status_t wsp_hub_subscribe(wsp_hub_t *hub, wsp_topic_t *topic);
/** A member joined (left): the registry is told how many there are. */
void wsp_hub_joined(wsp_hub_t *hub, wsp_topic_t *topic);
void wsp_hub_left(wsp_hub_t *hub, wsp_topic_t *topic);

/** Is everything up to the horizon in the backlogs? */
bool wsp_hub_is_level(const wsp_hub_t *hub);
/** Move the horizon. Only while wsp_hub_is_level. */
void wsp_hub_collect(wsp_hub_t *hub);
/** Read news up to the horizon, one turn's share, and schedule visits. */
void wsp_hub_read(wsp_hub_t *hub);

#endif
