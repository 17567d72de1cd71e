/* wsp-test-tsan */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that do not read: what they cost, when they are closed or lose their
 * oldest messages, and that they are told; answers that pile up.
 */
#include "io_world.h"

#define CROWD 100u

static char body[4096];

static void fill_body(unsigned number, size_t len)
{
    memset(body, '.', sizeof body);
    snprintf(body, sizeof body, "%u ", number);
    body[strlen(body)] = '.';
    body[len] = '\0';
}

/* Publish @a count bodies of @a len bytes, numbered from @a first. */
static void publish_many(const char *channel, unsigned first, unsigned count,
                         size_t len)
{
    for (unsigned i = 0; i < count; i++) {
        fill_body(first + i, len);
        while (publish(channel, body) == 0) {
            sched_yield();
        }
    }
}

/* A client on the same thread that reads: when it has the last message, the
 * I/O thread has seen all before it. */
static void read_until(peer_t *peer, unsigned number)
{
    unsigned got = number + 1;
    while (got != number && sscanf(peer_text(peer), "text %u", &got) == 1) {
    }
}

static void test_shared_cost(void)
{
    static peer_t peers[CROWD];
    unsigned faults = 0, number;
    int64_t queued;
    peer_t reader;

    world_start(1, 16u << 20);
    world.policy.queue_bytes = 16u << 20;
    for (unsigned i = 0; i < CROWD; i++) {
        peer_open(&peers[i], "stalled");
    }
    peer_open(&reader, "stalled");
    publish_many("stalled", 0, 1000, 1000);
    read_until(&reader, 999);
    world_await_stat(WSP_STAT_CONNECTIONS, CROWD + 1);
    queued = world_stat(WSP_STAT_QUEUED_BYTES);
    ok(queued > 0 && queued < 1000 * 1200,
       "%u stalled clients: 1000 messages of 1000 bytes are held once (%lld)",
       CROWD, (long long)queued);
    for (unsigned i = 0; i < CROWD; i++) {
        for (unsigned n = 0; n < 1000; n++) {
            faults += sscanf(peer_text(&peers[i]), "text %u", &number) != 1 ||
                      number != n;
        }
    }
    is_int(faults, 0, "and all of them get them when they read");
    world_await_stat(WSP_STAT_QUEUED_BYTES, 0);
    ok(true, "nothing is held then");
    for (unsigned i = 0; i < CROWD; i++) {
        peer_close(&peers[i]);
    }
    peer_close(&reader);
    world_stop();
}

static void test_close(void)
{
    static peer_t peers[CROWD];
    unsigned closed = 0;
    peer_t reader;

    world_start(1, 16u << 20);
    world.policy.queue_bytes = 64 * 1024;
    for (unsigned i = 0; i < CROWD; i++) {
        peer_open(&peers[i], "slow");
    }
    world.policy.queue_bytes = 1u << 30;
    peer_open(&reader, "slow");
    publish_many("slow", 0, 2000, 1000);
    read_until(&reader, 1999);
    world_await_stat(WSP_STAT_CLOSED_SLOW, CROWD);
    is_int(subscribers_of("slow"), 1, "too slow: all but the reader are out");
    for (unsigned i = 0; i < CROWD; i++) {
        const char *text;
        while (strncmp(text = peer_text(&peers[i]), "text", 4) == 0) {
        }
        closed +=
            strcmp(text, "close 1013 client reads too slowly (WSPushQueue)") ==
            0;
        peer_close(&peers[i]);
    }
    is_int(closed, CROWD, "each is told: 1013 and the directive");
    ok(world_has_logged("limit 65536 bytes"), "the log has the limit");
    world_await_stat(WSP_STAT_QUEUED_BYTES, 0);
    peer_close(&reader);
    world_stop();
}

/* After the gap nothing is missing; the gap's id is the newest lost one's. */
static void check_gap_stream(peer_t *peer, bool is_told)
{
    unsigned number, previous = 0, holes = 0, told = 0, hole_after = 0;
    unsigned misplaced = 0;
    wsp_id_t gap = 0, last = 0;

    for (number = 0; number != 2999;) {
        const char *text = peer_text(peer), *at;
        wsp_id_t id = 0;
        if (strncmp(text, "text id: ", 9) == 0) {
            wsp_id_parse(text + 9, strcspn(text + 9, "\n"), &id);
            misplaced += id <= last;
            last = id;
        }
        if (strstr(text, "\ngap: ") != NULL) {
            told++;
            gap = id;
            hole_after = previous;
            continue;
        }
        at = is_told ? strstr(text, "\n\n") : text + 3;
        if (at == NULL || sscanf(at + 2, "%u", &number) != 1) {
            break;
        }
        if (number != previous + 1 && number != 0) {
            holes++;
            misplaced += is_told && (gap == 0 || hole_after != previous);
        }
        previous = number;
    }
    is_int(number, 2999, "the newest message comes");
    is_int(holes, 1, "after one hole");
    is_int(misplaced, 0, "ids increase and the gap stands where it belongs");
    is_int(told, is_told ? 1 : 0, "%s",
           is_told ? "ws+meta.wspush is told in-band"
                   : "others cannot be told");
}

static void test_drop_oldest(wsp_meta_t meta)
{
    peer_t slow, reader;
    order_t order;

    world_start(1, 16u << 20);
    world.policy.queue_bytes = 64 * 1024;
    world.policy.queue_drop_oldest = true;
    order_init(&order, "drop");
    order.offer.meta = meta;
    peer_open_order(&slow, &order, false);
    world.policy.queue_bytes = 1u << 30;
    peer_open(&reader, "drop");
    publish_many("drop", 0, 3000, 1000);
    read_until(&reader, 2999);
    ok(world_stat(WSP_STAT_QUEUED_BYTES) < 64 * 1024 + 3000,
       "drop-oldest: what is held stays within WSPushQueue");
    check_gap_stream(&slow, meta == WSP_META_WSPUSH);
    is_int(world_stat(WSP_STAT_CLOSED_SLOW), 0, "nobody is closed");
    ok(world_stat(WSP_STAT_DROPPED) > 1000, "the dropped ones are counted");
    ok(world_stat(WSP_STAT_GAPS) == 1, "and the gap");
    ok(world_has_logged("loses the oldest (WSPushQueue drop-oldest)"),
       "and logged");
    peer_close(&slow);
    peer_close(&reader);
    world_stop();
}

/* Two channels: the oldest of both go first. */
static void test_drop_merged(void)
{
    peer_t slow, one, two;
    order_t order;
    wsp_id_t id = 0, last = 0;
    unsigned faults = 0, gaps = 0;

    world_start(1, 16u << 20);
    world.policy.queue_bytes = 64 * 1024;
    world.policy.queue_drop_oldest = true;
    order_init(&order, "one two");
    order.offer.meta = WSP_META_WSPUSH;
    peer_open_order(&slow, &order, false);
    world.policy.queue_bytes = 1u << 30;
    peer_open(&one, "one");
    peer_open(&two, "two");
    for (unsigned i = 0; i < 1000; i++) {
        publish_many("one", i, 1, 1000);
        publish_many("two", i, 1, 1000);
    }
    read_until(&one, 999);
    read_until(&two, 999);
    publish("two", "the end");
    for (;;) {
        const char *text = peer_text(&slow);
        if (strncmp(text, "text id: ", 9) != 0) {
            faults++;
            break;
        }
        wsp_id_parse(text + 9, strcspn(text + 9, "\n"), &id);
        faults += id <= last;
        last = id;
        gaps += strstr(text, "\ngap: ") != NULL;
        if (strstr(text, "the end") != NULL) {
            break;
        }
    }
    is_int(faults, 0, "two channels: ids increase over the gap");
    is_int(gaps, 1, "which is told once");
    peer_close(&slow);
    peer_close(&one);
    peer_close(&two);
    world_stop();
}

static void test_single_large(void)
{
    size_t len = 3u << 20;
    char *large = malloc(len);
    peer_t a;

    memset(large, 'L', len);
    world_start(1, 16u << 20);
    world.policy.queue_bytes = 100000;
    peer_open(&a, "large");
    publish_bytes("large", large, len);
    is_int(peer_frame(&a).len, len,
           "one message larger than WSPushQueue is sent all the same");
    peer_close(&a);
    world_stop();
    free(large);
}

/* ---- answers ---- */

#define ECHOES 400u
#define ECHO_BYTES 10000u

static void *send_echoes(void *arg)
{
    static char text[ECHO_BYTES];
    peer_t *peer = arg;

    memset(text, 'e', sizeof text);
    for (unsigned i = 0; i < ECHOES; i++) {
        peer_send(peer, WSP_OP_BINARY, text, sizeof text);
    }
    return NULL;
}

/* A client that sends and does not read its answers is read more slowly. */
static void test_held_back(void)
{
    pthread_t thread;
    unsigned whole = 0;
    int64_t most = 0;
    peer_t a;

    world_start(1, 4u << 20);
    world.policy.queue_bytes = 50000;
    world.policy.on_message = WSP_ON_MESSAGE_ECHO;
    peer_open(&a, "echo");
    pthread_create(&thread, NULL, send_echoes, &a);
    while (world_stat(WSP_STAT_QUEUED_BYTES) < 50000) {
        sched_yield();
    }
    for (unsigned i = 0; i < ECHOES; i++) {
        int64_t queued = world_stat(WSP_STAT_QUEUED_BYTES);
        most = queued > most ? queued : most;
        whole += peer_frame(&a).len == ECHO_BYTES;
    }
    pthread_join(thread, NULL);
    is_int(whole, ECHOES, "every answer comes");
    ok(most < 50000 + 2 * 65536,
       "no more than WSPushQueue and one read are held (%lld)",
       (long long)most);
    is_int(world_stat(WSP_STAT_CLOSED_SLOW), 0, "nobody is closed for it");
    peer_close(&a);
    world_stop();
}

/* Pings of a client that reads nothing: only the last one is owed a pong. */
static void test_ping_flood(void)
{
    unsigned pongs = 0;
    char last[100] = "";
    peer_t a;

    world_start(1, 4u << 20);
    peer_open(&a, "pings");
    for (unsigned i = 0; i < 20000; i++) {
        char text[20];
        snprintf(text, sizeof text, "%u", i);
        peer_send(&a, WSP_OP_PING, text, strlen(text));
    }
    ok(world_stat(WSP_STAT_QUEUED_BYTES) < 2000, "pongs do not pile up");
    while (strcmp(last, "pong 19999") != 0 && strcmp(last, "end") != 0) {
        snprintf(last, sizeof last, "%.90s", peer_text(&a));
        pongs++;
    }
    is_str(last, "pong 19999", "the last ping is answered");
    ok(pongs <= 20000, "%u pongs for 20000 pings", pongs);
    peer_close(&a);
    world_stop();
}

int main(void)
{
    tap_start(240);
    test_shared_cost();
    test_close();
    test_drop_oldest(WSP_META_WSPUSH);
    test_drop_oldest(WSP_META_NONE);
    test_drop_merged();
    test_single_large();
    test_held_back();
    test_ping_flood();
    return done_testing();
}
