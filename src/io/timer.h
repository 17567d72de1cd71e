/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer wheel: one timer per connection, so setting, moving and clearing one
 * must cost a few stores and no memory. Timers fire up to WSP_TIMER_TICK_MS
 * late and never early. Owners are lazy: activity only stores a time, and a
 * timer that fires too soon for it is set again by its owner.
 */
#ifndef WSP_IO_TIMER_H
#define WSP_IO_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "io/list.h"

#define WSP_TIMER_TICK_MS 8u
#define WSP_TIMER_SLOT_BITS 8u
#define WSP_TIMER_SLOTS (1u << WSP_TIMER_SLOT_BITS)

/** Embed it; all zero is a timer that is not set. */
typedef struct {
    wsp_link_t link;
    uint64_t due_tick;
} wsp_timer_t;

typedef struct {
    uint64_t tick; /* everything due at or before it has fired */
    unsigned count;
    uint64_t near_used[WSP_TIMER_SLOTS / 64]; /* bit: slot may have timers */
    wsp_link_t near[WSP_TIMER_SLOTS];         /* one tick per slot */
    wsp_link_t far[WSP_TIMER_SLOTS];          /* WSP_TIMER_SLOTS ticks each */
} wsp_wheel_t;

/** @param now_ms any clock that never goes back; @units milliseconds */
void wsp_wheel_init(wsp_wheel_t *wheel, uint64_t now_ms);

/** (Re)set a timer; one that is due already fires at the next tick. */
void wsp_timer_set(wsp_wheel_t *wheel, wsp_timer_t *timer, uint64_t due_ms);
void wsp_timer_clear(wsp_wheel_t *wheel, wsp_timer_t *timer);

/** How long the thread may sleep. @return at most @a max_ms */
unsigned wsp_wheel_sleep_ms(const wsp_wheel_t *wheel, uint64_t now_ms,
                            unsigned max_ms);

/** Fire what is due. The callback may set and clear any timer, also its own,
 *  which is not set when it is called. */
void wsp_wheel_expire(wsp_wheel_t *wheel, uint64_t now_ms,
                      void (*fire)(void *ctx, wsp_timer_t *timer), void *ctx);

#endif
