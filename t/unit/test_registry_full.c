/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry, full segment: the oldest history goes first, a newest message
 * never, a laggard is told, and a publish is refused only when nothing more can
 * go, without having driven anything out in vain.
 */
#include "registry_test.h"

#define SEGMENT ((size_t)1 << 20)

static char big[2 << 20];

static wsp_id_t publish_bytes(wsp_registry_t *registry, const char *channel,
                              size_t bytes, uint32_t history_count)
{
    wsp_publish_t message = message_of(channel, "");
    wsp_id_t id = 0;

    message.body = (wsp_bytes_t){big, bytes};
    message.history_count = history_count;
    wsp_registry_publish(registry, &message, &id, NULL);
    return id;
}

static uint64_t messages(wsp_registry_t *registry, const char *channel)
{
    wsp_channel_info_t info;

    return wsp_registry_info(registry, text_bytes(channel), &info) ==
                   APR_SUCCESS
               ? info.messages
               : 0;
}

static wsp_registry_figures_t figures_of(wsp_registry_t *registry)
{
    wsp_registry_figures_t figures;
    wsp_registry_figures(registry, &figures);
    return figures;
}

/* Ten channels in turn, ten messages each; then the segment fills up. */
static void test_oldest_first(void)
{
    world_t world = world_make(SEGMENT, 2);
    wsp_registry_t *registry = world.registry;
    char name[8];
    unsigned i, k, bad = 0;

    for (i = 0; i < 10; i++) {
        for (k = 0; k < 10; k++) {
            snprintf(name, sizeof(name), "c%u", k);
            publish_bytes(registry, name, 5000, 1000);
        }
    }
    is_int(figures_of(registry).evicted, 0, "100 messages fit");
    for (i = 0; i < 9; i++) {
        publish_bytes(registry, "c9", 90000, 1000);
        for (k = 0; k < 10; k++) {
            snprintf(name, sizeof(name), "c%u", k);
            bad += messages(registry, name) == 0;
        }
    }
    is_int(bad, 0, "each channel keeps its newest");
    ok(figures_of(registry).evicted >= 50, "history went");
    is_int(figures_of(registry).refused, 0, "nobody was refused");
    for (k = 1; k < 9; k++) {
        char before[8];
        snprintf(before, sizeof(before), "c%u", k - 1);
        snprintf(name, sizeof(name), "c%u", k);
        bad += messages(registry, name) < messages(registry, before) ||
               messages(registry, name) > messages(registry, before) + 1;
    }
    is_int(bad, 0, "evenly: the oldest of all channels went first");
    ok(is_clean(registry), "self-check is clean");
    world_end(&world);
}

/* Nothing but newest messages: refused, and all are still there. */
static void test_newest_stay(void)
{
    world_t world = world_make(SEGMENT, 2);
    wsp_registry_t *registry = world.registry;
    unsigned i, count = 0, bad = 0;
    wsp_seat_t *seat;
    wsp_sub_t *sub;
    char name[16];
    apr_status_t status = APR_SUCCESS;

    wsp_seat_take(registry, &seat);
    for (i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        count += publish_bytes(registry, name, 2000, 100) != 0;
    }
    ok(count > 400 && count < 500, "%u channels fit with one message each",
       count);
    is_int(figures_of(registry).refused, 1000 - count, "the rest is refused");
    is_int(figures_of(registry).evicted, 0, "nothing went");
    for (i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        bad += messages(registry, name) != 1;
    }
    is_int(bad, 0, "each has its message");
    for (i = 0; i < 20 && status == APR_SUCCESS; i++) {
        snprintf(name, sizeof(name), "s%u", i);
        status = wsp_sub_open(seat, text_bytes(name), 0, NULL, &sub);
    }
    is_int(status, APR_ENOSPC, "no room for a new channel's subscriber");
    ok(is_clean(registry), "self-check is clean");
    is_int(wsp_registry_delete(registry, text_bytes("n1"), NULL), APR_SUCCESS,
           "one channel deleted");
    ok(publish_bytes(registry, "n2", 100, 100) != 0, "makes room");
    ok(publish_bytes(registry, "n2", 1000, 100) != 0,
       "replacing one's own message works");
    wsp_seat_leave(seat);
    ok(is_clean(registry), "self-check is clean");
    world_end(&world);
}

static void test_too_big(void)
{
    world_t world = world_make(SEGMENT, 2);
    wsp_registry_t *registry = world.registry;
    wsp_registry_figures_t before, after;
    unsigned i;

    for (i = 0; i < 50; i++) {
        publish_bytes(registry, "history", 1000, 100);
    }
    before = figures_of(registry);
    is_int(publish_bytes(registry, "a", sizeof(big), 1), 0,
           "larger than the segment");
    is_int(publish_bytes(registry, "a", SEGMENT, 1), 0,
           "as large as the segment");
    is_int(publish_bytes(registry, "a", SEGMENT - 30000, 1), 0,
           "larger than its blocks");
    after = figures_of(registry);
    is_int(after.messages, before.messages, "drove nothing out");
    is_int(after.blocks_free, before.blocks_free, "took nothing");
    is_int(after.refused, 3, "three refused");
    ok(publish_bytes(registry, "a", 960000, 1) != 0, "nearly everything");
    ok(messages(registry, "history") > 1 && messages(registry, "history") < 50,
       "as much history went as was needed");
    is_int(publish_bytes(registry, "a", 960000, 1), 0,
           "twice does not fit: the newest is kept until it is replaced");
    is_int(messages(registry, "a"), 1, "it is still there");
    ok(is_clean(registry), "self-check is clean");
    world_end(&world);
}

/* A subscriber sleeps while the segment overflows: the oldest goes though it
 * has not taken it, and it is told. */
static void test_laggard(void)
{
    world_t world = world_make(SEGMENT, 2);
    wsp_registry_t *registry = world.registry;
    wsp_seat_t *seat;
    wsp_sub_t *sub;
    wsp_batch_t batch;
    wsp_id_t horizon, first, last = 0, opened;
    unsigned i, got = 0, gaps = 0, bad = 0;

    wsp_seat_take(registry, &seat);
    collect(seat, &opened);
    wsp_sub_open(seat, text_bytes("a"), opened, NULL, &sub);
    first = publish_bytes(registry, "a", 1000, 0);
    for (i = 1; i < 5000; i++) {
        last = publish_bytes(registry, "a", 1000, 0);
        bad += last == 0;
    }
    is_int(bad, 0, "publishers go on");
    collect(seat, &horizon);
    do {
        wsp_sub_read(sub, horizon, SIZE_MAX, &batch);
        gaps += batch.lost != 0;
        bad += batch.lost != 0 && (got > 0 || batch.lost >= batch.items[0].id ||
                                   batch.lost < first);
        got += batch.count;
        wsp_sub_release(sub,
                        batch.more ? batch.items[batch.count - 1].id : horizon);
    } while (batch.more);
    is_int(gaps, 1, "one gap is told");
    is_int(bad, 0, "in front of what is left");
    ok(got > 700 && got < 4000, "%u are left", got);
    is_int(batch.items[batch.count - 1].id, last, "up to the last");
    wsp_sub_close(sub);
    wsp_seat_leave(seat);
    ok(is_clean(registry), "self-check is clean");
    world_end(&world);
}

/* What is being read does not go; others' goes instead. */
static void test_pinned(void)
{
    world_t world = world_make(SEGMENT, 2);
    wsp_registry_t *registry = world.registry;
    wsp_seat_t *seat;
    wsp_sub_t *sub;
    wsp_batch_t batch;
    wsp_id_t horizon;
    unsigned i, bad = 0;
    static char body[4000];

    memset(big, 'p', 4000);
    wsp_seat_take(registry, &seat);
    collect(seat, &horizon);
    wsp_sub_open(seat, text_bytes("pinned"), horizon, NULL, &sub);
    for (i = 0; i < 20; i++) {
        publish_bytes(registry, "pinned", 4000, 100);
    }
    memset(big, 'q', 4000);
    collect(seat, &horizon);
    wsp_sub_read(sub, horizon, SIZE_MAX, &batch);
    is_int(batch.count, 20, "twenty are being read");
    for (i = 0; i < 2000; i++) {
        bad += publish_bytes(registry, "other", 4000, 100) == 0;
    }
    is_int(bad, 0, "another channel goes on");
    for (i = 0; i < batch.count; i++) {
        wsp_message_copy(registry, &batch.items[i], body, NULL, NULL);
        bad += body[0] != 'p' || memcmp(body, body + 1, 3999) != 0;
    }
    is_int(bad, 0, "what is read is untouched");
    for (i = 0; i < 1000; i++) {
        bad += publish_bytes(registry, "pinned", 4000, 0) == 0;
    }
    ok(bad > 0, "its own channel fills up");
    wsp_sub_release(sub, horizon);
    ok(publish_bytes(registry, "pinned", 4000, 0) != 0, "until it is released");
    ok(is_clean(registry), "self-check is clean");
    wsp_seat_leave(seat);
    ok(is_clean(registry), "self-check is clean");
    world_end(&world);
}

int main(void)
{
    tap_start(60);
    test_oldest_first();
    test_newest_stay();
    test_too_big();
    test_laggard();
    test_pinned();
    return done_testing();
}
