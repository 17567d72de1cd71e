/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incremental UTF-8 check (see utf8.h). The reader calls it with each piece of
 * a text message, so a character may be cut anywhere between two calls.
 *
 * The state is what the next byte must be: how many continuation bytes are
 * missing, and the range the next of them must lie in. The range is narrower
 * than 80..BF only for the second byte of E0, ED, F0 and F4, and that alone
 * keeps out overlong forms, surrogates and everything above U+10FFFF.
 *
 *   bits  31..24   23..16   15..8    7..0
 *        |   0   |  high  |  low  | missing |      0: between two characters
 */
#include "protocol/utf8.h"

#include <string.h>

/* Bytes that one turn of the ASCII loops looks at. */
#define WORD_BYTES 8u
#define BLOCK_BYTES 32u
#define HIGH_BITS 0x8080808080808080u

static inline wsp_utf8_t expect(uint32_t missing, uint32_t low, uint32_t high)
{
    return high << 16 | low << 8 | missing;
}

/* State after a first byte that is not ASCII; 0: no character begins so. */
static inline wsp_utf8_t state_after_lead(uint8_t byte)
{
    if (byte >= 0xE1 && byte <= 0xEF && byte != 0xED) {
        return expect(2, 0x80, 0xBF);
    }
    if (byte >= 0xC2 && byte <= 0xDF) { /* C0, C1 would be overlong */
        return expect(1, 0x80, 0xBF);
    }
    switch (byte) {
    case 0xE0: /* below A0: overlong */
        return expect(2, 0xA0, 0xBF);
    case 0xED: /* above 9F: surrogates */
        return expect(2, 0x80, 0x9F);
    case 0xF0: /* below 90: overlong */
        return expect(3, 0x90, 0xBF);
    case 0xF1:
    case 0xF2:
    case 0xF3:
        return expect(3, 0x80, 0xBF);
    case 0xF4: /* above 8F: beyond U+10FFFF */
        return expect(3, 0x80, 0x8F);
    default:
        return 0;
    }
}

/* Take one continuation byte; false if it is not what the state expects. */
static inline bool take_continuation(wsp_utf8_t *state, uint8_t byte)
{
    uint32_t missing = (*state & 0xFFu) - 1;
    uint32_t low = *state >> 8 & 0xFFu, high = *state >> 16;

    *state = missing == 0 ? 0 : expect(missing, 0x80, 0xBF);
    return byte >= low && byte <= high;
}

static inline uint64_t load_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word)); /* any alignment; one instruction */
    return word;
}

static inline bool is_ascii_word(const uint8_t *at)
{
    return (load_word(at) & HIGH_BITS) == 0;
}

static inline bool is_ascii_block(const uint8_t *at)
{
    uint64_t bits = load_word(at) | load_word(at + 8) | load_word(at + 16) |
                    load_word(at + 24);
    return (bits & HIGH_BITS) == 0;
}

/* First byte of at..end that is not ASCII, or end. A word goes first, because
 * most runs in other than English text are too short for a block. */
static inline const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end)
{
    while ((size_t)(end - at) >= WORD_BYTES && is_ascii_word(at)) {
        at += WORD_BYTES;
        while ((size_t)(end - at) >= BLOCK_BYTES && is_ascii_block(at)) {
            at += BLOCK_BYTES;
        }
    }
    while (at < end && *at < 0x80) {
        at++;
    }
    return at;
}

static inline bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Size of the character at @a at, which has 3 bytes to read, if it is one of
 * the many that need no narrower range: 2 bytes, or 3 and not E0 or ED.
 * @return 0 for all others, right or wrong: the state machine decides */
static inline size_t easy_character(const uint8_t *at)
{
    if (at[0] >= 0xE1 && at[0] <= 0xEF && at[0] != 0xED) {
        return is_continuation(at[1]) && is_continuation(at[2]) ? 3 : 0;
    }
    if (at[0] >= 0xC2 && at[0] <= 0xDF) {
        return is_continuation(at[1]) ? 2 : 0;
    }
    return 0;
}

static inline const uint8_t *skip_easy(const uint8_t *at, const uint8_t *end)
{
    size_t size = 1;
    while (size > 0 && (size_t)(end - at) >= 3) {
        size = easy_character(at);
        at += size;
    }
    return at;
}

/* One byte through the state machine. */
static inline bool step(wsp_utf8_t *state, uint8_t byte)
{
    if (*state != 0) {
        return take_continuation(state, byte);
    }
    if (byte < 0x80) {
        return true;
    }
    *state = state_after_lead(byte);
    return *state != 0;
}

bool wsp_utf8_feed(wsp_utf8_t *state, const uint8_t *bytes, size_t len)
{
    const uint8_t *at = bytes, *end = bytes + len;
    wsp_utf8_t now = *state;

    while (at < end) {
        if (now == 0) {
            at = skip_easy(skip_ascii(at, end), end);
        }
        if (at < end && !step(&now, *at++)) {
            return false;
        }
    }
    *state = now;
    return true;
}

bool wsp_utf8_is_valid(const uint8_t *bytes, size_t len)
{
    wsp_utf8_t state = 0;
    return wsp_utf8_feed(&state, bytes, len) && wsp_utf8_is_complete(state);
}
