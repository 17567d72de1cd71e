/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: counters and the latency histogram (see tally.h).
 *
 * A latency below 16 us has its own bucket; above, a bucket is a sixteenth of a
 * power of two wide, so that a percentile is right to 6 % up to hours.
 */
#include "tally.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void wsp_tally_note(wsp_tally_t *t, const char *format, ...)
{
    va_list args;

    if (t->notes_count++ >= WSP_TALLY_NOTES) {
        return;
    }
    va_start(args, format);
    vsnprintf(t->notes[t->notes_count - 1], WSP_TALLY_NOTE, format, args);
    va_end(args);
}

static void add_code(wsp_tally_t *t, uint32_t code, uint32_t count)
{
    for (size_t i = 0; i < WSP_TALLY_CODES; i++) {
        if (t->codes[i].count == 0 || t->codes[i].code == code) {
            t->codes[i].code = code;
            t->codes[i].count += count;
            return;
        }
    }
}

void wsp_tally_code(wsp_tally_t *t, unsigned code)
{
    add_code(t, code, 1);
}

static size_t bucket_of(uint64_t us)
{
    if (us < WSP_HIST_STEPS) {
        return (size_t)us;
    }
    unsigned shift = 59U - (unsigned)__builtin_clzll(us);
    size_t at = (size_t)(shift + 1) * WSP_HIST_STEPS + (size_t)(us >> shift) -
                WSP_HIST_STEPS;
    return at < WSP_HIST_SIZE ? at : WSP_HIST_SIZE - 1;
}

static uint64_t bucket_top(size_t at)
{
    if (at < WSP_HIST_STEPS) {
        return at;
    }
    unsigned shift = (unsigned)(at / WSP_HIST_STEPS) - 1;
    return ((at % WSP_HIST_STEPS + WSP_HIST_STEPS + 1) << shift) - 1;
}

void wsp_tally_latency(wsp_tally_t *t, uint64_t ns)
{
    uint64_t us = ns / 1000;

    t->hist[bucket_of(us)]++;
    if (us > t->slowest_us) {
        t->slowest_us = us;
    }
}

void wsp_tally_add(wsp_tally_t *sum, const wsp_tally_t *from)
{
    sum->opened += from->opened;
    sum->failed += from->failed;
    sum->broken += from->broken;
    sum->protocol += from->protocol;
    sum->closed += from->closed;
    sum->pings += from->pings;
    sum->pongs += from->pongs;
    sum->messages += from->messages;
    sum->fresh += from->fresh;
    if (from->last_ns > sum->last_ns) {
        sum->last_ns = from->last_ns;
    }
    if (from->slowest_us > sum->slowest_us) {
        sum->slowest_us = from->slowest_us;
    }
    for (size_t i = 0; i < WSP_HIST_SIZE; i++) {
        sum->hist[i] += from->hist[i];
    }
    for (size_t i = 0; i < WSP_TALLY_CODES; i++) {
        if (from->codes[i].count) {
            add_code(sum, from->codes[i].code, from->codes[i].count);
        }
    }
    for (uint32_t i = 0; i < from->notes_count; i++) {
        if (i < WSP_TALLY_NOTES) {
            wsp_tally_note(sum, "%s", from->notes[i]);
        }
        else {
            sum->notes_count++;
        }
    }
}

uint64_t wsp_tally_percentile_us(const wsp_tally_t *t, double share)
{
    uint64_t total = 0, seen = 0;

    for (size_t i = 0; i < WSP_HIST_SIZE; i++) {
        total += t->hist[i];
    }
    for (size_t i = 0; i < WSP_HIST_SIZE; i++) {
        seen += t->hist[i];
        if (seen > 0 && (double)seen >= share * (double)total) {
            uint64_t top = bucket_top(i);
            return top < t->slowest_us ? top : t->slowest_us;
        }
    }
    return 0;
}
