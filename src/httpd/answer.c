/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are not an upgrade: short texts that name the rule or the limit,
 * and channel info. An error's text is sent as it is, without ErrorDocument:
 * its readers are programs.
 */
#include "httpd/request.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

APLOG_USE_MODULE(wspush);

static void no_store(request_rec *r)
{
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
}

int wsp_answer(request_rec *r, int status, int level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = apr_pvsprintf(r->pool, format, args);
    va_end(args);

    if (level != 0) {
        ap_log_rerror(APLOG_MARK, level, 0, r, "%s %s: %d: %s", r->method,
                      r->uri, status, text);
    }
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->headers_out, "Retry-After", "5");
    }
    if (status == HTTP_UPGRADE_REQUIRED) {
        /* RFC 9110 15.5.22: must say to what */
        apr_table_setn(r->headers_out, "Upgrade", "websocket");
        apr_table_setn(r->headers_out, "Connection", "Upgrade");
    }
    if (status == HTTP_REQUEST_ENTITY_TOO_LARGE) {
        /* do not read the rest of what is too large */
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    no_store(r);
    r->status = status;
    ap_set_content_type(r, "text/plain; charset=utf-8");
    ap_rputs(text, r);
    ap_rputs("\n", r);
    return OK;
}

bool wsp_accepts_json(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    return accept != NULL && (ap_strcasestr(accept, "application/json") ||
                              ap_strcasestr(accept, "text/json"));
}

int wsp_answer_info(request_rec *r, int status, const wsp_channel_info_t *infos,
                    unsigned count)
{
    bool json = wsp_accepts_json(r);
    char text[WSP_INFO_TEXT_SIZE];

    no_store(r);
    apr_table_mergen(r->headers_out, "Vary", "Accept");
    r->status = status;
    ap_set_content_type(r, json ? "application/json"
                                : "text/plain; charset=utf-8");
    /* one channel: as Nchan prints it; several: an array, or paragraphs */
    if (json && count > 1) {
        ap_rputs("[", r);
    }
    for (unsigned i = 0; i < count; i++) {
        size_t len = wsp_info_format(&infos[i], json, text);
        if (i > 0) {
            ap_rputs(json ? ",\n" : "\n", r);
        }
        ap_rwrite(text, (int)len, r);
    }
    ap_rputs(json && count > 1 ? "]\n" : json ? "\n" : "", r);
    return OK;
}

int wsp_answer_allow(request_rec *r, const wsp_settings_t *settings, int status)
{
    bool publish = (settings->push.mode & WSP_MODE_PUBLISH) != 0;
    apr_table_setn(r->headers_out, "Allow",
                   publish ? "GET, HEAD, POST, PUT, DELETE, OPTIONS"
                           : "GET, HEAD, OPTIONS");
    if (status != HTTP_OK) {
        return wsp_answer(r, status, APLOG_INFO,
                          "%s is not allowed here: WSPush is %s", r->method,
                          publish ? "publish or pubsub" : "subscribe");
    }
    wsp_origin_add_headers(r, settings);
    r->status = HTTP_NO_CONTENT;
    return OK;
}
