/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailbox (see mailbox.h): a stack that is pushed to with compare-and-swap and
 * taken as a whole with one exchange, so there is no ABA problem: nothing is
 * ever popped singly.
 */
#include "io/mailbox.h"

#include <stdatomic.h>
#include <stddef.h>

/* Its address means "closed". */
static wsp_mail_t closed_mark;

wsp_mail_result_t wsp_mailbox_put(wsp_mailbox_t *box, wsp_mail_t *mail)
{
    wsp_mail_t *last = atomic_load_explicit(&box->last, memory_order_relaxed);

    do {
        if (last == &closed_mark) {
            return WSP_MAIL_CLOSED;
        }
        mail->next = last;
    } while (!atomic_compare_exchange_weak(&box->last, &last, mail));
    /* The mail is no longer ours: only the copy may be looked at. */
    return last == NULL ? WSP_MAIL_FIRST : WSP_MAIL_MORE;
}

static wsp_mail_t *reversed(wsp_mail_t *mail)
{
    wsp_mail_t *first = NULL;

    while (mail != NULL) {
        wsp_mail_t *next = mail->next;
        mail->next = first;
        first = mail;
        mail = next;
    }
    return first;
}

wsp_mail_t *wsp_mailbox_take(wsp_mailbox_t *box)
{
    /* The thread looks each turn; the exchange would dirty the line. */
    if (atomic_load_explicit(&box->last, memory_order_relaxed) == NULL) {
        return NULL;
    }
    return reversed(atomic_exchange(&box->last, NULL));
}

wsp_mail_t *wsp_mailbox_close(wsp_mailbox_t *box)
{
    return reversed(atomic_exchange(&box->last, &closed_mark));
}
