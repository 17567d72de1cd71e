/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: HTTP exchanges (see http.h).
 */
#include "http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 10000

int wsp_http_dial(const wsp_target_t *target, uint32_t index)
{
    int fd = wsp_net_connect(target, index, 0);
    struct pollfd p = {fd, POLLOUT, 0};

    if (fd < 0) {
        return -1;
    }
    int error =
        poll(&p, 1, PATIENCE_MS) == 1 ? wsp_net_connect_error(fd) : ETIMEDOUT;
    if (error) {
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

bool wsp_http_readable(int fd, int timeout_ms)
{
    struct pollfd p = {fd, POLLIN, 0};

    return poll(&p, 1, timeout_ms) == 1;
}

size_t wsp_http_post(const wsp_load_options_t *o, const char *channel,
                     const char *body, size_t size, char *out)
{
    int head =
        snprintf(out, 512,
                 "POST %s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n"
                 "Content-Length: %zu\r\n%s%s\r\n",
                 o->target.path, channel, o->target.host,
                 o->binary ? "application/octet-stream" : "text/plain", size,
                 o->header ? o->header : "", o->header ? "\r\n" : "");

    if (head < 0 || head >= 512) {
        return 0;
    }
    memcpy(out + head, body, size);
    return (size_t)head + size;
}

wsp_parse_t wsp_http_answer(const char *data, size_t len, wsp_http_head_t *head,
                            size_t *used)
{
    wsp_parse_t got = wsp_http_head(data, len, head);

    if (got != WSP_PARSE_OK) {
        return got;
    }
    *used = head->used;
    if (head->chunked) {
        size_t body = 0;
        got = wsp_http_chunked(data + head->used, len - head->used, &body);
        *used += body;
        return got;
    }
    *used += head->body_len;
    return *used <= len ? WSP_PARSE_OK : WSP_PARSE_MORE;
}

bool wsp_http_exchange(int fd, const char *request, size_t len,
                       wsp_http_head_t *head)
{
    char answer[16384];
    size_t have = 0, used;

    if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) {
        return false;
    }
    while (have < sizeof(answer) && wsp_http_readable(fd, PATIENCE_MS)) {
        ssize_t n = recv(fd, answer + have, sizeof(answer) - have, 0);
        if (n <= 0) {
            return false;
        }
        have += (size_t)n;
        wsp_parse_t got = wsp_http_answer(answer, have, head, &used);
        if (got != WSP_PARSE_MORE) {
            return got == WSP_PARSE_OK && used == have;
        }
    }
    return false;
}
