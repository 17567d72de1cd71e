/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message: how a published message lies in blocks.
 *
 *   head block: fields | content type, event, body ...   next ->
 *   piece:      body goes on ...                         next -> ... 0
 *
 * Written by the publisher before anybody can see it, never changed after.
 */
#ifndef WSP_REGISTRY_MESSAGE_H
#define WSP_REGISTRY_MESSAGE_H

#include "registry/loan.h"

/** Blocks that a message of so many bytes (all three parts) takes. */
uint32_t wsp_message_blocks(uint64_t bytes);

/** Write everything but id, seq and links into the reserved chain. */
void wsp_message_fill(const wsp_registry_t *registry, const wsp_chain_t *chain,
                      const wsp_publish_t *message);

/** Bytes of all three parts. */
static inline uint64_t wsp_message_bytes(const wsp_message_shm_t *message)
{
    return (uint64_t)message->content_type_bytes + message->event_bytes +
           message->body_bytes;
}

#endif
