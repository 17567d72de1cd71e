/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment: made once by the parent, found again by every handle. The areas
 * follow each other as segment.h draws them; where they begin is in the header.
 * The table of seats comes on top of what was asked for, so that WSPushMemory
 * is what channels and messages have.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_portable.h>
#include <apr_shm.h>

#include "registry/clock.h"
#include "registry/lock.h"

#define ALIGN 64u
/** Blocks per bucket of the hash table. */
#define BLOCKS_PER_BUCKET 8u
/** Descriptors that the parent needs besides the eventfds. */
#define OTHER_FDS 256u

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Another build of the module may lay the segment out differently. */
static uint32_t layout_number(void)
{
    uint32_t number = 17;

    number = number * 31 + (uint32_t)sizeof(wsp_header_shm_t);
    number = number * 31 + (uint32_t)sizeof(wsp_pool_shm_t);
    number = number * 31 + (uint32_t)sizeof(wsp_slot_shm_t);
    number = number * 31 + (uint32_t)sizeof(wsp_shard_shm_t);
    number = number * 31 + (uint32_t)sizeof(wsp_seat_shm_t);
    number = number * 31 + (uint32_t)sizeof(wsp_message_shm_t);
    number = number * 31 + (uint32_t)sizeof(wsp_channel_shm_t);
    number = number * 31 + (uint32_t)sizeof(wsp_record_shm_t);
    return number;
}

static size_t pool_at(void)
{
    return align_up(sizeof(wsp_header_shm_t));
}

static size_t slots_at(void)
{
    return pool_at() + align_up(sizeof(wsp_pool_shm_t));
}

static size_t shards_at(void)
{
    return slots_at() + WSP_SLOTS * sizeof(wsp_slot_shm_t);
}

static size_t fixed_bytes(void)
{
    return shards_at() + WSP_SHARDS * sizeof(wsp_shard_shm_t);
}

/* Sizes of all areas. Written into a header on the caller's stack first. */
static void plan(wsp_header_shm_t *header,
                 const wsp_registry_options_t *options)
{
    size_t room = options->segment_bytes - fixed_bytes();
    size_t per_bucket = sizeof(wsp_block_t) + sizeof(uint64_t);
    size_t blocks = room / (WSP_BLOCK_BYTES + per_bucket / BLOCKS_PER_BUCKET);
    uint32_t buckets = WSP_SHARDS, shift = 0;

    while (buckets < blocks / BLOCKS_PER_BUCKET / 2) {
        buckets *= 2;
        shift++;
    }
    header->magic = WSP_SEGMENT_MAGIC;
    header->version = WSP_SEGMENT_VERSION;
    header->layout = layout_number();
    header->segment_bytes = options->segment_bytes;
    header->seat_count = options->seats;
    header->bucket_count = buckets;
    header->bucket_shift = shift;
    header->heads_at = fixed_bytes();
    header->forgotten_at =
        header->heads_at + align_up(buckets * sizeof(wsp_block_t));
    header->seats_at =
        header->forgotten_at + align_up(buckets * sizeof(uint64_t));
    header->blocks_at =
        header->seats_at + options->seats * sizeof(wsp_seat_shm_t);
    header->block_count =
        (uint32_t)((options->segment_bytes - header->seats_at) /
                   WSP_BLOCK_BYTES);
    header->total_bytes =
        header->blocks_at + (size_t)header->block_count * WSP_BLOCK_BYTES;
}

static void set_handle(wsp_registry_t *registry, void *segment)
{
    char *base = segment;

    registry->header = segment;
    registry->pool = (void *)(base + pool_at());
    registry->slots = (void *)(base + slots_at());
    registry->shards = (void *)(base + shards_at());
    registry->heads = (void *)(base + registry->header->heads_at);
    registry->forgotten = (void *)(base + registry->header->forgotten_at);
    registry->seats = (void *)(base + registry->header->seats_at);
    registry->blocks = base + registry->header->blocks_at;
}

/* -------------------------------------------------------------- eventfds */

/* One per seat, in the parent and so in each child: a prefork server may need
 * more than a process has by default. */
static void raise_descriptor_limit(unsigned seats)
{
    struct rlimit limit;
    rlim_t need = seats + OTHER_FDS;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < need) {
        limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            return; /* eventfd() will say so */
        }
    }
}

/* The pool closes it: APR's clean-up stays loaded when the module goes. */
static apr_status_t make_wake_fd(wsp_seat_shm_t *seat, apr_pool_t *pool)
{
    apr_os_file_t fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    apr_file_t *file;

    if (fd < 0) {
        return errno;
    }
    seat->wake_fd = fd;
    return apr_os_pipe_put_ex(&file, &fd, 1, pool);
}

/* ---------------------------------------------------------------- create */

static apr_status_t make_locks(wsp_registry_t *registry)
{
    apr_status_t status = wsp_mutex_make(&registry->header->evict_lock);
    unsigned i;

    if (status == APR_SUCCESS) {
        status = wsp_mutex_make(&registry->header->limit_lock);
    }
    if (status == APR_SUCCESS) {
        status = wsp_mutex_make(&registry->pool->lock);
    }
    for (i = 0; i < WSP_SLOTS && status == APR_SUCCESS; i++) {
        status = wsp_mutex_make(&registry->slots[i].lock);
    }
    for (i = 0; i < WSP_SHARDS && status == APR_SUCCESS; i++) {
        status = wsp_mutex_make(&registry->shards[i].lock);
    }
    for (i = 0; i < registry->header->seat_count && status == APR_SUCCESS;
         i++) {
        status = wsp_mutex_make(&registry->seats[i].life);
    }
    return status;
}

static apr_status_t make_seats(wsp_registry_t *registry, apr_pool_t *pool)
{
    apr_status_t status = APR_SUCCESS;
    unsigned i;

    raise_descriptor_limit(registry->header->seat_count);
    for (i = 0; i < registry->header->seat_count && status == APR_SUCCESS;
         i++) {
        status = make_wake_fd(&registry->seats[i], pool);
    }
    return status;
}

static void fill(wsp_registry_t *registry)
{
    wsp_header_shm_t *header = registry->header;
    unsigned i;

    header->birth_id = wsp_clock_wall_s() << WSP_ID_COUNTER_BITS;
    atomic_store(&header->last_id, header->birth_id);
    registry->pool->fresh = 1; /* index 0 is none */
    atomic_store(&registry->pool->free_count, header->block_count - 1);
    for (i = 0; i < WSP_SHARDS; i++) {
        atomic_store(&registry->shards[i].inflight, WSP_ID_NONE_INFLIGHT);
        atomic_store(&header->oldest[i], WSP_ID_NOTHING_OLD);
    }
}

static const char *why_not(const wsp_registry_options_t *options)
{
    if (options->segment_bytes < WSP_SEGMENT_MIN ||
        options->segment_bytes > WSP_SEGMENT_MAX) {
        return "the shared segment must have 1M to 64G";
    }
    if (options->seats == 0 || options->seats > WSP_SEATS_MAX) {
        return "there must be 1 to 4096 I/O threads";
    }
    return NULL;
}

apr_status_t wsp_registry_create(const wsp_registry_options_t *options,
                                 apr_pool_t *process_pool, void **segment,
                                 const char **why)
{
    wsp_header_shm_t header;
    wsp_registry_t registry;
    apr_shm_t *shm;
    apr_status_t status;

    *why = why_not(options);
    if (*why != NULL) {
        return APR_EINVAL;
    }
    memset(&header, 0, sizeof(header));
    plan(&header, options);
    *why = "no random bytes for the segment's key";
    status = apr_generate_random_bytes((unsigned char *)header.hash_key,
                                       sizeof(header.hash_key));
    if (status != APR_SUCCESS) {
        return status;
    }
    *why = "cannot map the shared segment";
    status =
        apr_shm_create(&shm, header.total_bytes + ALIGN, NULL, process_pool);
    if (status != APR_SUCCESS) {
        return status;
    }
    /* APR keeps a word of its own in front. */
    *segment = (void *)align_up((uintptr_t)apr_shm_baseaddr_get(shm));
    memcpy(*segment, &header, sizeof(header));
    set_handle(&registry, *segment);
    fill(&registry);
    *why = "cannot make robust process-shared mutexes";
    status = make_locks(&registry);
    if (status == APR_SUCCESS) {
        *why = "cannot make one eventfd per I/O thread: raise the limit of "
               "open files (ulimit -n)";
        status = make_seats(&registry, process_pool);
    }
    if (status == APR_SUCCESS) {
        *why = NULL;
    }
    return status;
}

apr_status_t wsp_registry_attach(void *segment, apr_pool_t *pool,
                                 wsp_registry_t **registry, const char **why)
{
    const wsp_header_shm_t *header = segment;

    if (header->magic != WSP_SEGMENT_MAGIC ||
        header->version != WSP_SEGMENT_VERSION ||
        header->layout != layout_number()) {
        *why = "the shared segment is another version's: stop the server and "
               "start it again";
        return APR_EINVAL;
    }
    *registry = apr_palloc(pool, sizeof(**registry));
    set_handle(*registry, segment);
    *why = NULL;
    return APR_SUCCESS;
}

void wsp_registry_options(const wsp_registry_t *registry,
                          wsp_registry_options_t *options)
{
    options->segment_bytes = (size_t)registry->header->segment_bytes;
    options->seats = registry->header->seat_count;
}
