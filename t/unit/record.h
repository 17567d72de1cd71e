/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recorder for the frame reader's callbacks: one line of text per event, so
 * that a test states what it expects as a string, and a hash over everything,
 * so that two ways of feeding can be compared however long they get. Used by
 * the reader's unit tests and its fuzz target.
 *
 *     text 5 Hello          a message: kind, length, bytes
 *     binary 70000 #        longer than 40 bytes: only the hash has them
 *     ping 0                a control frame
 *     close 1000 bye        a close frame and its reason
 *     = 1002 unknown ...    how feeding ended, if it did (record_end)
 */
#ifndef WSP_T_UNIT_RECORD_H
#define WSP_T_UNIT_RECORD_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "protocol/reader.h"

typedef struct {
    char text[8192]; /* lines, as many as fit */
    size_t len;
    uint64_t hash;    /* of all events, in order */
    unsigned events;  /* callbacks so far */
    unsigned stop_at; /* this many messages or controls: return stop_with */
    wsp_close_t stop_with;
    const uint8_t *data; /* where the last message lay */
} record_t;

static inline void record_hash(record_t *record, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    size_t i;

    for (i = 0; i < len; i++) { /* FNV-1a */
        record->hash = (record->hash ^ at[i]) * 0x100000001B3u;
    }
}

static inline void record_char(record_t *record, char c)
{
    if (record->len + 1 < sizeof(record->text)) {
        record->text[record->len++] = c;
        record->text[record->len] = '\0';
    }
}

static inline void record_string(record_t *record, const char *text)
{
    for (; *text != '\0'; text++) {
        record_char(record, *text);
    }
}

static inline void record_payload(record_t *record, const uint8_t *data,
                                  size_t len)
{
    size_t i;

    if (len > 40) {
        record_string(record, " #");
        return;
    }
    record_string(record, len > 0 ? " " : "");
    for (i = 0; i < len; i++) {
        char escaped[8];
        bool plain = data[i] >= 0x20 && data[i] < 0x7F;
        snprintf(escaped, sizeof(escaped), plain ? "%c" : "\\%02X", data[i]);
        record_string(record, escaped);
    }
}

static inline void record_event(record_t *record, const char *kind,
                                size_t number, const uint8_t *data, size_t len)
{
    char digits[32];

    snprintf(digits, sizeof(digits), " %zu", number);
    record_string(record, kind);
    record_string(record, digits);
    record_payload(record, data, len);
    record_char(record, '\n');
    record_hash(record, kind, strlen(kind));
    record_hash(record, &number, sizeof(number));
    record_hash(record, data, len);
    record->events++;
}

static inline wsp_close_t record_verdict(const record_t *record)
{
    return record->events == record->stop_at ? record->stop_with
                                             : WSP_CLOSE_NONE;
}

static inline wsp_close_t record_message(void *ctx, wsp_opcode_t op,
                                         uint8_t *data, size_t len)
{
    record_t *record = ctx;

    record_event(record, op == WSP_OP_TEXT ? "text" : "binary", len, data, len);
    record->data = data;
    return record_verdict(record);
}

static inline wsp_close_t record_control(void *ctx, wsp_opcode_t op,
                                         const uint8_t *data, size_t len)
{
    record_t *record = ctx;

    record_event(record, op == WSP_OP_PING ? "ping" : "pong", len, data, len);
    return record_verdict(record);
}

static inline void record_close(void *ctx, unsigned code, const char *reason,
                                size_t reason_len)
{
    record_event(ctx, "close", code, (const uint8_t *)reason, reason_len);
}

static const wsp_reader_cbs_t record_cbs = {record_message, record_control,
                                            record_close};

/** Write down how feeding ended; nothing for WSP_CLOSE_NONE. */
static inline void record_end(record_t *record, wsp_close_t code,
                              const char *why)
{
    if (code != WSP_CLOSE_NONE) {
        char line[160];
        snprintf(line, sizeof(line), "= %d%s%s\n", (int)code,
                 why != NULL ? " " : "", why != NULL ? why : "");
        record_string(record, line);
        record_hash(record, line, strlen(line));
    }
}

#endif
