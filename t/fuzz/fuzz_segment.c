/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repair: a segment with some content is overwritten in its derived fields
 * (what a killed process may leave wrong, and worse), each shard is marked as
 * left half done, as after a kill. Whoever locks then repairs: nothing may
 * crash or run for ever, the self-check is clean, and every message that was
 * published is still there.
 *
 * Input: | what fills the segment, 16 bytes | mutations: field, where, value |
 */
/* wsp-test-flags: src/registry/[a-z]*.c */
#include <apr_general.h>

#include "registry/handle.h"
#include "registry/lock.h"
#include "registry/sweep.h"

#include "fuzz.h"

#define CHANNELS 12u
#define CONTENT 16u
#define MUTATIONS_MAX 200u

typedef struct {
    wsp_registry_t *registry;
    wsp_seat_t *seat;
    wsp_sub_t *subs[CHANNELS];
    unsigned published[CHANNELS];
    wsp_id_t newest[CHANNELS];
} world_t;

static const char names[CHANNELS + 1] = "abcdefghijkl";

static wsp_bytes_t name_of(unsigned channel)
{
    return (wsp_bytes_t){names + channel, 1};
}

static void publish(world_t *world, unsigned channel, size_t bytes)
{
    static char body[2000];
    wsp_publish_t message = {.channel = name_of(channel),
                             .body = {body, bytes},
                             .history_count = 1000};

    MUST(wsp_registry_publish(world->registry, &message,
                              &world->newest[channel], NULL) == APR_SUCCESS);
    world->published[channel]++;
}

static void fill(world_t *world, input_t *input)
{
    wsp_id_t horizon = atomic_load(&world->registry->header->last_id);
    unsigned i, k;

    for (i = 0; i < CONTENT; i++) {
        uint8_t byte = input_byte(input);
        unsigned channel = byte % CHANNELS;
        if (byte >= 160 && world->subs[channel] == NULL) {
            MUST(wsp_sub_open(world->seat, name_of(channel), horizon, NULL,
                              &world->subs[channel]) == APR_SUCCESS);
        }
        for (k = 0; k < byte % 7; k++) {
            publish(world, channel, byte * 5u);
        }
        if (byte == 255) {
            wsp_registry_delete(world->registry, name_of(channel), NULL);
            world->published[channel] = 0;
        }
    }
}

/* ---------------------------------------------------------------- mutate */

static wsp_channel_shm_t *channel_in(world_t *world, uint8_t where)
{
    uint32_t buckets = world->registry->header->bucket_count, i;
    unsigned skip = where;

    for (i = 0; i < 4 * buckets; i++) {
        wsp_block_t at = world->registry->heads[i % buckets];
        for (; at != 0; at = wsp_channel_at(world->registry, at)->chain) {
            if (skip-- == 0) {
                return wsp_channel_at(world->registry, at);
            }
        }
    }
    return NULL;
}

static void mutate_channel(wsp_channel_shm_t *channel, uint8_t field,
                           uint64_t value)
{
    switch (field % 9) {
    case 0:
        channel->newest = (wsp_block_t)value;
        break;
    case 1:
        atomic_store(&channel->newest_id, value);
        break;
    case 2:
        atomic_store(&channel->count, (uint32_t)value);
        break;
    case 3:
        channel->age_key = value;
        break;
    case 4:
        channel->age_child = (wsp_block_t)value;
        break;
    case 5:
        channel->age_sibling = (wsp_block_t)value;
        break;
    case 6:
        channel->age_previous = (wsp_block_t)value;
        break;
    case 7:
        channel->is_aged = (uint16_t)value;
        break;
    default:
        atomic_store(&channel->requested_ms, value);
        break;
    }
}

static void mutate_shard(world_t *world, uint8_t field, uint8_t where,
                         uint64_t value)
{
    unsigned at = where % WSP_SHARDS;
    wsp_shard_shm_t *shard = &world->registry->shards[at];

    switch (field % 6) {
    case 0:
        atomic_store(&shard->inflight, value);
        break;
    case 1:
        shard->age_root = (wsp_block_t)value;
        break;
    case 2:
        atomic_store(&shard->evictable_blocks, value);
        break;
    case 3:
        atomic_store(&shard->channels, value);
        break;
    case 4:
        atomic_store(&shard->messages, value);
        break;
    default:
        atomic_store(&world->registry->header->oldest[at], value);
        break;
    }
}

static void mutate_rest(world_t *world, uint8_t field, uint8_t where,
                        uint64_t value)
{
    wsp_registry_t *registry = world->registry;

    switch (field % 5) {
    case 0:
        registry->pool->free_head = (wsp_block_t)value;
        break;
    case 1:
        atomic_store(&registry->pool->free_count, (uint32_t)value);
        break;
    case 2:
        atomic_store(&registry->slots[where % WSP_SLOTS].chain[value % 4],
                     (uint32_t)(value >> 3));
        break;
    case 3:
        atomic_store(&registry->seats[0].bits[where % WSP_SEAT_WORDS], value);
        break;
    default:
        atomic_store(&registry->seats[0].summary, value);
        break;
    }
}

static void mutate(world_t *world, input_t *input)
{
    uint8_t field = input_byte(input), where = input_byte(input);
    uint8_t bytes = input_byte(input);
    uint64_t value = input_number(input, bytes % 9);
    wsp_channel_shm_t *channel = channel_in(world, where);

    if (field < 100 && channel != NULL) {
        mutate_channel(channel, field, value);
    }
    else if (field < 190) {
        mutate_shard(world, field, where, value);
    }
    else {
        mutate_rest(world, field, where, value);
    }
}

/* ------------------------------------------------------------------ check */

static void finding_cb(void *ctx, const char *finding)
{
    (void)ctx;
    fprintf(stderr, "%s\n", finding);
}

static void ready_cb(void *ctx, wsp_sub_t *sub, void *cookie)
{
    (void)ctx;
    (void)sub;
    (void)cookie;
}

static void must_have_all(world_t *world)
{
    unsigned i;

    for (i = 0; i < CHANNELS; i++) {
        wsp_channel_info_t info = {0, 0, 0, 0};
        wsp_registry_info(world->registry, name_of(i), &info);
        MUST(info.messages == world->published[i]);
        MUST(info.messages == 0 || info.last_id == world->newest[i]);
    }
}

static void must_work(world_t *world)
{
    wsp_id_t horizon;
    unsigned i;

    wsp_seat_collect(world->seat, &horizon, ready_cb, NULL);
    for (i = 0; i < CHANNELS; i++) {
        publish(world, i, 300);
        if (world->subs[i] != NULL && !wsp_sub_is_deleted(world->subs[i])) {
            wsp_batch_t batch;
            wsp_sub_read(world->subs[i], world->newest[i], SIZE_MAX, &batch);
            MUST(batch.count > 0);
            wsp_sub_release(world->subs[i], world->newest[i]);
        }
    }
    wsp_seat_tick(world->seat);
    must_have_all(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wsp_registry_options_t options = {WSP_SEGMENT_MIN, 1};
    input_t input = {data, size};
    world_t world = {.registry = NULL};
    apr_pool_t *pool;
    const char *why;
    void *segment;
    unsigned i;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    MUST(wsp_registry_create(&options, pool, &segment, &why) == APR_SUCCESS);
    MUST(wsp_registry_attach(segment, pool, &world.registry, &why) ==
         APR_SUCCESS);
    MUST(wsp_seat_take(world.registry, &world.seat) == APR_SUCCESS);
    fill(&world, &input);
    for (i = 0; i < MUTATIONS_MAX && input.left > 0; i++) {
        mutate(&world, &input);
    }
    for (i = 0; i < WSP_SHARDS; i++) {
        world.registry->shards[i].dirty = 1;
    }
    wsp_sweep(world.registry);
    MUST(wsp_registry_check(world.registry, finding_cb, NULL) == 0);
    must_have_all(&world);
    must_work(&world);
    MUST(wsp_registry_check(world.registry, finding_cb, NULL) == 0);
    wsp_seat_leave(world.seat);
    MUST(wsp_registry_check(world.registry, finding_cb, NULL) == 0);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
