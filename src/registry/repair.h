/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repair: make a shard whole after its lock's owner died. From the primary data
 * (see segment.h) everything else is made anew. Can itself be killed anywhere
 * and be run again. What it unlinks is left to the sweep.
 */
#ifndef WSP_REGISTRY_REPAIR_H
#define WSP_REGISTRY_REPAIR_H

#include "registry/handle.h"

/** @locks the shard's, held */
void wsp_repair_shard_locked(wsp_registry_t *registry, unsigned shard);

#endif
