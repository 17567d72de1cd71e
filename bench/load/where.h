/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: which process of the server holds the other end of a socket.
 * Found from outside, in /proc/net/tcp and /proc/PID/fd, so that it needs
 * nothing of the server; it needs its user's rights (or root's).
 */
#ifndef WSP_LOAD_WHERE_H
#define WSP_LOAD_WHERE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** A connection of ours, as getsockname says it (network order). */
typedef struct {
    uint32_t ip;
    uint16_t port;
    pid_t pid; /* out: the server's process, 0: cannot be told */
} wsp_where_t;

/** Fill in the pids. @a list is sorted by address on return. */
void wsp_where_find(wsp_where_t *list, size_t count, uint16_t server_port);

/** How many connections one process has. */
typedef struct {
    pid_t pid;
    uint32_t count;
} wsp_where_share_t;

/** Count per process, most first, unknown ones left out.
 *  @return number of processes, at most @a room */
size_t wsp_where_shares(const wsp_where_t *list, size_t count,
                        wsp_where_share_t *shares, size_t room);

#endif
