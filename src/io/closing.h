/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing: every reason for which a connection ends, in one table: code, log
 * level, counter, and the text that goes into the close frame and the log. A
 * new reason is a new row.
 */
#ifndef WSP_IO_CLOSING_H
#define WSP_IO_CLOSING_H

#include "io/conn.h"

typedef enum {
    WSP_CAUSE_PEER = 0,    /* its close frame came; code echoed */
    WSP_CAUSE_PROTOCOL,    /* the reader's code and text */
    WSP_CAUSE_TOO_BIG,     /* WSPushMaxMessage */
    WSP_CAUSE_SLOW,        /* WSPushQueue */
    WSP_CAUSE_RATE,        /* WSPushRate */
    WSP_CAUSE_HEARTBEATS,  /* too many heartbeats */
    WSP_CAUSE_NO_PUBLISH,  /* may not publish here */
    WSP_CAUSE_HOST,        /* a hook refused; its code */
    WSP_CAUSE_FULL,        /* WSPushMemory */
    WSP_CAUSE_SUBSCRIBERS, /* WSPushMaxSubscribers */
    WSP_CAUSE_DELETED,     /* its channel was deleted */
    WSP_CAUSE_INTERNAL,    /* our fault */
    WSP_CAUSE_COUNT
} wsp_cause_t;

/**
 * Begin the close handshake: leave all topics, queue the close frame, give the
 * peer WSP_CLOSE_TIMEOUT_MS. Nothing happens unless the connection is OPEN.
 * @context io thread
 */
void wsp_closing_begin(wsp_conn_t *conn, wsp_cause_t cause);

/** The same with another code, and another text unless @a text is NULL. */
void wsp_closing_begin_with(wsp_conn_t *conn, wsp_cause_t cause,
                            wsp_close_t code, const char *text);

/** The outbox of a CLOSING connection has become empty, or its reading has
 *  ended: go on if both sides are done. */
void wsp_closing_drained(wsp_conn_t *conn);

/** The connection is gone or given up: no close frame. @param why for the log
 */
void wsp_closing_lost(wsp_conn_t *conn, const char *why);

/** No byte came after a ping: lost, and counted. */
void wsp_closing_no_pong(wsp_conn_t *conn);

/** Log that a client misses messages. @param why names the limit */
void wsp_closing_log_gap(wsp_conn_t *conn, const char *why);

#endif
