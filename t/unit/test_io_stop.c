/* wsp-test-tsan */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping: everybody gets a close frame, whatever state it is in; a client
 * that does not answer delays the stop by the flush time and no longer; from
 * within a signal handler; and tickets that come too late.
 */
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "io_world.h"

#define CROWD 300u
#define REASON "server is stopping"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static peer_t peers[CROWD];
static unsigned told, ended;

/* Clients that answer, as browsers do. */
static void *answer_all(void *arg)
{
    (void)arg;
    told = ended = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        told += strcmp(peer_text(&peers[i]), "close 1001 " REASON) == 0;
        peer_send_close(&peers[i], 1001);
        ended += strcmp(peer_text(&peers[i]), "end") == 0;
        peer_close(&peers[i]);
    }
    return NULL;
}

static void open_crowd(unsigned threads)
{
    world_start(threads, 4u << 20);
    for (unsigned i = 0; i < CROWD; i++) {
        peer_open(&peers[i], i % 2 == 0 ? "crowd" : "crowd people");
    }
}

static void test_stop(unsigned threads)
{
    pthread_t thread;
    int64_t began;

    open_crowd(threads);
    pthread_create(&thread, NULL, answer_all, NULL);
    began = now_ms();
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, REASON, 20000);
    ok(now_ms() - began < 15000,
       "%u threads: the stop ends with the last "
       "client, not with the time",
       threads);
    pthread_join(thread, NULL);
    is_int(told, CROWD, "each of them has 1001 and the reason");
    is_int(ended, CROWD, "and then its end");
    world_clear();
}

static void test_silent_client(void)
{
    int64_t began, took;
    peer_t a;

    world_start(1, 4u << 20);
    peer_open(&a, "silent");
    began = now_ms();
    wsp_io_stop(world.io, WSP_CLOSE_RESTART, "come back", 300);
    took = now_ms() - began;
    ok(took >= 300 && took < 1300,
       "a client that does not answer is given "
       "the flush time (%lld ms)",
       (long long)took);
    is_str(peer_text(&a), "close 1012 come back", "it was told");
    is_str(peer_text(&a), "end", "and is closed");
    peer_close(&a);
    world_clear();
}

/* ---- a client in the middle of a frame ---- */

static size_t large_bytes = 3u << 20;
static bool has_large;
static char after_large[200];

static void *read_large(void *arg)
{
    peer_t *peer = arg;

    has_large = peer_frame(peer).len == large_bytes;
    snprintf(after_large, sizeof after_large, "%.190s", peer_text(peer));
    peer_close(peer);
    return NULL;
}

static void open_blocked(peer_t *peer)
{
    char *large = malloc(large_bytes);

    memset(large, 'x', large_bytes);
    world_start(1, 16u << 20);
    peer_open(peer, "blocked");
    publish_bytes("blocked", large, large_bytes);
    publish("blocked", "not begun, so not sent");
    peer_fill(peer, 10); /* it has begun, and cannot end without us */
    free(large);
}

static void test_blocked_client(void)
{
    pthread_t thread;
    peer_t a;

    open_blocked(&a);
    pthread_create(&thread, NULL, read_large, &a);
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, REASON, 20000);
    pthread_join(thread, NULL);
    ok(has_large, "a frame that is partly out is finished");
    is_str(after_large, "close 1001 " REASON, "then comes the close frame");
    world_clear();
    open_blocked(&a);
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, REASON, 0);
    is_int(peer_frame(&a).op, NO_FRAME, "if there is time; else it stays cut");
    peer_close(&a);
    world_clear();
}

/* A client that is closing already has its own close frame. */
static void test_closing_client(void)
{
    order_t order;
    peer_t a;

    world_start(1, 4u << 20);
    order_init(&order, "closing");
    order.offer.may_publish = false;
    peer_open_order(&a, &order, false);
    peer_say(&a, "x");
    is_str(peer_text(&a), "close 1008 not allowed to publish here",
           "closed for a reason of its own");
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, REASON, 0);
    is_str(peer_text(&a), "end", "no second close frame");
    peer_close(&a);
    world_clear();
}

/* Closing and blocked: what is partly out, then its own close frame. */
static void test_closing_and_blocked(void)
{
    pthread_t thread;
    peer_t a;

    open_blocked(&a);
    wsp_registry_delete(world.registry, bytes_of("blocked"),
                        &(wsp_channel_info_t){0});
    await_subscribers("blocked", 0);
    peer_open(&peers[0], "turn"); /* the thread has noticed */
    peer_close(&peers[0]);
    pthread_create(&thread, NULL, read_large, &a);
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, REASON, 20000);
    pthread_join(thread, NULL);
    ok(has_large, "closing in the middle of a frame: it is finished");
    is_str(after_large, "close 1001 channel deleted",
           "then comes its own close frame");
    world_clear();
}

/* ---- in a signal handler ---- */

static void stop_in_handler(int signo)
{
    (void)signo;
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, REASON, 20000);
}

static void test_signal_handler(void)
{
    struct sigaction action = {.sa_handler = stop_in_handler};
    pthread_t thread;

    sigaction(SIGTERM, &action, NULL);
    open_crowd(1);
    pthread_create(&thread, NULL, answer_all, NULL);
    (void)raise(SIGTERM);
    pthread_join(thread, NULL);
    is_int(told, CROWD, "stopped in a signal handler: each has its 1001");
    is_int(ended, CROWD, "and its end");
    world_clear();
}

/* ---- a start that fails ---- */

static void test_no_seat(void)
{
    wsp_io_options_t options = {.threads = 5};
    const char *why = "";
    wsp_io_t *io = NULL;
    peer_t a;

    world_start(1, 4u << 20); /* has seats for four more threads */
    options.registry = world.registry;
    is_int(wsp_io_start(&options, &io, &why), APR_ENOSPC,
           "no seat for the fifth of five threads");
    is_str(why, "no seat is free in the shared segment", "and it is said");
    peer_open(&a, "seat");
    publish("seat", "x");
    is_str(peer_text(&a), "text x", "the others are not disturbed");
    peer_close(&a);
    options.threads = 4;
    is_int(wsp_io_start(&options, &io, &why), APR_SUCCESS,
           "the four that ended have left their seats");
    wsp_io_stop(io, WSP_CLOSE_GOING_AWAY, REASON, 0);
    wsp_io_free(io);
    world_stop();
}

/* ---- tickets ---- */

static wsp_ticket_t *prepare(peer_t *peer)
{
    wsp_ticket_t *ticket = NULL;
    order_t order;
    int fds[2];

    connect_pair(fds, false);
    make_nonblocking(fds[1]);
    memset(peer, 0, sizeof *peer);
    peer->fd = fds[0];
    order_init(&order, "late");
    order.offer.fd = fds[1];
    if (wsp_io_prepare(world.io, &order.offer, 0, &ticket) != APR_SUCCESS) {
        bail_out("wsp_io_prepare");
    }
    return ticket;
}

static void test_late_tickets(void)
{
    wsp_ticket_t *late, *given_up;
    peer_t a, b;

    world_start(1, 4u << 20);
    late = prepare(&a);
    given_up = prepare(&b);
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, REASON, 0);
    wsp_io_submit(late);
    is_str(peer_text(&a), "end", "a ticket submitted after the stop is closed");
    wsp_io_abandon(given_up);
    is_str(peer_text(&b), "end", "one given up, too");
    peer_close(&a);
    peer_close(&b);
    world_clear();
}

/* ---- tickets in all stages ---- */

#define WAITING 300u /* more than join in one turn */

static sem_t is_held, go_on;
static atomic_bool holds_messages, holds_opens;

static void hold(atomic_bool *once)
{
    if (atomic_exchange(once, false)) {
        sem_post(&is_held);
        while (sem_wait(&go_on) != 0) {
        }
    }
}

static void await_held(void)
{
    while (sem_wait(&is_held) != 0) {
    }
}

static wsp_close_t message_cb(void *ctx, const wsp_client_view_t *client,
                              wsp_opcode_t op, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)client;
    (void)op;
    (void)data;
    (void)len;
    hold(&holds_messages);
    return WSP_CLOSE_NONE;
}

static void open_cb(void *ctx, const wsp_client_view_t *client)
{
    (void)ctx;
    (void)client;
    hold(&holds_opens);
}

static void *stop_all(void *arg)
{
    (void)arg;
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, REASON, 0);
    return NULL;
}

/* Some have joined, some are about to, one is still in the mailbox. */
static void test_waiting_tickets(void)
{
    static const char answer[] = "answer";
    wsp_io_host_t host = {.on_open = open_cb, .on_message = message_cb};
    wsp_ticket_t *tickets[WAITING + 1], *none;
    unsigned with_frame = 0;
    pthread_t thread;
    peer_t holder, last;

    sem_init(&is_held, 0, 0);
    sem_init(&go_on, 0, 0);
    world_start_with(1, 4u << 20, &host);
    peer_open(&holder, "none");
    for (unsigned i = 0; i < WAITING; i++) {
        tickets[i] = prepare(&peers[i]);
        wsp_io_try_set_answer(tickets[i], answer, sizeof answer - 1);
    }
    tickets[WAITING] = prepare(&last);
    atomic_store(&holds_messages, true);
    peer_say(&holder, "hold");
    await_held(); /* in the middle of a turn */
    for (unsigned i = 0; i < WAITING; i++) {
        wsp_io_submit(tickets[i]);
    }
    atomic_store(&holds_opens, true);
    sem_post(&go_on);
    await_held(); /* at the first of them */
    wsp_io_submit(tickets[WAITING]);
    pthread_create(&thread, NULL, stop_all, NULL);
    for (;;) {
        order_t order;
        order_init(&order, "late");
        order.offer.fd = -1;
        if (wsp_io_prepare(world.io, &order.offer, 0, &none) != APR_SUCCESS) {
            break; /* the stop has begun */
        }
        wsp_io_abandon(none);
    }
    sem_post(&go_on);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < WAITING; i++) {
        peer_fill(&peers[i], sizeof answer - 1);
        peers[i].at += sizeof answer - 1;
        with_frame += strcmp(peer_text(&peers[i]), "close 1001 " REASON) == 0;
        peer_close(&peers[i]);
    }
    is_int(with_frame, WAITING,
           "tickets on the way: each has its answer and "
           "the close frame");
    is_str(peer_text(&last), "close 1001 " REASON, "also the last");
    peer_close(&last);
    peer_close(&holder);
    world_clear();
}

#define RACERS 200u

static peer_t racers[RACERS];
static atomic_uint submitted;

static void *submit_all(void *arg)
{
    wsp_ticket_t **tickets = arg;

    for (unsigned i = 0; i < RACERS; i++) {
        atomic_store(&submitted, i);
        wsp_io_submit(tickets[i]);
    }
    return NULL;
}

/* Clients that come while the thread stops: each ends, none hangs. */
static void test_race(void)
{
    wsp_ticket_t *tickets[RACERS];
    unsigned with_frame = 0, without = 0;
    pthread_t thread;

    world_start(2, 4u << 20);
    for (unsigned i = 0; i < RACERS; i++) {
        tickets[i] = prepare(&racers[i]);
    }
    pthread_create(&thread, NULL, submit_all, tickets);
    while (atomic_load(&submitted) < RACERS / 2) {
        sched_yield();
    }
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, REASON, 0);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < RACERS; i++) {
        const char *text = peer_text(&racers[i]);
        with_frame += strcmp(text, "close 1001 " REASON) == 0;
        without += strcmp(text, "end") == 0;
        peer_close(&racers[i]);
    }
    is_int(with_frame + without, RACERS, "clients that come during the stop");
    ok(with_frame > 0, "%u of %u were told", with_frame, RACERS);
    world_clear();
}

int main(void)
{
    tap_start(120);
    test_stop(1);
    test_stop(3);
    test_silent_client();
    test_blocked_client();
    test_closing_client();
    test_closing_and_blocked();
    test_signal_handler();
    test_no_seat();
    test_late_tickets();
    test_waiting_tickets();
    test_race();
    return done_testing();
}
