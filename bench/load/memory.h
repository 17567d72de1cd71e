/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: memory. There is nothing sensible to do without it, so these end
 * the process instead of failing; the coordinator notices.
 */
#ifndef WSP_LOAD_MEMORY_H
#define WSP_LOAD_MEMORY_H

#include <stddef.h>

/** Zeroed memory, shared with processes forked later; touched pages only
 *  cost. */
void *wsp_memory_shared(size_t bytes);

/** Zeroed memory of this process. */
void *wsp_memory_own(size_t count, size_t bytes)
    __attribute__((malloc, returns_nonnull));

#endif
