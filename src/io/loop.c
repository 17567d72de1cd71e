/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop (see loop.h): the I/O thread's life between start.c and stop.c. One turn
 * does a bounded share of everything, so that nothing waits for more than a
 * turn however much there is of something else:
 *
 *   wait      epoll, until something comes or a timer is due; marks clients
 *   read      one slice of each marked client
 *   arrive    tickets of new clients
 *   news      collect, read into the backlogs, let new clients join
 *   deliver   lanes: visit subscribers of channels with news
 *   flush     clients with something of their own
 *   timers    pings, time-outs; once a second the registry's housekeeping
 *   bury      free the clients that have died in this turn
 *
 * A dead client stays allocated until the turn ends, and its descriptor has
 * left epoll by then. So an event of this turn never leads to freed memory and
 * one of the next turn never to a stranger.
 */
#include "io/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "io/closing.h"
#include "io/core.h"
#include "io/join.h"
#include "io/receive.h"
#include "io/ticket.h"

#define EVENTS_PER_TURN 512
#define TICK_MS 1000u

apr_status_t wsp_loop_init(wsp_loop_t *loop, wsp_io_t *io, const char **why)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = NULL}};
    apr_status_t status;

    loop->io = io;
    loop->registry = io->registry;
    loop->host = &io->host;
    loop->logline.host = &io->host;
    loop->now_ms = wsp_clock_ms();
    loop->next_tick_ms = loop->now_ms + TICK_MS;
    wsp_list_init(&loop->conns);
    wsp_list_init(&loop->work);
    wsp_list_init(&loop->dead);
    wsp_wheel_init(&loop->wheel, loop->now_ms);
    wsp_lanes_init(&loop->lanes, wsp_send_visit);
    wsp_hub_init(&loop->hub, loop);
    status = wsp_seat_take(io->registry, &loop->seat);
    if (status != APR_SUCCESS) {
        *why = "no seat is free in the shared segment";
        loop->epoll_fd = -1;
        return status;
    }
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, wsp_seat_wake_fd(loop->seat),
                  &event) < 0) {
        *why = "epoll is not available";
        status = APR_FROM_OS_ERROR(errno);
        wsp_seat_leave(loop->seat);
    }
    return status;
}

/* ---- wait ---- */

static bool is_busy(wsp_loop_t *loop)
{
    return !wsp_list_is_empty(&loop->work) ||
           !wsp_lanes_are_empty(&loop->lanes) ||
           !wsp_hub_is_level(&loop->hub) || loop->arriving != NULL ||
           loop->joining != NULL;
}

static int sleep_ms(const wsp_loop_t *loop)
{
    uint64_t now = wsp_clock_ms();
    unsigned until_tick =
        loop->next_tick_ms > now ? (unsigned)(loop->next_tick_ms - now) : 0;
    return (int)wsp_wheel_sleep_ms(&loop->wheel, now, until_tick);
}

/* Mark what epoll says about one client. */
static void note_event(wsp_conn_t *conn, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        conn->at_end = true;
        wsp_conn_want_read(conn);
    }
    if (events & (EPOLLHUP | EPOLLERR)) {
        conn->is_held_back = false; /* nobody will read the answers */
    }
    if (events & EPOLLIN) {
        wsp_conn_want_read(conn);
    }
    if (conn->is_blocked && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
        conn->is_blocked = false;
        wsp_conn_want_flush(conn);
    }
}

static void wait_events(wsp_loop_t *loop)
{
    struct epoll_event events[EVENTS_PER_TURN];
    bool sleeps = !is_busy(loop) && wsp_seat_try_sleep(loop->seat);
    bool is_woken = sleeps;
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN,
                           sleeps ? sleep_ms(loop) : 0);

    loop->now_ms = wsp_clock_ms();
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL) {
            is_woken = true;
        }
        else {
            note_event(events[i].data.ptr, events[i].events);
        }
    }
    if (is_woken) {
        wsp_seat_awake(loop->seat);
    }
}

/* ---- read and flush ---- */

/* Both go once through the clients that are marked now; those that are marked
 * (again) meanwhile stay for the next turn. */
static void for_each_work(wsp_loop_t *loop, void (*work)(wsp_conn_t *conn))
{
    wsp_link_t todo, *link;

    wsp_list_init(&todo);
    wsp_list_move_all(&todo, &loop->work);
    while ((link = wsp_list_pop(&todo)) != NULL) {
        wsp_conn_t *conn = wsp_list_item(link, wsp_conn_t, work);
        work(conn);
        if ((conn->wants_read || conn->wants_flush) &&
            conn->state != WSP_CONN_DEAD && !wsp_link_is_in_list(link)) {
            wsp_list_append(&loop->work, link);
        }
    }
}

static void read_one(wsp_conn_t *conn)
{
    if (conn->wants_read) {
        wsp_receive(conn);
    }
}

static void flush_one(wsp_conn_t *conn)
{
    if (conn->wants_flush) {
        wsp_send_flush(conn);
    }
}

/* ---- news ---- */

static void take_news(wsp_loop_t *loop)
{
    if (wsp_hub_is_level(&loop->hub)) {
        wsp_join_before_collect(loop);
        wsp_hub_collect(&loop->hub);
    }
    wsp_hub_read(&loop->hub);
    if (wsp_hub_is_level(&loop->hub)) {
        wsp_join_run(loop);
    }
}

/* ---- timers ---- */

static void ping(wsp_conn_t *conn)
{
    conn->is_pinged = true;
    wsp_conn_queue(conn, wsp_packet_frame(WSP_OP_PING, WSP_META_NONE, NULL, 0));
}

/* Lazy: receiving only stores the time, the timer finds out here whether the
 * client has been silent for the interval. */
static void open_timer(wsp_conn_t *conn)
{
    const wsp_policy_t *policy = wsp_conn_policy(conn);
    wsp_loop_t *loop = conn->loop;
    uint64_t due_ms = conn->heard_ms + policy->ping_ms;

    if (conn->is_pinged) {
        wsp_closing_no_pong(conn);
        return;
    }
    if (due_ms <= loop->now_ms) {
        ping(conn);
        due_ms = loop->now_ms + policy->pong_ms;
    }
    wsp_timer_set(&loop->wheel, &conn->timer, due_ms);
}

static void timer_cb(void *ctx, wsp_timer_t *timer)
{
    wsp_conn_t *conn = wsp_list_item(timer, wsp_conn_t, timer);

    (void)ctx;
    if (conn->state == WSP_CONN_OPEN) {
        open_timer(conn);
    }
    else {
        wsp_closing_lost(conn, "close handshake timed out");
    }
}

static void tick(wsp_loop_t *loop)
{
    if (loop->now_ms >= loop->next_tick_ms) {
        loop->next_tick_ms = loop->now_ms + TICK_MS;
        wsp_seat_tick(loop->seat);
        wsp_logline_tick(&loop->logline, loop->now_ms);
    }
}

/* ---- end of a turn ---- */

static void tell_figures(wsp_loop_t *loop)
{
    int64_t held = wsp_packet_held_bytes();

    loop->tally[WSP_STAT_QUEUED_BYTES] = held - loop->told_held_bytes;
    loop->told_held_bytes = held;
    for (unsigned i = 0; i < WSP_STAT_COUNT; i++) {
        if (loop->tally[i] != 0) {
            wsp_seat_stat_add(loop->seat, (wsp_stat_t)i, loop->tally[i]);
            loop->tally[i] = 0;
        }
    }
}

static void bury_dead(wsp_loop_t *loop)
{
    while (!wsp_list_is_empty(&loop->dead)) {
        wsp_conn_free(wsp_list_item(loop->dead.next, wsp_conn_t, all));
    }
}

void wsp_loop_run(wsp_loop_t *loop)
{
    while (!atomic_load(&loop->io->is_stopping)) {
        wait_events(loop);
        for_each_work(loop, read_one);
        wsp_join_take(loop);
        take_news(loop);
        wsp_lanes_run(&loop->lanes);
        for_each_work(loop, flush_one);
        wsp_wheel_expire(&loop->wheel, loop->now_ms, timer_cb, NULL);
        tick(loop);
        bury_dead(loop);
        tell_figures(loop);
    }
}

/* ---- after the thread's end ---- */

static void free_mail(wsp_mail_t *mail)
{
    while (mail != NULL) {
        wsp_mail_t *next = mail->next;
        wsp_ticket_free(wsp_ticket_of(mail));
        mail = next;
    }
}

/* The seat's thread is gone and has taken the subscriptions with it. */
static void forget_subs(wsp_hub_t *hub)
{
    for (uint32_t i = 0; i < hub->bucket_count; i++) {
        for (wsp_topic_t *topic = hub->buckets[i]; topic != NULL;
             topic = topic->next) {
            topic->sub = NULL;
        }
    }
}

void wsp_loop_clear(wsp_loop_t *loop)
{
    forget_subs(&loop->hub);
    while (!wsp_list_is_empty(&loop->conns)) {
        wsp_conn_t *conn = wsp_list_item(loop->conns.next, wsp_conn_t, all);
        wsp_conn_leave(conn);
        wsp_conn_free(conn);
    }
    free_mail(loop->arriving);
    free_mail(loop->joining);
    wsp_hub_clear(&loop->hub);
    if (loop->epoll_fd >= 0) {
        close(loop->epoll_fd);
    }
}
