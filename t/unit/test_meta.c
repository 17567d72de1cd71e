/* SPDX-License-Identifier: Apache-2.0 */
/* Header lines of ws+meta.nchan and ws+meta.wspush, byte for byte. */
#include "protocol/meta.h"

#include "guard.h"
#include "tap.h"

static wsp_text_t value_of(const char *value)
{
    wsp_text_t t = {value, strlen(value)};
    return t;
}

/* Write into room that ends at the guard page, and compare. */
static void is_written(wsp_meta_t kind, const wsp_meta_lines_t *lines,
                       const char *want, const char *name)
{
    size_t bytes = wsp_meta_bytes(kind, lines);
    char *out = (char *)guard_end() - bytes;

    is_int(bytes, strlen(want), "%s: size", name);
    is_int(wsp_meta_write(kind, lines, out), bytes, "%s: same size written",
           name);
    is_mem(out, want, strlen(want) < bytes ? strlen(want) : bytes, "%s: bytes",
           name);
}

static void test_kinds(void)
{
    wsp_meta_lines_t all = {.id = value_of("1795215280:1"),
                            .content_type = value_of("text/plain"),
                            .channel = value_of("news"),
                            .event = value_of("edit"),
                            .gap = value_of("1795215000:7")};
    wsp_meta_lines_t id_only = {.id = value_of("1795215280:1")};
    wsp_meta_lines_t gap_only = {.id = value_of("5:0"), .gap = value_of("3:2")};
    wsp_meta_lines_t nothing = {.id = {NULL, 0}};

    is_written(WSP_META_NONE, &all, "", "plain");
    is_written(WSP_META_NCHAN, &all,
               "id: 1795215280:1\ncontent-type: text/plain\n\n", "nchan");
    is_written(WSP_META_NCHAN, &id_only, "id: 1795215280:1\n\n",
               "nchan without type");
    is_written(WSP_META_WSPUSH, &all,
               "id: 1795215280:1\ncontent-type: text/plain\nchannel: news\n"
               "event: edit\ngap: 1795215000:7\n\n",
               "wspush");
    is_written(WSP_META_WSPUSH, &id_only, "id: 1795215280:1\n\n",
               "wspush with an id only");
    is_written(WSP_META_WSPUSH, &gap_only, "id: 5:0\ngap: 3:2\n\n",
               "wspush with a gap");
    is_written(WSP_META_NCHAN, &nothing, "\n",
               "no lines: the empty line alone");
}

/* A published value must not be able to forge a line or end the header. */
static void test_forged_values(void)
{
    wsp_meta_lines_t lf = {.id = value_of("1:0"),
                           .content_type = value_of("a/b\nid: 9:9\n\nbody")};
    wsp_meta_lines_t cr = {.id = value_of("1:0"), .event = value_of("x\ry")};
    wsp_meta_lines_t nul = {.id = value_of("1:0"), .channel = {"a\0b", 3}};
    wsp_meta_lines_t only_lf = {.id = value_of("1:0"),
                                .event = value_of("\nx")};

    is_written(WSP_META_NCHAN, &lf, "id: 1:0\ncontent-type: a/b\n\n",
               "value with LF is cut");
    is_written(WSP_META_WSPUSH, &cr, "id: 1:0\nevent: x\n\n",
               "value with CR is cut");
    is_written(WSP_META_WSPUSH, &nul, "id: 1:0\nchannel: a\n\n",
               "value with NUL is cut");
    is_written(WSP_META_WSPUSH, &only_lf, "id: 1:0\n\n",
               "value that begins with LF is left out");
}

/* Values are not NUL-terminated: nothing beyond len may be read. */
static void test_guarded_value(void)
{
    wsp_meta_lines_t lines = {.id = {NULL, 0}};
    char out[32];

    lines.id.at = (const char *)guard_copy("12:3", 4);
    lines.id.len = 4;
    is_int(wsp_meta_write(WSP_META_NCHAN, &lines, out), 10,
           "a value up to a guard page");
    is_mem(out, "id: 12:3\n\n", 10, "and its bytes");
}

int main(void)
{
    tap_start(30);
    test_kinds();
    test_forged_values();
    test_guarded_value();
    return done_testing();
}
