/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame headers of the server's own frames, and unmasking (see frame.h). The
 * I/O room's hub builds one header per message and encoding, and shares the
 * frame among all subscribers; the reader unmasks what clients send.
 *
 *   byte 0            byte 1              length 126    length 127
 *   |FIN|R1|0|0| op | |0| 7-bit length |  | 16 bit |  or  | 64 bit |  payload
 */
#include "protocol/frame.h"

#include <string.h>

/* 7-bit lengths that announce a longer field instead. */
#define LENGTH_16_BIT 126u
#define LENGTH_64_BIT 127u

#define KEY_BYTES 4u
/* Bytes that one turn of the unmasking loops changes. */
#define WORD_BYTES 8u
#define BLOCK_BYTES 64u

size_t wsp_frame_header_bytes(uint64_t len)
{
    if (len < LENGTH_16_BIT) {
        return 2;
    }
    return len <= UINT16_MAX ? 4 : WSP_FRAME_HEADER_MAX;
}

size_t wsp_frame_header(uint8_t *out, unsigned flags, wsp_opcode_t op,
                        uint64_t len)
{
    size_t i, size = wsp_frame_header_bytes(len);

    out[0] = (uint8_t)(flags | (unsigned)op);
    if (size == 2) {
        out[1] = (uint8_t)len;
        return size;
    }
    out[1] = size == 4 ? LENGTH_16_BIT : LENGTH_64_BIT;
    for (i = size; i > 2; i--) { /* big-endian, last byte first */
        out[i - 1] = (uint8_t)(len & 0xFFu);
        len >>= 8;
    }
    return size;
}

static inline void xor_word(uint8_t *at, uint64_t mask)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word)); /* any alignment */
    word ^= mask;
    memcpy(at, &word, sizeof(word));
}

/* Straight-line code, of which compilers make vector instructions at -O2;
 * gcc leaves a loop over the eight words as it is. */
static inline void xor_block(uint8_t *at, uint64_t mask)
{
    xor_word(at, mask);
    xor_word(at + 8, mask);
    xor_word(at + 16, mask);
    xor_word(at + 24, mask);
    xor_word(at + 32, mask);
    xor_word(at + 40, mask);
    xor_word(at + 48, mask);
    xor_word(at + 56, mask);
}

void wsp_frame_unmask(uint8_t *bytes, size_t len, const uint8_t key[4],
                      uint64_t phase)
{
    /* The key three times, so that a word of it can begin at any phase. */
    uint8_t keys[3 * KEY_BYTES];
    const uint8_t *turned = keys + (phase & 3u);
    uint64_t mask;
    size_t i;

    memcpy(keys, key, KEY_BYTES);
    memcpy(keys + KEY_BYTES, key, KEY_BYTES);
    memcpy(keys + 2 * KEY_BYTES, key, KEY_BYTES);
    memcpy(&mask, turned, sizeof(mask));

    /* Whole words keep the phase, as their size is a multiple of the key's. */
    for (; len >= BLOCK_BYTES; len -= BLOCK_BYTES, bytes += BLOCK_BYTES) {
        xor_block(bytes, mask);
    }
    for (; len >= WORD_BYTES; len -= WORD_BYTES, bytes += WORD_BYTES) {
        xor_word(bytes, mask);
    }
    for (i = 0; i < len; i++) {
        bytes[i] ^= turned[i];
    }
}
