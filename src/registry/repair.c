/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repair: see repair.h. What was half done is finished where one store had
 * already decided it (a linked message is announced, lost_id drops its message,
 * a deleted flag deletes), and is forgotten otherwise.
 *
 * Lists are walked with care: an index that was never a block, or an order that
 * cannot be, ends the list there.
 */
#include "registry/repair.h"

#include "registry/age.h"
#include "registry/channel.h"
#include "registry/history.h"
#include "registry/lock.h"
#include "registry/step.h"

/* What walking a channel's list finds. */
typedef struct {
    uint32_t count;
    uint64_t evictable_blocks;
} found_t;

/* lost_id is stored before its message leaves the list: let it leave. */
static void finish_drop_locked(wsp_registry_t *registry,
                               wsp_channel_shm_t *channel)
{
    while (wsp_block_is_valid(registry, channel->oldest)) {
        const wsp_message_shm_t *oldest =
            wsp_message_at(registry, channel->oldest);
        if (oldest->id > channel->lost_id) {
            return;
        }
        channel->oldest = oldest->newer;
    }
}

/* Invariant 2: end and count of the list follow from walking it. */
static found_t mend_list_locked(wsp_registry_t *registry,
                                wsp_channel_shm_t *channel)
{
    wsp_block_t *link = &channel->oldest, last = 0;
    wsp_id_t id;
    found_t found = {0, 0};
    uint64_t blocks = 0;

    finish_drop_locked(registry, channel);
    id = channel->lost_id;
    while (wsp_block_is_valid(registry, *link) &&
           wsp_message_at(registry, *link)->id > id) {
        wsp_message_shm_t *message = wsp_message_at(registry, *link);
        last = *link;
        id = message->id;
        found.evictable_blocks += blocks; /* of the one before */
        blocks = message->blocks;
        found.count++;
        link = &message->newer;
    }
    *link = 0;
    channel->newest = last;
    if (last != 0 || atomic_load(&channel->newest_id) != 0) {
        atomic_store(&channel->newest_id, id); /* lost_id, if all have left */
    }
    atomic_store(&channel->count, found.count);
    return found;
}

static void repair_channel_locked(wsp_registry_t *registry, unsigned shard,
                                  wsp_block_t index, wsp_wakes_t *wakes)
{
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    wsp_shard_shm_t *shared = &registry->shards[shard];
    found_t found = mend_list_locked(registry, channel);

    wsp_count_add(&shared->messages, found.count);
    wsp_count_add(&shared->evictable_blocks, found.evictable_blocks);
    wsp_channel_prune_locked(registry, NULL, channel, wakes);
    channel->is_aged = 0;
    wsp_age_update_locked(registry, shard, index);
    WSP_STEP(REPAIR_CHANNEL);
}

static void repair_bucket_locked(wsp_registry_t *registry, unsigned shard,
                                 uint32_t bucket, wsp_wakes_t *wakes)
{
    wsp_block_t *link = &registry->heads[bucket];

    while (*link != 0) {
        wsp_block_t index = *link;
        wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
        wsp_count_add(&registry->shards[shard].channels, 1);
        if (atomic_load(&channel->is_deleted) != 0) {
            mend_list_locked(registry, channel); /* for its last id */
            wsp_channel_bury_locked(registry, shard, index);
            continue;
        }
        repair_channel_locked(registry, shard, index, wakes);
        if (channel->oldest == 0 && channel->subs == 0) {
            wsp_channel_unlink_locked(registry, shard, index);
            continue;
        }
        link = &channel->chain;
    }
}

static void repair_zombies_locked(wsp_registry_t *registry, unsigned shard,
                                  wsp_wakes_t *wakes)
{
    wsp_block_t *link = &registry->shards[shard].zombies;

    while (*link != 0) {
        wsp_block_t index = *link;
        wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
        wsp_holders_t holders;
        repair_channel_locked(registry, shard, index, wakes);
        holders = wsp_channel_holders_locked(registry, channel);
        wsp_channel_empty_locked(registry, NULL, shard, index, &holders);
        if (channel->oldest == 0 && channel->subs == 0) {
            *link = channel->zombie;
            continue;
        }
        link = &channel->zombie;
    }
}

void wsp_repair_shard_locked(wsp_registry_t *registry, unsigned shard)
{
    wsp_shard_shm_t *shared = &registry->shards[shard];
    uint32_t first = shard * wsp_shard_buckets(registry);
    wsp_wakes_t wakes = {.count = 0};
    uint32_t i;

    atomic_store(&registry->header->sweep_wanted, 1);
    wsp_age_clear_locked(registry, shard);
    WSP_STEP(REPAIR_HEAP);
    atomic_store(&shared->channels, 0);
    atomic_store(&shared->messages, 0);
    atomic_store(&shared->evictable_blocks, 0);
    for (i = 0; i < wsp_shard_buckets(registry); i++) {
        repair_bucket_locked(registry, shard, first + i, &wakes);
    }
    repair_zombies_locked(registry, shard, &wakes);
    wsp_wake_send(registry, &wakes);
    atomic_store(&shared->inflight, WSP_ID_NONE_INFLIGHT);
    shared->dirty = 0;
    WSP_STEP(REPAIR_DONE);
}
