/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facade's life cycle (io.h): starts the threads, takes offers from the
 * workers, ends the threads. Everything else in this room runs on one I/O
 * thread.
 *
 *   worker                        I/O thread
 *   prepare: count, copy ─ticket─┐
 *   submit ──────────────────────┴─mailbox─> join.c
 *
 *   main: is_stopping, wake ───────────────> stop.c, then running--, done_fd
 *         wait for done_fd <─────────────────┘
 *
 * Stopping may happen inside a signal handler: wsp_io_stop calls only what
 * POSIX allows there (stores to atomics, write, poll, clock_gettime) and the
 * system call that tells whether a thread still exists. So it does not join the
 * threads, which would free their stacks; wsp_io_free does.
 */
#include "io/core.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "io/alloc.h"
#include "io/stop.h"
#include "io/ticket.h"

/* How long a thread that had its flush_ms may take to end. */
#define STOP_GRACE_MS 1000u
#define THREAD_END_POLL_MS 1

uint64_t wsp_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* ---- capacity ---- */

/* @return the soft limit after raising it */
static uint64_t raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 1024;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t soft = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            limit.rlim_cur = soft;
        }
    }
    return limit.rlim_cur;
}

static uint64_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (dir == NULL) {
        return 0;
    }
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

static unsigned find_capacity(unsigned reserved, uint64_t limit)
{
    uint64_t used = open_descriptors() + reserved;
    uint64_t room = limit > used ? limit - used : 0;
    return room < INT32_MAX ? (unsigned)room : INT32_MAX;
}

static void log_capacity(const wsp_io_t *io, uint64_t limit)
{
    char line[160];

    if (io->host.log != NULL) {
        snprintf(line, sizeof line,
                 "room for %u clients in this process (descriptor limit %llu)",
                 io->capacity, (unsigned long long)limit);
        io->host.log(io->host.ctx, WSP_LOG_NOTICE, line);
    }
}

unsigned wsp_io_capacity(const wsp_io_t *io)
{
    return io->capacity;
}

unsigned wsp_io_clients(const wsp_io_t *io)
{
    return atomic_load(&io->open);
}

/* ---- threads ---- */

static void *thread_main(void *arg)
{
    wsp_io_thread_t *self = arg;
    wsp_io_t *io = self->io;
    uint64_t one = 1;

    self->status = wsp_loop_init(&self->loop, io, &self->why);
    if (self->status == APR_SUCCESS) {
        atomic_fetch_add(&io->running, 1);
        atomic_store(&self->tid, (int)syscall(SYS_gettid));
    }
    sem_post(&io->started);
    if (self->status != APR_SUCCESS) {
        return NULL;
    }
    wsp_loop_run(&self->loop);
    wsp_stop_run(&self->loop);
    atomic_fetch_sub(&io->running, 1);
    (void)!write(io->done_fd, &one, sizeof one);
    return NULL;
}

/* Signals are the main thread's: the children of httpd inherit nothing but
 * what the MPM has set up. */
static int start_thread(wsp_io_t *io, wsp_io_thread_t *thread)
{
    sigset_t all, old;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    thread->io = io;
    error = pthread_create(&thread->thread, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    thread->is_started = error == 0;
    return error;
}

static apr_status_t start_threads(wsp_io_t *io, const char **why)
{
    apr_status_t status = APR_SUCCESS;

    for (unsigned i = 0; i < io->thread_count && status == APR_SUCCESS; i++) {
        wsp_io_thread_t *thread = &io->threads[i];
        int error = start_thread(io, thread);
        if (error != 0) {
            *why = "no thread can be made";
            return APR_FROM_OS_ERROR(error);
        }
        while (sem_wait(&io->started) != 0) {
        }
        status = thread->status;
        *why = thread->why;
    }
    return status;
}

static wsp_io_t *make(const wsp_io_options_t *options)
{
    wsp_io_t *io =
        wsp_alloc(sizeof *io + options->threads * sizeof(wsp_io_thread_t));

    io->registry = options->registry;
    io->host = options->host;
    io->thread_count = options->threads;
    sem_init(&io->started, 0, 0);
    io->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return io;
}

apr_status_t wsp_io_start(const wsp_io_options_t *options, wsp_io_t **io,
                          const char **why)
{
    uint64_t limit = raise_descriptor_limit();
    wsp_io_t *made = make(options);
    apr_status_t status;

    if (made->done_fd < 0) {
        *why = "no eventfd can be made";
        status = APR_FROM_OS_ERROR(errno);
    }
    else {
        status = start_threads(made, why);
    }
    if (status != APR_SUCCESS) {
        wsp_io_stop(made, WSP_CLOSE_INTERNAL, *why, 0);
        wsp_io_free(made);
        return status;
    }
    made->capacity = find_capacity(options->reserved_fds, limit);
    log_capacity(made, limit);
    *io = made;
    return APR_SUCCESS;
}

/* ---- stop ---- */

static bool is_thread_gone(wsp_io_thread_t *thread)
{
    int tid = atomic_load(&thread->tid);
    return tid == 0 ||
           (syscall(SYS_tgkill, getpid(), tid, 0) < 0 && errno == ESRCH);
}

/* A thread that has said that it is done still has some instructions of this
 * module before it, which may be unloaded next. */
static bool are_threads_gone(wsp_io_t *io)
{
    for (unsigned i = 0; i < io->thread_count; i++) {
        if (!is_thread_gone(&io->threads[i])) {
            return false;
        }
    }
    return true;
}

static void wait_for_threads(wsp_io_t *io, uint64_t until_ms)
{
    struct pollfd done = {.fd = io->done_fd, .events = POLLIN};
    uint64_t now = wsp_clock_ms(), count;

    while (atomic_load(&io->running) > 0 && now < until_ms) {
        (void)poll(&done, 1, (int)(until_ms - now));
        (void)!read(io->done_fd, &count, sizeof count);
        now = wsp_clock_ms();
    }
    while (!are_threads_gone(io) && wsp_clock_ms() < until_ms) {
        (void)poll(NULL, 0, THREAD_END_POLL_MS);
    }
}

void wsp_io_stop(wsp_io_t *io, wsp_close_t code, const char *reason,
                 unsigned flush_ms)
{
    int error = errno;

    io->stop_code = code;
    io->stop_reason = reason;
    io->stop_flush_ms = flush_ms;
    atomic_store(&io->is_stopping, true);
    for (unsigned i = 0; i < io->thread_count; i++) {
        if (atomic_load(&io->threads[i].tid) != 0) {
            wsp_seat_wake(io->threads[i].loop.seat);
        }
    }
    wait_for_threads(io, wsp_clock_ms() + flush_ms + STOP_GRACE_MS);
    errno = error;
}

static void free_orphans(wsp_io_t *io)
{
    wsp_mail_t *mail = wsp_mailbox_close(&io->orphans);
    while (mail != NULL) {
        wsp_mail_t *next = mail->next;
        wsp_ticket_free(wsp_ticket_of(mail));
        mail = next;
    }
}

void wsp_io_free(wsp_io_t *io)
{
    for (unsigned i = 0; i < io->thread_count; i++) {
        if (io->threads[i].is_started) {
            pthread_join(io->threads[i].thread, NULL);
            wsp_loop_clear(&io->threads[i].loop);
        }
    }
    free_orphans(io);
    if (io->done_fd >= 0) {
        close(io->done_fd);
    }
    sem_destroy(&io->started);
    free(io);
}

/* ---- tickets ---- */

void wsp_io_release(wsp_io_t *io, wsp_seat_t *seat)
{
    atomic_fetch_sub(&io->open, 1);
    wsp_seat_disconnect(seat);
}

static bool try_reserve(wsp_io_t *io)
{
    if (atomic_load(&io->is_stopping)) {
        return false;
    }
    if (atomic_fetch_add(&io->open, 1) < io->capacity) {
        return true;
    }
    atomic_fetch_sub(&io->open, 1);
    return false;
}

apr_status_t wsp_io_prepare(wsp_io_t *io, const wsp_offer_t *offer,
                            uint64_t max_connections, wsp_ticket_t **ticket)
{
    wsp_loop_t *loop;
    unsigned turn;

    if (!try_reserve(io)) {
        return APR_EMFILE;
    }
    turn = atomic_fetch_add_explicit(&io->next, 1, memory_order_relaxed);
    loop = &io->threads[turn % io->thread_count].loop;
    if (!wsp_seat_try_connect(loop->seat, max_connections)) {
        atomic_fetch_sub(&io->open, 1);
        return APR_ENOSPC;
    }
    *ticket = wsp_ticket_make(offer);
    if (*ticket == NULL) {
        wsp_io_release(io, loop->seat);
        return APR_ENOMEM;
    }
    (*ticket)->io = io;
    (*ticket)->loop = loop;
    return APR_SUCCESS;
}

void wsp_io_submit(wsp_ticket_t *ticket)
{
    wsp_io_t *io = ticket->io;
    wsp_loop_t *loop = ticket->loop;
    int fd = ticket->offer.fd;

    switch (wsp_mailbox_put(&loop->mailbox, &ticket->mail)) {
    case WSP_MAIL_FIRST:
        wsp_seat_wake(loop->seat);
        break;
    case WSP_MAIL_MORE:
        break;
    case WSP_MAIL_CLOSED:
    default:
        /* Perhaps within a signal handler: not freed here. */
        close(fd);
        (void)wsp_mailbox_put(&io->orphans, &ticket->mail);
        break;
    }
}

void wsp_io_abandon(wsp_ticket_t *ticket)
{
    close(ticket->offer.fd);
    wsp_io_release(ticket->io, ticket->loop->seat);
    wsp_ticket_free(ticket);
}
