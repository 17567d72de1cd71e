/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loans: blocks on their way between pool and channels, see loan.h.
 */
#include "registry/loan.h"

#include "registry/evict.h"
#include "registry/lock.h"
#include "registry/pool.h"
#include "registry/step.h"

/** Blocks taken per lock of the pool. */
#define TAKE_MAX 64u
/** How long a publisher that finds no memory waits for others in flight. */
#define WAIT_OTHERS_MS 5u

static void set_root(wsp_loan_t *loan, unsigned which, wsp_block_t head)
{
    atomic_store_explicit(&loan->slot->chain[which], head,
                          memory_order_relaxed);
}

/* What a dead holder had is in no list now: the sweep finds it. */
static void clear_dead_slot(wsp_registry_t *registry, wsp_slot_shm_t *slot)
{
    unsigned i;

    for (i = 0; i < WSP_LOAN_CHAINS; i++) {
        atomic_store_explicit(&slot->chain[i], 0, memory_order_relaxed);
    }
    atomic_store(&registry->header->sweep_wanted, 1);
    atomic_fetch_add(&registry->header->repairs, 1);
    wsp_mutex_mend(&slot->lock);
}

static bool try_slot(wsp_registry_t *registry, wsp_slot_shm_t *slot)
{
    wsp_lock_t lock = wsp_mutex_try(&slot->lock);

    if (lock == WSP_LOCK_DEAD) {
        clear_dead_slot(registry, slot);
    }
    return lock != WSP_LOCK_BUSY;
}

/* Each thread goes back to the slot it had last: so threads that publish at the
 * same time soon have one each, and its cache line stays theirs. */
static _Thread_local unsigned last_slot;

void wsp_loan_begin(wsp_registry_t *registry, wsp_loan_t *loan)
{
    unsigned first = last_slot, i;

    *loan = (wsp_loan_t){.registry = registry};
    for (i = 0; i < WSP_SLOTS && loan->slot == NULL; i++) {
        wsp_slot_shm_t *slot = &registry->slots[(first + i) % WSP_SLOTS];
        if (try_slot(registry, slot)) {
            loan->slot = slot;
            last_slot = (first + i) % WSP_SLOTS;
        }
    }
    if (loan->slot == NULL) {
        loan->slot = &registry->slots[first];
        if (wsp_mutex_lock(&loan->slot->lock) == WSP_LOCK_DEAD) {
            clear_dead_slot(registry, loan->slot);
        }
    }
    WSP_STEP(LOAN_BEGUN);
}

static void push_chain_locked(wsp_loan_t *loan, unsigned which)
{
    if (loan->chain[which].count > 0) {
        wsp_pool_push_locked(loan->registry, &loan->chain[which]);
        set_root(loan, which, 0);
        loan->chain[which] = (wsp_chain_t){0, 0, 0};
    }
}

static void give_back(wsp_loan_t *loan)
{
    unsigned i;

    wsp_pool_lock(loan->registry);
    for (i = 0; i < WSP_LOAN_CHAINS; i++) {
        push_chain_locked(loan, i);
    }
    wsp_pool_unlock(loan->registry);
}

void wsp_loan_end(wsp_loan_t *loan)
{
    unsigned i;
    uint32_t left = 0;

    for (i = 0; i < WSP_LOAN_CHAINS; i++) {
        left += loan->chain[i].count;
    }
    if (left > 0) {
        give_back(loan);
    }
    wsp_mutex_unlock(&loan->slot->lock);
}

/* Blocks of @a more follow those of chain @a which. */
static void append_locked(wsp_loan_t *loan, unsigned which,
                          const wsp_chain_t *more)
{
    wsp_chain_t *chain = &loan->chain[which];

    if (chain->count == 0) {
        *chain = *more;
        set_root(loan, which, more->head);
    }
    else {
        wsp_piece_at(loan->registry, chain->tail)->next = more->head;
        chain->tail = more->tail;
        chain->count += more->count;
    }
}

/* From the pool, as many as there are. @return true: it was enough */
static bool take(wsp_loan_t *loan, unsigned which, uint32_t need)
{
    wsp_chain_t *chain = &loan->chain[which];
    uint32_t got = 1;

    while (chain->count < need && got > 0) {
        uint32_t want = need - chain->count;
        wsp_chain_t piece;
        wsp_pool_lock(loan->registry);
        got = wsp_pool_pop_locked(loan->registry,
                                  want < TAKE_MAX ? want : TAKE_MAX, &piece);
        if (got > 0) {
            append_locked(loan, which, &piece);
            WSP_STEP(POOL_LENT);
        }
        wsp_pool_unlock(loan->registry);
    }
    return chain->count >= need;
}

/* Memory is short: one publisher at a time evicts, and takes what it evicts
 * for itself, so that others cannot snatch it away for ever. */
static apr_status_t take_by_evicting(wsp_loan_t *loan, unsigned which,
                                     uint32_t need)
{
    wsp_registry_t *registry = loan->registry;
    apr_status_t status = APR_SUCCESS;

    if (loan->chain[which].count > 0) {
        wsp_pool_lock(registry);
        push_chain_locked(loan, which);
        wsp_pool_unlock(registry);
    }
    wsp_mutex_lock_plain(&registry->header->evict_lock);
    while (status == APR_SUCCESS && !take(loan, which, need)) {
        status = wsp_evict(loan, need - loan->chain[which].count);
        if (status == APR_SUCCESS) {
            wsp_loan_recycle(loan, which, need);
        }
    }
    wsp_mutex_unlock(&registry->header->evict_lock);
    if (status != APR_SUCCESS) {
        give_back(loan);
    }
    return status;
}

apr_status_t wsp_loan_reserve(wsp_loan_t *loan, unsigned which, uint32_t need)
{
    if (need >= loan->registry->header->block_count) {
        return APR_ENOSPC;
    }
    if (take(loan, which, need)) {
        return APR_SUCCESS;
    }
    return take_by_evicting(loan, which, need);
}

void wsp_loan_commit_locked(wsp_loan_t *loan, unsigned which)
{
    set_root(loan, which, 0);
    loan->chain[which] = (wsp_chain_t){0, 0, 0};
}

void wsp_loan_discard_locked(wsp_loan_t *loan, wsp_block_t first,
                             wsp_block_t last, uint32_t count)
{
    wsp_chain_t *freed = &loan->chain[WSP_LOAN_FREED];

    wsp_piece_at(loan->registry, last)->next = freed->head;
    if (freed->count == 0) {
        freed->tail = last;
    }
    freed->head = first;
    freed->count += count;
    set_root(loan, WSP_LOAN_FREED, first);
    WSP_STEP(LOAN_FREED);
}

/* The first @a want blocks of the freed chain, or all. @locks pool */
static wsp_chain_t split_freed_locked(wsp_loan_t *loan, uint32_t want)
{
    wsp_chain_t *freed = &loan->chain[WSP_LOAN_FREED], part = *freed;
    uint32_t i;

    if (want >= freed->count) {
        *freed = (wsp_chain_t){0, 0, 0};
    }
    else {
        part.tail = part.head;
        for (i = 1; i < want; i++) {
            part.tail = wsp_piece_at(loan->registry, part.tail)->next;
        }
        part.count = want;
        freed->head = wsp_piece_at(loan->registry, part.tail)->next;
        freed->count -= want;
    }
    set_root(loan, WSP_LOAN_FREED, freed->head);
    wsp_piece_at(loan->registry, part.tail)->next = 0;
    return part;
}

void wsp_loan_recycle(wsp_loan_t *loan, unsigned which, uint32_t need)
{
    uint32_t have = loan->chain[which].count;
    wsp_chain_t part;

    wsp_pool_lock(loan->registry);
    if (have < need && loan->chain[WSP_LOAN_FREED].count > 0) {
        part = split_freed_locked(loan, need - have);
        append_locked(loan, which, &part);
        WSP_STEP(POOL_LENT);
    }
    push_chain_locked(loan, WSP_LOAN_FREED);
    wsp_pool_unlock(loan->registry);
}

bool wsp_loan_find_dead(wsp_registry_t *registry)
{
    bool found = false;
    unsigned i;

    for (i = 0; i < WSP_SLOTS; i++) {
        wsp_slot_shm_t *slot = &registry->slots[i];
        wsp_lock_t lock = wsp_mutex_try(&slot->lock);
        if (lock == WSP_LOCK_BUSY) {
            continue;
        }
        if (lock == WSP_LOCK_DEAD) {
            clear_dead_slot(registry, slot);
            found = true;
        }
        wsp_mutex_unlock(&slot->lock);
    }
    return found;
}

static bool has_blocks(const wsp_slot_shm_t *slot)
{
    unsigned i;

    for (i = 0; i < WSP_LOAN_CHAINS; i++) {
        if (atomic_load_explicit(&slot->chain[i], memory_order_relaxed) != 0) {
            return true;
        }
    }
    return false;
}

bool wsp_loan_wait_others(const wsp_loan_t *loan)
{
    wsp_registry_t *registry = loan->registry;
    bool found = false;
    unsigned i;

    for (i = 0; i < WSP_SLOTS; i++) {
        wsp_slot_shm_t *slot = &registry->slots[i];
        wsp_lock_t lock;
        if (slot == loan->slot || !has_blocks(slot)) {
            continue;
        }
        found = true;
        lock = wsp_mutex_lock_for(&slot->lock, WAIT_OTHERS_MS);
        if (lock == WSP_LOCK_DEAD) {
            clear_dead_slot(registry, slot);
        }
        if (lock != WSP_LOCK_BUSY) {
            wsp_mutex_unlock(&slot->lock);
        }
    }
    return found;
}
