/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry, threads: publishers, seats, a thread that deletes and asks, one
 * that subscribes and leaves, one that runs the self-check, all at once in one
 * process, so that ThreadSanitizer sees all of them. Small memory, so that they
 * also evict each other's history while it is read.
 */
/* wsp-test-tsan */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "registry_test.h"

#define PUBLISHERS 3u
#define SEATS 2u
#define CHANNELS 6u
#define MESSAGES 4000u /* per publisher */

static wsp_registry_t *registry;
static _Atomic unsigned bad, subscribed, published;
static _Atomic bool is_over;

/* Body: | publisher | seq of this publisher and channel | filler ... |; the
 * filler repeats seq, so that a torn copy shows. */
typedef struct {
    uint32_t publisher, seq;
} text_t;

static const char *const names[CHANNELS] = {"c0", "c1", "c2", "c3", "c4", "c5"};

static void *publisher_main(void *arg)
{
    uint32_t index = *(uint32_t *)arg, seq[CHANNELS] = {0}, i;
    static const size_t sizes[] = {8, 100, 200, 208, 209, 460, 461, 5000};
    char body[5000];

    for (i = 0; i < MESSAGES; i++) {
        uint32_t channel = (i * 7 + index) % CHANNELS;
        size_t size = sizes[(i / 3) % 8];
        text_t text = {index, ++seq[channel]};
        wsp_publish_t message = message_of(names[channel], "");
        memset(body, (char)text.seq, size);
        memcpy(body, &text, sizeof(text));
        message.body = (wsp_bytes_t){body, size};
        message.history_count = i % 50;
        if (wsp_registry_publish(registry, &message, NULL, NULL) !=
            APR_SUCCESS) {
            atomic_fetch_add(&bad, 1);
        }
    }
    atomic_fetch_add(&published, 1);
    return NULL;
}

/* ------------------------------------------------------------------- seat */

typedef struct {
    wsp_sub_t *subs[CHANNELS];
    wsp_sub_t *ready[CHANNELS];
    unsigned channels[CHANNELS];
    unsigned ready_count;
    uint32_t seq[CHANNELS][PUBLISHERS];
    bool may_jump[CHANNELS][PUBLISHERS]; /* a gap was told */
} reader_t;

static void note_cb(void *ctx, wsp_sub_t *sub, void *cookie)
{
    reader_t *reader = ctx;
    reader->ready[reader->ready_count] = sub;
    reader->channels[reader->ready_count++] = *(unsigned *)cookie;
}

static void check_copy(reader_t *reader, unsigned channel,
                       const wsp_message_t *message)
{
    char body[5000];
    text_t text;
    uint32_t *seq, i;

    wsp_message_copy(registry, message, body, NULL, NULL);
    memcpy(&text, body, sizeof(text));
    for (i = sizeof(text); i < message->body_bytes; i++) {
        if (body[i] != (char)text.seq) {
            atomic_fetch_add(&bad, 1);
            return;
        }
    }
    seq = &reader->seq[channel][text.publisher];
    if (text.seq <= *seq ||
        (text.seq != *seq + 1 && !reader->may_jump[channel][text.publisher])) {
        atomic_fetch_add(&bad, 1);
    }
    *seq = text.seq;
    reader->may_jump[channel][text.publisher] = false;
}

static void read_all(reader_t *reader, wsp_id_t horizon)
{
    wsp_batch_t batch;
    unsigned i, k;

    for (i = 0; i < reader->ready_count; i++) {
        do {
            wsp_sub_read(reader->ready[i], horizon, 20000, &batch);
            for (k = 0; k < PUBLISHERS && batch.lost != 0; k++) {
                reader->may_jump[reader->channels[i]][k] = true;
            }
            for (k = 0; k < batch.count; k++) {
                check_copy(reader, reader->channels[i], &batch.items[k]);
            }
            wsp_sub_release(reader->ready[i],
                            batch.more ? batch.items[batch.count - 1].id
                                       : horizon);
        } while (batch.more);
    }
}

static void *seat_main(void *arg)
{
    static unsigned cookies[CHANNELS] = {0, 1, 2, 3, 4, 5};
    reader_t reader = {0};
    wsp_seat_t *seat;
    wsp_id_t horizon;
    bool is_last = false;
    unsigned i;

    (void)arg;
    if (wsp_seat_take(registry, &seat) != APR_SUCCESS) {
        bail_out("no seat");
    }
    collect(seat, &horizon);
    for (i = 0; i < CHANNELS; i++) {
        wsp_sub_open(seat, text_bytes(names[i]), horizon, &cookies[i],
                     &reader.subs[i]);
    }
    atomic_fetch_add(&subscribed, 1);
    while (!is_last) {
        struct pollfd poller = {wsp_seat_wake_fd(seat), POLLIN, 0};
        is_last = atomic_load(&is_over);
        reader.ready_count = 0;
        wsp_seat_collect(seat, &horizon, note_cb, &reader);
        read_all(&reader, horizon);
        if (!is_last && wsp_seat_try_sleep(seat)) {
            poll(&poller, 1, 20);
        }
        wsp_seat_awake(seat);
        wsp_seat_tick(seat);
    }
    wsp_seat_leave(seat);
    return NULL;
}

/* ----------------------------------------------------------------- others */

static void *churn_main(void *arg)
{
    wsp_seat_t *seat;
    wsp_sub_t *sub;
    wsp_batch_t batch;
    wsp_id_t horizon;
    unsigned i = 0, k;
    char body[5000];

    (void)arg;
    while (!atomic_load(&is_over)) {
        if (wsp_seat_take(registry, &seat) != APR_SUCCESS) {
            atomic_fetch_add(&bad, 1);
            break;
        }
        for (k = 0; k < 50; k++, i++) {
            collect(seat, &horizon);
            if (wsp_sub_open(seat, text_bytes(names[i % CHANNELS]), horizon,
                             NULL, &sub) != APR_SUCCESS) {
                atomic_fetch_add(&bad, 1);
                continue;
            }
            wsp_sub_set_clients(sub, k);
            wsp_sub_read_history(sub, wsp_sub_start(sub, 5, horizon), horizon,
                                 SIZE_MAX, &batch);
            if (batch.count > 0) {
                wsp_message_copy(registry, &batch.items[0], body, NULL, NULL);
            }
            wsp_sub_release(sub, 0);
            wsp_sub_close(sub);
        }
        wsp_seat_leave(seat);
    }
    return NULL;
}

static void *delete_main(void *arg)
{
    wsp_channel_info_t info;
    wsp_registry_figures_t figures;

    (void)arg;
    while (!atomic_load(&is_over)) {
        publish(registry, "short-lived", "x", 3);
        wsp_registry_info(registry, text_bytes("short-lived"), &info);
        wsp_registry_info(registry, text_bytes("c1"), &info);
        wsp_registry_delete(registry, text_bytes("short-lived"), NULL);
        wsp_registry_figures(registry, &figures);
    }
    return NULL;
}

static void *check_main(void *arg)
{
    struct timespec pause = {0, 2000000}; /* let the others have the locks */

    (void)arg;
    while (!atomic_load(&is_over)) {
        if (!is_clean(registry)) {
            atomic_fetch_add(&bad, 1);
        }
        nanosleep(&pause, NULL);
    }
    return NULL;
}

int main(void)
{
    world_t world;
    pthread_t publishers[PUBLISHERS], others[SEATS + 3];
    uint32_t numbers[PUBLISHERS];
    unsigned i, count = 0;

    tap_start(200);
    world = world_make((size_t)2 << 20, SEATS + 1);
    registry = world.registry;
    for (i = 0; i < SEATS; i++) {
        pthread_create(&others[count++], NULL, seat_main, NULL);
    }
    while (atomic_load(&subscribed) < SEATS) {
        sched_yield();
    }
    pthread_create(&others[count++], NULL, churn_main, NULL);
    pthread_create(&others[count++], NULL, delete_main, NULL);
    pthread_create(&others[count++], NULL, check_main, NULL);
    for (i = 0; i < PUBLISHERS; i++) {
        numbers[i] = i;
        pthread_create(&publishers[i], NULL, publisher_main, &numbers[i]);
    }
    for (i = 0; i < PUBLISHERS; i++) {
        pthread_join(publishers[i], NULL);
    }
    atomic_store(&is_over, true);
    for (i = 0; i < count; i++) {
        pthread_join(others[i], NULL);
    }
    is_int(atomic_load(&published), PUBLISHERS, "publishers are done");
    is_int(atomic_load(&bad), 0, "nothing torn, lost or refused");
    ok(is_clean(registry), "self-check is clean");
    world_end(&world);
    return done_testing();
}
