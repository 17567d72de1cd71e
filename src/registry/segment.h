/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the shared segment: what every process sees at the same time.
 * Only this room includes it. Fixed-width types and indices, never pointers:
 * each process finds the areas through its own handle (handle.h).
 *
 *   +---------+------+-------+--------+-------+-----------+-------+--------+
 *   | header  | pool | slots | shards | heads | forgotten | seats | blocks |
 *   | last id | free | loans | 32     | hash  | per       | one   | 256    |
 *   | figures | list | in    | locks, | table | bucket    | per   | bytes  |
 *   | oldest[]|      | flight| counts | (u32) | (u64)     | I/O   | each   |
 *   |         |      |       |        |       |           | thread|        |
 *   +---------+------+-------+--------+-------+-----------+-------+--------+
 *
 *   heads[b] -> channel -> channel -> 0         shard = b >> bucket_shift
 *                 | oldest                       newest
 *                 v                                v
 *              message -newer-> message -newer-> message -newer-> 0
 *                 | next           | next           ids increase
 *                 v                v
 *              body block ...   body block ...
 *                 | subs
 *                 v
 *              record -> record -> 0     one per seat that subscribes
 *
 * A block holds the head of a message, a piece of a body, a channel, a piece
 * of a long channel id, or a subscription record. All blocks have one size, so
 * memory never fragments and any block that is freed serves any need.
 *
 * Primary data, from which repair rebuilds the rest: heads[] and the bucket
 * chains, zombie lists, message lists, record lists, each message's own blocks,
 * lost_id, forgotten[], last_id. Each changes by one store that commits.
 * Derived data: newest, count, the age heap, shard counters, oldest[],
 * inflight, free list and free count.
 *
 * Invariants, for a shard whose lock is free (check.c reports them by number,
 * repair.c makes them true, the tests break them one by one):
 *
 *   1 A channel is in the bucket of its hash, once; it is not deleted.
 *   2 A channel's messages have increasing ids, all above its lost_id and none
 *     above the segment's last_id; seq counts up by one; newest, newest_id and
 *     count tell the end of the list (empty: newest_id is 0 or lost_id).
 *   3 A message has exactly the blocks that its lengths need; last is the last.
 *   4 A record names a seat that exists and this channel; a living one has a
 *     cursor up to last_id and a bit in range.
 *   5 The age heap of a shard holds exactly its channels with two messages or
 *     more; a key is not above the id of the channel's oldest message; a parent
 *     is not younger than its children; oldest[shard] is the key of the root.
 *   6 A shard's counters are those of its channels.
 *   7 Every block that was ever used is in exactly one place: the free list, a
 *     channel, or a slot whose holder is alive; free_count tells the list.
 *   8 inflight is WSP_ID_NONE_INFLIGHT and dirty is 0.
 *   9 A zombie is deleted and in no bucket. A channel has a message or a
 *     record (perhaps a dead seat's).
 *  10 lost_id and forgotten are not above last_id.
 *
 * Lock order: a seat's life < a slot < evict_lock < shards by index < pool.
 * limit_lock is taken with no other lock held. trylock is free of the order.
 */
#ifndef WSP_REGISTRY_SEGMENT_H
#define WSP_REGISTRY_SEGMENT_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "registry/registry.h"

#define WSP_SEGMENT_MAGIC UINT64_C(0x3168737570707377) /* "wsppush1" */
/** Counts up with each change of the structures below. */
#define WSP_SEGMENT_VERSION 1u

/** Check and sweep hold all of them: ThreadSanitizer follows 64 locks. */
#define WSP_SHARDS 32u
#define WSP_SLOTS 64u
#define WSP_BLOCK_BYTES 256u
#define WSP_SEATS_MAX 4096u
/** News bits of a seat; subscriptions beyond share bits. */
#define WSP_SEAT_WORDS 64u
#define WSP_SEAT_BITS (WSP_SEAT_WORDS * 64u)
/** No publisher is between drawing an id and announcing it. */
#define WSP_ID_NONE_INFLIGHT UINT64_MAX
/** oldest[] of a shard with nothing that could go. */
#define WSP_ID_NOTHING_OLD UINT64_MAX

/** Index of a block; 0 is none (block 0 is never used). */
typedef uint32_t wsp_block_t;

/** Start of the segment. "set once": before the first fork. */
typedef struct {
    uint64_t magic;         /* set once, last */
    uint32_t version;       /* set once */
    uint32_t layout;        /* set once: sizes of the structures, hashed */
    uint64_t segment_bytes; /* set once: as asked for */
    uint64_t total_bytes;   /* set once: as mapped */
    uint32_t seat_count;    /* set once */
    uint32_t block_count;   /* set once, block 0 included */
    uint32_t bucket_count;  /* set once, a power of two >= WSP_SHARDS */
    uint32_t bucket_shift;  /* set once: bucket >> shift is its shard */
    uint64_t heads_at, forgotten_at, seats_at, blocks_at; /* set once */
    uint64_t hash_key[2]; /* set once: nobody can aim at one bucket */
    wsp_id_t birth_id;    /* set once: ids up to it are another life's */

    /* Drawn by compare-and-swap under the shard's lock, read by anybody. */
    alignas(64) _Atomic uint64_t last_id;

    /* Serialises publishers that must evict; protects no data. */
    alignas(64) pthread_mutex_t evict_lock;
    pthread_mutex_t limit_lock;    /* serialises wsp_seat_try_connect */
    _Atomic uint32_t sweep_wanted; /* blocks may have leaked */
    _Atomic uint32_t purge_wanted; /* a seat's owner died: drop its records */
    _Atomic uint64_t expire_next;  /* bucket where the next tick goes on */
    _Atomic uint64_t refused, repairs;
    _Atomic int64_t check_time_s;
    _Atomic uint32_t check_findings;
    _Atomic int64_t stat_past[WSP_STAT_COUNT]; /* totals of seats left */

    /* Key of the root of each shard's age heap; written under the shard's
     * lock, read without: never above the truth, checked under the lock. */
    alignas(64) _Atomic uint64_t oldest[WSP_SHARDS];
} wsp_header_shm_t;

/** Free blocks. All fields under lock; atomics may be read without.
 *  Blocks from fresh on were never used (their pages cost nothing yet). */
typedef struct {
    alignas(64) pthread_mutex_t lock;
    wsp_block_t free_head;
    _Atomic uint32_t fresh; /* first block never used; may be read without */
    _Atomic uint32_t free_count; /* list and never used ones together */
} wsp_pool_shm_t;

/** Chains of blocks that one operation holds, see loan.h. */
enum {
    WSP_LOAN_MESSAGE,
    WSP_LOAN_CHANNEL,
    WSP_LOAN_RECORD,
    WSP_LOAN_FREED, /* unlinked from a channel, on the way to the pool */
    WSP_LOAN_CHAINS
};

/** One operation in flight. Its lock is held from begin to end of it, so that
 *  a dead holder is known, and blocks of a living one are never swept.
 *  chain[]: written by the holder, under the pool's or a shard's lock. */
typedef struct {
    alignas(64) pthread_mutex_t lock;
    _Atomic uint32_t chain[WSP_LOAN_CHAINS];
} wsp_slot_shm_t;

/** A 32nd of the hash table, with the one lock of its channels. Everything
 *  is written under it; atomics may be read without. */
typedef struct {
    alignas(64) pthread_mutex_t lock;
    /* Set before an id is drawn to a value not above it, WSP_ID_NONE_INFLIGHT
     * after the message was announced: what the horizon waits for. */
    _Atomic uint64_t inflight;
    uint32_t dirty;       /* 1: a change is under way */
    wsp_block_t zombies;  /* deleted channels that still have records */
    wsp_block_t age_root; /* channel whose oldest message is the oldest */
    _Atomic uint64_t evictable_blocks; /* of messages that are not newest */
    _Atomic uint64_t channels, messages;
    _Atomic uint64_t published, evicted, expired;
} wsp_shard_shm_t;

/** An I/O thread's place. */
typedef struct {
    alignas(64) pthread_mutex_t life; /* held while the thread lives */
    /* Odd: taken. Written by the holder of life. A record is alive while its
     * epoch is the seat's. */
    _Atomic uint32_t epoch;
    _Atomic int32_t pid;
    int32_t wake_fd;            /* set once */
    _Atomic uint32_t sleeping;  /* 1: write wake_fd after setting bits */
    _Atomic uint32_t sub_count; /* for figures */
    _Atomic uint64_t summary;   /* words of bits[] that have news */
    _Atomic uint64_t bits[WSP_SEAT_WORDS];
    _Atomic int64_t stat[WSP_STAT_COUNT];
} wsp_seat_shm_t;

/* ---------------------------------------------------------------- blocks */

/** What all blocks begin with: the next block of the same thing. */
typedef struct {
    wsp_block_t next;
    char data[WSP_BLOCK_BYTES - sizeof(wsp_block_t)];
} wsp_piece_shm_t;

/** First block of a message. Everything but newer is written before it is
 *  linked and never changed: readers copy without a lock while it is pinned.
 *  data: content type, event name, body, going on in the pieces. */
#define WSP_MESSAGE_HEAD_BYTES 48u
typedef struct {
    wsp_block_t next;
    wsp_block_t newer; /* next message of the channel; shard's lock */
    wsp_block_t last;  /* last block of this message */
    uint32_t blocks;
    uint64_t id;
    uint64_t born_ms; /* monotonic clock: a step of the wall clock is no age */
    uint32_t seq;     /* counts the channel's messages */
    uint32_t body_bytes;
    uint16_t content_type_bytes, event_bytes;
    uint32_t is_binary;
    char data[WSP_BLOCK_BYTES - WSP_MESSAGE_HEAD_BYTES];
} wsp_message_shm_t;

/** A channel; shard's lock, atomics may be read without by who knows that it
 *  stays (a living record keeps it). */
#define WSP_CHANNEL_HEAD_BYTES 104u
typedef struct {
    wsp_block_t next;   /* pieces of a long id */
    wsp_block_t last;   /* last block of it; itself, if short */
    wsp_block_t chain;  /* next channel of the bucket */
    wsp_block_t zombie; /* next deleted channel of the shard */
    uint64_t hash;
    wsp_block_t oldest, newest;    /* messages */
    wsp_block_t subs;              /* records */
    uint32_t blocks;               /* of the channel itself */
    _Atomic uint64_t newest_id;    /* 0: nothing published yet */
    uint64_t lost_id;              /* newest id that ever left the list */
    _Atomic uint64_t requested_ms; /* a subscriber last came; 0 never */
    _Atomic uint32_t count;        /* messages in the list */
    _Atomic uint32_t history_count;
    uint32_t history_age_s;
    _Atomic uint32_t is_deleted;
    uint64_t age_key; /* id of the oldest message when it was put in */
    wsp_block_t age_child, age_sibling, age_previous;
    uint16_t is_aged; /* is in the age heap */
    uint16_t id_bytes;
    char id[WSP_BLOCK_BYTES - WSP_CHANNEL_HEAD_BYTES];
} wsp_channel_shm_t;

/** One seat's subscription of one channel. cursor, pin and clients belong to
 *  the seat's thread; void when the seat's epoch is another. */
typedef struct {
    wsp_block_t next_block; /* always 0 */
    wsp_block_t next;       /* of the channel; shard's lock */
    wsp_block_t channel;
    uint32_t seat, epoch;
    uint32_t bit;
    _Atomic uint32_t clients;
    _Atomic uint64_t cursor; /* taken up to here */
    _Atomic uint64_t pin;    /* messages from here on are being copied; 0 */
} wsp_record_shm_t;

_Static_assert(sizeof(wsp_piece_shm_t) == WSP_BLOCK_BYTES, "piece");
_Static_assert(sizeof(wsp_message_shm_t) == WSP_BLOCK_BYTES, "message");
_Static_assert(sizeof(wsp_channel_shm_t) == WSP_BLOCK_BYTES, "channel");
_Static_assert(sizeof(wsp_record_shm_t) <= WSP_BLOCK_BYTES, "record");
_Static_assert(sizeof(wsp_slot_shm_t) == 64, "slot: one cache line");
_Static_assert(sizeof(wsp_shard_shm_t) == 128, "shard: two cache lines");

#endif
