/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: sockets. The only place that names an address, and it takes
 * loopback addresses only: this tool must never be pointed at another machine.
 */
#ifndef WSP_LOAD_NET_H
#define WSP_LOAD_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    struct sockaddr_in address;
    uint16_t port;
    char host[32];  /* as the Host header says it */
    char path[256]; /* begins and ends with a slash */
} wsp_target_t;

/**
 * Read http://127.0.0.1:PORT/path/ (or ws://, or localhost).
 * @param why out: English text when it is refused
 */
bool wsp_net_target(const char *url, wsp_target_t *target, const char **why);

/**
 * Start a non-blocking connect from a source address that @a index picks among
 * 127.0.0.2 to 127.0.0.251, so that ports do not run out.
 * @param rcvbuf SO_RCVBUF, 0: the system's
 * @return the descriptor, or -1 with errno
 */
int wsp_net_connect(const wsp_target_t *target, uint32_t index,
                    uint32_t rcvbuf);

/** Result of a non-blocking connect: 0 or an errno. */
int wsp_net_connect_error(int fd);

/** Let the coming close(2) be a reset: no TIME_WAIT, the peer sees
 *  ECONNRESET. */
void wsp_net_reset_on_close(int fd);

/** Own address and port, both in network order. */
bool wsp_net_local(int fd, uint32_t *ip, uint16_t *port);

/** Raise the soft descriptor limit to the hard one. @return the limit */
uint32_t wsp_net_raise_limit(void);

/** CLOCK_MONOTONIC, the same for every process of the machine. */
uint64_t wsp_net_now_ns(void);

#endif
