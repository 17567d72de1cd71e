/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines about clients, at most WSP_LOGLINE_PER_SECOND of them per thread:
 * ten thousand clients that lose their network at once must not turn into ten
 * thousand lines. What is left out is counted and told.
 */
#ifndef WSP_IO_LOGLINE_H
#define WSP_IO_LOGLINE_H

#include <stdint.h>

#include "io/io.h"

#define WSP_LOGLINE_PER_SECOND 10u

typedef struct {
    const wsp_io_host_t *host;
    uint64_t second; /* of the count */
    unsigned count, suppressed;
} wsp_logline_t;

/** @context io thread */
void wsp_logline_write(wsp_logline_t *log, uint64_t now_ms,
                       wsp_log_level_t level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Once a second: tell how many lines were left out. @context io thread */
void wsp_logline_tick(wsp_logline_t *log, uint64_t now_ms);

#endif
