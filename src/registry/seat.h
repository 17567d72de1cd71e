/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seat: an I/O thread's place in the segment. Its robust mutex "life" is held
 * while the thread lives; the kernel tells the next who tries it how it ended.
 *
 *   free (epoch even) --take--> taken (epoch odd) --leave--> free
 *                                    |                        ^
 *                                    '- thread dies - reap ---'
 *
 * All that a seat left behind (records, pins, bits) is void at once when its
 * epoch changes; nothing has to be found and undone.
 */
#ifndef WSP_REGISTRY_SEAT_H
#define WSP_REGISTRY_SEAT_H

#include "registry/handle.h"

static inline bool wsp_seat_is_taken(const wsp_seat_shm_t *seat)
{
    return (atomic_load_explicit(&seat->epoch, memory_order_acquire) & 1) != 0;
}

#endif
