/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: verify's verdict. Every acknowledged message must be with each
 * subscriber of its channel; nothing twice; per publisher in his order; all
 * subscribers of a channel in the same order; ids going up along that order.
 */
#include "verify.h"

#include <stdlib.h>

#include "memory.h"
#include "message.h"

typedef struct {
    const wsp_verify_t *v;
    wsp_verdict_t *verdict;
    wsp_tally_t *notes;
    uint16_t *channel_of; /* by message number */
} judge_t;

static uint16_t *list_channels(const wsp_verify_t *v)
{
    uint16_t *list = wsp_memory_own(v->first[v->o->publishers], sizeof(*list));

    for (uint32_t p = 0; p < v->o->publishers; p++) {
        for (uint32_t k = 0; k < v->first[p + 1] - v->first[p]; k++) {
            list[v->first[p] + k] = (uint16_t)wsp_message_channel(v->o, p, k);
        }
    }
    return list;
}

uint64_t wsp_verify_expected(const wsp_verify_t *v, uint32_t subs)
{
    uint64_t sum = 0;
    uint32_t channels = v->o->channels;
    uint32_t *listeners = wsp_memory_own(channels, sizeof(*listeners));
    uint16_t *channel_of = list_channels(v);

    for (uint32_t s = 0; s < subs; s++) {
        for (uint32_t i = 0; i < v->o->multiplex; i++) {
            listeners[(s + i) % channels]++;
        }
    }
    for (uint32_t n = 0; n < v->first[v->o->publishers]; n++) {
        if (v->acks[n].state == WSP_ACK_YES) {
            sum += listeners[channel_of[n]];
        }
    }
    free(listeners);
    free(channel_of);
    return sum;
}

static uint32_t publisher_of(const wsp_verify_t *v, uint32_t number)
{
    uint32_t p = 0;

    while (number >= v->first[p + 1]) {
        p++;
    }
    return p;
}

static void judge_lost(judge_t *j, uint32_t sub, uint32_t number)
{
    const wsp_verify_t *v = j->v;
    uint32_t p = publisher_of(v, number);

    j->verdict->lost++;
    wsp_tally_note(j->notes,
                   "subscriber %u never got %u/%u (channel %u), acknowledged",
                   sub, p, number - v->first[p], j->channel_of[number]);
}

static void judge_sub(judge_t *j, uint32_t s)
{
    const wsp_verify_t *v = j->v;
    const wsp_sub_t *sub = &v->subs[s];
    const uint64_t *seen = &v->seen[s * v->seen_words];

    for (uint32_t n = 0; n < v->first[v->o->publishers]; n++) {
        bool is_seen = seen[n / 64] >> n % 64 & 1;
        if (is_seen && v->acks[n].state != WSP_ACK_YES) {
            j->verdict->unanswered_seen++;
        }
        if (!is_seen && v->acks[n].state == WSP_ACK_YES &&
            wsp_verify_hears(v->o, s, j->channel_of[n])) {
            judge_lost(j, s, n);
        }
    }
    j->verdict->deliveries += sub->unique + sub->doubled;
    j->verdict->doubled += sub->doubled;
    j->verdict->reordered += sub->reordered;
    j->verdict->foreign += sub->foreign;
    j->verdict->id_disorder += sub->disorder;
}

/* Subscribers of the same channels that got as many must have the same chain.
 */
static void judge_order(judge_t *j, uint32_t subs)
{
    const wsp_verify_t *v = j->v;
    uint32_t channels = v->o->channels > 0 ? v->o->channels : 1;

    for (uint32_t s = channels; s < subs; s++) {
        const wsp_sub_t *first = &v->subs[s % channels];
        const wsp_sub_t *sub = &v->subs[s];
        if (sub->unique == first->unique && sub->chain != first->chain) {
            j->verdict->order_differs++;
            wsp_tally_note(j->notes, "subscriber %u has another order than %u",
                           s, s % channels);
        }
    }
}

/* The ids that the publishers were told must go up as the messages came. */
static void judge_ids(judge_t *j, uint32_t subs)
{
    const wsp_verify_t *v = j->v;
    uint32_t total = v->first[v->o->publishers];

    for (uint32_t s = 0; s < subs && s < v->o->channels; s++) {
        const wsp_ack_t *last = NULL;
        for (uint32_t i = 0; i < v->subs[s].arrived; i++) {
            uint32_t n = v->witness[(size_t)s * total + i];
            const wsp_ack_t *ack = &v->acks[n];
            if (ack->id_seconds == 0) {
                continue;
            }
            if (last && (ack->id_seconds < last->id_seconds ||
                         (ack->id_seconds == last->id_seconds &&
                          ack->id_number <= last->id_number))) {
                j->verdict->id_disorder++;
                wsp_tally_note(j->notes,
                               "subscriber %u: id %llu:%llu came "
                               "after %llu:%llu",
                               s, (unsigned long long)ack->id_seconds,
                               (unsigned long long)ack->id_number,
                               (unsigned long long)last->id_seconds,
                               (unsigned long long)last->id_number);
            }
            last = ack;
        }
        /* With --meta the last id seen must be the one that was answered. */
        if (last && v->o->meta &&
            (v->subs[s].last_seconds != last->id_seconds ||
             v->subs[s].last_number != last->id_number)) {
            j->verdict->id_differs++;
        }
    }
}

static void judge_answers(judge_t *j, uint32_t subs)
{
    const wsp_verify_t *v = j->v;

    for (uint32_t n = 0; n < v->first[v->o->publishers]; n++) {
        const wsp_ack_t *ack = &v->acks[n];
        if (ack->state != WSP_ACK_YES) {
            j->verdict->not_acknowledged++;
        }
        else if (ack->status == 202 && subs >= v->o->channels) {
            j->verdict->nobody_there++;
        }
        else if (ack->status != 0 && ack->id_seconds == 0) {
            j->verdict->id_missing++; /* status 0: a WebSocket publisher */
        }
    }
}

void wsp_verify_judge(const wsp_verify_t *v, uint32_t subs,
                      wsp_verdict_t *verdict, wsp_tally_t *notes)
{
    judge_t j = {v, verdict, notes, list_channels(v)};

    *verdict = (wsp_verdict_t){0};
    for (uint32_t s = 0; s < subs; s++) {
        judge_sub(&j, s);
    }
    judge_order(&j, subs);
    judge_ids(&j, subs);
    judge_answers(&j, subs);
    free(j.channel_of);
}
