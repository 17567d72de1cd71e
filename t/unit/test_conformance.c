/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/conformance.md names the test of each rule as `program`: description.
 * Every name must stand in that program's source, so that a test that was
 * renamed or removed is missed. Run from the project's folder.
 */
#include "tap.h"

#define PAGE "docs/conformance.md"

/* The whole file as a string, to be freed; NULL: there is none. */
static char *slurp(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0;

    if (file == NULL) {
        return NULL;
    }
    if (getdelim(&text, &room, '\0', file) < 0) { /* a text has no NUL */
        bail_out(path);
    }
    fclose(file);
    return text;
}

/* String literals that the formatter broke over lines are joined again. */
static void join_literals(char *text)
{
    char *to = text;
    const char *from = text;

    while (*from != '\0') {
        const char *next = from + 1;
        if (*from == '"') {
            next += strspn(next, " \n");
            if (next > from + 1 && *next == '"') {
                from = next + 1;
                continue;
            }
        }
        *to++ = *from++;
    }
    *to = '\0';
}

static bool is_in_source(const char *program, const char *name)
{
    char path[128];
    char *source;
    bool found = false;

    snprintf(path, sizeof(path), "t/unit/%s.c", program);
    source = slurp(path);
    if (source != NULL) {
        join_literals(source);
        found = strstr(source, name) != NULL;
    }
    free(source);
    return found;
}

/* One row's last cell: `program`: name; `program`: name ...
 * @return names in it */
static unsigned check_cell(char *cell)
{
    unsigned names = 0;
    char *at = cell, *entry;

    while ((entry = strsep(&at, ";|")) != NULL) {
        char program[64], name[256];
        if (sscanf(entry, " `%63[a-z0-9_]`: %255[^\n]", program, name) != 2) {
            continue;
        }
        while (name[0] != '\0' && name[strlen(name) - 1] == ' ') {
            name[strlen(name) - 1] = '\0';
        }
        ok(is_in_source(program, name), "%s: %s", program, name);
        names++;
    }
    return names;
}

/* Start of a row's fourth cell, or NULL if the line is not a row. */
static char *last_cell(char *line)
{
    int bars = 0;

    for (; *line != '\0'; line++) {
        bars += *line == '|';
        if (bars == 4) {
            return line + 1;
        }
    }
    return NULL;
}

int main(void)
{
    char *page = slurp(PAGE), *at = page, *line;
    unsigned names = 0;

    tap_start(30);
    if (page == NULL) {
        skip_all("no " PAGE " from here");
    }
    while ((line = strsep(&at, "\n")) != NULL) {
        char *cell = line[0] == '|' ? last_cell(line) : NULL;
        names += cell != NULL ? check_cell(cell) : 0;
    }
    ok(names > 60, "the page names %u tests", names);
    free(page);
    return done_testing();
}
