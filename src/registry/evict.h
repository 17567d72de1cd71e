/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evict: make room in a full segment. The oldest message of all channels goes
 * first; never the newest of a channel, never one that is being copied. Called
 * by loan.c when the pool is empty.
 */
#ifndef WSP_REGISTRY_EVICT_H
#define WSP_REGISTRY_EVICT_H

#include "registry/loan.h"

/**
 * Bring at least one block into the loan's freed chain, or see to it that the
 * pool has some; with luck @a want.
 * @return APR_ENOSPC: nothing more can go
 * @locks evict_lock, held by the caller; shards one at a time
 */
apr_status_t wsp_evict(wsp_loan_t *loan, uint32_t want);

#endif
