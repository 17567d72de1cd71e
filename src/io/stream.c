/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain stream (see stream.h): a socket as it is.
 */
#include "io/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static ssize_t plain_recv(int fd, void *buffer, size_t len)
{
    ssize_t n;
    do {
        n = recv(fd, buffer, len, 0);
    } while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t plain_send(int fd, struct iovec *pieces, unsigned count)
{
    struct msghdr message;
    ssize_t n;

    memset(&message, 0, sizeof message);
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    do {
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n;
}

static void plain_finish(int fd)
{
    (void)shutdown(fd, SHUT_WR);
}

const wsp_stream_t wsp_stream_plain = {plain_recv, plain_send, plain_finish};
