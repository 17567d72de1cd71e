/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry, stress: a great many messages of random sizes to random channels
 * through a segment that is far too small for them, with readers in threads. No
 * publish is refused while anything older can go; each channel keeps its newest
 * message; a reader misses nothing without being told. WSP_FULL=1 in the
 * environment: two million messages.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "registry_test.h"

#define PUBLISHERS 2u
#define READERS 3u
#define CHANNELS 400u /* of these each publisher has its own half */
#define READ_CHANNELS 60u
#define SEGMENT ((size_t)16 << 20)

static wsp_registry_t *registry;
static unsigned messages_each;
static _Atomic unsigned refused, bad, subscribed;
static _Atomic uint64_t taken, gaps;
static _Atomic bool is_over;
static int slow[2]; /* pipe: when the slow reader may read again */
static wsp_id_t newest[CHANNELS]; /* by its publisher */

typedef struct {
    uint32_t channel, seq;
} text_t;

static void channel_name(char name[16], unsigned channel)
{
    snprintf(name, 16, "stress/%u", channel);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state >> 8;
}

/* Mostly small, now and then up to 20,000 bytes. */
static size_t random_size(uint32_t *state)
{
    uint32_t kind = next_random(state) % 64;
    uint32_t most = kind == 0 ? 20000 : kind < 8 ? 3000 : 300;
    return sizeof(text_t) + next_random(state) % most;
}

static void let_slow_reader_go(void)
{
    if (write(slow[1], "g", 1) != 1) {
        atomic_fetch_add(&bad, 1);
    }
}

static void *publisher_main(void *arg)
{
    uint32_t index = *(uint32_t *)arg, state = index * 77 + 1, i;
    static uint32_t seq[CHANNELS];
    char *body = calloc(1, 30000), name[16];

    if (body == NULL) {
        bail_out("no memory");
    }
    for (i = 0; i < messages_each; i++) {
        text_t text;
        wsp_publish_t message;
        if (index == 0 && i % 100000 == 0) { /* more than there is room */
            let_slow_reader_go();
        }
        text.channel =
            next_random(&state) % (CHANNELS / PUBLISHERS) * PUBLISHERS + index;
        text.seq = ++seq[text.channel];
        channel_name(name, text.channel);
        memcpy(body, &text, sizeof(text));
        message = message_of(name, "");
        message.body = (wsp_bytes_t){body, random_size(&state)};
        message.history_count = text.channel % 8 == 0 ? 3 : 100000;
        if (wsp_registry_publish(registry, &message, &newest[text.channel],
                                 NULL) != APR_SUCCESS) {
            atomic_fetch_add(&refused, 1);
        }
    }
    free(body);
    return NULL;
}

/* ----------------------------------------------------------------- reader */

typedef struct {
    wsp_sub_t *sub;
    uint32_t channel, seq;
    bool is_ready;
} place_t;

static void note_cb(void *ctx, wsp_sub_t *sub, void *cookie)
{
    place_t *place = cookie;
    (void)ctx;
    (void)sub;
    place->is_ready = true;
}

static void take(place_t *place, const wsp_batch_t *batch)
{
    static _Thread_local char body[30000];
    bool may_jump = batch->lost != 0;
    unsigned i;

    atomic_fetch_add(&gaps, may_jump ? 1 : 0);
    atomic_fetch_add(&taken, batch->count);
    for (i = 0; i < batch->count; i++) {
        text_t text;
        wsp_message_copy(registry, &batch->items[i], body, NULL, NULL);
        memcpy(&text, body, sizeof(text));
        if (text.channel != place->channel ||
            (may_jump ? text.seq <= place->seq : text.seq != place->seq + 1)) {
            atomic_fetch_add(&bad, 1);
        }
        place->seq = text.seq;
        may_jump = false;
    }
}

static void read_place(place_t *place, wsp_id_t horizon)
{
    wsp_batch_t batch;

    do {
        wsp_sub_read(place->sub, horizon, 60000, &batch);
        take(place, &batch);
        wsp_sub_release(place->sub,
                        batch.more ? batch.items[batch.count - 1].id : horizon);
    } while (batch.more);
    place->is_ready = false;
}

/* The first reader falls behind until it is let go. */
static void wait_for_news(wsp_seat_t *seat, uint32_t index)
{
    struct pollfd poller = {wsp_seat_wake_fd(seat), POLLIN, 0};
    char byte;

    if (index == 0) {
        if (read(slow[0], &byte, 1) != 1) {
            atomic_fetch_add(&bad, 1);
        }
        return;
    }
    if (wsp_seat_try_sleep(seat)) {
        poll(&poller, 1, 1000);
    }
    wsp_seat_awake(seat);
}

static void *reader_main(void *arg)
{
    uint32_t index = *(uint32_t *)arg, i;
    place_t *places = calloc(READ_CHANNELS, sizeof(*places));
    wsp_seat_t *seat;
    wsp_id_t horizon;
    bool is_last = false;
    char name[16];

    if (places == NULL || wsp_seat_take(registry, &seat) != APR_SUCCESS) {
        bail_out("no seat");
    }
    collect(seat, &horizon);
    for (i = 0; i < READ_CHANNELS; i++) {
        places[i].channel = (i * 5 + index * 17) % CHANNELS;
        channel_name(name, places[i].channel);
        wsp_sub_open(seat, text_bytes(name), horizon, &places[i],
                     &places[i].sub);
    }
    atomic_fetch_add(&subscribed, 1);
    while (!is_last) {
        is_last = atomic_load(&is_over);
        wsp_seat_collect(seat, &horizon, note_cb, NULL);
        for (i = 0; i < READ_CHANNELS; i++) {
            if (places[i].is_ready) {
                read_place(&places[i], horizon);
            }
        }
        if (!is_last) {
            wait_for_news(seat, index);
        }
    }
    wsp_seat_leave(seat);
    free(places);
    return NULL;
}

/* --------------------------------------------------------------- together */

static void check_newest(void)
{
    unsigned i, missing = 0;
    char name[16];

    for (i = 0; i < CHANNELS; i++) {
        wsp_channel_info_t info = {0, 0, 0, 0};
        channel_name(name, i);
        wsp_registry_info(registry, text_bytes(name), &info);
        missing +=
            newest[i] != 0 && (info.messages == 0 || info.last_id != newest[i]);
    }
    is_int(missing, 0, "each channel has its newest message");
}

int main(void)
{
    bool is_full = getenv("WSP_FULL") != NULL;
    unsigned total = is_full ? 2000000 : 200000, i;
    pthread_t publishers[PUBLISHERS], readers[READERS];
    uint32_t numbers[READERS] = {0, 1, 2};
    wsp_registry_figures_t figures;
    world_t world;

    tap_start(is_full ? 600 : 120);
    messages_each = total / PUBLISHERS;
    world = world_make(SEGMENT, READERS);
    if (pipe(slow) != 0) {
        bail_out("pipe");
    }
    registry = world.registry;
    for (i = 0; i < READERS; i++) {
        pthread_create(&readers[i], NULL, reader_main, &numbers[i]);
    }
    while (atomic_load(&subscribed) < READERS) {
        sched_yield();
    }
    for (i = 0; i < PUBLISHERS; i++) {
        pthread_create(&publishers[i], NULL, publisher_main, &numbers[i]);
    }
    for (i = 0; i < PUBLISHERS; i++) {
        pthread_join(publishers[i], NULL);
    }
    ok(is_clean(registry), "self-check is clean with the readers at work");
    atomic_store(&is_over, true);
    let_slow_reader_go();
    for (i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
    }
    wsp_registry_figures(registry, &figures);
    is_int(atomic_load(&refused), 0, "%u messages, none refused", total);
    is_int(figures.published, total, "all published");
    ok(figures.evicted > 0, "%lu evicted", (unsigned long)figures.evicted);
    is_int(atomic_load(&bad), 0, "%lu taken, in order, %lu gaps told",
           (unsigned long)atomic_load(&taken),
           (unsigned long)atomic_load(&gaps));
    ok(atomic_load(&gaps) > 0, "the slow reader was told of its gaps");
    check_newest();
    ok(is_clean(registry), "self-check is clean");
    world_end(&world);
    return done_testing();
}
