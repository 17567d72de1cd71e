/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks: wall time for ids, monotonic time for ages, both without a system
 * call. With -DWSP_TEST_CLOCK a test puts its own clock in.
 */
#ifndef WSP_REGISTRY_CLOCK_H
#define WSP_REGISTRY_CLOCK_H

#include <stdint.h>
#include <time.h>

#ifdef WSP_TEST_CLOCK
/** Of the test program; NULL: the real one. @units ms */
extern uint64_t (*wsp_test_clock)(clockid_t clock);
#endif

static inline uint64_t wsp_clock_ms(clockid_t clock)
{
    struct timespec now;
#ifdef WSP_TEST_CLOCK
    if (wsp_test_clock != NULL) {
        return wsp_test_clock(clock);
    }
#endif
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/** Unix time. @units s */
static inline uint64_t wsp_clock_wall_s(void)
{
    return wsp_clock_ms(CLOCK_REALTIME_COARSE) / 1000;
}

/** The same in all processes, never steps. @units ms */
static inline uint64_t wsp_clock_age_ms(void)
{
    return wsp_clock_ms(CLOCK_MONOTONIC_COARSE);
}

#endif
