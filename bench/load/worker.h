/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the loop of a client process: clients of one pool, and the
 * commands OPEN (so many more) and FINISH (close all).
 */
#ifndef WSP_LOAD_WORKER_H
#define WSP_LOAD_WORKER_H

#include "crew.h"
#include "pool.h"

/** Serve until the control descriptor ends. */
void wsp_worker_run(wsp_pool_t *pool, int control);

/** How many of the first @a total clients process @a which of @a procs has. */
uint32_t wsp_worker_share(uint32_t total, unsigned which, unsigned procs);

/** Have @a crew open clients @a from to @a to of all, and wait. */
bool wsp_worker_open(wsp_crew_t *crew, unsigned procs, uint32_t from,
                     uint32_t to);

#endif
