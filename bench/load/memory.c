/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: memory (see memory.h).
 */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "options.h"

void *wsp_memory_shared(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        perror("wsload: shared memory");
        exit(WSP_EXIT_SETUP);
    }
    return memory;
}

void *wsp_memory_own(size_t count, size_t bytes)
{
    void *memory = calloc(count ? count : 1, bytes);

    if (!memory) {
        perror("wsload: memory");
        exit(WSP_EXIT_SETUP);
    }
    return memory;
}
