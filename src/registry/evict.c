/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evict: see evict.h. Each shard publishes in oldest[] the key of its age
 * heap's root; the evictor goes where the lowest is, and stays there until
 * another shard's is lower. A key may be too low (see age.h): then it is put
 * right, which is progress too.
 *
 * A pinned channel is set aside while its shard is looked at, and the shard is
 * remembered as no older than its next channel; so one stalled reader costs a
 * longer way, not the memory of its shard.
 *
 * When nothing can be evicted, it asks what could have been missed: dead seats,
 * expired messages, leaked blocks, other publishers' blocks in flight, readers'
 * pins. Only then the segment is full.
 */
#include "registry/evict.h"

#include <time.h>

#include "registry/age.h"
#include "registry/clock.h"
#include "registry/expire.h"
#include "registry/history.h"
#include "registry/lock.h"
#include "registry/pool.h"
#include "registry/step.h"
#include "registry/sweep.h"

/** Evict a little more than asked for: the next publishers find it. */
#define SLACK_BLOCKS 32u
/** Times to wait for others before the segment counts as full. */
#define WAIT_ROUNDS 5u
#define WAIT_PINS_NS 1000000

typedef struct {
    wsp_loan_t *loan;
    uint32_t want;
    uint64_t has_floor;         /* shards that were found pinned */
    uint64_t floor[WSP_SHARDS]; /* their oldest unpinned key */
} evict_t;

/* ------------------------------------------------------------- one shard */

static bool is_pinned(const wsp_registry_t *registry,
                      const wsp_channel_shm_t *channel)
{
    return wsp_channel_holders_locked(registry, channel).pin <=
           wsp_message_at(registry, channel->oldest)->id;
}

static void evict_one_locked(evict_t *evict, unsigned shard, wsp_block_t index)
{
    wsp_registry_t *registry = evict->loan->registry;
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);

    wsp_history_drop_locked(registry, evict->loan, shard, channel);
    wsp_count_add(&registry->shards[shard].evicted, 1);
    wsp_age_update_locked(registry, shard, index);
}

/* Look at the channel at the root: evict, put its key right, or set it aside.
 * @param aside channels taken out of the heap, linked by age_sibling */
static void look_at_root_locked(evict_t *evict, unsigned shard,
                                wsp_block_t *aside)
{
    wsp_registry_t *registry = evict->loan->registry;
    wsp_block_t index = registry->shards[shard].age_root;
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);

    if (wsp_message_at(registry, channel->oldest)->id != channel->age_key) {
        wsp_age_remove_locked(registry, shard, index);
        wsp_age_insert_locked(registry, shard, index);
        return;
    }
    if (!is_pinned(registry, channel)) {
        evict_one_locked(evict, shard, index);
        return;
    }
    wsp_age_remove_locked(registry, shard, index);
    channel->age_sibling = *aside;
    *aside = index;
    WSP_STEP(EVICT_ASIDE);
}

static void put_back_locked(evict_t *evict, unsigned shard, wsp_block_t aside)
{
    wsp_registry_t *registry = evict->loan->registry;
    wsp_block_t root = registry->shards[shard].age_root;

    if (aside == 0) {
        return;
    }
    evict->has_floor |= UINT64_C(1) << shard;
    evict->floor[shard] = root == 0 ? WSP_ID_NOTHING_OLD
                                    : wsp_channel_at(registry, root)->age_key;
    while (aside != 0) {
        wsp_block_t next = wsp_channel_at(registry, aside)->age_sibling;
        wsp_age_insert_locked(registry, shard, aside);
        aside = next;
    }
}

/* @param limit another shard's oldest: no further than that */
static void evict_shard(evict_t *evict, unsigned shard, uint64_t limit)
{
    wsp_registry_t *registry = evict->loan->registry;
    wsp_shard_shm_t *shared = &registry->shards[shard];
    wsp_block_t aside = 0;

    wsp_shard_lock(registry, shard);
    wsp_shard_begin_locked(registry, shard);
    while (evict->loan->chain[WSP_LOAN_FREED].count < evict->want &&
           shared->age_root != 0 &&
           wsp_channel_at(registry, shared->age_root)->age_key <= limit) {
        look_at_root_locked(evict, shard, &aside);
    }
    put_back_locked(evict, shard, aside);
    wsp_shard_end_locked(registry, shard);
    wsp_shard_unlock(registry, shard);
}

/* ------------------------------------------------------------ all shards */

static uint64_t oldest_of(const evict_t *evict, unsigned shard)
{
    uint64_t key = atomic_load_explicit(
        &evict->loan->registry->header->oldest[shard], memory_order_relaxed);

    if ((evict->has_floor >> shard & 1) != 0 && key < evict->floor[shard]) {
        return evict->floor[shard];
    }
    return key;
}

/* @return shard with the oldest message, WSP_SHARDS: none
 * @param limit the oldest of the others */
static unsigned oldest_shard(const evict_t *evict, uint64_t *limit)
{
    uint64_t lowest = WSP_ID_NOTHING_OLD;
    unsigned found = WSP_SHARDS, shard;

    *limit = WSP_ID_NOTHING_OLD;
    for (shard = 0; shard < WSP_SHARDS; shard++) {
        uint64_t key = oldest_of(evict, shard);
        if (key < lowest) {
            *limit = lowest;
            lowest = key;
            found = shard;
        }
        else if (key < *limit) {
            *limit = key;
        }
    }
    return found;
}

static void evict_oldest(evict_t *evict)
{
    uint64_t limit;
    unsigned shard;

    while (evict->loan->chain[WSP_LOAN_FREED].count < evict->want &&
           (shard = oldest_shard(evict, &limit)) < WSP_SHARDS) {
        evict_shard(evict, shard, limit);
    }
}

/* Would it be enough if everything went that may? Else nothing shall go. */
static bool is_enough(const wsp_registry_t *registry, uint32_t want)
{
    uint64_t blocks = wsp_pool_free_count(registry);
    unsigned shard;

    for (shard = 0; shard < WSP_SHARDS; shard++) {
        blocks += atomic_load_explicit(
            &registry->shards[shard].evictable_blocks, memory_order_relaxed);
    }
    return blocks >= want;
}

/* What else there is: the dead's, the expired, the leaked. */
static void reclaim(wsp_loan_t *loan)
{
    wsp_registry_t *registry = loan->registry;

    wsp_registry_seats_reap(registry);
    wsp_loan_find_dead(registry);
    wsp_expire_all(loan);
    if (atomic_load(&registry->header->sweep_wanted) != 0) {
        wsp_sweep(registry);
    }
}

/* @return false: nobody has anything that could come back */
static bool wait_for_others(evict_t *evict)
{
    struct timespec moment = {0, WAIT_PINS_NS};
    bool was_waiting = wsp_loan_wait_others(evict->loan);

    if (!was_waiting && evict->has_floor != 0) {
        nanosleep(&moment, NULL);
        was_waiting = true;
    }
    evict->has_floor = 0;
    return was_waiting;
}

apr_status_t wsp_evict(wsp_loan_t *loan, uint32_t want)
{
    wsp_registry_t *registry = loan->registry;
    evict_t evict;
    unsigned round;

    evict.loan = loan;
    evict.want = want + SLACK_BLOCKS;
    evict.has_floor = 0;
    for (round = 0; round <= WAIT_ROUNDS; round++) {
        if (is_enough(registry, want)) {
            evict_oldest(&evict);
        }
        if (loan->chain[WSP_LOAN_FREED].count > 0 ||
            wsp_pool_free_count(registry) > 0) {
            return APR_SUCCESS;
        }
        if (round == 0) {
            reclaim(loan);
        }
        else if (!wait_for_others(&evict)) {
            return APR_ENOSPC;
        }
    }
    return APR_ENOSPC;
}
