/* SPDX-License-Identifier: Apache-2.0 */
/* Frame headers of the server, and unmasking at every alignment and phase. */
#include "protocol/frame.h"

#include "guard.h"
#include "tap.h"

typedef struct {
    uint64_t len;
    unsigned flags;
    wsp_opcode_t op;
    size_t size;
    const char *bytes;
} header_t;

static const header_t headers[] = {
    {0, WSP_FRAME_FIN, WSP_OP_TEXT, 2, "\x81\x00"},
    {5, WSP_FRAME_FIN, WSP_OP_TEXT, 2, "\x81\x05"}, /* RFC 6455 5.7 */
    {5, WSP_FRAME_FIN, WSP_OP_PING, 2, "\x89\x05"},
    {2, WSP_FRAME_FIN, WSP_OP_CLOSE, 2, "\x88\x02"},
    {125, WSP_FRAME_FIN, WSP_OP_PONG, 2, "\x8A\x7D"},
    {126, WSP_FRAME_FIN, WSP_OP_BINARY, 4, "\x82\x7E\x00\x7E"},
    {256, WSP_FRAME_FIN, WSP_OP_BINARY, 4, "\x82\x7E\x01\x00"},
    {65535, WSP_FRAME_FIN, WSP_OP_BINARY, 4, "\x82\x7E\xFF\xFF"},
    {65536, WSP_FRAME_FIN, WSP_OP_BINARY, 10,
     "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"},
    {0x123456789AULL, WSP_FRAME_FIN, WSP_OP_BINARY, 10,
     "\x82\x7F\x00\x00\x00\x12\x34\x56\x78\x9A"},
    {INT64_MAX, WSP_FRAME_FIN, WSP_OP_BINARY, 10,
     "\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"},
    {1, WSP_FRAME_FIN | WSP_FRAME_RSV1, WSP_OP_TEXT, 2, "\xC1\x01"},
    {3, 0, WSP_OP_TEXT, 2, "\x01\x03"}, /* RFC 6455 5.7, first fragment */
    {2, WSP_FRAME_FIN, WSP_OP_CONTINUATION, 2, "\x80\x02"},
};

static void test_headers(void)
{
    size_t i;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        const header_t *h = &headers[i];
        uint8_t *out = guard_end() - h->size;
        is_int(wsp_frame_header_bytes(h->len), h->size,
               "length %llu: shortest form", (unsigned long long)h->len);
        is_int(wsp_frame_header(out, h->flags, h->op, h->len), h->size,
               "length %llu: size written", (unsigned long long)h->len);
        is_mem(out, h->bytes, h->size, "length %llu: bytes",
               (unsigned long long)h->len);
    }
}

static void test_rfc_hello(void)
{
    static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};
    uint8_t hello[] = {0x7F, 0x9F, 0x4D, 0x51, 0x58};

    wsp_frame_unmask(hello, sizeof(hello), key, 0);
    is_mem(hello, "Hello", 5, "RFC 6455 5.7: masked Hello");
}

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 7 + i / 256);
}

/* Unmask @a len bytes that end at the guard page, begin @a lead bytes after
 * untouchable ones, and compare with the definition in RFC 6455 5.3. */
static bool unmasks(size_t len, uint64_t phase)
{
    static const uint8_t key[4] = {0x11, 0xA2, 0x3F, 0xC4};
    uint8_t *at = guard_end() - len;
    size_t i;

    memset(at - 16, 0x55, 16);
    for (i = 0; i < len; i++) {
        at[i] = (uint8_t)(pattern(i) ^ key[(phase + i) % 4]);
    }
    wsp_frame_unmask(at, len, key, phase);
    for (i = 0; i < len; i++) {
        if (at[i] != pattern(i)) {
            return false;
        }
    }
    for (i = 1; i <= 16; i++) {
        if (at[-(ptrdiff_t)i] != 0x55) {
            return false;
        }
    }
    return true;
}

static void test_unmask(void)
{
    size_t len, wrong = 0;
    uint64_t phase;

    for (len = 0; len <= 300; len++) { /* ends fixed: every alignment, too */
        for (phase = 0; phase < 9; phase++) {
            wrong += !unmasks(len, phase);
        }
    }
    is_int(wrong, 0, "unmask: every length to 300, alignment and phase");
    ok(unmasks(200000, 3), "unmask: 200000 bytes");
    ok(unmasks(77, UINT64_MAX - 2), "unmask: phase near 2^64");
    ok(unmasks(77, (uint64_t)1 << 32), "unmask: phase beyond 32 bits");
}

/* A payload cut anywhere is unmasked as if it had come whole. */
static void test_unmask_in_pieces(void)
{
    static const uint8_t key[4] = {1, 2, 4, 8};
    uint8_t whole[150], pieces[150];
    size_t cut, i, wrong = 0;

    for (cut = 0; cut <= sizeof(whole); cut++) {
        for (i = 0; i < sizeof(whole); i++) {
            whole[i] = pieces[i] = pattern(i);
        }
        wsp_frame_unmask(whole, sizeof(whole), key, 0);
        wsp_frame_unmask(pieces, cut, key, 0);
        wsp_frame_unmask(pieces + cut, sizeof(pieces) - cut, key, cut);
        wrong += memcmp(whole, pieces, sizeof(whole)) != 0;
    }
    is_int(wrong, 0, "unmask: cut at every point");
}

int main(void)
{
    tap_start(30);
    test_headers();
    test_rfc_hello();
    test_unmask();
    test_unmask_in_pieces();
    return done_testing();
}
