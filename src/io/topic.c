/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics (see topic.h): members and their positions. The hub makes and frees
 * topics; lanes.c walks the members.
 *
 * A pass over the members runs from the last index down to 0, so that leaving
 * (the last member moves into the hole) can never hide a member from it:
 *
 *    0 .. job_left-1   not visited yet      job_left .. count-1   visited
 *
 *    hole in the left part:  filled by a visited one, which is visited twice,
 *                            or by an unvisited one, which stays unvisited
 *    hole in the right part: filled by a visited one
 *
 * Invariants:
 *   1. members[i]->index == i; job_left <= member_count.
 *   2. The positions of all members are counted in log (backlog.h).
 *   3. A member that joined during a pass counts as visited: it is at the end.
 */
#include "io/topic.h"

#include <string.h>

#include "io/alloc.h"

wsp_topic_t *wsp_topic_make(wsp_bytes_t name, uint64_t hash)
{
    wsp_topic_t *topic = wsp_alloc(sizeof *topic + name.len);
    const char *group_end = memchr(name.at, WSP_TOPIC_GROUP_END, name.len);

    memcpy(topic->name, name.at, name.len);
    topic->name_bytes = (uint16_t)name.len;
    if (group_end != NULL) {
        topic->label_at = (uint16_t)(group_end - name.at + 1);
    }
    topic->hash = hash;
    topic->refs = 1;
    return topic;
}

void wsp_topic_free(wsp_topic_t *topic)
{
    wsp_list_remove(&topic->ready);
    wsp_list_remove(&topic->held);
    wsp_list_remove(&topic->job);
    free(topic->members);
    free(topic);
}

bool wsp_topic_is_named(const wsp_topic_t *topic, uint64_t hash,
                        wsp_bytes_t name)
{
    return topic->hash == hash && topic->name_bytes == name.len &&
           memcmp(topic->name, name.at, name.len) == 0;
}

wsp_bytes_t wsp_topic_name(const wsp_topic_t *topic)
{
    wsp_bytes_t name = {topic->name, topic->name_bytes};
    return name;
}

wsp_text_t wsp_topic_label(const wsp_topic_t *topic)
{
    wsp_text_t label = {topic->name + topic->label_at,
                        (size_t)(topic->name_bytes - topic->label_at)};
    return label;
}

void wsp_topic_join(wsp_topic_t *topic, wsp_member_t *member, wsp_meta_t meta,
                    bool is_merged)
{
    if (topic->member_count == topic->member_room) {
        topic->member_room = topic->member_room * 2 + 1;
        topic->members = wsp_resize(topic->members, topic->member_room,
                                    sizeof *topic->members);
    }
    member->index = topic->member_count;
    member->at = wsp_backlog_join(&topic->log);
    member->is_joined = true;
    topic->members[topic->member_count++] = member;
    topic->merged += is_merged;
    topic->meta_count[meta]++;
}

/* Give memory back when a channel that was large has become small. */
static void shrink(wsp_topic_t *topic)
{
    if (topic->member_count == 0) {
        free(topic->members);
        topic->members = NULL;
        topic->member_room = 0;
    }
    else if (topic->member_count * 4 < topic->member_room) {
        topic->member_room = topic->member_count * 2;
        topic->members = wsp_resize(topic->members, topic->member_room,
                                    sizeof *topic->members);
    }
}

void wsp_topic_leave(wsp_topic_t *topic, wsp_member_t *member, wsp_meta_t meta,
                     bool is_merged)
{
    wsp_member_t *last = topic->members[--topic->member_count];

    topic->members[member->index] = last;
    last->index = member->index;
    if (topic->job_left > topic->member_count) {
        topic->job_left = topic->member_count;
    }
    wsp_backlog_leave(&topic->log, member->at);
    member->is_joined = false;
    topic->merged -= is_merged;
    topic->meta_count[meta]--;
    shrink(topic);
}

wsp_meta_t wsp_topic_meta(const wsp_topic_t *topic)
{
    wsp_meta_t best = WSP_META_NONE;

    for (unsigned i = 1; i < WSP_META_KINDS; i++) {
        if (topic->meta_count[i] > topic->meta_count[best]) {
            best = (wsp_meta_t)i;
        }
    }
    return best;
}
