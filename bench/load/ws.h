/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the client's side of the WebSocket protocol (RFC 6455) and of
 * HTTP/1.1 answers, over byte ranges. It is strict on purpose: whatever a
 * careful browser would refuse is reported, because it is the server that is
 * under test. Written apart from the module's own protocol room, so that one
 * mistake cannot hide in both.
 */
#ifndef WSP_LOAD_WS_H
#define WSP_LOAD_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

typedef enum { WSP_PARSE_MORE = 0, WSP_PARSE_OK, WSP_PARSE_BAD } wsp_parse_t;

enum {
    WSP_OP_TEXT = 1,
    WSP_OP_BINARY = 2,
    WSP_OP_CLOSE = 8,
    WSP_OP_PING = 9,
    WSP_OP_PONG = 10
};

/** One frame as it lies in the receive buffer. */
typedef struct {
    unsigned op;
    const uint8_t *data;
    size_t len;
    size_t used; /* bytes of the whole frame */
} wsp_ws_frame_t;

/** An HTTP answer's head. */
typedef struct {
    unsigned status;
    size_t used;                    /* bytes of the head */
    size_t body_len;                /* Content-Length */
    bool chunked, close;            /* Transfer-Encoding, Connection */
    uint64_t id_seconds, id_number; /* WSPush-Id, 0 when absent */
} wsp_http_head_t;

/** Write the upgrade request for @a channel. @return length */
size_t wsp_ws_request(const wsp_load_options_t *o, const char *channel,
                      char *out, size_t size);

/** Judge the answer to it, byte range so far. @param used out: its length */
wsp_parse_t wsp_ws_check_answer(const wsp_load_options_t *o, const char *data,
                                size_t len, size_t *used, const char **why);

/** Find the next frame. @param why out: which rule is broken */
wsp_parse_t wsp_ws_decode(const uint8_t *data, size_t len,
                          wsp_ws_frame_t *frame, const char **why);

/**
 * Write a masked frame.
 * @param out room for len + 14 bytes
 * @return its length
 */
size_t wsp_ws_encode(uint8_t *out, unsigned op, const void *data, size_t len);

/** The code of a close frame; 1005 when it has none. */
unsigned wsp_ws_close_code(const wsp_ws_frame_t *frame);

/** Read an answer's head. */
wsp_parse_t wsp_http_head(const char *data, size_t len, wsp_http_head_t *head);

/** Skip a chunked body. @param used out: its length */
wsp_parse_t wsp_http_chunked(const char *data, size_t len, size_t *used);

/** Read a message id, "seconds:n". @return characters used, 0: not an id */
size_t wsp_ws_parse_id(const char *text, size_t len, uint64_t *seconds,
                       uint64_t *number);

#endif
