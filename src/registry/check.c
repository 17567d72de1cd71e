/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check: the invariants of segment.h, by number, with all locks held. Locking
 * repairs what a dead process left, so what is found here is a mistake of this
 * room, or somebody who writes into the segment.
 */
#include "registry/age.h"
#include "registry/channel.h"
#include "registry/clock.h"
#include "registry/history.h"
#include "registry/lock.h"
#include "registry/message.h"
#include "registry/walk.h"

/** What the channels of one shard add up to. */
typedef struct {
    uint64_t channels, messages, evictable_blocks, aged;
} sums_t;

#define EXPECT(walk, invariant, condition, ...)                                \
    do {                                                                       \
        if (!(condition)) {                                                    \
            wsp_walk_find(walk, invariant, __VA_ARGS__);                       \
        }                                                                      \
    } while (0)

static void check_message(wsp_walk_t *walk, wsp_block_t at)
{
    const wsp_message_shm_t *message = wsp_message_at(walk->registry, at);

    EXPECT(walk, 3,
           message->blocks == wsp_message_blocks(wsp_message_bytes(message)),
           "message at block %u: %u blocks do not fit its lengths", at,
           message->blocks);
}

static void check_messages(wsp_walk_t *walk, wsp_block_t index, sums_t *sums)
{
    const wsp_registry_t *registry = walk->registry;
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    wsp_block_t at = channel->oldest, last = 0;
    wsp_id_t id = channel->lost_id, newest = atomic_load(&channel->newest_id);
    uint32_t count = 0, seq = 0, last_blocks = 0;

    for (; at != 0; at = wsp_message_at(registry, at)->newer) {
        const wsp_message_shm_t *message = wsp_message_at(registry, at);
        check_message(walk, at);
        EXPECT(walk, 2, message->id > id, "message at block %u: id not above",
               at);
        EXPECT(walk, 2, count == 0 || message->seq == seq + 1,
               "message at block %u: seq %u after %u", at, message->seq, seq);
        id = message->id;
        seq = message->seq;
        last = at;
        last_blocks = message->blocks;
        sums->evictable_blocks += last_blocks;
        count++;
    }
    sums->evictable_blocks -= last_blocks;
    sums->messages += count;
    EXPECT(walk, 2, id <= atomic_load(&registry->header->last_id),
           "channel at block %u: an id above last_id", index);
    EXPECT(walk, 2, channel->newest == last, "channel at block %u: newest",
           index);
    EXPECT(walk, 2, atomic_load(&channel->count) == count,
           "channel at block %u: count", index);
    EXPECT(walk, 2, newest == id || (count == 0 && newest == 0),
           "channel at block %u: newest_id", index);
    EXPECT(walk, 10,
           channel->lost_id <= atomic_load(&registry->header->last_id),
           "channel at block %u: lost_id", index);
}

static void check_records(wsp_walk_t *walk, wsp_block_t index)
{
    const wsp_registry_t *registry = walk->registry;
    wsp_block_t at = wsp_channel_at(registry, index)->subs;

    for (; at != 0; at = wsp_record_at(registry, at)->next) {
        const wsp_record_shm_t *record = wsp_record_at(registry, at);
        EXPECT(walk, 4,
               record->channel == index &&
                   record->seat < registry->header->seat_count,
               "record at block %u: channel or seat", at);
        EXPECT(walk, 4,
               !wsp_record_is_alive(registry, record) ||
                   (record->bit < WSP_SEAT_BITS &&
                    atomic_load(&record->cursor) <=
                        atomic_load(&registry->header->last_id)),
               "record at block %u: cursor or bit", at);
    }
}

/* Invariant 5, as far as one channel shows it. */
static void check_age(wsp_walk_t *walk, wsp_block_t index, sums_t *sums)
{
    const wsp_registry_t *registry = walk->registry;
    const wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    wsp_block_t at = channel->age_child, previous = index;

    EXPECT(walk, 5,
           (channel->is_aged != 0) == (atomic_load(&channel->count) >= 2),
           "channel at block %u: in the age heap or not", index);
    if (channel->is_aged == 0) {
        return;
    }
    sums->aged++;
    EXPECT(walk, 5,
           channel->oldest != 0 &&
               channel->age_key <=
                   wsp_message_at(registry, channel->oldest)->id,
           "channel at block %u: age key too high", index);
    while (wsp_block_is_valid(registry, at)) {
        const wsp_channel_shm_t *child = wsp_channel_at(registry, at);
        EXPECT(walk, 5, child->age_key >= channel->age_key,
               "channel at block %u: older than its parent", at);
        EXPECT(walk, 5, child->age_previous == previous,
               "channel at block %u: previous", at);
        if (child->age_previous != previous) {
            return;
        }
        previous = at;
        at = child->age_sibling;
    }
}

static void check_channel(wsp_walk_t *walk, wsp_block_t index, sums_t *sums)
{
    const wsp_channel_shm_t *channel = wsp_channel_at(walk->registry, index);

    check_messages(walk, index, sums);
    check_records(walk, index);
    check_age(walk, index, sums);
    EXPECT(walk, 9, channel->oldest != 0 || channel->subs != 0,
           "channel at block %u: empty", index);
}

static void check_bucket(wsp_walk_t *walk, uint32_t bucket, sums_t *sums)
{
    const wsp_registry_t *registry = walk->registry;
    uint32_t mask = registry->header->bucket_count - 1;
    wsp_block_t at = registry->heads[bucket];

    EXPECT(walk, 10,
           registry->forgotten[bucket] <=
               atomic_load(&registry->header->last_id),
           "bucket %u: forgotten", bucket);
    for (; at != 0; at = wsp_channel_at(registry, at)->chain) {
        wsp_channel_shm_t *channel = wsp_channel_at(registry, at);
        sums->channels++;
        EXPECT(walk, 1, ((uint32_t)channel->hash & mask) == bucket,
               "channel at block %u: in bucket %u", at, bucket);
        EXPECT(walk, 1, atomic_load(&channel->is_deleted) == 0,
               "channel at block %u: deleted, but in bucket %u", at, bucket);
        check_channel(walk, at, sums);
    }
}

static void check_heap_root(wsp_walk_t *walk, unsigned shard,
                            const sums_t *sums)
{
    const wsp_registry_t *registry = walk->registry;
    wsp_block_t root = registry->shards[shard].age_root;
    uint64_t key = WSP_ID_NOTHING_OLD;

    if (root != 0) {
        key = wsp_channel_at(registry, root)->age_key;
    }
    EXPECT(walk, 5, (root != 0) == (sums->aged > 0), "shard %u: age_root",
           shard);
    EXPECT(walk, 5, atomic_load(&registry->header->oldest[shard]) == key,
           "shard %u: oldest", shard);
    EXPECT(walk, 5, wsp_age_count_locked(registry, shard) == sums->aged,
           "shard %u: channels are missing in the age heap", shard);
}

static void check_shard(wsp_walk_t *walk, unsigned shard)
{
    wsp_registry_t *registry = walk->registry;
    wsp_shard_shm_t *shared = &registry->shards[shard];
    uint32_t first = shard * wsp_shard_buckets(registry), i;
    wsp_block_t at = shared->zombies;
    sums_t sums = {0, 0, 0, 0};

    for (i = 0; i < wsp_shard_buckets(registry); i++) {
        check_bucket(walk, first + i, &sums);
    }
    for (; at != 0; at = wsp_channel_at(registry, at)->zombie) {
        EXPECT(walk, 9,
               atomic_load(&wsp_channel_at(registry, at)->is_deleted) != 0,
               "channel at block %u: zombie, but not deleted", at);
        check_channel(walk, at, &sums);
    }
    check_heap_root(walk, shard, &sums);
    EXPECT(walk, 6, atomic_load(&shared->channels) == sums.channels,
           "shard %u: channels", shard);
    EXPECT(walk, 6, atomic_load(&shared->messages) == sums.messages,
           "shard %u: messages", shard);
    EXPECT(walk, 6,
           atomic_load(&shared->evictable_blocks) == sums.evictable_blocks,
           "shard %u: evictable_blocks", shard);
    EXPECT(walk, 8,
           shared->dirty == 0 &&
               atomic_load(&shared->inflight) == WSP_ID_NONE_INFLIGHT,
           "shard %u: dirty or inflight", shard);
}

static void check_pool(wsp_walk_t *walk)
{
    const wsp_registry_t *registry = walk->registry;
    uint32_t used = registry->pool->fresh - 1;
    uint32_t never = registry->header->block_count - registry->pool->fresh;

    EXPECT(walk, 7,
           walk->marked == used ||
               atomic_load(&registry->header->sweep_wanted) != 0,
           "%u blocks have leaked", used - walk->marked);
    EXPECT(walk, 7,
           atomic_load(&registry->pool->free_count) ==
               walk->free_blocks + never,
           "free_count");
}

unsigned wsp_registry_check(wsp_registry_t *registry,
                            void (*report)(void *ctx, const char *finding),
                            void *ctx)
{
    wsp_walk_t walk;
    unsigned shard;

    if (!wsp_walk_begin(&walk, registry)) {
        return 0;
    }
    walk.report = report;
    walk.ctx = ctx;
    wsp_walk_lock_all(registry);
    wsp_walk_used_locked(&walk);
    wsp_walk_free_locked(&walk);
    check_pool(&walk);
    /* A list that ends nowhere cannot be looked at more closely. */
    for (shard = 0; shard < WSP_SHARDS && walk.findings == 0; shard++) {
        check_shard(&walk, shard);
    }
    wsp_walk_unlock_all(registry);
    atomic_store(&registry->header->check_time_s, (int64_t)wsp_clock_wall_s());
    atomic_store(&registry->header->check_findings, walk.findings);
    wsp_walk_end(&walk);
    return walk.findings;
}
