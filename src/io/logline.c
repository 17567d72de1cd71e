/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate-limited log lines (see logline.h); closing.c, hub.c and join.c write
 * them.
 */
#include "io/logline.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES 1024

static void tell_suppressed(wsp_logline_t *log)
{
    char line[LINE_BYTES];

    if (log->suppressed > 0 && log->host->log != NULL) {
        snprintf(line, sizeof line,
                 "%u more log lines about clients were left out",
                 log->suppressed);
        log->host->log(log->host->ctx, WSP_LOG_INFO, line);
    }
    log->suppressed = 0;
}

void wsp_logline_tick(wsp_logline_t *log, uint64_t now_ms)
{
    if (now_ms / 1000 != log->second) {
        log->second = now_ms / 1000;
        log->count = 0;
        tell_suppressed(log);
    }
}

void wsp_logline_write(wsp_logline_t *log, uint64_t now_ms,
                       wsp_log_level_t level, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;

    if (log->host->log == NULL) {
        return;
    }
    wsp_logline_tick(log, now_ms);
    if (log->count >= WSP_LOGLINE_PER_SECOND) {
        log->suppressed++;
        return;
    }
    log->count++;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log->host->log(log->host->ctx, level, line);
}
