/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walk: see walk.h. A block that is met twice, or is none, ends the list it was
 * met in, so that no damage makes a walk endless.
 */
#include "registry/walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/loan.h"
#include "registry/lock.h"
#include "registry/pool.h"

void wsp_walk_lock_all(wsp_registry_t *registry)
{
    unsigned shard;

    for (shard = 0; shard < WSP_SHARDS; shard++) {
        wsp_shard_lock(registry, shard);
    }
    wsp_pool_lock(registry);
}

void wsp_walk_unlock_all(wsp_registry_t *registry)
{
    unsigned shard;

    wsp_pool_unlock(registry);
    for (shard = WSP_SHARDS; shard > 0; shard--) {
        wsp_shard_unlock(registry, shard - 1);
    }
}

bool wsp_walk_begin(wsp_walk_t *walk, wsp_registry_t *registry)
{
    size_t words = registry->header->block_count / 64 + 1;

    *walk = (wsp_walk_t){.registry = registry};
    walk->bits = calloc(words, sizeof(*walk->bits));
    return walk->bits != NULL;
}

void wsp_walk_end(wsp_walk_t *walk)
{
    free(walk->bits);
}

void wsp_walk_find(wsp_walk_t *walk, unsigned invariant, const char *format,
                   ...)
{
    char text[256];
    int len = snprintf(text, sizeof(text), "invariant %u: ", invariant);
    va_list args;

    walk->findings++;
    if (walk->report == NULL || len < 0) {
        return;
    }
    va_start(args, format);
    vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
    va_end(args);
    walk->report(walk->ctx, text);
}

/* @return false: cannot be, or was met before */
static bool mark(wsp_walk_t *walk, wsp_block_t block, const char *what)
{
    if (!wsp_block_is_valid(walk->registry, block)) {
        wsp_walk_find(walk, 7, "%s: there is no block %u", what, block);
        return false;
    }
    if (wsp_walk_is_marked(walk, block)) {
        wsp_walk_find(walk, 7, "%s: block %u is in two places", what, block);
        return false;
    }
    walk->bits[block / 64] |= UINT64_C(1) << block % 64;
    walk->marked++;
    return true;
}

/* @return blocks of the chain, @a last its last */
static uint32_t mark_chain(wsp_walk_t *walk, wsp_block_t at, const char *what,
                           wsp_block_t *last)
{
    uint32_t count = 0;

    *last = 0;
    while (at != 0 && mark(walk, at, what)) {
        *last = at;
        count++;
        at = wsp_piece_at(walk->registry, at)->next;
    }
    return count;
}

static void walk_messages(wsp_walk_t *walk, const wsp_channel_shm_t *channel)
{
    wsp_block_t at = channel->oldest, last;

    while (at != 0) {
        const wsp_message_shm_t *message;
        uint32_t count = mark_chain(walk, at, "message", &last);
        if (count == 0) {
            return;
        }
        message = wsp_message_at(walk->registry, at);
        if (count != message->blocks || last != message->last) {
            wsp_walk_find(walk, 3, "message at block %u: %u blocks, not %u", at,
                          count, message->blocks);
        }
        at = message->newer;
    }
}

static void walk_records(wsp_walk_t *walk, const wsp_channel_shm_t *channel)
{
    wsp_block_t at = channel->subs;

    while (at != 0 && mark(walk, at, "record")) {
        at = wsp_record_at(walk->registry, at)->next;
    }
}

/* @return false: the list cannot be followed any further */
static bool walk_channel(wsp_walk_t *walk, wsp_block_t index)
{
    const wsp_channel_shm_t *channel;
    wsp_block_t last;
    uint32_t count = mark_chain(walk, index, "channel", &last);

    if (count == 0) {
        return false;
    }
    channel = wsp_channel_at(walk->registry, index);
    if (count != channel->blocks || last != channel->last) {
        wsp_walk_find(walk, 7, "channel at block %u: %u blocks, not %u", index,
                      count, channel->blocks);
    }
    walk_messages(walk, channel);
    walk_records(walk, channel);
    return true;
}

/* Only what a living holder has in hand is in use. */
static void walk_slot(wsp_walk_t *walk, wsp_slot_shm_t *slot)
{
    wsp_lock_t lock = wsp_mutex_try(&slot->lock);
    wsp_block_t last;
    unsigned i;

    for (i = 0; i < WSP_LOAN_CHAINS; i++) {
        wsp_block_t head = atomic_load(&slot->chain[i]);
        if (lock == WSP_LOCK_BUSY) {
            mark_chain(walk, head, "slot", &last);
        }
        else {
            atomic_store(&slot->chain[i], 0);
        }
    }
    if (lock == WSP_LOCK_DEAD) {
        atomic_store(&walk->registry->header->sweep_wanted, 1);
        wsp_mutex_mend(&slot->lock);
    }
    if (lock != WSP_LOCK_BUSY) {
        wsp_mutex_unlock(&slot->lock);
    }
}

void wsp_walk_used_locked(wsp_walk_t *walk)
{
    wsp_registry_t *registry = walk->registry;
    uint32_t i;
    wsp_block_t at;

    for (i = 0; i < registry->header->bucket_count; i++) {
        at = registry->heads[i];
        while (at != 0 && walk_channel(walk, at)) {
            at = wsp_channel_at(registry, at)->chain;
        }
    }
    for (i = 0; i < WSP_SHARDS; i++) {
        at = registry->shards[i].zombies;
        while (at != 0 && walk_channel(walk, at)) {
            at = wsp_channel_at(registry, at)->zombie;
        }
    }
    for (i = 0; i < WSP_SLOTS; i++) {
        walk_slot(walk, &registry->slots[i]);
    }
}

void wsp_walk_free_locked(wsp_walk_t *walk)
{
    wsp_block_t last;

    walk->free_blocks =
        mark_chain(walk, walk->registry->pool->free_head, "free list", &last);
}

void wsp_walk_forget_free_locked(wsp_walk_t *walk)
{
    size_t words = walk->registry->header->block_count / 64 + 1;

    memset(walk->bits, 0, words * sizeof(*walk->bits));
    walk->marked = 0;
    walk->free_blocks = 0;
    wsp_walk_used_locked(walk);
}
