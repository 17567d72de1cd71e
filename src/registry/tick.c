/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tick: once a second in each seat's thread, look after what nobody else would
 * notice in time: dead owners of seats and locks, leaked blocks, expired
 * history, news that a publisher did not live to announce.
 */
#include "registry/expire.h"
#include "registry/lock.h"
#include "registry/sweep.h"
#include "registry/wake.h"

/* A shard whose owner lives is in good hands: only the others are locked. */
static void look_at_shards(wsp_registry_t *registry)
{
    unsigned shard;

    for (shard = 0; shard < WSP_SHARDS; shard++) {
        if (wsp_shard_try_lock(registry, shard)) {
            wsp_shard_unlock(registry, shard);
        }
    }
}

static void look_at_subs(wsp_seat_t *seat)
{
    unsigned bit;
    const wsp_sub_t *sub;

    for (bit = 0; bit < WSP_SEAT_BITS; bit++) {
        for (sub = seat->by_bit[bit]; sub != NULL; sub = sub->next) {
            if (wsp_sub_is_deleted(sub) ||
                atomic_load(&sub->channel->newest_id) > wsp_sub_cursor(sub)) {
                wsp_wake_again(seat, sub);
            }
        }
    }
}

static void purge(wsp_registry_t *registry)
{
    wsp_loan_t loan;

    wsp_loan_begin(registry, &loan);
    wsp_expire_all(&loan);
    wsp_loan_end(&loan);
}

void wsp_seat_tick(wsp_seat_t *seat)
{
    wsp_registry_t *registry = seat->registry;

    wsp_registry_seats_reap(registry);
    wsp_loan_find_dead(registry);
    look_at_shards(registry);
    if (atomic_exchange(&registry->header->purge_wanted, 0) != 0) {
        purge(registry);
    }
    else {
        wsp_expire_slice(registry);
    }
    if (atomic_load(&registry->header->sweep_wanted) != 0) {
        wsp_sweep(registry);
    }
    look_at_subs(seat);
}
