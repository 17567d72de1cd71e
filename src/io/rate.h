/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limit of one client's messages (WSPushRate): a token bucket kept as one
 * number, the time at which the bucket will be full again. So it costs eight
 * bytes per client and nothing while the client is silent.
 */
#ifndef WSP_IO_RATE_H
#define WSP_IO_RATE_H

#include <stdbool.h>
#include <stdint.h>

/** Nanoseconds of the clock at which the bucket is full; 0 is a full one. */
typedef uint64_t wsp_rate_t;

/**
 * Take one token.
 * @param count  tokens per @a per_ms; 0: no limit
 * @param burst  size of the bucket; 0: @a count
 * @return false: the bucket is empty; nothing was taken
 * @context io thread
 */
bool wsp_rate_try_take(wsp_rate_t *rate, uint64_t now_ms, uint32_t count,
                       uint32_t per_ms, uint32_t burst);

#endif
