/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the header lines of ws+meta.nchan and ws+meta.wspush (see meta.h).
 * The hub calls it once per message and encoding, when it builds the frame
 * that all subscribers of that subprotocol share.
 */
#include "protocol/meta.h"

#include <stdbool.h>
#include <string.h>

static bool ends_line(char c)
{
    return c == '\r' || c == '\n' || c == '\0';
}

/* The value up to the first byte that would end or forge a line. */
static size_t line_safe_len(wsp_text_t value)
{
    size_t len = 0;
    while (len < value.len && !ends_line(value.at[len])) {
        len++;
    }
    return len;
}

static size_t put(char *out, const char *from, size_t len)
{
    if (out != NULL) {
        memcpy(out, from, len);
    }
    return len;
}

/* Writes "name: value\n", or only counts it when @a out is NULL. */
static size_t put_line(char *out, size_t at, const char *name, wsp_text_t value)
{
    size_t len = line_safe_len(value);

    if (len == 0) {
        return at;
    }
    at += put(out != NULL ? out + at : NULL, name, strlen(name));
    at += put(out != NULL ? out + at : NULL, value.at, len);
    at += put(out != NULL ? out + at : NULL, "\n", 1);
    return at;
}

/* One body for both entry points, so that they can never disagree. */
static size_t put_lines(wsp_meta_t kind, const wsp_meta_lines_t *lines,
                        char *out)
{
    size_t at = 0;

    if (kind == WSP_META_NONE) {
        return 0;
    }
    at = put_line(out, at, "id: ", lines->id);
    at = put_line(out, at, "content-type: ", lines->content_type);
    if (kind == WSP_META_WSPUSH) {
        at = put_line(out, at, "channel: ", lines->channel);
        at = put_line(out, at, "event: ", lines->event);
        at = put_line(out, at, "gap: ", lines->gap);
    }
    return at + put(out != NULL ? out + at : NULL, "\n", 1);
}

size_t wsp_meta_bytes(wsp_meta_t kind, const wsp_meta_lines_t *lines)
{
    return put_lines(kind, lines, NULL);
}

size_t wsp_meta_write(wsp_meta_t kind, const wsp_meta_lines_t *lines, char *out)
{
    return put_lines(kind, lines, out);
}
