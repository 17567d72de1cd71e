/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seat: taking, leaving, and what becomes of a dead owner's, see seat.h. Also
 * the counters that live in a seat, so that they die with their process.
 */
#include "registry/seat.h"

#include <stdlib.h>
#include <unistd.h>

#include "registry/lock.h"
#include "registry/step.h"

/* What is counted now, as opposed to since the start: it ends with the seat. */
static bool is_gauge(unsigned stat)
{
    return stat == WSP_STAT_CONNECTIONS || stat == WSP_STAT_QUEUED_BYTES;
}

/* Totals go on in the header. A kill in between loses some, counts none twice.
 */
static void keep_totals(wsp_registry_t *registry, wsp_seat_shm_t *seat)
{
    unsigned i;

    for (i = 0; i < WSP_STAT_COUNT; i++) {
        int64_t value = atomic_exchange(&seat->stat[i], 0);
        if (!is_gauge(i)) {
            atomic_fetch_add(&registry->header->stat_past[i], value);
        }
    }
}

static void clear_news(wsp_seat_shm_t *seat)
{
    unsigned i;

    atomic_store(&seat->sleeping, 0);
    atomic_store(&seat->summary, 0);
    for (i = 0; i < WSP_SEAT_WORDS; i++) {
        atomic_store(&seat->bits[i], 0);
    }
}

/* The seat becomes free; its records are void from the first line on.
 * @locks life, held */
static void vacate_locked(wsp_registry_t *registry, wsp_seat_shm_t *seat)
{
    if (wsp_seat_is_taken(seat)) {
        atomic_fetch_add(&seat->epoch, 1);
    }
    WSP_STEP(SEAT_EPOCH);
    clear_news(seat);
    WSP_STEP(SEAT_CLEARED);
    keep_totals(registry, seat);
    atomic_store(&seat->sub_count, 0);
    atomic_store(&seat->pid, 0);
}

/* @return true: life is ours and the seat free */
static bool try_life(wsp_registry_t *registry, wsp_seat_shm_t *seat)
{
    wsp_lock_t lock = wsp_mutex_try(&seat->life);

    if (lock == WSP_LOCK_DEAD) {
        vacate_locked(registry, seat);
        atomic_store(&registry->header->purge_wanted, 1);
        atomic_fetch_add(&registry->header->repairs, 1);
        wsp_mutex_mend(&seat->life);
    }
    return lock != WSP_LOCK_BUSY;
}

apr_status_t wsp_seat_take(wsp_registry_t *registry, wsp_seat_t **out)
{
    wsp_seat_t *seat = calloc(1, sizeof(*seat));
    unsigned i = 0, count = registry->header->seat_count;

    if (seat == NULL) {
        return APR_ENOMEM;
    }
    while (i < count && !try_life(registry, &registry->seats[i])) {
        i++;
    }
    if (i == count) {
        free(seat);
        return APR_ENOSPC;
    }
    seat->registry = registry;
    seat->index = i;
    seat->shared = &registry->seats[i];
    clear_news(seat->shared);
    atomic_store(&seat->shared->pid, (int32_t)getpid());
    seat->epoch = atomic_fetch_add(&seat->shared->epoch, 1) + 1;
    WSP_STEP(SEAT_EPOCH);
    *out = seat;
    return APR_SUCCESS;
}

static void close_all(wsp_seat_t *seat)
{
    unsigned bit;

    for (bit = 0; bit < WSP_SEAT_BITS; bit++) {
        while (seat->by_bit[bit] != NULL) {
            wsp_sub_close(seat->by_bit[bit]);
        }
    }
}

void wsp_seat_leave(wsp_seat_t *seat)
{
    uint64_t count;

    close_all(seat);
    vacate_locked(seat->registry, seat->shared);
    if (read(seat->shared->wake_fd, &count, sizeof(count)) < 0) {
        count = 0; /* nobody had written: nothing to drain */
    }
    wsp_mutex_unlock(&seat->shared->life);
    free(seat);
}

void wsp_registry_seats_reap(wsp_registry_t *registry)
{
    unsigned i;

    for (i = 0; i < registry->header->seat_count; i++) {
        wsp_seat_shm_t *seat = &registry->seats[i];
        if (wsp_seat_is_taken(seat) && try_life(registry, seat)) {
            wsp_mutex_unlock(&seat->life);
        }
    }
}

/* -------------------------------------------------------------- counters */

void wsp_seat_stat_add(wsp_seat_t *seat, wsp_stat_t stat, int64_t delta)
{
    atomic_fetch_add_explicit(&seat->shared->stat[stat], delta,
                              memory_order_relaxed);
}

static int64_t connections(const wsp_registry_t *registry)
{
    int64_t sum = 0;
    unsigned i;

    for (i = 0; i < registry->header->seat_count; i++) {
        if (wsp_seat_is_taken(&registry->seats[i])) {
            sum += atomic_load(&registry->seats[i].stat[WSP_STAT_CONNECTIONS]);
        }
    }
    return sum;
}

/* Count under one lock: two who come at the same time for the last place get
 * it one after the other, and neither is refused in vain. */
bool wsp_seat_try_connect(wsp_seat_t *seat, uint64_t max)
{
    wsp_registry_t *registry = seat->registry;
    bool is_room = true;

    if (max != 0) {
        wsp_mutex_lock_plain(&registry->header->limit_lock);
        is_room = connections(registry) < (int64_t)max;
        if (!is_room) {
            wsp_registry_seats_reap(registry);
            is_room = connections(registry) < (int64_t)max;
        }
    }
    if (is_room) {
        wsp_seat_stat_add(seat, WSP_STAT_CONNECTIONS, 1);
    }
    if (max != 0) {
        wsp_mutex_unlock(&registry->header->limit_lock);
    }
    return is_room;
}

void wsp_seat_disconnect(wsp_seat_t *seat)
{
    wsp_seat_stat_add(seat, WSP_STAT_CONNECTIONS, -1);
}

apr_status_t wsp_seat_figures(wsp_registry_t *registry, unsigned index,
                              wsp_seat_figures_t *figures)
{
    const wsp_seat_shm_t *seat;

    if (index >= registry->header->seat_count ||
        !wsp_seat_is_taken(&registry->seats[index])) {
        return APR_NOTFOUND;
    }
    seat = &registry->seats[index];
    figures->pid = atomic_load(&seat->pid);
    figures->connections = atomic_load(&seat->stat[WSP_STAT_CONNECTIONS]);
    figures->connections_total =
        atomic_load(&seat->stat[WSP_STAT_CONNECTIONS_TOTAL]);
    figures->deliveries = atomic_load(&seat->stat[WSP_STAT_DELIVERIES]);
    figures->queued_bytes = atomic_load(&seat->stat[WSP_STAT_QUEUED_BYTES]);
    figures->channels = atomic_load(&seat->sub_count);
    return APR_SUCCESS;
}
