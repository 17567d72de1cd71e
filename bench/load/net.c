/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: sockets, loopback only (see net.h).
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOURCES 250U /* 127.0.0.2 .. 127.0.0.251 */

static const char *skip_scheme(const char *url)
{
    static const char *const schemes[] = {"http://", "ws://"};

    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(url, schemes[i], len) == 0) {
            return url + len;
        }
    }
    return NULL;
}

bool wsp_net_target(const char *url, wsp_target_t *target, const char **why)
{
    char host[24];
    unsigned port = 80;
    int used = 0;
    const char *rest = skip_scheme(url);

    *why = "must look like http://127.0.0.1:8080/push/";
    if (!rest || sscanf(rest, "%23[a-z0-9.]%n", host, &used) != 1) {
        return false;
    }
    rest += used;
    if (*rest == ':') {
        if (sscanf(rest, ":%5u%n", &port, &used) != 1 || port == 0 ||
            port > 65535) {
            return false;
        }
        rest += used;
    }
    size_t len = strlen(rest);
    if (*rest != '/' || rest[len - 1] != '/' || len >= sizeof(target->path) ||
        strpbrk(rest, " \r\n?#")) {
        *why = "the path must begin and end with a slash";
        return false;
    }
    struct sockaddr_in *a = &target->address;
    memset(target, 0, sizeof(*target));
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)port);
    const char *ip = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, ip, &a->sin_addr) != 1 ||
        (ntohl(a->sin_addr.s_addr) >> 24) != 127) {
        *why = "only loopback addresses (127.x.y.z, localhost) are allowed";
        return false;
    }
    target->port = (uint16_t)port;
    snprintf(target->host, sizeof(target->host), "%s:%u", host, port);
    memcpy(target->path, rest, len + 1);
    return true;
}

int wsp_net_connect(const wsp_target_t *target, uint32_t index, uint32_t rcvbuf)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    from.sin_addr.s_addr = htonl(0x7f000002U + index % SOURCES);
    /* The port is chosen at connect, when the whole 4-tuple is known. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (rcvbuf) {
        int size = (int)rcvbuf;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
    if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) == 0 &&
        (connect(fd, (const struct sockaddr *)&target->address,
                 sizeof(target->address)) == 0 ||
         errno == EINPROGRESS)) {
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int wsp_net_connect_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error
                                                                   : errno;
}

void wsp_net_reset_on_close(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

bool wsp_net_local(int fd, uint32_t *ip, uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);

    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        return false;
    }
    *ip = a.sin_addr.s_addr;
    *port = a.sin_port;
    return true;
}

uint32_t wsp_net_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 256;
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > 1000000 ? 1000000 : (uint32_t)limit.rlim_cur;
}

uint64_t wsp_net_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}
