/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hub (see hub.h): called once per turn of the loop, and by join.c and conn.c
 * when clients come and go.
 *
 *   collect: horizon = H          read, over one turn or several       level
 *   ready = topics with news  ─>  sub ──batch──> packets ──> log  ─>  delivered
 *                                 ready empties, visits scheduled       = H
 *
 * Invariants:
 *   1. delivered <= horizon; ready is empty: delivered == horizon.
 *   2. Every log holds all messages of its channel with an id <= delivered
 *      that came since its first member joined.
 *   3. A topic has a sub if and only if it has members or awaits some, unless
 *      it is deleted: then it has none, and its members are about to be closed.
 *   4. A deleted topic is in no bucket: its name starts afresh.
 */
#include "io/hub.h"

#include <string.h>
#include <sys/random.h>

#include "io/alloc.h"
#include "io/loop.h"

#define BUCKETS_MIN 16u

void wsp_hub_init(wsp_hub_t *hub, struct wsp_loop *loop)
{
    memset(hub, 0, sizeof *hub);
    hub->loop = loop;
    wsp_list_init(&hub->ready);
    wsp_list_init(&hub->held);
    hub->bucket_count = BUCKETS_MIN;
    hub->buckets = wsp_alloc(BUCKETS_MIN * sizeof(wsp_topic_t *));
    if (getrandom(&hub->seed, sizeof hub->seed, GRND_NONBLOCK) < 0) {
        hub->seed = (uint64_t)(uintptr_t)hub ^ loop->now_ms;
    }
}

void wsp_hub_clear(wsp_hub_t *hub)
{
    free(hub->buckets);
}

/* ---- names ---- */

static uint64_t hash_name(const wsp_hub_t *hub, wsp_bytes_t name)
{
    uint64_t hash = hub->seed;

    for (size_t i = 0; i < name.len; i++) {
        hash = (hash ^ (uint8_t)name.at[i]) * 0x9E3779B97F4A7C15ull;
        hash ^= hash >> 32;
    }
    return hash;
}

static wsp_topic_t **bucket(wsp_hub_t *hub, uint64_t hash)
{
    return &hub->buckets[hash & (hub->bucket_count - 1)];
}

static void put(wsp_hub_t *hub, wsp_topic_t *topic)
{
    wsp_topic_t **first = bucket(hub, topic->hash);
    topic->next = *first;
    *first = topic;
}

static void grow(wsp_hub_t *hub)
{
    wsp_topic_t **old = hub->buckets;
    uint32_t old_count = hub->bucket_count;

    hub->bucket_count *= 2;
    hub->buckets = wsp_alloc(hub->bucket_count * sizeof(wsp_topic_t *));
    for (uint32_t i = 0; i < old_count; i++) {
        wsp_topic_t *topic = old[i];
        while (topic != NULL) {
            wsp_topic_t *next = topic->next;
            put(hub, topic);
            topic = next;
        }
    }
    free(old);
}

static void forget_name(wsp_hub_t *hub, wsp_topic_t *topic)
{
    wsp_topic_t **at = bucket(hub, topic->hash);
    while (*at != topic) {
        at = &(*at)->next;
    }
    *at = topic->next;
    hub->topic_count--;
}

void wsp_hub_release(wsp_hub_t *hub, wsp_topic_t *topic)
{
    if (--topic->refs > 0) {
        return;
    }
    if (!topic->is_deleted) {
        forget_name(hub, topic);
    }
    wsp_topic_free(topic);
}

/* ---- subscriptions ---- */

apr_status_t wsp_hub_await(wsp_hub_t *hub, wsp_topic_t *topic)
{
    apr_status_t status = APR_SUCCESS;

    if (topic->sub == NULL) {
        status = wsp_sub_open(hub->loop->seat, wsp_topic_name(topic),
                              hub->horizon, topic, &topic->sub);
    }
    if (status == APR_SUCCESS) {
        topic->awaited++;
    }
    return status;
}

static void close_sub(wsp_topic_t *topic)
{
    wsp_list_remove(&topic->ready);
    wsp_sub_close(topic->sub);
    topic->sub = NULL;
}

void wsp_hub_recount(wsp_topic_t *topic)
{
    if (topic->sub == NULL) {
        return; /* deleted */
    }
    if (topic->member_count == 0 && topic->awaited == 0) {
        close_sub(topic);
    }
    else {
        wsp_sub_set_clients(topic->sub, topic->member_count);
    }
}

void wsp_hub_no_longer_await(wsp_topic_t *topic)
{
    topic->awaited--;
    wsp_hub_recount(topic);
}

/* The channel is gone: its clients are closed when they are visited, and the
 * next one who asks for the name gets a new topic. */
static void drop_deleted(wsp_hub_t *hub, wsp_topic_t *topic)
{
    close_sub(topic);
    forget_name(hub, topic);
    topic->is_deleted = true;
    wsp_lanes_schedule(&hub->loop->lanes, topic);
}

static wsp_topic_t *find(wsp_hub_t *hub, wsp_bytes_t name, uint64_t hash)
{
    wsp_topic_t *topic = *bucket(hub, hash);

    while (topic != NULL && !wsp_topic_is_named(topic, hash, name)) {
        topic = topic->next;
    }
    if (topic != NULL && topic->sub != NULL && wsp_sub_is_deleted(topic->sub)) {
        drop_deleted(hub, topic); /* sooner than the next collect would */
        topic = NULL;
    }
    return topic;
}

wsp_topic_t *wsp_hub_topic(wsp_hub_t *hub, wsp_bytes_t name)
{
    uint64_t hash = hash_name(hub, name);
    wsp_topic_t *topic = find(hub, name, hash);

    if (topic != NULL) {
        topic->refs++;
        return topic;
    }
    if (hub->topic_count >= hub->bucket_count) {
        grow(hub);
    }
    topic = wsp_topic_make(name, hash);
    put(hub, topic);
    hub->topic_count++;
    return topic;
}

/* ---- news ---- */

bool wsp_hub_is_level(const wsp_hub_t *hub)
{
    return wsp_list_is_empty(&hub->ready);
}

static void ready_cb(void *ctx, wsp_sub_t *sub, void *cookie)
{
    wsp_hub_t *hub = ctx;
    wsp_topic_t *topic = cookie;

    (void)sub;
    if (!wsp_link_is_in_list(&topic->ready)) {
        wsp_list_append(&hub->ready, &topic->ready);
    }
}

/* Every log is complete: merged clients may be sent what waited for it. */
static void become_level(wsp_hub_t *hub)
{
    wsp_link_t *link;

    hub->delivered = hub->horizon;
    while ((link = wsp_list_pop(&hub->held)) != NULL) {
        wsp_lanes_schedule(&hub->loop->lanes,
                           wsp_list_item(link, wsp_topic_t, held));
    }
}

void wsp_hub_collect(wsp_hub_t *hub)
{
    wsp_seat_collect(hub->loop->seat, &hub->horizon, ready_cb, hub);
    if (wsp_hub_is_level(hub)) {
        become_level(hub);
    }
}

static void append(wsp_hub_t *hub, wsp_topic_t *topic, wsp_packet_t *packet)
{
    wsp_lanes_schedule(&hub->loop->lanes, topic);
    topic->pass_bytes += wsp_packet_cost(packet);
    wsp_backlog_append(&topic->log, packet);
    if (topic->merged > 0 && !wsp_link_is_in_list(&topic->held)) {
        wsp_list_append(&hub->held, &topic->held);
    }
}

static void append_gap(wsp_hub_t *hub, wsp_topic_t *topic, wsp_id_t lost)
{
    wsp_text_t label = wsp_topic_label(topic);

    wsp_logline_write(&hub->loop->logline, hub->loop->now_ms, WSP_LOG_WARNING,
                      "channel %.*s: this process fell behind and lost "
                      "messages; its %u clients are told of a gap "
                      "(WSPushMemory is too small)",
                      (int)label.len, label.at, topic->member_count);
    append(hub, topic, wsp_packet_gap(lost));
}

/* Read one batch of a topic. @return the bytes of bodies read */
static size_t read_batch(wsp_hub_t *hub, wsp_topic_t *topic, bool *more)
{
    wsp_meta_t meta = wsp_topic_meta(topic);
    wsp_text_t label = wsp_topic_label(topic);
    wsp_id_t cursor = wsp_sub_cursor(topic->sub);
    wsp_batch_t batch;
    size_t bytes = 0;

    wsp_sub_read(topic->sub, hub->horizon, WSP_HUB_PASS_BYTES, &batch);
    if (batch.lost != 0) {
        append_gap(hub, topic, batch.lost);
        cursor = batch.lost;
    }
    for (unsigned i = 0; i < batch.count; i++) {
        append(
            hub, topic,
            wsp_packet_read(hub->loop->registry, &batch.items[i], label, meta));
        bytes += batch.items[i].body_bytes;
        cursor = batch.items[i].id;
    }
    *more = batch.more;
    wsp_sub_release(topic->sub, batch.more ? cursor : hub->horizon);
    return bytes;
}

static bool is_behind(const wsp_topic_t *topic)
{
    return wsp_link_is_in_list(&topic->job) &&
           topic->pass_bytes >= WSP_HUB_PASS_BYTES;
}

/* Read a topic until it is at the horizon, or has had its share. Puts it back
 * into ready if there is more. @return bytes read */
static size_t read_topic(wsp_hub_t *hub, wsp_topic_t *topic)
{
    bool more = true;
    size_t bytes = 0;

    if (wsp_sub_is_deleted(topic->sub)) {
        drop_deleted(hub, topic);
        return 0;
    }
    while (more && !is_behind(topic)) {
        bytes += read_batch(hub, topic, &more);
    }
    if (more) {
        wsp_list_append(&hub->ready, &topic->ready);
    }
    return bytes;
}

void wsp_hub_read(wsp_hub_t *hub)
{
    wsp_link_t todo, *link;
    size_t bytes = 0;

    if (wsp_hub_is_level(hub)) {
        return;
    }
    wsp_list_init(&todo);
    wsp_list_move_all(&todo, &hub->ready);
    while (bytes < WSP_HUB_TURN_BYTES && (link = wsp_list_pop(&todo)) != NULL) {
        bytes += read_topic(hub, wsp_list_item(link, wsp_topic_t, ready));
    }
    wsp_list_move_all(&hub->ready, &todo);
    if (wsp_hub_is_level(hub)) {
        become_level(hub);
    }
}
