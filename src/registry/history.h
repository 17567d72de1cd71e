/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History: a channel's list of messages, from the oldest to the newest.
 *
 *     lost_id   | kept for laggards |   readable history   |
 *   gone ... m1 |    m2    m3    m4 |   m5    m6    m7     |
 *               ^ oldest                          newest ^
 *
 * Readable: the newest history_count messages, none older than history_age_s.
 * An older message stays until the cursors of all living records have passed
 * it, or until the segment needs its blocks (evict.c); lost_id > cursor then
 * says that somebody missed it. The list loses only its head, so everything
 * above lost_id that was ever published is still in it.
 */
#ifndef WSP_REGISTRY_HISTORY_H
#define WSP_REGISTRY_HISTORY_H

#include "registry/channel.h"

/** Messages trimmed at most under one hold of the lock. */
#define WSP_TRIM_MAX 64u

/** Unlink the oldest message. The caller updates the age heap.
 *  @param loan takes its blocks; NULL: leave them to the sweep
 *  @locks the shard's, held, within begin/end
 *  @crash lost_id first, then the link: repair finishes what lost_id says */
void wsp_history_drop_locked(wsp_registry_t *registry, wsp_loan_t *loan,
                             unsigned shard, wsp_channel_shm_t *channel);

/** Drop what nobody needs, WSP_TRIM_MAX messages at most.
 *  @return how many; the age heap is up to date */
unsigned wsp_history_trim_locked(wsp_loan_t *loan, unsigned shard,
                                 wsp_block_t index,
                                 const wsp_holders_t *holders, uint64_t now_ms);

/** The readable history as of id @a upto. */
typedef struct {
    wsp_block_t first; /* 0: nothing */
    uint32_t count;
    wsp_id_t lost; /* newest id up to upto that is not readable any more */
} wsp_window_t;

/** @param hint a message of the list with an id <= upto, or 0 */
wsp_window_t wsp_history_window_locked(const wsp_registry_t *registry,
                                       const wsp_channel_shm_t *channel,
                                       wsp_id_t upto, wsp_block_t hint,
                                       uint64_t now_ms);

#endif
