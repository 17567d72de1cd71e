/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wake: how a publisher tells a seat that a channel has news.
 *
 *   publisher (shard locked)              seat's thread
 *   bits[bit]  |= 1                       sleeping = 1
 *   summary    |= 1                       summary != 0 ?  then do not sleep
 *   sleeping == 1 ? remember the seat     block on the eventfd
 *   (shard unlocked)                      sleeping = 0
 *   sleeping: 1 -> 0 ? write the eventfd  take summary, then bits
 *
 * Both sides store first and look at the other's word then, all sequentially
 * consistent: at least one of them sees the other. A busy seat costs a
 * publisher no system call.
 */
#ifndef WSP_REGISTRY_WAKE_H
#define WSP_REGISTRY_WAKE_H

#include "registry/handle.h"

#define WSP_WAKES_MAX 64u

/** Seats to wake once the shard's lock is free. */
typedef struct {
    unsigned count;
    uint16_t seats[WSP_WAKES_MAX];
} wsp_wakes_t;

/** Set the record's bit; remember its seat if that sleeps. @locks shard */
void wsp_wake_mark_locked(wsp_registry_t *registry,
                          const wsp_record_shm_t *record, wsp_wakes_t *wakes);
/** Write the eventfds of those who still sleep. @locks none */
void wsp_wake_send(wsp_registry_t *registry, wsp_wakes_t *wakes);

/** The next wsp_seat_collect looks at this subscription. @context its thread */
void wsp_wake_again(wsp_seat_t *seat, const wsp_sub_t *sub);

#endif
