/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening handshake: the verdict against its rules, the key against APR's
 * base64, lists against a splitter that copies.
 *
 * Input: | absent fields, 1 bit each | HTTP major, minor | body | then strings
 * that end at LF: method, host, upgrade, connection, version, key, list of
 * subprotocols, one name |
 */
#include "protocol/handshake.h"

#include "fuzz.h"

#include <strings.h>

#include <apr_base64.h>

enum { METHOD, HOST, UPGRADE, CONNECTION, VERSION, KEY, LIST, NAME, STRINGS };

/* Next string in memory of exactly its size. */
static char *take_string(input_t *input)
{
    size_t len = 0;
    char *copy;

    while (len < input->left && input->at[len] != '\n' && input->at[len]) {
        len++;
    }
    copy = malloc(len + 1);
    MUST(copy != NULL);
    memcpy(copy, input->at, len);
    copy[len] = '\0';
    input->at += len;
    input->left -= len;
    input_byte(input);
    return copy;
}

/* Next entry of a list that may be written to; NULL at the end. */
static char *split(char **list)
{
    char *entry = strsep(list, ",");
    size_t len;

    if (entry == NULL) {
        return NULL;
    }
    entry += strspn(entry, " \t");
    len = strlen(entry);
    while (len > 0 && strchr(" \t", entry[len - 1]) != NULL) {
        entry[--len] = '\0';
    }
    return entry;
}

typedef int compare_t(const char *a, const char *b);

static bool reference_has(const char *list, const char *name,
                          compare_t *compare)
{
    char *copy = list != NULL ? strdup(list) : NULL, *at = copy, *entry;
    bool found = false;

    while (at != NULL && (entry = split(&at)) != NULL) {
        found = found || (entry[0] != '\0' && compare(entry, name) == 0);
    }
    free(copy);
    return found;
}

static bool reference_is_key(const char *value)
{
    unsigned char decoded[64];
    char again[64];
    size_t len = strlen(value);
    int bytes;

    if (len != 24) {
        return false;
    }
    bytes = apr_base64_decode_binary(decoded, value);
    if (bytes != 16) {
        return false;
    }
    apr_base64_encode_binary(again, decoded, bytes);
    return strcmp(again, value) == 0;
}

static bool is_upgradable(const wsp_handshake_t *hs)
{
    return hs->method && strcmp(hs->method, "GET") == 0 &&
           hs->http_major * 1000 + hs->http_minor >= 1001 && hs->host &&
           hs->host[0] && reference_has(hs->upgrade, "websocket", strcasecmp) &&
           reference_has(hs->connection, "upgrade", strcasecmp) &&
           hs->version && strcmp(hs->version, "13") == 0 && hs->key &&
           reference_is_key(hs->key) && !hs->has_body;
}

static void check_verdict(const wsp_handshake_t *hs)
{
    const char *why = "unset";
    int status = wsp_handshake_check(hs, &why);

    MUST(status == 0 || status == 400 || status == 405 || status == 426);
    MUST((status == 0) == is_upgradable(hs));
    MUST((status == 0) == (why == NULL));
    MUST(why == NULL || strlen(why) > 10);
    if (status == 0) {
        char accept[WSP_ACCEPT_SIZE];
        wsp_handshake_accept(hs->key, accept);
        MUST(strlen(accept) == WSP_ACCEPT_SIZE - 1 && accept[27] == '=');
    }
}

static void check_lists(const char *list, const char *name)
{
    const char *const offered[] = {"chat", name, NULL};
    const char *chosen = wsp_subprotocol_choose(list, offered);

    if (strpbrk(name, ", \t") == NULL && name[0] != '\0') {
        MUST(wsp_header_has_token(list, name) ==
             reference_has(list, name, strcasecmp));
        MUST((chosen != NULL) == (reference_has(list, name, strcmp) ||
                                  reference_has(list, "chat", strcmp)));
    }
    MUST(chosen == NULL || chosen == offered[0] || chosen == offered[1]);
    if (wsp_subprotocol_is_list(list)) {
        MUST(list != NULL);
        MUST(strpbrk(list, "\"()/:;<=>?@[\\]{}") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_t input = {data, size};
    unsigned absent = input_byte(&input), i;
    wsp_handshake_t hs = {.http_major = input_byte(&input) % 4};
    char *strings[STRINGS];
    const char *given[STRINGS];

    hs.http_minor = input_byte(&input) % 4;
    hs.has_body = input_byte(&input) == 1;
    for (i = 0; i < STRINGS; i++) {
        strings[i] = take_string(&input);
        given[i] = (absent >> i & 1u) != 0 ? NULL : strings[i];
    }
    hs.method = given[METHOD];
    hs.host = given[HOST];
    hs.upgrade = given[UPGRADE];
    hs.connection = given[CONNECTION];
    hs.version = given[VERSION];
    hs.key = given[KEY];
    check_verdict(&hs);
    check_lists(given[LIST], strings[NAME]);
    MUST(wsp_handshake_is_key(strings[KEY]) == reference_is_key(strings[KEY]));
    for (i = 0; i < STRINGS; i++) {
        free(strings[i]);
    }
    return 0;
}
