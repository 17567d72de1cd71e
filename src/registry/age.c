/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Age: a pairing heap in the segment, see age.h. Insert is constant, remove is
 * O(log n) amortised; everything is a loop, nothing recurses.
 * (M. L. Fredman et al.: "The pairing heap: a new form of self-adjusting heap")
 */
#include "registry/age.h"

#include "registry/step.h"

/* Publish to the evictors which shard to look at. */
static void set_root(wsp_registry_t *registry, unsigned shard, wsp_block_t root)
{
    uint64_t key = WSP_ID_NOTHING_OLD;

    registry->shards[shard].age_root = root;
    if (root != 0) {
        wsp_channel_shm_t *channel = wsp_channel_at(registry, root);
        channel->age_previous = 0;
        channel->age_sibling = 0;
        key = channel->age_key;
    }
    WSP_STEP(AGE_CHANGED);
    atomic_store_explicit(&registry->header->oldest[shard], key,
                          memory_order_relaxed);
}

/* Two trees become one. @return its root */
static wsp_block_t meld(wsp_registry_t *registry, wsp_block_t a, wsp_block_t b)
{
    wsp_channel_shm_t *parent = wsp_channel_at(registry, a);
    wsp_channel_shm_t *child = wsp_channel_at(registry, b);

    if (child->age_key < parent->age_key) {
        wsp_channel_shm_t *other = parent;
        wsp_block_t index = a;
        parent = child;
        child = other;
        a = b;
        b = index;
    }
    child->age_sibling = parent->age_child;
    if (child->age_sibling != 0) {
        wsp_channel_at(registry, child->age_sibling)->age_previous = b;
    }
    child->age_previous = a;
    parent->age_child = b;
    return a;
}

/* Children of a removed root become one tree: pairs from left to right, then
 * the pairs from right to left. @return its root, 0: there were none */
static wsp_block_t meld_children(wsp_registry_t *registry, wsp_block_t first)
{
    wsp_block_t pairs = 0, root = 0;

    while (first != 0) {
        wsp_block_t second = wsp_channel_at(registry, first)->age_sibling;
        wsp_block_t next = 0;
        if (second != 0) {
            next = wsp_channel_at(registry, second)->age_sibling;
            first = meld(registry, first, second);
        }
        wsp_channel_at(registry, first)->age_sibling = pairs;
        pairs = first;
        first = next;
    }
    while (pairs != 0) {
        wsp_block_t next = wsp_channel_at(registry, pairs)->age_sibling;
        root = root == 0 ? pairs : meld(registry, root, pairs);
        pairs = next;
    }
    return root;
}

void wsp_age_insert_locked(wsp_registry_t *registry, unsigned shard,
                           wsp_block_t index)
{
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    wsp_block_t root = registry->shards[shard].age_root;

    channel->age_key = wsp_message_at(registry, channel->oldest)->id;
    channel->age_child = channel->age_sibling = channel->age_previous = 0;
    channel->is_aged = 1;
    set_root(registry, shard, root == 0 ? index : meld(registry, root, index));
}

/* Take a tree out of its parent's children. */
static void cut(wsp_registry_t *registry, wsp_block_t index)
{
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    wsp_channel_shm_t *previous =
        wsp_channel_at(registry, channel->age_previous);

    if (previous->age_child == index) {
        previous->age_child = channel->age_sibling;
    }
    else {
        previous->age_sibling = channel->age_sibling;
    }
    if (channel->age_sibling != 0) {
        wsp_channel_at(registry, channel->age_sibling)->age_previous =
            channel->age_previous;
    }
}

void wsp_age_remove_locked(wsp_registry_t *registry, unsigned shard,
                           wsp_block_t index)
{
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    wsp_block_t root = registry->shards[shard].age_root;
    wsp_block_t rest = meld_children(registry, channel->age_child);

    if (root == index) {
        root = rest;
    }
    else {
        cut(registry, index);
        if (rest != 0) {
            root = meld(registry, root, rest);
        }
    }
    channel->age_child = channel->age_sibling = channel->age_previous = 0;
    channel->is_aged = 0;
    set_root(registry, shard, root);
}

void wsp_age_update_locked(wsp_registry_t *registry, unsigned shard,
                           wsp_block_t index)
{
    wsp_channel_shm_t *channel = wsp_channel_at(registry, index);
    bool should_be_in =
        atomic_load_explicit(&channel->count, memory_order_relaxed) >= 2;

    if (should_be_in && !channel->is_aged) {
        wsp_age_insert_locked(registry, shard, index);
    }
    else if (!should_be_in && channel->is_aged) {
        wsp_age_remove_locked(registry, shard, index);
    }
}

void wsp_age_clear_locked(wsp_registry_t *registry, unsigned shard)
{
    set_root(registry, shard, 0);
}

/* @return 0: the root has none */
static wsp_block_t parent_of(const wsp_registry_t *registry, wsp_block_t index)
{
    wsp_block_t previous = wsp_channel_at(registry, index)->age_previous;

    while (previous != 0 &&
           wsp_channel_at(registry, previous)->age_child != index) {
        index = previous;
        previous = wsp_channel_at(registry, index)->age_previous;
    }
    return previous;
}

/* Down to the first child, else to the right, else up to where there is a right
 * one: "previous" leads back to the left and up. */
uint64_t wsp_age_count_locked(const wsp_registry_t *registry, unsigned shard)
{
    wsp_block_t at = registry->shards[shard].age_root;
    uint64_t count = 0, limit = registry->header->block_count;

    while (at != 0 && count <= limit) {
        const wsp_channel_shm_t *channel = wsp_channel_at(registry, at);
        wsp_block_t next = channel->age_child;
        count++;
        while (next == 0 && at != 0) {
            next = channel->age_sibling;
            if (next == 0) {
                at = parent_of(registry, at);
                channel = wsp_channel_at(registry, at);
            }
        }
        at = next;
    }
    return count;
}
