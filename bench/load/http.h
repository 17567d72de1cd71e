/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: one blocking HTTP or WebSocket exchange at a time, for the modes
 * that do things in turn (warm-up of a publisher, seam).
 */
#ifndef WSP_LOAD_HTTP_H
#define WSP_LOAD_HTTP_H

#include "ws.h"

/** Connect and wait for it. @return descriptor (non-blocking), -1: errno */
int wsp_http_dial(const wsp_target_t *target, uint32_t index);

/** Wait until it is readable. @return false: not in time */
bool wsp_http_readable(int fd, int timeout_ms);

/**
 * Send a request and read the whole answer.
 * @param head out: status, WSPush-Id, close
 * @return false: no complete answer within 10 seconds
 */
bool wsp_http_exchange(int fd, const char *request, size_t len,
                       wsp_http_head_t *head);

/** Write a POST. @param out room for size + 512 bytes @return its length */
size_t wsp_http_post(const wsp_load_options_t *o, const char *channel,
                     const char *body, size_t size, char *out);

/** Length of the answer that @a data begins with, head and body.
 *  @param used out: its length */
wsp_parse_t wsp_http_answer(const char *data, size_t len, wsp_http_head_t *head,
                            size_t *used);

#endif
