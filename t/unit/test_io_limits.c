/* wsp-test-tsan */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits: how many clients a process, a server and a channel may have; a full
 * segment; and deleted channels.
 */
#include <stdatomic.h>
#include <sys/resource.h>

#include "io_world.h"

/* ---- WSPushMaxSubscribers ---- */

#define MOST 10u
#define TRIES 40u

static void test_max_subscribers(unsigned threads)
{
    static peer_t peers[TRIES];
    unsigned in = 0, out = 0;
    order_t order;

    world_start(threads, 4u << 20);
    world.policy.max_subscribers = MOST;
    for (unsigned i = 0; i < TRIES; i++) {
        const char *text;
        order_init(&order, "popular");
        order.offer.welcome = "joined";
        order.offer.welcome_len = 6;
        peer_submit(&peers[i], &order, false);
        text = peer_text(&peers[i]);
        in += strcmp(text, "text joined") == 0;
        out += strcmp(text, "close 1013 channel is full "
                            "(WSPushMaxSubscribers)") == 0;
    }
    is_int(in, MOST, "%u threads: as many as WSPushMaxSubscribers", threads);
    is_int(out, TRIES - MOST, "the others are closed with 1013");
    is_int(subscribers_of("popular"), MOST, "and not counted");
    peer_close(&peers[0]);
    await_subscribers("popular", MOST - 1);
    peer_open_order(&peers[0], &order, false);
    is_int(subscribers_of("popular"), MOST, "a place that gets free is taken");
    for (unsigned i = 0; i < TRIES; i++) {
        peer_close(&peers[i]);
    }
    world_stop();
}

/* One of several channels is full: the client has none of them. */
static void test_max_subscribers_merged(void)
{
    order_t order;
    peer_t a, b;

    world_start(1, 4u << 20);
    peer_open(&a, "full");
    world.policy.max_subscribers = 1;
    order_init(&order, "empty1 full empty2");
    peer_submit(&b, &order, false);
    is_str(peer_text(&b), "close 1013 channel is full (WSPushMaxSubscribers)",
           "several channels, one is full: refused");
    is_int(subscribers_of("empty1"), 0, "it is in none of them");
    peer_close(&a);
    peer_close(&b);
    world_stop();
}

/* One of several channels cannot be subscribed to. */
static void test_no_subscription(void)
{
    static char names[1100];
    order_t order;
    peer_t a;

    world_start(1, 4u << 20);
    memset(names, 'x', sizeof names - 1);
    memcpy(names, "good ", 5);
    order_init(&order, names);
    peer_submit(&a, &order, false);
    is_str(peer_text(&a), "close 1013 server memory is full (WSPushMemory)",
           "a channel that the segment does not take: refused");
    await_subscribers("good", 0);
    peer_close(&a);
    world_stop();
}

/* ---- WSPushMaxConnections, descriptors ---- */

static apr_status_t try_prepare(uint64_t most, wsp_ticket_t **ticket)
{
    order_t order;
    int fds[2];
    apr_status_t status;

    connect_pair(fds, false);
    order_init(&order, "count");
    order.offer.fd = fds[1];
    status = wsp_io_prepare(world.io, &order.offer, most, ticket);
    close(fds[0]);
    if (status != APR_SUCCESS) {
        close(fds[1]); /* it stayed ours */
    }
    return status;
}

static void test_max_connections(void)
{
    wsp_ticket_t *tickets[5];
    peer_t a;

    world_start(2, 4u << 20);
    peer_open(&a, "count");
    for (unsigned i = 0; i < 4; i++) {
        is_int(try_prepare(5, &tickets[i]), APR_SUCCESS, "place %u", i + 2);
    }
    is_int(try_prepare(5, &tickets[4]), APR_ENOSPC,
           "WSPushMaxConnections: no sixth");
    wsp_io_abandon(tickets[0]);
    is_int(try_prepare(5, &tickets[0]), APR_SUCCESS,
           "a ticket given up leaves its place");
    peer_close(&a);
    world_await_stat(WSP_STAT_CONNECTIONS, 4);
    is_int(try_prepare(5, &tickets[4]), APR_SUCCESS, "a client that goes, too");
    for (unsigned i = 0; i < 5; i++) {
        wsp_io_abandon(tickets[i]);
    }
    world_stop();
}

#define DESCRIPTORS 100

/* Lowers the hard limit for good: the last test of the program. */
static void test_capacity(void)
{
    struct rlimit limit = {DESCRIPTORS / 2, DESCRIPTORS};
    wsp_ticket_t *tickets[DESCRIPTORS], *late;
    unsigned count = 0;
    apr_status_t status;
    char line[100];

    setrlimit(RLIMIT_NOFILE, &limit);
    world_start(1, 4u << 20);
    getrlimit(RLIMIT_NOFILE, &limit);
    is_int(limit.rlim_cur, DESCRIPTORS, "the soft limit is raised to the hard");
    ok(wsp_io_capacity(world.io) < DESCRIPTORS - 10 &&
           wsp_io_capacity(world.io) > DESCRIPTORS - 40,
       "capacity is the limit less the reserve and what is open (%u)",
       wsp_io_capacity(world.io));
    snprintf(line, sizeof line, "room for %u clients in this process",
             wsp_io_capacity(world.io));
    ok(world_has_logged(line), "and logged");
    while ((status = try_prepare(0, &tickets[count])) == APR_SUCCESS) {
        count++;
    }
    is_int(status, APR_EMFILE, "over the capacity: APR_EMFILE");
    is_int(count, wsp_io_capacity(world.io), "not before");
    wsp_io_abandon(tickets[0]);
    is_int(try_prepare(0, &tickets[0]), APR_SUCCESS, "one goes, one comes");
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, "stop", 0);
    is_int(try_prepare(0, &late), APR_EMFILE, "none after the stop");
    for (unsigned i = 0; i < count; i++) {
        wsp_io_abandon(tickets[i]);
    }
    world_clear();
}

/* ---- WSPushMemory ---- */

static void test_full_segment(void)
{
    size_t len = 4u << 20;
    char *large = malloc(len);
    order_t order;
    peer_t a, b;

    memset(large, 'x', len);
    world_start(1, 1u << 20);
    world.policy.max_message = 8u << 20;
    peer_open(&a, "full");
    order_init(&order, "full");
    order.offer.may_subscribe = false;
    order.offer.answers_info = true;
    peer_open_order(&b, &order, false);
    peer_send(&b, WSP_OP_BINARY, large, len);
    is_str(peer_text(&b), "text 507 server memory is full (WSPushMemory)",
           "a message for which there is no room: a publisher is told");
    peer_say(&b, "small");
    ok(strstr(peer_text(&b), "queued messages: ") != NULL,
       "and may go on with smaller ones");
    is_str(peer_text(&a), "text small", "which arrive");
    peer_send(&a, WSP_OP_BINARY, large, len);
    is_str(peer_text(&a), "close 1013 server memory is full (WSPushMemory)",
           "pubsub has no answers: closed with 1013");
    peer_close(&a);
    peer_close(&b);
    world_stop();
    free(large);
}

/* More news than the segment holds, while the I/O thread is not looking: what
 * was lost is told as a gap, to each subscriber. */
static atomic_bool is_held, go_on;

static wsp_close_t hold_cb(void *ctx, const wsp_client_view_t *client,
                           wsp_opcode_t op, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)client;
    (void)op;
    (void)data;
    (void)len;
    atomic_store(&is_held, true);
    while (!atomic_load(&go_on)) {
        sched_yield();
    }
    return WSP_CLOSE_NONE;
}

static void test_laggard(void)
{
    wsp_io_host_t host = {.on_message = hold_cb};
    static char body[2000];
    unsigned number = 0, previous, faults = 0;
    order_t order;
    peer_t a, b, holder;

    world_start_with(1, 1u << 20, &host);
    world.policy.on_message = WSP_ON_MESSAGE_DISCARD;
    world.policy.queue_bytes = 64u << 20;
    order_init(&order, "lag");
    order.offer.meta = WSP_META_WSPUSH;
    peer_open_order(&a, &order, false);
    peer_open(&b, "lag");
    peer_open(&holder, "none");
    peer_say(&holder, "hold");
    while (!atomic_load(&is_held)) {
        sched_yield();
    }
    for (unsigned i = 1; i <= 2000; i++) {
        snprintf(body, sizeof body, "%u %01000d", i, 0);
        faults += publish("lag", body) == 0;
    }
    is_int(faults, 0, "a laggard does not stop publishers");
    atomic_store(&go_on, true);
    ok(strstr(peer_text(&a), "\ngap: ") != NULL,
       "its subscribers are told of a gap");
    for (previous = 0; previous != 2000; previous = number) {
        const char *at = strstr(peer_text(&a), "\n\n");
        if (at == NULL || sscanf(at + 2, "%u", &number) != 1 ||
            (previous != 0 && number != previous + 1)) {
            faults++;
            break;
        }
    }
    is_int(faults, 0, "then have everything that is left");
    is_int(world_stat(WSP_STAT_GAPS), 2, "both are counted");
    ok(world_has_logged("channel lag: this process fell behind"), "logged");
    peer_close(&a);
    peer_close(&b);
    peer_close(&holder);
    world_stop();
}

/* ---- deletion ---- */

/* A newcomer to a channel that was deleted a moment ago, which the I/O thread
 * has not noticed yet. */
static void test_delete_and_join(void)
{
    wsp_io_host_t host = {.on_message = hold_cb};
    wsp_channel_info_t info;
    peer_t a, b, c, d, holder;
    order_t order;

    world_start_with(1, 4u << 20, &host);
    world.policy.on_message = WSP_ON_MESSAGE_DISCARD;
    peer_open(&a, "now");
    peer_open(&b, "before");
    peer_open(&holder, "none");
    atomic_store(&is_held, false);
    atomic_store(&go_on, false);
    peer_say(&holder, "hold");
    while (!atomic_load(&is_held)) {
        sched_yield();
    }
    wsp_registry_delete(world.registry, bytes_of("before"), &info);
    order_init(&order, "before");
    order.offer.welcome = "joined";
    order.offer.welcome_len = 6;
    peer_submit(&c, &order, false);
    atomic_store(&go_on, true);
    is_str(peer_text(&b), "close 1001 channel deleted", "deleted: closed");
    is_str(peer_text(&c), "text joined", "who comes after it is not");
    publish("before", "afresh");
    is_str(peer_text(&c), "text afresh", "and has the new channel's news");
    order_init(&order, "now other");
    peer_open_order(&d, &order, false);
    wsp_registry_delete(world.registry, bytes_of("now"), &info);
    is_str(peer_text(&d), "close 1001 channel deleted", "one of two deleted");
    await_subscribers("other", 0);
    ok(true, "leaves both");
    peer_close(&a);
    peer_close(&b);
    peer_close(&c);
    peer_close(&d);
    peer_close(&holder);
    world_stop();
}

static void test_delete(void)
{
    static peer_t peers[200];
    unsigned closed = 0, had_news = 0;
    wsp_channel_info_t info;
    peer_t other, merged;

    world_start(1, 4u << 20);
    for (unsigned i = 0; i < 200; i++) {
        peer_open(&peers[i], "doomed");
    }
    peer_open(&other, "safe");
    peer_open(&merged, "safe doomed");
    publish("doomed", "last");
    world_await_stat(WSP_STAT_DELIVERIES, 201);
    is_int(wsp_registry_delete(world.registry, bytes_of("doomed"), &info),
           APR_SUCCESS, "a channel is deleted");
    for (unsigned i = 0; i < 200; i++) {
        had_news += strcmp(peer_text(&peers[i]), "text last") == 0;
        closed +=
            strcmp(peer_text(&peers[i]), "close 1001 channel deleted") == 0;
        peer_close(&peers[i]);
    }
    is_int(had_news, 200, "its subscribers have what was published before");
    is_int(closed, 200, "and are closed with 1001");
    peer_text(&merged);
    is_str(peer_text(&merged), "close 1001 channel deleted",
           "also one that has other channels");
    peer_close(&merged);
    peer_open(&peers[0], "doomed");
    publish("doomed", "again");
    is_str(peer_text(&peers[0]), "text again", "the name starts afresh");
    publish("safe", "and sound");
    is_str(peer_text(&other), "text and sound", "others are not touched");
    peer_close(&peers[0]);
    peer_close(&other);
    world_stop();
}

int main(void)
{
    tap_start(240);
    test_max_subscribers(1);
    test_max_subscribers(2);
    test_max_subscribers_merged();
    test_no_subscription();
    test_max_connections();
    test_full_segment();
    test_laggard();
    test_delete();
    test_delete_and_join();
    test_capacity();
    return done_testing();
}
