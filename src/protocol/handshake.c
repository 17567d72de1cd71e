/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opening handshake's rules (see handshake.h). The endpoint asks, in this
 * order: is a WebSocket asked for, may it be upgraded, is the subprotocol list
 * well-formed, which subprotocol, what is the accept value.
 *
 * Not here: who may connect (Origin, Require), which belongs to the endpoint.
 */
#include "protocol/handshake.h"

#include <stdint.h>
#include <string.h>

#include <apr_base64.h>
#include <apr_sha1.h>

/* What RFC 6455, 1.3 appends to the key; chosen by its authors. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
/* 16 bytes in base64: 22 digits and 2 times padding. */
#define KEY_DIGITS 22u
#define KEY_LENGTH 24u

/* One entry of a comma separated list, without the white space around it. */
typedef struct {
    const char *at;
    size_t len;
} entry_t;

/* ASCII only, on purpose: tolower(3) asks the locale, which a neighbouring
 * module may have changed. */
static char ascii_lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        c = (char)(c | 0x20); /* the bit that makes the difference */
    }
    return c;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_letter_or_digit(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

/* A character of an HTTP token (RFC 9110, 5.6.2). */
static bool is_token_char(char c)
{
    return is_letter_or_digit(c) ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Next entry that is not empty; RFC 9110, 5.6.1.2 has recipients skip empty
 * ones. @a cursor moves on. @return false at the end of the list */
static bool next_entry(const char **cursor, entry_t *entry)
{
    const char *at = *cursor;

    while (*at == ',' || is_space(*at)) {
        at++;
    }
    entry->at = at;
    entry->len = strcspn(at, ",");
    *cursor = at + entry->len;
    while (entry->len > 0 && is_space(at[entry->len - 1])) {
        entry->len--;
    }
    return entry->len > 0;
}

static bool is_same_entry(entry_t a, entry_t b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool is_same_ignoring_case(entry_t entry, const char *token)
{
    size_t i;

    for (i = 0; i < entry.len; i++) {
        if (ascii_lower(entry.at[i]) != ascii_lower(token[i])) {
            return false; /* also where the token ends first */
        }
    }
    return token[entry.len] == '\0';
}

bool wsp_header_has_token(const char *list, const char *token)
{
    entry_t entry;

    while (list != NULL && next_entry(&list, &entry)) {
        if (is_same_ignoring_case(entry, token)) {
            return true;
        }
    }
    return false;
}

bool wsp_handshake_is_asked(const wsp_handshake_t *hs)
{
    return wsp_header_has_token(hs->upgrade, "websocket");
}

bool wsp_handshake_is_key(const char *value)
{
    size_t i;

    if (value == NULL) {
        return false;
    }
    for (i = 0; i < KEY_DIGITS; i++) {
        if (!is_letter_or_digit(value[i]) && value[i] != '+' &&
            value[i] != '/') {
            return false; /* also where the value ends early */
        }
    }
    /* The last digit carries 2 bits; its other 4 are 0 in canonical form. */
    return strchr("AQgw", value[KEY_DIGITS - 1]) != NULL &&
           strcmp(value + KEY_DIGITS, "==") == 0;
}

static bool is_http_1_1_or_later(const wsp_handshake_t *hs)
{
    return hs->http_major > 1 || (hs->http_major == 1 && hs->http_minor >= 1);
}

/* The remaining rules, each a 400, in the RFC's order.
 * @return the sentence of the first one broken, or NULL */
static const char *broken_rule(const wsp_handshake_t *hs)
{
    if (hs->host == NULL || hs->host[0] == '\0') {
        return "The Host header is missing.";
    }
    if (!wsp_handshake_is_asked(hs)) {
        return "The Upgrade header does not name websocket.";
    }
    if (!wsp_header_has_token(hs->connection, "upgrade")) {
        return "The Connection header does not name Upgrade.";
    }
    if (hs->key == NULL) {
        return "The Sec-WebSocket-Key header is missing.";
    }
    if (!wsp_handshake_is_key(hs->key)) {
        return "Sec-WebSocket-Key is not 16 bytes in base64.";
    }
    if (hs->has_body) {
        /* Its bytes could be taken for frames after the upgrade. */
        return "A WebSocket handshake has no request body.";
    }
    return NULL;
}

int wsp_handshake_check(const wsp_handshake_t *hs, const char **why)
{
    if (hs->method == NULL || strcmp(hs->method, "GET") != 0) {
        *why = "A WebSocket handshake is a GET.";
        return 405;
    }
    if (!is_http_1_1_or_later(hs)) {
        *why = "A WebSocket handshake needs HTTP/1.1.";
        return 400;
    }
    /* Before the others, as an older protocol version may well lack a key
     * and its client should learn which version to speak. */
    if (hs->version == NULL) {
        *why = "The Sec-WebSocket-Version header is missing.";
        return 426;
    }
    if (strcmp(hs->version, "13") != 0) {
        *why = "Only Sec-WebSocket-Version 13 is spoken here.";
        return 426;
    }
    *why = broken_rule(hs);
    return *why == NULL ? 0 : 400;
}

void wsp_handshake_accept(const char *key, char out[WSP_ACCEPT_SIZE])
{
    apr_sha1_ctx_t sha1;
    unsigned char digest[APR_SHA1_DIGESTSIZE];

    apr_sha1_init(&sha1);
    apr_sha1_update(&sha1, key, KEY_LENGTH);
    apr_sha1_update(&sha1, ACCEPT_GUID, sizeof(ACCEPT_GUID) - 1);
    apr_sha1_final(digest, &sha1);
    apr_base64_encode_binary(out, digest, APR_SHA1_DIGESTSIZE);
}

static const char *find_offered(entry_t entry, const char *const *offered)
{
    for (; *offered != NULL; offered++) {
        entry_t candidate = {*offered, strlen(*offered)};
        if (is_same_entry(entry, candidate)) {
            return *offered;
        }
    }
    return NULL;
}

const char *wsp_subprotocol_choose(const char *asked,
                                   const char *const *offered)
{
    entry_t entry;

    while (asked != NULL && next_entry(&asked, &entry)) {
        const char *found = find_offered(entry, offered);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static bool is_token(entry_t entry)
{
    size_t i;

    for (i = 0; i < entry.len; i++) {
        if (!is_token_char(entry.at[i])) {
            return false;
        }
    }
    return entry.len > 0;
}

static bool is_among(entry_t entry, const entry_t *earlier, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (is_same_entry(entry, earlier[i])) {
            return true;
        }
    }
    return false;
}

bool wsp_subprotocol_is_list(const char *asked)
{
    entry_t seen[WSP_SUBPROTOCOLS_MAX], entry;
    size_t count = 0;

    while (asked != NULL && next_entry(&asked, &entry)) {
        if (count == WSP_SUBPROTOCOLS_MAX || !is_token(entry) ||
            is_among(entry, seen, count)) {
            return false;
        }
        seen[count++] = entry;
    }
    return count > 0;
}
