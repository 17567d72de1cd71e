/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer wheel: never early, at most a tick late, whatever the distance;
 * timers that are moved, cleared and set from a callback; how long the thread
 * may sleep. A random run is compared with a plain list of due times.
 */
#include "io/timer.h"

#include "dice.h"
#include "tap.h"

#define COUNT 500
#define NONE UINT64_MAX

typedef struct {
    wsp_timer_t timer;
    uint64_t due_ms; /* NONE: not set */
    unsigned fired;
} alarm_t;

typedef struct {
    wsp_wheel_t wheel;
    alarm_t alarms[COUNT];
    uint64_t now_ms, last_ms;
    unsigned early, late, unset;
} world_t;

static world_t world;

static alarm_t *alarm_of(wsp_timer_t *timer)
{
    return wsp_list_item(timer, alarm_t, timer);
}

static void set(alarm_t *a, uint64_t due_ms)
{
    a->due_ms = due_ms;
    wsp_timer_set(&world.wheel, &a->timer, due_ms);
}

static void fire_cb(void *ctx, wsp_timer_t *timer)
{
    alarm_t *a = alarm_of(timer);

    (void)ctx;
    a->fired++;
    world.unset += a->due_ms == NONE;
    world.early += a->due_ms > world.now_ms;
    /* Not later than a tick after the first look at or after the due time. */
    world.late +=
        a->due_ms != NONE && a->due_ms + 2 * WSP_TIMER_TICK_MS <= world.last_ms;
    a->due_ms = NONE;
}

static void go_to(uint64_t ms)
{
    world.last_ms = world.now_ms;
    world.now_ms = ms;
    wsp_wheel_expire(&world.wheel, ms, fire_cb, NULL);
}

static void restart(uint64_t ms)
{
    memset(&world, 0, sizeof world);
    for (unsigned i = 0; i < COUNT; i++) {
        world.alarms[i].due_ms = NONE;
    }
    world.now_ms = world.last_ms = ms;
    wsp_wheel_init(&world.wheel, ms);
}

static void test_one_at_each_distance(void)
{
    unsigned wrong = 0;

    for (uint64_t distance = 0; distance < 2000000;
         distance = distance * 3 / 2 + 1) {
        alarm_t *a = &world.alarms[0];
        restart(123456789);
        set(a, world.now_ms + distance);
        /* As the loop does: sleep, look, sleep. */
        for (unsigned i = 0; a->fired == 0 && i < 100000; i++) {
            unsigned sleep =
                wsp_wheel_sleep_ms(&world.wheel, world.now_ms, 1000);
            go_to(world.now_ms + (sleep > 0 ? sleep : 1));
        }
        wrong += a->fired != 1 || world.early > 0 ||
                 world.now_ms > 123456789 + distance + WSP_TIMER_TICK_MS;
    }
    is_int(wrong, 0, "a timer fires within a tick at every distance");
}

static void test_clear_and_move(void)
{
    alarm_t *a = &world.alarms[0], *b = &world.alarms[1];

    restart(1000);
    set(a, 1100);
    set(b, 1100);
    wsp_timer_clear(&world.wheel, &a->timer);
    wsp_timer_clear(&world.wheel, &a->timer);
    set(b, 900000);
    go_to(2000);
    is_int(a->fired, 0, "a cleared timer does not fire");
    is_int(b->fired, 0, "a moved one does not fire at its old time");
    is_int(world.wheel.count, 1, "one is left");
    set(b, 1);
    go_to(2000 + WSP_TIMER_TICK_MS);
    is_int(b->fired, 1, "one that is overdue when set fires at the next tick");
    is_int(wsp_wheel_sleep_ms(&world.wheel, world.now_ms, 777), 777,
           "without a timer the thread may sleep as long as it likes");
}

static void again_cb(void *ctx, wsp_timer_t *timer)
{
    unsigned *left = ctx;
    alarm_of(timer)->fired++;
    if (--*left > 0) {
        wsp_timer_set(&world.wheel, timer, 0);
    }
}

static void test_set_from_callback(void)
{
    unsigned left = 3;

    restart(0);
    set(&world.alarms[0], 0);
    wsp_wheel_expire(&world.wheel, WSP_TIMER_TICK_MS, again_cb, &left);
    is_int(world.alarms[0].fired, 1,
           "a timer that sets itself to the past waits for the next tick");
    wsp_wheel_expire(&world.wheel, 100 * WSP_TIMER_TICK_MS, again_cb, &left);
    is_int(world.alarms[0].fired, 3, "and fires then");
}

static void test_random(void)
{
    unsigned fired = 0, set_count = 0, missing = 0;

    restart(1700000000000);
    for (unsigned step = 0; step < 200000; step++) {
        alarm_t *a = &world.alarms[dice(COUNT)];
        switch (dice(4)) {
        case 0:
            set_count += a->due_ms == NONE;
            set(a, world.now_ms + (uint64_t)dice(1000) * (uint64_t)dice(2000));
            break;
        case 1:
            set_count -= a->due_ms != NONE;
            wsp_timer_clear(&world.wheel, &a->timer);
            a->due_ms = NONE;
            break;
        default:
            go_to(world.now_ms + (uint64_t)dice(50));
            break;
        }
    }
    go_to(world.now_ms + 10000000);
    for (unsigned i = 0; i < COUNT; i++) {
        fired += world.alarms[i].fired;
        missing += world.alarms[i].due_ms != NONE;
    }
    is_int(world.early, 0, "random run: none early");
    is_int(world.late, 0, "none late");
    is_int(world.unset, 0, "none that was cleared");
    is_int(missing, 0, "none forgotten");
    is_int(fired, set_count, "each once");
    is_int(world.wheel.count, 0, "the wheel is empty");
}

int main(void)
{
    tap_start(60);
    test_one_at_each_distance();
    test_clear_and_move();
    test_set_from_callback();
    test_random();
    return done_testing();
}
