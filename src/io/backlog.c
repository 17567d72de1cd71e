/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backlog (see backlog.h): a ring of entries. The hub appends, send.c moves
 * clients forward, topic.c lets them join and leave.
 *
 * Invariants:
 *   1. head <= every client's position <= end; end - head <= capacity.
 *   2. holders of entry p = clients at position p; at_end = clients at end.
 *   3. head == end, or the entry at head has holders. So memory is held for
 *      the slowest client and not for anybody who left.
 *   4. head == end: ring is NULL.
 */
#include "io/backlog.h"

#include "io/alloc.h"

#define CAPACITY_MIN 4u

static wsp_backlog_entry_t *entry(const wsp_backlog_t *log, uint64_t at)
{
    return &log->ring[at & (log->capacity - 1)];
}

static uint32_t *holders(wsp_backlog_t *log, uint64_t at)
{
    return at == log->end ? &log->at_end : &entry(log, at)->holders;
}

/* Restore invariants 3 and 4. */
static void trim(wsp_backlog_t *log)
{
    while (log->head < log->end && entry(log, log->head)->holders == 0) {
        wsp_packet_unref(entry(log, log->head)->packet);
        log->head++;
    }
    if (log->head == log->end) {
        free(log->ring);
        log->ring = NULL;
        log->capacity = 0;
    }
}

uint64_t wsp_backlog_join(wsp_backlog_t *log)
{
    log->at_end++;
    return log->end;
}

void wsp_backlog_leave(wsp_backlog_t *log, uint64_t at)
{
    --*holders(log, at);
    trim(log);
}

void wsp_backlog_move(wsp_backlog_t *log, uint64_t at, uint64_t to)
{
    --*holders(log, at);
    ++*holders(log, to);
    trim(log);
}

static void grow(wsp_backlog_t *log)
{
    uint32_t capacity = log->capacity > 0 ? log->capacity * 2 : CAPACITY_MIN;
    wsp_backlog_entry_t *ring = wsp_resize(NULL, capacity, sizeof *ring);

    for (uint64_t at = log->head; at < log->end; at++) {
        ring[at & (capacity - 1)] = *entry(log, at);
    }
    free(log->ring);
    log->ring = ring;
    log->capacity = capacity;
}

void wsp_backlog_append(wsp_backlog_t *log, wsp_packet_t *packet)
{
    wsp_backlog_entry_t *last;

    if (log->end - log->head == log->capacity) {
        grow(log);
    }
    last = entry(log, log->end);
    last->packet = packet;
    last->before = log->end_bytes;
    last->holders = log->at_end;
    log->at_end = 0;
    log->end++;
    log->end_bytes += wsp_packet_cost(packet);
    trim(log); /* without a client it goes at once */
}

wsp_packet_t *wsp_backlog_at(const wsp_backlog_t *log, uint64_t at)
{
    return entry(log, at)->packet;
}

uint64_t wsp_backlog_bytes_from(const wsp_backlog_t *log, uint64_t at)
{
    return at == log->end ? 0 : log->end_bytes - entry(log, at)->before;
}

uint64_t wsp_backlog_bytes(const wsp_backlog_t *log)
{
    return wsp_backlog_bytes_from(log, log->head);
}
