/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O room of one process: its threads, what they share with the workers,
 * and how they end. Only this and the mailboxes are seen by several threads.
 */
#ifndef WSP_IO_CORE_H
#define WSP_IO_CORE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "io/loop.h"

typedef struct {
    wsp_io_t *io;
    pthread_t thread;
    bool is_started;     /* there is a thread to join */
    atomic_int tid;      /* as the kernel knows it; 0: not started */
    apr_status_t status; /* of its start, once io->started was posted */
    const char *why;
    wsp_loop_t loop;
} wsp_io_thread_t;

struct wsp_io {
    wsp_registry_t *registry;
    wsp_io_host_t host;
    unsigned thread_count;
    unsigned capacity; /* clients this process may hold */
    atomic_uint open;  /* clients and tickets it holds */
    atomic_uint next;  /* thread for the next ticket */
    sem_t started;     /* posted by each thread, ready or failed */
    /* Written by wsp_io_stop before is_stopping, which publishes them. */
    wsp_close_t stop_code;
    const char *stop_reason;
    unsigned stop_flush_ms;
    atomic_bool is_stopping;
    atomic_uint running;   /* threads that have not ended */
    int done_fd;           /* eventfd: a thread has ended */
    wsp_mailbox_t orphans; /* tickets submitted too late, to be freed */
    wsp_io_thread_t threads[];
};

/** A client or ticket of that seat's thread is gone. @context any thread */
void wsp_io_release(wsp_io_t *io, wsp_seat_t *seat);

/** Milliseconds of a clock that never goes back; async-signal-safe. */
uint64_t wsp_clock_ms(void);

#endif
