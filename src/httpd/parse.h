/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of directive arguments: sizes, times, counts, words. Each function
 * returns NULL or an error text in the pool that says the value and what is
 * legal; the caller puts the directive's name in front.
 */
#ifndef WSP_HTTPD_PARSE_H
#define WSP_HTTPD_PARSE_H

#include <stdint.h>

#include <apr_pools.h>

/** Bytes with an optional K, M or G; @a min..@a max inclusive. */
const char *wsp_parse_size(apr_pool_t *pool, const char *arg, uint64_t min,
                           uint64_t max, uint64_t *bytes);
/** Milliseconds from a time with ms, s, min or h (plain number: seconds). */
const char *wsp_parse_time(apr_pool_t *pool, const char *arg, uint32_t min_ms,
                           uint32_t max_ms, uint32_t *ms);
const char *wsp_parse_count(apr_pool_t *pool, const char *arg, uint32_t min,
                            uint32_t max, uint32_t *count);
/** Index of @a arg in the "a|b|c" list @a words (any case). */
const char *wsp_parse_word(apr_pool_t *pool, const char *arg, const char *words,
                           unsigned *index);

#endif
