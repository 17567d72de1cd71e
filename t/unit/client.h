/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a WebSocket client sends, for tests: masked frames, well-formed or in
 * any wrong form a test wants, appended to one buffer.
 */
#ifndef WSP_T_UNIT_CLIENT_H
#define WSP_T_UNIT_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tap.h"

typedef struct {
    uint8_t bytes[1u << 18];
    size_t len;
    unsigned frames;
} client_t;

static inline void client_add(client_t *client, const void *bytes, size_t len)
{
    if (len > sizeof(client->bytes) - client->len) {
        bail_out("client_t is too small");
    }
    if (len > 0) {
        memcpy(client->bytes + client->len, bytes, len);
    }
    client->len += len;
}

/** Extended length bytes of the shortest form: 0, 2 or 8. */
static inline size_t client_form(uint64_t len)
{
    return len < 126 ? 0 : len <= 65535 ? 2 : 8;
}

/** A header with @a form (0, 2, 8) extended length bytes, short enough or
 *  not, and a key. @return the key */
static inline const uint8_t *client_header(client_t *client, unsigned first,
                                           size_t form, uint64_t len)
{
    static const uint8_t keys[4][4] = {{0x37, 0xFA, 0x21, 0x3D},
                                       {0, 0, 0, 0},
                                       {0xFF, 0x80, 0x7F, 0x01},
                                       {0x81, 0x82, 0x88, 0x89}};
    const uint8_t *key = keys[client->frames++ % 4];
    uint8_t head[14];
    size_t i;

    head[0] = (uint8_t)first;
    head[1] = (uint8_t)(0x80 | (form == 0 ? len : form == 2 ? 126 : 127));
    for (i = 0; i < form; i++) {
        head[2 + i] = (uint8_t)(len >> 8 * (form - 1 - i));
    }
    memcpy(head + 2 + form, key, 4);
    client_add(client, head, 2 + form + 4);
    return key;
}

/** A whole well-formed frame. */
static inline void client_frame(client_t *client, unsigned first,
                                const void *payload, size_t len)
{
    const uint8_t *key = client_header(client, first, client_form(len), len);
    size_t i, at = client->len;

    client_add(client, payload, len);
    for (i = 0; i < len; i++) {
        client->bytes[at + i] ^= key[i % 4];
    }
}

#endif
