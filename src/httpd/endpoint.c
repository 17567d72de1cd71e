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
 * "plain HTTP": refused with 426, or passed on (WSPushPlainHTTP).
 * httpd's own access, authentication and authorisation ran before.
 */
#include "httpd/request.h"

#include <http_log.h>
#include <http_protocol.h>

#include "httpd/process.h"

APLOG_USE_MODULE(wspush);

static int plain_http(request_rec *r, const wsp_settings_t *settings)
{
    if (settings->plain_http == WSP_PLAIN_PASS) {
        apr_table_mergen(r->headers_out, "Vary", "Upgrade");
        return DECLINED;
    }
    apr_table_setn(r->headers_out, "Upgrade", "websocket");
    apr_table_setn(r->headers_out, "Connection", "Upgrade");
    return wsp_answer(r, HTTP_UPGRADE_REQUIRED, APLOG_INFO,
                      "this URL is a WebSocket endpoint: connect with a "
                      "WebSocket client");
}

static int serve_get(request_rec *r, const wsp_settings_t *settings)
{
    if (wsp_upgrade_is_asked(r)) {
        return wsp_upgrade(r, settings);
    }
    return settings->push.mode == WSP_MODE_PUBLISH
               ? wsp_channel_info(r, settings)
               : plain_http(r, settings);
}

int wsp_endpoint_handler(request_rec *r)
{
    const wsp_settings_t *settings = wsp_config_of(r);
    bool publishes = (settings->push.mode & WSP_MODE_PUBLISH) != 0;

    if (settings->push.mode == WSP_MODE_OFF || r->main != NULL) {
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
        return publishes ? wsp_publish(r, settings)
               : settings->plain_http == WSP_PLAIN_PASS
                   ? DECLINED
                   : wsp_answer_allow(r, settings, HTTP_METHOD_NOT_ALLOWED);
    case M_DELETE:
        if (publishes) {
            return wsp_channel_delete(r, settings);
        }
        break;
    case M_OPTIONS:
        return wsp_answer_allow(r, settings, HTTP_OK);
    default:
        break;
    }
    return settings->plain_http == WSP_PLAIN_PASS
               ? DECLINED
               : wsp_answer_allow(r, settings, HTTP_METHOD_NOT_ALLOWED);
}
