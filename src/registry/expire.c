/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expire: see expire.h. Nothing waits for it: readers never see an expired
 * message, publishers trim their own channel, and a full segment evicts. It is
 * for channels that nobody touches any more.
 */
#include "registry/expire.h"

#include "registry/clock.h"
#include "registry/history.h"
#include "registry/lock.h"
#include "registry/step.h"

/** Buckets per hold of a lock. */
#define BUCKETS_PER_HOLD 256u
/** A slice is this part of the table, but a few buckets at least. */
#define SLICES 60u
#define SLICE_MIN 256u

static void expire_channel_locked(wsp_loan_t *loan, unsigned shard,
                                  wsp_block_t index, uint64_t now)
{
    wsp_registry_t *registry = loan->registry;
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    wsp_holders_t holders =
        wsp_channel_prune_locked(registry, loan, channel, NULL);

    while (wsp_history_trim_locked(loan, shard, index, &holders, now) ==
           WSP_TRIM_MAX) {
    }
    wsp_channel_free_if_empty_locked(loan, shard, index);
}

static void expire_zombies_locked(wsp_loan_t *loan, unsigned shard,
                                  uint64_t now)
{
    wsp_registry_t *registry = loan->registry;
    wsp_block_t at = registry->shards[shard].zombies;

    while (at != 0) {
        wsp_block_t next = wsp_channel_at(registry, at)->zombie;
        expire_channel_locked(loan, shard, at, now);
        at = next;
    }
}

/* Buckets [first, first + count) lie in one shard. */
static void expire_buckets(wsp_loan_t *loan, uint32_t first, uint32_t count)
{
    wsp_registry_t *registry = loan->registry;
    unsigned shard = wsp_bucket_shard(registry, first);
    uint64_t now = wsp_clock_age_ms();
    uint32_t bucket;

    wsp_shard_lock(registry, shard);
    wsp_shard_begin_locked(registry, shard);
    expire_zombies_locked(loan, shard, now);
    for (bucket = first; bucket < first + count; bucket++) {
        wsp_block_t at = registry->heads[bucket];
        while (at != 0) {
            wsp_block_t next = wsp_channel_at(registry, at)->chain;
            expire_channel_locked(loan, shard, at, now);
            at = next;
        }
    }
    wsp_shard_end_locked(registry, shard);
    wsp_shard_unlock(registry, shard);
}

/* @return buckets done, all in the shard of @a first */
static uint32_t expire_some(wsp_loan_t *loan, uint32_t first, uint32_t most)
{
    uint32_t per_shard = wsp_shard_buckets(loan->registry);
    uint32_t count = per_shard - first % per_shard;

    if (count > BUCKETS_PER_HOLD) {
        count = BUCKETS_PER_HOLD;
    }
    if (count > most) {
        count = most;
    }
    expire_buckets(loan, first, count);
    return count;
}

void wsp_expire_all(wsp_loan_t *loan)
{
    uint32_t buckets = loan->registry->header->bucket_count, done = 0;

    while (done < buckets) {
        done += expire_some(loan, done, buckets - done);
    }
}

void wsp_expire_slice(wsp_registry_t *registry)
{
    uint32_t buckets = registry->header->bucket_count;
    uint32_t slice = buckets / SLICES, done = 0;
    uint64_t first;
    wsp_loan_t loan;

    if (slice < SLICE_MIN) {
        slice = SLICE_MIN;
    }
    if (slice > buckets) {
        slice = buckets;
    }
    first = atomic_fetch_add(&registry->header->expire_next, slice);
    wsp_loan_begin(registry, &loan);
    while (done < slice) {
        done += expire_some(&loan, (uint32_t)((first + done) % buckets),
                            slice - done);
    }
    wsp_loan_end(&loan);
}
