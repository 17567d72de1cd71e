/* wsp-test-flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc */
/* wsp-test-flags: -Wl,--wrap=reallocarray,--wrap=free */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an idle client costs in heap, all of this program's rooms together, and
 * that a client which has been busy is as cheap again afterwards. The linker
 * routes every allocation through the counters below; each is counted with what
 * the C library adds to it.
 */
#include <malloc.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "io_world.h"

#define CLIENTS_MOST 5000u
#define HEAP_PER_CLIENT_MOST 450

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_reallocarray(void *at, size_t count, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_reallocarray(void *at, size_t count, size_t size);
void __wrap_free(void *at);

static atomic_llong heap_bytes;

/* A size field before each block, and blocks of 16 bytes, 32 at least. */
static long long chunk_bytes(void *at)
{
    size_t bytes = at != NULL ? (malloc_usable_size(at) + 8 + 15) & ~15ull : 0;
    return at == NULL ? 0 : bytes < 32 ? 32 : (long long)bytes;
}

static void *count_in(void *at)
{
    heap_bytes += chunk_bytes(at);
    return at;
}

void *__wrap_malloc(size_t size)
{
    return count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return count_in(__real_calloc(count, size));
}

void *__wrap_realloc(void *at, size_t size)
{
    heap_bytes -= chunk_bytes(at);
    return count_in(__real_realloc(at, size));
}

void *__wrap_reallocarray(void *at, size_t count, size_t size)
{
    heap_bytes -= chunk_bytes(at);
    return count_in(__real_reallocarray(at, count, size));
}

void __wrap_free(void *at)
{
    heap_bytes -= chunk_bytes(at);
    __real_free(at);
}

/* ---- clients ---- */

static int fds[CLIENTS_MOST];
static unsigned count;

static unsigned possible_clients(void)
{
    struct rlimit limit;
    uint64_t pairs;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    pairs = (limit.rlim_cur - 200) / 2;
    return pairs < CLIENTS_MOST ? (unsigned)pairs : CLIENTS_MOST;
}

static void open_clients(void)
{
    order_t order;
    peer_t peer;

    order_init(&order, "crowd");
    for (unsigned i = 0; i < count; i++) {
        peer_submit(&peer, &order, false);
        fds[i] = peer.fd;
    }
    await_subscribers("crowd", count);
}

/* Each client gets a message and an answer to a ping; frames of 3 and 2. */
static unsigned keep_busy(void)
{
    static const uint8_t ping[] = {0x89, 0x80, 0, 0, 0, 0};
    unsigned whole = 0;

    publish("crowd", "x");
    for (unsigned i = 0; i < count; i++) {
        uint8_t bytes[16];
        size_t have = 0;
        ssize_t n = 1;
        (void)!write(fds[i], ping, sizeof ping);
        while (have < 5 && n > 0) {
            n = read(fds[i], bytes + have, sizeof bytes - have);
            have += n > 0 ? (size_t)n : 0;
        }
        whole += have == 5;
    }
    return whole;
}

static long long when_idle(void)
{
    world_await_stat(WSP_STAT_QUEUED_BYTES, 0);
    return heap_bytes;
}

int main(void)
{
    long long before, idle, again;
    struct mallinfo2 info_before, info;

    tap_start(120);
    count = possible_clients();
    world_start(1, 4u << 20);
    before = when_idle();
    info_before = mallinfo2();
    open_clients();
    idle = when_idle() - before;
    info = mallinfo2();
    diag("%u idle clients: %lld bytes of heap each, %zu by mallinfo2", count,
         idle / count, (info.uordblks - info_before.uordblks) / count);
    ok(idle / count <= HEAP_PER_CLIENT_MOST,
       "an idle client costs at most %d bytes of heap", HEAP_PER_CLIENT_MOST);
    is_int(keep_busy(), count, "all are busy for a moment");
    again = when_idle() - before;
    ok(again <= idle + 1024, "and cost no more than before (%lld bytes each)",
       again / count);
    for (unsigned i = 0; i < count; i++) {
        close(fds[i]);
    }
    while (heap_bytes - before >= 4096) {
        sched_yield();
    }
    ok(true, "nothing is left when they have gone");
    world_stop();
    return done_testing();
}
