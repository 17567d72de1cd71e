/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: JSON on stdout (see report.h).
 */
#include "report.h"

#include <stdio.h>

static const char *separator;

static void put_text(const char *text)
{
    putchar('"');
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            printf("\\%c", *c);
        }
        else if ((unsigned char)*c < 0x20) {
            printf("\\u%04x", (unsigned)*c);
        }
        else {
            putchar(*c);
        }
    }
    putchar('"');
}

static void put_key(const char *key)
{
    printf("%s\"%s\": ", separator, key);
    separator = ", ";
}

void wsp_report_begin(const char *mode)
{
    separator = "";
    putchar('{');
    put_key("mode");
    put_text(mode);
}

void wsp_report_number(const char *key, uint64_t value)
{
    put_key(key);
    printf("%llu", (unsigned long long)value);
}

void wsp_report_real(const char *key, double value)
{
    put_key(key);
    printf("%.3f", value);
}

void wsp_report_bool(const char *key, bool value)
{
    put_key(key);
    printf("%s", value ? "true" : "false");
}

void wsp_report_codes(const char *key, const wsp_tally_t *t)
{
    put_key(key);
    separator = "{";
    for (size_t i = 0; i < WSP_TALLY_CODES && t->codes[i].count; i++) {
        printf("%s\"%u\": %u", separator, t->codes[i].code, t->codes[i].count);
        separator = ", ";
    }
    printf("%s}", *separator == '{' ? "{" : "");
    separator = ", ";
}

void wsp_report_shares(const char *key, const wsp_where_share_t *shares,
                       size_t count)
{
    put_key(key);
    putchar('{');
    for (size_t i = 0; i < count; i++) {
        printf("%s\"%d\": %u", i ? ", " : "", (int)shares[i].pid,
               shares[i].count);
    }
    putchar('}');
}

void wsp_report_latency(const char *key, const wsp_tally_t *t)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

    put_key(key);
    putchar('{');
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        printf("\"%s\": %llu, ", points[i].name,
               (unsigned long long)wsp_tally_percentile_us(t, points[i].share));
    }
    printf("\"max\": %llu}", (unsigned long long)t->slowest_us);
}

void wsp_report_notes(const wsp_tally_t *t)
{
    put_key("notes");
    putchar('[');
    for (uint32_t i = 0; i < t->notes_count && i < WSP_TALLY_NOTES; i++) {
        printf("%s", i ? ", " : "");
        put_text(t->notes[i]);
    }
    putchar(']');
}

void wsp_report_end(void)
{
    printf("}\n");
    fflush(stdout);
}
