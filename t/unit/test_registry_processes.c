/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry, several processes: publishers and seats in processes of their own.
 * None lost, none doubled, none reordered, and what a seat takes from several
 * channels up to its horizon merges into one increasing order of ids. Also what
 * is left of a seat whose process is killed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "registry_test.h"

#define PUBLISHERS 4u
#define CHANNELS 8u
#define SEATS 3u

static unsigned messages_each; /* per publisher */

/** What a message says. */
typedef struct {
    uint32_t publisher, channel, seq; /* seq: per publisher and channel */
} text_t;

static void channel_name(char name[16], unsigned channel)
{
    snprintf(name, 16, "channel-%u", channel);
}

/* Numbers that depend on the seed only. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

/* -------------------------------------------------------------- publisher */

static void run_publisher(wsp_registry_t *registry, unsigned index,
                          uint32_t history_count)
{
    uint32_t seq[CHANNELS] = {0}, state = index + 1;
    char body[2000] = {0}, name[16];
    wsp_id_t last = 0, id;
    unsigned i;

    alarm(100);
    for (i = 0; i < messages_each; i++) {
        text_t text = {index, next_random(&state) % CHANNELS, 0};
        wsp_publish_t message;
        text.seq = ++seq[text.channel];
        memcpy(body, &text, sizeof(text));
        channel_name(name, text.channel);
        message = message_of(name, "");
        message.body = (wsp_bytes_t){
            body,
            sizeof(text) + (next_random(&state) % 16 == 0 ? 1500 : i % 200)};
        message.history_count = history_count;
        if (wsp_registry_publish(registry, &message, &id, NULL) !=
                APR_SUCCESS ||
            id <= last) {
            _exit(1);
        }
        last = id;
    }
    _exit(0);
}

/* ------------------------------------------------------------------- seat */

typedef struct {
    wsp_registry_t *registry;
    wsp_seat_t *seat;
    wsp_sub_t *subs[CHANNELS];
    wsp_sub_t *ready[CHANNELS];
    unsigned ready_count;
    uint32_t seq[PUBLISHERS][CHANNELS];
    wsp_id_t merged; /* newest id taken */
    unsigned taken, expected, bad;
} reader_t;

static void note_cb(void *ctx, wsp_sub_t *sub, void *cookie)
{
    reader_t *reader = ctx;
    (void)cookie;
    reader->ready[reader->ready_count++] = sub;
}

static void take_one(reader_t *reader, const wsp_message_t *message)
{
    char body[2000];
    text_t text;

    wsp_message_copy(reader->registry, message, body, NULL, NULL);
    memcpy(&text, body, sizeof(text));
    if (text.publisher >= PUBLISHERS || text.channel >= CHANNELS ||
        text.seq != ++reader->seq[text.publisher][text.channel]) {
        reader->bad++;
    }
    reader->taken++;
}

static int compare_ids(const void *a, const void *b)
{
    wsp_id_t left = *(const wsp_id_t *)a, right = *(const wsp_id_t *)b;
    return left < right ? -1 : left > right;
}

/* Everything up to the horizon, of all channels that have news. */
static void take_up_to(reader_t *reader, wsp_id_t horizon)
{
    static wsp_id_t ids[1u << 20];
    unsigned count = 0, i, k;
    wsp_batch_t batch;

    for (i = 0; i < reader->ready_count; i++) {
        do {
            wsp_sub_read(reader->ready[i], horizon, 50000, &batch);
            for (k = 0; k < batch.count; k++) {
                take_one(reader, &batch.items[k]);
                ids[count++] = batch.items[k].id;
            }
            reader->bad += batch.lost != 0;
            wsp_sub_release(reader->ready[i],
                            batch.more ? batch.items[batch.count - 1].id
                                       : horizon);
        } while (batch.more);
    }
    qsort(ids, count, sizeof(ids[0]), compare_ids);
    for (i = 0; i < count; i++) {
        reader->bad += ids[i] <= reader->merged || ids[i] > horizon;
        reader->merged = ids[i];
    }
}

static void wait_for_news(reader_t *reader)
{
    struct pollfd poller = {wsp_seat_wake_fd(reader->seat), POLLIN, 0};

    if (wsp_seat_try_sleep(reader->seat)) {
        poll(&poller, 1, -1);
    }
    wsp_seat_awake(reader->seat);
}

static void run_seat(wsp_registry_t *registry, int ready_fd)
{
    static reader_t reader;
    wsp_id_t horizon;
    char name[16];
    unsigned i;

    alarm(100);
    reader.registry = registry;
    reader.expected = PUBLISHERS * messages_each;
    if (wsp_seat_take(registry, &reader.seat) != APR_SUCCESS) {
        _exit(3);
    }
    collect(reader.seat, &horizon);
    for (i = 0; i < CHANNELS; i++) {
        channel_name(name, i);
        if (wsp_sub_open(reader.seat, text_bytes(name), horizon, NULL,
                         &reader.subs[i]) != APR_SUCCESS) {
            _exit(4);
        }
    }
    if (write(ready_fd, "r", 1) != 1) {
        _exit(5);
    }
    while (reader.taken < reader.expected && reader.bad == 0) {
        reader.ready_count = 0;
        wsp_seat_collect(reader.seat, &horizon, note_cb, &reader);
        take_up_to(&reader, horizon);
        if (reader.taken < reader.expected) {
            wait_for_news(&reader);
        }
    }
    wsp_seat_leave(reader.seat);
    _exit(reader.bad != 0 || reader.taken != reader.expected);
}

/* --------------------------------------------------------------- together */

static bool ended_well(pid_t pid)
{
    int status;
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void test_fan_out(uint32_t history_count)
{
    world_t world = world_make((size_t)32 << 20, SEATS);
    pid_t seats[SEATS], publishers[PUBLISHERS];
    unsigned i, seats_well = 0, publishers_well = 0;
    wsp_registry_figures_t figures;
    int ready[2];
    char byte;

    if (pipe(ready) != 0) {
        bail_out("pipe");
    }
    for (i = 0; i < SEATS; i++) {
        seats[i] = fork();
        if (seats[i] == 0) {
            run_seat(world.registry, ready[1]);
        }
    }
    for (i = 0; i < SEATS; i++) {
        while (read(ready[0], &byte, 1) < 0 && errno == EINTR) {
        }
    }
    for (i = 0; i < PUBLISHERS; i++) {
        publishers[i] = fork();
        if (publishers[i] == 0) {
            run_publisher(world.registry, i, history_count);
        }
    }
    for (i = 0; i < PUBLISHERS; i++) {
        publishers_well += ended_well(publishers[i]);
    }
    for (i = 0; i < SEATS; i++) {
        seats_well += ended_well(seats[i]);
    }
    is_int(publishers_well, PUBLISHERS,
           "history %u: %u publishers x %u messages to %u channels",
           history_count, PUBLISHERS, messages_each, CHANNELS);
    is_int(seats_well, SEATS, "each seat has all, once, in one order");
    ok(is_clean(world.registry), "self-check is clean");
    wsp_registry_figures(world.registry, &figures);
    is_int(figures.published, PUBLISHERS * messages_each, "published");
    is_int(figures.evicted, 0, "nothing evicted");
    ok(figures.messages <= CHANNELS * history_count,
       "what is left is the history");
    close(ready[0]);
    close(ready[1]);
    world_end(&world);
}

/* ------------------------------------------------------------ a seat dies */

/* Subscribes, pins, counts clients, and waits to be killed. */
static void run_victim(wsp_registry_t *registry, int ready_fd)
{
    wsp_seat_t *seat;
    wsp_sub_t *sub, *other;
    wsp_batch_t batch;
    wsp_id_t horizon;

    alarm(100);
    wsp_seat_take(registry, &seat);
    wsp_sub_open(seat, text_bytes("a"), 0, NULL, &sub);
    wsp_sub_open(seat, text_bytes("only-mine"), 0, NULL, &other);
    wsp_sub_set_clients(sub, 11);
    wsp_seat_try_connect(seat, 0);
    wsp_seat_stat_add(seat, WSP_STAT_DELIVERIES, 3);
    collect(seat, &horizon);
    wsp_sub_read(sub, horizon, SIZE_MAX, &batch);
    if (write(ready_fd, "r", 1) != 1) {
        _exit(5);
    }
    pause();
    _exit(1);
}

static void test_death(void)
{
    world_t world = world_make((size_t)1 << 20, 2);
    wsp_registry_t *registry = world.registry;
    wsp_registry_figures_t figures;
    wsp_channel_info_t info;
    wsp_seat_t *mine, *other;
    int ready[2], status;
    char byte;
    pid_t pid;

    if (pipe(ready) != 0) {
        bail_out("pipe");
    }
    wsp_seat_take(registry, &mine);
    publish(registry, "a", "1", 0);
    publish(registry, "a", "2", 5);
    pid = fork();
    if (pid == 0) {
        run_victim(registry, ready[1]);
    }
    ok(read(ready[0], &byte, 1) == 1, "a seat subscribes in another process");
    publish(registry, "a", "3", 0);
    wsp_registry_info(registry, text_bytes("a"), &info);
    is_int(info.subscribers, 11, "its clients count");
    is_int(wsp_seat_take(registry, &other), APR_ENOSPC, "its seat is taken");
    ok(!wsp_seat_try_connect(mine, 1), "its connection counts");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    wsp_registry_seats_reap(registry);
    is_int(wsp_registry_info(registry, text_bytes("a"), &info), APR_NOTFOUND,
           "after its death its channel has nobody");
    ok(wsp_seat_try_connect(mine, 1), "its connection does not count");
    wsp_seat_tick(mine);
    wsp_registry_figures(registry, &figures);
    is_int(figures.channels, 0, "its channels are gone with the next tick");
    is_int(figures.blocks_free, figures.blocks, "with all of their blocks");
    is_int(figures.stat[WSP_STAT_DELIVERIES], 3, "its totals stay");
    is_int(wsp_seat_take(registry, &other), APR_SUCCESS, "its seat is free");
    ok(is_clean(registry), "self-check is clean");
    wsp_seat_leave(other);
    wsp_seat_leave(mine);
    close(ready[0]);
    close(ready[1]);
    world_end(&world);
}

int main(void)
{
    tap_start(200);
    messages_each = getenv("WSP_FULL") != NULL ? 25000 : 5000;
    test_fan_out(0);
    test_fan_out(1);
    test_fan_out(10);
    test_death();
    return done_testing();
}
