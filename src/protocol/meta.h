/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header lines that the subprotocols put before a message's body, so that a
 * WebSocket client can learn its id and resume.
 *
 *   ws+meta.nchan    id: ID\n[content-type: T\n]\nBODY
 *   ws+meta.wspush   the same, plus [channel: C\n][event: E\n][gap: ID\n]
 *
 * Values never contain CR, LF or NUL: the endpoint refuses them when a
 * message is published; the encoder cuts a value at such a byte all the same.
 */
#ifndef WSP_PROTOCOL_META_H
#define WSP_PROTOCOL_META_H

#include <stddef.h>

typedef enum {
    WSP_META_NONE = 0, /* plain: the body alone */
    WSP_META_NCHAN,    /* ws+meta.nchan */
    WSP_META_WSPUSH    /* ws+meta.wspush */
} wsp_meta_t;

/** A value; len 0 leaves its line out. Not NUL-terminated. */
typedef struct {
    const char *at;
    size_t len;
} wsp_text_t;

typedef struct {
    wsp_text_t id;
    wsp_text_t content_type;
    wsp_text_t channel; /* wspush only */
    wsp_text_t event;   /* wspush only */
    wsp_text_t gap;     /* wspush only */
} wsp_meta_lines_t;

/** Bytes wsp_meta_write will write; 0 for WSP_META_NONE. */
size_t wsp_meta_bytes(wsp_meta_t kind, const wsp_meta_lines_t *lines);

/**
 * Write the lines and the empty line that ends them.
 * @param out room for wsp_meta_bytes
 * @return bytes written
 * @context any thread
 */
size_t wsp_meta_write(wsp_meta_t kind, const wsp_meta_lines_t *lines,
                      char *out);

#endif
