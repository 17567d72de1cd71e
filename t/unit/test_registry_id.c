/* SPDX-License-Identifier: Apache-2.0 */
/* Message ids as text: both directions, and everything that is no id. */
#include "registry/registry.h"
#include "tap.h"

static void check_format(wsp_id_t id, const char *want)
{
    char text[WSP_ID_TEXT_SIZE];
    size_t len = wsp_id_format(id, text);
    wsp_id_t back = 0;

    is_str(text, want, "format %s", want);
    is_int(len, strlen(want), "its length");
    ok(wsp_id_parse(text, len, &back) && back == id, "and back");
}

static void check_refused(const char *text)
{
    wsp_id_t id = 42;
    ok(!wsp_id_parse(text, strlen(text), &id), "no id: \"%s\"", text);
}

int main(void)
{
    static const char *const bad[] = {
        "",
        ":",
        "1",
        "1:",
        ":1",
        "1:1 ",
        " 1:1",
        "1 :1",
        "-1:1",
        "1:-1",
        "+1:1",
        "1:1:1",
        "a:1",
        "1:a",
        "0x1:1",
        "1:1\n",
        "1:268435456",
        "68719476736:0",
        "99999999999999999999999:1",
        "1:99999999999999999999999",
        "18446744073709551617:1",
    };
    size_t i;
    wsp_id_t id = 0;

    tap_start(10);
    check_format(0, "0:0");
    check_format(1, "0:1");
    check_format(UINT64_C(1) << 28, "1:0");
    check_format((UINT64_C(1795215280) << 28) + 1, "1795215280:1");
    check_format(UINT64_MAX, "68719476735:268435455");
    ok(wsp_id_parse("007:0001", 8, &id) && id == (UINT64_C(7) << 28) + 1,
       "leading zeros do not matter");
    ok(wsp_id_parse("7:1234", 4, &id) && id == (UINT64_C(7) << 28) + 12,
       "the length counts, not a NUL");
    ok(!wsp_id_parse("7:1\0002", 5, &id), "a NUL is no digit");
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_refused(bad[i]);
    }
    return done_testing();
}
