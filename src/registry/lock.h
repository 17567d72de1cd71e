/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of the segment: robust, process-shared pthread mutexes. APR's own
 * wrappers (apr_proc_mutex, apr_global_mutex) hide that the last owner died:
 * they hand on the lock as if all was well. Here the next owner learns of it
 * and repairs before anything else. Uncontended, no system call.
 */
#ifndef WSP_REGISTRY_LOCK_H
#define WSP_REGISTRY_LOCK_H

#include "registry/handle.h"

typedef enum {
    WSP_LOCK_HELD, /* ours now */
    WSP_LOCK_DEAD, /* ours now; its last owner died: repair, then mend */
    WSP_LOCK_BUSY  /* somebody living has it (only from try) */
} wsp_lock_t;

/** @context parent */
apr_status_t wsp_mutex_make(pthread_mutex_t *mutex);
wsp_lock_t wsp_mutex_lock(pthread_mutex_t *mutex);
wsp_lock_t wsp_mutex_try(pthread_mutex_t *mutex);
/** Wait @a wait_ms at most; BUSY: in vain. */
wsp_lock_t wsp_mutex_lock_for(pthread_mutex_t *mutex, unsigned wait_ms);
/** What it protects is whole again. A kill before this: DEAD once more. */
void wsp_mutex_mend(pthread_mutex_t *mutex);
void wsp_mutex_unlock(pthread_mutex_t *mutex);

/** For a lock that protects no data: whoever had it before, it is ours. */
void wsp_mutex_lock_plain(pthread_mutex_t *mutex);

/** Tell ThreadSanitizer that what this thread did so far is handed over to
 *  other processes by an atomic store that follows; nothing in other builds. */
void wsp_lock_note_release(void);

/** Lock a shard; if its last owner died, or left it dirty, it is repaired. */
void wsp_shard_lock(wsp_registry_t *registry, unsigned shard);
/** @return false: somebody living has it */
bool wsp_shard_try_lock(wsp_registry_t *registry, unsigned shard);
void wsp_shard_unlock(wsp_registry_t *registry, unsigned shard);

/** Bracket around every change of a shard's channels: a kill inside of it
 *  makes the next owner repair. @locks the shard's, held */
void wsp_shard_begin_locked(wsp_registry_t *registry, unsigned shard);
void wsp_shard_end_locked(wsp_registry_t *registry, unsigned shard);

#endif
