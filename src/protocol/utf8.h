/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incremental UTF-8 check (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF) for text that arrives in pieces. Runs of ASCII go
 * by word. Fails at the first byte that cannot be continued, so a bad text
 * message is refused before its end arrives.
 */
#ifndef WSP_PROTOCOL_UTF8_H
#define WSP_PROTOCOL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Decoder state between pieces; zero is the start and also "complete". */
typedef uint32_t wsp_utf8_t;

/**
 * Check the next piece.
 * @return false at the first impossible byte; the state is then undefined
 * @context any thread
 */
bool wsp_utf8_feed(wsp_utf8_t *state, const uint8_t *bytes, size_t len);

/** Did the text so far end at a character boundary? */
static inline bool wsp_utf8_is_complete(wsp_utf8_t state)
{
    return state == 0;
}

/** Check a whole string at once. */
bool wsp_utf8_is_valid(const uint8_t *bytes, size_t len);

#endif
