/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame reader (see reader.h). The I/O thread feeds it what it read; the
 * reader calls back with whole messages and control frames.
 *
 *             feed                                  payload complete
 *   +--------+    header complete     +---------+   control: on_control
 *   | header | ---------------------> | payload |   close:   on_close, stop
 *   | 0..14  | <--------------------- | left>0  |   data, FIN: on_message
 *   +--------+    payload complete    +---------+   data, no FIN: hold
 *
 * Each rule is checked as soon as the byte it is about has arrived, in the
 * order of the bytes. So the same bytes give the same calls and the same
 * verdict however they are cut; tests and the fuzzer compare just that.
 *
 * Invariants:
 *   1. op == 0 if and only if no message is unfinished; then held is NULL,
 *      held_len, held_cap and fragments are 0, and utf8 is 0.
 *   2. held_len <= max_message <= UINT32_MAX, and held_cap <= the larger of
 *      HELD_MIN_BYTES and twice the payload bytes that have arrived.
 *   3. control is NULL unless a control frame is cut within its payload.
 *   4. in_payload: left + done is the frame's length, header_len is 0.
 *      Otherwise header[0..header_len) is a header too short to be used.
 *
 * Not here: what a close code leads to, pings, timeouts (src/io).
 */
#include "protocol/reader.h"

#include <stdlib.h>
#include <string.h>

#define RSV_BITS 0x70u
#define OPCODE_BITS 0x0Fu
/* First byte of a frame that is a message's last. */
#define FIN(opcode) (WSP_FRAME_FIN | (unsigned)(opcode))
#define CONTROL_BIT 0x08u
#define LENGTH_BITS 0x7Fu
#define KEY_BYTES 4u
/* First allocation for an unfinished message. */
#define HELD_MIN_BYTES 64u
/* A close payload's code, before the reason. */
#define CODE_BYTES 2u

/* There is one for each idle client. */
_Static_assert(sizeof(wsp_reader_t) <= 96, "wsp_reader_t has grown");

/* One call of wsp_reader_feed: what is left to take, and whom to tell. */
typedef struct {
    wsp_reader_t *reader;
    uint8_t *bytes;
    size_t len;
    size_t max_message;
    const wsp_reader_cbs_t *cbs;
    void *ctx;
    const char **why;
} feed_t;

static wsp_close_t fail(feed_t *feed, wsp_close_t code, const char *why)
{
    *feed->why = why;
    return code;
}

static wsp_close_t fail_rule(feed_t *feed, const char *why)
{
    return fail(feed, WSP_CLOSE_PROTOCOL, why);
}

static bool is_control(uint8_t first)
{
    return (first & CONTROL_BIT) != 0;
}

/* ---- header ---- */

/* Every value of a frame's first byte gets its verdict here. */
static wsp_close_t check_first(feed_t *feed, uint8_t first)
{
    const wsp_reader_t *reader = feed->reader;

    switch (first) {
    case WSP_OP_TEXT:
    case WSP_OP_BINARY:
    case FIN(WSP_OP_TEXT):
    case FIN(WSP_OP_BINARY):
        if (reader->op != 0) {
            return fail_rule(feed, "new message inside an unfinished one");
        }
        return WSP_CLOSE_NONE;
    case WSP_OP_CONTINUATION:
    case FIN(WSP_OP_CONTINUATION):
        if (reader->op == 0) {
            return fail_rule(feed, "continuation frame without a message");
        }
        if (reader->fragments >= WSP_READER_FRAGMENTS_MAX) {
            return fail(feed, WSP_CLOSE_POLICY, "too many fragments");
        }
        return WSP_CLOSE_NONE;
    case FIN(WSP_OP_CLOSE):
    case FIN(WSP_OP_PING):
    case FIN(WSP_OP_PONG):
        return WSP_CLOSE_NONE;
    case WSP_OP_CLOSE:
    case WSP_OP_PING:
    case WSP_OP_PONG:
        return fail_rule(feed, "fragmented control frame");
    default:
        return fail_rule(feed, (first & RSV_BITS) != 0
                                   ? "reserved bit without an extension"
                                   : "unknown opcode");
    }
}

static wsp_close_t check_second(feed_t *feed, uint8_t first, uint8_t second)
{
    if ((second & WSP_FRAME_MASKED) == 0) {
        return fail_rule(feed, "frame is not masked");
    }
    if (is_control(first) && (second & LENGTH_BITS) > WSP_FRAME_CONTROL_MAX) {
        return fail_rule(feed, "control frame over 125 bytes");
    }
    return WSP_CLOSE_NONE;
}

/* Bytes of extended length that a second byte announces. */
static size_t extended_bytes(uint8_t second)
{
    switch (second & LENGTH_BITS) {
    case 126:
        return 2;
    case 127:
        return 8;
    default:
        return 0;
    }
}

static uint64_t decode_length(const uint8_t *header, size_t extended)
{
    uint64_t length = 0;
    size_t i;

    if (extended == 0) {
        return header[1] & LENGTH_BITS;
    }
    for (i = 0; i < extended; i++) {
        length = length << 8 | header[2 + i];
    }
    return length;
}

static wsp_close_t check_length(feed_t *feed, const uint8_t *header,
                                size_t extended, uint64_t length)
{
    if (length > INT64_MAX) {
        return fail_rule(feed, "frame length over 63 bits");
    }
    if (wsp_frame_header_bytes(length) != 2 + extended) {
        return fail_rule(feed, "frame length is not in its shortest form");
    }
    /* No overflow: held_len has 32 bits, length 63. */
    if (!is_control(header[0]) &&
        feed->reader->held_len + length > feed->max_message) {
        return fail(feed, WSP_CLOSE_TOO_BIG, "message is too big");
    }
    return WSP_CLOSE_NONE;
}

static void begin_payload(wsp_reader_t *reader, const uint8_t *header,
                          size_t extended, uint64_t length)
{
    reader->first = header[0];
    memcpy(reader->key, header + 2 + extended, KEY_BYTES);
    reader->left = length;
    reader->done = 0;
    reader->in_payload = true;
    if (is_control(header[0])) {
        return;
    }
    if (reader->op == 0) {
        reader->op = header[0] & OPCODE_BITS;
    }
    reader->fragments++;
}

/* Check the first @a have bytes of a header as far as they go; checking some
 * of them again, when more have come, is harmless.
 * @param size out: the header's size if it is complete and payload follows */
static wsp_close_t parse_header(feed_t *feed, const uint8_t *header,
                                size_t have, size_t *size)
{
    wsp_close_t code = check_first(feed, header[0]);
    size_t extended;
    uint64_t length;

    if (code != WSP_CLOSE_NONE || have < 2) {
        return code;
    }
    code = check_second(feed, header[0], header[1]);
    extended = extended_bytes(header[1]);
    if (code != WSP_CLOSE_NONE || have < 2 + extended) {
        return code;
    }
    length = decode_length(header, extended);
    code = check_length(feed, header, extended, length);
    if (code != WSP_CLOSE_NONE || have < 2 + extended + KEY_BYTES) {
        return code;
    }
    begin_payload(feed->reader, header, extended, length);
    *size = 2 + extended + KEY_BYTES;
    return WSP_CLOSE_NONE;
}

static void skip(feed_t *feed, size_t len)
{
    feed->bytes += len;
    feed->len -= len;
}

/* A header that came whole is read where it lies; one that was cut is put
 * together in reader->header first. */
static wsp_close_t take_header(feed_t *feed)
{
    wsp_reader_t *reader = feed->reader;
    size_t earlier = reader->header_len;
    size_t room = WSP_FRAME_CLIENT_HEADER_MAX - earlier;
    size_t added = feed->len < room ? feed->len : room;
    const uint8_t *header = feed->bytes;
    wsp_close_t code;
    size_t size = 0;

    if (earlier > 0) {
        memcpy(reader->header + earlier, feed->bytes, added);
        header = reader->header;
    }
    code = parse_header(feed, header, earlier + added, &size);
    if (code != WSP_CLOSE_NONE) {
        return code;
    }
    if (size > 0) {
        reader->header_len = 0;
        skip(feed, size - earlier);
        return WSP_CLOSE_NONE;
    }
    if (earlier == 0) {
        memcpy(reader->header, feed->bytes, added);
    }
    reader->header_len = (uint8_t)(earlier + added);
    skip(feed, added);
    return WSP_CLOSE_NONE;
}

/* ---- data frames ---- */

/* Capacity for a message that must hold @a need bytes now: doubled, but not
 * beyond what the message can still become. */
static size_t next_capacity(const feed_t *feed, size_t need)
{
    const wsp_reader_t *reader = feed->reader;
    size_t most = feed->max_message;
    size_t capacity = (size_t)reader->held_cap * 2;

    if ((reader->first & WSP_FRAME_FIN) != 0) {
        most = need + (size_t)reader->left; /* the last frame: exactly known */
    }
    if (capacity < HELD_MIN_BYTES) {
        capacity = HELD_MIN_BYTES;
    }
    if (capacity > most) {
        capacity = most;
    }
    return capacity > need ? capacity : need;
}

static wsp_close_t hold(feed_t *feed, const uint8_t *piece, size_t len)
{
    wsp_reader_t *reader = feed->reader;
    size_t need = reader->held_len + len;

    if (len == 0) {
        return WSP_CLOSE_NONE;
    }
    if (need > reader->held_cap) {
        size_t capacity = next_capacity(feed, need);
        uint8_t *grown = realloc(reader->held, capacity);
        if (grown == NULL) {
            return fail(feed, WSP_CLOSE_INTERNAL, "out of memory");
        }
        reader->held = grown;
        reader->held_cap = (uint32_t)capacity;
    }
    memcpy(reader->held + reader->held_len, piece, len);
    reader->held_len = (uint32_t)need;
    return WSP_CLOSE_NONE;
}

/* The message state of a fresh reader; the caller has taken @a held, and utf8
 * is 0 already, or the message would not have been delivered. */
static void forget_message(wsp_reader_t *reader)
{
    reader->held = NULL;
    reader->held_len = 0;
    reader->held_cap = 0;
    reader->fragments = 0;
    reader->op = 0;
}

static wsp_close_t deliver(feed_t *feed, uint8_t *data, size_t len)
{
    wsp_opcode_t op = (wsp_opcode_t)feed->reader->op;
    uint8_t *held = feed->reader->held;
    wsp_close_t code;

    forget_message(feed->reader);
    code = feed->cbs->on_message(feed->ctx, op, data, len);
    free(held);
    return code;
}

static wsp_close_t take_data(feed_t *feed, uint8_t *piece, size_t len)
{
    wsp_reader_t *reader = feed->reader;
    bool is_last = reader->left == 0 && (reader->first & WSP_FRAME_FIN) != 0;
    wsp_close_t code;

    if (reader->op == WSP_OP_TEXT) {
        if (!wsp_utf8_feed(&reader->utf8, piece, len)) {
            return fail(feed, WSP_CLOSE_BAD_DATA, "text is not UTF-8");
        }
        if (is_last && !wsp_utf8_is_complete(reader->utf8)) {
            return fail(feed, WSP_CLOSE_BAD_DATA,
                        "text ends inside a UTF-8 character");
        }
    }
    if (is_last && reader->held_len == 0) {
        return deliver(feed, piece, len); /* whole: no copy */
    }
    code = hold(feed, piece, len);
    if (code != WSP_CLOSE_NONE || !is_last) {
        return code;
    }
    return deliver(feed, reader->held, reader->held_len);
}

/* ---- control frames ---- */

static wsp_close_t finish_close(feed_t *feed, const uint8_t *data, size_t len)
{
    unsigned code = WSP_CLOSE_NO_STATUS;

    if (len == 1) {
        return fail_rule(feed, "close frame with half a code");
    }
    if (len >= CODE_BYTES) {
        code = (unsigned)data[0] << 8 | data[1];
        if (!wsp_close_is_valid_on_wire(code)) {
            return fail_rule(feed, "close code may not be sent");
        }
        data += CODE_BYTES;
        len -= CODE_BYTES;
        if (!wsp_utf8_is_valid(data, len)) {
            return fail(feed, WSP_CLOSE_BAD_DATA, "close reason is not UTF-8");
        }
    }
    feed->cbs->on_close(feed->ctx, code, (const char *)data, len);
    return WSP_CLOSE_NORMAL;
}

static wsp_close_t finish_control(feed_t *feed, const uint8_t *data, size_t len)
{
    wsp_opcode_t op = (wsp_opcode_t)(feed->reader->first & OPCODE_BITS);

    if (op == WSP_OP_CLOSE) {
        return finish_close(feed, data, len);
    }
    return feed->cbs->on_control(feed->ctx, op, data, len);
}

static void forget_control(wsp_reader_t *reader)
{
    free(reader->control);
    reader->control = NULL;
    reader->control_len = 0;
}

/* Room for any control payload, so that its announced length says nothing. */
static wsp_close_t hold_control(feed_t *feed, const uint8_t *piece, size_t len)
{
    wsp_reader_t *reader = feed->reader;

    if (reader->control == NULL) {
        reader->control = malloc(WSP_FRAME_CONTROL_MAX);
    }
    if (reader->control == NULL) {
        return fail(feed, WSP_CLOSE_INTERNAL, "out of memory");
    }
    memcpy(reader->control + reader->control_len, piece, len);
    reader->control_len = (uint8_t)(reader->control_len + len);
    return WSP_CLOSE_NONE;
}

static wsp_close_t take_control(feed_t *feed, const uint8_t *piece, size_t len)
{
    wsp_reader_t *reader = feed->reader;
    wsp_close_t code;

    if (reader->left == 0 && reader->control == NULL) {
        return finish_control(feed, piece, len); /* whole: no copy */
    }
    code = hold_control(feed, piece, len);
    if (code != WSP_CLOSE_NONE || reader->left > 0) {
        return code;
    }
    code = finish_control(feed, reader->control, reader->control_len);
    forget_control(reader);
    return code;
}

/* ---- entry points ---- */

static wsp_close_t take_payload(feed_t *feed)
{
    wsp_reader_t *reader = feed->reader;
    uint8_t *piece = feed->bytes;
    size_t len = feed->len;

    if (reader->left < len) {
        len = (size_t)reader->left;
    }
    wsp_frame_unmask(piece, len, reader->key, reader->done);
    skip(feed, len);
    reader->left -= len;
    reader->done += len;
    reader->in_payload = reader->left > 0;
    if (is_control(reader->first)) {
        return take_control(feed, piece, len);
    }
    return take_data(feed, piece, len);
}

/* Seven parameters: the others' home would be wsp_reader_t, of which there is
 * one per idle client. NOLINTNEXTLINE(readability-function-size) */
wsp_close_t wsp_reader_feed(wsp_reader_t *reader, uint8_t *bytes, size_t len,
                            size_t max_message, const wsp_reader_cbs_t *cbs,
                            void *ctx, const char **why)
{
    feed_t feed = {reader, bytes, len, max_message, cbs, ctx, why};
    wsp_close_t code = WSP_CLOSE_NONE;

    if (feed.max_message > UINT32_MAX) {
        feed.max_message = UINT32_MAX; /* what held_len can count */
    }
    while (feed.len > 0 && code == WSP_CLOSE_NONE) {
        if (!reader->in_payload) {
            code = take_header(&feed);
        }
        /* At once, as an empty payload has no byte to wait for. */
        if (code == WSP_CLOSE_NONE && reader->in_payload) {
            code = take_payload(&feed);
        }
    }
    return code;
}

void wsp_reader_clear(wsp_reader_t *reader)
{
    static const wsp_reader_t fresh = {.left = 0};

    free(reader->held);
    free(reader->control);
    *reader = fresh;
}

size_t wsp_reader_held_bytes(const wsp_reader_t *reader)
{
    return reader->held_cap +
           (reader->control != NULL ? WSP_FRAME_CONTROL_MAX : 0u);
}
