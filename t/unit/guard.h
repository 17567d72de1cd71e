/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that ends at a guard page: whoever reads or writes one byte beyond
 * it crashes, also without a sanitizer. Tests of parsers feed every piece from
 * here.
 *
 *     |  pages, read and write ............ [ copy ]|  PROT_NONE  |
 */
#ifndef WSP_T_UNIT_GUARD_H
#define WSP_T_UNIT_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "tap.h"

/** Bytes that guard_copy can place. */
#define GUARD_ROOM ((size_t)1 << 18)
#define GUARD_PAGE ((size_t)1 << 16) /* a multiple of any page size */

/** First byte of the guard page. */
static inline uint8_t *guard_end(void)
{
    static uint8_t *end;

    if (end == NULL) {
        uint8_t *base =
            mmap(NULL, GUARD_ROOM + GUARD_PAGE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base == MAP_FAILED ||
            mprotect(base + GUARD_ROOM, GUARD_PAGE, PROT_NONE) != 0) {
            bail_out("no guard page");
        }
        end = base + GUARD_ROOM;
    }
    return end;
}

/** Copy @a len bytes so that they end where the guard page begins; the next
 *  call overwrites them. */
static inline uint8_t *guard_copy(const void *bytes, size_t len)
{
    uint8_t *at = guard_end() - len;

    if (len > GUARD_ROOM) {
        bail_out("too much for guard_copy");
    }
    if (len > 0) {
        memcpy(at, bytes, len);
    }
    return at;
}

#endif
