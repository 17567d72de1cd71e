/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream: how bytes reach a client's socket. Everything above works on bytes;
 * what lies between them and the wire is behind these three functions, one
 * static table per kind of stream. There is one kind so far: a plain socket.
 */
#ifndef WSP_IO_STREAM_H
#define WSP_IO_STREAM_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/** All return -1 with errno as the system calls do; EAGAIN: try again when
 *  epoll says so. None raises SIGPIPE. @context io thread */
typedef struct {
    /** @return bytes read, 0 at the end of the stream */
    ssize_t (*recv)(int fd, void *buffer, size_t len);
    /** @return bytes written, possibly fewer than asked */
    ssize_t (*send)(int fd, struct iovec *pieces, unsigned count);
    /** Nothing more will be sent; the peer reads an end of stream. */
    void (*finish)(int fd);
} wsp_stream_t;

extern const wsp_stream_t wsp_stream_plain;

#endif
