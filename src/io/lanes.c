/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes (see lanes.h). The hub schedules topics it has appended to; the loop
 * runs a share each turn. A topic is in at most one lane, once; news that come
 * during a pass are seen by the members that still wait and make another pass
 * for those that do not.
 *
 *    schedule              visits                 job_left == 0
 *   ---------> in lane, ------------> job_left-- --------------> again? restart
 *              job_left = count                                  else: out
 */
#include "io/lanes.h"

void wsp_lanes_init(wsp_lanes_t *lanes, void (*visit)(wsp_member_t *member))
{
    wsp_list_init(&lanes->express);
    wsp_list_init(&lanes->bulk);
    lanes->visit = visit;
}

static void begin_pass(wsp_topic_t *topic)
{
    topic->job_left = topic->member_count;
    topic->job_again = false;
    topic->pass_bytes = 0;
}

void wsp_lanes_schedule(wsp_lanes_t *lanes, wsp_topic_t *topic)
{
    if (wsp_link_is_in_list(&topic->job)) {
        topic->job_again |= topic->job_left < topic->member_count;
        return;
    }
    begin_pass(topic);
    if (topic->member_count < WSP_LANE_EXPRESS_MEMBERS) {
        wsp_list_append(&lanes->express, &topic->job);
    }
    else {
        wsp_list_append(&lanes->bulk, &topic->job);
    }
}

/* Visit at most @a most members of the pass. The topic stays allocated: it is
 * freed at the end of the turn at the earliest. */
static unsigned run_pass(wsp_lanes_t *lanes, wsp_topic_t *topic, unsigned most)
{
    unsigned visits = 0;

    while (topic->job_left > 0 && visits < most) {
        visits++;
        lanes->visit(topic->members[--topic->job_left]);
    }
    return visits;
}

/* Take the first topic of a lane, run it, put it back if there is more. */
static unsigned run_first(wsp_lanes_t *lanes, wsp_link_t *lane, unsigned most)
{
    wsp_topic_t *topic = wsp_list_item(lane->next, wsp_topic_t, job);
    unsigned visits = run_pass(lanes, topic, most);

    wsp_list_remove(&topic->job);
    if (topic->job_left == 0 && topic->job_again) {
        begin_pass(topic);
    }
    if (topic->job_left > 0) {
        wsp_list_append(lane, &topic->job);
    }
    return visits;
}

static unsigned run_lane(wsp_lanes_t *lanes, wsp_link_t *lane, unsigned most)
{
    unsigned visits = 0;

    while (visits < most && !wsp_list_is_empty(lane)) {
        visits += run_first(lanes, lane, most - visits);
    }
    return visits;
}

unsigned wsp_lanes_run(wsp_lanes_t *lanes)
{
    unsigned visits = run_lane(lanes, &lanes->express, WSP_LANE_EXPRESS_SLICE);
    return visits + run_lane(lanes, &lanes->bulk, WSP_LANE_SLICE);
}

bool wsp_lanes_are_empty(const wsp_lanes_t *lanes)
{
    return wsp_list_is_empty(&lanes->express) &&
           wsp_list_is_empty(&lanes->bulk);
}
