/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: WebSocket client frames and HTTP answers (see ws.h).
 *
 * The nonce is always RFC 6455's own example, whose Sec-WebSocket-Accept is
 * known, so that no SHA-1 is needed here: this tool looks for load and order,
 * and the accept value is compared exactly all the same.
 */
#include "ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define HEAD_MAX 16384U

size_t wsp_ws_request(const wsp_load_options_t *o, const char *channel,
                      char *out, size_t size)
{
    int len =
        snprintf(out, size,
                 "GET %s%s HTTP/1.1\r\nHost: %s\r\n"
                 "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: " WS_KEY "\r\n"
                 "Sec-WebSocket-Version: 13\r\n%s%s%s\r\n",
                 o->target.path, channel, o->target.host,
                 o->meta ? "Sec-WebSocket-Protocol: ws+meta.nchan\r\n" : "",
                 o->header ? o->header : "", o->header ? "\r\n" : "");

    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

/* A header's value between head and end. @return false: not there */
static bool header_value(const char *head, const char *end, const char *name,
                         const char **value, size_t *len)
{
    size_t name_len = strlen(name);

    for (const char *line = head; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) {
            return false;
        }
        if ((size_t)(stop - line) > name_len && line[name_len] == ':' &&
            strncasecmp(line, name, name_len) == 0) {
            const char *v = line + name_len + 1;
            while (v < stop && (*v == ' ' || *v == '\t')) {
                v++;
            }
            while (stop > v && (stop[-1] == '\r' || stop[-1] == ' ')) {
                stop--;
            }
            *value = v;
            *len = (size_t)(stop - v);
            return true;
        }
        line = stop + 1;
    }
    return false;
}

static bool header_is(const char *head, const char *end, const char *name,
                      const char *want)
{
    const char *value;
    size_t len;

    return header_value(head, end, name, &value, &len) && len == strlen(want) &&
           strncasecmp(value, want, len) == 0;
}

/* Does the comma-separated header hold the word? */
static bool header_has(const char *head, const char *end, const char *name,
                       const char *word)
{
    const char *value;
    size_t len, word_len = strlen(word);

    if (!header_value(head, end, name, &value, &len)) {
        return false;
    }
    for (size_t i = 0; i + word_len <= len; i++) {
        bool starts = i == 0 || value[i - 1] == ' ' || value[i - 1] == ',';
        bool ends = i + word_len == len || value[i + word_len] == ' ' ||
                    value[i + word_len] == ',';
        if (starts && ends && strncasecmp(value + i, word, word_len) == 0) {
            return true;
        }
    }
    return false;
}

static bool header_there(const char *head, const char *end, const char *name)
{
    const char *value;
    size_t len;

    return header_value(head, end, name, &value, &len);
}

wsp_parse_t wsp_ws_check_answer(const wsp_load_options_t *o, const char *data,
                                size_t len, size_t *used, const char **why)
{
    static const char line[] = "HTTP/1.1 101 ";
    static char text[80];
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    const char *accept;
    size_t accept_len;

    if (!end) {
        *why = "answer without an end";
        return len > HEAD_MAX ? WSP_PARSE_BAD : WSP_PARSE_MORE;
    }
    end += 2;
    *used = (size_t)(end - data) + 2;
    *why = NULL;
    if (*used < sizeof(line) || memcmp(data, line, sizeof(line) - 1) != 0) {
        size_t n = (size_t)((const char *)memchr(data, '\r', len) - data);
        snprintf(text, sizeof(text), "answered %.*s", (int)(n < 60 ? n : 60),
                 data);
        *why = text;
    }
    else if (!header_is(data, end, "Upgrade", "websocket")) {
        *why = "101 without Upgrade: websocket";
    }
    else if (!header_has(data, end, "Connection", "upgrade")) {
        *why = "101 without Connection: Upgrade";
    }
    else if (!header_value(data, end, "Sec-WebSocket-Accept", &accept,
                           &accept_len) ||
             accept_len != strlen(WS_ACCEPT) ||
             memcmp(accept, WS_ACCEPT, accept_len) != 0) {
        *why = "wrong Sec-WebSocket-Accept";
    }
    else if (o->meta ? !header_is(data, end, "Sec-WebSocket-Protocol",
                                  "ws+meta.nchan")
                     : header_there(data, end, "Sec-WebSocket-Protocol")) {
        *why = "wrong Sec-WebSocket-Protocol";
    }
    else if (header_there(data, end, "Sec-WebSocket-Extensions")) {
        *why = "an extension that was not offered";
    }
    else if (header_there(data, end, "Content-Length") ||
             header_there(data, end, "Transfer-Encoding")) {
        *why = "a body's header in a 101";
    }
    return *why ? WSP_PARSE_BAD : WSP_PARSE_OK;
}

unsigned wsp_ws_close_code(const wsp_ws_frame_t *frame)
{
    return frame->len < 2 ? 1005U
                          : (unsigned)frame->data[0] << 8 | frame->data[1];
}

static bool close_code_valid(unsigned code)
{
    return (code >= 3000 && code <= 4999) ||
           (code >= 1000 && code <= 1014 && code != 1004 && code != 1006);
}

static const char *frame_fault(const uint8_t *data, const wsp_ws_frame_t *f)
{
    if (f->op == WSP_OP_CLOSE && f->len == 1) {
        return "a close frame with one byte";
    }
    if (f->op == WSP_OP_CLOSE && !close_code_valid(wsp_ws_close_code(f))) {
        return "a close code that must not be sent";
    }
    return data[0] & 0x80 ? NULL : "a message in several frames";
}

static const char *head_fault(const uint8_t *data)
{
    unsigned op = data[0] & 0x0fU, len = data[1] & 0x7fU;

    if (data[0] & 0x70) {
        return "a reserved bit is set";
    }
    if (data[1] & 0x80) {
        return "a masked frame from the server";
    }
    if (op == 0) {
        return "a continuation frame";
    }
    if (op > WSP_OP_PONG || (op > WSP_OP_BINARY && op < WSP_OP_CLOSE)) {
        return "an unknown opcode";
    }
    if (op >= WSP_OP_CLOSE && (len > 125 || !(data[0] & 0x80))) {
        return "a control frame that is too long or fragmented";
    }
    return NULL;
}

wsp_parse_t wsp_ws_decode(const uint8_t *data, size_t len,
                          wsp_ws_frame_t *frame, const char **why)
{
    if (len < 2) {
        return WSP_PARSE_MORE;
    }
    *why = head_fault(data);
    if (*why) {
        return WSP_PARSE_BAD;
    }
    size_t head = 2, count = data[1] & 0x7fU;
    if (count >= 126) {
        size_t width = count == 126 ? 2 : 8;
        head += width;
        if (len < head) {
            return WSP_PARSE_MORE;
        }
        uint64_t n = 0;
        for (size_t i = 0; i < width; i++) {
            n = n << 8 | data[2 + i];
        }
        *why = n < (width == 2 ? 126U : 65536U) ? "a length that is not minimal"
               : n > (1U << 24)                 ? "an absurd length"
                                                : NULL;
        if (*why) {
            return WSP_PARSE_BAD;
        }
        count = (size_t)n;
    }
    frame->op = data[0] & 0x0fU;
    frame->data = data + head;
    frame->len = count;
    frame->used = head + count;
    if (len < frame->used) {
        return WSP_PARSE_MORE;
    }
    *why = frame_fault(data, frame);
    return *why ? WSP_PARSE_BAD : WSP_PARSE_OK;
}

static uint32_t next_mask(void)
{
    static uint32_t state = 0x9e3779b9U;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

size_t wsp_ws_encode(uint8_t *out, unsigned op, const void *data, size_t len)
{
    uint32_t mask = next_mask();
    const uint8_t *from = data;
    size_t at = 2;

    out[0] = (uint8_t)(0x80U | op);
    if (len < 126) {
        out[1] = (uint8_t)(0x80U | len);
    }
    else {
        unsigned width = len < 65536 ? 2 : 8;
        out[1] = (uint8_t)(0x80U | (width == 2 ? 126U : 127U));
        for (unsigned i = 0; i < width; i++) {
            out[at++] = (uint8_t)((uint64_t)len >> (8 * (width - 1 - i)));
        }
    }
    memcpy(out + at, &mask, 4);
    const uint8_t *key = out + at;
    at += 4;
    for (size_t i = 0; i < len; i++) {
        out[at + i] = from[i] ^ key[i & 3];
    }
    return at + len;
}

size_t wsp_ws_parse_id(const char *text, size_t len, uint64_t *seconds,
                       uint64_t *number)
{
    uint64_t part[2] = {0, 0};
    size_t i = 0;

    for (int p = 0; p < 2; p++) {
        size_t start = i;
        while (i < len && text[i] >= '0' && text[i] <= '9' && i - start < 19) {
            part[p] = part[p] * 10 + (uint64_t)(text[i++] - '0');
        }
        if (i == start || (p == 0 && (i == len || text[i++] != ':'))) {
            return 0;
        }
    }
    *seconds = part[0];
    *number = part[1];
    return i;
}

wsp_parse_t wsp_http_head(const char *data, size_t len, wsp_http_head_t *head)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    const char *value;
    size_t value_len;

    if (!end) {
        return len > HEAD_MAX ? WSP_PARSE_BAD : WSP_PARSE_MORE;
    }
    if (len < 13 || memcmp(data, "HTTP/1.1 ", 9) != 0) {
        return WSP_PARSE_BAD;
    }
    end += 2;
    *head = (wsp_http_head_t){.status = (unsigned)strtoul(data + 9, NULL, 10),
                              .used = (size_t)(end - data) + 2};
    if (header_value(data, end, "Content-Length", &value, &value_len)) {
        head->body_len = strtoul(value, NULL, 10);
    }
    head->chunked = header_has(data, end, "Transfer-Encoding", "chunked");
    head->close = header_has(data, end, "Connection", "close");
    if (header_value(data, end, "WSPush-Id", &value, &value_len) &&
        wsp_ws_parse_id(value, value_len, &head->id_seconds,
                        &head->id_number) != value_len) {
        return WSP_PARSE_BAD;
    }
    return WSP_PARSE_OK;
}

wsp_parse_t wsp_http_chunked(const char *data, size_t len, size_t *used)
{
    size_t at = 0;

    for (;;) {
        const char *eol = memmem(data + at, len - at, "\r\n", 2);
        if (!eol) {
            return WSP_PARSE_MORE;
        }
        char *stop;
        size_t n = strtoul(data + at, &stop, 16);
        if (stop == data + at || n > HEAD_MAX) {
            return WSP_PARSE_BAD;
        }
        at = (size_t)(eol - data) + 2 + n + 2;
        if (at > len) {
            return WSP_PARSE_MORE;
        }
        if (n == 0) {
            *used = at;
            return WSP_PARSE_OK;
        }
    }
}
