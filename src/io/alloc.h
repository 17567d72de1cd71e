/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of an I/O thread. When the system has none left the process ends, as
 * httpd's own children do: a thread that serves thousands of clients has no
 * state in which it could go on with half of what it promised them. Only what
 * a worker asks for (wsp_io_prepare) may fail, because a worker can answer.
 */
#ifndef WSP_IO_ALLOC_H
#define WSP_IO_ALLOC_H

#include <stddef.h>
#include <stdlib.h>

/** @return @a len zeroed bytes, never NULL */
static inline void *wsp_alloc(size_t len)
{
    void *memory = calloc(1, len > 0 ? len : 1);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/** Resize an array. @return never NULL; new items are not initialised */
static inline void *wsp_resize(void *array, size_t count, size_t item_bytes)
{
    void *memory = reallocarray(array, count, item_bytes);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

#endif
