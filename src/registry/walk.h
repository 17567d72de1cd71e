/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walk: visit every block of the segment that is in use or free, once, and mark
 * it. What is not marked then has leaked. The base of the sweep and of the
 * self-check; both hold every lock while they walk.
 */
#ifndef WSP_REGISTRY_WALK_H
#define WSP_REGISTRY_WALK_H

#include "registry/handle.h"

typedef struct {
    wsp_registry_t *registry;
    uint64_t *bits;       /* one per block, set: seen */
    uint32_t marked;      /* blocks seen */
    uint32_t free_blocks; /* of these, in the free list */
    unsigned findings;
    void (*report)(void *ctx, const char *finding); /* may be NULL */
    void *ctx;
} wsp_walk_t;

/** Lock all shards (repairing what needs it) and the pool. */
void wsp_walk_lock_all(wsp_registry_t *registry);
void wsp_walk_unlock_all(wsp_registry_t *registry);

/** @return false: no memory for the marks */
bool wsp_walk_begin(wsp_walk_t *walk, wsp_registry_t *registry);
void wsp_walk_end(wsp_walk_t *walk);

/** Walk buckets, zombies and slots in flight. @locks all, held */
void wsp_walk_used_locked(wsp_walk_t *walk);
/** Walk the free list. @locks all, held */
void wsp_walk_free_locked(wsp_walk_t *walk);
/** Begin the marks anew with what is used only: the free list was damaged.
 *  @locks all, held */
void wsp_walk_forget_free_locked(wsp_walk_t *walk);

static inline bool wsp_walk_is_marked(const wsp_walk_t *walk, wsp_block_t block)
{
    return (walk->bits[block / 64] >> block % 64 & 1) != 0;
}

/** Count a finding and report it. @param invariant its number in segment.h */
__attribute__((format(printf, 3, 4))) void
wsp_walk_find(wsp_walk_t *walk, unsigned invariant, const char *format, ...);

#endif
