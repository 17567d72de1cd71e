/* wsp-test-flags: -Wl,--wrap=malloc,--wrap=realloc */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the frame reader allocates: nothing for messages that came whole,
 * nothing for a length that was only announced, growth with what has come, and
 * an orderly end when there is no memory. The linker routes malloc and realloc
 * of everything in this program through the two counters below.
 */
#include "protocol/reader.h"

#include "client.h"
#include "record.h"
#include "tap.h"

void *__real_malloc(size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *at, size_t size);

static unsigned calls;   /* allocations since restart() */
static unsigned fail_at; /* the allocation that fails; 0: none */
static size_t largest;   /* bytes of the largest one */

static bool is_refused(size_t size)
{
    calls++;
    largest = size > largest ? size : largest;
    return calls == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return is_refused(size) ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return is_refused(size) ? NULL : __real_realloc(at, size);
}

static client_t client;
static wsp_reader_t reader;
static record_t seen;
static const char *why;

static void restart(void)
{
    wsp_reader_clear(&reader);
    memset(&seen, 0, sizeof(seen));
    client.len = 0;
    client.frames = 0;
    calls = 0;
    fail_at = 0;
    largest = 0;
    why = NULL;
}

/* Feed client.bytes[from, to) where they lie. */
static wsp_close_t feed(size_t from, size_t to, size_t max_message)
{
    return wsp_reader_feed(&reader, client.bytes + from, to - from, max_message,
                           &record_cbs, &seen, &why);
}

static void test_whole_messages(void)
{
    static uint8_t payload[60000];
    size_t i;

    restart();
    memset(payload, 'x', sizeof(payload));
    for (i = 0; i < 100; i++) {
        client_frame(&client, 0x81, payload, i);
        client_frame(&client, 0x89, payload, i);
    }
    client_frame(&client, 0x82, payload, sizeof(payload));
    client_frame(&client, 0x88, "\x03\xE8", 2);
    is_int(feed(0, client.len, 100000), WSP_CLOSE_NORMAL, "202 whole frames");
    is_int(seen.events, 202, "all are delivered");
    is_int(calls, 0, "whole frames: no allocation");
    ok(seen.data == client.bytes + client.len - 8 - sizeof(payload),
       "whole frames: the message is delivered where it came, not a copy");
}

static void test_lone_last_fragment(void)
{
    restart();
    client_frame(&client, 0x01, "", 0);
    client_frame(&client, 0x80, "all of it", 9);
    feed(0, client.len, 1000);
    is_str(seen.text, "text 9 all of it\n", "all bytes in the last fragment");
    is_int(calls, 0, "need no allocation either");
}

/* RFC 6455 permits 2^63 bytes; only what came may cost memory. */
static void test_announced_length(void)
{
    const uint64_t gib = (uint64_t)1 << 30;
    size_t i;

    restart();
    client_header(&client, 0x82, 8, 3 * gib);
    is_int(feed(0, client.len, 4 * gib - 1), WSP_CLOSE_NONE,
           "3 GiB announced and permitted: go on");
    is_int(calls, 0, "announced length: nothing is allocated");
    is_int(wsp_reader_held_bytes(&reader), 0, "announced length: none held");
    client_add(&client, "0123456789", 10);
    for (i = client.len - 10; i < client.len; i++) {
        feed(i, i + 1, 4 * gib - 1);
    }
    ok(wsp_reader_held_bytes(&reader) <= 64 && largest <= 64,
       "10 of 3 GiB have come: %zu bytes are held",
       wsp_reader_held_bytes(&reader));
}

static void test_over_32_bits(void)
{
    restart();
    client_header(&client, 0x82, 8, (uint64_t)UINT32_MAX + 1);
    is_int(feed(0, client.len, SIZE_MAX), WSP_CLOSE_TOO_BIG,
           "over 32 bits is too big, whatever the maximum");
    restart();
    client_frame(&client, 0x02, "0123456789", 10);
    client_header(&client, 0x80, 8, (uint64_t)UINT32_MAX - 9);
    is_int(feed(0, client.len, SIZE_MAX), WSP_CLOSE_TOO_BIG,
           "fragments that sum up to over 32 bits, too");
    restart();
    client_frame(&client, 0x02, "0123456789", 10);
    client_header(&client, 0x80, 8, (uint64_t)UINT32_MAX - 10);
    is_int(feed(0, client.len, SIZE_MAX), WSP_CLOSE_NONE,
           "and exactly 32 bits are not");
    ok(largest <= 64, "nor does that allocate more than has come");
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Feed all in pieces of @a step. @return pieces after which more is held than
 * twice what has come, or than the maximum */
static size_t count_excess(size_t step, size_t max_message)
{
    size_t at, excess = 0;

    for (at = 0; at < client.len; at += step) {
        size_t to = at + step < client.len ? at + step : client.len;
        size_t held;
        if (feed(at, to, max_message) != WSP_CLOSE_NONE) {
            return SIZE_MAX;
        }
        held = wsp_reader_held_bytes(&reader);
        excess += held > larger(64, 2 * to) || held > max_message;
    }
    return excess;
}

static void test_growth(void)
{
    static uint8_t payload[200000];
    static const size_t steps[] = {1, 7, 1000, 65536};
    size_t i;

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        restart();
        client_frame(&client, 0x82, payload, sizeof(payload));
        is_int(count_excess(steps[i], 1u << 20), 0,
               "pieces of %zu: held memory follows what has come", steps[i]);
        is_str(seen.text, "binary 200000 #\n", "and the message comes");
        ok(calls <= 13, "growth is geometric: %u allocations", calls);
        is_int(largest, sizeof(payload), "its last frame is never exceeded");
        is_int(wsp_reader_held_bytes(&reader), 0, "afterwards none is held");
    }
}

/* Without FIN the message's size is unknown: the maximum caps the doubling. */
static void test_growth_is_capped(void)
{
    static uint8_t payload[700];

    restart();
    client_frame(&client, 0x02, payload, 700);
    client_frame(&client, 0x00, payload, 100);
    client_frame(&client, 0x00, payload, 200);
    is_int(count_excess(10, 1000), 0, "unfinished message: within the maximum");
    is_int(wsp_reader_held_bytes(&reader), 1000, "and at the end exactly it");
}

static void test_clear(void)
{
    restart();
    client_frame(&client, 0x01, "half \xC3", 6);
    client_frame(&client, 0x89, "ping", 4);
    feed(0, client.len - 2, 1000);
    is_int(calls, 2, "an unfinished message and ping hold memory");
    ok(wsp_reader_held_bytes(&reader) > WSP_FRAME_CONTROL_MAX,
       "which is counted: %zu bytes", wsp_reader_held_bytes(&reader));
    wsp_reader_clear(&reader);
    is_int(wsp_reader_held_bytes(&reader), 0, "clear: holds nothing");
    client.len = 0;
    client_frame(&client, 0x81, "new", 3);
    is_int(feed(0, client.len, 1000), WSP_CLOSE_NONE,
           "clear: can be fed again");
    is_str(seen.text, "text 3 new\n", "clear: and delivers");
}

static void is_refusal(wsp_close_t code, const char *name)
{
    is_int(code, WSP_CLOSE_INTERNAL, "%s: closes with 1011", name);
    is_str(why, "out of memory", "%s: and says why", name);
    is_int(seen.events, 0, "%s: delivers nothing", name);
    wsp_reader_clear(&reader); /* the leak checker sees what is lost */
    is_int(wsp_reader_held_bytes(&reader), 0, "%s: is cleared", name);
}

static void test_no_memory(void)
{
    static uint8_t payload[5000];

    restart();
    fail_at = 1;
    client_frame(&client, 0x82, payload, sizeof(payload));
    is_refusal(feed(0, 100, 100000), "no memory for a message");
    restart();
    fail_at = 2;
    client_frame(&client, 0x82, payload, sizeof(payload));
    is_int(feed(0, 100, 100000), WSP_CLOSE_NONE, "memory for its beginning");
    is_refusal(feed(100, client.len - 1, 100000), "no memory for the rest");
    restart();
    fail_at = 1;
    client_frame(&client, 0x89, payload, 10);
    is_refusal(feed(0, client.len - 1, 100000), "no memory for a ping");
}

int main(void)
{
    tap_start(60);
    test_whole_messages();
    test_lone_last_fragment();
    test_announced_length();
    test_over_32_bits();
    test_growth();
    test_growth_is_capped();
    test_clear();
    test_no_memory();
    restart();
    return done_testing();
}
