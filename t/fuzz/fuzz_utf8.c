/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 against a slow reference that knows only the definition: a start of a
 * character is possible if some code point that Unicode permits begins so.
 *
 * Input: | cuts (fuzz.h) | the text ... |
 */
#include "protocol/utf8.h"

#include "fuzz.h"

/* Bytes of the character that @a lead begins; 0: none does. */
static size_t character_size(uint8_t lead)
{
    if ((lead & 0x80) == 0) {
        return 1;
    }
    if ((lead & 0xE0) == 0xC0) {
        return 2;
    }
    if ((lead & 0xF0) == 0xE0) {
        return 3;
    }
    return (lead & 0xF8) == 0xF0 ? 4 : 0;
}

/* Lowest or highest number that begins with the given bytes, the missing ones
 * being 10000000 or 10111111. */
static uint32_t extreme(const uint8_t *at, size_t have, size_t size,
                        uint8_t missing)
{
    static const uint8_t payload_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t number = at[0] & payload_bits[size];
    size_t i;

    for (i = 1; i < size; i++) {
        number = number << 6 | ((i < have ? at[i] : missing) & 0x3Fu);
    }
    return number;
}

/* Can at[0, have) begin, or be, one character? */
static bool is_possible(const uint8_t *at, size_t have)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = character_size(at[0]), i;
    uint32_t low, high;

    if (size == 0 || have > size) {
        return false;
    }
    for (i = 1; i < have; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return false;
        }
    }
    low = extreme(at, have, size, 0x80);
    high = extreme(at, have, size, 0xBF);
    if (high < least[size] || low > 0x10FFFF) {
        return false;
    }
    return !(low >= 0xD800 && high <= 0xDFFF);
}

/* @return offset of the first impossible byte, or len
 * @param complete out: do the possible bytes end with a whole character? */
static size_t reference(const uint8_t *text, size_t len, bool *complete)
{
    size_t start = 0, at;

    for (at = 0; at < len; at++) {
        if (!is_possible(text + start, at - start + 1)) {
            break;
        }
        if (at - start + 1 == character_size(text[start])) {
            start = at + 1;
        }
    }
    *complete = start == at;
    return at;
}

/* Feed in pieces; each must be judged by whether the bad byte is in it. */
static void check_pieces(input_t text, cuts_t cuts, size_t bad_at,
                         bool complete)
{
    wsp_utf8_t state = 0;
    size_t fed = 0;
    bool fine = true;

    while (text.left > 0 && fine) {
        size_t len = cuts_next(&cuts, text.left);
        uint8_t *piece = input_copy(&text, &len);
        fine = wsp_utf8_feed(&state, piece, len);
        free(piece);
        MUST(fine == (bad_at >= fed + len));
        fed += len;
    }
    MUST(!fine || wsp_utf8_is_complete(state) == complete);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_t input = {data, size};
    cuts_t cuts = input_cuts(&input), bytewise = {{1}, 1, 0};
    bool complete;
    size_t bad_at = reference(input.at, input.left, &complete);

    check_pieces(input, cuts, bad_at, complete);
    check_pieces(input, bytewise, bad_at, complete);
    MUST(wsp_utf8_is_valid(input.at, input.left) ==
         (bad_at == input.left && complete));
    return 0;
}
