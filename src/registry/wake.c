/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wake: both sides of telling a seat about news, see wake.h, and what the
 * seat's thread does with it: wsp_seat_collect, which also fixes the horizon.
 */
#include "registry/wake.h"

#include <errno.h>
#include <unistd.h>

#include "registry/lock.h"
#include "registry/step.h"

/* ------------------------------------------------------- publisher's side */

static void write_eventfd(int fd)
{
    uint64_t one = 1;
    ssize_t written;

    do {
        written = write(fd, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
    /* EAGAIN: the counter is full, so it is readable anyway. */
}

static void wake_seat(wsp_seat_shm_t *seat)
{
    if (atomic_exchange(&seat->sleeping, 0) == 1) {
        write_eventfd(seat->wake_fd);
    }
}

void wsp_wake_mark_locked(wsp_registry_t *registry,
                          const wsp_record_shm_t *record, wsp_wakes_t *wakes)
{
    wsp_seat_shm_t *seat = &registry->seats[record->seat];
    unsigned word = record->bit / 64 % WSP_SEAT_WORDS;

    atomic_fetch_or(&seat->bits[word], UINT64_C(1) << record->bit % 64);
    WSP_STEP(PUBLISH_MARKED);
    atomic_fetch_or(&seat->summary, UINT64_C(1) << word);
    if (atomic_load(&seat->sleeping) == 0) {
        return;
    }
    if (wakes->count < WSP_WAKES_MAX) {
        wakes->seats[wakes->count++] = (uint16_t)record->seat;
    }
    else {
        wake_seat(seat); /* rare: so many children asleep */
    }
}

void wsp_wake_send(wsp_registry_t *registry, wsp_wakes_t *wakes)
{
    unsigned i;

    for (i = 0; i < wakes->count; i++) {
        wake_seat(&registry->seats[wakes->seats[i]]);
    }
    wakes->count = 0;
}

/* ----------------------------------------------------------- seat's side */

int wsp_seat_wake_fd(const wsp_seat_t *seat)
{
    return seat->shared->wake_fd;
}

void wsp_seat_wake(wsp_seat_t *seat)
{
    write_eventfd(seat->shared->wake_fd);
    atomic_store(&seat->is_poked, true);
}

bool wsp_seat_try_sleep(wsp_seat_t *seat)
{
    atomic_store(&seat->shared->sleeping, 1);
    if (seat->again_summary == 0 && atomic_load(&seat->shared->summary) == 0) {
        seat->is_asleep = true;
        return true;
    }
    /* A publisher may have seen us asleep in between. */
    if (atomic_exchange(&seat->shared->sleeping, 0) == 0) {
        seat->is_drain_owed = true;
    }
    return false;
}

/* Who took `sleeping` from 1 to 0 writes the eventfd soon, if not yet: until
 * that was read the debt stays, or epoll would report it for ever. */
void wsp_seat_awake(wsp_seat_t *seat)
{
    uint64_t count;

    if (seat->is_asleep && atomic_exchange(&seat->shared->sleeping, 0) == 0) {
        seat->is_drain_owed = true;
    }
    seat->is_asleep = false;
    if (atomic_exchange(&seat->is_poked, false)) {
        seat->is_drain_owed = true;
    }
    if (seat->is_drain_owed &&
        read(seat->shared->wake_fd, &count, sizeof(count)) > 0) {
        seat->is_drain_owed = false;
    }
}

/* An id was drawn before it became last_id, and inflight was set before that:
 * so whoever published an id <= horizon and is not finished shows here. Taking
 * the lock waits for the end of it, or repairs after a dead publisher. */
static wsp_id_t fix_horizon(wsp_registry_t *registry)
{
    wsp_id_t horizon =
        atomic_load_explicit(&registry->header->last_id, memory_order_acquire);
    unsigned shard;

    for (shard = 0; shard < WSP_SHARDS; shard++) {
        if (atomic_load_explicit(&registry->shards[shard].inflight,
                                 memory_order_acquire) <= horizon) {
            wsp_shard_lock(registry, shard);
            wsp_shard_unlock(registry, shard);
        }
    }
    return horizon;
}

static void again(wsp_seat_t *seat, unsigned bit)
{
    seat->again[bit / 64] |= UINT64_C(1) << bit % 64;
    seat->again_summary |= UINT64_C(1) << bit / 64;
}

void wsp_wake_again(wsp_seat_t *seat, const wsp_sub_t *sub)
{
    again(seat, sub->record->bit);
}

typedef struct {
    wsp_seat_t *seat;
    wsp_id_t horizon;
    void (*ready)(void *ctx, wsp_sub_t *sub, void *cookie);
    void *ctx;
} collect_t;

/* Bits lie: several subscriptions share one, and what it announced may have
 * been read already. The channel's newest id tells. */
static void look_at_bit(const collect_t *collect, unsigned bit)
{
    wsp_sub_t *sub;

    for (sub = collect->seat->by_bit[bit]; sub != NULL; sub = sub->next) {
        wsp_id_t newest = atomic_load(&sub->channel->newest_id);
        bool is_new = newest > wsp_sub_cursor(sub);
        if (is_new && newest > collect->horizon) {
            again(collect->seat, bit);
        }
        if (is_new || wsp_sub_is_deleted(sub)) {
            collect->ready(collect->ctx, sub, sub->cookie);
        }
    }
}

static void look_at_word(const collect_t *collect, unsigned word, uint64_t bits)
{
    while (bits != 0) {
        unsigned bit = (unsigned)__builtin_ctzll(bits);
        bits &= bits - 1;
        look_at_bit(collect, word * 64 + bit);
    }
}

void wsp_seat_collect(wsp_seat_t *seat, wsp_id_t *horizon,
                      void (*ready)(void *ctx, wsp_sub_t *sub, void *cookie),
                      void *ctx)
{
    collect_t collect = {seat, fix_horizon(seat->registry), ready, ctx};
    uint64_t mine = seat->again_summary;
    uint64_t words = mine;

    *horizon = collect.horizon;
    if (atomic_load(&seat->shared->summary) != 0) {
        words |= atomic_exchange(&seat->shared->summary, 0);
    }
    seat->again_summary = 0;
    while (words != 0) {
        unsigned word = (unsigned)__builtin_ctzll(words);
        uint64_t bits = atomic_exchange(&seat->shared->bits[word], 0);
        words &= words - 1;
        if ((mine >> word & 1) != 0) {
            bits |= seat->again[word];
            seat->again[word] = 0;
        }
        look_at_word(&collect, word, bits);
    }
}
