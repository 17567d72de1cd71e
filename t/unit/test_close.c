/* SPDX-License-Identifier: Apache-2.0 */
/* Close codes: the table of codes a peer may send, and the payload encoder. */
#include "protocol/close.h"

#include "guard.h"
#include "tap.h"

#include "protocol/utf8.h"

/* The registry's table, written as ranges where close.c has single codes. */
static bool is_allowed(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static void test_table(void)
{
    unsigned code, wrong = 0;

    for (code = 0; code <= 65535; code++) {
        wrong += wsp_close_is_valid_on_wire(code) != is_allowed(code);
    }
    is_int(wrong, 0, "close codes: all 65536 judged as the registry has them");
    ok(!wsp_close_is_valid_on_wire(1004) && !wsp_close_is_valid_on_wire(1005) &&
           !wsp_close_is_valid_on_wire(1006) &&
           !wsp_close_is_valid_on_wire(1015),
       "close codes: 1004, 1005, 1006, 1015 are never on the wire");
    ok(!wsp_close_is_valid_on_wire(65536 + 1000),
       "close codes: more than 16 bits is not valid");
}

/* Encode with the guard page right behind the permitted room. */
static size_t encode(uint8_t **out, wsp_close_t code, const char *reason)
{
    *out = guard_end() - WSP_CLOSE_PAYLOAD_MAX;
    memset(*out, 0xEE, WSP_CLOSE_PAYLOAD_MAX);
    return wsp_close_encode(*out, code, reason);
}

static void test_encode(void)
{
    uint8_t *out;

    is_int(encode(&out, WSP_CLOSE_NORMAL, NULL), 2, "no reason: 2 bytes");
    is_mem(out, "\x03\xE8", 2, "1000 is big-endian");
    is_int(encode(&out, WSP_CLOSE_TRY_LATER, "too slow"), 10,
           "reason follows the code");
    is_mem(out, "\x03\xF5too slow", 10, "1013 and its reason");
    is_int(encode(&out, WSP_CLOSE_NORMAL, ""), 2, "empty reason: 2 bytes");
    is_int(out[2], 0xEE, "and not a byte more is written");
    is_int(encode(&out, WSP_CLOSE_NO_STATUS, "why"), 0,
           "no status: empty payload");
    is_int(encode(&out, WSP_CLOSE_ABNORMAL, "why"), 0,
           "abnormal: empty payload");
    is_int(encode(&out, WSP_CLOSE_NONE, "why"), 0, "none: empty payload");
}

/* A reason of @a fill letters and then @a tail, encoded. */
static size_t encode_long(uint8_t **out, size_t fill, const char *tail)
{
    static char reason[400];

    memset(reason, 'r', fill);
    memcpy(reason + fill, tail, strlen(tail) + 1);
    return encode(out, WSP_CLOSE_POLICY, reason);
}

static void test_truncation(void)
{
    static const char *const characters[] = {
        "\xC3\xA9",         /* 2 bytes */
        "\xE4\xB8\xAD",     /* 3 bytes */
        "\xF0\x9F\x98\x80", /* 4 bytes */
    };
    uint8_t *out;
    size_t i, fill;
    unsigned wrong = 0;

    is_int(encode_long(&out, 123, ""), 125, "123 bytes of reason fit");
    is_int(encode_long(&out, 124, ""), 125, "the 124th is cut off");
    is_int(encode_long(&out, 300, ""), 125, "a very long reason is cut to 123");
    for (i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
        size_t size = strlen(characters[i]);
        for (fill = 115; fill <= 123; fill++) {
            size_t len = encode_long(&out, fill, characters[i]);
            size_t want = 2 + fill + (fill + size <= 123 ? size : 0);
            wrong += len != want || !wsp_utf8_is_valid(out + 2, len - 2);
        }
    }
    is_int(wrong, 0, "reason is cut at a character boundary");
    is_int(encode_long(&out, 5, "\xFFrest"), 2 + 5,
           "reason is cut before a byte that is not UTF-8");
    is_int(encode_long(&out, 5, "\xE4\xB8"), 2 + 5,
           "reason is cut before half a character at its end");
}

int main(void)
{
    tap_start(30);
    test_table();
    test_encode();
    test_truncation();
    return done_testing();
}
