/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the test message (see message.h).
 */
#include "message.h"

#include <stdio.h>
#include <string.h>

#define HEAD 37U /* "wsload 003 00000017 00004c61f2a9b310 " */
#define LETTERS 26U

size_t wsp_message_size(const wsp_load_options_t *o, uint32_t publisher,
                        uint32_t sequence)
{
    uint32_t span = o->size_max - o->size_min + 1;
    uint32_t mix = (publisher + 1) * 2654435761U ^ (sequence * 2246822519U);

    return o->size_min + (mix ^ mix >> 15) % span;
}

uint32_t wsp_message_channel(const wsp_load_options_t *o, uint32_t publisher,
                             uint32_t sequence)
{
    /* A WebSocket publishes to the channels of its own connection only. */
    return (o->ws_publish ? publisher : publisher + sequence) % o->channels;
}

static size_t first_letter(uint32_t publisher, uint32_t sequence)
{
    return (publisher * 7U + sequence) % LETTERS;
}

size_t wsp_message_write(const wsp_load_options_t *o, const wsp_message_t *m,
                         char *out)
{
    size_t size = wsp_message_size(o, m->publisher, m->sequence);
    size_t letter = first_letter(m->publisher, m->sequence);

    snprintf(out, HEAD + 1, "wsload %03x %08x %016llx ", m->publisher & 0xfffU,
             m->sequence, (unsigned long long)m->sent_ns);
    for (size_t i = HEAD; i < size; i++) {
        out[i] = (char)('a' + letter);
        letter = letter + 1 == LETTERS ? 0 : letter + 1;
    }
    return size;
}

/* @return false: not so many hexadecimal digits */
static bool read_hex(const char *text, unsigned digits, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < digits; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9') {
            *value = *value << 4 | (uint64_t)(c - '0');
        }
        else if (c >= 'a' && c <= 'f') {
            *value = *value << 4 | (uint64_t)(c - 'a' + 10);
        }
        else {
            return false;
        }
    }
    return true;
}

static bool pattern_is(const char *data, size_t len, size_t letter)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] != (char)('a' + letter)) {
            return false;
        }
        letter = letter + 1 == LETTERS ? 0 : letter + 1;
    }
    return true;
}

bool wsp_message_read(const wsp_load_options_t *o, const char *data, size_t len,
                      wsp_message_t *m)
{
    uint64_t publisher, sequence;

    if (len < HEAD || memcmp(data, "wsload ", 7) != 0 || data[10] != ' ' ||
        data[19] != ' ' || data[36] != ' ' ||
        !read_hex(data + 7, 3, &publisher) ||
        !read_hex(data + 11, 8, &sequence) ||
        !read_hex(data + 20, 16, &m->sent_ns)) {
        return false;
    }
    m->publisher = (uint32_t)publisher;
    m->sequence = (uint32_t)sequence;
    return len == wsp_message_size(o, m->publisher, m->sequence) &&
           pattern_is(data + HEAD, len - HEAD,
                      first_letter(m->publisher, m->sequence));
}
