/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the loop of a client process (see worker.h).
 */
#include "worker.h"

#include <stdio.h>

static void begin(wsp_pool_t *pool, const wsp_crew_word_t *word)
{
    if (word->op == WSP_CREW_OPEN) {
        pool->target += word->arg;
        return;
    }
    wsp_pool_read_all(pool);
    for (uint32_t i = 0; i < pool->started; i++) {
        if (pool->peers[i].state == WSP_PEER_OPEN) {
            wsp_pool_close(pool, &pool->peers[i], pool->o->abrupt);
        }
    }
}

static bool is_done(const wsp_pool_t *pool, uint32_t op)
{
    uint32_t target = pool->target < pool->size ? pool->target : pool->size;

    return op == WSP_CREW_OPEN ? pool->started == target && pool->in_flight == 0
                               : pool->live == 0;
}

void wsp_worker_run(wsp_pool_t *pool, int control)
{
    wsp_crew_word_t word = {0, 0};

    wsp_pool_watch(pool, control);
    for (;;) {
        if (wsp_pool_step(pool, word.op == 0 ? 1000 : 100)) {
            if (!wsp_crew_hear(control, &word)) {
                return;
            }
            begin(pool, &word);
        }
        if (word.op != 0 && is_done(pool, word.op)) {
            wsp_crew_answer(control, (wsp_crew_op_t)word.op);
            word.op = 0;
        }
    }
}

uint32_t wsp_worker_share(uint32_t total, unsigned which, unsigned procs)
{
    return total / procs + (which < total % procs);
}

bool wsp_worker_open(wsp_crew_t *crew, unsigned procs, uint32_t from,
                     uint32_t to)
{
    int got = 0;

    for (unsigned i = 0; i < procs; i++) {
        wsp_crew_tell(crew, i, WSP_CREW_OPEN,
                      wsp_worker_share(to, i, procs) -
                          wsp_worker_share(from, i, procs));
    }
    while (got == 0) {
        got = wsp_crew_wait(crew, 1000);
    }
    return got > 0;
}
