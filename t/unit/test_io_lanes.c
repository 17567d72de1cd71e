/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes and passes on topics with made-up members, without sockets: a large
 * channel's work is done in slices, a small one never waits for more than one
 * of them, and nobody is left out of a pass while members come and go in it.
 */
#include "io/lanes.h"

#include "io/alloc.h"
#include "dice.h"
#include "tap.h"

#define BULK 10000u

typedef struct {
    wsp_member_t member; /* first */
    unsigned number;
    unsigned seen; /* messages appended when it was last visited */
} subscriber_t;

static wsp_lanes_t lanes;
static unsigned appended; /* messages so far, in the topic under test */
static unsigned visits;
static void (*on_visit)(subscriber_t *subscriber);

static void visit_cb(wsp_member_t *member)
{
    subscriber_t *subscriber = (subscriber_t *)(void *)member;

    visits++;
    subscriber->seen = appended;
    wsp_backlog_move(&member->topic->log, member->at, member->topic->log.end);
    member->at = member->topic->log.end;
    if (on_visit != NULL) {
        on_visit(subscriber);
    }
}

static wsp_topic_t *make_topic(const char *name)
{
    wsp_bytes_t bytes = {name, strlen(name)};
    return wsp_topic_make(bytes, 1);
}

static void join(wsp_topic_t *topic, subscriber_t *subscriber)
{
    subscriber->member.topic = topic;
    subscriber->seen = appended;
    wsp_topic_join(topic, &subscriber->member, WSP_META_NONE, false);
}

static void leave(subscriber_t *subscriber)
{
    wsp_topic_leave(subscriber->member.topic, &subscriber->member,
                    WSP_META_NONE, false);
}

static void publish(wsp_topic_t *topic)
{
    wsp_lanes_schedule(&lanes, topic);
    wsp_backlog_append(&topic->log,
                       wsp_packet_frame(WSP_OP_TEXT, WSP_META_NONE, "x", 1));
    appended++;
}

static void test_fairness(void)
{
    subscriber_t *many = wsp_alloc(BULK * sizeof *many), one, other;
    wsp_topic_t *large = make_topic("large"), *small = make_topic("small");
    wsp_topic_t *large2 = make_topic("large2");
    unsigned turns = 0, most = 0, late = 0;

    memset(&one, 0, sizeof one);
    memset(&other, 0, sizeof other);
    for (unsigned i = 0; i < BULK; i++) {
        join(i % 10 == 0 ? large2 : large, &many[i]);
    }
    join(small, &one);
    publish(large);
    publish(large2);
    while (!wsp_lanes_are_empty(&lanes)) {
        publish(small);
        visits = 0;
        wsp_lanes_run(&lanes);
        late += one.seen != appended;
        most = visits > most ? visits : most;
        turns++;
    }
    is_int(late, 0, "a small channel's news go out in the turn they come");
    is_int(most, WSP_LANE_SLICE + 1, "behind at most one slice of the large");
    is_int(turns,
           (9000 + WSP_LANE_SLICE - 1) / WSP_LANE_SLICE +
               (1000 + WSP_LANE_SLICE - 1) / WSP_LANE_SLICE,
           "the large ones need %u turns", turns);
    ok(large->log.ring == NULL && large2->log.ring == NULL,
       "everybody has everything");
    for (unsigned i = 0; i < BULK; i++) {
        leave(&many[i]);
    }
    leave(&one);
    wsp_topic_free(large);
    wsp_topic_free(large2);
    wsp_topic_free(small);
    free(many);
}

/* ---- members come and go in a pass ---- */

#define PEOPLE 300u

static subscriber_t people[PEOPLE], newcomers[PEOPLE];
static wsp_topic_t *topic;
static unsigned newcomer_count;

static void leave_some(subscriber_t *visited)
{
    subscriber_t *random = &people[dice(PEOPLE)];

    if (dice(3) == 0 && random->member.is_joined) {
        leave(random);
    }
    if (dice(3) == 0 && visited->member.is_joined) {
        leave(visited);
    }
    if (dice(3) == 0 && newcomer_count < PEOPLE) {
        join(topic, &newcomers[newcomer_count++]);
    }
}

/* @return members that have not seen everything when the lanes are empty */
static unsigned run_round(void)
{
    unsigned missed = 0;

    topic = make_topic("round");
    newcomer_count = 0;
    memset(people, 0, sizeof people);
    memset(newcomers, 0, sizeof newcomers);
    for (unsigned i = 0; i < PEOPLE; i++) {
        join(topic, &people[i]);
    }
    on_visit = leave_some;
    publish(topic);
    while (!wsp_lanes_are_empty(&lanes)) {
        if (dice(3) == 0) {
            publish(topic); /* in the middle of a pass */
        }
        wsp_lanes_run(&lanes);
    }
    on_visit = NULL;
    for (unsigned i = 0; i < topic->member_count; i++) {
        subscriber_t *left = (subscriber_t *)(void *)topic->members[i];
        missed += left->seen != appended;
        missed += topic->members[i]->index != i;
    }
    missed += wsp_backlog_bytes(&topic->log) > 0;
    while (topic->member_count > 0) {
        leave((subscriber_t *)(void *)topic->members[0]);
    }
    wsp_topic_free(topic);
    return missed;
}

static void test_coming_and_going(void)
{
    unsigned missed = 0;

    for (unsigned i = 0; i < 500; i++) {
        missed += run_round();
    }
    is_int(missed, 0, "nobody is left out of a pass, 500 random ones");
}

static void test_second_pass(void)
{
    unsigned behind = 0;

    topic = make_topic("again");
    memset(people, 0, sizeof people);
    for (unsigned i = 0; i < PEOPLE; i++) {
        join(topic, &people[i]);
    }
    visits = 0;
    publish(topic);
    publish(topic);
    wsp_lanes_run(&lanes);
    publish(topic);
    while (!wsp_lanes_are_empty(&lanes)) {
        wsp_lanes_run(&lanes);
    }
    for (unsigned i = 0; i < PEOPLE; i++) {
        behind += people[i].seen != appended;
    }
    is_int(behind, 0, "news during a pass reach those it has visited, too");
    is_int(visits, 2 * PEOPLE, "by a second pass; two messages before it: one");
    while (topic->member_count > 0) {
        leave((subscriber_t *)(void *)topic->members[0]);
    }
    wsp_topic_free(topic);
}

int main(void)
{
    tap_start(60);
    wsp_lanes_init(&lanes, visit_cb);
    test_fairness();
    test_coming_and_going();
    test_second_pass();
    is_int(wsp_packet_held_bytes(), 0, "no message is left");
    return done_testing();
}
