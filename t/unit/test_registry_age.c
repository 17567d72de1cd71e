/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry, age: history_age_s, expiry, ids when the clock steps, with a clock
 * that the test sets.
 */
/* wsp-test-flags: -DWSP_TEST_CLOCK src/registry/[a-z]*.c */
#include "registry/clock.h"
#include "registry_test.h"

static uint64_t wall_ms = UINT64_C(1800000000000), age_ms = 5000;

static uint64_t clock_cb(clockid_t clock)
{
    return clock == CLOCK_REALTIME_COARSE ? wall_ms : age_ms;
}

uint64_t (*wsp_test_clock)(clockid_t clock) = clock_cb;

static wsp_id_t publish_aged(wsp_registry_t *registry, const char *channel,
                             const char *body, uint32_t count, uint32_t age_s)
{
    wsp_publish_t message = message_of(channel, body);
    wsp_id_t id = 0;

    message.history_count = count;
    message.history_age_s = age_s;
    wsp_registry_publish(registry, &message, &id, NULL);
    return id;
}

static uint64_t messages(wsp_registry_t *registry, const char *channel)
{
    wsp_channel_info_t info;

    return wsp_registry_info(registry, text_bytes(channel), &info) ==
                   APR_SUCCESS
               ? info.messages
               : 999;
}

static void tick_all(wsp_seat_t *seat)
{
    unsigned i;
    for (i = 0; i < 200; i++) {
        wsp_seat_tick(seat);
    }
}

static void test_expiry(wsp_registry_t *registry, wsp_seat_t *seat)
{
    wsp_registry_figures_t figures;
    wsp_channel_info_t info;
    wsp_id_t horizon, lost, second;
    wsp_sub_t *sub;

    publish_aged(registry, "a", "1", 10, 60);
    age_ms += 30000;
    second = publish_aged(registry, "a", "2", 10, 60);
    is_int(messages(registry, "a"), 2, "both are young enough");
    age_ms += 30000;
    is_int(messages(registry, "a"), 2, "exactly 60 s is not older than 60 s");
    age_ms += 1;
    is_int(messages(registry, "a"), 1, "the first is too old");
    collect(seat, &horizon);
    wsp_sub_open(seat, text_bytes("a"), horizon, NULL, &sub);
    is_str(history(registry, sub, 1, horizon, &lost), "2", "nobody reads it");
    ok(lost != 0 && lost < second, "who resumes before it is told");
    is_int(wsp_sub_start(sub, 100, horizon), lost, "oldest: after it");
    tick_all(seat);
    wsp_registry_figures(registry, &figures);
    is_int(figures.messages, 1, "a tick frees it");
    is_int(figures.expired, 1, "and counts it");
    age_ms += 60000;
    wsp_registry_info(registry, text_bytes("a"), &info);
    is_int(info.messages, 0, "all are too old");
    is_int(info.requested_s, 60, "a subscriber came 60 s ago");
    is_int(info.last_id, second, "the last id is still known");
    publish_aged(registry, "a", "3", 10, 60);
    is_str(news(seat, registry, sub, &lost), "3", "news go on");
    is_int(lost, 0, "without a gap");
    wsp_sub_close(sub);
    age_ms += 61000;
    is_int(messages(registry, "a"), 999, "nobody and nothing: no channel");
    tick_all(seat);
    wsp_registry_figures(registry, &figures);
    is_int(figures.channels, 0, "a tick frees the channel");
    is_int(figures.blocks_free, figures.blocks, "all blocks");
}

/* Expired, but a living subscriber has not taken it: it stays for him. */
static void test_untaken(wsp_registry_t *registry, wsp_seat_t *seat)
{
    wsp_id_t horizon, lost;
    wsp_sub_t *sub;

    collect(seat, &horizon);
    wsp_sub_open(seat, text_bytes("b"), horizon, NULL, &sub);
    publish_aged(registry, "b", "1", 10, 1);
    age_ms += 5000;
    publish_aged(registry, "b", "2", 10, 1);
    tick_all(seat);
    is_int(messages(registry, "b"), 1, "expired for newcomers");
    is_str(news(seat, registry, sub, &lost), "1|2", "but not for laggards");
    is_int(lost, 0, "nothing lost");
    wsp_sub_close(sub);
    wsp_registry_delete(registry, text_bytes("b"), NULL);
}

static void test_clock_steps(wsp_registry_t *registry)
{
    wsp_id_t before, after;
    char text[WSP_ID_TEXT_SIZE];

    wall_ms = UINT64_C(1900000000000);
    before = publish_aged(registry, "c", "1", 10, 60);
    wsp_id_format(before, text);
    is_str(text, "1900000000:1", "a new second begins with 1");
    before = publish_aged(registry, "c", "2", 10, 60);
    wsp_id_format(before, text);
    is_str(text, "1900000000:2", "and counts");
    wall_ms -= 1000 * 3600;
    after = publish_aged(registry, "c", "3", 10, 60);
    is_int(after, before + 1, "the clock steps back: ids go on");
    is_int(messages(registry, "c"), 3, "and nothing expires");
    wall_ms += 1000 * 86400;
    is_int(messages(registry, "c"), 3, "a step forward expires nothing either");
    after = publish_aged(registry, "c", "4", 10, 60);
    is_int(after >> WSP_ID_COUNTER_BITS, 1900000000 - 3600 + 86400,
           "ids follow the clock forward");
    wsp_registry_delete(registry, text_bytes("c"), NULL);
}

/* Expired messages give way before anybody is refused, the newest too. */
static void test_full_of_expired(wsp_registry_t *registry)
{
    char name[16], *body = malloc(100000);
    wsp_publish_t message = message_of(name, "");
    unsigned i, refused = 0;

    if (body == NULL) {
        bail_out("no memory");
    }
    memset(body, 'x', 100000);
    message.body = (wsp_bytes_t){body, 100000};
    message.history_age_s = 10;
    for (i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "full%u", i);
        message.channel = text_bytes(name);
        refused +=
            wsp_registry_publish(registry, &message, NULL, NULL) == APR_ENOSPC;
        age_ms += 2500;
    }
    is_int(refused, 0, "one channel after the other, none refused");
    message.history_age_s = 1000;
    for (i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "kept%u", i);
        message.channel = text_bytes(name);
        refused +=
            wsp_registry_publish(registry, &message, NULL, NULL) == APR_ENOSPC;
        age_ms += 2500;
    }
    is_int(refused, 30, "those that may stay are not driven out");
    free(body);
}

int main(void)
{
    world_t world;
    wsp_seat_t *seat;

    tap_start(60);
    world = world_make((size_t)1 << 20, 2);
    wsp_seat_take(world.registry, &seat);
    test_expiry(world.registry, seat);
    test_untaken(world.registry, seat);
    test_clock_steps(world.registry);
    ok(is_clean(world.registry), "self-check is clean");
    test_full_of_expired(world.registry);
    ok(is_clean(world.registry), "self-check is clean");
    wsp_seat_leave(seat);
    world_end(&world);
    return done_testing();
}
