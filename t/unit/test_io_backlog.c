/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backlog against a model that keeps a list of messages per client: after
 * every random step both must agree on what each client has still to get, on
 * how much waits for it, and on what is held at all. Packets: what each
 * subprotocol is sent, and that the pieces of one packet are shared.
 */
#include "io/backlog.h"
#include "io/topic.h"

#include "dice.h"
#include "tap.h"

#define CLIENTS 40
#define STEPS 100000

typedef struct {
    bool is_in;
    uint64_t at;    /* position in the log */
    uint64_t first; /* model: number of the next message it gets */
} client_t;

typedef struct {
    wsp_backlog_t log;
    client_t clients[CLIENTS];
    uint64_t appended;    /* messages so far; message n has id n + 1 */
    uint64_t cost[STEPS]; /* of message n */
    unsigned wrong;
} world_t;

static world_t world;

static void append(void)
{
    char body[300];
    size_t len = dice(sizeof body);
    wsp_packet_t *packet;

    memset(body, 'x', sizeof body);
    packet = wsp_packet_frame(WSP_OP_TEXT, WSP_META_NONE, body, len);
    packet->id = world.appended + 1;
    world.cost[world.appended++] = wsp_packet_cost(packet);
    wsp_backlog_append(&world.log, packet);
}

static void join_or_leave(client_t *client)
{
    if (client->is_in) {
        wsp_backlog_leave(&world.log, client->at);
    }
    else {
        client->at = wsp_backlog_join(&world.log);
        client->first = world.appended;
    }
    client->is_in = !client->is_in;
}

static void take_some(client_t *client)
{
    uint64_t waiting = world.appended - client->first;
    uint64_t count = dice((unsigned)waiting + 1);

    for (uint64_t i = 0; i < count; i++) {
        const wsp_packet_t *packet = wsp_backlog_at(&world.log, client->at + i);
        world.wrong += packet->id != client->first + i + 1;
    }
    wsp_backlog_move(&world.log, client->at, client->at + count);
    client->at += count;
    client->first += count;
}

static uint64_t cost_from(uint64_t first)
{
    uint64_t sum = 0;
    for (uint64_t n = first; n < world.appended; n++) {
        sum += world.cost[n];
    }
    return sum;
}

static void compare(void)
{
    uint64_t oldest = world.appended;

    for (unsigned i = 0; i < CLIENTS; i++) {
        const client_t *client = &world.clients[i];
        if (client->is_in) {
            oldest = client->first < oldest ? client->first : oldest;
            world.wrong += wsp_backlog_bytes_from(&world.log, client->at) !=
                           cost_from(client->first);
            world.wrong +=
                world.log.end - client->at != world.appended - client->first;
        }
    }
    world.wrong += wsp_backlog_bytes(&world.log) != cost_from(oldest);
    world.wrong += world.log.end - world.log.head != world.appended - oldest;
    world.wrong += wsp_packet_held_bytes() != (int64_t)cost_from(oldest);
    world.wrong += (world.log.ring == NULL) != (oldest == world.appended);
}

static void test_against_model(void)
{
    for (unsigned step = 0; step < STEPS; step++) {
        client_t *client = &world.clients[dice(CLIENTS)];
        unsigned what = dice(100);
        if (what < 30) {
            append();
        }
        else if (what < 35) {
            join_or_leave(client);
        }
        else if (client->is_in) {
            take_some(client);
        }
        if (step % 64 == 0 || step < 2000) {
            compare();
        }
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (world.clients[i].is_in) {
            join_or_leave(&world.clients[i]);
        }
    }
    compare();
    is_int(world.wrong, 0, "%u random steps agree with the model", STEPS);
    is_int(wsp_packet_held_bytes(), 0, "nothing is held when all have left");
}

/* ---- packets ---- */

static void join_pieces(wsp_packet_t *packet, wsp_meta_t meta, char *out)
{
    struct iovec pieces[WSP_PACKET_PIECES];
    wsp_text_t label = {"news", 4};
    unsigned count = wsp_packet_pieces(packet, meta, label, pieces);

    for (unsigned i = 0; i < count; i++) {
        memcpy(out, pieces[i].iov_base, pieces[i].iov_len);
        out += pieces[i].iov_len;
    }
    *out = '\0';
}

static void test_frames(void)
{
    wsp_packet_t *plain = wsp_packet_frame(WSP_OP_TEXT, WSP_META_NONE, "hi", 2);
    wsp_packet_t *meta =
        wsp_packet_frame(WSP_OP_BINARY, WSP_META_NCHAN, "hi", 2);
    wsp_packet_t *ping = wsp_packet_frame(WSP_OP_PING, WSP_META_NCHAN, NULL, 0);
    wsp_packet_t *gap = wsp_packet_gap((wsp_id_t)7 << WSP_ID_COUNTER_BITS | 3);
    char out[200];

    join_pieces(plain, WSP_META_NONE, out);
    is_str(out, "\x81\x02hi", "a frame of one client");
    join_pieces(meta, WSP_META_NCHAN, out);
    is_str(out, "\x82\x03\nhi", "begins with an empty block in a subprotocol");
    join_pieces(ping, WSP_META_NCHAN, out);
    ok(memcmp(out, "\x89\x00", 3) == 0, "but not if it is a control frame");
    join_pieces(gap, WSP_META_WSPUSH, out);
    is_str(out, "\x81\x12id: 7:3\ngap: 7:3\n\n",
           "a gap is a frame of its own in ws+meta.wspush");
    join_pieces(gap, WSP_META_NCHAN, out);
    is_str(out, "", "and nothing to others");
    wsp_packet_unref(plain);
    wsp_packet_unref(meta);
    wsp_packet_unref(ping);
    wsp_packet_unref(gap);
}

static void test_labels(void)
{
    wsp_bytes_t grouped = {"team\x1fnews/today", 15};
    wsp_bytes_t plain = {"news", 4};
    wsp_topic_t *a = wsp_topic_make(grouped, 1);
    wsp_topic_t *b = wsp_topic_make(plain, 1);

    ok(wsp_topic_label(a).len == 10 &&
           memcmp(wsp_topic_label(a).at, "news/today", 10) == 0,
       "clients see a channel's id without its group");
    ok(wsp_topic_label(b).len == 4, "without a group the id is all");
    ok(wsp_topic_is_named(a, 1, grouped) && !wsp_topic_is_named(a, 1, plain),
       "the group is part of the name");
    wsp_topic_free(a);
    wsp_topic_free(b);
}

int main(void)
{
    tap_start(60);
    test_against_model();
    test_frames();
    test_labels();
    return done_testing();
}
