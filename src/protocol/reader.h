/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame reader: turns the bytes of one WebSocket client into messages and
 * control frames. Push parser without I/O: the I/O thread reads into its one
 * big receive buffer and feeds whatever came, cut anywhere. A message that
 * lies whole in that buffer is unmasked in place and delivered without a
 * copy; only an unfinished message or control frame owns memory, which grows
 * with the bytes that have arrived, never with the length that was announced.
 *
 * Checks RFC 6455: masked frames only (5.1), RSV bits clear, known opcodes,
 * minimal lengths, 63-bit lengths (5.2), fragmentation order (5.4), control
 * frames whole and <= 125 bytes (5.5), legal close payload (5.5.1, 7.4), UTF-8
 * of text (fail fast, 8.1) and of close reasons, message size (max_message,
 * checked against the announced length before the bytes arrive).
 */
#ifndef WSP_PROTOCOL_READER_H
#define WSP_PROTOCOL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/close.h"
#include "protocol/frame.h"
#include "protocol/utf8.h"

/** Fragments one message may consist of; more is a flood: 1008. */
#define WSP_READER_FRAGMENTS_MAX 4096u

/**
 * What the reader found. Data pointers are valid during the call only.
 * A callback returns WSP_CLOSE_NONE to go on, or a code to stop with: feed
 * then returns that code at once and must not be called again. A callback may
 * not free the reader.
 */
typedef struct {
    /** A whole text (checked UTF-8) or binary message. */
    wsp_close_t (*on_message)(void *ctx, wsp_opcode_t op, uint8_t *data,
                              size_t len);
    /** WSP_OP_PING or WSP_OP_PONG, payload <= 125 bytes. */
    wsp_close_t (*on_control)(void *ctx, wsp_opcode_t op, const uint8_t *data,
                              size_t len);
    /** A legal close frame; code is WSP_CLOSE_NO_STATUS if it had none.
     *  Nothing after it is parsed: feed returns WSP_CLOSE_NORMAL. */
    void (*on_close)(void *ctx, unsigned code, const char *reason,
                     size_t reason_len);
} wsp_reader_cbs_t;

/** One client's reader. Embed it; all-zero is a fresh reader. Fields are the
 *  implementation's (kept here so that it can be embedded; keep it <= 96
 *  bytes: there is one per idle client). */
typedef struct {
    uint64_t left;    /* payload bytes of this frame still to come */
    uint64_t done;    /* payload bytes of this frame seen (mask phase) */
    uint8_t *held;    /* unfinished message, malloc'd, or NULL */
    uint8_t *control; /* unfinished control payload, or NULL */
    uint32_t held_len;
    uint32_t held_cap;
    uint32_t fragments; /* frames of the unfinished message */
    wsp_utf8_t utf8;
    uint8_t key[4];
    uint8_t header[WSP_FRAME_CLIENT_HEADER_MAX];
    uint8_t header_len;
    uint8_t first; /* byte 0 of the current frame */
    uint8_t op;    /* opcode of the unfinished message, 0: none */
    uint8_t control_len;
    bool in_payload;
} wsp_reader_t;

/**
 * Feed the next bytes.
 * @param bytes       unmasked in place: contents are changed
 * @param max_message bytes; a larger message ends with WSP_CLOSE_TOO_BIG
 * @return WSP_CLOSE_NONE: all taken, more wanted. WSP_CLOSE_NORMAL after
 *         on_close. Else the code to close with; *@a why says which rule.
 * @param why         out: static English text for the close reason and the
 *                    log, set when a code other than NONE/NORMAL that the
 *                    reader itself found is returned; may not be NULL
 * @context io thread
 * @owns memory in the reader until wsp_reader_clear
 */
wsp_close_t wsp_reader_feed(wsp_reader_t *reader, uint8_t *bytes, size_t len,
                            size_t max_message, const wsp_reader_cbs_t *cbs,
                            void *ctx, const char **why);

/** Free what an unfinished message holds; the reader is fresh again. */
void wsp_reader_clear(wsp_reader_t *reader);

/** Bytes of heap the reader holds now (for the status page and limits). */
size_t wsp_reader_held_bytes(const wsp_reader_t *reader);

#endif
