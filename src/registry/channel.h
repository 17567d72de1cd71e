/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channel: found by name, made, deleted, freed; who holds it.
 *
 *            make                      delete
 *   (none) --------> in its bucket ----------------> zombie
 *     ^                   |      living records: yes   | last record closed
 *     | no message and    |                            |
 *     | no record         v                            v
 *     '----------------- free <------------------------'
 *                         (its bucket remembers its last id: "forgotten")
 */
#ifndef WSP_REGISTRY_CHANNEL_H
#define WSP_REGISTRY_CHANNEL_H

#include "registry/loan.h"
#include "registry/wake.h"

/** Where a name belongs. */
typedef struct {
    wsp_bytes_t id;
    uint64_t hash;
    uint32_t bucket;
    unsigned shard;
} wsp_name_t;

wsp_name_t wsp_channel_name(const wsp_registry_t *registry, wsp_bytes_t id);

/** @return false: empty or longer than WSP_CHANNEL_ID_MAX */
static inline bool wsp_channel_is_name(wsp_bytes_t id)
{
    return id.len > 0 && id.len <= WSP_CHANNEL_ID_MAX;
}

/** Blocks that a channel takes. */
uint32_t wsp_channel_blocks(wsp_bytes_t id);

/** @return 0: there is none @locks the shard's, held */
wsp_block_t wsp_channel_find_locked(const wsp_registry_t *registry,
                                    const wsp_name_t *name);

/**
 * Lock the name's shard, begin a change, and find the channel or make it.
 * @return APR_ENOSPC: then nothing is locked
 * @locks the shard's: held on return
 */
apr_status_t wsp_channel_enter(wsp_loan_t *loan, const wsp_name_t *name,
                               wsp_block_t *index);
/** End the change and unlock. */
void wsp_channel_leave(wsp_registry_t *registry, const wsp_name_t *name);

/** What the living records of a channel say together. */
typedef struct {
    wsp_id_t cursor; /* lowest; UINT64_MAX without records */
    wsp_id_t pin;    /* lowest; UINT64_MAX when nothing is pinned */
    uint64_t clients;
    unsigned records;
} wsp_holders_t;

/** @locks the shard's, held */
wsp_holders_t wsp_channel_holders_locked(const wsp_registry_t *registry,
                                         const wsp_channel_shm_t *channel);
/** The same; also unlink the records of dead seats and tell the living ones.
 *  @param loan  takes the unlinked blocks; NULL: leave them to the sweep
 *  @param wakes the living records' bits are set; NULL: they are not */
wsp_holders_t wsp_channel_prune_locked(wsp_registry_t *registry,
                                       wsp_loan_t *loan,
                                       wsp_channel_shm_t *channel,
                                       wsp_wakes_t *wakes);

/** Free it if it has neither message nor record. Within begin/end.
 *  @return true: it is gone */
bool wsp_channel_free_if_empty_locked(wsp_loan_t *loan, unsigned shard,
                                      wsp_block_t index);

/** Take a channel out of its bucket for good: deleted, or empty. The bucket
 *  remembers its last id. */
void wsp_channel_unlink_locked(wsp_registry_t *registry, unsigned shard,
                               wsp_block_t index);
/** Flagged as deleted: into the zombie list (once), out of the bucket. */
void wsp_channel_bury_locked(wsp_registry_t *registry, unsigned shard,
                             wsp_block_t index);

/** Drop all messages that are not pinned. */
void wsp_channel_empty_locked(wsp_registry_t *registry, wsp_loan_t *loan,
                              unsigned shard, wsp_block_t index,
                              const wsp_holders_t *holders);

/** @return false: no readable message and no subscriber */
bool wsp_channel_info_locked(const wsp_registry_t *registry,
                             const wsp_channel_shm_t *channel,
                             const wsp_holders_t *holders, uint64_t now_ms,
                             wsp_channel_info_t *info);

#endif
