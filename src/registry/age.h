/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Age: which channel of a shard has the oldest message that could go. A
 * pairing heap of channels (not of messages: a channel loses only its oldest,
 * so one entry per channel is enough), ordered by the id of the oldest message
 * when the channel was put in. Publishing and trimming leave the key alone even
 * when the oldest message changes: a key may be too low, never too high, and
 * the evictor, which is the only reader, puts it right when it meets it.
 *
 *   root (lowest key) -child-> c -sibling-> c -sibling-> 0
 *                              '-child-> ...         previous: left sibling, or
 *                                                    parent of a first child
 *
 * A channel with one message is never in: its newest message does not go.
 * All functions: @locks the shard's, held, within begin/end. @crash repair
 * rebuilds the heap.
 */
#ifndef WSP_REGISTRY_AGE_H
#define WSP_REGISTRY_AGE_H

#include "registry/handle.h"

void wsp_age_insert_locked(wsp_registry_t *registry, unsigned shard,
                           wsp_block_t index);
void wsp_age_remove_locked(wsp_registry_t *registry, unsigned shard,
                           wsp_block_t index);
/** Put the channel in or take it out, as its number of messages asks. */
void wsp_age_update_locked(wsp_registry_t *registry, unsigned shard,
                           wsp_block_t index);
/** Channels in the heap, found by walking it (self-check). */
uint64_t wsp_age_count_locked(const wsp_registry_t *registry, unsigned shard);
/** Forget the whole heap (repair). The channels' own fields stay. */
void wsp_age_clear_locked(wsp_registry_t *registry, unsigned shard);

#endif
