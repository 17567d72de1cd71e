/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read: a seat's thread takes messages of a channel, in batches that stay
 * pinned while it copies them. Two positions: the cursor, which all clients of
 * the seat share and which keeps messages from being trimmed, and any older id,
 * from which one client's history is read.
 */
#include "registry/clock.h"
#include "registry/history.h"
#include "registry/lock.h"

/* A hint is still in the list if nothing as new has left it. */
static wsp_block_t valid_hint(const wsp_channel_shm_t *channel, wsp_block_t at,
                              wsp_id_t id, wsp_id_t upto)
{
    return at != 0 && id > channel->lost_id && id <= upto ? at : 0;
}

/* First message with an id above @a after, from @a at on. @return 0: none
 * @param passed in/out: last message at or before after */
static wsp_block_t skip_to(const wsp_registry_t *registry, wsp_block_t at,
                           wsp_id_t after, wsp_block_t *passed)
{
    while (at != 0) {
        const wsp_message_shm_t *message = wsp_message_at(registry, at);
        if (message->id > after) {
            break;
        }
        *passed = at;
        at = message->newer;
    }
    return at;
}

static void add_item(wsp_batch_t *batch, wsp_block_t at,
                     const wsp_message_shm_t *message)
{
    batch->items[batch->count++] = (wsp_message_t){
        .id = message->id,
        .body_bytes = message->body_bytes,
        .content_type_bytes = message->content_type_bytes,
        .event_bytes = message->event_bytes,
        .is_binary = message->is_binary != 0,
        .ref = at,
    };
}

/* Fill the batch from @a at on, and pin it. */
static void fill_locked(wsp_sub_t *sub, wsp_block_t at, wsp_id_t upto,
                        size_t max_bytes, wsp_batch_t *batch)
{
    const wsp_registry_t *registry = sub->seat->registry;
    size_t bytes = 0;

    for (; at != 0; at = wsp_message_at(registry, at)->newer) {
        const wsp_message_shm_t *message = wsp_message_at(registry, at);
        if (message->id > upto) {
            break;
        }
        if (batch->count == WSP_BATCH_MAX ||
            (batch->count > 0 && bytes + message->body_bytes > max_bytes)) {
            batch->more = true;
            break;
        }
        add_item(batch, at, message);
        bytes += message->body_bytes;
    }
    if (batch->count > 0) {
        atomic_store_explicit(&sub->record->pin, batch->items[0].id,
                              memory_order_relaxed);
    }
}

static void begin(wsp_batch_t *batch)
{
    batch->count = 0;
    batch->more = false;
    batch->lost = 0;
}

void wsp_sub_read(wsp_sub_t *sub, wsp_id_t upto, size_t max_bytes,
                  wsp_batch_t *batch)
{
    wsp_registry_t *registry = sub->seat->registry;
    const wsp_channel_shm_t *channel = sub->channel;
    wsp_id_t cursor = wsp_sub_cursor(sub);
    wsp_block_t at, passed;

    begin(batch);
    sub->is_reading_news = true;
    wsp_shard_lock(registry, sub->shard);
    /* A loss beyond upto is told when the horizon has come there: an id in
     * front of the other channels' would not be one to resume from. */
    if (channel->lost_id > cursor && channel->lost_id <= upto) {
        batch->lost = channel->lost_id;
    }
    passed = valid_hint(channel, sub->news_hint.at, sub->news_hint.id, cursor);
    at = skip_to(registry, passed != 0 ? passed : channel->oldest, cursor,
                 &passed);
    sub->news_hint.at = passed;
    sub->news_hint.id = passed != 0 ? wsp_message_at(registry, passed)->id : 0;
    if (!wsp_sub_is_deleted(sub)) {
        fill_locked(sub, at, upto, max_bytes, batch);
    }
    wsp_shard_unlock(registry, sub->shard);
}

/* Readable history up to @a upto. @locks the shard's, held */
static wsp_window_t window_locked(const wsp_sub_t *sub, wsp_id_t upto)
{
    wsp_block_t hint =
        valid_hint(sub->channel, sub->news_hint.at, sub->news_hint.id, upto);
    return wsp_history_window_locked(sub->seat->registry, sub->channel, upto,
                                     hint, wsp_clock_age_ms());
}

void wsp_sub_read_history(wsp_sub_t *sub, wsp_id_t after, wsp_id_t upto,
                          size_t max_bytes, wsp_batch_t *batch)
{
    wsp_registry_t *registry = sub->seat->registry;
    wsp_block_t at, start, passed = 0;
    wsp_window_t window;

    begin(batch);
    sub->is_reading_news = false;
    wsp_shard_lock(registry, sub->shard);
    window = window_locked(sub, upto);
    if (window.lost > after && after < upto) {
        batch->lost = window.lost < upto ? window.lost : upto;
    }
    start = valid_hint(sub->channel, sub->history_hint.at, sub->history_hint.id,
                       after);
    if (start == 0 || sub->history_hint.id <= window.lost) {
        start = window.first;
    }
    if (window.first != 0) {
        at = skip_to(registry, start, after, &passed);
        fill_locked(sub, at, upto, max_bytes, batch);
    }
    if (batch->count > 0) {
        sub->history_hint.at = batch->items[batch->count - 1].ref;
        sub->history_hint.id = batch->items[batch->count - 1].id;
    }
    wsp_shard_unlock(registry, sub->shard);
}

wsp_id_t wsp_sub_start(wsp_sub_t *sub, uint32_t count, wsp_id_t upto)
{
    wsp_registry_t *registry = sub->seat->registry;
    wsp_id_t start = upto;
    wsp_window_t window;

    if (count == 0) {
        return upto;
    }
    wsp_shard_lock(registry, sub->shard);
    window = window_locked(sub, upto);
    if (window.first != 0) {
        wsp_block_t at = window.first;
        start = window.lost;
        for (; window.count > count; window.count--) {
            start = wsp_message_at(registry, at)->id;
            at = wsp_message_at(registry, at)->newer;
        }
    }
    wsp_shard_unlock(registry, sub->shard);
    return start;
}

/* The pin goes without the lock; only when the channel has more messages than
 * its history, somebody must look whether this was the last who needed them. */
static void trim(wsp_sub_t *sub)
{
    wsp_registry_t *registry = sub->seat->registry;
    wsp_holders_t holders;
    wsp_loan_t loan;

    wsp_loan_begin(registry, &loan);
    wsp_shard_lock(registry, sub->shard);
    wsp_shard_begin_locked(registry, sub->shard);
    holders = wsp_channel_prune_locked(registry, &loan, sub->channel, NULL);
    wsp_history_trim_locked(&loan, sub->shard, sub->channel_at, &holders,
                            wsp_clock_age_ms());
    wsp_shard_end_locked(registry, sub->shard);
    wsp_shard_unlock(registry, sub->shard);
    wsp_loan_end(&loan);
}

void wsp_sub_release(wsp_sub_t *sub, wsp_id_t cursor)
{
    const wsp_channel_shm_t *channel = sub->channel;

    wsp_lock_note_release();
    if (sub->is_reading_news && cursor > wsp_sub_cursor(sub)) {
        atomic_store_explicit(&sub->record->cursor, cursor,
                              memory_order_release);
    }
    sub->is_reading_news = false;
    atomic_store_explicit(&sub->record->pin, 0, memory_order_release);
    if (atomic_load_explicit(&channel->count, memory_order_relaxed) >
            atomic_load_explicit(&channel->history_count,
                                 memory_order_relaxed) ||
        wsp_sub_is_deleted(sub)) {
        trim(sub);
    }
}
