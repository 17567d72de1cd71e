/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: verify, the coordinator.
 *
 *   1. publishers connect and have a first answer (again, until enough of the
 *      server's children serve them)
 *   2. subscribers connect (more, until enough children serve enough of them)
 *   3. publishers publish all messages
 *   4. subscribers have all that was acknowledged, or nothing more comes
 *   5. subscribers close; what the server sends before it answers the close
 *      still counts, so that a late double is seen without waiting for it
 *   6. the verdict
 */
#include "modes.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "report.h"
#include "verify.h"
#include "worker.h"

#define QUIET_MS 5000U /* nothing comes for so long: it is lost */
#define GROW_MAX 16U   /* times --subs, to reach --per-child */
#define SHARES 64U
#define READY_TRIES 50

typedef struct {
    wsp_verify_t v;
    wsp_crew_t crew;
    uint32_t subs; /* now */
    wsp_where_share_t sub_shares[SHARES], pub_shares[SHARES];
    size_t sub_children, pub_children;
    const char *trouble; /* why it could not be run to its end */
} run_t;

static bool lay_out(wsp_verify_t *v, const wsp_load_options_t *o)
{
    uint32_t grow = o->children || o->per_child ? GROW_MAX : 1;
    uint64_t most = (uint64_t)o->subs * grow;

    v->o = o;
    v->max_subs = most > WSP_MAX_CLIENTS ? WSP_MAX_CLIENTS : (uint32_t)most;
    for (uint32_t p = 0; p < o->publishers; p++) {
        v->first[p + 1] =
            v->first[p] + wsp_worker_share(o->messages, p, o->publishers);
    }
    v->seen_words = o->messages / 64 + 1;
    size_t bits = v->seen_words * v->max_subs * sizeof(uint64_t);
    size_t lists = (size_t)o->messages * o->channels * sizeof(uint32_t);
    if (bits > 4ULL << 30 || lists > 1ULL << 30) {
        fprintf(stderr, "wsload: subscribers x messages is too much\n");
        return false;
    }
    v->tally = wsp_memory_shared(sizeof(*v->tally) * (WSP_MAX_PROCS + 1));
    v->times = wsp_memory_shared(sizeof(*v->times));
    v->pubs = wsp_memory_shared(sizeof(*v->pubs) * o->publishers);
    v->subs = wsp_memory_shared(sizeof(*v->subs) * (v->max_subs + 1));
    v->acks = wsp_memory_shared(sizeof(*v->acks) * o->messages);
    v->seen = wsp_memory_shared(bits + sizeof(uint64_t));
    v->witness = wsp_memory_shared(lists);
    return true;
}

static void look_at_pubs(run_t *r)
{
    static wsp_where_t list[WSP_MAX_PUBLISHERS];
    uint32_t n = r->v.o->publishers;

    for (uint32_t i = 0; i < n; i++) {
        list[i] = (wsp_where_t){r->v.pubs[i].ip, r->v.pubs[i].port, 0};
    }
    wsp_where_find(list, n, r->v.o->target.port);
    r->pub_children = wsp_where_shares(list, n, r->pub_shares, SHARES);
}

static void look_at_subs(run_t *r)
{
    wsp_where_t *list = wsp_memory_own(r->subs, sizeof(*list));
    size_t n = 0;

    for (uint32_t i = 0; i < r->subs; i++) {
        if (r->v.subs[i].is_open) {
            list[n++] = (wsp_where_t){r->v.subs[i].ip, r->v.subs[i].port, 0};
        }
    }
    wsp_where_find(list, n, r->v.o->target.port);
    r->sub_children = wsp_where_shares(list, n, r->sub_shares, SHARES);
    free(list);
}

static bool tell_publisher(run_t *r, wsp_crew_op_t op)
{
    int got = 0;

    wsp_crew_tell(&r->crew, r->v.o->procs, op, 0);
    while (got == 0) {
        got = wsp_crew_wait(&r->crew, 1000);
    }
    return got > 0 && r->v.tally[r->v.o->procs].failed == 0;
}

static bool ready_publishers(run_t *r)
{
    const wsp_load_options_t *o = r->v.o;
    size_t want = o->children < o->publishers ? o->children : o->publishers;

    /* Two are enough to have a message cross over from each to the other. */
    want = want > 2 ? 2 : want;
    for (int i = 0; i < READY_TRIES; i++) {
        if (!tell_publisher(r, WSP_CREW_READY)) {
            r->trouble = "the publishers could not connect";
            return false;
        }
        look_at_pubs(r);
        if (r->pub_children >= want) {
            return true;
        }
    }
    r->trouble = "the publishers are not served by two children";
    return false;
}

static bool subs_suffice(const run_t *r)
{
    const wsp_load_options_t *o = r->v.o;
    uint32_t least = o->per_child ? o->per_child : 1;

    return o->children == 0 || (r->sub_children >= o->children &&
                                r->sub_shares[o->children - 1].count >= least);
}

static bool open_subscribers(run_t *r)
{
    const wsp_load_options_t *o = r->v.o;
    uint32_t next = o->subs;

    for (;;) {
        uint32_t failed = 0;
        if (!wsp_worker_open(&r->crew, o->procs, r->subs, next)) {
            r->trouble = "the subscribers could not connect in time";
            return false;
        }
        r->subs = next;
        for (unsigned i = 0; i < o->procs; i++) {
            failed += r->v.tally[i].failed;
        }
        if (failed) {
            r->trouble = "subscribers could not connect";
            return false;
        }
        look_at_subs(r);
        if (subs_suffice(r)) {
            return true;
        }
        next = r->subs + (o->subs / 4 > 10 ? o->subs / 4 : 10);
        if (next > r->v.max_subs) {
            r->trouble = r->sub_children
                             ? "too few children serve subscribers"
                             : "the server's processes cannot be seen";
            return false;
        }
    }
}

static uint64_t delivered(const run_t *r)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < r->v.o->procs; i++) {
        sum += atomic_load_explicit(&r->v.tally[i].fresh, memory_order_relaxed);
    }
    return sum;
}

/* Until all is delivered, or nothing has come for QUIET_MS. */
static void await_deliveries(run_t *r)
{
    uint64_t want = wsp_verify_expected(&r->v, r->subs);
    uint64_t have = delivered(r), since = wsp_net_now_ns();

    while (have < want && wsp_net_now_ns() < r->crew.deadline_ns) {
        poll(NULL, 0, 2); /* the processes count in shared memory */
        uint64_t now = delivered(r);
        if (now != have) {
            have = now;
            since = wsp_net_now_ns();
        }
        else if (wsp_net_now_ns() - since > QUIET_MS * 1000000ULL) {
            return;
        }
    }
}

static void carry_out(run_t *r)
{
    const wsp_load_options_t *o = r->v.o;

    if (!ready_publishers(r) || !open_subscribers(r)) {
        return;
    }
    if (!tell_publisher(r, WSP_CREW_RUN)) {
        r->trouble = "publishing did not end in time";
        return;
    }
    await_deliveries(r);
    if (wsp_net_now_ns() >= r->crew.deadline_ns) {
        r->trouble = "deliveries did not end in time";
    }
    r->crew.deadline_ns = wsp_net_now_ns() + 30000000000U;
    if (!wsp_crew_do(&r->crew, o->procs + 1, WSP_CREW_FINISH, 0)) {
        r->trouble = "the closing did not end in time";
    }
}

typedef struct {
    wsp_tally_t all; /* of the subscribers; notes of everyone */
    wsp_verdict_t verdict;
    double seconds, publish_s;
    bool ok;
} result_t;

static void conclude(run_t *r, result_t *x)
{
    const wsp_verify_t *v = &r->v;
    const wsp_tally_t *publisher = &v->tally[v->o->procs];

    for (unsigned i = 0; i < v->o->procs; i++) {
        wsp_tally_add(&x->all, &v->tally[i]);
    }
    for (uint32_t i = 0; i < publisher->notes_count && i < WSP_TALLY_NOTES;
         i++) {
        wsp_tally_note(&x->all, "%s", publisher->notes[i]);
    }
    wsp_verify_judge(v, r->subs, &x->verdict, &x->all);
    uint64_t end = x->all.last_ns > v->times->published_ns
                       ? x->all.last_ns
                       : v->times->published_ns;
    if (v->times->begun_ns) {
        x->seconds = (double)(end - v->times->begun_ns) / 1e9;
        x->publish_s =
            (double)(v->times->published_ns - v->times->begun_ns) / 1e9;
    }
    const wsp_verdict_t *w = &x->verdict;
    x->ok = !r->trouble &&
            w->lost + w->doubled + w->reordered + w->foreign +
                    w->order_differs + w->id_disorder + w->id_differs +
                    w->not_acknowledged + w->nobody_there + w->id_missing ==
                0 &&
            x->all.protocol + x->all.broken + publisher->broken +
                    publisher->protocol ==
                0 &&
            x->all.closed == r->subs;
}

static void print_verdict(const wsp_verdict_t *w)
{
    wsp_report_number("deliveries", w->deliveries);
    wsp_report_number("lost", w->lost);
    wsp_report_number("doubled", w->doubled);
    wsp_report_number("reordered", w->reordered);
    wsp_report_number("order_differs", w->order_differs);
    wsp_report_number("id_disorder", w->id_disorder);
    wsp_report_number("id_differs", w->id_differs);
    wsp_report_number("foreign", w->foreign);
    wsp_report_number("not_acknowledged", w->not_acknowledged);
    wsp_report_number("unanswered_but_seen", w->unanswered_seen);
    wsp_report_number("id_missing", w->id_missing);
    wsp_report_number("nobody_there", w->nobody_there);
}

static void print(const run_t *r, const result_t *x)
{
    const wsp_load_options_t *o = r->v.o;
    double s = x->seconds > 0 ? x->seconds : 1;
    double ps = x->publish_s > 0 ? x->publish_s : 1;
    uint64_t reconnects = 0;

    for (uint32_t i = 0; i < o->publishers; i++) {
        reconnects += r->v.pubs[i].reconnects;
    }

    wsp_report_begin("verify");
    wsp_report_bool("ok", x->ok);
    wsp_report_number("subscribers", r->subs);
    wsp_report_number("channels", o->channels);
    wsp_report_number("publishers", o->publishers);
    wsp_report_number("messages", o->messages);
    print_verdict(&x->verdict);
    wsp_report_number("protocol_errors", x->all.protocol);
    wsp_report_number("broken", x->all.broken);
    wsp_report_number("publisher_reconnects", reconnects);
    wsp_report_number("publisher_breaks", r->v.tally[o->procs].broken);
    wsp_report_codes("close_codes", &x->all);
    wsp_report_codes("publish_status", &r->v.tally[o->procs]);
    wsp_report_shares("subscriber_children", r->sub_shares, r->sub_children);
    wsp_report_shares("publisher_children", r->pub_shares, r->pub_children);
    wsp_report_real("seconds", x->seconds);
    wsp_report_real("publishes_per_second", (double)o->messages / ps);
    wsp_report_real("deliveries_per_second", (double)x->verdict.deliveries / s);
    wsp_report_latency("latency_us", &x->all);
    wsp_report_notes(&x->all);
    wsp_report_end();
}

static void summarise(const run_t *r, const result_t *x)
{
    const wsp_verdict_t *w = &x->verdict;

    fprintf(stderr,
            "verify %s: %u subscribers in %zu children, %u messages through "
            "%zu, %llu deliveries; lost %llu, doubled %llu, reordered %llu, "
            "other order %llu, unacknowledged %llu, protocol errors %u, p99 "
            "%.1f ms\n",
            x->ok ? "ok" : "FAILED", r->subs, r->sub_children, r->v.o->messages,
            r->pub_children, (unsigned long long)w->deliveries,
            (unsigned long long)w->lost, (unsigned long long)w->doubled,
            (unsigned long long)w->reordered,
            (unsigned long long)w->order_differs,
            (unsigned long long)w->not_acknowledged, x->all.protocol,
            (double)wsp_tally_percentile_us(&x->all, 0.99) / 1000.0);
    if (r->trouble) {
        fprintf(stderr, "verify: %s\n", r->trouble);
    }
}

int wsp_verify_main(const wsp_load_options_t *o)
{
    static run_t r;
    static result_t x;

    signal(SIGPIPE, SIG_IGN);
    if (!lay_out(&r.v, o)) {
        return WSP_EXIT_USAGE;
    }
    bool started =
        wsp_crew_start(&r.crew, o->procs, o->time_s, wsp_receiver_run, &r.v) &&
        wsp_crew_add(&r.crew, o->ws_publish ? wsp_wspub_run : wsp_publisher_run,
                     &r.v);
    if (started) {
        carry_out(&r);
    }
    else {
        r.trouble = "the client processes could not be started";
    }
    bool in_time = r.crew.deadline_ns > wsp_net_now_ns();
    wsp_crew_stop(&r.crew);
    conclude(&r, &x);
    print(&r, &x);
    summarise(&r, &x);
    if (x.ok) {
        return WSP_EXIT_OK;
    }
    if (r.trouble) {
        return in_time ? WSP_EXIT_SETUP : WSP_EXIT_TIME;
    }
    return WSP_EXIT_VIOLATION;
}
