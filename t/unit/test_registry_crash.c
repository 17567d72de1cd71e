/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry, crashes: a child does something and is killed with SIGKILL at the
 * first step of step.h that it comes to, another at the second, and so on until
 * one lives to the end. After each death the parent, which has a seat and
 * subscriptions of its own, repairs and looks: is the self-check clean, is
 * every message that was acknowledged there, in order and once, is no block
 * lost, do other channels go on. At the end every step must have had its
 * victim.
 */
/* wsp-test-flags: -DWSP_CRASH_POINTS src/registry/[a-z]*.c */
#include <sys/mman.h>
#include <sys/wait.h>

#include "registry/handle.h"
#include "registry/loan.h"
#include "registry/step.h"
#include "registry/sweep.h"
#include "registry_test.h"

#define SEGMENT ((size_t)1 << 20)
#define ACKS 64u

/** What a victim tells its parent, in shared memory. */
typedef struct {
    _Atomic unsigned deaths[WSP_STEP_COUNT];
    _Atomic unsigned ack_count;
    wsp_id_t acks[ACKS]; /* ids of messages to "a" that were acknowledged */
} story_t;

static story_t *story;
static int countdown;                    /* steps to live; 0: for ever */
static wsp_step_t only = WSP_STEP_COUNT; /* count only this one */

void wsp_step_reached(wsp_step_t step)
{
    if (only != WSP_STEP_COUNT && step != only) {
        return;
    }
    if (countdown > 0 && --countdown == 0) {
        atomic_fetch_add(&story->deaths[step], 1);
        kill(getpid(), SIGKILL);
    }
}

/** The parent's view of one segment. */
typedef struct {
    world_t world;
    wsp_registry_t *registry;
    wsp_seat_t *seat;
    wsp_sub_t *a; /* subscription of "a", where acks are counted */
    wsp_id_t horizon;
    bool is_reported; /* "a", by the last collect */
    unsigned victims, steps;
} scene_t;

typedef void scenario_t(scene_t *s);

/* ------------------------------------------------------- what victims do */

static char big[200000];

static void publish_acked(scene_t *s, const char *body, size_t len,
                          uint32_t history_count)
{
    wsp_publish_t message = message_of("a", "");
    wsp_id_t id;

    message.body = (wsp_bytes_t){body, len};
    message.history_count = history_count;
    if (wsp_registry_publish(s->registry, &message, &id, NULL) == APR_SUCCESS) {
        unsigned at = atomic_load(&story->ack_count);
        story->acks[at] = id;
        atomic_store(&story->ack_count, at + 1);
    }
}

static void do_publish(scene_t *s)
{
    unsigned i;
    for (i = 0; i < 4; i++) {
        publish_acked(s, "some text", 9, 2);
    }
    publish_acked(s, big, 3000, 2);
    publish_acked(s, big, 3000, 2);
    publish_acked(s, "", 0, 0);
}

static void do_new_channels(scene_t *s)
{
    char name[400];
    unsigned i;

    memset(name, 'n', sizeof(name));
    for (i = 0; i < 3; i++) {
        wsp_publish_t message = message_of("", "x");
        message.channel = (wsp_bytes_t){name, 100 + 140 * i};
        name[0] = (char)('0' + atomic_load(&story->deaths[0]) % 10);
        wsp_registry_publish(s->registry, &message, NULL, NULL);
        message.history_count = 0;
        wsp_registry_publish(s->registry, &message, NULL, NULL);
    }
}

static void fill(scene_t *s)
{
    char name[16];
    unsigned i;

    for (i = 0; i < 12; i++) {
        wsp_publish_t message = message_of(name, "");
        snprintf(name, sizeof(name), "fill%u", i % 6);
        message.channel = text_bytes(name);
        message.body = (wsp_bytes_t){big, 90000};
        wsp_registry_publish(s->registry, &message, NULL, NULL);
    }
}

static void do_evict(scene_t *s)
{
    unsigned i;
    for (i = 0; i < 60; i++) {
        publish(s->registry, "small", "0123456789", 1000);
    }
    fill(s);
}

static void do_refused(scene_t *s)
{
    wsp_publish_t message = message_of("refused", "");
    static char huge[1000000];

    message.body = (wsp_bytes_t){huge, sizeof(huge)};
    wsp_registry_publish(s->registry, &message, NULL, NULL);
}

static void do_delete(scene_t *s)
{
    unsigned i;

    for (i = 0; i < 3; i++) {
        publish(s->registry, "gone", "x", 10);
        publish(s->registry, "watched", "x", 10);
    }
    wsp_registry_delete(s->registry, text_bytes("gone"), NULL);
    wsp_registry_delete(s->registry, text_bytes("watched"), NULL);
}

static void do_subscribe(scene_t *s)
{
    wsp_seat_t *seat;
    wsp_sub_t *subs[3];
    wsp_batch_t batch;
    wsp_id_t horizon;

    if (wsp_seat_take(s->registry, &seat) != APR_SUCCESS) {
        return;
    }
    collect(seat, &horizon);
    wsp_sub_open(seat, text_bytes("a"), horizon, NULL, &subs[0]);
    wsp_sub_open(seat, text_bytes("mine"), horizon, NULL, &subs[1]);
    wsp_sub_open(seat, text_bytes("deleted"), horizon, NULL, &subs[2]);
    wsp_sub_set_clients(subs[0], 3);
    publish(s->registry, "mine", "1", 0);
    publish(s->registry, "mine", "2", 0);
    publish(s->registry, "deleted", "3", 1);
    collect(seat, &horizon);
    wsp_sub_read(subs[2], horizon, SIZE_MAX, &batch);
    wsp_registry_delete(s->registry, text_bytes("deleted"), NULL);
    wsp_sub_release(subs[2], horizon);
    wsp_sub_read(subs[1], horizon, SIZE_MAX, &batch);
    wsp_sub_release(subs[1], horizon);
    publish_acked(s, "while subscribed", 16, 3);
    wsp_sub_read(subs[0], horizon, SIZE_MAX, &batch); /* pinned for ever */
    publish_acked(s, "while pinned", 12, 0);
    wsp_sub_close(subs[2]);
    wsp_sub_close(subs[1]);
    wsp_seat_leave(seat);
}

static void do_tick(scene_t *s)
{
    wsp_seat_t *seat;

    if (wsp_seat_take(s->registry, &seat) == APR_SUCCESS) {
        wsp_seat_tick(seat);
        wsp_seat_leave(seat);
    }
}

/* In a child, die at the given step of a scenario.
 * @param step count only these; WSP_STEP_COUNT: all */
static void die_in(scene_t *s, scenario_t *scenario, int steps, wsp_step_t step)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        countdown = steps;
        only = step;
        scenario(s);
        _exit(0);
    }
    waitpid(pid, &status, 0);
}

/* The victim finds a dead process' mess and dies while it cleans up. */
static void do_repair(scene_t *s)
{
    wsp_registry_t *registry = s->registry;

    publish_acked(s, "into the mess", 13, 5);
    publish(registry, "watched", "into the mess", 5);
    wsp_loan_find_dead(registry);
    wsp_sweep(registry);
}

static void do_sweep(scene_t *s)
{
    wsp_loan_find_dead(s->registry);
    wsp_sweep(s->registry);
}

/* ------------------------------------------------- what the parent checks */

static void reported_cb(void *ctx, wsp_sub_t *sub, void *cookie)
{
    scene_t *s = ctx;
    (void)cookie;
    s->is_reported = s->is_reported || sub == s->a;
}

/* Every acknowledged message, in order, once; others in between may be there
 * (published, but killed before they were acknowledged). All of them must have
 * been announced, or be by the repair: who is not told does not look. */
static bool has_acked_news(scene_t *s)
{
    wsp_batch_t batch;
    wsp_id_t last = 0;
    unsigned acked = 0, count = atomic_load(&story->ack_count), i;
    bool is_right = true;

    s->is_reported = false;
    wsp_seat_collect(s->seat, &s->horizon, reported_cb, s);
    if (!s->is_reported) {
        return count == 0 &&
               atomic_load(&s->a->channel->newest_id) <= wsp_sub_cursor(s->a);
    }
    do {
        wsp_sub_read(s->a, s->horizon, SIZE_MAX, &batch);
        is_right = is_right && batch.lost == 0;
        for (i = 0; i < batch.count; i++) {
            is_right = is_right && batch.items[i].id > last;
            last = batch.items[i].id;
            acked += acked < count && story->acks[acked] == last;
        }
        wsp_sub_release(s->a, batch.more ? last : s->horizon);
    } while (batch.more);
    atomic_store(&story->ack_count, 0);
    return is_right && acked == count;
}

static bool is_no_block_lost(scene_t *s)
{
    /* The check counts them when no sweep is asked for. */
    return atomic_load(&s->registry->header->sweep_wanted) == 0 &&
           is_clean(s->registry);
}

static bool do_others_go_on(scene_t *s)
{
    return publish(s->registry, "other", "x", 1) != 0 &&
           wsp_registry_delete(s->registry, text_bytes("other"), NULL) ==
               APR_SUCCESS;
}

/* @return what is wrong, NULL: nothing */
static const char *examine(scene_t *s)
{
    /* Now and then somebody else is the first to find the mess. */
    if (s->victims % 2 == 0 && !is_clean(s->registry)) {
        return "the self-check, at once";
    }
    if (!has_acked_news(s)) {
        return "the acknowledged messages";
    }
    wsp_seat_tick(s->seat);
    wsp_seat_tick(s->seat);
    if (!is_no_block_lost(s)) {
        return "lost blocks";
    }
    if (!do_others_go_on(s)) {
        return "other channels";
    }
    return NULL;
}

static const char *victim_of(scenario_t *scenario, scene_t *s, int steps,
                             bool *is_dead)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        alarm(20);
        countdown = steps;
        scenario(s);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    *is_dead = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!*is_dead && status != 0) {
        return "an end that was not ours";
    }
    return examine(s);
}

static void scene_begin(scene_t *s)
{
    wsp_sub_t *watched;

    *s = (scene_t){.world = world_make(SEGMENT, 4)};
    s->registry = s->world.registry;
    wsp_seat_take(s->registry, &s->seat);
    collect(s->seat, &s->horizon);
    wsp_sub_open(s->seat, text_bytes("a"), s->horizon, NULL, &s->a);
    wsp_sub_open(s->seat, text_bytes("watched"), s->horizon, NULL, &watched);
    wsp_sub_open(s->seat, text_bytes("fill1"), s->horizon, NULL, &watched);
}

/* Long scenarios: every step at first, then wider apart. */
static int next_step(int steps)
{
    return steps + 1 + (steps > 200 ? steps / 40 : 0);
}

/* @param before done by the parent in front of each victim, may be NULL */
static void run(const char *name, scenario_t *scenario, scenario_t *before)
{
    scene_t s;
    const char *wrong = NULL;
    bool is_dead = true;
    int steps = 1;

    scene_begin(&s);
    while (is_dead && wrong == NULL) {
        if (before != NULL) {
            before(&s);
        }
        wrong = victim_of(scenario, &s, steps, &is_dead);
        s.victims += is_dead;
        s.steps = (unsigned)steps;
        steps = next_step(steps);
    }
    ok(wrong == NULL, "%s: %u victims", name, s.victims);
    if (wrong != NULL) {
        diag("after a death at step %u of it: %s", s.steps, wrong);
    }
    wsp_seat_leave(s.seat);
    world_end(&s.world);
}

/* ------------------------------------------------------- what comes before */

static void before_evict(scene_t *s)
{
    fill(s);
}

/* The parent reads one of the channels that the victim wants to evict. */
static void before_pinned(scene_t *s)
{
    static wsp_sub_t *sub;
    static wsp_registry_t *registry;
    wsp_batch_t batch;
    wsp_id_t horizon;

    if (registry == s->registry) {
        wsp_sub_release(sub, 0);
    }
    fill(s);
    collect(s->seat, &horizon);
    if (registry != s->registry) {
        registry = s->registry;
        wsp_sub_open(s->seat, text_bytes("fill0"), 0, NULL, &sub);
    }
    wsp_sub_read_history(sub, 0, horizon, 1, &batch);
}

/* Somebody dies in the middle of publishing, at another step each time. */
static void before_repair(scene_t *s)
{
    static int steps;
    unsigned i;

    for (i = 0; i < 3; i++) {
        die_in(s, do_publish, 1 + steps++ % 120, WSP_STEP_COUNT);
        die_in(s, do_delete, 1 + steps++ % 160, WSP_STEP_COUNT);
    }
}

/* Somebody dies with a few blocks in hand. */
static void before_sweep(scene_t *s)
{
    die_in(s, do_publish, 1, WSP_STEP_MESSAGE_FILLED);
    die_in(s, do_publish, 5, WSP_STEP_MESSAGE_FILLED);
}

static void before_subscribed(scene_t *s)
{
    static int steps;
    die_in(s, do_subscribe, 150 + steps++ % 200, WSP_STEP_COUNT);
}

static void before_watched(scene_t *s)
{
    static wsp_registry_t *registry;
    static wsp_sub_t *watched;
    wsp_batch_t batch;
    wsp_id_t horizon;

    if (registry == s->registry && wsp_sub_is_deleted(watched)) {
        wsp_sub_close(watched);
        registry = NULL;
    }
    if (registry != s->registry) {
        registry = s->registry;
        collect(s->seat, &horizon);
        wsp_sub_open(s->seat, text_bytes("watched"), horizon, NULL, &watched);
    }
    publish(s->registry, "watched", "pinned", 10);
    collect(s->seat, &horizon);
    wsp_sub_release(watched, 0);
    wsp_sub_read(watched, horizon, SIZE_MAX, &batch);
}

static const char *const step_names[] = {
#define STEP_NAME(name, text) #name ": " text,
    WSP_STEPS(STEP_NAME)
#undef STEP_NAME
};

int main(void)
{
    unsigned rounds = getenv("WSP_FULL") != NULL ? 4 : 1, i;

    tap_start(getenv("WSP_FULL") != NULL ? 1200 : 300);
    story = mmap(NULL, sizeof(*story), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    while (rounds-- > 0) {
        run("publish and trim", do_publish, NULL);
        run("new channels", do_new_channels, NULL);
        run("evict", do_evict, before_evict);
        run("evict around a pinned channel", do_evict, before_pinned);
        run("refused", do_refused, before_evict);
        run("delete", do_delete, NULL);
        run("delete what is being read", do_delete, before_watched);
        run("seat and subscriptions", do_subscribe, NULL);
        run("tick after a dead seat", do_tick, before_subscribed);
        run("tick after dead publishers", do_tick, before_repair);
        run("repair", do_repair, before_repair);
        run("sweep", do_sweep, before_sweep);
    }
    for (i = 0; i < WSP_STEP_COUNT; i++) {
        ok(atomic_load(&story->deaths[i]) > 0, "died at %s", step_names[i]);
    }
    return done_testing();
}
