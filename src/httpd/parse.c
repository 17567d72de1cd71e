/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directive arguments to values. Strict: a number with anything unexpected
 * behind it is refused, since "10 m" read as 10 bytes is found in production.
 * Called at configuration time only.
 */
#include "httpd/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>

/* A plain decimal number and what follows it. */
static bool number(const char *arg, uint64_t *value, const char **rest)
{
    char *end;
    if (*arg < '0' || *arg > '9') {
        return false;
    }
    errno = 0;
    *value = strtoull(arg, &end, 10);
    *rest = end;
    return errno == 0;
}

typedef struct {
    const char *name;
    uint64_t factor;
} unit_t;

static bool unit_factor(const char *name, const unit_t *units, size_t count,
                        uint64_t *factor)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(name, units[i].name) == 0) {
            *factor = units[i].factor;
            return true;
        }
    }
    return false;
}

/* number * unit, within min..max */
static bool scaled(const char *arg, const unit_t *units, size_t count,
                   uint64_t min, uint64_t max, uint64_t *result)
{
    uint64_t value, factor;
    const char *unit;
    if (!number(arg, &value, &unit) ||
        !unit_factor(unit, units, count, &factor) ||
        value > UINT64_MAX / factor) {
        return false;
    }
    *result = value * factor;
    return *result >= min && *result <= max;
}

static const char *size_text(apr_pool_t *pool, uint64_t bytes)
{
    static const char unit[] = " KMG";
    unsigned i = 0;
    while (i < 3 && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    return i == 0
               ? apr_psprintf(pool, "%" APR_UINT64_T_FMT, bytes)
               : apr_psprintf(pool, "%" APR_UINT64_T_FMT "%c", bytes, unit[i]);
}

const char *wsp_parse_size(apr_pool_t *pool, const char *arg, uint64_t min,
                           uint64_t max, uint64_t *bytes)
{
    static const unit_t units[] = {
        {"", 1},           {"b", 1},
        {"k", 1ull << 10}, {"kb", 1ull << 10},
        {"m", 1ull << 20}, {"mb", 1ull << 20},
        {"g", 1ull << 30}, {"gb", 1ull << 30},
    };
    uint64_t value;
    if (scaled(arg, units, sizeof units / sizeof *units, min, max, &value)) {
        *bytes = value;
        return NULL;
    }
    return apr_psprintf(pool,
                        "'%s' is not a size from %s to %s (bytes, or with "
                        "K, M or G)",
                        arg, size_text(pool, min), size_text(pool, max));
}

static const char *time_text(apr_pool_t *pool, uint32_t ms)
{
    if (ms % 3600000 == 0 && ms != 0) {
        return apr_psprintf(pool, "%uh", ms / 3600000);
    }
    return ms % 1000 == 0 ? apr_psprintf(pool, "%us", ms / 1000)
                          : apr_psprintf(pool, "%ums", ms);
}

const char *wsp_parse_time(apr_pool_t *pool, const char *arg, uint32_t min_ms,
                           uint32_t max_ms, uint32_t *ms)
{
    static const unit_t units[] = {
        {"", 1000}, {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000},
    };
    uint64_t value;
    if (scaled(arg, units, sizeof units / sizeof *units, min_ms, max_ms,
               &value)) {
        *ms = (uint32_t)value;
        return NULL;
    }
    return apr_psprintf(pool,
                        "'%s' is not a time from %s to %s (seconds, or with "
                        "ms, s, min or h)",
                        arg, time_text(pool, min_ms), time_text(pool, max_ms));
}

const char *wsp_parse_count(apr_pool_t *pool, const char *arg, uint32_t min,
                            uint32_t max, uint32_t *count)
{
    uint64_t value;
    const char *rest;
    if (number(arg, &value, &rest) && *rest == '\0' && value >= min &&
        value <= max) {
        *count = (uint32_t)value;
        return NULL;
    }
    return apr_psprintf(pool, "'%s' is not a number from %u to %u", arg, min,
                        max);
}

const char *wsp_parse_word(apr_pool_t *pool, const char *arg, const char *words,
                           unsigned *index)
{
    unsigned i = 0;
    size_t len = strlen(arg);
    for (const char *at = words; at != NULL; i++) {
        const char *bar = strchr(at, '|');
        size_t word_len = bar != NULL ? (size_t)(bar - at) : strlen(at);
        if (len == word_len && strncasecmp(at, arg, len) == 0) {
            *index = i;
            return NULL;
        }
        at = bar != NULL ? bar + 1 : NULL;
    }
    return apr_psprintf(pool, "'%s' is not one of %s", arg, words);
}
