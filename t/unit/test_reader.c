/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame reader, rule by rule. Each vector is fed whole, byte by byte, in small
 * steps and cut at every point; each piece ends at a guard page; all ways must
 * give the same events and fail at the same byte.
 */
#include "protocol/reader.h"

#include "client.h"
#include "guard.h"
#include "record.h"
#include "tap.h"

#define MAX_MESSAGE 1000u
#define S(text) text, sizeof(text) - 1

static client_t client;

/* Feed client.bytes[from, to) as one piece. */
static wsp_close_t feed(wsp_reader_t *reader, record_t *record, size_t from,
                        size_t to, const char **why)
{
    uint8_t *piece = guard_copy(client.bytes + from, to - from);
    return wsp_reader_feed(reader, piece, to - from, MAX_MESSAGE, &record_cbs,
                           record, why);
}

/* Feed all in two steps: first..., then pieces of @a step bytes.
 * @return bytes fed until it ended */
static size_t run(record_t *record, size_t first, size_t step)
{
    wsp_reader_t reader = {.left = 0};
    const char *why = NULL;
    wsp_close_t code = WSP_CLOSE_NONE;
    size_t at = 0;

    memset(record, 0, sizeof(*record));
    while (at < client.len && code == WSP_CLOSE_NONE) {
        size_t len = at == 0 && first > 0 ? first : step;
        size_t to = len < client.len - at ? at + len : client.len;
        code = feed(&reader, record, at, to, &why);
        at = to;
    }
    record_end(record, code, why);
    wsp_reader_clear(&reader);
    return at;
}

static bool is_same(const record_t *a, const record_t *b)
{
    return a->hash == b->hash && a->events == b->events &&
           strcmp(a->text, b->text) == 0;
}

/* Run client's bytes in every way.
 * @param fails_at bytes that must have come for it to end, 0: all of them */
static void check(const char *name, const char *want, size_t fails_at)
{
    static record_t whole, other;
    size_t cut, step, wrong = 0;

    run(&whole, 0, client.len + 1);
    is_str(whole.text, want, "%s", name);
    is_int(run(&other, 0, 1), fails_at > 0 ? fails_at : client.len,
           "%s: ends at its byte", name);
    wrong += !is_same(&whole, &other);
    for (step = 2; step <= 17; step++) {
        run(&other, 0, step);
        wrong += !is_same(&whole, &other);
    }
    for (cut = 1; cut < client.len; cut++) {
        run(&other, cut, client.len);
        wrong += !is_same(&whole, &other);
    }
    is_int(wrong, 0, "%s: bytewise, in steps, cut at every point", name);
}

static void restart(void)
{
    client.len = 0;
    client.frames = 0;
}

/* ---- frames ---- */

typedef struct {
    unsigned first;
    const char *payload;
    size_t len;
} frame_t;

typedef struct {
    const char *name;
    frame_t frames[6]; /* ends at a NULL payload */
    const char *want;
    size_t fails_at;
} sequence_t;

static const sequence_t sequences[] = {
    {"text message", {{0x81, S("Hello")}}, "text 5 Hello\n", 0},
    {"binary message", {{0x82, S("\x00\xFF")}}, "binary 2 \\00\\FF\n", 0},
    {"empty text message", {{0x81, S("")}}, "text 0\n", 0},
    {"empty binary message", {{0x82, S("")}}, "binary 0\n", 0},
    {"two messages",
     {{0x81, S("a")}, {0x82, S("b")}},
     "text 1 a\nbinary 1 b\n",
     0},
    {"ping and pong",
     {{0x89, S("hi")}, {0x8A, S("")}},
     "ping 2 hi\npong 0\n",
     0},
    {"two controls with payloads",
     {{0x89, S("one")}, {0x8A, S("two")}, {0x88, S("\x03\xE8")}},
     "ping 3 one\npong 3 two\nclose 1000\n= 1000\n",
     0},
    {"fragmented text",
     {{0x01, S("Hel")}, {0x80, S("lo")}},
     "text 5 Hello\n",
     0},
    {"fragmented binary in four",
     {{0x02, S("a")}, {0x00, S("b")}, {0x00, S("")}, {0x80, S("c")}},
     "binary 3 abc\n",
     0},
    {"empty fragments around",
     {{0x01, S("")}, {0x00, S("")}, {0x00, S("x")}, {0x80, S("")}},
     "text 1 x\n",
     0},
    {"only empty fragments", {{0x01, S("")}, {0x80, S("")}}, "text 0\n", 0},
    {"empty fragment, then a whole one",
     {{0x01, S("")}, {0x80, S("all")}},
     "text 3 all\n",
     0},
    {"ping between fragments",
     {{0x01, S("He")}, {0x89, S("p")}, {0x80, S("llo")}},
     "ping 1 p\ntext 5 Hello\n",
     0},
    {"controls between all fragments",
     {{0x02, S("1")},
      {0x8A, S("q")},
      {0x00, S("2")},
      {0x89, S("")},
      {0x80, S("3")}},
     "pong 1 q\nping 0\nbinary 3 123\n",
     0},
    {"close between fragments ends all",
     {{0x01, S("He")}, {0x88, S("\x03\xE8")}, {0x80, S("llo")}},
     "close 1000\n= 1000\n",
     6 + 2 + 6 + 2},
    {"nothing after close is parsed",
     {{0x88, S("\x03\xE8")}, {0xFF, S("junk")}},
     "close 1000\n= 1000\n",
     6 + 2},
    {"message, then an error after it",
     {{0x81, S("a")}, {0xF1, S("b")}},
     "text 1 a\n= 1002 reserved bit without an extension\n",
     6 + 1 + 1},
    {"continuation without a message",
     {{0x80, S("a")}},
     "= 1002 continuation frame without a message\n",
     1},
    {"unfinished continuation without a message",
     {{0x00, S("a")}},
     "= 1002 continuation frame without a message\n",
     1},
    {"continuation after a whole message",
     {{0x81, S("a")}, {0x80, S("b")}},
     "text 1 a\n= 1002 continuation frame without a message\n",
     6 + 1 + 1},
    {"text inside an unfinished message",
     {{0x01, S("a")}, {0x81, S("b")}},
     "= 1002 new message inside an unfinished one\n",
     6 + 1 + 1},
    {"binary inside an unfinished message",
     {{0x01, S("a")}, {0x89, S("")}, {0x02, S("b")}},
     "ping 0\n= 1002 new message inside an unfinished one\n",
     6 + 1 + 6 + 1},
    {"fragmented ping",
     {{0x09, S("a")}, {0x80, S("b")}},
     "= 1002 fragmented control frame\n",
     1},
    {"fragmented close",
     {{0x08, S("")}},
     "= 1002 fragmented control frame\n",
     1},
    {"fragmented pong",
     {{0x0A, S("")}},
     "= 1002 fragmented control frame\n",
     1},
    {"continuation of a text after a ping is not the ping's",
     {{0x01, S("a")}, {0x89, S("")}, {0x00, S("b")}, {0x80, S("c")}},
     "ping 0\ntext 3 abc\n",
     0},
};

static const sequence_t texts[] = {
    {"UTF-8 text",
     {{0x81, S("\xE4\xB8\xAD\xF0\x9F\x98\x80")}},
     "text 7 \\E4\\B8\\AD\\F0\\9F\\98\\80\n",
     0},
    {"UTF-8 character across fragments",
     {{0x01, S("\xE4")}, {0x00, S("\xB8")}, {0x89, S("")}, {0x80, S("\xAD")}},
     "ping 0\ntext 3 \\E4\\B8\\AD\n",
     0},
    {"bad UTF-8 fails at its first byte",
     {{0x81, S("ab\xFF"
               "cdef")}},
     "= 1007 text is not UTF-8\n",
     6 + 3},
    {"bad UTF-8 in a fragment fails before the last one",
     {{0x01, S("ok")}, {0x00, S("x\xC0y")}, {0x80, S("ok")}},
     "= 1007 text is not UTF-8\n",
     6 + 2 + 6 + 2},
    {"bad UTF-8 across fragments",
     {{0x01, S("\xE4\xB8")}, {0x80, S("a")}},
     "= 1007 text is not UTF-8\n",
     6 + 2 + 6 + 1},
    {"surrogate across fragments",
     {{0x01, S("\xED")}, {0x80, S("\xA0\x80")}},
     "= 1007 text is not UTF-8\n",
     6 + 1 + 6 + 1},
    {"text ends inside a character",
     {{0x81, S("a\xE4\xB8")}},
     "= 1007 text ends inside a UTF-8 character\n",
     6 + 3},
    {"fragmented text ends inside a character",
     {{0x01, S("\xC3")}, {0x80, S("")}},
     "= 1007 text ends inside a UTF-8 character\n",
     6 + 1 + 6},
    {"binary may hold what is not UTF-8",
     {{0x02, S("\xFF\xC0")}, {0x80, S("\x80")}},
     "binary 3 \\FF\\C0\\80\n",
     0},
    {"a new text starts with a fresh UTF-8 state",
     {{0x82, S("\xE4")}, {0x81, S("a")}},
     "binary 1 \\E4\ntext 1 a\n",
     0},
    {"ping's payload need not be UTF-8",
     {{0x01, S("\xC3")}, {0x89, S("\xFF")}, {0x80, S("\xA9")}},
     "ping 1 \\FF\ntext 2 \\C3\\A9\n",
     0},
};

static const sequence_t closes[] = {
    {"close without a code", {{0x88, S("")}}, "close 1005\n= 1000\n", 0},
    {"close with a code", {{0x88, S("\x03\xE9")}}, "close 1001\n= 1000\n", 0},
    {"close with a reason",
     {{0x88, S("\x0F\xA0"
               "bye \xE4\xB8\xAD")}},
     "close 4000 bye \\E4\\B8\\AD\n= 1000\n",
     0},
    {"close with half a code",
     {{0x88, S("\x03")}},
     "= 1002 close frame with half a code\n",
     0},
    {"close with a code that may not be sent",
     {{0x88, S("\x03\xEDwhy")}},
     "= 1002 close code may not be sent\n",
     0},
    {"close reason is not UTF-8",
     {{0x88, S("\x03\xE8\xFF")}},
     "= 1007 close reason is not UTF-8\n",
     0},
    {"close reason ends inside a character",
     {{0x88, S("\x03\xE8\xE4\xB8")}},
     "= 1007 close reason is not UTF-8\n",
     0},
};

static void test_sequences(const sequence_t *from, size_t count)
{
    size_t i, j;

    for (i = 0; i < count; i++) {
        restart();
        for (j = 0; j < 6 && from[i].frames[j].payload != NULL; j++) {
            const frame_t *frame = &from[i].frames[j];
            client_frame(&client, frame->first, frame->payload, frame->len);
        }
        check(from[i].name, from[i].want, from[i].fails_at);
    }
}

/* ---- bytes as RFC 6455 section 5.7 prints them ---- */

static void test_rfc_examples(void)
{
    uint8_t long_frame[256] = {0};

    restart();
    client_add(&client, S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"));
    check("RFC 6455 5.7: masked text", "text 5 Hello\n", 0);
    restart();
    client_add(&client, S("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"));
    check("RFC 6455 5.7: masked pong", "pong 5 Hello\n", 0);
    restart();
    client_add(&client, S("\x81\x05\x48\x65\x6c\x6c\x6f"));
    check("RFC 6455 5.7: unmasked text is refused from a client",
          "= 1002 frame is not masked\n", 2);
    restart();
    client_add(&client, S("\x89\x05\x48\x65\x6c\x6c\x6f"));
    check("RFC 6455 5.7: unmasked ping is refused from a client",
          "= 1002 frame is not masked\n", 2);
    restart();
    client_frame(&client, 0x82, long_frame, sizeof(long_frame));
    is_mem(client.bytes, "\x82\xFE\x01\x00", 4, "256 bytes: 82 FE 0100");
    check("RFC 6455 5.7: 256 bytes of binary", "binary 256 #\n", 0);
}

/* ---- the two first bytes, exhaustively ---- */

/* The verdict on a first byte, from the RFC's words. */
static const char *first_byte_verdict(unsigned first, bool in_message)
{
    unsigned op = first & 0x0F;
    bool fin = (first & 0x80) != 0;

    if ((first & 0x70) != 0) {
        return "reserved bit without an extension";
    }
    if ((op > 2 && op < 8) || op > 10) {
        return "unknown opcode";
    }
    if (op >= 8) {
        return fin ? NULL : "fragmented control frame";
    }
    if (op == 0) {
        return in_message ? NULL : "continuation frame without a message";
    }
    return in_message ? "new message inside an unfinished one" : NULL;
}

static bool first_byte_agrees(unsigned first, bool in_message)
{
    record_t record = {.len = 0};
    wsp_reader_t reader = {.left = 0};
    const char *why = NULL, *want = first_byte_verdict(first, in_message);
    wsp_close_t code;

    restart();
    if (in_message) {
        client_frame(&client, 0x01, "a", 1);
    }
    client_add(&client, &(uint8_t){(uint8_t)first}, 1);
    code = feed(&reader, &record, 0, client.len, &why);
    wsp_reader_clear(&reader);
    return record.events == 0 && tap_str_is_equal(why, want) &&
           code == (want != NULL ? WSP_CLOSE_PROTOCOL : WSP_CLOSE_NONE);
}

static void test_first_byte(void)
{
    unsigned first, wrong = 0;

    for (first = 0; first < 256; first++) {
        wrong += !first_byte_agrees(first, false);
        wrong += !first_byte_agrees(first, true);
    }
    is_int(wrong, 0, "first byte: all 256, between and inside messages");
}

static bool second_byte_agrees(unsigned first, unsigned second)
{
    record_t record = {.len = 0};
    wsp_reader_t reader = {.left = 0};
    const char *why = NULL, *want = NULL;
    wsp_close_t code;

    if (second < 0x80) {
        want = "frame is not masked";
    }
    else if (first >= 0x88 && second > 0x80 + 125) {
        want = "control frame over 125 bytes";
    }
    restart();
    client_add(&client, &(uint8_t){(uint8_t)first}, 1);
    client_add(&client, &(uint8_t){(uint8_t)second}, 1);
    code = feed(&reader, &record, 0, 2, &why);
    wsp_reader_clear(&reader);
    return tap_str_is_equal(why, want) &&
           code == (want != NULL ? WSP_CLOSE_PROTOCOL : WSP_CLOSE_NONE);
}

static void test_second_byte(void)
{
    static const unsigned firsts[] = {0x01, 0x02, 0x81, 0x82, 0x88, 0x89, 0x8A};
    unsigned second, wrong = 0;
    size_t i;

    for (i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        for (second = 0; second < 256; second++) {
            wrong += !second_byte_agrees(firsts[i], second);
        }
    }
    is_int(wrong, 0, "second byte: mask bit and control length, all 256");
}

/* ---- lengths ---- */

typedef struct {
    const char *name;
    size_t form;
    uint64_t len;
    const char *want;
} length_t;

#define NOT_SHORTEST "= 1002 frame length is not in its shortest form\n"
#define TOO_BIG "= 1009 message is too big\n"
#define OVER_63 "= 1002 frame length over 63 bits\n"

static const length_t lengths[] = {
    {"length 0 in 16 bits", 2, 0, NOT_SHORTEST},
    {"length 125 in 16 bits", 2, 125, NOT_SHORTEST},
    {"length 0 in 64 bits", 8, 0, NOT_SHORTEST},
    {"length 125 in 64 bits", 8, 125, NOT_SHORTEST},
    {"length 126 in 64 bits", 8, 126, NOT_SHORTEST},
    {"length 65535 in 64 bits", 8, 65535, NOT_SHORTEST},
    {"length 65536 over the maximum", 8, 65536, TOO_BIG},
    {"length 1001, one over the maximum", 2, 1001, TOO_BIG},
    {"length 2^31", 8, (uint64_t)1 << 31, TOO_BIG},
    {"length 2^32", 8, (uint64_t)1 << 32, TOO_BIG},
    {"length 2^32 + 1", 8, ((uint64_t)1 << 32) + 1, TOO_BIG},
    {"length 2^63 - 1", 8, INT64_MAX, TOO_BIG},
    {"length 2^63", 8, (uint64_t)1 << 63, OVER_63},
    {"length 2^63 + 5", 8, ((uint64_t)1 << 63) + 5, OVER_63},
    {"length 2^64 - 1", 8, UINT64_MAX, OVER_63},
};

static void test_lengths(void)
{
    size_t i;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        const length_t *l = &lengths[i];
        restart();
        client_header(&client, 0x82, l->form, l->len);
        check(l->name, l->want, 2 + l->form);
    }
}

static void test_whole_lengths(void)
{
    static const size_t sizes[] = {1, 124, 125, 126, 127, 255, 256, 999, 1000};
    static uint8_t payload[1000];
    char want[40], name[40];
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(payload, 'p', sizeof(payload));
        restart();
        client_frame(&client, 0x82, payload, sizes[i]);
        snprintf(name, sizeof(name), "a message of %zu bytes", sizes[i]);
        snprintf(want, sizeof(want), "binary %zu %s\n", sizes[i],
                 sizes[i] == 1 ? "p" : "#");
        check(name, want, 0);
    }
    restart();
    client_frame(&client, 0x89, payload, 125);
    check("a ping of 125 bytes", "ping 125 #\n", 0);
}

static void test_message_limit(void)
{
    static uint8_t half[500];

    restart();
    client_frame(&client, 0x02, half, 500);
    client_frame(&client, 0x00, half, 499);
    client_frame(&client, 0x89, half, 125);
    client_frame(&client, 0x80, half, 1);
    check("fragments up to the maximum, control frames not counted",
          "ping 125 #\nbinary 1000 #\n", 0);
    restart();
    client_frame(&client, 0x02, half, 500);
    client_header(&client, 0x80, 2, 501);
    check("fragments over the maximum fail at the length", TOO_BIG,
          6 + 2 + 500 + 4);
}

/* ---- limits and the end ---- */

static void add_fragments(size_t count)
{
    size_t i;

    client_frame(&client, 0x02, "a", 1);
    for (i = 2; i < count; i++) {
        client_frame(&client, 0x00, "", 0);
    }
    client_frame(&client, 0x80, "z", 1);
}

static void test_fragment_limit(void)
{
    static record_t record;

    restart();
    add_fragments(WSP_READER_FRAGMENTS_MAX);
    run(&record, 0, 1000);
    is_str(record.text, "binary 2 az\n", "fragments: as many as permitted");
    add_fragments(WSP_READER_FRAGMENTS_MAX);
    run(&record, 0, 1000);
    is_str(record.text, "binary 2 az\nbinary 2 az\n",
           "fragments: counted anew for each message");
    restart();
    add_fragments(WSP_READER_FRAGMENTS_MAX + 1);
    run(&record, 0, 1000);
    is_str(record.text, "= 1008 too many fragments\n", "fragments: one more");
}

static void test_all_close_codes(void)
{
    static record_t record;
    unsigned code, wrong = 0;

    for (code = 0; code <= 65535; code++) {
        uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)(code & 0xFF)};
        char want[40];
        snprintf(want, sizeof(want), "close %u\n= 1000\n", code);
        restart();
        client_frame(&client, 0x88, payload, 2);
        run(&record, 0, 100);
        wrong += strcmp(record.text,
                        wsp_close_is_valid_on_wire(code)
                            ? want
                            : "= 1002 close code may not be sent\n") != 0;
    }
    is_int(wrong, 0, "close frame: all 65536 codes");
}

/* Feed all at once with a callback that stops at event @a stop_at. */
static void test_stop_at(unsigned stop_at, const char *want, const char *name)
{
    record_t record = {.stop_at = stop_at, .stop_with = WSP_CLOSE_POLICY};
    wsp_reader_t reader = {.left = 0};
    const char *why = NULL;
    wsp_close_t code = feed(&reader, &record, 0, client.len, &why);

    is_int(code, WSP_CLOSE_POLICY, "%s: its code is returned", name);
    is_str(record.text, want, "%s: nothing comes after", name);
    ok(why == NULL, "%s: why is the callback's to say", name);
    is_int(wsp_reader_held_bytes(&reader), 0, "%s: nothing is held", name);
    wsp_reader_clear(&reader);
}

static void test_callback_stops(void)
{
    restart();
    client_frame(&client, 0x81, "a", 1);
    client_frame(&client, 0x89, "b", 1);
    client_frame(&client, 0x01, "c", 1);
    client_frame(&client, 0x80, "d", 1);
    client_frame(&client, 0x81, "e", 1);
    test_stop_at(1, "text 1 a\n", "a message's callback stops");
    test_stop_at(2, "text 1 a\nping 1 b\n", "a ping's callback stops");
    test_stop_at(3, "text 1 a\nping 1 b\ntext 2 cd\n",
                 "a held message's callback stops");
}

static void test_nothing_fed(void)
{
    record_t record = {.len = 0};
    wsp_reader_t reader = {.left = 0};
    const char *why = NULL;

    is_int(wsp_reader_feed(&reader, NULL, 0, MAX_MESSAGE, &record_cbs, &record,
                           &why),
           WSP_CLOSE_NONE, "feeding nothing is harmless");
    ok(sizeof(reader) <= 96, "an idle reader is %zu bytes", sizeof(reader));
}

int main(void)
{
    tap_start(120);
    test_sequences(sequences, sizeof(sequences) / sizeof(sequences[0]));
    test_sequences(texts, sizeof(texts) / sizeof(texts[0]));
    test_sequences(closes, sizeof(closes) / sizeof(closes[0]));
    test_rfc_examples();
    test_first_byte();
    test_second_byte();
    test_lengths();
    test_whole_lengths();
    test_message_limit();
    test_fragment_limit();
    test_all_close_codes();
    test_callback_stops();
    test_nothing_fed();
    return done_testing();
}
