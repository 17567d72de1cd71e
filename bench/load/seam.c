/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: seam. A client that has its 101 is a subscriber: what anybody
 * publishes from then on must reach it. Each round takes a channel of its own,
 * subscribes, POSTs over a connection that is already warm in the instant the
 * 101 is there, and expects that message, alone, as the next frame. Every other
 * round publishes an earlier message first, which the client must not see.
 */
#include "modes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "memory.h"
#include "message.h"
#include "report.h"
#include "worker.h"

#define PATIENCE_MS 3000

typedef struct {
    uint32_t rounds, lost, wrong, trouble;
    wsp_tally_t tally;
} result_t;

typedef struct {
    const wsp_load_options_t *o;
    result_t *results;
} seam_t;

typedef struct {
    const wsp_load_options_t *o;
    result_t *result;
    char channel[128];
    unsigned process;
    int publisher; /* warm connection, -1: none */
    uint32_t round;
} round_t;

static bool post(round_t *r, uint32_t sequence)
{
    static char body[WSP_MAX_SIZE + 1], request[WSP_MAX_SIZE + 513];
    wsp_message_t m = {r->process, sequence, wsp_net_now_ns()};
    wsp_http_head_t head;

    for (int attempt = 0; attempt < 2; attempt++) {
        if (r->publisher < 0) {
            r->publisher = wsp_http_dial(&r->o->target, r->process);
        }
        size_t size = wsp_message_write(r->o, &m, body);
        size_t len = wsp_http_post(r->o, r->channel, body, size, request);
        bool ok = r->publisher >= 0 && len &&
                  wsp_http_exchange(r->publisher, request, len, &head);
        if (!ok || head.close) {
            close(r->publisher);
            r->publisher = -1;
        }
        if (ok) {
            return head.status == 201 || head.status == 202;
        }
    }
    return false;
}

/* @return descriptor of a client that has just read its 101, -1: trouble */
static int subscribe(round_t *r, uint32_t index)
{
    char request[1024], answer[4096];
    size_t have = 0, used;
    const char *why = "no answer";
    int fd = wsp_http_dial(&r->o->target, index);
    size_t len = wsp_ws_request(r->o, r->channel, request, sizeof(request));

    if (fd < 0 || send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) {
        wsp_tally_note(&r->result->tally, "connect: %s", strerror(errno));
        close(fd);
        return -1;
    }
    while (have < sizeof(answer) && wsp_http_readable(fd, 10000)) {
        ssize_t n = recv(fd, answer + have, sizeof(answer) - have, 0);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
        wsp_parse_t got = wsp_ws_check_answer(r->o, answer, have, &used, &why);
        if (got == WSP_PARSE_OK && used == have) {
            return fd;
        }
        if (got != WSP_PARSE_MORE) {
            why = why ? why : "bytes after the 101 before anything was sent";
            break;
        }
    }
    wsp_tally_note(&r->result->tally, "handshake: %s", why);
    close(fd);
    return -1;
}

/* The next message must be the one that was published after the 101.
 * @return false: it never came */
static bool take_frame(round_t *r, const wsp_ws_frame_t *frame,
                       uint32_t sequence)
{
    wsp_message_t m;

    if (wsp_message_read(r->o, (const char *)frame->data, frame->len, &m) &&
        m.publisher == r->process && m.sequence == sequence) {
        wsp_tally_latency(&r->result->tally, wsp_net_now_ns() - m.sent_ns);
        return true;
    }
    r->result->wrong++;
    wsp_tally_note(&r->result->tally, "%s: opcode %u, %zu bytes: another one",
                   r->channel, frame->op, frame->len);
    return true;
}

static bool expect(round_t *r, int fd, uint32_t sequence)
{
    static uint8_t buffer[WSP_MAX_SIZE + 64];
    size_t have = 0;
    wsp_ws_frame_t frame;
    const char *why;
    uint64_t end = wsp_net_now_ns() + PATIENCE_MS * 1000000ULL;

    /* Pings do not prolong it. */
    while (wsp_net_now_ns() < end && wsp_http_readable(fd, PATIENCE_MS)) {
        ssize_t n = recv(fd, buffer + have, sizeof(buffer) - have, 0);
        if (n <= 0) {
            return false;
        }
        have += (size_t)n;
        wsp_parse_t got = wsp_ws_decode(buffer, have, &frame, &why);
        if (got == WSP_PARSE_OK && frame.op == WSP_OP_PING) {
            have -= frame.used;
            memmove(buffer, buffer + frame.used, have);
        }
        else if (got == WSP_PARSE_OK) {
            return take_frame(r, &frame, sequence);
        }
        else if (got == WSP_PARSE_BAD) {
            wsp_tally_note(&r->result->tally, "%s: %s", r->channel, why);
            return false;
        }
    }
    return false;
}

static void one_round(round_t *r, uint32_t index)
{
    uint32_t sequence = r->round * 2;

    snprintf(r->channel, sizeof(r->channel), "%.60s-%u-%u", r->o->prefix,
             r->process, r->round);
    r->result->rounds++;
    bool ok = r->round % 2 == 0 || post(r, sequence);
    int fd = ok ? subscribe(r, index) : -1;
    if (fd < 0 || !post(r, sequence + 1)) {
        r->result->trouble++;
        wsp_tally_note(&r->result->tally, "%s: no round", r->channel);
    }
    else if (!expect(r, fd, sequence + 1)) {
        r->result->lost++;
        wsp_tally_note(&r->result->tally,
                       "%s: published after the 101, never delivered",
                       r->channel);
    }
    if (fd >= 0) {
        wsp_net_reset_on_close(fd);
        close(fd);
    }
}

static void run_seam(unsigned which, int control, void *ctx)
{
    seam_t *s = ctx;
    wsp_crew_word_t word;
    round_t r = {.o = s->o,
                 .result = &s->results[which],
                 .process = which,
                 .publisher = -1};
    uint32_t rounds = wsp_worker_share(s->o->count, which, s->o->procs);

    while (wsp_crew_hear(control, &word)) {
        for (r.round = 0;
             r.round < rounds && r.result->lost < 5 && r.result->trouble < 5;
             r.round++) {
            one_round(&r, r.round * s->o->procs + which);
        }
        wsp_crew_answer(control, (wsp_crew_op_t)word.op);
    }
}

int wsp_seam_main(const wsp_load_options_t *o)
{
    seam_t s = {o, wsp_memory_shared(sizeof(result_t) * WSP_MAX_PROCS)};
    static result_t all;
    wsp_crew_t crew;
    bool in_time = wsp_crew_start(&crew, o->procs, o->time_s, run_seam, &s) &&
                   wsp_crew_do(&crew, o->procs, WSP_CREW_RUN, 0);

    wsp_crew_stop(&crew);
    for (unsigned i = 0; i < o->procs; i++) {
        all.rounds += s.results[i].rounds;
        all.lost += s.results[i].lost;
        all.wrong += s.results[i].wrong;
        all.trouble += s.results[i].trouble;
        wsp_tally_add(&all.tally, &s.results[i].tally);
    }
    bool ok = in_time && all.lost + all.wrong + all.trouble == 0 &&
              all.rounds == o->count;
    wsp_report_begin("seam");
    wsp_report_bool("ok", ok);
    wsp_report_number("rounds", all.rounds);
    wsp_report_number("lost", all.lost);
    wsp_report_number("wrong", all.wrong);
    wsp_report_number("trouble", all.trouble);
    wsp_report_latency("latency_us", &all.tally);
    wsp_report_notes(&all.tally);
    wsp_report_end();
    fprintf(stderr, "seam %s: %u rounds, %u lost, %u wrong, %u not run\n",
            ok ? "ok" : "FAILED", all.rounds, all.lost, all.wrong, all.trouble);
    return ok                     ? WSP_EXIT_OK
           : !in_time             ? WSP_EXIT_TIME
           : all.lost + all.wrong ? WSP_EXIT_VIOLATION
                                  : WSP_EXIT_SETUP;
}
