/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opening handshake's rules (RFC 6455, 4.2.1 and 4.2.2) on plain strings:
 * the httpd room fills in what the request says and gets back a verdict with
 * its HTTP status and reason. No I/O, no allocation.
 */
#ifndef WSP_PROTOCOL_HANDSHAKE_H
#define WSP_PROTOCOL_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

/** Length of a Sec-WebSocket-Accept value with its NUL. */
#define WSP_ACCEPT_SIZE 29

/** What the request said; absent headers are NULL. Values of repeated headers
 *  are joined with ", " as httpd does. */
typedef struct {
    const char *method;
    int http_major, http_minor;
    const char *host;
    const char *upgrade;
    const char *connection;
    const char *version; /* Sec-WebSocket-Version */
    const char *key;     /* Sec-WebSocket-Key */
    bool has_body;       /* Content-Length other than 0, or chunked */
} wsp_handshake_t;

/** Does this request ask for a WebSocket at all (Upgrade has the token
 *  websocket, any case)? A GET without it is a plain request. */
bool wsp_handshake_is_asked(const wsp_handshake_t *hs);

/**
 * Judge a request that asks.
 * @return 0 when it may be upgraded; else the HTTP status: 405 method,
 *         426 version missing or not 13 (answer Sec-WebSocket-Version: 13),
 *         400 all others
 * @param why out: static English sentence naming the rule; NULL with 0
 * @context any thread
 */
int wsp_handshake_check(const wsp_handshake_t *hs, const char **why);

/**
 * Sec-WebSocket-Accept for a key that wsp_handshake_check let through; exactly
 * its 24 characters are read.
 * @rfc 6455 4.2.2 item 5.4
 */
void wsp_handshake_accept(const char *key, char out[WSP_ACCEPT_SIZE]);

/** Is @a value a 16-byte nonce in canonical base64 (24 characters)? */
bool wsp_handshake_is_key(const char *value);

/** Is @a token in the comma separated header @a list (case-insensitive)? */
bool wsp_header_has_token(const char *list, const char *token);

/**
 * First entry of the client's list (in the client's order of preference) that
 * the server offers.
 * @param asked   Sec-WebSocket-Protocol as sent, or NULL
 * @param offered NULL-terminated array, case-sensitive (RFC 6455 11.3.4)
 * @return the entry of @a offered, or NULL: none in common, answer no header
 */
const char *wsp_subprotocol_choose(const char *asked,
                                   const char *const *offered);

/** Entries a client may ask for; a longer list is refused as malformed, as
 *  comparing each with each would be a gift to an attacker. */
#define WSP_SUBPROTOCOLS_MAX 64u

/** Is the value of Sec-WebSocket-Protocol a list of unique tokens, one at
 *  least and WSP_SUBPROTOCOLS_MAX at most? A malformed one is a 400 (RFC 6455
 *  4.1 item 10, 11.3.4). Empty entries are skipped (RFC 9110 5.6.1.2). */
bool wsp_subprotocol_is_list(const char *asked);

#endif
