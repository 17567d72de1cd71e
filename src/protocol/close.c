/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Close codes and the close frame's payload (see close.h). The I/O thread
 * encodes one close per connection at most; the reader judges the peer's.
 *
 *   payload   | code, 16 bit big-endian | reason, UTF-8, 0..123 bytes |
 *             or nothing at all
 */
#include "protocol/close.h"

#include "protocol/utf8.h"

/* Bytes of the code that the reason follows. */
#define CODE_BYTES 2u

bool wsp_close_is_valid_on_wire(unsigned code)
{
    switch (code) {
    case 1000: /* normal */
    case 1001: /* going away */
    case 1002: /* protocol error */
    case 1003: /* unsupported data */
    case 1007: /* bad data */
    case 1008: /* policy */
    case 1009: /* too big */
    case 1010: /* client wanted an extension */
    case 1011: /* internal error */
    case 1012: /* service restart (IANA) */
    case 1013: /* try again later (IANA) */
    case 1014: /* bad gateway (IANA) */
        return true;
    default:
        /* 3000-3999 are registered by libraries, 4000-4999 are private. */
        return code >= 3000 && code <= 4999;
    }
}

/* Length of the longest start of @a text that is whole characters and not
 * more than @a max bytes. A byte that is not UTF-8 ends it, because a peer
 * would have to answer such a reason with 1007. */
static size_t whole_characters(const char *text, size_t max)
{
    wsp_utf8_t state = 0;
    size_t i, whole = 0;

    for (i = 0; i < max && text[i] != '\0'; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (!wsp_utf8_feed(&state, &byte, 1)) {
            break;
        }
        if (wsp_utf8_is_complete(state)) {
            whole = i + 1;
        }
    }
    return whole;
}

size_t wsp_close_encode(uint8_t *out, wsp_close_t code, const char *reason)
{
    size_t i, len = 0;

    if (!wsp_close_is_valid_on_wire((unsigned)code)) {
        return 0;
    }
    out[0] = (uint8_t)((unsigned)code >> 8);
    out[1] = (uint8_t)((unsigned)code & 0xFFu);
    if (reason != NULL) {
        len = whole_characters(reason, WSP_CLOSE_PAYLOAD_MAX - CODE_BYTES);
    }
    for (i = 0; i < len; i++) {
        out[CODE_BYTES + i] = (uint8_t)reason[i];
    }
    return CODE_BYTES + len;
}
