/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete: how a channel ends, see the picture in channel.h. Flag, zombie list,
 * bucket, in this order: the flag alone decides, and repair finishes what a
 * kill left half done. The record of a living seat keeps a deleted channel's
 * block, so that its thread can still look at the flag without a lock.
 */
#include "registry/channel.h"

#include "registry/age.h"
#include "registry/clock.h"
#include "registry/history.h"
#include "registry/lock.h"
#include "registry/step.h"

/* @param link field that links the list: chain or zombie
 * @return false: not in the list */
static bool unlink_from(const wsp_registry_t *registry, wsp_block_t *head,
                        wsp_block_t index, bool by_zombie)
{
    while (*head != 0 && *head != index) {
        wsp_channel_shm_t *channel = wsp_channel_at(registry, *head);
        head = by_zombie ? &channel->zombie : &channel->chain;
    }
    if (*head == 0) {
        return false;
    }
    *head = by_zombie ? wsp_channel_at(registry, index)->zombie
                      : wsp_channel_at(registry, index)->chain;
    return true;
}

static uint32_t bucket_of(const wsp_registry_t *registry,
                          const wsp_channel_shm_t *channel)
{
    return (uint32_t)channel->hash & (registry->header->bucket_count - 1);
}

void wsp_channel_unlink_locked(wsp_registry_t *registry, unsigned shard,
                               wsp_block_t index)
{
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    uint32_t bucket = bucket_of(registry, channel);
    uint64_t newest = atomic_load(&channel->newest_id);
    uint64_t last = newest > channel->lost_id ? newest : channel->lost_id;

    if (last > registry->forgotten[bucket]) {
        registry->forgotten[bucket] = last;
    }
    WSP_STEP(CHANNEL_FORGOTTEN);
    unlink_from(registry, &registry->heads[bucket], index, false);
    WSP_STEP(CHANNEL_UNLINKED);
    atomic_fetch_sub_explicit(&registry->shards[shard].channels, 1,
                              memory_order_relaxed);
}

static bool is_zombie(const wsp_registry_t *registry, unsigned shard,
                      wsp_block_t index)
{
    wsp_block_t at = registry->shards[shard].zombies;

    while (at != 0 && at != index) {
        at = wsp_channel_at(registry, at)->zombie;
    }
    return at != 0;
}

void wsp_channel_bury_locked(wsp_registry_t *registry, unsigned shard,
                             wsp_block_t index)
{
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);

    if (!is_zombie(registry, shard, index)) {
        channel->zombie = registry->shards[shard].zombies;
        atomic_signal_fence(memory_order_seq_cst);
        registry->shards[shard].zombies = index;
    }
    WSP_STEP(DELETE_ZOMBIE);
    wsp_channel_unlink_locked(registry, shard, index);
}

bool wsp_channel_free_if_empty_locked(wsp_loan_t *loan, unsigned shard,
                                      wsp_block_t index)
{
    wsp_registry_t *registry = loan->registry;
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);

    if (channel->oldest != 0 || channel->subs != 0) {
        return false;
    }
    if (atomic_load(&channel->is_deleted) != 0) {
        unlink_from(registry, &registry->shards[shard].zombies, index, true);
    }
    else {
        wsp_channel_unlink_locked(registry, shard, index);
    }
    wsp_loan_discard_locked(loan, index, channel->last, channel->blocks);
    return true;
}

void wsp_channel_empty_locked(wsp_registry_t *registry, wsp_loan_t *loan,
                              unsigned shard, wsp_block_t index,
                              const wsp_holders_t *holders)
{
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);

    while (channel->oldest != 0 &&
           wsp_message_at(registry, channel->oldest)->id < holders->pin) {
        wsp_history_drop_locked(registry, loan, shard, channel);
    }
    wsp_age_update_locked(registry, shard, index);
}

/* @return false: it was only a rest without messages and subscribers */
static bool delete_locked(wsp_loan_t *loan, unsigned shard, wsp_block_t index,
                          wsp_channel_info_t *info, wsp_wakes_t *wakes)
{
    wsp_registry_t *registry = loan->registry;
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    wsp_holders_t holders = wsp_channel_holders_locked(registry, channel);
    bool was_known = wsp_channel_info_locked(registry, channel, &holders,
                                             wsp_clock_age_ms(), info);

    atomic_store(&channel->is_deleted, 1);
    WSP_STEP(DELETE_FLAGGED);
    wsp_channel_prune_locked(registry, loan, channel, wakes);
    wsp_channel_bury_locked(registry, shard, index);
    wsp_channel_empty_locked(registry, loan, shard, index, &holders);
    wsp_channel_free_if_empty_locked(loan, shard, index);
    return was_known;
}

apr_status_t wsp_registry_delete(wsp_registry_t *registry, wsp_bytes_t id,
                                 wsp_channel_info_t *info)
{
    wsp_channel_info_t unused;
    wsp_loan_t loan;
    wsp_wakes_t wakes;
    wsp_name_t name;
    wsp_block_t index;
    apr_status_t status = APR_NOTFOUND;

    if (!wsp_channel_is_name(id)) {
        return APR_EINVAL;
    }
    wakes.count = 0;
    name = wsp_channel_name(registry, id);
    wsp_loan_begin(registry, &loan);
    wsp_shard_lock(registry, name.shard);
    index = wsp_channel_find_locked(registry, &name);
    if (index != 0) {
        wsp_shard_begin_locked(registry, name.shard);
        if (delete_locked(&loan, name.shard, index,
                          info != NULL ? info : &unused, &wakes)) {
            status = APR_SUCCESS;
        }
        wsp_shard_end_locked(registry, name.shard);
    }
    wsp_shard_unlock(registry, name.shard);
    wsp_wake_send(registry, &wakes);
    wsp_loan_end(&loan);
    return status;
}
