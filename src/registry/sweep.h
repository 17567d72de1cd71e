/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sweep: find blocks that a killed process left in no list, and free them.
 */
#ifndef WSP_REGISTRY_SWEEP_H
#define WSP_REGISTRY_SWEEP_H

#include "registry/handle.h"

/** @return blocks found
 *  @context after a repair: a tick, or a publisher that finds no memory
 *  @locks all shards and the pool; evict_lock and a slot may be held */
uint32_t wsp_sweep(wsp_registry_t *registry);

#endif
