/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry, chaos: processes that publish, subscribe, delete and clean up are
 * killed at random steps, one after the other, while publishers and seats that
 * live go on at full speed in the same channels and the same memory. The living
 * lose nothing, and blocks they have in hand are not swept from under them.
 */
/* wsp-test-flags: -DWSP_CRASH_POINTS src/registry/[a-z]*.c */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "registry/handle.h"
#include "registry/step.h"
#include "registry_test.h"

#define PUBLISHERS 2u
#define SEATS 2u
#define CHANNELS 5u
#define VICTIM UINT32_MAX /* as a publisher's number */

/** In shared memory. */
typedef struct {
    _Atomic bool is_over;
    _Atomic unsigned subscribed;
    _Atomic uint32_t acked[PUBLISHERS][CHANNELS];
    _Atomic uint64_t gaps, taken;
} story_t;

typedef struct {
    uint32_t publisher, channel, seq, size;
} text_t;

static story_t *story;
static int countdown;

void wsp_step_reached(wsp_step_t step)
{
    (void)step;
    if (countdown > 0 && --countdown == 0) {
        kill(getpid(), SIGKILL);
    }
}

static const char *const names[CHANNELS] = {"c0", "c1", "c2", "c3", "c4"};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

static apr_status_t publish_text(wsp_registry_t *registry, text_t text,
                                 uint32_t history_count)
{
    wsp_publish_t message = message_of(names[text.channel], "");
    static char body[9000];

    memset(body, (char)text.seq, text.size);
    memcpy(body, &text, sizeof(text));
    message.body = (wsp_bytes_t){body, text.size};
    message.history_count = history_count;
    return wsp_registry_publish(registry, &message, NULL, NULL);
}

/* -------------------------------------------------------------- the living */

static void run_publisher(wsp_registry_t *registry, uint32_t index)
{
    uint32_t state = index + 1, seq[CHANNELS] = {0};

    while (!atomic_load(&story->is_over)) {
        text_t text = {index, next_random(&state) % CHANNELS, 0, 0};
        text.seq = ++seq[text.channel];
        text.size = (uint32_t)sizeof(text) + next_random(&state) % 6000;
        if (publish_text(registry, text, 20) != APR_SUCCESS) {
            _exit(2);
        }
        atomic_store(&story->acked[index][text.channel], text.seq);
    }
    _exit(0);
}

typedef struct {
    wsp_registry_t *registry;
    wsp_seat_t *seat;
    wsp_sub_t *subs[CHANNELS];
    uint32_t seq[PUBLISHERS][CHANNELS];
    bool may_jump[PUBLISHERS][CHANNELS];
    wsp_id_t horizon;
} reader_t;

static void take(reader_t *reader, unsigned channel,
                 const wsp_message_t *message)
{
    static char body[9000];
    text_t text;
    uint32_t i, *seq;

    wsp_message_copy(reader->registry, message, body, NULL, NULL);
    memcpy(&text, body, sizeof(text));
    for (i = sizeof(text); i < text.size; i++) {
        if (body[i] != (char)text.seq) {
            _exit(10); /* torn */
        }
    }
    if (text.size != message->body_bytes || text.channel != channel) {
        _exit(11);
    }
    if (text.publisher == VICTIM) {
        return;
    }
    seq = &reader->seq[text.publisher][channel];
    if (text.seq <= *seq ||
        (text.seq != *seq + 1 && !reader->may_jump[text.publisher][channel])) {
        _exit(12); /* doubled, reordered or lost */
    }
    reader->may_jump[text.publisher][channel] = false;
    *seq = text.seq;
    atomic_fetch_add(&story->taken, 1);
}

static void ready_channel_cb(void *ctx, wsp_sub_t *sub, void *cookie)
{
    wsp_sub_t **ready = ctx;
    unsigned *channel = cookie;
    ready[*channel] = sub;
}

static void read_ready(reader_t *reader, unsigned channel, wsp_sub_t *sub)
{
    wsp_batch_t batch;
    unsigned i;

    do {
        wsp_sub_read(sub, reader->horizon, 100000, &batch);
        if (batch.lost != 0) {
            atomic_fetch_add(&story->gaps, 1);
            for (i = 0; i < PUBLISHERS; i++) {
                reader->may_jump[i][channel] = true;
            }
        }
        for (i = 0; i < batch.count; i++) {
            take(reader, channel, &batch.items[i]);
        }
        wsp_sub_release(sub, batch.more ? batch.items[batch.count - 1].id
                                        : reader->horizon);
    } while (batch.more);
}

static void turn(reader_t *reader)
{
    wsp_sub_t *ready[CHANNELS] = {NULL};
    unsigned i;

    wsp_seat_collect(reader->seat, &reader->horizon, ready_channel_cb, ready);
    for (i = 0; i < CHANNELS; i++) {
        if (ready[i] != NULL) {
            read_ready(reader, i, ready[i]);
        }
    }
}

static bool has_all(const reader_t *reader)
{
    unsigned i, k;
    bool is_all = true;

    for (i = 0; i < PUBLISHERS; i++) {
        for (k = 0; k < CHANNELS; k++) {
            is_all =
                is_all && reader->seq[i][k] >= atomic_load(&story->acked[i][k]);
        }
    }
    return is_all;
}

static void run_seat(wsp_registry_t *registry)
{
    static reader_t reader;
    static unsigned cookies[CHANNELS] = {0, 1, 2, 3, 4};
    bool is_last = false;
    unsigned i, turns = 0;

    reader.registry = registry;
    if (wsp_seat_take(registry, &reader.seat) != APR_SUCCESS) {
        _exit(3);
    }
    collect(reader.seat, &reader.horizon);
    for (i = 0; i < CHANNELS; i++) {
        wsp_sub_open(reader.seat, text_bytes(names[i]), reader.horizon,
                     &cookies[i], &reader.subs[i]);
    }
    atomic_fetch_add(&story->subscribed, 1);
    while (!is_last) {
        struct pollfd poller = {wsp_seat_wake_fd(reader.seat), POLLIN, 0};
        is_last = atomic_load(&story->is_over);
        turn(&reader);
        if (!is_last && wsp_seat_try_sleep(reader.seat)) {
            poll(&poller, 1, 100);
        }
        wsp_seat_awake(reader.seat);
        if (++turns % 16 == 0) {
            wsp_seat_tick(reader.seat);
        }
    }
    turn(&reader);
    wsp_seat_leave(reader.seat);
    _exit(has_all(&reader) ? 0 : 13);
}

/* ------------------------------------------------------------- the victims */

static void run_victim(wsp_registry_t *registry, uint32_t state)
{
    wsp_seat_t *seat;
    wsp_sub_t *sub, *own;
    wsp_batch_t batch;
    wsp_id_t horizon;
    unsigned i;

    for (;;) {
        for (i = 0; i < 20; i++) {
            text_t text = {VICTIM, next_random(&state) % CHANNELS, i, 0};
            text.size = (uint32_t)sizeof(text) + next_random(&state) % 3000;
            publish_text(registry, text, next_random(&state) % 30);
            publish(registry, "victims", "x", i % 3);
        }
        wsp_registry_delete(registry, text_bytes("victims"), NULL);
        if (wsp_seat_take(registry, &seat) != APR_SUCCESS) {
            continue;
        }
        collect(seat, &horizon);
        if (wsp_sub_open(seat, text_bytes(names[state % CHANNELS]), 0, NULL,
                         &sub) == APR_SUCCESS &&
            wsp_sub_open(seat, text_bytes("victims"), 0, NULL, &own) ==
                APR_SUCCESS) {
            wsp_sub_read(sub, horizon, SIZE_MAX, &batch);
            publish(registry, "victims", "mine", 1);
            wsp_seat_tick(seat);
            wsp_sub_release(sub, horizon);
            wsp_sub_read_history(sub, 0, horizon, SIZE_MAX, &batch);
            wsp_registry_delete(registry, text_bytes("victims"), NULL);
            wsp_sub_close(own);
        }
        wsp_seat_leave(seat);
    }
}

static void kill_some(wsp_registry_t *registry, unsigned count)
{
    uint32_t state = 4711;
    int status;

    while (count-- > 0) {
        int steps = 1 + (int)(next_random(&state) % 1200);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(60);
            countdown = steps;
            run_victim(registry, state);
        }
        waitpid(pid, &status, 0);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
            diag("a victim ended with status %d", status);
        }
    }
}

static bool ended_well(pid_t pid, const char *who)
{
    int status = -1;

    waitpid(pid, &status, 0);
    if (status != 0) {
        diag("%s: signal %d, exit %d", who, status & 127, status >> 8 & 255);
    }
    return status == 0;
}

int main(void)
{
    bool is_full = getenv("WSP_FULL") != NULL;
    unsigned victims = is_full ? 5000 : 400, i, well = 0;
    pid_t living[PUBLISHERS + SEATS];
    wsp_registry_figures_t figures;
    wsp_seat_t *seat;
    world_t world;

    tap_start(is_full ? 900 : 150);
    story = mmap(NULL, sizeof(*story), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    world = world_make((size_t)4 << 20, SEATS + 1);
    for (i = 0; i < SEATS; i++) {
        living[i] = fork();
        if (living[i] == 0) {
            alarm(is_full ? 880 : 140);
            run_seat(world.registry);
        }
    }
    while (atomic_load(&story->subscribed) < SEATS) {
        sched_yield();
    }
    for (i = 0; i < PUBLISHERS; i++) {
        living[SEATS + i] = fork();
        if (living[SEATS + i] == 0) {
            alarm(is_full ? 880 : 140);
            run_publisher(world.registry, i);
        }
    }
    kill_some(world.registry, victims);
    atomic_store(&story->is_over, true);
    for (i = 0; i < PUBLISHERS; i++) {
        well += ended_well(living[SEATS + i], "publisher");
    }
    is_int(well, PUBLISHERS, "%u deaths later the publishers live", victims);
    for (well = 0, i = 0; i < SEATS; i++) {
        well += ended_well(living[i], "seat");
    }
    is_int(well, SEATS, "the seats took %lu messages and %lu gaps",
           (unsigned long)atomic_load(&story->taken),
           (unsigned long)atomic_load(&story->gaps));
    is_int(wsp_seat_take(world.registry, &seat), APR_SUCCESS, "a free seat");
    wsp_seat_tick(seat);
    wsp_seat_tick(seat);
    ok(is_clean(world.registry), "self-check is clean");
    is_int(atomic_load(&world.registry->header->sweep_wanted), 0, "swept");
    for (i = 0; i < CHANNELS; i++) {
        wsp_registry_delete(world.registry, text_bytes(names[i]), NULL);
    }
    wsp_registry_delete(world.registry, text_bytes("victims"), NULL);
    wsp_registry_figures(world.registry, &figures);
    is_int(figures.blocks_free, figures.blocks, "no block is lost");
    ok(figures.repairs > victims / 4, "%lu repairs",
       (unsigned long)figures.repairs);
    wsp_seat_leave(seat);
    world_end(&world);
    return done_testing();
}
