/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: many WebSocket clients on one epoll (see pool.h).
 *
 * All clients share one receive buffer; a client has memory of its own only
 * while a frame is incomplete, so that 10,000 idle ones cost the machine under
 * test next to nothing.
 */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory.h"

#define BUFFER_BYTES (4U << 20)
#define EVENTS 256
#define PATIENCE_MS 15000U /* for a handshake, and for a close */
#define CONTROL UINT64_MAX

static uint32_t now_ms(void)
{
    return (uint32_t)(wsp_net_now_ns() / 1000000U);
}

void wsp_pool_init(wsp_pool_t *pool, const wsp_load_options_t *o,
                   wsp_tally_t *tally, uint32_t size)
{
    *pool = (wsp_pool_t){.o = o, .tally = tally, .size = size, .stride = 1};
    pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    pool->peers = wsp_memory_own(size, sizeof(*pool->peers));
    pool->buffer = wsp_memory_own(1, BUFFER_BYTES);
}

void wsp_pool_watch(wsp_pool_t *pool, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = CONTROL};

    epoll_ctl(pool->epoll, EPOLL_CTL_ADD, fd, &e);
}

void wsp_pool_channel(const wsp_load_options_t *o, uint32_t index, char *out,
                      size_t size)
{
    size_t at = 0;

    for (uint32_t i = 0; i < o->multiplex && at < size; i++) {
        int n = snprintf(out + at, size - at, "%s%s-%u", i ? o->split : "",
                         o->prefix, (index + i) % o->channels);
        at += n > 0 ? (size_t)n : 0;
    }
}

static void set_state(wsp_pool_t *pool, wsp_peer_t *peer,
                      wsp_peer_state_t state)
{
    bool was =
        peer->state == WSP_PEER_CONNECTING || peer->state == WSP_PEER_HANDSHAKE;
    bool is = state == WSP_PEER_CONNECTING || state == WSP_PEER_HANDSHAKE;

    pool->in_flight += (uint32_t)is - (uint32_t)was;
    peer->state = (uint8_t)state;
    peer->since_ms = now_ms();
}

static void interest(wsp_pool_t *pool, wsp_peer_t *peer, int op,
                     uint32_t events)
{
    struct epoll_event e = {.events = events,
                            .data.u64 = (uint64_t)(peer - pool->peers)};

    epoll_ctl(pool->epoll, op, peer->fd, &e);
}

/* The socket is closed; which counter it goes to depends on how far it got. */
static void let_go(wsp_pool_t *pool, wsp_peer_t *peer, const char *why)
{
    wsp_tally_t *t = pool->tally;

    if (peer->state == WSP_PEER_CONNECTING ||
        peer->state == WSP_PEER_HANDSHAKE) {
        t->failed++;
        wsp_tally_note(t, "client %u not opened: %s", peer->index, why);
    }
    else if (peer->close_code) {
        t->closed++;
    }
    else {
        t->broken++;
        wsp_tally_note(t, "client %u lost: %s", peer->index, why);
    }
    set_state(pool, peer, WSP_PEER_GONE);
    close(peer->fd);
    peer->fd = -1;
    free(peer->rest);
    peer->rest = NULL;
    peer->rest_len = 0;
    pool->live--;
}

static void accuse(wsp_pool_t *pool, wsp_peer_t *peer, const char *why)
{
    pool->tally->protocol++;
    let_go(pool, peer, why);
}

void wsp_pool_open(wsp_pool_t *pool, wsp_peer_t *peer)
{
    uint32_t slot = (uint32_t)(peer - pool->peers);

    peer->index = slot * pool->stride + pool->process;
    peer->close_code = 0;
    peer->fd = wsp_net_connect(&pool->o->target, peer->index, pool->o->rcvbuf);
    if (peer->fd < 0) {
        pool->tally->failed++;
        wsp_tally_note(pool->tally, "client %u not opened: %s", peer->index,
                       strerror(errno));
        peer->state = WSP_PEER_GONE;
        return;
    }
    pool->live++;
    set_state(pool, peer, WSP_PEER_CONNECTING);
    interest(pool, peer, EPOLL_CTL_ADD, EPOLLOUT);
}

bool wsp_pool_send(wsp_peer_t *peer, unsigned op, const void *data, size_t len)
{
    static uint8_t frame[65536 + 14];

    if (len > 65535) {
        return false;
    }
    size_t n = wsp_ws_encode(frame, op, data, len);
    return send(peer->fd, frame, n, MSG_NOSIGNAL) == (ssize_t)n;
}

void wsp_pool_close(wsp_pool_t *pool, wsp_peer_t *peer, bool abruptly)
{
    static const uint8_t normal[2] = {1000 >> 8, 1000 & 0xff};

    if (abruptly) {
        set_state(pool, peer, WSP_PEER_CLOSING);
        peer->close_code = 1006;
        wsp_net_reset_on_close(peer->fd);
        let_go(pool, peer, "reset");
    }
    else if (wsp_pool_send(peer, WSP_OP_CLOSE, normal, sizeof(normal))) {
        set_state(pool, peer, WSP_PEER_CLOSING);
    }
    else {
        let_go(pool, peer, "a full socket at the close");
    }
}

void wsp_pool_leave_unread(wsp_pool_t *pool, wsp_peer_t *peer)
{
    peer->is_unread = true;
    interest(pool, peer, EPOLL_CTL_MOD, 0); /* a reset is still reported */
}

void wsp_pool_read_all(wsp_pool_t *pool)
{
    for (uint32_t i = 0; i < pool->started; i++) {
        wsp_peer_t *peer = &pool->peers[i];
        if (peer->is_unread && peer->fd >= 0 && peer->state == WSP_PEER_OPEN) {
            peer->is_unread = false;
            interest(pool, peer, EPOLL_CTL_MOD, EPOLLIN);
        }
    }
}

static void send_request(wsp_pool_t *pool, wsp_peer_t *peer)
{
    char channel[8192], request[10240];
    int error = wsp_net_connect_error(peer->fd);

    if (error) {
        let_go(pool, peer, strerror(error));
        return;
    }
    wsp_pool_channel(pool->o, peer->index, channel, sizeof(channel));
    size_t len = wsp_ws_request(pool->o, channel, request, sizeof(request));
    if (len == 0 ||
        send(peer->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) {
        let_go(pool, peer, "the request could not be sent");
        return;
    }
    set_state(pool, peer, WSP_PEER_HANDSHAKE);
    interest(pool, peer, EPOLL_CTL_MOD, EPOLLIN);
}

static void take_close(wsp_pool_t *pool, wsp_peer_t *peer,
                       const wsp_ws_frame_t *frame)
{
    unsigned code = wsp_ws_close_code(frame);
    bool answers_ours = peer->state == WSP_PEER_CLOSING;

    wsp_tally_code(pool->tally, code);
    if (!answers_ours || code != 1000) {
        int text = frame->len > 2 ? (int)frame->len - 2 : 0;
        wsp_tally_note(pool->tally, "client %u closed by the server: %u %.*s",
                       peer->index, code, text,
                       text ? (const char *)frame->data + 2 : "");
    }
    peer->close_code = (uint16_t)code;
    if (!answers_ours) {
        wsp_pool_send(peer, WSP_OP_CLOSE, frame->data,
                      frame->len > 2 ? 2 : frame->len);
        set_state(pool, peer, WSP_PEER_CLOSING);
    }
}

static void take_frame(wsp_pool_t *pool, wsp_peer_t *peer,
                       const wsp_ws_frame_t *frame)
{
    if (peer->close_code) {
        accuse(pool, peer, "a frame after the close frame");
        return;
    }
    switch (frame->op) {
    case WSP_OP_CLOSE:
        take_close(pool, peer, frame);
        return;
    case WSP_OP_PING:
        pool->tally->pings++;
        if (peer->state == WSP_PEER_OPEN) {
            wsp_pool_send(peer, WSP_OP_PONG, frame->data, frame->len);
        }
        return;
    case WSP_OP_PONG:
        pool->tally->pongs++;
        return;
    default:
        pool->tally->messages++;
        if (pool->host.on_message) {
            pool->host.on_message(pool, peer, frame);
        }
    }
}

/* @return bytes taken, or -1 when the client is gone */
static ssize_t take_answer(wsp_pool_t *pool, wsp_peer_t *peer, size_t len)
{
    const char *why;
    size_t used = 0;

    switch (wsp_ws_check_answer(pool->o, (const char *)pool->buffer, len, &used,
                                &why)) {
    case WSP_PARSE_MORE:
        return 0;
    case WSP_PARSE_BAD:
        let_go(pool, peer, why);
        return -1;
    case WSP_PARSE_OK:
        break;
    }
    pool->tally->opened++;
    set_state(pool, peer, WSP_PEER_OPEN);
    if (pool->host.on_open) {
        pool->host.on_open(pool, peer);
    }
    return peer->fd < 0 ? -1 : (ssize_t)used;
}

static void keep_rest(wsp_pool_t *pool, wsp_peer_t *peer, size_t at, size_t len)
{
    size_t rest = len - at;

    if (rest == 0) {
        free(peer->rest);
        peer->rest = NULL;
    }
    else {
        uint8_t *keep = realloc(peer->rest, rest);
        if (!keep) {
            let_go(pool, peer, "no memory");
            return;
        }
        memcpy(keep, pool->buffer + at, rest);
        peer->rest = keep;
    }
    peer->rest_len = (uint32_t)rest;
}

static void take_bytes(wsp_pool_t *pool, wsp_peer_t *peer, size_t len)
{
    size_t at = 0;
    wsp_ws_frame_t frame;
    const char *why;

    if (peer->state == WSP_PEER_HANDSHAKE) {
        ssize_t used = take_answer(pool, peer, len);
        if (used < 0) {
            return;
        }
        at = (size_t)used;
    }
    while (peer->state == WSP_PEER_OPEN || peer->state == WSP_PEER_CLOSING) {
        wsp_parse_t got =
            wsp_ws_decode(pool->buffer + at, len - at, &frame, &why);
        if (got == WSP_PARSE_BAD) {
            accuse(pool, peer, why);
            return;
        }
        if (got == WSP_PARSE_MORE) {
            break;
        }
        at += frame.used;
        take_frame(pool, peer, &frame);
    }
    if (peer->fd >= 0) {
        keep_rest(pool, peer, at, len);
    }
}

static void read_peer(wsp_pool_t *pool, wsp_peer_t *peer)
{
    size_t have = peer->rest_len;

    if (have >= BUFFER_BYTES) {
        accuse(pool, peer, "a frame that never ends");
        return;
    }
    if (have) {
        memcpy(pool->buffer, peer->rest, have);
    }
    ssize_t n = recv(peer->fd, pool->buffer + have, BUFFER_BYTES - have, 0);
    if (n > 0) {
        take_bytes(pool, peer, have + (size_t)n);
    }
    else if (n == 0) {
        let_go(pool, peer, "end of stream without a close frame");
    }
    else if (errno != EAGAIN && errno != EINTR) {
        let_go(pool, peer, strerror(errno));
    }
}

static void fill(wsp_pool_t *pool)
{
    while (pool->in_flight < pool->o->concurrency &&
           pool->started < pool->target && pool->started < pool->size) {
        wsp_pool_open(pool, &pool->peers[pool->started++]);
    }
}

static void sweep(wsp_pool_t *pool)
{
    uint32_t now = now_ms();

    if (now - pool->swept_ms < 1000) {
        return;
    }
    pool->swept_ms = now;
    for (uint32_t i = 0; i < pool->started; i++) {
        wsp_peer_t *peer = &pool->peers[i];
        if (peer->fd >= 0 && peer->state != WSP_PEER_OPEN &&
            peer->state != WSP_PEER_GONE && peer->state != WSP_PEER_FREE &&
            now - peer->since_ms > PATIENCE_MS) {
            /* A close frame came, but TCP stays open: that is broken, too. */
            peer->close_code = 0;
            let_go(pool, peer, "no answer in time");
        }
    }
}

bool wsp_pool_step(wsp_pool_t *pool, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    bool control = false;

    fill(pool);
    int n = epoll_wait(pool->epoll, events, EVENTS, timeout_ms);
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 == CONTROL) {
            control = true;
            continue;
        }
        wsp_peer_t *peer = &pool->peers[events[i].data.u64];
        if (peer->fd < 0) {
            continue;
        }
        if (peer->state == WSP_PEER_CONNECTING) {
            send_request(pool, peer);
        }
        else if (peer->is_unread) {
            let_go(pool, peer, "hung up by the server");
        }
        else {
            read_peer(pool, peer);
        }
    }
    sweep(pool);
    return control;
}
