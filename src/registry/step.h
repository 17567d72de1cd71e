/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps: the places in a change of the segment where a kill would leave
 * something for repair. In the module a step is a compiler barrier, which keeps
 * the stores around it in program order (a killed process's stores are all seen
 * in that order). With -DWSP_CRASH_POINTS the tests also learn of each step and
 * die there.
 */
#ifndef WSP_REGISTRY_STEP_H
#define WSP_REGISTRY_STEP_H

#include <stdatomic.h>

/* Name, what is done when it is reached. */
#define WSP_STEPS(X)                                                           \
    X(SHARD_DIRTY, "the shard is marked dirty")                                \
    X(SHARD_CLEAN, "the mark is gone, the lock still held")                    \
    X(POOL_POP, "blocks left the free list")                                   \
    X(POOL_LENT, "blocks are chained to the slot")                             \
    X(POOL_PUSH, "the chain's end points into the free list")                  \
    X(POOL_BACK, "blocks are in the free list, still in the slot's chain")     \
    X(LOAN_BEGUN, "the slot is held")                                          \
    X(LOAN_FREED, "a freed thing is in the slot's chain")                      \
    X(MESSAGE_FILLED, "the message is written, nobody sees it")                \
    X(PUBLISH_INFLIGHT, "inflight is set, no id drawn")                        \
    X(PUBLISH_DRAWN, "the id is drawn")                                        \
    X(PUBLISH_LINKED, "the message is in the list: published")                 \
    X(PUBLISH_COUNTED, "tail and counters follow")                             \
    X(PUBLISH_MARKED, "one seat's bit is set, not its summary")                \
    X(PUBLISH_ANNOUNCED, "all seats have their bits")                          \
    X(PUBLISH_LANDED, "inflight is cleared")                                   \
    X(PUBLISH_UNLOCKED, "the lock is free, nobody woken")                      \
    X(CHANNEL_LINKED, "an empty channel is in its bucket")                     \
    X(CHANNEL_FORGOTTEN, "its bucket remembers its last id")                   \
    X(CHANNEL_UNLINKED, "the channel left its bucket")                         \
    X(DROP_LOST, "lost_id names the message that is about to leave")           \
    X(DROP_UNLINKED, "the oldest message left the list")                       \
    X(AGE_CHANGED, "the age heap changed, oldest[] not yet")                   \
    X(EVICT_ASIDE, "pinned channels are out of the heap")                      \
    X(DELETE_FLAGGED, "the channel is deleted")                                \
    X(DELETE_ZOMBIE, "it is in the zombie list and in its bucket")             \
    X(RECORD_LINKED, "the record is in the list")                              \
    X(RECORD_UNLINKED, "the record left the list")                             \
    X(SEAT_EPOCH, "the seat's epoch changed")                                  \
    X(SEAT_CLEARED, "its bits are cleared")                                    \
    X(REPAIR_CHANNEL, "one channel is repaired")                               \
    X(REPAIR_HEAP, "the age heap is empty")                                    \
    X(REPAIR_DONE, "all is repaired, the lock still inconsistent")             \
    X(SWEEP_MARKED, "leaked blocks are known")                                 \
    X(SWEEP_PUSH, "one of them is pushed")

typedef enum {
#define WSP_STEP_ENUM(name, text) WSP_STEP_##name,
    WSP_STEPS(WSP_STEP_ENUM)
#undef WSP_STEP_ENUM
        WSP_STEP_COUNT
} wsp_step_t;

#ifdef WSP_CRASH_POINTS
/** Of the test program. */
void wsp_step_reached(wsp_step_t step);
#define WSP_STEP(name)                                                         \
    (atomic_signal_fence(memory_order_seq_cst),                                \
     wsp_step_reached(WSP_STEP_##name))
#else
#define WSP_STEP(name) atomic_signal_fence(memory_order_seq_cst)
#endif

#endif
