/* wsp-test-tsan */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to many: every subscriber sees the same order, each message once,
 * nothing lost at the seam between history and news, several channels merged by
 * id, resume from an id, and one system call per client and burst.
 */
#include <semaphore.h>
#include <stdatomic.h>

#include "io_world.h"

/* ---- several publishers, several subscribers ---- */

#define PUBLISHERS 4u
#define CHANNELS 3u
#define EACH 1000u /* messages of one publisher to one channel */
#define PER_CHANNEL (PUBLISHERS * EACH)
#define SUBSCRIBERS 8u /* of each channel */

static const char *const channel_names[] = {"alpha", "beta", "gamma"};

static void *publish_all(void *arg)
{
    unsigned publisher = (unsigned)(uintptr_t)arg;
    char text[40];

    for (unsigned i = 0; i < EACH; i++) {
        for (unsigned k = 0; k < CHANNELS; k++) {
            snprintf(text, sizeof text, "%u %u", publisher, i);
            while (publish(channel_names[k], text) == 0) {
                sched_yield();
            }
        }
    }
    return NULL;
}

/* Read a channel's messages; @return faults, *@a hash is of the order. */
static unsigned read_channel(peer_t *peer, uint64_t *hash)
{
    unsigned next[PUBLISHERS] = {0}, faults = 0;

    *hash = 1;
    for (unsigned i = 0; i < PER_CHANNEL; i++) {
        unsigned publisher = 99, number = 0;
        if (sscanf(peer_text(peer), "text %u %u", &publisher, &number) != 2 ||
            publisher >= PUBLISHERS) {
            return faults + 1;
        }
        faults += number != next[publisher]++;
        *hash = *hash * 31 + publisher;
    }
    return faults;
}

static void test_order(void)
{
    static peer_t peers[CHANNELS][SUBSCRIBERS];
    pthread_t threads[PUBLISHERS];
    unsigned faults = 0, different = 0;

    world_start(2, 8u << 20);
    world.policy.history_count = 0;
    world.policy.queue_bytes = 64u << 20;
    for (unsigned k = 0; k < CHANNELS; k++) {
        for (unsigned i = 0; i < SUBSCRIBERS; i++) {
            peer_open(&peers[k][i], channel_names[k]);
        }
    }
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        pthread_create(&threads[i], NULL, publish_all, (void *)(uintptr_t)i);
    }
    for (unsigned k = 0; k < CHANNELS; k++) {
        uint64_t first = 0, hash;
        for (unsigned i = 0; i < SUBSCRIBERS; i++) {
            faults += read_channel(&peers[k][i], &hash);
            first = i == 0 ? hash : first;
            different += hash != first;
        }
    }
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        pthread_join(threads[i], NULL);
    }
    is_int(faults, 0,
           "%u subscribers on two threads have all messages in order",
           CHANNELS * SUBSCRIBERS);
    is_int(different, 0, "and those of one channel in the same order");
    for (unsigned k = 0; k < CHANNELS; k++) {
        for (unsigned i = 0; i < SUBSCRIBERS; i++) {
            peer_close(&peers[k][i]);
        }
    }
    world_stop();
}

/* ---- no history, a burst ---- */

#define BURST 10000u
#define CROWD 100u

static void test_burst_without_history(void)
{
    static peer_t peers[CROWD];
    unsigned faults = 0;
    char text[40];

    world_start(1, 16u << 20);
    world.policy.history_count = 0;
    world.policy.queue_bytes = 64u << 20;
    for (unsigned i = 0; i < CROWD; i++) {
        peer_open(&peers[i], "burst");
    }
    for (unsigned n = 0; n < BURST; n++) {
        snprintf(text, sizeof text, "text %u", n);
        faults += publish("burst", text + 5) == 0;
    }
    for (unsigned i = 0; i < CROWD; i++) {
        for (unsigned n = 0; n < BURST; n++) {
            snprintf(text, sizeof text, "text %u", n);
            faults += strcmp(peer_text(&peers[i]), text) != 0;
        }
    }
    is_int(faults, 0, "history 0: %u messages without a pause reach %u clients",
           BURST, CROWD);
    is_int(world_stat(WSP_STAT_GAPS), 0, "no gaps");
    for (unsigned i = 0; i < CROWD; i++) {
        peer_close(&peers[i]);
    }
    world_await_stat(WSP_STAT_CONNECTIONS, 0);
    is_int(world_stat(WSP_STAT_DELIVERIES), (long long)BURST * CROWD,
           "the counter of deliveries agrees");
    world_stop();
}

/* ---- the seam ---- */

static struct {
    atomic_uint seen; /* by the slowest reader; the publisher stays near it */
    atomic_bool is_over;
    unsigned window; /* how near */
} race;

static void *publish_numbers(void *arg)
{
    char text[40];

    (void)arg;
    for (unsigned n = 1; !atomic_load(&race.is_over);) {
        if (n > atomic_load(&race.seen) + race.window) {
            sched_yield();
            continue;
        }
        snprintf(text, sizeof text, "%u", n);
        n += publish(n % 2 != 0 ? "odd" : "even", text) != 0 ? 1 : 0;
    }
    return NULL;
}

/* "id: ID\n\nNUMBER" */
static bool read_numbered(peer_t *peer, wsp_id_t *id, unsigned *number)
{
    frame_t frame = peer_frame(peer);
    const char *text = (const char *)frame.data, *end;
    char digits[20] = "";

    if (frame.op != WSP_OP_TEXT || frame.len < 6) {
        return false;
    }
    end = memchr(text, '\n', frame.len);
    if (end == NULL || !wsp_id_parse(text + 4, (size_t)(end - text) - 4, id)) {
        return false;
    }
    memcpy(digits, end + 2, frame.len - (size_t)(end + 2 - text));
    *number = (unsigned)strtoul(digits, NULL, 10);
    return true;
}

/* Come back again and again, each time from the last id, while somebody
 * publishes: each number must come exactly once. */
static unsigned resume_often(const char *channels, unsigned step)
{
    unsigned faults = 0, expected = 1, number;
    wsp_id_t id = 0, last = 0;
    order_t order;
    peer_t a;

    for (unsigned visit = 0; visit < 60; visit++) {
        order_init(&order, channels);
        order.offer.meta = WSP_META_NCHAN;
        order.offer.start = visit == 0 ? WSP_START_LAST : WSP_START_AFTER;
        order.offer.start_count = UINT32_MAX;
        order.offer.start_id = last;
        peer_submit(&a, &order, false);
        for (unsigned i = 0; i < visit * 7 % 50 + 1; i++) {
            faults += !read_numbered(&a, &id, &number) || number != expected ||
                      id <= last;
            expected += step;
            last = id;
            atomic_store(&race.seen, number);
        }
        peer_close(&a);
    }
    return faults;
}

static void run_seam(const char *channels, unsigned step, const char *what)
{
    pthread_t thread;

    world_start(1, 16u << 20);
    world.policy.history_count = 100000;
    race.window = 300;
    atomic_store(&race.seen, 0);
    atomic_store(&race.is_over, false);
    pthread_create(&thread, NULL, publish_numbers, NULL);
    is_int(resume_often(channels, step), 0, "%s", what);
    atomic_store(&race.is_over, true);
    pthread_join(thread, NULL);
    world_stop();
}

static void test_seam(void)
{
    run_seam("odd", 2,
             "one channel, resumed while it is published to: no "
             "message lost or doubled");
    run_seam("even odd", 1,
             "two channels, merged: ids increase, nothing lost or doubled");
}

/* Newcomers without an id: news from some moment on, without a hole. */
static void test_newcomers(void)
{
    pthread_t thread;
    unsigned faults = 0;

    world_start(1, 16u << 20);
    world.policy.history_count = 0;
    world.policy.queue_bytes = 64u << 20;
    race.window = 1u << 30;
    atomic_store(&race.seen, 0);
    atomic_store(&race.is_over, false);
    pthread_create(&thread, NULL, publish_numbers, NULL);
    for (unsigned visit = 0; visit < 60; visit++) {
        unsigned number = 0, previous = 0;
        peer_t a;
        peer_open(&a, "odd even");
        for (unsigned i = 0; i < 20; i++) {
            faults += sscanf(peer_text(&a), "text %u", &number) != 1;
            faults += previous != 0 && number != previous + 1;
            previous = number;
        }
        peer_close(&a);
    }
    atomic_store(&race.is_over, true);
    pthread_join(thread, NULL);
    is_int(faults, 0, "newcomers have everything from their first message on");
    world_stop();
}

/* ---- history ---- */

static void test_history(void)
{
    order_t order;
    char text[40];
    peer_t a;

    world_start(1, 4u << 20);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "%u", i);
        publish("history", text);
    }
    order_init(&order, "history");
    order.offer.start = WSP_START_LAST;
    order.offer.start_count = 2;
    peer_open_order(&a, &order, false);
    is_str(peer_text(&a), "text 3", "the last two: first");
    is_str(peer_text(&a), "text 4", "second");
    publish("history", "news");
    is_str(peer_text(&a), "text news", "then news");
    peer_close(&a);
    order.offer.start_count = 0;
    peer_open_order(&a, &order, false);
    publish("history", "more news");
    is_str(peer_text(&a), "text more news", "the last 0: only news");
    peer_close(&a);
    world_stop();
}

#define LONG_HISTORY 5000u

/* A replay that does not fit into any buffer, to a client that does not read:
 * no more than a batch is held; what is published meanwhile comes after it. */
static void test_long_replay(const char *channels)
{
    static char body[300];
    unsigned faults = 0, number;
    order_t order;
    int64_t most = 0;
    peer_t a;

    world_start(1, 16u << 20);
    world.policy.history_count = LONG_HISTORY;
    for (unsigned i = 0; i < LONG_HISTORY; i++) {
        snprintf(body, sizeof body, "%u %0*d", i, 250, 0);
        publish(i % 3 == 0 ? "one" : "two", body);
    }
    order_init(&order, channels);
    order.offer.start = WSP_START_LAST;
    order.offer.start_count = UINT32_MAX;
    peer_open_order(&a, &order, false);
    for (unsigned i = 0; i < 500; i++) {
        int64_t queued;
        snprintf(body, sizeof body, "%u %0*d", LONG_HISTORY + i, 250, 0);
        publish(i % 2 != 0 ? "one" : "two", body);
        queued = world_stat(WSP_STAT_QUEUED_BYTES);
        most = queued > most ? queued : most;
    }
    for (unsigned i = 0; i < LONG_HISTORY + 500; i++) {
        faults += sscanf(peer_text(&a), "text %u", &number) != 1 || number != i;
    }
    is_int(faults, 0, "%s: a long replay, then what came during it", channels);
    ok(most < 64 * 500 + 500 * 500,
       "never more than a batch of it is held (%lld bytes)", (long long)most);
    peer_close(&a);
    world_stop();
}

/* Resume from an id whose successors are gone: told in ws+meta.wspush. */
static void test_gap_on_resume(void)
{
    wsp_id_t first, lost = 0, kept = 0;
    char want[200], id[WSP_ID_TEXT_SIZE];
    order_t order;
    peer_t a;

    world_start(1, 4u << 20);
    world.policy.history_count = 2;
    first = publish("gap", "0");
    for (unsigned i = 1; i <= 3; i++) {
        lost = kept;
        kept = publish("gap", i == 1 ? "1" : i == 2 ? "2" : "3");
    }
    (void)lost;
    order_init(&order, "gap");
    order.offer.meta = WSP_META_WSPUSH;
    order.offer.start = WSP_START_AFTER;
    order.offer.start_id = first;
    peer_submit(&a, &order, false);
    ok(strstr(peer_text(&a), "\ngap: ") != NULL, "a gap is told first");
    ok(strstr(peer_text(&a), "\n\n2") != NULL, "then what is left");
    ok(strstr(peer_text(&a), "\n\n3") != NULL, "all of it");
    ok(world_has_logged("what followed its id is gone (WSPushHistory"),
       "the log has it, too");
    peer_close(&a);
    order.offer.start_id = kept;
    peer_submit(&a, &order, false);
    await_subscribers("gap", 1);
    kept = publish("gap", "4");
    wsp_id_format(kept, id);
    snprintf(want, sizeof want, "text id: %s\nchannel: gap\n\n4", id);
    is_str(peer_text(&a), want, "no gap when nothing was missed");
    peer_close(&a);
    world_stop();
}

/* ---- many channels ---- */

#define ALONE 600u

static void test_channel_per_client(void)
{
    static peer_t peers[ALONE];
    unsigned faults = 0;
    char name[40], want[40];

    world_start(1, 4u << 20);
    for (unsigned i = 0; i < ALONE; i++) {
        snprintf(name, sizeof name, "user-%u", i);
        peer_open(&peers[i], name);
    }
    for (unsigned i = 0; i < ALONE; i++) {
        snprintf(name, sizeof name, "user-%u", i);
        publish(name, name);
    }
    for (unsigned i = 0; i < ALONE; i++) {
        snprintf(want, sizeof want, "text user-%u", i);
        faults += strcmp(peer_text(&peers[i]), want) != 0;
        peer_close(&peers[i]);
    }
    is_int(faults, 0, "%u channels with one client each", ALONE);
    for (unsigned i = 0; i < ALONE; i++) {
        snprintf(name, sizeof name, "user-%u", i);
        await_subscribers(name, 0);
    }
    world_stop();
}

static void publish_to_all(unsigned first)
{
    char name[40], text[40];

    for (unsigned i = 0; i < 3 * 255; i++) {
        snprintf(name, sizeof name, "c%u", i * 7 % 255);
        snprintf(text, sizeof text, "%u", first + i);
        publish(name, text);
    }
}

static void test_most_channels(void)
{
    static char names[255 * 8];
    unsigned faults = 0, number;
    order_t order;
    peer_t a;

    for (unsigned i = 0; i < 255; i++) {
        snprintf(names + strlen(names), 8, "c%u ", i);
    }
    world_start(1, 8u << 20);
    publish_to_all(0);
    order_init(&order, names);
    order.offer.start = WSP_START_LAST;
    order.offer.start_count = UINT32_MAX;
    peer_open_order(&a, &order, false);
    publish_to_all(3 * 255);
    for (unsigned i = 0; i < 6 * 255; i++) {
        faults += sscanf(peer_text(&a), "text %u", &number) != 1 || number != i;
    }
    is_int(faults, 0, "255 channels of one client: history and news in order");
    peer_close(&a);
    world_stop();
}

/* ---- what a client sees of a message ---- */

static void test_meta_lines(void)
{
    static const wsp_meta_t metas[] = {WSP_META_NONE, WSP_META_NCHAN,
                                       WSP_META_WSPUSH};
    wsp_publish_t message;
    peer_t peers[3];
    order_t order;
    char id_text[WSP_ID_TEXT_SIZE], want[300];
    wsp_id_t id;

    world_start(1, 4u << 20);
    for (unsigned i = 0; i < 3; i++) {
        order_init(&order, "group\x1fnews");
        order.offer.meta = metas[i];
        peer_open_order(&peers[i], &order, false);
    }
    memset(&message, 0, sizeof message);
    message.channel = bytes_of("group\x1fnews");
    message.body = bytes_of("body");
    message.content_type = bytes_of("text/css");
    message.event = bytes_of("tick");
    wsp_registry_publish(world.registry, &message, &id, NULL);
    wsp_id_format(id, id_text);
    is_str(peer_text(&peers[0]), "text body", "plain: the body");
    snprintf(want, sizeof want, "text id: %s\ncontent-type: text/css\n\nbody",
             id_text);
    is_str(peer_text(&peers[1]), want, "ws+meta.nchan");
    snprintf(want, sizeof want,
             "text id: %s\ncontent-type: text/css\nchannel: news\nevent: "
             "tick\n\nbody",
             id_text);
    is_str(peer_text(&peers[2]), want, "ws+meta.wspush, without the group");
    for (unsigned i = 0; i < 3; i++) {
        peer_close(&peers[i]);
    }
    world_stop();
}

/* ---- one write per client and burst ---- */

static sem_t is_held, go_on;

/* Holds the I/O thread, so that a burst is there at once when it looks. */
static wsp_close_t hold_cb(void *ctx, const wsp_client_view_t *client,
                           wsp_opcode_t op, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)client;
    (void)op;
    (void)data;
    (void)len;
    sem_post(&is_held);
    while (sem_wait(&go_on) != 0) {
    }
    return WSP_CLOSE_NONE;
}

static void test_one_write_per_burst(void)
{
    wsp_io_host_t host = {.on_message = hold_cb};
    static peer_t peers[30];
    unsigned frames = 0;
    int64_t calls;
    peer_t holder;

    sem_init(&is_held, 0, 0);
    sem_init(&go_on, 0, 0);
    world_start_with(1, 8u << 20, &host);
    world.policy.on_message = WSP_ON_MESSAGE_DISCARD;
    peer_open(&holder, "none");
    for (unsigned i = 0; i < 30; i++) {
        peer_open(&peers[i], i < 10 ? "a" : i < 20 ? "a b" : "c a b");
    }
    peer_say(&holder, "hold");
    sem_wait(&is_held);
    calls = world_stat(WSP_STAT_WRITE_CALLS);
    for (unsigned n = 0; n < 100; n++) {
        publish(n % 3 == 0 ? "a" : n % 3 == 1 ? "b" : "c", "burst");
    }
    sem_post(&go_on);
    for (unsigned i = 0; i < 30; i++) {
        unsigned expected = i < 10 ? 34 : i < 20 ? 67 : 100;
        for (unsigned n = 0; n < expected; n++) {
            frames += peer_frame(&peers[i]).op == WSP_OP_TEXT;
        }
    }
    is_int(frames, 10 * (34 + 67 + 100), "a burst over three channels");
    peer_send(&holder, WSP_OP_PING, "", 0);
    peer_frame(&holder); /* the turn of the burst is over */
    world_await_stat(WSP_STAT_DELIVERIES, frames);
    calls = world_stat(WSP_STAT_WRITE_CALLS) - calls;
    ok(calls == 30 || calls == 30 + 1, /* the pong's may not be counted yet */
       "one write for each of 30 clients");
    for (unsigned i = 0; i < 30; i++) {
        peer_close(&peers[i]);
    }
    peer_close(&holder);
    world_stop();
}

int main(void)
{
    tap_start(240);
    test_order();
    test_burst_without_history();
    test_seam();
    test_newcomers();
    test_history();
    test_long_replay("two one");
    test_gap_on_resume();
    test_channel_per_client();
    test_most_channels();
    test_meta_lines();
    test_one_write_per_burst();
    return done_testing();
}
