/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publish: the way of a message into the segment. Everything that takes time
 * (finding memory, copying the body) happens before the shard is locked.
 *
 *   reserve blocks -> fill -> | lock shard                          | -> wake
 *   (pool)                    | inflight, draw id, LINK, set bits,  |
 *                             | inflight cleared, trim              |
 *
 * LINK is the one store that publishes. Before it a kill leaves nothing; after
 * it the message is there, and repair sets the bits again.
 */
#include <string.h>

#include "registry/clock.h"
#include "registry/history.h"
#include "registry/lock.h"
#include "registry/message.h"
#include "registry/step.h"

/** One publish under way. */
typedef struct {
    wsp_loan_t loan;
    wsp_wakes_t wakes;
    wsp_name_t name;
    const wsp_publish_t *message;
    wsp_id_t id;
    wsp_channel_info_t info;
} publish_t;

static bool is_valid(const wsp_publish_t *message)
{
    return wsp_channel_is_name(message->channel) &&
           message->content_type.len <= WSP_FIELD_MAX &&
           message->event.len <= WSP_FIELD_MAX &&
           message->body.len <= UINT32_MAX;
}

/* Above every id drawn before, also when the clock steps back or 2^28 messages
 * fall into one second. */
static wsp_id_t draw_id(wsp_registry_t *registry)
{
    uint64_t now = wsp_clock_wall_s() << WSP_ID_COUNTER_BITS | 1;
    uint64_t last =
        atomic_load_explicit(&registry->header->last_id, memory_order_relaxed);
    uint64_t id;

    do {
        id = last + 1 > now ? last + 1 : now;
    } while (!atomic_compare_exchange_weak_explicit(
        &registry->header->last_id, &last, id, memory_order_acq_rel,
        memory_order_relaxed));
    return id;
}

/* The message joins the end of the list. @locks the shard's, held */
static void link_locked(publish_t *p, wsp_block_t channel_at)
{
    wsp_registry_t *registry = p->loan.registry;
    wsp_shard_shm_t *shard = &registry->shards[p->name.shard];
    wsp_channel_shm_t *channel = wsp_channel_at(registry, channel_at);
    wsp_block_t index = p->loan.chain[WSP_LOAN_MESSAGE].head;
    wsp_message_shm_t *message = wsp_message_at(registry, index);
    wsp_message_shm_t *last = NULL;

    if (channel->newest != 0) {
        last = wsp_message_at(registry, channel->newest);
    }
    message->id = p->id;
    message->seq = last != NULL ? last->seq + 1 : 1;
    atomic_signal_fence(memory_order_seq_cst);
    if (last != NULL) {
        last->newer = index;
    }
    else {
        channel->oldest = index;
    }
    WSP_STEP(PUBLISH_LINKED);
    channel->newest = index;
    atomic_store(&channel->newest_id, p->id);
    atomic_store_explicit(
        &channel->count,
        atomic_load_explicit(&channel->count, memory_order_relaxed) + 1,
        memory_order_relaxed);
    if (last != NULL) {
        wsp_count_add(&shard->evictable_blocks, last->blocks);
    }
    wsp_count_add(&shard->messages, 1);
    wsp_count_add(&shard->published, 1);
    WSP_STEP(PUBLISH_COUNTED);
    wsp_loan_commit_locked(&p->loan, WSP_LOAN_MESSAGE);
}

static wsp_holders_t append_locked(publish_t *p, wsp_block_t channel_at)
{
    wsp_registry_t *registry = p->loan.registry;
    wsp_shard_shm_t *shard = &registry->shards[p->name.shard];
    wsp_channel_shm_t *channel = wsp_channel_at(registry, channel_at);
    uint64_t last_id = atomic_load(&registry->header->last_id);
    wsp_holders_t holders;

    atomic_store_explicit(&shard->inflight, last_id + 1, memory_order_release);
    WSP_STEP(PUBLISH_INFLIGHT);
    p->id = draw_id(registry);
    WSP_STEP(PUBLISH_DRAWN);
    link_locked(p, channel_at);
    holders = wsp_channel_prune_locked(registry, &p->loan, channel, &p->wakes);
    WSP_STEP(PUBLISH_ANNOUNCED);
    atomic_store_explicit(&shard->inflight, WSP_ID_NONE_INFLIGHT,
                          memory_order_release);
    WSP_STEP(PUBLISH_LANDED);
    return holders;
}

static apr_status_t publish_stored(publish_t *p)
{
    wsp_registry_t *registry = p->loan.registry;
    uint64_t now = wsp_clock_age_ms();
    uint64_t bytes = p->message->body.len + p->message->content_type.len +
                     p->message->event.len;
    wsp_channel_shm_t *channel;
    wsp_holders_t holders;
    wsp_block_t index;
    apr_status_t status =
        wsp_loan_reserve(&p->loan, WSP_LOAN_MESSAGE, wsp_message_blocks(bytes));

    if (status != APR_SUCCESS) {
        return status;
    }
    wsp_message_fill(registry, &p->loan.chain[WSP_LOAN_MESSAGE], p->message);
    wsp_message_at(registry, p->loan.chain[WSP_LOAN_MESSAGE].head)->born_ms =
        now;
    WSP_STEP(MESSAGE_FILLED);
    status = wsp_channel_enter(&p->loan, &p->name, &index);
    if (status != APR_SUCCESS) {
        return status;
    }
    channel = wsp_channel_at(registry, index);
    atomic_store_explicit(&channel->history_count, p->message->history_count,
                          memory_order_relaxed);
    channel->history_age_s = p->message->history_age_s;
    holders = append_locked(p, index);
    wsp_history_trim_locked(&p->loan, p->name.shard, index, &holders, now);
    wsp_channel_info_locked(registry, channel, &holders, now, &p->info);
    wsp_channel_free_if_empty_locked(&p->loan, p->name.shard, index);
    wsp_channel_leave(registry, &p->name);
    WSP_STEP(PUBLISH_UNLOCKED);
    return APR_SUCCESS;
}

/* Nothing is kept and nobody listens: an id is all there is to it, and the
 * bucket remembers it, so that who resumes from before is told.
 * @return false: it has to be stored */
static bool publish_to_nobody(publish_t *p)
{
    wsp_registry_t *registry = p->loan.registry;
    bool is_done;

    wsp_shard_lock(registry, p->name.shard);
    is_done = wsp_channel_find_locked(registry, &p->name) == 0;
    if (is_done) {
        p->id = draw_id(registry);
        registry->forgotten[p->name.bucket] = p->id;
        wsp_count_add(&registry->shards[p->name.shard].published, 1);
        p->info = (wsp_channel_info_t){0, -1, 0, p->id};
    }
    wsp_shard_unlock(registry, p->name.shard);
    return is_done;
}

apr_status_t wsp_registry_publish(wsp_registry_t *registry,
                                  const wsp_publish_t *message, wsp_id_t *id,
                                  wsp_channel_info_t *info)
{
    apr_status_t status = APR_SUCCESS;
    publish_t p = {.message = message};

    if (!is_valid(message)) {
        return APR_EINVAL;
    }
    p.name = wsp_channel_name(registry, message->channel);
    p.loan.registry = registry;
    if (message->history_count != 0 || !publish_to_nobody(&p)) {
        wsp_loan_begin(registry, &p.loan);
        status = publish_stored(&p);
        wsp_wake_send(registry, &p.wakes);
        wsp_loan_end(&p.loan);
    }
    if (status == APR_ENOSPC) {
        atomic_fetch_add(&registry->header->refused, 1);
    }
    if (status == APR_SUCCESS && id != NULL) {
        *id = p.id;
    }
    if (status == APR_SUCCESS && info != NULL) {
        *info = p.info;
    }
    return status;
}
