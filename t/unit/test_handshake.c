/* SPDX-License-Identifier: Apache-2.0 */
/* Opening handshake: each rule with its status and sentence, the key, the
 * accept value, header lists, subprotocols. */
#include "protocol/handshake.h"

#include "guard.h"
#include "tap.h"

#define RFC_KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, 1.3 */

static wsp_handshake_t good(void)
{
    wsp_handshake_t hs = {.method = "GET",
                          .http_major = 1,
                          .http_minor = 1,
                          .host = "server.example.com",
                          .upgrade = "websocket",
                          .connection = "Upgrade",
                          .version = "13",
                          .key = RFC_KEY};
    return hs;
}

static void is_judged(const wsp_handshake_t *hs, int status, const char *want,
                      const char *name)
{
    const char *why = "unset";

    is_int(wsp_handshake_check(hs, &why), status, "%s: status", name);
    is_str(why, want, "%s: sentence", name);
}

/* One field of the good request replaced. */
#define JUDGE(field, value, status, want)                                      \
    do {                                                                       \
        wsp_handshake_t hs = good();                                           \
        hs.field = (value);                                                    \
        is_judged(&hs, status, want, #field " = " #value);                     \
    } while (0)

static void test_accepted(void)
{
    wsp_handshake_t h2 = good();

    JUDGE(key, RFC_KEY, 0, NULL);
    JUDGE(upgrade, "WebSocket", 0, NULL);
    JUDGE(upgrade, "h2c, websocket", 0, NULL);
    JUDGE(connection, "keep-alive, Upgrade", 0, NULL);
    JUDGE(connection, "UPGRADE", 0, NULL);
    JUDGE(http_minor, 2, 0, NULL);
    h2.http_major = 2;
    h2.http_minor = 0;
    is_judged(&h2, 0, NULL, "HTTP/2");
}

static void test_refused(void)
{
    const char *method = "A WebSocket handshake is a GET.";
    const char *http = "A WebSocket handshake needs HTTP/1.1.";
    const char *host = "The Host header is missing.";
    const char *upgrade = "The Upgrade header does not name websocket.";
    const char *connection = "The Connection header does not name Upgrade.";
    const char *key = "Sec-WebSocket-Key is not 16 bytes in base64.";

    JUDGE(method, "POST", 405, method);
    JUDGE(method, "get", 405, method);
    JUDGE(method, NULL, 405, method);
    JUDGE(http_minor, 0, 400, http);
    JUDGE(http_major, 0, 400, http);
    JUDGE(host, NULL, 400, host);
    JUDGE(host, "", 400, host);
    JUDGE(upgrade, NULL, 400, upgrade);
    JUDGE(upgrade, "h2c", 400, upgrade);
    JUDGE(upgrade, "websocket/13", 400, upgrade);
    JUDGE(upgrade, "web socket", 400, upgrade);
    JUDGE(connection, NULL, 400, connection);
    JUDGE(connection, "keep-alive", 400, connection);
    JUDGE(connection, "upgrades", 400, connection);
    JUDGE(key, NULL, 400, "The Sec-WebSocket-Key header is missing.");
    JUDGE(key, "", 400, key);
    JUDGE(key, RFC_KEY ", " RFC_KEY, 400, key);
    JUDGE(has_body, true, 400, "A WebSocket handshake has no request body.");
}

static void test_version(void)
{
    const char *other = "Only Sec-WebSocket-Version 13 is spoken here.";
    wsp_handshake_t old = good();

    JUDGE(version, NULL, 426, "The Sec-WebSocket-Version header is missing.");
    JUDGE(version, "8", 426, other);
    JUDGE(version, "14", 426, other);
    JUDGE(version, "013", 426, other);
    JUDGE(version, "", 426, other);
    JUDGE(version, "13, 13", 426, other);
    old.version = "7";
    old.key = NULL;
    is_judged(&old, 426, other, "an older version without a key");
}

static void test_asked(void)
{
    wsp_handshake_t hs = good();

    ok(wsp_handshake_is_asked(&hs), "Upgrade: websocket asks");
    hs.connection = NULL;
    ok(wsp_handshake_is_asked(&hs), "also without Connection, to be told");
    hs.upgrade = "h2c";
    ok(!wsp_handshake_is_asked(&hs), "Upgrade: h2c does not");
    hs.upgrade = NULL;
    ok(!wsp_handshake_is_asked(&hs), "no Upgrade does not");
}

static void test_key(void)
{
    static const char *const bad[] = {
        "",
        "dGhlIHNhbXBsZSBub25jZQ=",   /* one short */
        "dGhlIHNhbXBsZSBub25jZQ===", /* one long */
        "dGhlIHNhbXBsZSBub25jZR==",  /* bits beyond the 16th byte */
        "dGhlIHNhbXBsZSBub25jZSE=",  /* 17 bytes */
        "dGhlIHNhbXBsZSBub25j",      /* 15 bytes */
        "dGhlIHNhbXBsZSBub25jZSEh",  /* 18 bytes */
        "dGhlIHNhbXBsZSBub2-jZQ==",  /* base64url */
        "dGhlIHNhbXBsZSBub25jZQ= ",
        " dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBs ZSBub25jZQ=",
        "dGhl=HNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25jZ\xC3==",
    };
    size_t i, len, passed = 0;
    char cut[] = RFC_KEY;

    ok(wsp_handshake_is_key(RFC_KEY), "key: the RFC's");
    ok(wsp_handshake_is_key("AAAAAAAAAAAAAAAAAAAAAA=="), "key: all zero");
    ok(wsp_handshake_is_key("/////////////////////w=="), "key: all one");
    ok(wsp_handshake_is_key("++++++++++++++++++++++++") == false,
       "key: without padding");
    ok(!wsp_handshake_is_key(NULL), "key: none");
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(!wsp_handshake_is_key(bad[i]), "key: not \"%s\"", bad[i]);
    }
    for (len = strlen(cut); len-- > 0;) {
        cut[len] = '\0';
        passed += wsp_handshake_is_key(
            (const char *)guard_copy(cut, strlen(cut) + 1));
    }
    is_int(passed, 0, "key: cut anywhere, up to a guard page");
}

static void test_accept(void)
{
    char accept[WSP_ACCEPT_SIZE + 1];

    memset(accept, '#', sizeof(accept));
    wsp_handshake_accept(RFC_KEY, accept);
    is_str(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "accept: RFC 6455 1.3");
    is_int(accept[WSP_ACCEPT_SIZE], '#', "accept: fills its room exactly");
    wsp_handshake_accept("x3JJHMbDL1EzLkh9GBhXDw==", accept);
    is_str(accept, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=", "accept: another known one");
}

static void test_tokens(void)
{
    ok(wsp_header_has_token("a", "a"), "list: alone");
    ok(wsp_header_has_token("a,b", "b"), "list: last");
    ok(wsp_header_has_token("a , \t b\t,c", "b"), "list: white space");
    ok(wsp_header_has_token(",, a,,", "a"), "list: empty entries");
    ok(wsp_header_has_token("KEEP-alive", "keep-ALIVE"), "list: any case");
    ok(!wsp_header_has_token("ab", "a"), "list: not a prefix");
    ok(!wsp_header_has_token("a", "ab"), "list: not a longer token");
    ok(!wsp_header_has_token("a b", "a"), "list: not a part");
    ok(!wsp_header_has_token("", "a"), "list: empty");
    ok(!wsp_header_has_token(" , ", "a"), "list: only separators");
    ok(!wsp_header_has_token(NULL, "a"), "list: no header");
    ok(!wsp_header_has_token("[", "{"), "list: case is for letters only");
}

static void test_subprotocol_choice(void)
{
    static const char *const offered[] = {"ws+meta.wspush", "ws+meta.nchan",
                                          "chat", NULL};
    static const char *const none[] = {NULL};

    is_str(wsp_subprotocol_choose("chat", offered), "chat", "choose: one");
    is_str(wsp_subprotocol_choose("x, y,ws+meta.nchan", offered),
           "ws+meta.nchan", "choose: anywhere in the list");
    is_str(wsp_subprotocol_choose("chat, ws+meta.wspush", offered), "chat",
           "choose: the client's order decides");
    is_str(wsp_subprotocol_choose("Chat", offered), NULL,
           "choose: case matters");
    is_str(wsp_subprotocol_choose("cha, chatt", offered), NULL,
           "choose: whole names only");
    is_str(wsp_subprotocol_choose("x, y", offered), NULL,
           "choose: none in common");
    is_str(wsp_subprotocol_choose(NULL, offered), NULL, "choose: not asked");
    is_str(wsp_subprotocol_choose("", offered), NULL, "choose: empty header");
    is_str(wsp_subprotocol_choose("chat", none), NULL, "choose: none offered");
    ok(wsp_subprotocol_choose("chat", offered) == offered[2],
       "choose: the server's own string is returned");
}

/* "p0, p1, ..." with @a count names. */
static const char *list_of(size_t count)
{
    static char list[2048];
    size_t i, at = 0;

    for (i = 0; i < count; i++) {
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%sp%zu",
                               i > 0 ? ", " : "", i);
    }
    return list;
}

static void test_subprotocol_list(void)
{
    ok(wsp_subprotocol_is_list("chat"), "well-formed: one");
    ok(wsp_subprotocol_is_list("ws+meta.nchan, v1.chat~x|y"),
       "well-formed: token characters");
    ok(wsp_subprotocol_is_list("a,,b , "), "well-formed: empty entries");
    ok(wsp_subprotocol_is_list("chat, Chat"), "well-formed: differ in case");
    ok(!wsp_subprotocol_is_list("chat, x, chat"), "malformed: twice the same");
    ok(!wsp_subprotocol_is_list("a b"), "malformed: space inside");
    ok(!wsp_subprotocol_is_list("a/b"), "malformed: separator");
    ok(!wsp_subprotocol_is_list("a@b"), "malformed: at sign");
    ok(!wsp_subprotocol_is_list("\"a\""), "malformed: quoted");
    ok(!wsp_subprotocol_is_list("caf\xC3\xA9"), "malformed: not ASCII");
    ok(!wsp_subprotocol_is_list("a\x7F"), "malformed: control character");
    ok(!wsp_subprotocol_is_list(""), "malformed: empty");
    ok(!wsp_subprotocol_is_list(" ,"), "malformed: no entry");
    ok(!wsp_subprotocol_is_list(NULL), "malformed: no header");
    ok(wsp_subprotocol_is_list(list_of(WSP_SUBPROTOCOLS_MAX)),
       "well-formed: as many as permitted");
    ok(!wsp_subprotocol_is_list(list_of(WSP_SUBPROTOCOLS_MAX + 1)),
       "malformed: one more");
}

int main(void)
{
    tap_start(30);
    test_accepted();
    test_refused();
    test_version();
    test_asked();
    test_key();
    test_accept();
    test_tokens();
    test_subprotocol_choice();
    test_subprotocol_list();
    return done_testing();
}
