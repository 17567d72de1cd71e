/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the registry's tests share: a segment of their own, publishing and
 * reading text in one line, the self-check as a test.
 */
#ifndef WSP_T_UNIT_REGISTRY_TEST_H
#define WSP_T_UNIT_REGISTRY_TEST_H

#include <apr_general.h>

#include "registry/registry.h"
#include "tap.h"

typedef struct {
    apr_pool_t *pool;
    wsp_registry_t *registry;
} world_t;

__attribute__((unused)) static world_t world_make(size_t segment_bytes,
                                                  unsigned seats)
{
    wsp_registry_options_t options = {segment_bytes, seats};
    world_t world;
    void *segment;
    const char *why = NULL;

    apr_initialize();
    apr_pool_create(&world.pool, NULL);
    if (wsp_registry_create(&options, world.pool, &segment, &why) !=
            APR_SUCCESS ||
        wsp_registry_attach(segment, world.pool, &world.registry, &why) !=
            APR_SUCCESS) {
        bail_out(why);
    }
    return world;
}

__attribute__((unused)) static void world_end(world_t *world)
{
    apr_pool_destroy(world->pool);
    apr_terminate();
}

__attribute__((unused)) static wsp_bytes_t text_bytes(const char *text)
{
    return (wsp_bytes_t){text, strlen(text)};
}

/** A message with history 100 and no age limit; change what you like. */
__attribute__((unused)) static wsp_publish_t message_of(const char *channel,
                                                        const char *body)
{
    return (wsp_publish_t){.channel = text_bytes(channel),
                           .body = text_bytes(body),
                           .history_count = 100};
}

/** @return its id, 0: refused */
__attribute__((unused)) static wsp_id_t publish(wsp_registry_t *registry,
                                                const char *channel,
                                                const char *body,
                                                uint32_t history_count)
{
    wsp_publish_t message = message_of(channel, body);
    wsp_id_t id = 0;

    message.history_count = history_count;
    return wsp_registry_publish(registry, &message, &id, NULL) == APR_SUCCESS
               ? id
               : 0;
}

__attribute__((unused)) static void finding_cb(void *ctx, const char *finding)
{
    (void)ctx;
    diag("%s", finding);
}

__attribute__((unused)) static bool is_clean(wsp_registry_t *registry)
{
    return wsp_registry_check(registry, finding_cb, NULL) == 0;
}

__attribute__((unused)) static void ready_cb(void *ctx, wsp_sub_t *sub,
                                             void *cookie)
{
    (void)sub;
    (void)cookie;
    if (ctx != NULL) {
        ++*(unsigned *)ctx;
    }
}

/** Collect and say how many subscriptions were reported. */
__attribute__((unused)) static unsigned collect(wsp_seat_t *seat,
                                                wsp_id_t *horizon)
{
    wsp_id_t unused;
    unsigned count = 0;

    wsp_seat_collect(seat, horizon != NULL ? horizon : &unused, ready_cb,
                     &count);
    return count;
}

/** Bodies of a batch, joined by '|'. */
__attribute__((unused)) static const char *
batch_text(const wsp_registry_t *registry, const wsp_batch_t *batch)
{
    static char text[WSP_BATCH_MAX * 64];
    size_t at = 0;
    unsigned i;

    for (i = 0; i < batch->count; i++) {
        if (at + batch->items[i].body_bytes + 2 > sizeof(text)) {
            return "too long";
        }
        if (i > 0) {
            text[at++] = '|';
        }
        wsp_message_copy(registry, &batch->items[i], text + at, NULL, NULL);
        at += batch->items[i].body_bytes;
    }
    text[at] = '\0';
    return text;
}

/** All news of a subscription as text (one batch); the cursor moves. */
__attribute__((unused)) static const char *
news(wsp_seat_t *seat, wsp_registry_t *registry, wsp_sub_t *sub, wsp_id_t *lost)
{
    wsp_batch_t batch;
    const char *text;
    wsp_id_t horizon;

    collect(seat, &horizon);
    wsp_sub_read(sub, horizon, SIZE_MAX, &batch);
    text = batch_text(registry, &batch);
    wsp_sub_release(sub,
                    batch.more ? batch.items[batch.count - 1].id : horizon);
    if (lost != NULL) {
        *lost = batch.lost;
    }
    return text;
}

/** Readable history after an id, as text. */
__attribute__((unused)) static const char *
history(wsp_registry_t *registry, wsp_sub_t *sub, wsp_id_t after, wsp_id_t upto,
        wsp_id_t *lost)
{
    wsp_batch_t batch;
    const char *text;

    wsp_sub_read_history(sub, after, upto, SIZE_MAX, &batch);
    text = batch_text(registry, &batch);
    wsp_sub_release(sub, 0);
    if (lost != NULL) {
        *lost = batch.lost;
    }
    return text;
}

#endif
