/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: what the client processes count, in memory shared with the
 * coordinator. Each process writes its own tally and nobody else's; the
 * coordinator reads them all once the processes have answered (progress
 * counters, which it polls earlier, are atomic).
 */
#ifndef WSP_LOAD_TALLY_H
#define WSP_LOAD_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WSP_TALLY_CODES 12
#define WSP_TALLY_NOTES 8
#define WSP_TALLY_NOTE 160

/* Latencies: 16 steps per power of two of a microsecond. */
#define WSP_HIST_STEPS 16U
#define WSP_HIST_SIZE (34U * WSP_HIST_STEPS)

typedef struct {
    uint32_t opened, failed; /* handshakes that worked, that did not */
    uint32_t broken;         /* gone without a close handshake */
    uint32_t protocol;       /* server broke the protocol */
    uint32_t closed;         /* gone with a close handshake */
    uint32_t pings;
    uint32_t pongs;
    uint64_t messages;
    struct {
        uint32_t code, count;
    } codes[WSP_TALLY_CODES]; /* close codes the server sent */
    uint32_t notes_count;
    char notes[WSP_TALLY_NOTES][WSP_TALLY_NOTE]; /* the first troubles */
    _Atomic uint64_t fresh; /* verify: messages seen for the first time */
    uint64_t last_ns;       /* verify: when the last one came */
    uint64_t hist[WSP_HIST_SIZE];
    uint64_t slowest_us;
} wsp_tally_t;

/** Write down a trouble; the first few are kept, all are counted. */
void wsp_tally_note(wsp_tally_t *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void wsp_tally_code(wsp_tally_t *t, unsigned code);
void wsp_tally_latency(wsp_tally_t *t, uint64_t ns);

/** Add @a from to @a sum, notes too. */
void wsp_tally_add(wsp_tally_t *sum, const wsp_tally_t *from);

/** The latency that @a share (0 to 1) of all deliveries stayed under. */
uint64_t wsp_tally_percentile_us(const wsp_tally_t *t, double share);

#endif
