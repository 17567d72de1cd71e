/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint: httpd's handler. Decides by the place's mode and the method who
 * serves the request.
 *
 *   method       subscribe     publish        pubsub
 *   GET+Upgrade  socket        socket         socket
 *   GET, HEAD    plain HTTP    channel info   plain HTTP
 *   POST, PUT    405           publish        publish
 *   DELETE       405           delete         delete
 *   OPTIONS      Allow         Allow          Allow
 *
 * "plain HTTP": refused with 426, or passed on (WSPushPlainHTTP); with pass,
 * what would be a 405, and OPTIONS of a place that only subscribes, is passed
 * on as well, so that an application keeps its URL.
 * httpd's own access, authentication and authorisation ran before.
 */
#include "httpd/request.h"

#include <http_log.h>
#include <http_protocol.h>

#include "httpd/process.h"

APLOG_USE_MODULE(wspush);

static bool is_on(request_rec *r, const wsp_settings_t *settings)
{
    /* An ErrorDocument is fetched by an internal redirect that keeps the
     * status and the headers: a handshake that was refused with 401 must not
     * become a socket on the way to the page that says so. */
    return settings->push.mode != WSP_MODE_OFF && r->main == NULL &&
           !ap_is_HTTP_ERROR(r->status);
}

/* Do we answer, or (WSPushPlainHTTP pass) the next handler? */
static bool is_ours(request_rec *r, const wsp_settings_t *settings)
{
    if (settings->plain_http != WSP_PLAIN_PASS) {
        return true;
    }
    switch (r->method_number) {
    case M_GET:
        return settings->push.mode == WSP_MODE_PUBLISH ||
               wsp_upgrade_is_asked(r);
    case M_POST:
    case M_PUT:
    case M_DELETE:
    case M_OPTIONS:
        return (settings->push.mode & WSP_MODE_PUBLISH) != 0;
    default:
        return false;
    }
}

/* Keeps what is ours from modules that find a better file for a URL which is a
 * folder (mod_dir's index page) or nothing (FallbackResource, MultiViews,
 * mod_speling): they would change the URL under us. */
int wsp_endpoint_claim(request_rec *r)
{
    const wsp_settings_t *settings = wsp_config_of(r);
    if (is_on(r, settings) && is_ours(r, settings)) {
        r->finfo.filetype = APR_UNKFILE;
    }
    return DECLINED;
}

static int serve_get(request_rec *r, const wsp_settings_t *settings)
{
    if (wsp_upgrade_is_asked(r)) {
        return wsp_upgrade(r, settings);
    }
    return settings->push.mode == WSP_MODE_PUBLISH
               ? wsp_channel_info(r, settings)
               : wsp_answer(r, HTTP_UPGRADE_REQUIRED, APLOG_INFO,
                            "this URL is a WebSocket endpoint: connect with a "
                            "WebSocket client");
}

/* PUT and DELETE do no less than POST: who may not POST may do neither, so
 * that <Limit POST> has no back door. */
static int serve_publisher(request_rec *r, const wsp_settings_t *settings)
{
    if ((settings->push.mode & WSP_MODE_PUBLISH) == 0) {
        return wsp_answer_allow(r, settings, HTTP_METHOD_NOT_ALLOWED);
    }
    if (r->method_number != M_POST && !wsp_may(r, "POST")) {
        return wsp_answer(r, HTTP_FORBIDDEN, APLOG_INFO,
                          "publishing is not allowed to this client (its POST "
                          "would be refused)");
    }
    return r->method_number == M_DELETE ? wsp_channel_delete(r, settings)
                                        : wsp_publish(r, settings);
}

int wsp_endpoint_handler(request_rec *r)
{
    const wsp_settings_t *settings = wsp_config_of(r);

    if (!is_on(r, settings)) {
        return DECLINED;
    }
    if (!is_ours(r, settings)) {
        if (r->method_number == M_GET) {
            apr_table_mergen(r->headers_out, "Vary", "Upgrade");
        }
        return DECLINED;
    }
    if (wsp_process_registry() == NULL) {
        return wsp_answer(r, HTTP_SERVICE_UNAVAILABLE, APLOG_ERR,
                          "the shared segment is not there");
    }
    switch (r->method_number) {
    case M_GET: /* and HEAD */
        return serve_get(r, settings);
    case M_POST:
    case M_PUT:
    case M_DELETE:
        return serve_publisher(r, settings);
    case M_OPTIONS:
        return wsp_answer_allow(r, settings, HTTP_OK);
    default:
        return wsp_answer_allow(r, settings, HTTP_METHOD_NOT_ALLOWED);
    }
}
