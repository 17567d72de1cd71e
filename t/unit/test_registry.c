/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry, one thread: publishing, reading, history, gaps, replay, deleting,
 * sizes, limits, waking. What several processes do is in
 * test_registry_processes.c.
 */
#include <poll.h>

#include "registry_test.h"

#define SEGMENT ((size_t)1 << 20)

/** A world with one seat and a subscription of "a" at the horizon. */
typedef struct {
    world_t world;
    wsp_registry_t *registry;
    wsp_seat_t *seat;
    wsp_sub_t *sub;
    wsp_id_t horizon;
} scene_t;

static void scene_begin(scene_t *s)
{
    s->world = world_make(SEGMENT, 4);
    s->registry = s->world.registry;
    is_int(wsp_seat_take(s->registry, &s->seat), APR_SUCCESS, "take a seat");
    collect(s->seat, &s->horizon);
    is_int(wsp_sub_open(s->seat, text_bytes("a"), s->horizon, &s->sub, &s->sub),
           APR_SUCCESS, "subscribe");
}

static void scene_end(scene_t *s)
{
    wsp_registry_figures_t figures;

    wsp_sub_close(s->sub);
    wsp_seat_leave(s->seat);
    ok(is_clean(s->registry), "self-check is clean");
    wsp_registry_delete(s->registry, text_bytes("a"), NULL);
    wsp_registry_figures(s->registry, &figures);
    is_int(figures.blocks_free, figures.blocks, "all blocks are free again");
    world_end(&s->world);
}

static void test_order(void)
{
    scene_t s;
    wsp_id_t first, second, lost;
    wsp_channel_info_t info;

    printf("# order\n");
    scene_begin(&s);
    is_str(news(s.seat, s.registry, s.sub, &lost), "", "no news yet");
    first = publish(s.registry, "a", "one", 100);
    second = publish(s.registry, "a", "two", 100);
    ok(first > s.horizon && second > first, "ids increase");
    is_int(collect(s.seat, &s.horizon), 1, "one subscription has news");
    is_int(s.horizon, second, "the horizon is the last id");
    is_int(collect(s.seat, NULL), 0, "it is reported once");
    is_str(news(s.seat, s.registry, s.sub, &lost), "one|two", "in order");
    is_int(lost, 0, "nothing lost");
    is_str(news(s.seat, s.registry, s.sub, &lost), "", "each message once");
    publish(s.registry, "b", "elsewhere", 100);
    is_str(news(s.seat, s.registry, s.sub, &lost), "", "not other channels'");
    wsp_sub_set_clients(s.sub, 7);
    is_int(wsp_registry_info(s.registry, text_bytes("a"), &info), APR_SUCCESS,
           "info");
    is_int(info.messages, 2, "messages");
    is_int(info.subscribers, 7, "subscribers");
    is_int(info.requested_s, 0, "a subscriber came just now");
    is_int(info.last_id, second, "last id");
    is_int(wsp_sub_subscribers(s.sub), 7, "subscribers of the subscription");
    is_int(wsp_registry_info(s.registry, text_bytes("b"), &info), APR_SUCCESS,
           "info of a channel without subscribers");
    is_int(info.requested_s, -1, "nobody ever came");
    is_int(wsp_registry_info(s.registry, text_bytes("c"), &info), APR_NOTFOUND,
           "no such channel");
    wsp_registry_delete(s.registry, text_bytes("b"), NULL);
    scene_end(&s);
}

static void test_parts(void)
{
    scene_t s;
    wsp_batch_t batch;
    wsp_id_t horizon;
    char body[8], type[16], event[8];
    wsp_publish_t message = message_of("a", "body");

    printf("# parts of a message\n");
    scene_begin(&s);
    message.content_type = text_bytes("text/html");
    message.event = text_bytes("tick");
    message.is_binary = true;
    wsp_registry_publish(s.registry, &message, NULL, NULL);
    collect(s.seat, &horizon);
    wsp_sub_read(s.sub, horizon, SIZE_MAX, &batch);
    is_int(batch.count, 1, "one message");
    is_int(batch.items[0].body_bytes, 4, "body length");
    is_int(batch.items[0].content_type_bytes, 9, "content type length");
    is_int(batch.items[0].event_bytes, 4, "event length");
    ok(batch.items[0].is_binary, "binary");
    wsp_message_copy(s.registry, &batch.items[0], body, type, event);
    is_mem(body, "body", 4, "body");
    is_mem(type, "text/html", 9, "content type");
    is_mem(event, "tick", 4, "event");
    wsp_message_copy(s.registry, &batch.items[0], NULL, NULL, NULL);
    wsp_sub_release(s.sub, horizon);
    scene_end(&s);
}

static void test_history_count(void)
{
    scene_t s;
    wsp_id_t ids[6], lost;
    wsp_channel_info_t info;
    unsigned i;

    printf("# history count\n");
    scene_begin(&s);
    for (i = 0; i < 6; i++) {
        char body[2] = {(char)('0' + i), '\0'};
        ids[i] = publish(s.registry, "a", body, 3);
    }
    is_str(news(s.seat, s.registry, s.sub, &lost), "0|1|2|3|4|5",
           "a burst longer than the history reaches the subscriber");
    is_int(lost, 0, "whole");
    wsp_registry_info(s.registry, text_bytes("a"), &info);
    is_int(info.messages, 3, "three are readable");
    is_str(history(s.registry, s.sub, 0, ids[5], &lost), "3|4|5",
           "a newcomer reads three");
    is_int(lost, ids[2], "and is told of the newest that is gone");
    is_str(history(s.registry, s.sub, ids[2], ids[5], &lost), "3|4|5",
           "who resumes in time reads on");
    is_int(lost, 0, "without a gap");
    is_str(history(s.registry, s.sub, ids[1], ids[5], &lost), "3|4|5",
           "who comes one too late");
    is_int(lost, ids[2], "is told");
    is_str(history(s.registry, s.sub, ids[4], ids[5], &lost), "5", "the last");
    is_str(history(s.registry, s.sub, ids[5], ids[5], &lost), "", "nothing");
    is_int(lost, 0, "and no gap");
    is_str(history(s.registry, s.sub, 0, ids[4], &lost), "3|4",
           "as of an earlier id, what is still there");
    is_int(wsp_sub_start(s.sub, 0, ids[5]), ids[5], "start: the newest");
    is_int(wsp_sub_start(s.sub, 1, ids[5]), ids[4], "start: the last one");
    is_int(wsp_sub_start(s.sub, 2, ids[5]), ids[3], "start: the last two");
    is_int(wsp_sub_start(s.sub, 3, ids[5]), ids[2], "start: the last three");
    is_int(wsp_sub_start(s.sub, UINT32_MAX, ids[5]), ids[2], "start: oldest");
    is_str(history(s.registry, s.sub, wsp_sub_start(s.sub, 9, ids[5]), ids[5],
                   &lost),
           "3|4|5", "the oldest start reads all");
    is_int(lost, 0, "without a gap");
    publish(s.registry, "a", "6", 1);
    is_str(history(s.registry, s.sub, 0, UINT64_MAX, &lost), "6",
           "a smaller count applies at once");
    is_str(news(s.seat, s.registry, s.sub, &lost), "6", "news go on");
    scene_end(&s);
}

/* Readable history is counted from the id asked for, not from messages that
 * came after the horizon. */
static void test_window(void)
{
    scene_t s;
    wsp_id_t horizon, lost;

    printf("# history as of the horizon\n");
    scene_begin(&s);
    publish(s.registry, "a", "1", 2);
    publish(s.registry, "a", "2", 2);
    collect(s.seat, &horizon);
    publish(s.registry, "a", "3", 2);
    is_str(history(s.registry, s.sub, s.horizon, horizon, &lost), "1|2",
           "what the horizon had");
    is_int(lost, 0, "no gap");
    scene_end(&s);
}

static void test_no_history(void)
{
    scene_t s;
    wsp_id_t id, lost;
    wsp_channel_info_t info = {1, 1, 1, 1};
    wsp_publish_t message = message_of("nobody", "x");

    printf("# history 0\n");
    scene_begin(&s);
    message.history_count = 0;
    is_int(wsp_registry_publish(s.registry, &message, &id, &info), APR_SUCCESS,
           "publish to nobody");
    ok(id > s.horizon, "has an id");
    is_int(info.messages, 0, "keeps nothing");
    is_int(wsp_registry_info(s.registry, text_bytes("nobody"), &info),
           APR_NOTFOUND, "there is no channel");
    publish(s.registry, "a", "1", 0);
    publish(s.registry, "a", "2", 0);
    publish(s.registry, "a", "3", 0);
    wsp_registry_info(s.registry, text_bytes("a"), &info);
    is_int(info.messages, 0, "nothing to read for a newcomer");
    is_str(news(s.seat, s.registry, s.sub, &lost), "1|2|3",
           "but the subscriber has them all");
    is_int(lost, 0, "none lost");
    is_str(history(s.registry, s.sub, s.horizon, UINT64_MAX - 1, &lost), "",
           "who resumes finds nothing");
    ok(lost != 0, "and is told");
    scene_end(&s);
}

static void test_forgotten(void)
{
    scene_t s;
    wsp_id_t before, after, horizon, lost;
    wsp_sub_t *sub;

    printf("# channels that are gone\n");
    scene_begin(&s);
    before = publish(s.registry, "x", "1", 5);
    publish(s.registry, "x", "2", 5);
    wsp_registry_delete(s.registry, text_bytes("x"), NULL);
    after = publish(s.registry, "x", "3", 5);
    collect(s.seat, &horizon);
    wsp_sub_open(s.seat, text_bytes("x"), horizon, NULL, &sub);
    is_str(history(s.registry, sub, before, horizon, &lost), "3",
           "resume over a deletion");
    ok(lost > before && lost < after, "is a gap");
    is_str(history(s.registry, sub, 5, horizon, &lost), "3",
           "an id of an earlier life");
    ok(lost != 0, "is a gap");
    is_str(news(s.seat, s.registry, sub, &lost), "", "no news");
    is_int(lost, 0, "and no gap for who came now");
    wsp_sub_close(sub);
    wsp_sub_open(s.seat, text_bytes("new"), horizon, NULL, &sub);
    publish(s.registry, "new", "1", 5);
    is_str(news(s.seat, s.registry, sub, &lost), "1", "a fresh channel");
    is_int(lost, 0, "begins without a gap");
    wsp_sub_close(sub);
    wsp_registry_delete(s.registry, text_bytes("new"), NULL);
    wsp_registry_delete(s.registry, text_bytes("x"), NULL);
    scene_end(&s);
}

/* A channel comes and goes between the horizon and the opening: whoever resumed
 * before it is told, whoever comes now sees no gap. */
static void test_open_behind(void)
{
    scene_t s;
    wsp_id_t horizon, lost;
    wsp_sub_t *sub;

    printf("# opening behind the horizon\n");
    scene_begin(&s);
    collect(s.seat, &horizon);
    publish(s.registry, "x", "1", 0);
    wsp_sub_open(s.seat, text_bytes("x"), horizon, NULL, &sub);
    ok(wsp_sub_cursor(sub) > horizon, "the cursor is behind what is gone");
    is_str(history(s.registry, sub, horizon - 1, horizon, &lost), "",
           "no history");
    ok(lost != 0, "but who resumes is told");
    publish(s.registry, "x", "2", 0);
    is_str(news(s.seat, s.registry, sub, &lost), "2", "news from now on");
    is_int(lost, 0, "no gap for who comes now");
    wsp_sub_close(sub);
    scene_end(&s);
}

static void test_batches(void)
{
    scene_t s;
    wsp_batch_t batch;
    wsp_id_t ids[200], horizon;
    unsigned i, seen = 0, rounds = 0;
    bool in_order = true;

    printf("# batches\n");
    scene_begin(&s);
    for (i = 0; i < 200; i++) {
        ids[i] = publish(s.registry, "a", "0123456789", 200);
    }
    collect(s.seat, &horizon);
    do {
        wsp_sub_read(s.sub, horizon, SIZE_MAX, &batch);
        for (i = 0; i < batch.count; i++) {
            in_order = in_order && batch.items[i].id == ids[seen + i];
        }
        seen += batch.count;
        wsp_sub_release(s.sub, ids[seen - 1]);
        rounds++;
    } while (batch.more);
    is_int(seen, 200, "all");
    ok(in_order, "in order");
    is_int(rounds, 4, "64 at a time");
    wsp_sub_read(s.sub, horizon, SIZE_MAX, &batch);
    is_int(batch.count, 0, "then nothing");
    wsp_sub_release(s.sub, horizon);

    wsp_sub_read_history(s.sub, s.horizon, horizon, 35, &batch);
    is_int(batch.count, 3, "as many bodies as fit");
    ok(batch.more, "more to come");
    wsp_sub_release(s.sub, 0);
    wsp_sub_read_history(s.sub, batch.items[2].id, horizon, 1, &batch);
    is_int(batch.count, 1, "but at least one");
    is_int(batch.items[0].id, ids[3], "the next one");
    wsp_sub_release(s.sub, 0);
    wsp_sub_read_history(s.sub, ids[197], horizon, SIZE_MAX, &batch);
    is_int(batch.count, 2, "from anywhere");
    ok(!batch.more, "to the end");
    wsp_sub_release(s.sub, 0);
    wsp_sub_read_history(s.sub, ids[10], horizon, SIZE_MAX, &batch);
    is_int(batch.items[0].id, ids[11], "and back");
    wsp_sub_release(s.sub, 0);
    scene_end(&s);
}

static void test_partial(void)
{
    scene_t s;
    wsp_batch_t batch;
    wsp_id_t first, horizon, lost;

    printf("# taking less than was read\n");
    scene_begin(&s);
    first = publish(s.registry, "a", "1", 1);
    publish(s.registry, "a", "2", 1);
    publish(s.registry, "a", "3", 1);
    collect(s.seat, &horizon);
    wsp_sub_read(s.sub, horizon, SIZE_MAX, &batch);
    wsp_sub_release(s.sub, first);
    is_str(news(s.seat, s.registry, s.sub, &lost), "2|3", "the rest");
    is_int(lost, 0, "is all there");
    wsp_sub_read(s.sub, horizon, SIZE_MAX, &batch);
    wsp_sub_release(s.sub, 1);
    ok(wsp_sub_cursor(s.sub) >= horizon, "the cursor never goes back");
    scene_end(&s);
}

static void test_delete(void)
{
    scene_t s;
    wsp_id_t horizon, lost;
    wsp_batch_t batch;
    wsp_channel_info_t info = {0, 0, 0, 0};
    wsp_sub_t *fresh;
    char body[8];

    printf("# delete\n");
    scene_begin(&s);
    publish(s.registry, "a", "pinned", 5);
    publish(s.registry, "a", "second", 5);
    collect(s.seat, &horizon);
    wsp_sub_read(s.sub, horizon, SIZE_MAX, &batch);
    is_int(batch.count, 2, "two are being read");
    is_int(wsp_registry_delete(s.registry, text_bytes("a"), &info), APR_SUCCESS,
           "delete");
    is_int(info.messages, 2, "info is from before");
    is_int(wsp_registry_delete(s.registry, text_bytes("a"), &info),
           APR_NOTFOUND, "it is gone");
    ok(is_clean(s.registry), "self-check is clean");
    wsp_message_copy(s.registry, &batch.items[0], body, NULL, NULL);
    is_mem(body, "pinned", 6, "what is being read stays");
    wsp_sub_release(s.sub, horizon);
    ok(wsp_sub_is_deleted(s.sub), "the subscription knows");
    is_int(collect(s.seat, NULL), 1, "and is reported");
    publish(s.registry, "a", "afresh", 5);
    is_str(news(s.seat, s.registry, s.sub, &lost), "",
           "a new channel is not the old one");
    wsp_sub_open(s.seat, text_bytes("a"), horizon, NULL, &fresh);
    is_str(news(s.seat, s.registry, fresh, &lost), "afresh", "it is fresh");
    wsp_sub_close(fresh);
    is_int(wsp_registry_delete(s.registry, text_bytes("none"), NULL),
           APR_NOTFOUND, "nothing to delete");
    scene_end(&s);
}

static bool is_readable(int fd)
{
    struct pollfd poller = {fd, POLLIN, 0};
    return poll(&poller, 1, 0) == 1;
}

static void test_wake(void)
{
    scene_t s;
    int fd;

    printf("# waking\n");
    scene_begin(&s);
    fd = wsp_seat_wake_fd(s.seat);
    publish(s.registry, "a", "1", 5);
    ok(!is_readable(fd), "a busy seat is not woken");
    ok(!wsp_seat_try_sleep(s.seat), "but it may not sleep");
    wsp_seat_awake(s.seat);
    collect(s.seat, NULL);
    ok(wsp_seat_try_sleep(s.seat), "after a look it may");
    publish(s.registry, "b", "1", 0);
    ok(!is_readable(fd), "other channels let it sleep");
    publish(s.registry, "a", "2", 5);
    ok(is_readable(fd), "its channel wakes it");
    publish(s.registry, "a", "3", 5);
    wsp_seat_awake(s.seat);
    ok(!is_readable(fd), "awake, and drained");
    is_int(collect(s.seat, NULL), 1, "news");
    ok(wsp_seat_try_sleep(s.seat), "asleep again");
    wsp_seat_wake(s.seat);
    ok(is_readable(fd), "woken for another reason");
    wsp_seat_awake(s.seat);
    ok(!is_readable(fd), "drained");
    wsp_seat_wake(s.seat);
    ok(is_readable(fd), "also when it is not asleep");
    wsp_seat_awake(s.seat);
    ok(!is_readable(fd), "drained");
    news(s.seat, s.registry, s.sub, NULL);
    ok(wsp_seat_try_sleep(s.seat), "nothing is left");
    wsp_seat_awake(s.seat);
    scene_end(&s);
}

/* Sizes around the boundaries of blocks: 208 bytes fit into a head, 252 into
 * each further block. */
static void test_sizes(void)
{
    static const size_t sizes[] = {0,   1,   207, 208, 209,   459,   460,
                                   461, 711, 712, 713, 65535, 65536, 100000};
    scene_t s;
    char *sent = malloc(100000), *got = malloc(100000);
    unsigned i, k, bad = 0;

    printf("# sizes\n");
    scene_begin(&s);
    for (i = 0; i < 100000; i++) {
        sent[i] = (char)(i * 31 + i / 253);
    }
    for (k = 0; k < 3 * sizeof(sizes) / sizeof(sizes[0]); k++) {
        wsp_publish_t message = message_of("a", "");
        wsp_batch_t batch;
        wsp_id_t horizon;
        char type[WSP_FIELD_MAX];
        message.body = (wsp_bytes_t){sent, sizes[k / 3]};
        message.content_type = (wsp_bytes_t){sent, k % 3 * 127};
        message.history_count = 0;
        wsp_registry_publish(s.registry, &message, NULL, NULL);
        collect(s.seat, &horizon);
        wsp_sub_read(s.sub, horizon, SIZE_MAX, &batch);
        if (batch.count != 1 || batch.items[0].body_bytes != sizes[k / 3]) {
            bad++;
            continue;
        }
        memset(got, 0, 100000);
        wsp_message_copy(s.registry, &batch.items[0], got, type, NULL);
        bad += memcmp(got, sent, sizes[k / 3]) != 0 ||
               memcmp(type, sent, k % 3 * 127) != 0;
        wsp_sub_release(s.sub, horizon);
    }
    is_int(bad, 0, "bodies of %zu sizes come out as they went in",
           sizeof(sizes) / sizeof(sizes[0]));
    free(sent);
    free(got);
    scene_end(&s);
}

static void test_limits(void)
{
    scene_t s;
    char name[WSP_CHANNEL_ID_MAX + 1];
    wsp_publish_t message;
    wsp_channel_info_t info;
    wsp_sub_t *sub;
    size_t len, bad = 0;

    printf("# limits\n");
    scene_begin(&s);
    memset(name, 'n', sizeof(name));
    message = message_of("a", "x");
    message.channel = (wsp_bytes_t){name, sizeof(name)};
    is_int(wsp_registry_publish(s.registry, &message, NULL, NULL), APR_EINVAL,
           "name too long");
    is_int(wsp_sub_open(s.seat, message.channel, 0, NULL, &sub), APR_EINVAL,
           "also to subscribe");
    is_int(wsp_registry_info(s.registry, message.channel, &info), APR_EINVAL,
           "to ask");
    is_int(wsp_registry_delete(s.registry, message.channel, NULL), APR_EINVAL,
           "and to delete");
    message.channel.len = 0;
    is_int(wsp_registry_publish(s.registry, &message, NULL, NULL), APR_EINVAL,
           "empty name");
    message = message_of("a", "x");
    message.event = (wsp_bytes_t){name, WSP_FIELD_MAX + 1};
    is_int(wsp_registry_publish(s.registry, &message, NULL, NULL), APR_EINVAL,
           "event name too long");
    message.event.len = 0;
    message.content_type = (wsp_bytes_t){name, WSP_FIELD_MAX + 1};
    is_int(wsp_registry_publish(s.registry, &message, NULL, NULL), APR_EINVAL,
           "content type too long");
    for (len = 1; len <= WSP_CHANNEL_ID_MAX; len++) {
        message = message_of("a", "x");
        message.channel = (wsp_bytes_t){name, len};
        bad += wsp_registry_publish(s.registry, &message, NULL, NULL) !=
               APR_SUCCESS;
        name[len - 1] = 'm';
        bad += wsp_registry_info(s.registry, message.channel, &info) !=
               APR_NOTFOUND;
        name[len - 1] = 'n';
        bad += wsp_registry_info(s.registry, message.channel, &info) !=
               APR_SUCCESS;
    }
    is_int(bad, 0, "names of 1 to 1024 bytes are all different channels");
    ok(is_clean(s.registry), "self-check is clean");
    for (len = 1; len <= WSP_CHANNEL_ID_MAX; len++) {
        bad += wsp_registry_delete(s.registry, (wsp_bytes_t){name, len},
                                   NULL) != APR_SUCCESS;
    }
    is_int(bad, 0, "and go again");
    scene_end(&s);
}

static void test_create(void)
{
    wsp_registry_options_t options = {SEGMENT - 1, 1};
    apr_pool_t *pool;
    void *segment;
    const char *why = NULL;
    wsp_registry_t *registry;

    printf("# create and attach\n");
    apr_initialize();
    apr_pool_create(&pool, NULL);
    is_int(wsp_registry_create(&options, pool, &segment, &why), APR_EINVAL,
           "a segment too small");
    ok(why != NULL, "says why: %s", why);
    options = (wsp_registry_options_t){SEGMENT, 0};
    is_int(wsp_registry_create(&options, pool, &segment, &why), APR_EINVAL,
           "no seats");
    options.seats = 3;
    is_int(wsp_registry_create(&options, pool, &segment, &why), APR_SUCCESS,
           "a segment");
    is_int(wsp_registry_attach(segment, pool, &registry, &why), APR_SUCCESS,
           "a handle");
    options = (wsp_registry_options_t){0, 0};
    wsp_registry_options(registry, &options);
    ok(options.segment_bytes == SEGMENT && options.seats == 3,
       "remembers what was asked for");
    publish(registry, "a", "survives", 5);
    is_int(wsp_registry_attach(segment, pool, &registry, &why), APR_SUCCESS,
           "another handle");
    ok(publish(registry, "a", "too", 5) != 0, "works");
    ((char *)segment)[8]++;
    is_int(wsp_registry_attach(segment, pool, &registry, &why), APR_EINVAL,
           "another version's segment");
    ok(why != NULL, "says why: %s", why);
    apr_pool_destroy(pool);
    apr_terminate();
}

static void test_seats(void)
{
    world_t world = world_make(SEGMENT, 2);
    wsp_registry_t *registry = world.registry;
    wsp_seat_t *a, *b, *c;
    wsp_seat_figures_t seat;
    wsp_registry_figures_t figures;

    printf("# seats and counters\n");
    is_int(wsp_seat_take(registry, &a), APR_SUCCESS, "first seat");
    is_int(wsp_seat_take(registry, &b), APR_SUCCESS, "second seat");
    is_int(wsp_seat_take(registry, &c), APR_ENOSPC, "there is no third");
    ok(wsp_seat_try_connect(a, 2), "one connection");
    ok(wsp_seat_try_connect(b, 2), "two");
    ok(!wsp_seat_try_connect(a, 2), "no more than the limit");
    ok(wsp_seat_try_connect(a, 0), "no limit");
    wsp_seat_disconnect(a);
    wsp_seat_disconnect(a);
    ok(wsp_seat_try_connect(a, 2), "one went");
    wsp_seat_stat_add(b, WSP_STAT_DELIVERIES, 5);
    wsp_seat_stat_add(b, WSP_STAT_QUEUED_BYTES, 77);
    is_int(wsp_seat_figures(registry, 1, &seat), APR_SUCCESS, "its figures");
    is_int(seat.pid, getpid(), "pid");
    is_int(seat.connections, 1, "connections");
    is_int(seat.queued_bytes, 77, "queued bytes");
    wsp_seat_leave(b);
    is_int(wsp_seat_figures(registry, 1, &seat), APR_NOTFOUND, "an empty seat");
    is_int(wsp_seat_figures(registry, 2, &seat), APR_NOTFOUND, "no such seat");
    wsp_registry_figures(registry, &figures);
    is_int(figures.stat[WSP_STAT_DELIVERIES], 5, "totals outlive a seat");
    is_int(figures.stat[WSP_STAT_QUEUED_BYTES], 0, "what is now does not");
    is_int(figures.stat[WSP_STAT_CONNECTIONS], 1, "connections now");
    is_int(figures.seats_taken, 1, "seats taken");
    is_int(wsp_seat_take(registry, &b), APR_SUCCESS, "the seat is free again");
    wsp_seat_leave(a);
    wsp_seat_leave(b);
    ok(is_clean(registry), "self-check is clean");
    wsp_registry_figures(registry, &figures);
    ok(figures.check_time_s > 0 && figures.check_findings == 0,
       "which is on record");
    world_end(&world);
}

/* More subscriptions than news bits: they share, nothing is missed. */
static void test_many_subs(void)
{
    enum { SUBS = 5000 };
    world_t world = world_make((size_t)8 << 20, 1);
    wsp_registry_t *registry = world.registry;
    static wsp_sub_t *subs[SUBS];
    wsp_seat_t *seat;
    wsp_id_t horizon;
    unsigned i, bad = 0;

    printf("# many subscriptions\n");
    wsp_seat_take(registry, &seat);
    collect(seat, &horizon);
    for (i = 0; i < SUBS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%u", i);
        bad += wsp_sub_open(seat, text_bytes(name), horizon, NULL, &subs[i]) !=
               APR_SUCCESS;
    }
    is_int(bad, 0, "%d subscriptions", SUBS);
    is_int(collect(seat, NULL), 0, "no news");
    for (i = 0; i < SUBS; i += 7) {
        char name[16];
        snprintf(name, sizeof(name), "c%u", i);
        publish(registry, name, name, 1);
    }
    is_int(collect(seat, NULL), (SUBS + 6) / 7, "only those with news");
    wsp_seat_tick(seat);
    is_int(collect(seat, NULL), (SUBS + 6) / 7, "a tick reports them again");
    for (i = 0; i < SUBS; i += 2) {
        wsp_sub_close(subs[i]);
    }
    ok(is_clean(registry), "self-check is clean");
    wsp_seat_leave(seat);
    ok(is_clean(registry), "leaving closes the rest");
    world_end(&world);
}

int main(void)
{
    tap_start(60);
    test_create();
    test_order();
    test_parts();
    test_history_count();
    test_window();
    test_no_history();
    test_forgotten();
    test_open_behind();
    test_batches();
    test_partial();
    test_delete();
    test_wake();
    test_sizes();
    test_limits();
    test_seats();
    test_many_subs();
    return done_testing();
}
