/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures: the segment in numbers, for the status page. Read without locks:
 * each number is right by itself, together they may be a moment apart.
 */
#include "registry/pool.h"
#include "registry/seat.h"

static void add_shards(const wsp_registry_t *registry,
                       wsp_registry_figures_t *figures)
{
    unsigned i;

    for (i = 0; i < WSP_SHARDS; i++) {
        const wsp_shard_shm_t *shard = &registry->shards[i];
        figures->channels += atomic_load(&shard->channels);
        figures->messages += atomic_load(&shard->messages);
        figures->published += atomic_load(&shard->published);
        figures->evicted += atomic_load(&shard->evicted);
        figures->expired += atomic_load(&shard->expired);
    }
}

static void add_seats(const wsp_registry_t *registry,
                      wsp_registry_figures_t *figures)
{
    unsigned i, stat;

    for (stat = 0; stat < WSP_STAT_COUNT; stat++) {
        figures->stat[stat] = atomic_load(&registry->header->stat_past[stat]);
    }
    for (i = 0; i < registry->header->seat_count; i++) {
        const wsp_seat_shm_t *seat = &registry->seats[i];
        if (!wsp_seat_is_taken(seat)) {
            continue;
        }
        figures->seats_taken++;
        for (stat = 0; stat < WSP_STAT_COUNT; stat++) {
            figures->stat[stat] += atomic_load(&seat->stat[stat]);
        }
    }
}

void wsp_registry_figures(wsp_registry_t *registry,
                          wsp_registry_figures_t *figures)
{
    wsp_header_shm_t *header = registry->header;

    *figures = (wsp_registry_figures_t){
        .segment_bytes = header->segment_bytes,
        .blocks = header->block_count - 1,
        .blocks_free = wsp_pool_free_count(registry),
        .block_bytes = WSP_BLOCK_BYTES,
        .refused = atomic_load(&header->refused),
        .repairs = atomic_load(&header->repairs),
        .seats = header->seat_count,
        .check_time_s = atomic_load(&header->check_time_s),
        .check_findings = atomic_load(&header->check_findings),
        .last_id = atomic_load(&header->last_id),
    };
    add_shards(registry, figures);
    add_seats(registry, figures);
}
