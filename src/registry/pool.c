/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool: the free blocks, see pool.h.
 *
 *   free_head -> block -> block -> 0      blocks [fresh, block_count): never
 * used
 *
 * A kill between two lines leaves a list that can be walked and, at worst,
 * blocks that are in no list (the sweep finds them) and a wrong count (made
 * right by the next owner).
 */
#include "registry/pool.h"

#include "registry/lock.h"
#include "registry/step.h"

static void set_count(wsp_pool_shm_t *pool, uint32_t count)
{
    atomic_store_explicit(&pool->free_count, count, memory_order_relaxed);
}

uint32_t wsp_pool_free_count(const wsp_registry_t *registry)
{
    return atomic_load_explicit(&registry->pool->free_count,
                                memory_order_relaxed);
}

/* Walks the whole list: only after a kill inside this lock. */
static void recount_locked(wsp_registry_t *registry)
{
    wsp_pool_shm_t *pool = registry->pool;
    uint32_t blocks = registry->header->block_count;
    uint32_t count = 0;
    wsp_block_t at = pool->free_head;

    while (wsp_block_is_valid(registry, at) && count < blocks) {
        count++;
        at = wsp_piece_at(registry, at)->next;
    }
    set_count(pool, count + blocks - pool->fresh);
    atomic_store(&registry->header->sweep_wanted, 1);
    atomic_fetch_add(&registry->header->repairs, 1);
}

void wsp_pool_lock(wsp_registry_t *registry)
{
    if (wsp_mutex_lock(&registry->pool->lock) == WSP_LOCK_DEAD) {
        recount_locked(registry);
        wsp_mutex_mend(&registry->pool->lock);
    }
}

void wsp_pool_unlock(wsp_registry_t *registry)
{
    wsp_mutex_unlock(&registry->pool->lock);
}

/* From the blocks that were never used. */
static void pop_fresh(wsp_registry_t *registry, uint32_t want, wsp_chain_t *out)
{
    wsp_pool_shm_t *pool = registry->pool;
    uint32_t fresh = pool->fresh, left = registry->header->block_count - fresh;
    uint32_t i;

    if (want > left) {
        want = left;
    }
    if (want == 0) {
        return;
    }
    pool->fresh = fresh + want;
    WSP_STEP(POOL_POP);
    for (i = 0; i + 1 < want; i++) {
        wsp_piece_at(registry, fresh + i)->next = fresh + i + 1;
    }
    wsp_piece_at(registry, fresh + want - 1)->next = 0;
    out->head = fresh;
    out->tail = fresh + want - 1;
    out->count = want;
}

static void pop_freed(wsp_registry_t *registry, uint32_t want, wsp_chain_t *out)
{
    wsp_pool_shm_t *pool = registry->pool;
    wsp_block_t at = pool->free_head;

    out->head = at;
    while (at != 0 && out->count < want) {
        out->tail = at;
        out->count++;
        at = wsp_piece_at(registry, at)->next;
    }
    if (out->count > 0) {
        pool->free_head = at;
        WSP_STEP(POOL_POP);
        wsp_piece_at(registry, out->tail)->next = 0;
    }
}

uint32_t wsp_pool_pop_locked(wsp_registry_t *registry, uint32_t want,
                             wsp_chain_t *out)
{
    *out = (wsp_chain_t){0, 0, 0};
    pop_freed(registry, want, out);
    if (out->count == 0) {
        pop_fresh(registry, want, out);
    }
    set_count(registry->pool, wsp_pool_free_count(registry) - out->count);
    return out->count;
}

void wsp_pool_push_locked(wsp_registry_t *registry, const wsp_chain_t *chain)
{
    wsp_pool_shm_t *pool = registry->pool;

    wsp_piece_at(registry, chain->tail)->next = pool->free_head;
    WSP_STEP(POOL_PUSH);
    pool->free_head = chain->head;
    WSP_STEP(POOL_BACK);
    set_count(pool, wsp_pool_free_count(registry) + chain->count);
}
