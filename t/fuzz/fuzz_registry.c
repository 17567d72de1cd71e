/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry: operations from the input on a small segment, against a model that
 * only remembers what was published. A subscription must get exactly what the
 * model has after its cursor, unless it is told of a gap; a channel keeps its
 * newest message; every few operations the self-check must be clean.
 *
 * Input: bytes of operations and their arguments, see step().
 */
/* wsp-test-flags: -DWSP_TEST_CLOCK src/registry/[a-z]*.c */
#include <apr_general.h>

#include "registry/clock.h"
#include "registry/registry.h"

#include "fuzz.h"

#define CHANNELS 4u
#define SEATS 2u
#define MODEL_MAX 2000u
#define STEPS_MAX 1500u

typedef struct {
    wsp_id_t id;
    uint32_t size;
    uint8_t fill;
} sent_t;

typedef struct {
    sent_t sent[MODEL_MAX];
    unsigned count;
} model_t;

typedef struct {
    wsp_registry_t *registry;
    input_t input;
    model_t models[CHANNELS];
    wsp_seat_t *seats[SEATS];
    wsp_sub_t *subs[SEATS][CHANNELS];
    uint8_t fill;
} world_t;

static uint64_t now_ms;
static char body[70000];

static uint64_t clock_cb(clockid_t clock)
{
    return clock == CLOCK_REALTIME_COARSE ? UINT64_C(1700000000000) : now_ms;
}

uint64_t (*wsp_test_clock)(clockid_t clock) = clock_cb;

/* Long ones too: ids that go on in further blocks. */
static wsp_bytes_t channel_name(unsigned channel)
{
    static char names[CHANNELS][WSP_CHANNEL_ID_MAX];
    static const size_t lengths[CHANNELS] = {1, 152, 153, 1024};

    memset(names[channel], 'a' + (int)channel, lengths[channel]);
    return (wsp_bytes_t){names[channel], lengths[channel]};
}

static void finding_cb(void *ctx, const char *finding)
{
    (void)ctx;
    fprintf(stderr, "%s\n", finding);
}

static void must_be_clean(world_t *world)
{
    MUST(wsp_registry_check(world->registry, finding_cb, NULL) == 0);
}

/* ---------------------------------------------------------------- publish */

static void publish(world_t *world)
{
    unsigned channel = input_byte(&world->input) % CHANNELS;
    uint64_t number = input_number(&world->input, 2);
    uint8_t limits = input_byte(&world->input);
    model_t *model = &world->models[channel];
    wsp_channel_info_t info;
    wsp_publish_t message = {.channel = channel_name(channel)};
    wsp_id_t id = 0,
             last = model->count > 0 ? model->sent[model->count - 1].id : 0;

    if (model->count == MODEL_MAX) {
        return;
    }
    memset(body, ++world->fill, number);
    message.body = (wsp_bytes_t){body, number};
    message.history_count = limits & 15;
    message.history_age_s = limits >> 4;
    if (wsp_registry_publish(world->registry, &message, &id, &info) ==
        APR_SUCCESS) {
        MUST(id > last);
        MUST(info.last_id == id);
        MUST(info.messages <= message.history_count);
        model->sent[model->count++] =
            (sent_t){id, (uint32_t)number, world->fill};
    }
}

/* ------------------------------------------------------------------- read */

static void must_be(world_t *world, const wsp_message_t *message,
                    const sent_t *sent)
{
    uint32_t i;

    MUST(message->id == sent->id);
    MUST(message->body_bytes == sent->size);
    memset(body, ~sent->fill, sent->size);
    wsp_message_copy(world->registry, message, body, NULL, NULL);
    for (i = 0; i < sent->size; i += 61) {
        MUST(body[i] == (char)sent->fill);
    }
}

/* Index of the first message after an id. */
static unsigned first_after(const model_t *model, wsp_id_t id)
{
    unsigned i = 0;

    while (i < model->count && model->sent[i].id <= id) {
        i++;
    }
    return i;
}

static void ready_cb(void *ctx, wsp_sub_t *sub, void *cookie)
{
    (void)ctx;
    (void)sub;
    (void)cookie;
}

static void read_news(world_t *world, wsp_seat_t *seat, unsigned channel,
                      wsp_sub_t *sub)
{
    const model_t *model = &world->models[channel];
    size_t max_bytes = (size_t)input_number(&world->input, 2);
    unsigned at = first_after(model, wsp_sub_cursor(sub)), i;
    wsp_id_t horizon, taken;
    wsp_batch_t batch;

    wsp_seat_collect(seat, &horizon, ready_cb, NULL);
    wsp_sub_read(sub, horizon, max_bytes, &batch);
    if (wsp_sub_is_deleted(sub)) {
        MUST(batch.count == 0);
        wsp_sub_release(sub, horizon);
        return;
    }
    if (batch.lost != 0) {
        MUST(batch.lost > wsp_sub_cursor(sub));
        at = first_after(model, batch.lost);
        MUST(at > 0 && model->sent[at - 1].id == batch.lost);
    }
    for (i = 0; i < batch.count; i++) {
        MUST(at + i < model->count);
        must_be(world, &batch.items[i], &model->sent[at + i]);
    }
    MUST(batch.more || at + i == model->count);
    taken = batch.more ? batch.items[batch.count - 1].id : horizon;
    if (batch.count > 1 && input_byte(&world->input) % 4 == 0) {
        taken = batch.items[0].id; /* take only one */
    }
    wsp_sub_release(sub, taken);
}

static void read_history(world_t *world, unsigned channel, wsp_sub_t *sub)
{
    const model_t *model = &world->models[channel];
    uint8_t count = input_byte(&world->input);
    wsp_id_t upto = wsp_sub_cursor(sub);
    wsp_id_t after = wsp_sub_start(sub, count, upto);
    wsp_batch_t batch;
    unsigned i, at;

    MUST(after <= upto);
    wsp_sub_read_history(sub, after, upto, SIZE_MAX, &batch);
    MUST(batch.lost == 0);
    MUST(batch.count <= count);
    at = first_after(model, after);
    for (i = 0; i < batch.count; i++) {
        must_be(world, &batch.items[i], &model->sent[at + i]);
    }
    wsp_sub_release(sub, 0);
}

/* --------------------------------------------------------- subscriptions */

static void use_sub(world_t *world)
{
    uint8_t which = input_byte(&world->input);
    unsigned seat = which % SEATS, channel = which / SEATS % CHANNELS;
    wsp_sub_t **sub = &world->subs[seat][channel];
    wsp_id_t horizon;

    if (*sub == NULL) {
        wsp_seat_collect(world->seats[seat], &horizon, ready_cb, NULL);
        if ((which & 128) != 0) {
            horizon = 0;
        }
        if (wsp_sub_open(world->seats[seat], channel_name(channel), horizon,
                         NULL, sub) != APR_SUCCESS) {
            *sub = NULL;
        }
        return;
    }
    switch (which >> 4 & 3) {
    case 0:
        wsp_sub_close(*sub);
        *sub = NULL;
        break;
    case 1:
        read_history(world, channel, *sub);
        break;
    default:
        read_news(world, world->seats[seat], channel, *sub);
        break;
    }
}

static void move_seat(world_t *world)
{
    unsigned seat = input_byte(&world->input) % SEATS, channel;

    wsp_seat_leave(world->seats[seat]);
    for (channel = 0; channel < CHANNELS; channel++) {
        world->subs[seat][channel] = NULL;
    }
    MUST(wsp_seat_take(world->registry, &world->seats[seat]) == APR_SUCCESS);
}

static void step(world_t *world)
{
    unsigned channel;

    switch (input_byte(&world->input) % 16) {
    case 0:
        channel = input_byte(&world->input) % CHANNELS;
        wsp_registry_delete(world->registry, channel_name(channel), NULL);
        break;
    case 1:
        now_ms += input_number(&world->input, 1) * 100;
        break;
    case 2:
        wsp_seat_tick(world->seats[input_byte(&world->input) % SEATS]);
        break;
    case 3:
        move_seat(world);
        break;
    case 4:
        must_be_clean(world);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
        use_sub(world);
        break;
    default:
        publish(world);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static world_t world;
    wsp_registry_options_t options = {WSP_SEGMENT_MIN, SEATS};
    unsigned i, steps = 0;
    apr_pool_t *pool;
    const char *why;
    void *segment;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    memset(&world, 0, sizeof(world));
    now_ms = 1000000;
    world.input = (input_t){data, size};
    MUST(wsp_registry_create(&options, pool, &segment, &why) == APR_SUCCESS);
    MUST(wsp_registry_attach(segment, pool, &world.registry, &why) ==
         APR_SUCCESS);
    for (i = 0; i < SEATS; i++) {
        MUST(wsp_seat_take(world.registry, &world.seats[i]) == APR_SUCCESS);
    }
    while (world.input.left > 0 && steps < STEPS_MAX) {
        step(&world);
        if (++steps % 8 == 0) {
            must_be_clean(&world);
        }
    }
    for (i = 0; i < SEATS; i++) {
        wsp_seat_leave(world.seats[i]);
    }
    must_be_clean(&world);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
