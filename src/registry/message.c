/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message: bytes into blocks and out again, see message.h. Both directions go
 * through one cursor, so that no part needs to know where a block ends.
 */
#include "registry/message.h"

#include <string.h>

#define HEAD_DATA sizeof(((wsp_message_shm_t *)0)->data)
#define PIECE_DATA sizeof(((wsp_piece_shm_t *)0)->data)

typedef struct {
    const wsp_registry_t *registry;
    wsp_block_t next; /* block after this one */
    char *at;
    size_t left; /* in this block */
} cursor_t;

static cursor_t cursor_begin(const wsp_registry_t *registry,
                             wsp_message_shm_t *head)
{
    return (cursor_t){registry, head->next, head->data, HEAD_DATA};
}

/* @return bytes that lie in one piece, at most @a want */
static size_t cursor_piece(cursor_t *cursor, size_t want)
{
    if (cursor->left == 0) {
        wsp_piece_shm_t *piece = wsp_piece_at(cursor->registry, cursor->next);
        cursor->next = piece->next;
        cursor->at = piece->data;
        cursor->left = PIECE_DATA;
    }
    return want < cursor->left ? want : cursor->left;
}

static void cursor_skip(cursor_t *cursor, size_t bytes)
{
    cursor->at += bytes;
    cursor->left -= bytes;
}

static void cursor_write(cursor_t *cursor, wsp_bytes_t bytes)
{
    while (bytes.len > 0) {
        size_t len = cursor_piece(cursor, bytes.len);
        memcpy(cursor->at, bytes.at, len);
        cursor_skip(cursor, len);
        bytes.at += len;
        bytes.len -= len;
    }
}

/* @param out NULL: skip */
static void cursor_read(cursor_t *cursor, char *out, size_t bytes)
{
    while (bytes > 0) {
        size_t len = cursor_piece(cursor, bytes);
        if (out != NULL) {
            memcpy(out, cursor->at, len);
            out += len;
        }
        cursor_skip(cursor, len);
        bytes -= len;
    }
}

uint32_t wsp_message_blocks(uint64_t bytes)
{
    if (bytes <= HEAD_DATA) {
        return 1;
    }
    return 1 + (uint32_t)((bytes - HEAD_DATA + PIECE_DATA - 1) / PIECE_DATA);
}

void wsp_message_fill(const wsp_registry_t *registry, const wsp_chain_t *chain,
                      const wsp_publish_t *message)
{
    wsp_message_shm_t *head = wsp_message_at(registry, chain->head);
    cursor_t cursor = cursor_begin(registry, head);

    head->newer = 0;
    head->last = chain->tail;
    head->blocks = chain->count;
    head->body_bytes = (uint32_t)message->body.len;
    head->content_type_bytes = (uint16_t)message->content_type.len;
    head->event_bytes = (uint16_t)message->event.len;
    head->is_binary = message->is_binary ? 1 : 0;
    cursor_write(&cursor, message->content_type);
    cursor_write(&cursor, message->event);
    cursor_write(&cursor, message->body);
}

void wsp_message_copy(const wsp_registry_t *registry,
                      const wsp_message_t *message, char *body,
                      char *content_type, char *event)
{
    wsp_message_shm_t *head = wsp_message_at(registry, message->ref);
    cursor_t cursor = cursor_begin(registry, head);

    cursor_read(&cursor, content_type, head->content_type_bytes);
    cursor_read(&cursor, event, head->event_bytes);
    if (body != NULL) {
        cursor_read(&cursor, body, head->body_bytes);
    }
}
