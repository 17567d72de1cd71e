/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscription: one seat on one channel. The shared half is a record in the
 * channel's list: who (seat, epoch), how far (cursor), what is being copied
 * (pin), how many clients. The other half is the seat's own, linked by the news
 * bit that publishers set for it. Reading is in read.c.
 */
#include <stdlib.h>

#include "registry/clock.h"
#include "registry/history.h"
#include "registry/lock.h"
#include "registry/step.h"

/* A channel made after the cursor's time may stand in a bucket that remembers a
 * newer id: nothing of it can follow the cursor, so the cursor starts there. */
static wsp_id_t first_cursor(const wsp_channel_shm_t *channel, wsp_id_t cursor)
{
    return channel->lost_id > cursor ? channel->lost_id : cursor;
}

static void link_record_locked(wsp_loan_t *loan, wsp_sub_t *sub,
                               wsp_id_t cursor)
{
    wsp_record_shm_t *record;

    sub->record_at = loan->chain[WSP_LOAN_RECORD].head;
    sub->record = record = wsp_record_at(loan->registry, sub->record_at);
    record->next_block = 0;
    record->channel = sub->channel_at;
    record->seat = sub->seat->index;
    record->epoch = sub->seat->epoch;
    record->bit = sub->seat->next_bit++ % WSP_SEAT_BITS;
    atomic_store(&record->clients, 0);
    atomic_store(&record->pin, 0);
    atomic_store(&record->cursor, first_cursor(sub->channel, cursor));
    record->next = sub->channel->subs;
    atomic_signal_fence(memory_order_seq_cst);
    sub->channel->subs = sub->record_at;
    WSP_STEP(RECORD_LINKED);
    wsp_loan_commit_locked(loan, WSP_LOAN_RECORD);
}

static apr_status_t open_shared(wsp_loan_t *loan, wsp_sub_t *sub,
                                wsp_bytes_t id, wsp_id_t cursor)
{
    wsp_name_t name = wsp_channel_name(loan->registry, id);
    apr_status_t status = wsp_loan_reserve(loan, WSP_LOAN_RECORD, 1);

    if (status != APR_SUCCESS) {
        return status;
    }
    status = wsp_channel_enter(loan, &name, &sub->channel_at);
    if (status != APR_SUCCESS) {
        return status;
    }
    sub->shard = name.shard;
    sub->channel = wsp_channel_at(loan->registry, sub->channel_at);
    link_record_locked(loan, sub, cursor);
    atomic_store(&sub->channel->requested_ms, wsp_clock_age_ms());
    wsp_channel_leave(loan->registry, &name);
    return APR_SUCCESS;
}

static void link_to_bit(wsp_sub_t *sub)
{
    wsp_sub_t **head = &sub->seat->by_bit[sub->record->bit];

    sub->next = *head;
    if (sub->next != NULL) {
        sub->next->prev = sub;
    }
    *head = sub;
}

static void unlink_from_bit(wsp_sub_t *sub)
{
    if (sub->prev != NULL) {
        sub->prev->next = sub->next;
    }
    else {
        sub->seat->by_bit[sub->record->bit] = sub->next;
    }
    if (sub->next != NULL) {
        sub->next->prev = sub->prev;
    }
}

apr_status_t wsp_sub_open(wsp_seat_t *seat, wsp_bytes_t channel,
                          wsp_id_t cursor, void *cookie, wsp_sub_t **out)
{
    wsp_loan_t loan;
    wsp_sub_t *sub;
    apr_status_t status;

    if (!wsp_channel_is_name(channel)) {
        return APR_EINVAL;
    }
    sub = calloc(1, sizeof(*sub));
    if (sub == NULL) {
        return APR_ENOMEM;
    }
    sub->seat = seat;
    sub->cookie = cookie;
    wsp_loan_begin(seat->registry, &loan);
    status = open_shared(&loan, sub, channel, cursor);
    wsp_loan_end(&loan);
    if (status != APR_SUCCESS) {
        free(sub);
        return status;
    }
    link_to_bit(sub);
    atomic_fetch_add(&seat->shared->sub_count, 1);
    if (atomic_load(&sub->channel->newest_id) > wsp_sub_cursor(sub)) {
        wsp_wake_again(seat, sub);
    }
    *out = sub;
    return APR_SUCCESS;
}

static void unlink_record_locked(wsp_loan_t *loan, wsp_sub_t *sub)
{
    wsp_registry_t *registry = loan->registry;
    wsp_block_t *link = &sub->channel->subs;

    while (*link != sub->record_at) {
        link = &wsp_record_at(registry, *link)->next;
    }
    *link = sub->record->next;
    WSP_STEP(RECORD_UNLINKED);
    wsp_loan_discard_locked(loan, sub->record_at, sub->record_at, 1);
}

void wsp_sub_close(wsp_sub_t *sub)
{
    wsp_registry_t *registry = sub->seat->registry;
    wsp_holders_t holders;
    wsp_loan_t loan;

    unlink_from_bit(sub);
    atomic_fetch_sub(&sub->seat->shared->sub_count, 1);
    wsp_loan_begin(registry, &loan);
    wsp_shard_lock(registry, sub->shard);
    wsp_shard_begin_locked(registry, sub->shard);
    unlink_record_locked(&loan, sub);
    holders = wsp_channel_prune_locked(registry, &loan, sub->channel, NULL);
    wsp_history_trim_locked(&loan, sub->shard, sub->channel_at, &holders,
                            wsp_clock_age_ms());
    wsp_channel_free_if_empty_locked(&loan, sub->shard, sub->channel_at);
    wsp_shard_end_locked(registry, sub->shard);
    wsp_shard_unlock(registry, sub->shard);
    wsp_loan_end(&loan);
    free(sub);
}

void wsp_sub_set_clients(wsp_sub_t *sub, uint32_t clients)
{
    uint32_t before = atomic_exchange_explicit(&sub->record->clients, clients,
                                               memory_order_relaxed);
    if (clients > before) {
        atomic_store(&sub->channel->requested_ms, wsp_clock_age_ms());
    }
}

bool wsp_sub_is_deleted(const wsp_sub_t *sub)
{
    return atomic_load_explicit(&sub->channel->is_deleted,
                                memory_order_acquire) != 0;
}

uint64_t wsp_sub_subscribers(wsp_sub_t *sub)
{
    wsp_registry_t *registry = sub->seat->registry;
    uint64_t clients;

    wsp_shard_lock(registry, sub->shard);
    clients = wsp_channel_holders_locked(registry, sub->channel).clients;
    wsp_shard_unlock(registry, sub->shard);
    return clients;
}

wsp_id_t wsp_sub_cursor(const wsp_sub_t *sub)
{
    return atomic_load_explicit(&sub->record->cursor, memory_order_relaxed);
}
