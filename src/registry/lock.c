/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of the segment, see lock.h. The kernel marks a robust mutex when the
 * thread that holds it ends in whatever way (exit, signal, kill -9); the next
 * locker gets EOWNERDEAD until somebody declares the state whole.
 */
#include "registry/lock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "registry/repair.h"
#include "registry/step.h"

#ifdef __SANITIZE_THREAD__
#include <unistd.h>

/* ThreadSanitizer watches one process. A block that was freed by one of its
 * threads and comes to another by way of other processes was handed over under
 * these locks, but the sanitizer sees the two ends only. So in a child every
 * lock counts as ordered after every unlock of that child. In the process that
 * made the segment (the unit tests' threads) nothing is relaxed. */
void __tsan_acquire(void *at);
void __tsan_release(void *at);
static char others;
static pid_t maker;

static void note_make(void)
{
    maker = getpid();
}
static void note_lock(void)
{
    if (getpid() != maker) {
        __tsan_acquire(&others);
    }
}
void wsp_lock_note_release(void)
{
    if (getpid() != maker) {
        __tsan_release(&others);
    }
}
#else
static void note_make(void)
{
}
static void note_lock(void)
{
}
void wsp_lock_note_release(void)
{
}
#endif

apr_status_t wsp_mutex_make(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);

    note_make();
    if (error != 0) {
        return error;
    }
    error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (error == 0) {
        error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    }
    if (error == 0) {
        error = pthread_mutex_init(mutex, &attributes);
    }
    pthread_mutexattr_destroy(&attributes);
    return error;
}

/* Other results than these mean that the segment is overwritten: to go on
 * without the lock would spread the damage to the other processes. */
static wsp_lock_t lock_result(int error)
{
    switch (error) {
    case 0:
        note_lock();
        return WSP_LOCK_HELD;
    case EOWNERDEAD:
        note_lock();
        return WSP_LOCK_DEAD;
    case EBUSY:
    case ETIMEDOUT:
        return WSP_LOCK_BUSY;
    default:
        abort();
    }
}

wsp_lock_t wsp_mutex_lock(pthread_mutex_t *mutex)
{
    return lock_result(pthread_mutex_lock(mutex));
}

wsp_lock_t wsp_mutex_try(pthread_mutex_t *mutex)
{
    return lock_result(pthread_mutex_trylock(mutex));
}

wsp_lock_t wsp_mutex_lock_for(pthread_mutex_t *mutex, unsigned wait_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return lock_result(pthread_mutex_timedlock(mutex, &until));
}

void wsp_mutex_mend(pthread_mutex_t *mutex)
{
    if (pthread_mutex_consistent(mutex) != 0) {
        abort();
    }
}

void wsp_mutex_unlock(pthread_mutex_t *mutex)
{
    wsp_lock_note_release();
    if (pthread_mutex_unlock(mutex) != 0) {
        abort();
    }
}

void wsp_mutex_lock_plain(pthread_mutex_t *mutex)
{
    if (wsp_mutex_lock(mutex) == WSP_LOCK_DEAD) {
        wsp_mutex_mend(mutex);
    }
}

static void take_over_shard(wsp_registry_t *registry, unsigned shard,
                            wsp_lock_t lock)
{
    wsp_shard_shm_t *shared = &registry->shards[shard];

    if (lock == WSP_LOCK_HELD && shared->dirty == 0) {
        return;
    }
    if (shared->dirty != 0) {
        wsp_repair_shard_locked(registry, shard);
    }
    if (lock == WSP_LOCK_DEAD) {
        atomic_fetch_add(&registry->header->repairs, 1);
        wsp_mutex_mend(&shared->lock);
    }
}

void wsp_shard_lock(wsp_registry_t *registry, unsigned shard)
{
    wsp_lock_t lock = wsp_mutex_lock(&registry->shards[shard].lock);
    take_over_shard(registry, shard, lock);
}

bool wsp_shard_try_lock(wsp_registry_t *registry, unsigned shard)
{
    wsp_lock_t lock = wsp_mutex_try(&registry->shards[shard].lock);

    if (lock == WSP_LOCK_BUSY) {
        return false;
    }
    take_over_shard(registry, shard, lock);
    return true;
}

void wsp_shard_unlock(wsp_registry_t *registry, unsigned shard)
{
    wsp_mutex_unlock(&registry->shards[shard].lock);
}

void wsp_shard_begin_locked(wsp_registry_t *registry, unsigned shard)
{
    registry->shards[shard].dirty = 1;
    WSP_STEP(SHARD_DIRTY);
}

void wsp_shard_end_locked(wsp_registry_t *registry, unsigned shard)
{
    atomic_signal_fence(memory_order_seq_cst);
    registry->shards[shard].dirty = 0;
    WSP_STEP(SHARD_CLEAN);
}
