/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles: what one process keeps about the segment. The registry's handle is
 * made by wsp_registry_attach, inherited by fork, and read only; a seat's and a
 * subscription's belong to the thread that took the seat. Also the accessors
 * that turn indices into pointers, for a moment: none is ever stored in the
 * segment.
 */
#ifndef WSP_REGISTRY_HANDLE_H
#define WSP_REGISTRY_HANDLE_H

#include "registry/segment.h"

struct wsp_registry {
    wsp_header_shm_t *header;
    wsp_pool_shm_t *pool;
    wsp_slot_shm_t *slots;   /* [WSP_SLOTS] */
    wsp_shard_shm_t *shards; /* [WSP_SHARDS] */
    wsp_block_t *heads;      /* [bucket_count], shard's lock */
    uint64_t *forgotten;     /* [bucket_count], shard's lock: newest id of a
                                channel of the bucket that is gone */
    wsp_seat_shm_t *seats;   /* [seat_count] */
    char *blocks;
};

struct wsp_sub {
    wsp_seat_t *seat;
    void *cookie;
    wsp_channel_shm_t *channel;
    wsp_record_shm_t *record;
    wsp_block_t channel_at, record_at;
    unsigned shard;
    bool is_reading_news;   /* between wsp_sub_read and wsp_sub_release */
    wsp_sub_t *next, *prev; /* of the same bit */
    /* Last message known to be at or before the cursor, and one of the last
     * history read: a place to start from, valid while its id is above the
     * channel's lost_id (a list only loses its head). */
    struct {
        wsp_block_t at;
        wsp_id_t id;
    } news_hint, history_hint;
};

struct wsp_seat {
    wsp_registry_t *registry;
    wsp_seat_shm_t *shared;
    unsigned index;
    uint32_t epoch;
    unsigned next_bit;
    bool is_asleep;         /* wsp_seat_try_sleep said so */
    bool is_drain_owed;     /* a publisher has yet to write the eventfd */
    _Atomic bool is_poked;  /* wsp_seat_wake wrote the eventfd */
    uint64_t again_summary; /* bits to look at again, as in the segment */
    uint64_t again[WSP_SEAT_WORDS];
    wsp_sub_t *by_bit[WSP_SEAT_BITS];
};

static inline void *wsp_block_at(const wsp_registry_t *registry,
                                 wsp_block_t index)
{
    return registry->blocks + (size_t)index * WSP_BLOCK_BYTES;
}

static inline wsp_piece_shm_t *wsp_piece_at(const wsp_registry_t *registry,
                                            wsp_block_t index)
{
    return wsp_block_at(registry, index);
}

static inline wsp_message_shm_t *wsp_message_at(const wsp_registry_t *registry,
                                                wsp_block_t index)
{
    return wsp_block_at(registry, index);
}

static inline wsp_channel_shm_t *wsp_channel_at(const wsp_registry_t *registry,
                                                wsp_block_t index)
{
    return wsp_block_at(registry, index);
}

static inline wsp_record_shm_t *wsp_record_at(const wsp_registry_t *registry,
                                              wsp_block_t index)
{
    return wsp_block_at(registry, index);
}

/** @return false: not a block that was ever used */
static inline bool wsp_block_is_valid(const wsp_registry_t *registry,
                                      wsp_block_t index)
{
    return index != 0 && index < registry->pool->fresh &&
           index < registry->header->block_count;
}

static inline unsigned wsp_bucket_shard(const wsp_registry_t *registry,
                                        uint32_t bucket)
{
    return bucket >> registry->header->bucket_shift;
}

/** Buckets of one shard: [first, first + count). */
static inline uint32_t wsp_shard_buckets(const wsp_registry_t *registry)
{
    return UINT32_C(1) << registry->header->bucket_shift;
}

/** For counters written under one lock: no atomic addition needed. */
static inline void wsp_count_add(_Atomic uint64_t *counter, uint64_t more)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + more, memory_order_relaxed);
}

static inline void wsp_count_sub(_Atomic uint64_t *counter, uint64_t less)
{
    wsp_count_add(counter, 0 - less);
}

/** Is the record's seat still held by who made the record? */
static inline bool wsp_record_is_alive(const wsp_registry_t *registry,
                                       const wsp_record_shm_t *record)
{
    return record->seat < registry->header->seat_count &&
           record->epoch ==
               atomic_load_explicit(&registry->seats[record->seat].epoch,
                                    memory_order_acquire);
}

#endif
