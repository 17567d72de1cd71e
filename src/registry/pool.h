/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool: the free blocks. A stack of freed ones in front of the blocks that were
 * never used; so memory that is not needed is never touched, and the warmest
 * blocks are used first. Called by loan.c and sweep.c only.
 */
#ifndef WSP_REGISTRY_POOL_H
#define WSP_REGISTRY_POOL_H

#include "registry/loan.h"

/** Lock; after a dead owner the count is made right again. */
void wsp_pool_lock(wsp_registry_t *registry);
void wsp_pool_unlock(wsp_registry_t *registry);

/** Take up to @a want blocks, chained, last.next = 0.
 *  @return how many; 0: none left @locks pool, held */
uint32_t wsp_pool_pop_locked(wsp_registry_t *registry, uint32_t want,
                             wsp_chain_t *out);
/** Put a whole chain back, in constant time. @locks pool, held */
void wsp_pool_push_locked(wsp_registry_t *registry, const wsp_chain_t *chain);

/** Free blocks now. @context any thread, without the lock */
uint32_t wsp_pool_free_count(const wsp_registry_t *registry);

#endif
