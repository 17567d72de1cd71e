/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: verify's publishers: keep-alive HTTP connections in one process,
 * on one epoll. One that waits has one request under way; with --pipeline it
 * goes on writing and reads the answers as they come. A server that announces
 * `Connection: close` (MaxKeepAliveRequests) is given the unanswered requests
 * again on a new connection; when a connection just breaks, what was under way
 * stays unknown and is not sent twice.
 */
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "memory.h"
#include "message.h"

#define OUT_BYTES 65536U /* requests written ahead, when they are small */
#define IN_BYTES 65536U
#define DIALS 20U

typedef struct {
    int fd;
    uint32_t which;
    uint32_t next, done, total; /* to write, answered, all */
    bool will_close, is_blocked;
    size_t out_at, out_len, in_len;
    char *out, *in;
} pub_t;

typedef struct {
    wsp_verify_t *v;
    wsp_tally_t *tally;
    int epoll;
    uint32_t written, dials_failed;
    pub_t *pubs;
} press_t;

static bool is_warm(press_t *x, pub_t *p)
{
    char request[1024], channel[128];
    wsp_http_head_t head;
    const wsp_load_options_t *o = x->v->o;
    int len = snprintf(
        request, sizeof(request),
        "OPTIONS %s%s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", o->target.path,
        (snprintf(channel, sizeof(channel), "%.100s-0", o->prefix), channel),
        o->target.host, o->header ? o->header : "", o->header ? "\r\n" : "");

    /* Its answer shows that a worker serves this connection. */
    return wsp_http_exchange(p->fd, request, (size_t)len, &head) && !head.close;
}

static bool dial(press_t *x, pub_t *p)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};

    p->fd = wsp_http_dial(&x->v->o->target, p->which);
    if (p->fd < 0) {
        x->dials_failed++;
        wsp_tally_note(x->tally, "publisher %u: %s", p->which, strerror(errno));
        return false;
    }
    p->will_close = p->is_blocked = false;
    p->out_at = p->out_len = p->in_len = 0;
    wsp_net_local(p->fd, &x->v->pubs[p->which].ip, &x->v->pubs[p->which].port);
    epoll_ctl(x->epoll, EPOLL_CTL_ADD, p->fd, &e);
    return true;
}

static void hang_up(pub_t *p)
{
    if (p->fd >= 0) {
        close(p->fd);
        p->fd = -1;
    }
}

static bool may_write(const press_t *x, const pub_t *p)
{
    const wsp_load_options_t *o = x->v->o;

    if (p->next >= p->total || p->will_close) {
        return false;
    }
    if (o->rate) {
        double s = (double)(wsp_net_now_ns() - x->v->times->begun_ns) / 1e9;
        if ((double)x->written >= s * (double)o->rate) {
            return false;
        }
    }
    return o->pipeline ? p->out_len < OUT_BYTES
                       : p->next == p->done && p->out_len == 0;
}

static void write_next(press_t *x, pub_t *p)
{
    static char body[WSP_MAX_SIZE + 1];
    char channel[160];
    wsp_message_t m = {p->which, p->next, wsp_net_now_ns()};
    size_t size = wsp_message_write(x->v->o, &m, body);

    snprintf(channel, sizeof(channel), "%.100s-%u", x->v->o->prefix,
             wsp_message_channel(x->v->o, p->which, p->next));
    p->out_len +=
        wsp_http_post(x->v->o, channel, body, size, p->out + p->out_len);
    p->next++;
    x->written++;
}

static void block(press_t *x, pub_t *p, bool blocked)
{
    struct epoll_event e = {.events = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN,
                            .data.ptr = p};

    if (blocked != p->is_blocked) {
        p->is_blocked = blocked;
        epoll_ctl(x->epoll, EPOLL_CTL_MOD, p->fd, &e);
    }
}

/* The connection is at its end: decide what becomes of what was under way. */
static void renew(press_t *x, pub_t *p, const char *why)
{
    wsp_verify_t *v = x->v;

    hang_up(p);
    if (p->will_close || p->next == p->done) {
        v->pubs[p->which].reconnects++;
        x->written -= p->next - p->done;
        p->next = p->done;
    }
    else {
        v->pubs[p->which].broken++;
        x->tally->broken++;
        wsp_tally_note(x->tally, "publisher %u: %s with %u under way", p->which,
                       why, p->next - p->done);
        while (p->done < p->next) {
            v->acks[v->first[p->which] + p->done++].state = WSP_ACK_UNKNOWN;
        }
    }
    while (p->done < p->total && !dial(x, p) && x->dials_failed < DIALS) {
    }
}

static void push(press_t *x, pub_t *p)
{
    while (may_write(x, p)) {
        write_next(x, p);
    }
    while (p->out_at < p->out_len) {
        ssize_t n = send(p->fd, p->out + p->out_at, p->out_len - p->out_at,
                         MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n < 0) {
            if (!p->will_close) {
                /* What the server said before it closed is still to be read;
                 * the end of the stream will come with it. */
                p->out_at = p->out_len;
            }
            break;
        }
        p->out_at += (size_t)n;
    }
    if (p->out_at == p->out_len) {
        p->out_at = p->out_len = 0;
    }
    block(x, p, p->out_len > 0);
}

static void record(press_t *x, pub_t *p, const wsp_http_head_t *head)
{
    wsp_ack_t *ack = &x->v->acks[x->v->first[p->which] + p->done++];

    ack->status = (uint16_t)head->status;
    ack->id_seconds = head->id_seconds;
    ack->id_number = head->id_number;
    ack->state =
        head->status == 201 || head->status == 202 ? WSP_ACK_YES : WSP_ACK_NO;
    wsp_tally_code(x->tally, head->status);
    if (ack->state == WSP_ACK_NO) {
        wsp_tally_note(x->tally, "publisher %u: message %u answered %u",
                       p->which, p->done - 1, head->status);
    }
    p->will_close = head->close;
}

/* @return false: not an HTTP answer, or one too many */
static bool take_answers(press_t *x, pub_t *p)
{
    size_t at = 0, used;
    wsp_http_head_t head;

    while (at < p->in_len && !p->will_close) {
        wsp_parse_t got =
            wsp_http_answer(p->in + at, p->in_len - at, &head, &used);
        if (got == WSP_PARSE_MORE) {
            break;
        }
        if (got == WSP_PARSE_BAD || p->done == p->next) {
            return false;
        }
        at += used;
        record(x, p, &head);
    }
    memmove(p->in, p->in + at, p->in_len - at);
    p->in_len -= at;
    return true;
}

static void pull(press_t *x, pub_t *p)
{
    ssize_t n = recv(p->fd, p->in + p->in_len, IN_BYTES - p->in_len, 0);

    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        renew(x, p, n == 0 ? "end of stream" : strerror(errno));
        return;
    }
    p->in_len += (size_t)n;
    if (!take_answers(x, p)) {
        x->tally->protocol++;
        renew(x, p, "an answer that makes no sense");
    }
    else if (p->will_close) {
        renew(x, p, "");
    }
}

static bool ready(press_t *x)
{
    uint32_t publishers = x->v->o->publishers;
    bool ok = true;

    /* All are connected before any is used: they spread over the children. */
    for (uint32_t i = 0; i < publishers; i++) {
        hang_up(&x->pubs[i]);
        ok = dial(x, &x->pubs[i]) && ok;
    }
    for (uint32_t i = 0; ok && i < publishers; i++) {
        if (!is_warm(x, &x->pubs[i])) {
            wsp_tally_note(x->tally,
                           "publisher %u: no answer, or no "
                           "keep-alive: too few workers?",
                           i);
            ok = false;
        }
    }
    if (!ok) {
        x->tally->failed++;
    }
    return ok;
}

/* A server may close a connection that idles between READY and RUN. */
static void renew_idle(press_t *x)
{
    char byte;

    for (uint32_t i = 0; i < x->v->o->publishers; i++) {
        pub_t *p = &x->pubs[i];
        if (p->fd < 0 || recv(p->fd, &byte, 1, MSG_PEEK) == 0) {
            hang_up(p);
            x->v->pubs[i].reconnects++;
            dial(x, p);
        }
    }
}

static void publish(press_t *x)
{
    uint32_t publishers = x->v->o->publishers, busy = publishers;
    struct epoll_event events[64];

    renew_idle(x);
    x->v->times->begun_ns = wsp_net_now_ns();
    while (busy > 0 && x->dials_failed < DIALS) {
        busy = 0;
        for (uint32_t i = 0; i < publishers; i++) {
            pub_t *p = &x->pubs[i];
            if (p->fd >= 0 && p->done < p->total) {
                push(x, p);
                busy++;
            }
        }
        int n = busy ? epoll_wait(x->epoll, events, 64, x->v->o->rate ? 1 : 100)
                     : 0;
        for (int i = 0; i < n; i++) {
            pub_t *p = events[i].data.ptr;
            if (p->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT) {
                pull(x, p);
            }
        }
    }
    x->v->times->published_ns = wsp_net_now_ns();
}

static void prepare(press_t *x, wsp_verify_t *v)
{
    uint32_t publishers = v->o->publishers;

    *x = (press_t){.v = v, .tally = &v->tally[v->o->procs]};
    x->epoll = epoll_create1(EPOLL_CLOEXEC);
    x->pubs = wsp_memory_own(publishers, sizeof(*x->pubs));
    for (uint32_t i = 0; i < publishers; i++) {
        x->pubs[i] =
            (pub_t){.fd = -1,
                    .which = i,
                    .total = v->first[i + 1] - v->first[i],
                    .out = wsp_memory_own(1, OUT_BYTES + v->o->size_max + 512),
                    .in = wsp_memory_own(1, IN_BYTES)};
    }
}

void wsp_publisher_run(unsigned which, int control, void *ctx)
{
    static press_t x;
    wsp_crew_word_t word;

    (void)which;
    wsp_net_raise_limit();
    prepare(&x, ctx);
    while (wsp_crew_hear(control, &word)) {
        if (word.op == WSP_CREW_READY) {
            ready(&x);
        }
        else if (word.op == WSP_CREW_RUN) {
            publish(&x);
        }
        wsp_crew_answer(control, (wsp_crew_op_t)word.op);
    }
}
