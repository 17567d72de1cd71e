/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Close codes: the protocol room's only kind of result. A decoder returns
 * WSP_CLOSE_NONE to go on, or the code the connection must be closed with,
 * so no caller ever translates errors (RFC 6455, section 7.4).
 */
#ifndef WSP_PROTOCOL_CLOSE_H
#define WSP_PROTOCOL_CLOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    WSP_CLOSE_NONE = 0,           /* go on; never on the wire */
    WSP_CLOSE_NORMAL = 1000,      /* peer closed, echoed */
    WSP_CLOSE_GOING_AWAY = 1001,  /* channel deleted, server stopping */
    WSP_CLOSE_PROTOCOL = 1002,    /* framing rule broken */
    WSP_CLOSE_UNSUPPORTED = 1003, /* data type not accepted here */
    WSP_CLOSE_NO_STATUS = 1005,   /* close frame without code; local only */
    WSP_CLOSE_ABNORMAL = 1006,    /* connection lost; local only */
    WSP_CLOSE_BAD_DATA = 1007,    /* bad UTF-8, bad deflate data */
    WSP_CLOSE_POLICY = 1008,      /* rate limit, refused by application */
    WSP_CLOSE_TOO_BIG = 1009,     /* over WSPushMaxMessage */
    WSP_CLOSE_EXTENSION = 1010,   /* client side only */
    WSP_CLOSE_INTERNAL = 1011,    /* our fault */
    WSP_CLOSE_RESTART = 1012,     /* come back: server is restarting */
    WSP_CLOSE_TRY_LATER = 1013    /* too slow, or server overloaded */
} wsp_close_t;

/** A close frame's payload: 2 bytes of code and at most 123 of reason. */
#define WSP_CLOSE_PAYLOAD_MAX 125

/**
 * May @a code stand in a close frame sent by a peer?
 * @rfc 6455 7.4.1, 7.4.2 and the IANA registry: 1000-1003, 1007-1014 and
 *      3000-4999; 1004-1006, 1015 and all others are refused.
 * @context any thread
 */
bool wsp_close_is_valid_on_wire(unsigned code);

/**
 * Write a close frame's payload (not the frame header).
 * @param out    room for WSP_CLOSE_PAYLOAD_MAX bytes
 * @param code   WSP_CLOSE_NO_STATUS, and any other that may not be sent,
 *               writes an empty payload
 * @param reason UTF-8, or NULL; cut to 123 bytes at a character boundary, and
 *               before a byte that is not UTF-8
 * @return bytes written
 * @context any thread
 */
size_t wsp_close_encode(uint8_t *out, wsp_close_t code, const char *reason);

#endif
