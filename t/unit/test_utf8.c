/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8: vectors (Markus Kuhn's classes of errors), every code point, every
 * pair and quadruple of bytes that matters against an encoder and a slow
 * reference; each whole, byte by byte, at every split, up to a guard page.
 */
#include "protocol/utf8.h"

#include "guard.h"
#include "tap.h"

typedef struct {
    const char *name;
    const char *text;
    int bad_at; /* offset of the first impossible byte; -1: none */
    bool complete;
} vector_t;

static const vector_t vectors[] = {
    {"empty", "", -1, true},
    {"ASCII", "Hello", -1, true},
    {"Greek (kosme)", "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5", -1, true},
    {"Chinese", "\xE4\xB8\xAD\xE6\x96\x87", -1, true},
    {"emoji", "\xF0\x9F\x98\x80", -1, true},
    {"mixed", "a\xC3\xA9z\xE4\xB8\xAD!\xF0\x9F\x98\x80.", -1, true},
    {"first of 2 bytes U+0080", "\xC2\x80", -1, true},
    {"last of 2 bytes U+07FF", "\xDF\xBF", -1, true},
    {"first of 3 bytes U+0800", "\xE0\xA0\x80", -1, true},
    {"before the surrogates U+D7FF", "\xED\x9F\xBF", -1, true},
    {"after the surrogates U+E000", "\xEE\x80\x80", -1, true},
    {"noncharacter U+FFFF", "\xEF\xBF\xBF", -1, true},
    {"first of 4 bytes U+10000", "\xF0\x90\x80\x80", -1, true},
    {"last U+10FFFF", "\xF4\x8F\xBF\xBF", -1, true},
    {"half of 2", "\xC3", -1, false},
    {"third of 3", "\xE4", -1, false},
    {"two thirds of 3", "\xE4\xB8", -1, false},
    {"three quarters of 4", "\xF0\x9F\x98", -1, false},
    {"continuation first", "\x80", 0, false},
    {"last continuation first", "\xBF", 0, false},
    {"continuation after ASCII", "abc\x80", 3, false},
    {"lead then ASCII", "\xC3(", 1, false},
    {"lead of 3 then ASCII", "\xE4\xB8(", 2, false},
    {"lead of 4 then lead", "\xF0\x9F\x98\xC3", 3, false},
    {"overlong 2: C0", "\xC0\xAF", 0, false},
    {"overlong 2: C1", "\xC1\xBF", 0, false},
    {"overlong 3", "\xE0\x80\xAF", 1, false},
    {"overlong 3, highest", "\xE0\x9F\xBF", 1, false},
    {"overlong 4", "\xF0\x80\x80\xAF", 1, false},
    {"overlong 4, highest", "\xF0\x8F\xBF\xBF", 1, false},
    {"surrogate U+D800", "\xED\xA0\x80", 1, false},
    {"surrogate U+DFFF", "\xED\xBF\xBF", 1, false},
    {"CESU-8 pair", "\xED\xA0\xBD\xED\xB8\x80", 1, false},
    {"U+110000", "\xF4\x90\x80\x80", 1, false},
    {"F5", "\xF5\x80\x80\x80", 0, false},
    {"5 bytes", "\xF8\x88\x80\x80\x80", 0, false},
    {"6 bytes", "\xFC\x84\x80\x80\x80\x80", 0, false},
    {"FE", "\xFE", 0, false},
    {"FF", "\xFF", 0, false},
    {"Autobahn 6.4.1",
     "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80"
     "edited",
     12, false},
};

/* Feed text[from, to) from the guard page. */
static bool feed(wsp_utf8_t *state, const uint8_t *text, size_t from, size_t to)
{
    return wsp_utf8_feed(state, guard_copy(text + from, to - from), to - from);
}

/* Byte by byte: offset of the byte that fails, or -1. */
static int first_bad(const uint8_t *text, size_t len, wsp_utf8_t *state)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (!feed(state, text, i, i + 1)) {
            return (int)i;
        }
    }
    return -1;
}

static bool whole_agrees(const vector_t *v, const uint8_t *text, size_t len)
{
    wsp_utf8_t state = 0;
    bool fed = feed(&state, text, 0, len);

    return fed == (v->bad_at < 0) &&
           (!fed || wsp_utf8_is_complete(state) == v->complete) &&
           wsp_utf8_is_valid(text, len) == (fed && v->complete);
}

static bool splits_agree(const vector_t *v, const uint8_t *text, size_t len)
{
    size_t cut;

    for (cut = 0; cut <= len; cut++) {
        wsp_utf8_t state = 0;
        bool head = feed(&state, text, 0, cut);
        bool want = v->bad_at < 0 || (size_t)v->bad_at >= cut;
        if (head != want) {
            return false;
        }
        if (head && feed(&state, text, cut, len) != (v->bad_at < 0)) {
            return false;
        }
    }
    return true;
}

/* The vector behind @a shift letters, so that it meets each loop at each
 * offset, and before some, so that each loop sees it from within. */
static bool agrees_shifted(const vector_t *v, size_t shift)
{
    uint8_t text[256];
    size_t len = strlen(v->text), total = shift + len;
    vector_t moved = *v;
    wsp_utf8_t state = 0;

    memset(text, 'a', sizeof(text));
    memcpy(text + shift, v->text, len);
    if (v->bad_at >= 0) {
        moved.bad_at = v->bad_at + (int)shift;
    }
    if (!whole_agrees(&moved, text, total) ||
        !splits_agree(&moved, text, total) ||
        first_bad(text, total, &state) != moved.bad_at) {
        return false;
    }
    if (!v->complete && v->bad_at < 0) {
        moved.bad_at = (int)total; /* a letter cannot go on with it */
    }
    return whole_agrees(&moved, text, total + 70);
}

static void test_vectors(void)
{
    size_t i, shift;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        unsigned wrong = 0;
        for (shift = 0; shift <= 80; shift++) {
            wrong += !agrees_shifted(&vectors[i], shift);
        }
        is_int(wrong, 0, "%s: whole, bytewise, split, at every offset",
               vectors[i].name);
    }
}

static size_t encode(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xC0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xE0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (point & 0x3F));
    return 4;
}

static void test_all_points(void)
{
    uint32_t point;
    unsigned wrong = 0, valid = 0;

    for (point = 0; point < 0x1FFFFF; point++) {
        uint8_t bytes[4];
        size_t len = encode(point, bytes);
        bool want = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
        bool got = wsp_utf8_is_valid(bytes, len);
        valid += got;
        wrong += got != want;
    }
    is_int(wrong, 0, "all 21-bit numbers as code points");
    is_int(valid, 0x110000 - 0x800, "exactly Unicode's scalar values pass");
}

/* Is b[0..2) the start or the whole of valid text? From the RFC's grammar. */
static bool pair_can_begin(unsigned b0, unsigned b1)
{
    bool continues = b1 >= 0x80 && b1 <= 0xBF;

    if (b0 < 0x80) {
        return b1 < 0x80 || (b1 >= 0xC2 && b1 <= 0xF4);
    }
    switch (b0) {
    case 0xE0:
        return b1 >= 0xA0 && b1 <= 0xBF;
    case 0xED:
        return b1 >= 0x80 && b1 <= 0x9F;
    case 0xF0:
        return b1 >= 0x90 && b1 <= 0xBF;
    case 0xF4:
        return b1 >= 0x80 && b1 <= 0x8F;
    default:
        return b0 >= 0xC2 && b0 <= 0xF4 && continues;
    }
}

static void test_all_pairs(void)
{
    unsigned b0, b1, wrong = 0;

    for (b0 = 0; b0 < 256; b0++) {
        for (b1 = 0; b1 < 256; b1++) {
            uint8_t pair[2] = {(uint8_t)b0, (uint8_t)b1};
            wsp_utf8_t state = 0;
            bool whole = wsp_utf8_feed(&state, pair, 2);
            bool want = pair_can_begin(b0, b1);
            state = 0;
            wrong += whole != want || (first_bad(pair, 2, &state) < 0) != want;
        }
    }
    is_int(wrong, 0, "all 65536 pairs of bytes against the grammar");
}

/* The same lead and any second, third byte behind and before letters: the
 * quick way through common characters and the state machine must agree. */
static void test_all_triples(void)
{
    unsigned b0, b1, b2, wrong = 0;

    for (b0 = 0xC0; b0 < 256; b0++) {
        for (b1 = 0x70; b1 < 0xD0; b1++) {
            for (b2 = 0x70; b2 < 0xD0; b2++) {
                uint8_t text[4] = {(uint8_t)b0, (uint8_t)b1, (uint8_t)b2, 'x'};
                wsp_utf8_t whole = 0, single = 0;
                bool quick = wsp_utf8_feed(&whole, text, 4);
                bool slow = wsp_utf8_feed(&single, text, 1) &&
                            wsp_utf8_feed(&single, text + 1, 1) &&
                            wsp_utf8_feed(&single, text + 2, 1) &&
                            wsp_utf8_feed(&single, text + 3, 1);
                wrong += quick != slow || (quick && whole != single);
            }
        }
    }
    is_int(wrong, 0, "triples of bytes: whole and bytewise agree");
}

int main(void)
{
    tap_start(60);
    test_vectors();
    test_all_points();
    test_all_pairs();
    test_all_triples();
    return done_testing();
}
