/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: idle and slow. Opens N clients, says so on stdout
 * ({"event": "ready", ...}), holds them until stdin ends, a signal comes or
 * the time is over, closes them, and reports. A slow client never reads until
 * then: what the server did with it is seen from the close codes.
 */
#include "modes.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "memory.h"
#include "report.h"
#include "worker.h"

typedef struct {
    const wsp_load_options_t *o;
    wsp_tally_t *tally;
} hold_t;

static volatile sig_atomic_t told_to_stop;

static void stop_cb(int signo)
{
    (void)signo;
    told_to_stop = 1;
}

static void run_clients(unsigned which, int control, void *ctx)
{
    hold_t *h = ctx;
    wsp_pool_t pool;
    uint32_t limit = wsp_net_raise_limit();
    uint32_t size = wsp_worker_share(h->o->count, which, h->o->procs);

    if (size + 32 > limit) {
        size = limit - 32;
    }
    wsp_pool_init(&pool, h->o, &h->tally[which], size);
    pool.process = which;
    pool.stride = h->o->procs;
    if (h->o->mode == WSP_MODE_SLOW) {
        pool.host.on_open = wsp_pool_leave_unread;
    }
    wsp_worker_run(&pool, control);
}

static wsp_tally_t *total(const hold_t *h)
{
    static wsp_tally_t sum;

    sum = (wsp_tally_t){0};
    for (unsigned i = 0; i < h->o->procs; i++) {
        wsp_tally_add(&sum, &h->tally[i]);
    }
    return &sum;
}

/* Until stdin has something or ends, a signal, or the time is over. */
static void hold(const wsp_load_options_t *o, const wsp_crew_t *crew)
{
    struct pollfd in = {STDIN_FILENO, POLLIN, 0};
    uint64_t until = crew->deadline_ns;

    if (o->hold_s) {
        uint64_t end = wsp_net_now_ns() + (uint64_t)o->hold_s * 1000000000U;
        until = end < until ? end : until;
        in.fd = -1;
    }
    while (!told_to_stop) {
        uint64_t now = wsp_net_now_ns();
        if (now >= until ||
            poll(&in, 1, (int)((until - now) / 1000000U) + 1) != 0) {
            return;
        }
    }
}

static int conclude(const hold_t *h, double open_s)
{
    const wsp_tally_t *t = total(h);
    bool slow = h->o->mode == WSP_MODE_SLOW;
    /* A slow client may be dropped for it; an idle one may not. */
    bool ok = t->failed == 0 && t->protocol == 0 && t->opened == h->o->count &&
              (slow || (t->broken == 0 && t->notes_count == 0));

    wsp_report_begin(slow ? "slow" : "idle");
    wsp_report_bool("ok", ok);
    wsp_report_number("clients", h->o->count);
    wsp_report_number("opened", t->opened);
    wsp_report_number("failed", t->failed);
    wsp_report_real("open_seconds", open_s);
    wsp_report_number("closed", t->closed);
    wsp_report_number("broken", t->broken);
    wsp_report_number("protocol_errors", t->protocol);
    wsp_report_number("pings", t->pings);
    wsp_report_number("messages", t->messages);
    wsp_report_codes("close_codes", t);
    wsp_report_notes(t);
    wsp_report_end();
    fprintf(stderr,
            "%s %s: %u of %u clients opened, %u lost, %u pings answered\n",
            slow ? "slow" : "idle", ok ? "ok" : "FAILED", t->opened,
            h->o->count, t->broken, t->pings);
    return ok ? WSP_EXIT_OK : t->failed ? WSP_EXIT_SETUP : WSP_EXIT_VIOLATION;
}

int wsp_hold_main(const wsp_load_options_t *o)
{
    hold_t h = {o, wsp_memory_shared(sizeof(wsp_tally_t) * WSP_MAX_PROCS)};
    struct sigaction stop = {.sa_handler = stop_cb};
    wsp_crew_t crew;

    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    uint64_t start = wsp_net_now_ns();
    bool ok = wsp_crew_start(&crew, o->procs, o->time_s, run_clients, &h) &&
              wsp_worker_open(&crew, o->procs, 0, o->count);
    double open_s = (double)(wsp_net_now_ns() - start) / 1e9;
    if (ok) {
        const wsp_tally_t *t = total(&h);
        printf("{\"event\": \"ready\", \"open\": %u, \"failed\": %u, "
               "\"seconds\": %.3f}\n",
               t->opened, t->failed, open_s);
        fflush(stdout);
        hold(o, &crew);
        /* The time to close counts extra: it is the mode's own doing. */
        crew.deadline_ns = wsp_net_now_ns() + 30000000000U;
        ok = wsp_crew_do(&crew, o->procs, WSP_CREW_FINISH, 0);
    }
    wsp_crew_stop(&crew);
    int code = conclude(&h, open_s);
    return ok ? code : WSP_EXIT_TIME;
}
