/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History: what of a channel's messages can be read, and what may go, see
 * history.h.
 */
#include "registry/history.h"

#include "registry/age.h"
#include "registry/clock.h"
#include "registry/lock.h"
#include "registry/step.h"

void wsp_history_drop_locked(wsp_registry_t *registry, wsp_loan_t *loan,
                             unsigned shard, wsp_channel_shm_t *channel)
{
    wsp_shard_shm_t *shared = &registry->shards[shard];
    wsp_block_t index = channel->oldest;
    wsp_message_shm_t *message = wsp_message_at(registry, index);
    uint32_t count =
        atomic_load_explicit(&channel->count, memory_order_relaxed);

    channel->lost_id = message->id;
    WSP_STEP(DROP_LOST);
    channel->oldest = message->newer;
    WSP_STEP(DROP_UNLINKED);
    if (message->newer == 0) {
        channel->newest = 0;
    }
    else {
        wsp_count_sub(&shared->evictable_blocks, message->blocks);
    }
    atomic_store_explicit(&channel->count, count - 1, memory_order_relaxed);
    wsp_count_sub(&shared->messages, 1);
    if (loan != NULL) {
        wsp_loan_discard_locked(loan, index, message->last, message->blocks);
    }
}

static bool is_expired(const wsp_channel_shm_t *channel,
                       const wsp_message_shm_t *message, uint64_t now_ms)
{
    return channel->history_age_s != 0 && now_ms > message->born_ms &&
           now_ms - message->born_ms > (uint64_t)channel->history_age_s * 1000;
}

/* May the oldest message go, with nobody in need of memory? */
static bool may_go(const wsp_registry_t *registry,
                   const wsp_channel_shm_t *channel,
                   const wsp_holders_t *holders, uint64_t now_ms)
{
    const wsp_message_shm_t *oldest = wsp_message_at(registry, channel->oldest);

    if (oldest->id >= holders->pin) {
        return false;
    }
    if (atomic_load(&channel->is_deleted) != 0) {
        return true;
    }
    return oldest->id <= holders->cursor &&
           (atomic_load_explicit(&channel->count, memory_order_relaxed) >
                atomic_load_explicit(&channel->history_count,
                                     memory_order_relaxed) ||
            is_expired(channel, oldest, now_ms));
}

unsigned wsp_history_trim_locked(wsp_loan_t *loan, unsigned shard,
                                 wsp_block_t index,
                                 const wsp_holders_t *holders, uint64_t now_ms)
{
    wsp_registry_t *registry = loan->registry;
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    unsigned count = 0;

    while (count < WSP_TRIM_MAX && channel->oldest != 0 &&
           may_go(registry, channel, holders, now_ms)) {
        if (is_expired(channel, wsp_message_at(registry, channel->oldest),
                       now_ms)) {
            wsp_count_add(&registry->shards[shard].expired, 1);
        }
        wsp_history_drop_locked(registry, loan, shard, channel);
        count++;
    }
    wsp_age_update_locked(registry, shard, index);
    return count;
}

/* @return newest message with an id <= upto, 0: none */
static wsp_block_t newest_upto(const wsp_registry_t *registry,
                               const wsp_channel_shm_t *channel, wsp_id_t upto,
                               wsp_block_t hint)
{
    wsp_block_t at, found = 0;

    if (channel->newest != 0 &&
        wsp_message_at(registry, channel->newest)->id <= upto) {
        return channel->newest;
    }
    at = hint != 0 ? hint : channel->oldest;
    while (at != 0 && wsp_message_at(registry, at)->id <= upto) {
        found = at;
        at = wsp_message_at(registry, at)->newer;
    }
    return found;
}

wsp_window_t wsp_history_window_locked(const wsp_registry_t *registry,
                                       const wsp_channel_shm_t *channel,
                                       wsp_id_t upto, wsp_block_t hint,
                                       uint64_t now_ms)
{
    wsp_window_t window = {0, 0, channel->lost_id};
    wsp_block_t last = newest_upto(registry, channel, upto, hint);
    wsp_block_t at = channel->oldest;
    uint32_t keep =
        atomic_load_explicit(&channel->history_count, memory_order_relaxed);
    uint32_t end;

    if (last == 0 || atomic_load(&channel->is_deleted) != 0) {
        return window;
    }
    end = wsp_message_at(registry, last)->seq;
    for (;;) {
        const wsp_message_shm_t *message = wsp_message_at(registry, at);
        if (end - message->seq < keep &&
            !is_expired(channel, message, now_ms)) {
            window.first = at;
            window.count = end - message->seq + 1;
            return window;
        }
        window.lost = message->id;
        if (at == last) {
            return window;
        }
        at = message->newer;
    }
}

bool wsp_channel_info_locked(const wsp_registry_t *registry,
                             const wsp_channel_shm_t *channel,
                             const wsp_holders_t *holders, uint64_t now_ms,
                             wsp_channel_info_t *info)
{
    uint64_t requested = atomic_load(&channel->requested_ms);

    info->messages =
        wsp_history_window_locked(registry, channel, UINT64_MAX, 0, now_ms)
            .count;
    info->requested_s =
        requested == 0 ? -1 : (int64_t)((now_ms - requested) / 1000);
    info->subscribers = holders->clients;
    info->last_id = atomic_load(&channel->newest_id);
    return info->messages > 0 || holders->records > 0;
}

apr_status_t wsp_registry_info(wsp_registry_t *registry, wsp_bytes_t id,
                               wsp_channel_info_t *info)
{
    apr_status_t status = APR_NOTFOUND;
    wsp_name_t name;
    wsp_block_t index;

    if (!wsp_channel_is_name(id)) {
        return APR_EINVAL;
    }
    name = wsp_channel_name(registry, id);
    wsp_shard_lock(registry, name.shard);
    index = wsp_channel_find_locked(registry, &name);
    if (index != 0) {
        const wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
        wsp_holders_t holders = wsp_channel_holders_locked(registry, channel);
        if (wsp_channel_info_locked(registry, channel, &holders,
                                    wsp_clock_age_ms(), info)) {
            status = APR_SUCCESS;
        }
    }
    wsp_shard_unlock(registry, name.shard);
    return status;
}
