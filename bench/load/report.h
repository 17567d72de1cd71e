/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the result, one JSON object on one line of stdout.
 */
#ifndef WSP_LOAD_REPORT_H
#define WSP_LOAD_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "tally.h"
#include "where.h"

void wsp_report_begin(const char *mode);
void wsp_report_number(const char *key, uint64_t value);
void wsp_report_real(const char *key, double value);
void wsp_report_bool(const char *key, bool value);
/** Codes and how often each was seen. */
void wsp_report_codes(const char *key, const wsp_tally_t *t);
/** Processes and how many connections each has. */
void wsp_report_shares(const char *key, const wsp_where_share_t *shares,
                       size_t count);
/** p50, p90, p99, p999 and max, in microseconds. */
void wsp_report_latency(const char *key, const wsp_tally_t *t);
/** The first troubles. */
void wsp_report_notes(const wsp_tally_t *t);
void wsp_report_end(void);

#endif
