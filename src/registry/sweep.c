/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sweep: mark everything that is in use or free, then push what is left over,
 * see walk.h. Blocks of operations in flight are in use while the lock of their
 * slot is held by a living thread: that is what loans are for. A kill within
 * leaves some leaked blocks, and the wish for a sweep, behind.
 */
#include "registry/sweep.h"

#include "registry/pool.h"
#include "registry/step.h"
#include "registry/walk.h"

static uint32_t push_leaked_locked(wsp_walk_t *walk)
{
    wsp_registry_t *registry = walk->registry;
    wsp_block_t block, fresh = registry->pool->fresh;
    uint32_t count = 0;

    for (block = 1; block < fresh; block++) {
        if (!wsp_walk_is_marked(walk, block)) {
            wsp_chain_t one = {block, block, 1};
            wsp_pool_push_locked(registry, &one);
            WSP_STEP(SWEEP_PUSH);
            count++;
        }
    }
    return count;
}

/* A free list that runs into used blocks cannot be trusted: make a new one. */
static void check_free_list_locked(wsp_walk_t *walk)
{
    wsp_registry_t *registry = walk->registry;
    wsp_walk_t before = *walk;

    wsp_walk_free_locked(walk);
    if (walk->findings > before.findings) {
        registry->pool->free_head = 0;
        atomic_store(&registry->pool->free_count,
                     registry->header->block_count - registry->pool->fresh);
        wsp_walk_forget_free_locked(walk);
        return;
    }
    atomic_store(&registry->pool->free_count,
                 walk->free_blocks + registry->header->block_count -
                     registry->pool->fresh);
}

uint32_t wsp_sweep(wsp_registry_t *registry)
{
    wsp_walk_t walk;
    uint32_t count = 0;

    if (!wsp_walk_begin(&walk, registry)) {
        return 0;
    }
    wsp_walk_lock_all(registry);
    wsp_walk_used_locked(&walk);
    WSP_STEP(SWEEP_MARKED);
    if (walk.findings == 0) {
        check_free_list_locked(&walk);
        count = push_leaked_locked(&walk);
    }
    atomic_store(&registry->header->sweep_wanted, 0);
    wsp_walk_unlock_all(registry);
    wsp_walk_end(&walk);
    return count;
}
