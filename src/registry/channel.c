/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channel: see channel.h. Primary data here: the bucket chain, the zombie list,
 * the list of records; each change is one store, and every state in between can
 * be walked.
 */
#include "registry/channel.h"

#include <string.h>

#include "registry/hash.h"
#include "registry/lock.h"
#include "registry/step.h"

#define HEAD_ID sizeof(((wsp_channel_shm_t *)0)->id)
#define PIECE_ID sizeof(((wsp_piece_shm_t *)0)->data)

/* ------------------------------------------------------------------- name */

wsp_name_t wsp_channel_name(const wsp_registry_t *registry, wsp_bytes_t id)
{
    wsp_name_t name = {.id = id};

    name.hash = wsp_hash(registry->header->hash_key, id.at, id.len);
    name.bucket = (uint32_t)name.hash & (registry->header->bucket_count - 1);
    name.shard = wsp_bucket_shard(registry, name.bucket);
    return name;
}

uint32_t wsp_channel_blocks(wsp_bytes_t id)
{
    if (id.len <= HEAD_ID) {
        return 1;
    }
    return 1 + (uint32_t)((id.len - HEAD_ID + PIECE_ID - 1) / PIECE_ID);
}

static bool is_named(const wsp_registry_t *registry,
                     const wsp_channel_shm_t *channel, const wsp_name_t *name)
{
    wsp_bytes_t rest = name->id;
    wsp_block_t at = channel->next;
    size_t len = rest.len < HEAD_ID ? rest.len : HEAD_ID;

    if (channel->hash != name->hash || channel->id_bytes != rest.len ||
        memcmp(channel->id, rest.at, len) != 0) {
        return false;
    }
    for (rest.at += len, rest.len -= len; rest.len > 0; rest.len -= len) {
        const wsp_piece_shm_t *piece = wsp_piece_at(registry, at);
        len = rest.len < PIECE_ID ? rest.len : PIECE_ID;
        if (memcmp(piece->data, rest.at, len) != 0) {
            return false;
        }
        rest.at += len;
        at = piece->next;
    }
    return true;
}

static void write_name(const wsp_registry_t *registry,
                       wsp_channel_shm_t *channel, wsp_bytes_t id)
{
    wsp_block_t at = channel->next;
    size_t len = id.len < HEAD_ID ? id.len : HEAD_ID;

    channel->id_bytes = (uint16_t)id.len;
    memcpy(channel->id, id.at, len);
    for (id.at += len, id.len -= len; id.len > 0; id.len -= len) {
        wsp_piece_shm_t *piece = wsp_piece_at(registry, at);
        len = id.len < PIECE_ID ? id.len : PIECE_ID;
        memcpy(piece->data, id.at, len);
        id.at += len;
        at = piece->next;
    }
}

/* ------------------------------------------------------------ find, make */

wsp_block_t wsp_channel_find_locked(const wsp_registry_t *registry,
                                    const wsp_name_t *name)
{
    wsp_block_t at = registry->heads[name->bucket];

    while (at != 0) {
        const wsp_channel_shm_t *channel = wsp_channel_at(registry, at);
        if (is_named(registry, channel, name)) {
            return at;
        }
        at = channel->chain;
    }
    return 0;
}

/* What happened in this bucket before the channel was made may have been its
 * messages: they count as lost. */
static wsp_id_t first_lost_id(const wsp_registry_t *registry, uint32_t bucket)
{
    wsp_id_t forgotten = registry->forgotten[bucket];
    wsp_id_t birth = registry->header->birth_id;

    return forgotten > birth ? forgotten : birth;
}

static wsp_block_t make_locked(wsp_loan_t *loan, const wsp_name_t *name)
{
    wsp_registry_t *registry = loan->registry;
    const wsp_chain_t *chain = &loan->chain[WSP_LOAN_CHANNEL];
    wsp_block_t index = chain->head, next;
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    wsp_shard_shm_t *shard = &registry->shards[name->shard];

    next = channel->next;
    memset(channel, 0, sizeof(*channel));
    channel->next = next;
    channel->last = chain->tail;
    channel->blocks = chain->count;
    channel->hash = name->hash;
    channel->lost_id = first_lost_id(registry, name->bucket);
    write_name(registry, channel, name->id);
    channel->chain = registry->heads[name->bucket];
    atomic_signal_fence(memory_order_seq_cst);
    registry->heads[name->bucket] = index;
    WSP_STEP(CHANNEL_LINKED);
    atomic_fetch_add_explicit(&shard->channels, 1, memory_order_relaxed);
    wsp_loan_commit_locked(loan, WSP_LOAN_CHANNEL);
    return index;
}

apr_status_t wsp_channel_enter(wsp_loan_t *loan, const wsp_name_t *name,
                               wsp_block_t *index)
{
    wsp_registry_t *registry = loan->registry;
    apr_status_t status = APR_SUCCESS;

    wsp_shard_lock(registry, name->shard);
    *index = wsp_channel_find_locked(registry, name);
    if (*index == 0) {
        wsp_shard_unlock(registry, name->shard);
        status = wsp_loan_reserve(loan, WSP_LOAN_CHANNEL,
                                  wsp_channel_blocks(name->id));
        if (status != APR_SUCCESS) {
            return status;
        }
        wsp_shard_lock(registry, name->shard);
        *index = wsp_channel_find_locked(registry, name);
    }
    wsp_shard_begin_locked(registry, name->shard);
    if (*index == 0) {
        *index = make_locked(loan, name);
    }
    return APR_SUCCESS;
}

void wsp_channel_leave(wsp_registry_t *registry, const wsp_name_t *name)
{
    wsp_shard_end_locked(registry, name->shard);
    wsp_shard_unlock(registry, name->shard);
}

/* ---------------------------------------------------------------- holders */

static void hold(wsp_holders_t *holders, const wsp_record_shm_t *record)
{
    wsp_id_t cursor = atomic_load(&record->cursor);
    wsp_id_t pin = atomic_load(&record->pin);

    holders->records++;
    holders->clients +=
        atomic_load_explicit(&record->clients, memory_order_relaxed);
    if (cursor < holders->cursor) {
        holders->cursor = cursor;
    }
    if (pin != 0 && pin < holders->pin) {
        holders->pin = pin;
    }
}

wsp_holders_t wsp_channel_holders_locked(const wsp_registry_t *registry,
                                         const wsp_channel_shm_t *channel)
{
    wsp_holders_t holders = {UINT64_MAX, UINT64_MAX, 0, 0};
    wsp_block_t at = channel->subs;

    while (at != 0) {
        const wsp_record_shm_t *record = wsp_record_at(registry, at);
        if (wsp_record_is_alive(registry, record)) {
            hold(&holders, record);
        }
        at = record->next;
    }
    return holders;
}

wsp_holders_t wsp_channel_prune_locked(wsp_registry_t *registry,
                                       wsp_loan_t *loan,
                                       wsp_channel_shm_t *channel,
                                       wsp_wakes_t *wakes)
{
    wsp_holders_t holders = {UINT64_MAX, UINT64_MAX, 0, 0};
    wsp_block_t *link = &channel->subs;

    while (*link != 0) {
        wsp_block_t at = *link;
        wsp_record_shm_t *record = wsp_record_at(registry, at);
        if (wsp_record_is_alive(registry, record)) {
            hold(&holders, record);
            if (wakes != NULL) {
                wsp_wake_mark_locked(registry, record, wakes);
            }
            link = &record->next;
            continue;
        }
        *link = record->next;
        WSP_STEP(RECORD_UNLINKED);
        if (loan != NULL) {
            wsp_loan_discard_locked(loan, at, at, 1);
        }
    }
    return holders;
}
