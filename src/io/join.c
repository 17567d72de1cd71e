/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining (see join.h): the loop calls it each turn.
 *
 * Nothing is read from a client before it has joined. So a message that it
 * sends with its request is news to itself, as to everybody who is subscribed.
 * Nor is anything written: the answer to its handshake (101) is its first
 * packet, so that what is published after it has seen that reaches it.
 */
#include "io/join.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/alloc.h"
#include "io/closing.h"
#include "io/core.h"
#include "io/loop.h"
#include "io/replay.h"
#include "io/ticket.h"

/* Of a client's URI, for its log lines. */
#define WHERE_BYTES_MAX 120u

/* ---- making the connection ---- */

static char *append_string(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    to[len] = '\0';
    return to + len + 1;
}

/* Address, user and where in one allocation of just their size. */
static char *make_text(const wsp_offer_t *offer)
{
    size_t address = strlen(offer->address), user = strlen(offer->user);
    size_t where = strnlen(offer->where, WHERE_BYTES_MAX);
    char *text = wsp_alloc(address + user + where + 3);
    char *to = append_string(text, offer->address, address);

    to = append_string(to, offer->user, user);
    append_string(to, offer->where, where);
    return text;
}

static void name_topics(wsp_conn_t *conn, const wsp_offer_t *offer)
{
    conn->member_count = (uint16_t)offer->channel_count;
    conn->members = &conn->single;
    if (offer->channel_count != 1) {
        conn->members =
            wsp_alloc((offer->channel_count + 1) * sizeof *conn->members);
    }
    for (unsigned i = 0; i < offer->channel_count; i++) {
        conn->members[i].topic =
            wsp_hub_topic(&conn->loop->hub, offer->channels[i]);
        conn->members[i].conn = conn;
    }
}

static wsp_conn_t *make(struct wsp_loop *loop, const wsp_offer_t *offer)
{
    wsp_conn_t *conn = wsp_alloc(sizeof *conn);

    conn->loop = loop;
    conn->stream = &wsp_stream_plain;
    conn->fd = offer->fd;
    conn->id = offer->id;
    conn->meta = (uint8_t)offer->meta;
    conn->may_subscribe = offer->may_subscribe;
    conn->may_publish = offer->may_publish;
    conn->answers_info = offer->answers_info;
    conn->info_is_json = offer->info_is_json;
    conn->heard_ms = loop->now_ms;
    conn->shared = wsp_policy_share(&loop->policies, offer->policy);
    conn->text = make_text(offer);
    name_topics(conn, offer);
    wsp_list_append(&loop->conns, &conn->all);
    wsp_loop_count(loop, WSP_STAT_CONNECTIONS_TOTAL, 1);
    return conn;
}

static bool arm(wsp_conn_t *conn)
{
    /* Edge-triggered and for both directions, once and for all: no further
     * epoll_ctl however often the socket fills up. */
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data = {.ptr = conn},
    };
    int on = 1;

    /* Fails on a socketpair, where there is nothing to switch off. */
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return epoll_ctl(conn->loop->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) ==
           0;
}

/* ---- arriving ---- */

/* @return false: not all of the channels can be subscribed to */
static bool await_topics(wsp_conn_t *conn)
{
    for (unsigned i = 0; i < conn->member_count; i++) {
        wsp_member_t *member = &conn->members[i];
        if (wsp_hub_await(&conn->loop->hub, member->topic) != APR_SUCCESS) {
            return false;
        }
        member->is_awaited = true;
    }
    return true;
}

static void give_up_waiting(wsp_conn_t *conn)
{
    for (unsigned i = 0; i < conn->member_count; i++) {
        wsp_member_t *member = &conn->members[i];
        if (member->is_awaited) {
            member->is_awaited = false;
            wsp_hub_no_longer_await(member->topic);
        }
    }
}

static void append_mail(wsp_mail_t **list, wsp_mail_t *mail)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = mail;
}

void wsp_join_take(struct wsp_loop *loop)
{
    wsp_mail_t *mail = wsp_mailbox_take(&loop->mailbox);

    append_mail(&loop->arriving, mail);
    for (; mail != NULL; mail = mail->next) {
        wsp_ticket_t *ticket = wsp_ticket_of(mail);
        ticket->conn = make(loop, &ticket->offer);
        if (ticket->offer.may_subscribe && !await_topics(ticket->conn)) {
            give_up_waiting(ticket->conn); /* join() will find it so */
        }
    }
}

void wsp_join_before_collect(struct wsp_loop *loop)
{
    append_mail(&loop->joining, loop->arriving);
    loop->arriving = NULL;
}

/* ---- subscribing ---- */

/* @return WSP_CAUSE_COUNT: joined; else why not */
static wsp_cause_t subscribe_one(wsp_conn_t *conn, wsp_member_t *member)
{
    uint32_t most = wsp_conn_policy(conn)->max_subscribers;

    if (member->topic->is_deleted) {
        return WSP_CAUSE_DELETED;
    }
    if (!member->is_awaited) {
        return WSP_CAUSE_FULL;
    }
    wsp_topic_join(member->topic, member, (wsp_meta_t)conn->meta,
                   conn->member_count > 1);
    wsp_hub_recount(member->topic);
    /* Counted first and looked at then: two that race for the last place may
     * both be refused, but never both be let in. */
    if (most != 0 && wsp_sub_subscribers(member->topic->sub) > most) {
        return WSP_CAUSE_SUBSCRIBERS;
    }
    return WSP_CAUSE_COUNT;
}

static wsp_cause_t subscribe(wsp_conn_t *conn)
{
    wsp_cause_t cause = WSP_CAUSE_COUNT;

    for (unsigned i = 0; i < conn->member_count && cause == WSP_CAUSE_COUNT;
         i++) {
        cause = subscribe_one(conn, &conn->members[i]);
    }
    give_up_waiting(conn); /* joined or refused */
    return cause;
}

/* ---- first words ---- */

static void keep_early(wsp_conn_t *conn, const wsp_offer_t *offer)
{
    wsp_outbox_t *out;

    if (offer->early_len == 0) {
        return;
    }
    out = wsp_conn_outbox(conn);
    out->early = wsp_alloc(offer->early_len);
    memcpy(out->early, offer->early, offer->early_len);
    out->early_bytes = offer->early_len;
    wsp_conn_want_read(conn);
}

static void greet(wsp_conn_t *conn, const wsp_offer_t *offer)
{
    if (offer->welcome != NULL) {
        wsp_conn_queue(conn,
                       wsp_packet_frame(WSP_OP_TEXT, (wsp_meta_t)conn->meta,
                                        offer->welcome, offer->welcome_len));
    }
    if (conn->may_subscribe) {
        wsp_replay_begin(conn, offer->start, offer->start_count,
                         offer->start_id, conn->loop->hub.delivered);
    }
}

/* As the rest of something partly written: that goes before everything. */
static void keep_answer(wsp_conn_t *conn, const wsp_ticket_t *ticket)
{
    if (ticket->answer_len > 0) {
        wsp_conn_outbox(conn)->rest =
            wsp_packet_raw(ticket->answer, ticket->answer_len);
        wsp_conn_want_flush(conn);
    }
}

static void join(wsp_conn_t *conn, const wsp_ticket_t *ticket)
{
    const wsp_offer_t *offer = &ticket->offer;
    const wsp_policy_t *policy = wsp_conn_policy(conn);
    wsp_cause_t refused = WSP_CAUSE_COUNT;

    wsp_conn_tell_open(conn);
    if (!arm(conn)) {
        give_up_waiting(conn);
        wsp_closing_lost(conn, strerror(errno));
        return;
    }
    keep_answer(conn, ticket);
    keep_early(conn, offer);
    if (conn->may_subscribe) {
        refused = subscribe(conn);
    }
    if (refused != WSP_CAUSE_COUNT) {
        wsp_closing_begin(conn, refused);
        return;
    }
    greet(conn, offer);
    if (policy->ping_ms > 0) {
        wsp_timer_set(&conn->loop->wheel, &conn->timer,
                      conn->loop->now_ms + policy->ping_ms);
    }
}

void wsp_join_run(struct wsp_loop *loop)
{
    for (unsigned i = 0; i < WSP_JOINS_PER_TURN && loop->joining != NULL; i++) {
        wsp_ticket_t *ticket = wsp_ticket_of(loop->joining);
        loop->joining = loop->joining->next;
        join(ticket->conn, ticket);
        wsp_ticket_free(ticket);
    }
}
