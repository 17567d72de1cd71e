/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame reader: the same bytes fed whole and cut must give the same events and
 * the same verdict; what is held stays within what has come and within the
 * maximum.
 *
 * Input: | maximum, log2 | event to stop at | cuts (fuzz.h) | the stream ... |
 */
#include "protocol/reader.h"

#include "fuzz.h"
#include "record.h"

typedef struct {
    size_t max_message;
    unsigned stop_at;
} setup_t;

static void check_held(const wsp_reader_t *reader, size_t max_message,
                       size_t fed)
{
    size_t held = wsp_reader_held_bytes(reader);
    size_t most = 2 * fed > 64 ? 2 * fed : 64;

    if (most > max_message) {
        most = max_message;
    }
    MUST(held <= most + WSP_FRAME_CONTROL_MAX);
}

static void run(record_t *record, setup_t setup, input_t stream, cuts_t cuts)
{
    wsp_reader_t reader = {.left = 0};
    wsp_close_t code = WSP_CLOSE_NONE;
    const char *why = NULL;
    size_t fed = 0;

    memset(record, 0, sizeof(*record));
    record->stop_at = setup.stop_at;
    record->stop_with = WSP_CLOSE_POLICY;
    while (stream.left > 0 && code == WSP_CLOSE_NONE) {
        size_t len = cuts_next(&cuts, stream.left);
        uint8_t *piece = input_copy(&stream, &len);
        code = wsp_reader_feed(&reader, piece, len, setup.max_message,
                               &record_cbs, record, &why);
        free(piece);
        fed += len;
        check_held(&reader, setup.max_message, fed);
    }
    record_end(record, code, why);
    wsp_reader_clear(&reader);
    MUST(wsp_reader_held_bytes(&reader) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static record_t whole, pieces;
    input_t input = {data, size};
    setup_t setup;
    cuts_t cuts, uncut = {.count = 0};

    setup.max_message = (size_t)1 << (input_byte(&input) % 40);
    setup.stop_at = input_byte(&input);
    cuts = input_cuts(&input);
    run(&whole, setup, input, uncut);
    run(&pieces, setup, input, cuts);
    MUST(whole.events == pieces.events);
    MUST(strcmp(whole.text, pieces.text) == 0);
    MUST(whole.hash == pieces.hash);
    return 0;
}
