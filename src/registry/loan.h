/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loans: how blocks travel between the pool and the channels. Every operation
 * that takes or frees blocks begins a loan: it holds one *slot* of the segment
 * (a robust lock and the heads of the chains it has in hand) until it ends.
 *
 *                 reserve                 commit under the shard's lock
 *   pool free list ------> slot.chain[n] ------------------------------>
 * channel
 *                  <------               <------------------------------
 *                   give back / end                discard
 *
 * So any block is in the free list, in a slot, or in a channel; what belongs to
 * a slot whose holder died is found by the sweep, which asks the slot's lock
 * (no guessing by pid), and what belongs to a living one is never touched.
 *
 *   1 slot.chain[] is written by the holder only: under the pool's lock while
 *     blocks move from or to the pool, under the shard's while they move to or
 *     from a channel. Who holds all of these locks (sweep, check) sees a
 *     consistent picture.
 *   2 A chain's blocks are linked by their first word, which the holder does
 *     not change while they are in the slot, except under these locks.
 *
 * A reservation that must wait for memory first gives back what it has: two big
 * publishers never block each other with halves.
 */
#ifndef WSP_REGISTRY_LOAN_H
#define WSP_REGISTRY_LOAN_H

#include "registry/handle.h"

typedef struct {
    wsp_block_t head, tail;
    uint32_t count;
} wsp_chain_t;

typedef struct {
    wsp_registry_t *registry;
    wsp_slot_shm_t *slot;
    wsp_chain_t chain[WSP_LOAN_CHAINS];
} wsp_loan_t;

/** Take a slot; waits only while all of them are in use.
 *  @locks slot, until wsp_loan_end */
void wsp_loan_begin(wsp_registry_t *registry, wsp_loan_t *loan);
/** Give everything that is left back to the pool, and the slot. */
void wsp_loan_end(wsp_loan_t *loan);

/**
 * Have @a need blocks in chain @a which (empty before), evicting old messages
 * if the pool has too few.
 * @return APR_ENOSPC: nothing more can go; the chain is empty
 * @locks pool; evict_lock and shards one at a time, when memory is short
 */
apr_status_t wsp_loan_reserve(wsp_loan_t *loan, unsigned which, uint32_t need);

/** The chain's blocks now belong to what was linked.
 *  @locks the shard's, held */
void wsp_loan_commit_locked(wsp_loan_t *loan, unsigned which);

/** Blocks first..last, @a count, were unlinked; they go to the pool with
 *  wsp_loan_end. @locks the shard's, held */
void wsp_loan_discard_locked(wsp_loan_t *loan, wsp_block_t first,
                             wsp_block_t last, uint32_t count);

/** Give what was discarded so far to chain @a which until it has @a need
 *  blocks, the rest to the pool. @locks pool */
void wsp_loan_recycle(wsp_loan_t *loan, unsigned which, uint32_t need);

/** Look for slots whose holders died; their blocks are left to the sweep.
 *  @return true: there were some */
bool wsp_loan_find_dead(wsp_registry_t *registry);

/** Wait, for a moment, until no other operation holds blocks.
 *  @return true: there were some, and something may have changed */
bool wsp_loan_wait_others(const wsp_loan_t *loan);

#endif
