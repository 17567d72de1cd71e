/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meta lines: the size foretold is the size written, and a client that splits
 * the header at LF reads exactly the values, cut where they would have forged
 * a line.
 *
 * Input: | kind | five value lengths | the values ... |
 */
#include "protocol/meta.h"

#include "fuzz.h"

#define VALUES 5u

static const char *const names[VALUES] = {
    "id: ", "content-type: ", "channel: ", "event: ", "gap: "};

static size_t safe_len(const uint8_t *value, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (value[i] == 0 || value[i] == '\n' || value[i] == '\r') {
            return i;
        }
    }
    return len;
}

/* Compare "name: value\n" at @a at. @return what follows it */
static const char *expect_line(const char *at, const char *end,
                               const char *name, const uint8_t *value,
                               size_t len)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t name_len = strlen(name);

    MUST(newline != NULL && (size_t)(newline - at) == name_len + len);
    MUST(memcmp(at, name, name_len) == 0);
    MUST(memcmp(at + name_len, value, len) == 0);
    return newline + 1;
}

static void check_lines(wsp_meta_t kind, const char *out, size_t bytes,
                        uint8_t *const *values, const size_t *lens)
{
    const char *at = out, *end = out + bytes;
    size_t i, shown = kind == WSP_META_NCHAN ? 2 : VALUES;

    if (kind == WSP_META_NONE) {
        MUST(bytes == 0);
        return;
    }
    for (i = 0; i < shown; i++) {
        size_t len = safe_len(values[i], lens[i]);
        if (len > 0) {
            at = expect_line(at, end, names[i], values[i], len);
        }
    }
    MUST(end - at == 1 && *at == '\n');
}

static wsp_text_t value_of(const uint8_t *value, size_t len)
{
    wsp_text_t t = {(const char *)value, len};
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_t input = {data, size};
    wsp_meta_t kind = (wsp_meta_t)(input_byte(&input) % 3);
    wsp_meta_lines_t lines;
    uint8_t *values[VALUES];
    size_t lens[VALUES], i, bytes;
    char *out;

    for (i = 0; i < VALUES; i++) {
        lens[i] = input_byte(&input);
    }
    for (i = 0; i < VALUES; i++) {
        values[i] = input_copy(&input, &lens[i]);
    }
    lines.id = value_of(values[0], lens[0]);
    lines.content_type = value_of(values[1], lens[1]);
    lines.channel = value_of(values[2], lens[2]);
    lines.event = value_of(values[3], lens[3]);
    lines.gap = value_of(values[4], lens[4]);
    bytes = wsp_meta_bytes(kind, &lines);
    out = malloc(bytes);
    MUST(out != NULL || bytes == 0);
    MUST(wsp_meta_write(kind, &lines, out) == bytes);
    check_lines(kind, out, bytes, values, lens);
    for (i = 0; i < VALUES; i++) {
        free(values[i]);
    }
    free(out);
    return 0;
}
