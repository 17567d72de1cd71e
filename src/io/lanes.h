/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: who is visited next when channels have news. A visit writes to one
 * client, so a channel with ten thousand subscribers is half a second of work;
 * it is done in slices, and small channels go first, so that they never wait
 * for more than one slice.
 *
 *   express  topics with few members: all of them, each turn
 *   bulk     the others, in turn: WSP_LANE_SLICE visits per turn in all
 */
#ifndef WSP_IO_LANES_H
#define WSP_IO_LANES_H

#include "io/topic.h"

/** Topics with fewer members than this take the express lane. */
#define WSP_LANE_EXPRESS_MEMBERS 64u
/** Visits of the bulk lane per turn of the loop. */
#define WSP_LANE_SLICE 256u
/** Visits of the express lane per turn of the loop. */
#define WSP_LANE_EXPRESS_SLICE 2048u

typedef struct {
    wsp_link_t express, bulk;            /* topics, by their job link */
    void (*visit)(wsp_member_t *member); /* may make any member leave */
} wsp_lanes_t;

void wsp_lanes_init(wsp_lanes_t *lanes, void (*visit)(wsp_member_t *member));

/** All members of the topic are to be visited (again). */
void wsp_lanes_schedule(wsp_lanes_t *lanes, wsp_topic_t *topic);

/** One turn's share. @return visits made */
unsigned wsp_lanes_run(wsp_lanes_t *lanes);

bool wsp_lanes_are_empty(const wsp_lanes_t *lanes);

#endif
