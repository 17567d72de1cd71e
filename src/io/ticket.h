/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticket: a copy of an offer, in one allocation, on its way from the worker
 * that made it to the I/O thread that will own the client.
 */
#ifndef WSP_IO_TICKET_H
#define WSP_IO_TICKET_H

#include "io/mailbox.h"
#include "io/io.h"

struct wsp_conn;
struct wsp_loop;

struct wsp_ticket {
    wsp_mail_t mail; /* first */
    wsp_io_t *io;
    struct wsp_loop *loop;
    struct wsp_conn *conn; /* once it has arrived */
    char *answer; /* own allocation, or NULL: nothing goes before frames */
    size_t answer_len;
    wsp_policy_t policy;
    wsp_offer_t offer; /* its pointers lead into this allocation */
    wsp_bytes_t channels[];
};

static inline wsp_ticket_t *wsp_ticket_of(wsp_mail_t *mail)
{
    return (wsp_ticket_t *)(void *)mail;
}

/** @return NULL: out of memory. @context any thread */
wsp_ticket_t *wsp_ticket_make(const wsp_offer_t *offer);
/** Its memory; the descriptor is not closed. */
void wsp_ticket_free(wsp_ticket_t *ticket);

#endif
