/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: storm. --procs processes keep --concurrency clients each, which
 * connect, shake hands, close and begin anew, for --time seconds.
 */
#include "modes.h"

#include <stdio.h>

#include "memory.h"
#include "report.h"
#include "worker.h"

#define FAILURES_MAX 1000U /* a server that refuses is not hammered on */

typedef struct {
    const wsp_load_options_t *o;
    wsp_tally_t *tally;
} storm_t;

static void close_at_once(wsp_pool_t *pool, wsp_peer_t *peer)
{
    wsp_pool_close(pool, peer, pool->o->abrupt);
}

static void reopen_gone(wsp_pool_t *pool)
{
    for (uint32_t i = 0; i < pool->started; i++) {
        if (pool->peers[i].state == WSP_PEER_GONE) {
            wsp_pool_open(pool, &pool->peers[i]);
        }
    }
}

static void blow(wsp_pool_t *pool)
{
    uint64_t end = wsp_net_now_ns() + (uint64_t)pool->o->time_s * 1000000000U;

    pool->target = pool->size;
    while (wsp_net_now_ns() < end && pool->tally->failed < FAILURES_MAX) {
        wsp_pool_step(pool, 100);
        reopen_gone(pool);
    }
    while (pool->live > 0) { /* a stuck one is swept after its patience */
        wsp_pool_step(pool, 100);
    }
}

static void run_storm(unsigned which, int control, void *ctx)
{
    storm_t *s = ctx;
    wsp_pool_t pool;
    wsp_crew_word_t word;

    wsp_net_raise_limit();
    wsp_pool_init(&pool, s->o, &s->tally[which], s->o->concurrency);
    pool.process = which;
    pool.stride = s->o->procs;
    pool.host.on_open = close_at_once;
    while (wsp_crew_hear(control, &word)) {
        blow(&pool);
        wsp_crew_answer(control, (wsp_crew_op_t)word.op);
    }
}

static int conclude(const storm_t *s, double seconds)
{
    static wsp_tally_t t;

    for (unsigned i = 0; i < s->o->procs; i++) {
        wsp_tally_add(&t, &s->tally[i]);
    }
    bool ok = t.opened > 0 && t.failed == 0 && t.broken == 0 &&
              t.protocol == 0 && t.closed == t.opened;
    double rate = (double)t.opened / seconds;
    wsp_report_begin("storm");
    wsp_report_bool("ok", ok);
    wsp_report_number("handshakes", t.opened);
    wsp_report_number("failed", t.failed);
    wsp_report_number("closed", t.closed);
    wsp_report_number("broken", t.broken);
    wsp_report_number("protocol_errors", t.protocol);
    wsp_report_real("seconds", seconds);
    wsp_report_real("handshakes_per_second", rate);
    wsp_report_codes("close_codes", &t);
    wsp_report_notes(&t);
    wsp_report_end();
    fprintf(stderr, "storm %s: %u handshakes, %u failed, %u broken, %.0f/s\n",
            ok ? "ok" : "FAILED", t.opened, t.failed, t.broken, rate);
    return ok ? WSP_EXIT_OK : WSP_EXIT_VIOLATION;
}

int wsp_storm_main(const wsp_load_options_t *o)
{
    storm_t s = {o, wsp_memory_shared(sizeof(wsp_tally_t) * WSP_MAX_PROCS)};
    wsp_crew_t crew;
    uint64_t start = wsp_net_now_ns();
    bool ok = wsp_crew_start(&crew, o->procs, o->time_s + 30, run_storm, &s) &&
              wsp_crew_do(&crew, o->procs, WSP_CREW_RUN, 0);
    double seconds = (double)(wsp_net_now_ns() - start) / 1e9;

    wsp_crew_stop(&crew);
    int code = conclude(&s, seconds);
    return ok ? code : WSP_EXIT_TIME;
}
