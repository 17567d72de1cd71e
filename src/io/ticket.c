/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets (see ticket.h); made by start.c for a worker, used up by join.c.
 *
 *   wsp_ticket_t | channels[] | names | welcome | early | address user where
 */
#include "io/ticket.h"

#include <stdlib.h>
#include <string.h>

/* Writes into the ticket's allocation, or only counts while at is NULL. */
typedef struct {
    char *at;
    size_t bytes;
} store_t;

/* @return where the copy is (NULL while counting) */
static char *keep(store_t *store, const void *from, size_t len)
{
    char *copy = store->at;

    store->bytes += len;
    if (copy == NULL) {
        return NULL;
    }
    if (len > 0) {
        memcpy(copy, from, len);
    }
    store->at += len;
    return copy;
}

static const char *keep_string(store_t *store, const char *text)
{
    if (text == NULL) {
        text = "";
    }
    return keep(store, text, strlen(text) + 1);
}

/* The same walk counts and copies, so that the two cannot disagree. */
static void keep_offer(store_t *store, const wsp_offer_t *from, wsp_offer_t *to,
                       wsp_bytes_t *channels)
{
    for (unsigned i = 0; i < from->channel_count; i++) {
        wsp_bytes_t name = from->channels[i];
        name.at = keep(store, name.at, name.len);
        if (channels != NULL) {
            channels[i] = name;
        }
    }
    if (from->welcome != NULL) {
        to->welcome = keep(store, from->welcome, from->welcome_len);
    }
    to->early = (const uint8_t *)keep(store, from->early, from->early_len);
    to->address = keep_string(store, from->address);
    to->user = keep_string(store, from->user);
    to->where = keep_string(store, from->where);
}

wsp_ticket_t *wsp_ticket_make(const wsp_offer_t *offer)
{
    size_t fixed =
        sizeof(wsp_ticket_t) + offer->channel_count * sizeof(wsp_bytes_t);
    store_t store = {NULL, 0};
    wsp_offer_t unused;
    wsp_ticket_t *ticket;

    keep_offer(&store, offer, &unused, NULL);
    ticket = malloc(fixed + store.bytes);
    if (ticket == NULL) {
        return NULL;
    }
    memset(ticket, 0, sizeof *ticket);
    /* Bytes, not a value: policies are compared with memcmp. */
    memcpy(&ticket->policy, offer->policy, sizeof ticket->policy);
    ticket->offer = *offer;
    store.at = (char *)ticket + fixed;
    keep_offer(&store, offer, &ticket->offer, ticket->channels);
    ticket->offer.channels = ticket->channels;
    ticket->offer.policy = &ticket->policy;
    return ticket;
}

bool wsp_io_try_set_answer(wsp_ticket_t *ticket, const char *text, size_t len)
{
    ticket->answer = malloc(len);
    if (ticket->answer == NULL) {
        return false;
    }
    memcpy(ticket->answer, text, len);
    ticket->answer_len = len;
    return true;
}

void wsp_ticket_free(wsp_ticket_t *ticket)
{
    free(ticket->answer);
    free(ticket);
}
