/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for tests of the I/O room: a real registry, real I/O threads, and
 * clients at the other end of socketpairs (or TCP over the loopback) that speak
 * WebSocket with blocking calls. Nothing here sleeps: a test waits for a frame,
 * for the end of a stream, or for a counter, and the program's alarm ends it if
 * that never comes.
 */
#ifndef WSP_T_UNIT_IO_WORLD_H
#define WSP_T_UNIT_IO_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "io/io.h"

#include "tap.h"

/* An I/O thread dies with its seat, as in a child process that ends; what the
 * registry keeps for a seat in this process goes with the process. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:wsp_seat_take\nleak:wsp_sub_open\n";
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

/* ------------------------------------------------------------------- world */

static struct {
    apr_pool_t *pool;
    void *segment;
    wsp_registry_t *registry;
    wsp_io_t *io;
    wsp_policy_t policy; /* of the clients opened next */
    pthread_mutex_t log_lock;
    char log[65536]; /* lines since world_start, as many as fit */
    size_t log_len;
} world = {.log_lock = PTHREAD_MUTEX_INITIALIZER};

static inline void world_log_cb(void *ctx, wsp_log_level_t level,
                                const char *text)
{
    size_t len = strlen(text);

    (void)ctx;
    (void)level;
    pthread_mutex_lock(&world.log_lock);
    if (world.log_len + len + 2 < sizeof world.log) {
        memcpy(world.log + world.log_len, text, len);
        world.log_len += len;
        world.log[world.log_len++] = '\n';
        world.log[world.log_len] = '\0';
    }
    pthread_mutex_unlock(&world.log_lock);
}

/** Has this text been logged? */
static inline bool world_has_logged(const char *text)
{
    bool found;

    pthread_mutex_lock(&world.log_lock);
    found = strstr(world.log, text) != NULL;
    pthread_mutex_unlock(&world.log_lock);
    return found;
}

static inline void world_default_policy(void)
{
    memset(&world.policy, 0, sizeof world.policy);
    world.policy.queue_bytes = 1u << 20;
    world.policy.max_message = 1u << 20;
    world.policy.history_count = 100;
    world.policy.history_age_s = 3600;
}

static inline void world_start_with(unsigned threads, size_t segment_bytes,
                                    const wsp_io_host_t *host)
{
    wsp_registry_options_t registry = {segment_bytes, threads + 4};
    wsp_io_options_t io = {.threads = threads, .reserved_fds = 10};
    const char *why = "";

    apr_initialize();
    if (apr_pool_create(&world.pool, NULL) != APR_SUCCESS ||
        wsp_registry_create(&registry, world.pool, &world.segment, &why) !=
            APR_SUCCESS ||
        wsp_registry_attach(world.segment, world.pool, &world.registry, &why) !=
            APR_SUCCESS) {
        bail_out(why);
    }
    world.log_len = 0;
    world.log[0] = '\0';
    io.registry = world.registry;
    io.host = *host;
    if (io.host.log == NULL) {
        io.host.log = world_log_cb;
    }
    if (wsp_io_start(&io, &world.io, &why) != APR_SUCCESS) {
        bail_out(why);
    }
    world_default_policy();
}

static inline void world_start(unsigned threads, size_t segment_bytes)
{
    wsp_io_host_t host = {.log = NULL};
    world_start_with(threads, segment_bytes, &host);
}

/** Free everything; the threads must have been stopped. */
static inline void world_clear(void)
{
    wsp_io_free(world.io);
    if (world.pool != NULL) {
        apr_pool_destroy(world.pool);
    }
    world.io = NULL;
    world.registry = NULL;
}

static inline void world_stop(void)
{
    wsp_io_stop(world.io, WSP_CLOSE_GOING_AWAY, "server is stopping", 0);
    world_clear();
}

static inline int64_t world_stat(wsp_stat_t stat)
{
    wsp_registry_figures_t figures;
    wsp_registry_figures(world.registry, &figures);
    return figures.stat[stat];
}

/** Wait until a counter has a value; the alarm ends a wait in vain. */
static inline void world_await_stat(wsp_stat_t stat, int64_t value)
{
    while (world_stat(stat) != value) {
        sched_yield();
    }
}

static inline wsp_bytes_t bytes_of(const char *text)
{
    wsp_bytes_t bytes = {text, strlen(text)};
    return bytes;
}

/** Publish with the world's history. @return the id, 0 if it was refused */
static inline wsp_id_t publish_bytes(const char *channel, const void *body,
                                     size_t len)
{
    wsp_publish_t message;
    wsp_id_t id = 0;

    memset(&message, 0, sizeof message);
    message.channel = bytes_of(channel);
    message.body = (wsp_bytes_t){body, len};
    message.history_count = world.policy.history_count;
    message.history_age_s = world.policy.history_age_s;
    return wsp_registry_publish(world.registry, &message, &id, NULL) ==
                   APR_SUCCESS
               ? id
               : 0;
}

static inline wsp_id_t publish(const char *channel, const char *text)
{
    return publish_bytes(channel, text, strlen(text));
}

static inline uint64_t subscribers_of(const char *channel)
{
    wsp_channel_info_t info;
    return wsp_registry_info(world.registry, bytes_of(channel), &info) ==
                   APR_SUCCESS
               ? info.subscribers
               : 0;
}

static inline void await_subscribers(const char *channel, uint64_t count)
{
    while (subscribers_of(channel) != count) {
        sched_yield();
    }
}

/* ------------------------------------------------------------------- peers */

/** A client, from its own side. */
typedef struct {
    int fd;
    uint8_t *bytes; /* read and not yet taken */
    size_t len, room, at;
} peer_t;

#define NO_FRAME (-1) /* end of stream, or reset */

/** A frame from the server; payload valid until the next peer call. */
typedef struct {
    int op; /* wsp_opcode_t, or NO_FRAME */
    const uint8_t *data;
    size_t len;
    bool is_final, is_masked;
} frame_t;

static inline void make_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/** A connected pair: fds[0] the client's, fds[1] the server's. */
static inline void connect_pair(int fds[2], bool is_tcp)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int listener;

    if (!is_tcp) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) {
            bail_out("socketpair");
        }
        return;
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, len) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        bail_out("listen");
    }
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fds[0], (struct sockaddr *)&address, len) != 0) {
        bail_out("connect");
    }
    fds[1] = accept(listener, NULL, NULL);
    close(listener);
}

/** An offer for these channels ("a b c"), as pubsub; fields may be changed
 *  before peer_submit. The names stay in @a channels. */
typedef struct {
    wsp_offer_t offer;
    wsp_bytes_t channels[255];
} order_t;

static inline void order_init(order_t *order, const char *channels)
{
    memset(order, 0, sizeof *order);
    order->offer.may_subscribe = true;
    order->offer.may_publish = true;
    order->offer.policy = &world.policy;
    order->offer.channels = order->channels;
    order->offer.address = "127.0.0.1:4711";
    order->offer.user = "";
    order->offer.where = "/push/test";
    order->offer.id = 0x1234;
    while (*channels != '\0') {
        size_t len = strcspn(channels, " ");
        order->channels[order->offer.channel_count++] =
            (wsp_bytes_t){channels, len};
        channels += len + (channels[len] == ' ');
    }
}

/** Submit the order over a fresh connection; does not wait. */
static inline void peer_submit(peer_t *peer, order_t *order, bool is_tcp)
{
    wsp_ticket_t *ticket = NULL;
    int fds[2];

    connect_pair(fds, is_tcp);
    make_nonblocking(fds[1]);
    memset(peer, 0, sizeof *peer);
    peer->fd = fds[0];
    order->offer.fd = fds[1];
    if (wsp_io_prepare(world.io, &order->offer, 0, &ticket) != APR_SUCCESS) {
        bail_out("wsp_io_prepare");
    }
    wsp_io_submit(ticket);
}

static inline void peer_close(peer_t *peer)
{
    close(peer->fd);
    free(peer->bytes);
    memset(peer, 0, sizeof *peer);
    peer->fd = -1;
}

static inline void peer_grow(peer_t *peer, size_t room)
{
    uint8_t *bytes = realloc(peer->bytes, room);

    if (bytes == NULL) {
        bail_out("out of memory");
    }
    peer->bytes = bytes;
    peer->room = room;
}

/* Read until @a need bytes are there. @return false: they will not come */
static inline bool peer_fill(peer_t *peer, size_t need)
{
    if (peer->bytes != NULL && peer->at > 0 &&
        (peer->at == peer->len || need > peer->room)) {
        memmove(peer->bytes, peer->bytes + peer->at, peer->len - peer->at);
        peer->len -= peer->at;
        peer->at = 0;
    }
    while (peer->len - peer->at < need) {
        ssize_t n;
        if (peer->room - peer->len < 4096) {
            peer_grow(peer, peer->room * 2 + 8192);
        }
        n = read(peer->fd, peer->bytes + peer->len, peer->room - peer->len);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            return false;
        }
        peer->len += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static inline frame_t peer_frame(peer_t *peer)
{
    frame_t frame = {.op = NO_FRAME};
    size_t header = 2, len;
    const uint8_t *at;

    if (!peer_fill(peer, 2)) {
        return frame;
    }
    len = peer->bytes[peer->at + 1] & 0x7Fu;
    header += len == 126 ? 2 : len == 127 ? 8 : 0;
    if (!peer_fill(peer, header)) {
        return frame;
    }
    at = peer->bytes + peer->at;
    frame.is_final = (at[0] & 0x80u) != 0;
    frame.is_masked = (at[1] & 0x80u) != 0;
    if (header > 2) {
        len = 0;
        for (size_t i = 2; i < header; i++) {
            len = len << 8 | at[i];
        }
    }
    if (!peer_fill(peer, header + len)) {
        return frame;
    }
    at = peer->bytes + peer->at;
    frame.op = at[0] & 0x0F;
    frame.data = at + header;
    frame.len = len;
    peer->at += header + len;
    return frame;
}

/** The next frame as text, "op payload"; "end" at the end of the stream. A
 *  close frame is "close CODE REASON". Valid until the next call. */
static inline const char *peer_text(peer_t *peer)
{
    static _Thread_local char text[8192];
    static const char *const names[16] = {[WSP_OP_TEXT] = "text",
                                          [WSP_OP_BINARY] = "binary",
                                          [WSP_OP_CLOSE] = "close",
                                          [WSP_OP_PING] = "ping",
                                          [WSP_OP_PONG] = "pong"};
    frame_t frame = peer_frame(peer);
    int len = (int)(frame.len < 4000 ? frame.len : 4000);

    if (frame.op == NO_FRAME) {
        return "end";
    }
    if (frame.op == WSP_OP_CLOSE && frame.len >= 2) {
        snprintf(text, sizeof text, "close %d%s%.*s",
                 frame.data[0] << 8 | frame.data[1], frame.len > 2 ? " " : "",
                 len - 2, (const char *)frame.data + 2);
    }
    else {
        snprintf(text, sizeof text, "%s %.*s",
                 names[frame.op] != NULL ? names[frame.op] : "?", len,
                 (const char *)frame.data);
    }
    return text;
}

/** Read and forget until the end of the stream. */
static inline void peer_drain(peer_t *peer)
{
    while (peer_frame(peer).op != NO_FRAME) {
    }
}

static inline void peer_write(peer_t *peer, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        ssize_t n = send(peer->fd, at, len, MSG_NOSIGNAL);
        if (n < 0) {
            return; /* the server has hung up: the test reads what it said */
        }
        at += n;
        len -= (size_t)n;
    }
}

/** A masked frame in memory. @return its length @owns *@a out: malloc'd */
static inline size_t masked_frame(unsigned first, const void *payload,
                                  size_t len, uint8_t **out)
{
    static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};
    uint8_t *bytes = malloc(14 + len);
    size_t at = 2, i, form = len < 126 ? 0 : len < 65536 ? 2 : 8;

    if (bytes == NULL) {
        bail_out("out of memory");
    }
    bytes[0] = (uint8_t)first;
    bytes[1] = (uint8_t)(0x80u | (form == 0 ? len : form == 2 ? 126 : 127));
    for (i = form; i > 0; i--) {
        bytes[at++] = (uint8_t)(len >> 8 * (i - 1));
    }
    memcpy(bytes + at, key, 4);
    at += 4;
    for (i = 0; i < len; i++) {
        bytes[at + i] = ((const uint8_t *)payload)[i] ^ key[i % 4];
    }
    *out = bytes;
    return at + len;
}

static inline void peer_send(peer_t *peer, wsp_opcode_t op, const void *payload,
                             size_t len)
{
    uint8_t *bytes;
    size_t count = masked_frame(0x80u | (unsigned)op, payload, len, &bytes);

    peer_write(peer, bytes, count);
    free(bytes);
}

static inline void peer_say(peer_t *peer, const char *text)
{
    peer_send(peer, WSP_OP_TEXT, text, strlen(text));
}

static inline void peer_send_close(peer_t *peer, unsigned code)
{
    uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    peer_send(peer, WSP_OP_CLOSE, payload, code != 0 ? 2 : 0);
}

/** Open a client and wait until it has joined: its welcome is read here. */
static inline void peer_open_order(peer_t *peer, order_t *order, bool is_tcp)
{
    order->offer.welcome = "joined";
    order->offer.welcome_len = 6;
    peer_submit(peer, order, is_tcp);
    peer_frame(peer);
}

static inline void peer_open(peer_t *peer, const char *channels)
{
    order_t order;
    order_init(&order, channels);
    peer_open_order(peer, &order, false);
}

#endif
