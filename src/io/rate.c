/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token bucket (see rate.h): the receiver asks it for each message.
 *
 *   full_at = now                     bucket full, `burst` tokens
 *   full_at = now + i * interval      i tokens missing
 *   full_at > now + (burst-1) * interval   empty: refuse
 */
#include "io/rate.h"

#define NS_PER_MS 1000000ull

bool wsp_rate_try_take(wsp_rate_t *rate, uint64_t now_ms, uint32_t count,
                       uint32_t per_ms, uint32_t burst)
{
    uint64_t now = now_ms * NS_PER_MS;
    uint64_t full_at = *rate > now ? *rate : now;
    uint64_t interval;

    if (count == 0) {
        return true;
    }
    interval = per_ms * NS_PER_MS / count;
    if (burst == 0) {
        burst = count;
    }
    if (full_at - now > (burst - 1) * interval) {
        return false;
    }
    *rate = full_at + interval;
    return true;
}
