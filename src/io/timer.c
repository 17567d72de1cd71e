/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer wheel (see timer.h) of the I/O thread's loop.
 *
 *   near  [ t+1 | t+2 | ... | t+255 ]      one tick (8 ms) per slot: 2 s
 *   far   [ 256 ticks | 256 ticks | ... ]  2 s per slot: 9 minutes
 *
 * A timer further away than the far wheel waits in its last slot and is put
 * again when that slot comes up. When the near wheel has turned once, the next
 * far slot is spread over it.
 *
 * Invariants:
 *   1. A timer in near slot s has tick < due_tick < tick + WSP_TIMER_SLOTS and
 *      due_tick % WSP_TIMER_SLOTS == s.
 *   2. If a near slot has timers its bit in near_used is set (not the reverse:
 *      clearing a timer leaves the bit, which costs one early wake-up).
 *   3. count is the number of timers in both wheels.
 */
#include "io/timer.h"

#include <string.h>

#define SLOT_MASK (WSP_TIMER_SLOTS - 1)

void wsp_wheel_init(wsp_wheel_t *wheel, uint64_t now_ms)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->tick = now_ms / WSP_TIMER_TICK_MS;
    for (unsigned i = 0; i < WSP_TIMER_SLOTS; i++) {
        wsp_list_init(&wheel->near[i]);
        wsp_list_init(&wheel->far[i]);
    }
}

static void put(wsp_wheel_t *wheel, wsp_timer_t *timer)
{
    uint64_t due = timer->due_tick;
    uint64_t now_far = wheel->tick >> WSP_TIMER_SLOT_BITS;
    uint64_t far = due >> WSP_TIMER_SLOT_BITS;

    if (due - wheel->tick < WSP_TIMER_SLOTS) {
        uint64_t slot = due & SLOT_MASK;
        wheel->near_used[slot / 64] |= 1ull << slot % 64;
        wsp_list_append(&wheel->near[slot], &timer->link);
        return;
    }
    if (far - now_far >= WSP_TIMER_SLOTS) {
        far = now_far + SLOT_MASK;
    }
    wsp_list_append(&wheel->far[far & SLOT_MASK], &timer->link);
}

void wsp_timer_set(wsp_wheel_t *wheel, wsp_timer_t *timer, uint64_t due_ms)
{
    uint64_t due = (due_ms + WSP_TIMER_TICK_MS - 1) / WSP_TIMER_TICK_MS;

    wsp_timer_clear(wheel, timer);
    timer->due_tick = due > wheel->tick ? due : wheel->tick + 1;
    put(wheel, timer);
    wheel->count++;
}

void wsp_timer_clear(wsp_wheel_t *wheel, wsp_timer_t *timer)
{
    if (wsp_link_is_in_list(&timer->link)) {
        wsp_list_remove(&timer->link);
        wheel->count--;
    }
}

/* Ticks until the next near slot that may have timers, or until the near wheel
 * has turned and takes from the far one. */
static uint64_t ticks_to_next(const wsp_wheel_t *wheel)
{
    uint64_t turn = WSP_TIMER_SLOTS - (wheel->tick & SLOT_MASK);

    for (uint64_t ahead = 1; ahead < turn;) {
        uint64_t slot = (wheel->tick + ahead) & SLOT_MASK;
        uint64_t used = wheel->near_used[slot / 64] >> slot % 64;
        if (used != 0) {
            ahead += (uint64_t)__builtin_ctzll(used);
            return ahead < turn ? ahead : turn;
        }
        ahead += 64 - slot % 64;
    }
    return turn;
}

unsigned wsp_wheel_sleep_ms(const wsp_wheel_t *wheel, uint64_t now_ms,
                            unsigned max_ms)
{
    uint64_t due_ms;

    if (wheel->count == 0) {
        return max_ms;
    }
    due_ms = (wheel->tick + ticks_to_next(wheel)) * WSP_TIMER_TICK_MS;
    if (due_ms <= now_ms) {
        return 0;
    }
    return due_ms - now_ms < max_ms ? (unsigned)(due_ms - now_ms) : max_ms;
}

/* The near wheel has turned: spread the far slot that comes up over it. */
static void spread(wsp_wheel_t *wheel)
{
    wsp_link_t *slot =
        &wheel->far[wheel->tick >> WSP_TIMER_SLOT_BITS & SLOT_MASK];
    wsp_link_t moved, *link;

    wsp_list_init(&moved);
    wsp_list_move_all(&moved, slot);
    while ((link = wsp_list_pop(&moved)) != NULL) {
        put(wheel, wsp_list_item(link, wsp_timer_t, link));
    }
}

void wsp_wheel_expire(wsp_wheel_t *wheel, uint64_t now_ms,
                      void (*fire)(void *ctx, wsp_timer_t *timer), void *ctx)
{
    uint64_t now = now_ms / WSP_TIMER_TICK_MS;

    while (wheel->tick < now) {
        wsp_link_t *link;
        uint64_t slot = ++wheel->tick & SLOT_MASK;

        if (slot == 0) {
            spread(wheel);
        }
        /* A callback cannot put a timer into this slot: it is in the past. */
        while ((link = wsp_list_pop(&wheel->near[slot])) != NULL) {
            wheel->count--;
            fire(ctx, wsp_list_item(link, wsp_timer_t, link));
        }
        wheel->near_used[slot / 64] &= ~(1ull << slot % 64);
    }
}
