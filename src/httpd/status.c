/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status page: `SetHandler wspush-status` answers HTML for people, JSON
 * (?json, or Accept: application/json), Prometheus text (?prometheus), and runs
 * the segment's self-check first with ?check. The same figures stand in a
 * section of mod_status' page. All forms come from one list of figures.
 */
#include "httpd/request.h"

#include <string.h>

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <mod_status.h>

#include "httpd/process.h"

APLOG_USE_MODULE(wspush);

typedef struct {
    const char *name;   /* JSON key; prometheus: wspush_<name> */
    const char *metric; /* "gauge" or "counter" */
    const char *title;
    int64_t value;
} figure_t;

enum { FIGURES_MAX = 40 };

typedef struct {
    figure_t list[FIGURES_MAX];
    unsigned count;
} figures_t;

static void add(figures_t *out, const char *name, const char *metric,
                const char *title, int64_t value)
{
    if (out->count < FIGURES_MAX) {
        out->list[out->count++] = (figure_t){name, metric, title, value};
    }
}

static void add_stats(figures_t *out, const int64_t *stat)
{
    static const struct {
        wsp_stat_t stat;
        const char *name, *metric, *title;
    } rows[] = {
        {WSP_STAT_CONNECTIONS, "connections", "gauge", "Clients connected"},
        {WSP_STAT_CONNECTIONS_TOTAL, "connections_total", "counter",
         "Clients taken over"},
        {WSP_STAT_MESSAGES_IN, "messages_in_total", "counter",
         "Messages from clients"},
        {WSP_STAT_DELIVERIES, "deliveries_total", "counter",
         "Messages written to clients"},
        {WSP_STAT_BYTES_OUT, "bytes_out_total", "counter",
         "Bytes written to clients"},
        {WSP_STAT_WRITE_CALLS, "write_calls_total", "counter",
         "Write calls to clients"},
        {WSP_STAT_QUEUED_BYTES, "queued_bytes", "gauge",
         "Bytes waiting for slow clients"},
        {WSP_STAT_CLOSED_SLOW, "closed_slow_total", "counter",
         "Closed: too slow (WSPushQueue)"},
        {WSP_STAT_DROPPED, "dropped_total", "counter",
         "Messages dropped (WSPushQueue drop-oldest)"},
        {WSP_STAT_CLOSED_PROTOCOL, "closed_protocol_total", "counter",
         "Closed: protocol errors"},
        {WSP_STAT_CLOSED_RATE, "closed_rate_total", "counter",
         "Closed: WSPushRate"},
        {WSP_STAT_CLOSED_PING, "closed_ping_total", "counter",
         "Closed: no answer to a ping (WSPushPing)"},
        {WSP_STAT_GAPS, "gaps_total", "counter", "Gaps"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        add(out, rows[i].name, rows[i].metric, rows[i].title,
            stat[rows[i].stat]);
    }
}

static void collect(figures_t *out)
{
    wsp_registry_figures_t f;
    memset(&f, 0, sizeof f);
    wsp_registry_figures(wsp_process_registry(), &f);
    out->count = 0;
    add_stats(out, f.stat);
    add(out, "channels", "gauge", "Channels", (int64_t)f.channels);
    add(out, "messages", "gauge", "Messages in the segment",
        (int64_t)f.messages);
    add(out, "published_total", "counter", "Messages published",
        (int64_t)f.published);
    add(out, "evicted_total", "counter",
        "Messages evicted because the segment was full", (int64_t)f.evicted);
    add(out, "expired_total", "counter", "Messages expired by age",
        (int64_t)f.expired);
    add(out, "refused_total", "counter", "Publishes refused with 507",
        (int64_t)f.refused);
    add(out, "repairs_total", "counter", "Repairs after a process was killed",
        (int64_t)f.repairs);
    add(out, "segment_bytes", "gauge", "Segment size (WSPushMemory)",
        (int64_t)f.segment_bytes);
    add(out, "block_bytes", "gauge", "Bytes per block", f.block_bytes);
    add(out, "blocks", "gauge", "Blocks", (int64_t)f.blocks);
    add(out, "blocks_free", "gauge", "Blocks free", (int64_t)f.blocks_free);
    add(out, "seats", "gauge", "Seats for I/O threads", f.seats);
    add(out, "seats_taken", "gauge", "I/O threads", f.seats_taken);
    add(out, "check_time", "gauge", "Last self-check (unix time, 0: never)",
        f.check_time_s);
    add(out, "check_findings", "gauge", "Findings of the last self-check",
        f.check_findings);
}

typedef void (*seat_cb_t)(request_rec *r, unsigned index,
                          const wsp_seat_figures_t *seat, bool is_first);

static void each_seat(request_rec *r, unsigned seats, seat_cb_t cb)
{
    bool is_first = true;
    for (unsigned i = 0; i < seats; i++) {
        wsp_seat_figures_t seat;
        if (wsp_seat_figures(wsp_process_registry(), i, &seat) == APR_SUCCESS) {
            cb(r, i, &seat, is_first);
            is_first = false;
        }
    }
}

static unsigned seat_total(void)
{
    wsp_registry_options_t options;
    wsp_registry_options(wsp_process_registry(), &options);
    return options.seats;
}

/* -------------------------------------------------------------------- JSON */

static void json_seat(request_rec *r, unsigned index,
                      const wsp_seat_figures_t *seat, bool is_first)
{
    ap_rprintf(r,
               "%s\n    {\"seat\": %u, \"pid\": %d, \"connections\": "
               "%" APR_INT64_T_FMT ", \"connections_total\": %" APR_INT64_T_FMT
               ", \"deliveries\": %" APR_INT64_T_FMT
               ", \"queued_bytes\": %" APR_INT64_T_FMT
               ", \"channels\": %" APR_UINT64_T_FMT "}",
               is_first ? "" : ",", index, seat->pid, seat->connections,
               seat->connections_total, seat->deliveries, seat->queued_bytes,
               seat->channels);
}

static void print_json(request_rec *r, const figures_t *figures)
{
    ap_set_content_type(r, "application/json");
    ap_rprintf(r, "{\n  \"pid\": %d,\n", (int)getpid());
    for (unsigned i = 0; i < figures->count; i++) {
        ap_rprintf(r, "  \"%s\": %" APR_INT64_T_FMT ",\n",
                   figures->list[i].name, figures->list[i].value);
    }
    ap_rputs("  \"children\": [", r);
    each_seat(r, seat_total(), json_seat);
    ap_rputs("\n  ]\n}\n", r);
}

/* -------------------------------------------------------------- Prometheus */

static void print_prometheus(request_rec *r, const figures_t *figures)
{
    ap_set_content_type(r, "text/plain; version=0.0.4; charset=utf-8");
    for (unsigned i = 0; i < figures->count; i++) {
        const figure_t *f = &figures->list[i];
        ap_rprintf(r,
                   "# HELP wspush_%s %s\n# TYPE wspush_%s %s\n"
                   "wspush_%s %" APR_INT64_T_FMT "\n",
                   f->name, f->title, f->name, f->metric, f->name, f->value);
    }
}

/* -------------------------------------------------------------------- HTML */

static void html_seat(request_rec *r, unsigned index,
                      const wsp_seat_figures_t *seat, bool is_first)
{
    (void)is_first;
    ap_rprintf(r,
               "<tr><td>%u</td><td>%d</td><td>%" APR_INT64_T_FMT
               "</td><td>%" APR_INT64_T_FMT "</td><td>%" APR_INT64_T_FMT
               "</td><td>%" APR_INT64_T_FMT "</td><td>%" APR_UINT64_T_FMT
               "</td></tr>\n",
               index, seat->pid, seat->connections, seat->connections_total,
               seat->deliveries, seat->queued_bytes, seat->channels);
}

static void print_tables(request_rec *r, const figures_t *figures)
{
    ap_rputs("<table border=\"1\">\n", r);
    for (unsigned i = 0; i < figures->count; i++) {
        ap_rprintf(r,
                   "<tr><th align=\"left\">%s</th><td "
                   "align=\"right\">%" APR_INT64_T_FMT "</td></tr>\n",
                   figures->list[i].title, figures->list[i].value);
    }
    ap_rputs("</table>\n<p></p>\n<table border=\"1\">\n<tr><th>Seat</th>"
             "<th>PID</th><th>Clients</th><th>Taken over</th>"
             "<th>Deliveries</th><th>Bytes waiting</th><th>Channels</th>"
             "</tr>\n",
             r);
    each_seat(r, seat_total(), html_seat);
    ap_rputs("</table>\n", r);
}

static void print_html(request_rec *r, const figures_t *figures)
{
    ap_set_content_type(r, "text/html; charset=utf-8");
    ap_rputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
             "charset=\"utf-8\"><title>mod_wspush status</title></head>"
             "<body>\n<h1>mod_wspush</h1>\n",
             r);
    print_tables(r, figures);
    ap_rputs("<p><a href=\"?json\">JSON</a> <a "
             "href=\"?prometheus\">Prometheus</a> <a href=\"?check\">run the "
             "self-check</a></p>\n</body></html>\n",
             r);
}

/* ------------------------------------------------------------------- hooks */

static void finding_cb(void *r, const char *finding)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, (request_rec *)r,
                  "self-check of the shared segment: %s", finding);
}

int wsp_status_handler(request_rec *r)
{
    figures_t figures;
    if (r->handler == NULL || strcmp(r->handler, "wspush-status") != 0) {
        return DECLINED;
    }
    r->allowed |= AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (wsp_process_registry() == NULL) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    if (wsp_query_arg(r, "check") != NULL) {
        wsp_registry_check(wsp_process_registry(), finding_cb, r);
    }
    collect(&figures);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    if (wsp_query_arg(r, "prometheus") != NULL) {
        print_prometheus(r, &figures);
    }
    else if (wsp_query_arg(r, "json") != NULL || wsp_accepts_json(r)) {
        print_json(r, &figures);
    }
    else {
        print_html(r, &figures);
    }
    return OK;
}

int wsp_status_section(request_rec *r, int flags)
{
    figures_t figures;
    if (wsp_process_registry() == NULL) {
        return OK;
    }
    collect(&figures);
    if ((flags & AP_STATUS_SHORT) == 0) {
        ap_rputs("<hr>\n<h2>mod_wspush</h2>\n", r);
        print_tables(r, &figures);
        return OK;
    }
    for (unsigned i = 0; i < figures.count; i++) {
        ap_rprintf(r, "wspush_%s: %" APR_INT64_T_FMT "\n", figures.list[i].name,
                   figures.list[i].value);
    }
    return OK;
}
