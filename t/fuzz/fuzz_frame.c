/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame encoder: headers against a decoder written from the RFC's picture,
 * unmasking against the RFC's formula, and a frame turned into a client's and
 * read back by the reader.
 *
 * Input: | flags, opcode | length, 8 | phase, 8 | key, 4 | the payload ... |
 */
#include "protocol/frame.h"
#include "protocol/reader.h"

#include "fuzz.h"
#include "record.h"

static void check_header(unsigned flags, wsp_opcode_t op, uint64_t len)
{
    uint8_t header[WSP_FRAME_HEADER_MAX];
    size_t size = wsp_frame_header(header, flags, op, len), i;
    uint64_t decoded = 0;

    MUST(size == wsp_frame_header_bytes(len));
    MUST(header[0] == (flags | (unsigned)op));
    MUST(size == (len <= 125 ? 2u : len <= 65535 ? 4u : 10u));
    if (size == 2) {
        MUST(header[1] == len);
        return;
    }
    MUST(header[1] == (size == 4 ? 126 : 127));
    for (i = 2; i < size; i++) {
        decoded = decoded * 256 + header[i];
    }
    MUST(decoded == len);
}

static void check_unmask(const input_t *payload, const uint8_t key[4],
                         uint64_t phase)
{
    input_t input = *payload;
    size_t len = input.left, i;
    uint8_t *copy = input_copy(&input, &len);

    wsp_frame_unmask(copy, len, key, phase);
    for (i = 0; i < len; i++) {
        MUST(copy[i] == (payload->at[i] ^ key[(phase + i) % 4]));
    }
    wsp_frame_unmask(copy, len, key, phase);
    MUST(len == 0 || memcmp(copy, payload->at, len) == 0);
    free(copy);
}

/* Encode as a client would, with the server's own encoder, and read it. */
static void check_round_trip(const input_t *payload, const uint8_t key[4])
{
    static record_t record, want;
    wsp_reader_t reader = {.left = 0};
    size_t len = payload->left, head;
    uint8_t *frame = malloc(WSP_FRAME_CLIENT_HEADER_MAX + len);
    const char *why = NULL;

    MUST(frame != NULL);
    memset(&record, 0, sizeof(record));
    memset(&want, 0, sizeof(want));
    record_event(&want, "binary", len, payload->at, len);
    head = wsp_frame_header(frame, WSP_FRAME_FIN, WSP_OP_BINARY, len);
    frame[1] |= WSP_FRAME_MASKED;
    memcpy(frame + head, key, 4);
    if (len > 0) {
        memcpy(frame + head + 4, payload->at, len);
    }
    wsp_frame_unmask(frame + head + 4, len, key, 0);
    MUST(wsp_reader_feed(&reader, frame, head + 4 + len, len, &record_cbs,
                         &record, &why) == WSP_CLOSE_NONE);
    MUST(record.hash == want.hash && record.events == 1);
    wsp_reader_clear(&reader);
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_t input = {data, size};
    uint8_t first = input_byte(&input);
    uint64_t len = input_number(&input, 8), phase = input_number(&input, 8);
    uint8_t key[4];
    size_t i;

    for (i = 0; i < sizeof(key); i++) {
        key[i] = input_byte(&input);
    }
    check_header(first & 0xF0u, (wsp_opcode_t)(first & 0x0Fu), len);
    check_unmask(&input, key, phase);
    check_round_trip(&input, key);
    return 0;
}
