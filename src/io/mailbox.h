/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailbox: the one thing that other threads touch of an I/O thread. Workers
 * put tickets in without a lock; the I/O thread takes all of them at once; and
 * after it has closed the box a worker is told so and keeps its ticket.
 */
#ifndef WSP_IO_MAILBOX_H
#define WSP_IO_MAILBOX_H

#include <stdbool.h>

/** Embed it first in what is to be sent. */
typedef struct wsp_mail {
    struct wsp_mail *next;
} wsp_mail_t;

/** All zero is empty and open. */
typedef struct {
    _Atomic(wsp_mail_t *) last;
} wsp_mailbox_t;

typedef enum {
    WSP_MAIL_CLOSED = 0, /* nobody will take it */
    WSP_MAIL_FIRST,      /* the box was empty: wake its thread */
    WSP_MAIL_MORE        /* its thread has been woken for another */
} wsp_mail_result_t;

/** @context any thread; async-signal-safe */
wsp_mail_result_t wsp_mailbox_put(wsp_mailbox_t *box, wsp_mail_t *mail);

/** Everything in the box, oldest first; NULL: empty. @context io thread */
wsp_mail_t *wsp_mailbox_take(wsp_mailbox_t *box);

/** The same, and nothing can be put in any more. @context io thread */
wsp_mail_t *wsp_mailbox_close(wsp_mailbox_t *box);

#endif
