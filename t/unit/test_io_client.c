/* wsp-test-tsan */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client and what its messages do: publish, echo, discard, answers with
 * channel info, heartbeats; the rules that refuse them; pings; and every way in
 * which a connection ends.
 */
#include "io_world.h"

/* ---- what messages do ---- */

static void test_publish(void)
{
    peer_t a, b;

    peer_open(&a, "room");
    peer_open(&b, "room");
    peer_say(&a, "hello");
    is_str(peer_text(&b), "text hello", "a message reaches the others");
    is_str(peer_text(&a), "text hello", "and its sender");
    peer_send(&b, WSP_OP_BINARY, "\x01\x02", 2);
    is_str(peer_text(&a), "binary \x01\x02", "binary stays binary");
    peer_close(&a);
    peer_close(&b);
    await_subscribers("room", 0);
}

static void test_echo_and_discard(void)
{
    order_t order;
    peer_t a, b;

    order_init(&order, "echo");
    order.offer.may_publish = false; /* not needed for an echo */
    world.policy.on_message = WSP_ON_MESSAGE_ECHO;
    peer_open_order(&a, &order, false);
    world.policy.on_message = WSP_ON_MESSAGE_DISCARD;
    peer_open(&b, "echo");
    world_default_policy();
    peer_say(&a, "one");
    peer_send(&a, WSP_OP_BINARY, "two", 3);
    is_str(peer_text(&a), "text one", "echo: text comes back as text");
    is_str(peer_text(&a), "binary two", "binary as binary");
    peer_say(&b, "lost");
    peer_say(&a, "three");
    is_str(peer_text(&a), "text three", "discard: nobody sees it");
    publish("echo", "news");
    is_str(peer_text(&b), "text news", "nor is an echo published");
    peer_close(&a);
    peer_close(&b);
}

static void open_publisher(peer_t *peer, const char *channels, bool json)
{
    order_t order;

    order_init(&order, channels);
    order.offer.may_subscribe = false;
    order.offer.answers_info = true;
    order.offer.info_is_json = json;
    peer_open_order(peer, &order, false);
}

static void test_answers_info(void)
{
    wsp_channel_info_t info;
    char id[WSP_ID_TEXT_SIZE], want[300];
    peer_t a, b, subscriber;

    peer_open(&subscriber, "info1");
    open_publisher(&a, "info1", true);
    peer_say(&a, "x");
    is_str(peer_text(&subscriber), "text x", "a publisher's message arrives");
    wsp_registry_info(world.registry, bytes_of("info1"), &info);
    wsp_id_format(info.last_id, id);
    snprintf(want, sizeof want,
             "text {\"messages\": 1, \"requested\": 0, \"subscribers\": 1, "
             "\"last_message_id\": \"%s\" }",
             id);
    is_str(peer_text(&a), want, "and is answered with JSON info");
    is_int(info.subscribers, 1, "a publisher is no subscriber");
    open_publisher(&b, "info1 info2", false);
    peer_say(&b, "y");
    is_str(peer_text(&subscriber), "text y", "two channels: published to both");
    ok(strstr(peer_text(&b), "last message id: ") != NULL,
       "the answer is text");
    peer_say(&b, "z");
    ok(strstr(peer_text(&b), "\r\n\nqueued messages: 2") != NULL,
       "with one paragraph per channel");
    peer_close(&a);
    open_publisher(&a, "info1 info2", true);
    peer_say(&a, "j");
    ok(strncmp(peer_text(&a), "text [{\"messages\": 4, ", 22) == 0,
       "or as a JSON list");
    peer_close(&a);
    peer_close(&b);
    peer_close(&subscriber);
}

static void test_may_not_publish(void)
{
    order_t order;
    peer_t a;

    order_init(&order, "room");
    order.offer.may_publish = false;
    peer_open_order(&a, &order, false);
    peer_say(&a, "x");
    is_str(peer_text(&a), "close 1008 not allowed to publish here",
           "a subscriber that publishes is closed with 1008");
    is_str(peer_text(&a), "end", "then its stream ends");
    peer_close(&a);
}

static void set_heartbeat(const char *text, const char *reply)
{
    world.policy.has_heartbeat = true;
    world.policy.heartbeat_len = (uint8_t)strlen(text);
    memcpy(world.policy.heartbeat, text, strlen(text));
    world.policy.heartbeat_reply_len = (uint8_t)strlen(reply);
    memcpy(world.policy.heartbeat_reply, reply, strlen(reply));
}

static void test_heartbeat(void)
{
    order_t order;
    peer_t a, b;

    set_heartbeat("are you there", "yes");
    order_init(&order, "heart");
    order.offer.meta = WSP_META_NCHAN;
    peer_open_order(&a, &order, false);
    peer_open(&b, "heart");
    peer_say(&b, "are you there");
    is_str(peer_text(&b), "text yes", "a heartbeat is answered");
    peer_say(&a, "are you there");
    is_str(peer_text(&a), "text \nyes", "in a subprotocol with empty lines");
    peer_send(&b, WSP_OP_BINARY, "are you there", 13);
    is_str(peer_text(&b), "binary are you there",
           "only text is a heartbeat, and none of them was published");
    peer_close(&a);
    peer_close(&b);
    world_default_policy();
}

static void test_rate(void)
{
    peer_t a;

    world.policy.rate_count = 5;
    world.policy.rate_ms = 600000;
    world.policy.rate_burst = 3;
    world.policy.on_message = WSP_ON_MESSAGE_ECHO;
    set_heartbeat("h", "h");
    peer_open(&a, "rate");
    for (unsigned i = 0; i < 10; i++) {
        peer_say(&a, "h");
        peer_frame(&a);
    }
    ok(true, "heartbeats do not count as messages");
    for (unsigned i = 0; i < 4; i++) {
        peer_say(&a, "x");
    }
    is_str(peer_text(&a), "text x", "one");
    is_str(peer_text(&a), "text x", "two");
    is_str(peer_text(&a), "text x", "three messages pass");
    is_str(peer_text(&a), "close 1008 too many messages (WSPushRate)",
           "the fourth closes with 1008");
    peer_close(&a);
    peer_open(&a, "rate");
    for (unsigned i = 0; i < 13; i++) {
        peer_say(&a, "h");
    }
    for (unsigned i = 0; i < 12; i++) {
        peer_frame(&a);
    }
    is_str(peer_text(&a), "close 1008 too many heartbeats (WSPushRate)",
           "a flood of heartbeats is one, too");
    peer_close(&a);
    world_default_policy();
}

static void test_too_big(void)
{
    static char large[3000];
    peer_t a;

    memset(large, 'x', sizeof large);
    world.policy.max_message = 2000;
    world.policy.on_message = WSP_ON_MESSAGE_ECHO;
    peer_open(&a, "big");
    peer_send(&a, WSP_OP_TEXT, large, 2000);
    is_int(peer_frame(&a).len, 2000, "a message of just the limit passes");
    peer_send(&a, WSP_OP_TEXT, large, 2001);
    is_str(peer_text(&a), "close 1009 message is too big (WSPushMaxMessage)",
           "one byte more: 1009");
    peer_close(&a);
    world_default_policy();
}

static void test_welcome(void)
{
    static const wsp_meta_t metas[] = {WSP_META_NONE, WSP_META_NCHAN,
                                       WSP_META_WSPUSH};
    static const char *const wants[] = {"text hi", "text \nhi", "text \nhi"};
    order_t order;
    peer_t a;

    for (unsigned i = 0; i < 3; i++) {
        order_init(&order, "welcome");
        order.offer.meta = metas[i];
        order.offer.welcome = "hi";
        order.offer.welcome_len = 2;
        peer_submit(&a, &order, false);
        is_str(peer_text(&a), wants[i], "welcome in subprotocol %u", i);
        peer_close(&a);
    }
}

/* The answer to the handshake is the first thing the client reads. */
static void test_answer(void)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    size_t len = sizeof answer - 1;
    wsp_ticket_t *ticket = NULL;
    order_t order;
    peer_t a;
    int fds[2];

    connect_pair(fds, false);
    make_nonblocking(fds[1]);
    memset(&a, 0, sizeof a);
    a.fd = fds[0];
    order_init(&order, "answer");
    order.offer.fd = fds[1];
    order.offer.welcome = "hi";
    order.offer.welcome_len = 2;
    wsp_io_prepare(world.io, &order.offer, 0, &ticket);
    ok(wsp_io_try_set_answer(ticket, answer, len), "an answer is kept");
    wsp_io_submit(ticket);
    peer_fill(&a, len);
    is_mem(a.bytes, answer, len, "it comes first");
    is_int(subscribers_of("answer"), 1, "when the client has joined");
    a.at += len;
    is_str(peer_text(&a), "text hi", "then frames");
    peer_close(&a);
}

/* ---- bytes in odd ways ---- */

static void test_early_bytes(void)
{
    static char large[40000];
    uint8_t *first, *second, early[42000];
    size_t first_len, second_len;
    order_t order;
    peer_t a;

    memset(large, 'x', sizeof large);
    first_len = masked_frame(0x81, large, sizeof large, &first);
    second_len = masked_frame(0x81, "tail", 4, &second);
    memcpy(early, first, first_len);
    memcpy(early + first_len, second, 5); /* the rest comes by the socket */
    order_init(&order, "early");
    order.offer.early = early;
    order.offer.early_len = first_len + 5;
    peer_open_order(&a, &order, false);
    peer_write(&a, second + 5, second_len - 5);
    is_int(peer_frame(&a).len, sizeof large,
           "what came with the request is published, and comes back");
    is_str(peer_text(&a), "text tail", "also a frame cut at its end");
    free(first);
    free(second);
    peer_close(&a);
}

static void test_byte_at_a_time(void)
{
    uint8_t *bytes;
    size_t len = masked_frame(0x81, "slowly", 6, &bytes);
    peer_t a;

    peer_open(&a, "slow");
    for (size_t i = 0; i < len; i++) {
        peer_write(&a, bytes + i, 1);
    }
    is_str(peer_text(&a), "text slowly", "a client may send bytes one by one");
    free(bytes);
    peer_close(&a);
}

static void test_large_messages(void)
{
    size_t len = 700000, same = 0;
    char *large = malloc(len);
    frame_t frame;
    peer_t a;

    for (size_t i = 0; i < len; i++) {
        large[i] = (char)('a' + i % 23);
    }
    world.policy.on_message = WSP_ON_MESSAGE_ECHO;
    peer_open(&a, "large");
    peer_send(&a, WSP_OP_BINARY, large, len);
    frame = peer_frame(&a);
    same = frame.len == len && memcmp(frame.data, large, len) == 0;
    ok(same, "a large message comes back whole");
    free(large);
    peer_close(&a);
    world_default_policy();
}

/* ---- pings ---- */

static void test_client_pings(void)
{
    peer_t a;

    peer_open(&a, "ping");
    peer_send(&a, WSP_OP_PING, "abc", 3);
    is_str(peer_text(&a), "pong abc", "a ping is answered with its payload");
    peer_send(&a, WSP_OP_PONG, "unasked", 7);
    peer_send(&a, WSP_OP_PING, "", 0);
    is_str(peer_text(&a), "pong ", "an unasked pong is nothing");
    peer_close(&a);
}

static void test_server_pings(void)
{
    peer_t a, b;

    world.policy.ping_ms = 40;
    world.policy.pong_ms = 40;
    peer_open(&a, "ping");
    peer_open(&b, "ping");
    for (unsigned i = 0; i < 4; i++) {
        is_str(peer_text(&a), "ping ", "a silent client is pinged, time %u", i);
        peer_send(&a, WSP_OP_PONG, "", 0);
    }
    is_str(peer_text(&b), "ping ", "another one, too");
    is_str(peer_text(&b), "end", "without any answer it is dropped");
    peer_say(&a, "still here");
    is_str(peer_text(&a), "text still here", "the one that answers stays");
    peer_close(&a);
    peer_close(&b);
    world_default_policy();
}

/* ---- ends ---- */

static void test_close_by_client(void)
{
    peer_t a;

    peer_open(&a, "close");
    peer_send_close(&a, 4321);
    is_str(peer_text(&a), "close 4321", "a close is echoed with its code");
    is_str(peer_text(&a), "end", "then the server ends first");
    peer_close(&a);
    peer_open(&a, "close");
    peer_send_close(&a, 0);
    is_str(peer_text(&a), "close ", "one without a code without a code");
    is_str(peer_text(&a), "end", "end");
    peer_close(&a);
    await_subscribers("close", 0);
}

/* Neither answers our close frame nor ends its stream. */
static void test_close_time_out(void)
{
    order_t order;
    peer_t a;

    order_init(&order, "stubborn");
    order.offer.may_publish = false;
    peer_open_order(&a, &order, false);
    wsp_registry_delete(world.registry, bytes_of("stubborn"),
                        &(wsp_channel_info_t){0});
    is_str(peer_text(&a), "close 1001 channel deleted", "closed by the server");
    peer_say(&a, "not a close frame, and not published any more");
    is_str(peer_text(&a), "end", "a client that does not answer is hung up on");
    peer_close(&a);
}

/* Not a socket: epoll refuses it. */
static void test_bad_descriptor(void)
{
    wsp_ticket_t *ticket = NULL;
    order_t order;

    order_init(&order, "file");
    order.offer.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    wsp_io_prepare(world.io, &order.offer, 0, &ticket);
    wsp_io_submit(ticket);
    world_await_stat(WSP_STAT_CONNECTIONS, 0);
    is_int(subscribers_of("file"), 0, "what epoll does not take is let go");
}

static void test_protocol_error(void)
{
    static const uint8_t unmasked[] = {0x81, 0x01, 'x'};
    static char rest[200000];
    peer_t a;

    peer_open(&a, "error");
    peer_write(&a, unmasked, sizeof unmasked);
    is_str(peer_text(&a), "close 1002 frame is not masked",
           "a broken rule is named");
    is_str(peer_text(&a), "end", "end");
    peer_close(&a);
    peer_open(&a, "error");
    peer_write(&a, unmasked, sizeof unmasked);
    peer_write(&a, rest, sizeof rest); /* must not turn into a reset */
    is_str(peer_text(&a), "close 1002 frame is not masked",
           "the close frame arrives though the client goes on sending");
    is_str(peer_text(&a), "end", "end");
    peer_close(&a);
    peer_open(&a, "error");
    peer_send(&a, WSP_OP_TEXT, "\xff", 1);
    is_str(peer_text(&a), "close 1007 text is not UTF-8", "bad text: 1007");
    peer_close(&a);
}

static void test_half_close(bool is_tcp)
{
    order_t order;
    peer_t a;

    order_init(&order, "half");
    world.policy.on_message = WSP_ON_MESSAGE_ECHO;
    peer_open_order(&a, &order, is_tcp);
    for (unsigned i = 0; i < 5; i++) {
        peer_say(&a, "answer me");
    }
    shutdown(a.fd, SHUT_WR);
    for (unsigned i = 0; i < 5; i++) {
        peer_frame(&a);
    }
    is_str(peer_text(&a), "end",
           "a client that only shuts its side has its answers (%s)",
           is_tcp ? "TCP" : "pair");
    peer_close(&a);
    await_subscribers("half", 0);
    world_default_policy();
}

static void test_reset(void)
{
    struct linger linger = {1, 0};
    order_t order;
    peer_t a, b;

    order_init(&order, "reset");
    peer_open_order(&a, &order, true);
    peer_open(&b, "reset");
    setsockopt(a.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    peer_close(&a);
    await_subscribers("reset", 1);
    publish("reset", "on");
    is_str(peer_text(&b), "text on", "a reset ends one client, not others");
    peer_close(&b);
}

static void test_close_frame_over_tcp(void)
{
    order_t order;
    peer_t a;

    order_init(&order, "tcp");
    order.offer.may_publish = false;
    peer_open_order(&a, &order, true);
    for (unsigned i = 0; i < 1000; i++) {
        peer_say(&a, "many messages that are not allowed");
    }
    is_str(peer_text(&a), "close 1008 not allowed to publish here",
           "TCP: no reset destroys the close frame");
    is_str(peer_text(&a), "end", "end");
    peer_close(&a);
}

/* ---- the log ---- */

/* In a world of its own, as only ten lines a second are written. */
static void test_log(void)
{
    order_t order;
    peer_t a;

    world_start(1, 1u << 20);
    world.policy.max_message = 2000;
    order_init(&order, "log");
    order.offer.user = "alice";
    peer_open_order(&a, &order, false);
    peer_send(&a, WSP_OP_TEXT, world.log, 2001);
    peer_frame(&a);
    ok(world_has_logged("client 127.0.0.1:4711 user alice at /push/test: "
                        "closed 1009 message is too big (WSPushMaxMessage), "
                        "limit 2000 bytes"),
       "the log has who, where, the code, the directive and its limit");
    peer_close(&a);
    peer_open(&a, "log");
    peer_send_close(&a, 4321);
    peer_frame(&a);
    ok(world_has_logged("client 127.0.0.1:4711 at /push/test: closed 4321 by "
                        "the client"),
       "a client's own close");
    peer_close(&a);
    world.policy.ping_ms = world.policy.pong_ms = 20;
    peer_open(&a, "log");
    peer_drain(&a);
    ok(world_has_logged("closed 1006 no answer to a ping (WSPushPing)"),
       "a lost one");
    peer_close(&a);
    world_stop();
}

/* ---- hooks ---- */

static _Atomic unsigned opened, closed, last_code;

static void open_cb(void *ctx, const wsp_client_view_t *client)
{
    (void)ctx;
    opened += client->id == 0x1234 && client->channel_count == 2 &&
              client->channels[1].len == 5 &&
              strcmp(client->where, "/push/test") == 0 &&
              strcmp(client->user, "alice") == 0;
}

static wsp_close_t message_cb(void *ctx, const wsp_client_view_t *client,
                              wsp_opcode_t op, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)client;
    (void)op;
    return len == 3 && memcmp(data, "bad", 3) == 0 ? WSP_CLOSE_UNSUPPORTED
                                                   : WSP_CLOSE_NONE;
}

static void close_cb(void *ctx, const wsp_client_view_t *client,
                     wsp_close_t code)
{
    (void)ctx;
    (void)client;
    last_code = (unsigned)code;
    closed++;
}

static void test_hooks(void)
{
    wsp_io_host_t host = {
        .on_open = open_cb, .on_message = message_cb, .on_close = close_cb};
    order_t order;
    peer_t a;

    world_start_with(1, 1u << 20, &host);
    order_init(&order, "hooks other");
    order.offer.user = "alice";
    peer_open_order(&a, &order, false);
    is_int(opened, 1, "on_open sees the client");
    peer_say(&a, "good");
    is_str(peer_text(&a), "text good", "on_message lets it pass");
    is_str(peer_text(&a), "text good", "to both channels");
    peer_say(&a, "bad");
    is_str(peer_text(&a), "close 1003 refused by the application",
           "or closes with its code");
    is_int(last_code, 1003, "on_close has the code");
    peer_drain(&a);
    peer_close(&a);
    peer_open_order(&a, &order, false);
    peer_close(&a);
    while (closed < 2) {
        sched_yield();
    }
    is_int(last_code, 1006, "1006 when the connection is lost");
    world_stop();
}

int main(void)
{
    tap_start(120);
    world_start(1, 4u << 20);
    test_publish();
    test_echo_and_discard();
    test_answers_info();
    test_may_not_publish();
    test_heartbeat();
    test_rate();
    test_too_big();
    test_welcome();
    test_answer();
    test_early_bytes();
    test_byte_at_a_time();
    test_large_messages();
    test_client_pings();
    test_server_pings();
    test_close_by_client();
    test_close_time_out();
    test_protocol_error();
    test_half_close(false);
    test_half_close(true);
    test_reset();
    test_close_frame_over_tcp();
    world_await_stat(WSP_STAT_CONNECTIONS, 0);
    test_bad_descriptor();
    is_int(world_stat(WSP_STAT_QUEUED_BYTES), 0, "nothing is left queued");
    world_stop();
    test_log();
    test_hooks();
    return done_testing();
}
