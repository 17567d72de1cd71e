/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upgrade: judges the handshake, asks every rule that must be asked while
 * there is still a request (origin, channels, who may publish, limits), fills
 * in the offer and has the connection taken over. Nothing is sent before all
 * rules are passed, so every refusal is a plain HTTP answer with its reason.
 */
#include "httpd/request.h"

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <http_protocol.h>
#include <http_ssl.h>

#include "httpd/process.h"
#include "protocol/handshake.h"
#include "protocol/utf8.h"

APLOG_USE_MODULE(wspush);

static void fill_handshake(request_rec *r, wsp_handshake_t *hs)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    memset(hs, 0, sizeof *hs);
    hs->method = r->method;
    hs->http_major = HTTP_VERSION_MAJOR(r->proto_num);
    hs->http_minor = HTTP_VERSION_MINOR(r->proto_num);
    hs->host = apr_table_get(r->headers_in, "Host");
    hs->upgrade = apr_table_get(r->headers_in, "Upgrade");
    hs->connection = apr_table_get(r->headers_in, "Connection");
    hs->version = apr_table_get(r->headers_in, "Sec-WebSocket-Version");
    hs->key = apr_table_get(r->headers_in, "Sec-WebSocket-Key");
    hs->has_body = (length != NULL && strcmp(length, "0") != 0) ||
                   apr_table_get(r->headers_in, "Transfer-Encoding") != NULL;
}

bool wsp_upgrade_is_asked(request_rec *r)
{
    wsp_handshake_t hs;
    fill_handshake(r, &hs);
    return wsp_handshake_is_asked(&hs);
}

/* The handshake itself, and connections that cannot be taken over. */
static int check_connection(request_rec *r, const char **why)
{
    /* first: what mod_http2 makes of an extended CONNECT has a body */
    if (r->connection->master != NULL) {
        *why = "WebSocket over HTTP/2 is not supported here: connect by "
               "HTTP/1.1";
        return HTTP_NOT_IMPLEMENTED;
    }
    wsp_handshake_t hs;
    fill_handshake(r, &hs);
    int status = wsp_handshake_check(&hs, why);
    if (status != 0) {
        if (status == HTTP_UPGRADE_REQUIRED) {
            apr_table_setn(r->headers_out, "Sec-WebSocket-Version", "13");
        }
        return status;
    }
    if (ap_ssl_conn_is_ssl(r->connection)) {
        *why = "WebSocket over TLS cannot be taken over from this "
               "connection";
        return HTTP_NOT_IMPLEMENTED;
    }
    if (wsp_process_io() == NULL) {
        *why = "this process could not start its I/O thread (see the error "
               "log)";
        return HTTP_SERVICE_UNAVAILABLE;
    }
    return OK;
}

/* Subprotocols: ours first in the array, but the client's order decides. */
static int choose_subprotocol(request_rec *r, const wsp_settings_t *settings,
                              wsp_offer_t *offer, const char **why)
{
    const char *asked = apr_table_get(r->headers_in, "Sec-WebSocket-Protocol");
    const char *offered[2 + 64 + 1] = {"ws+meta.wspush", "ws+meta.nchan"};
    unsigned count = 2;
    const char *const *own = settings->subprotocols;

    if (asked != NULL && !wsp_subprotocol_is_list(asked)) {
        *why = "Sec-WebSocket-Protocol is not a list of unique tokens";
        return HTTP_BAD_REQUEST;
    }
    for (; own != NULL && *own != NULL && count < 2 + 64; own++) {
        offered[count++] = *own;
    }
    const char *chosen = wsp_subprotocol_choose(asked, offered);
    if (chosen != NULL) {
        apr_table_setn(r->headers_out, "Sec-WebSocket-Protocol", chosen);
        offer->meta = chosen == offered[0]   ? WSP_META_WSPUSH
                      : chosen == offered[1] ? WSP_META_NCHAN
                                             : WSP_META_NONE;
    }
    return OK;
}

/* Where the subscriber starts: its own id before WSPushReplay. */
static int choose_start(request_rec *r, const wsp_settings_t *settings,
                        wsp_offer_t *offer, const char **why)
{
    const char *id = wsp_query_arg(r, "last_event_id");
    if (id == NULL) {
        id = apr_table_get(r->headers_in, "Last-Event-ID");
    }
    offer->start = settings->replay.kind;
    offer->start_count = settings->replay.count;
    if (id == NULL || *id == '\0') {
        return OK;
    }
    if (!wsp_id_parse(id, strlen(id), &offer->start_id)) {
        *why = "last_event_id is not an id (seconds:number)";
        return HTTP_BAD_REQUEST;
    }
    offer->start = WSP_START_AFTER;
    return OK;
}

/* What the client may do. The GET itself has passed httpd's rules. */
static int choose_rights(request_rec *r, const wsp_settings_t *settings,
                         wsp_offer_t *offer, const char **why)
{
    wsp_mode_t mode = settings->push.mode;
    offer->may_subscribe = (mode & WSP_MODE_SUBSCRIBE) != 0;
    offer->may_publish = (mode & WSP_MODE_PUBLISH) != 0 && wsp_may(r, "POST");
    offer->answers_info = mode == WSP_MODE_PUBLISH;
    offer->info_is_json = wsp_accepts_json(r);
    if (!offer->may_subscribe && !offer->may_publish) {
        *why = "publishing is not allowed to this client (its POST would be "
               "refused)";
        return HTTP_FORBIDDEN;
    }
    return OK;
}

static int check_limits(const wsp_settings_t *settings,
                        const wsp_channels_t *channels, const char **why)
{
    for (unsigned i = 0; settings->max_subscribers != 0 && i < channels->count;
         i++) {
        wsp_channel_info_t info;
        if (wsp_registry_info(wsp_process_registry(), channels->names[i],
                              &info) == APR_SUCCESS &&
            info.subscribers >= settings->max_subscribers) {
            *why = "the channel has all the subscribers it may have "
                   "(WSPushMaxSubscribers)";
            return HTTP_SERVICE_UNAVAILABLE;
        }
    }
    return OK;
}

static int make_welcome(request_rec *r, const wsp_settings_t *settings,
                        wsp_offer_t *offer, const char **why)
{
    const char *error = NULL;
    if (settings->welcome == NULL) {
        return OK;
    }
    offer->welcome = ap_expr_str_exec(r, settings->welcome, &error);
    if (error != NULL || offer->welcome == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "WSPushWelcome failed: %s",
                      error != NULL ? error : "no value");
        *why = "WSPushWelcome failed (see the error log)";
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    offer->welcome_len = strlen(offer->welcome);
    if (!wsp_utf8_is_valid((const uint8_t *)offer->welcome,
                           offer->welcome_len)) {
        *why = "the welcome made from this request is not UTF-8 "
               "(WSPushWelcome)";
        return HTTP_BAD_REQUEST;
    }
    return OK;
}

static void name_client(request_rec *r, wsp_offer_t *offer)
{
    apr_generate_random_bytes((unsigned char *)&offer->id, sizeof offer->id);
    const char *id =
        apr_psprintf(r->pool, "%016" APR_UINT64_T_HEX_FMT, offer->id);
    apr_table_setn(r->notes, WSP_NOTE_ID, id);
    apr_table_setn(r->subprocess_env, "WSPUSH_ID", id); /* for log formats */
    offer->address = apr_psprintf(r->pool, "%s:%d", r->useragent_ip,
                                  r->useragent_addr->port);
    offer->user = r->user != NULL ? r->user : "";
    offer->where = r->uri;
}

static int prepare_offer(request_rec *r, const wsp_settings_t *settings,
                         wsp_offer_t *offer, const char **why)
{
    wsp_channels_t channels = {NULL, 0};
    int status = check_connection(r, why);

    name_client(r, offer); /* first: a channel may be named after it */
    if (status == OK && !wsp_origin_is_allowed(r, settings)) {
        *why = "pages of this Origin may not connect (WSPushOrigin)";
        status = HTTP_FORBIDDEN;
    }
    if (status == OK) {
        status = wsp_channels_of(r, settings, &channels, why);
    }
    if (status == OK) {
        offer->channels = channels.names;
        offer->channel_count = channels.count;
        status = choose_subprotocol(r, settings, offer, why);
    }
    if (status == OK) {
        status = choose_start(r, settings, offer, why);
    }
    if (status == OK) {
        status = choose_rights(r, settings, offer, why);
    }
    if (status == OK) {
        status = check_limits(settings, &channels, why);
    }
    if (status == OK) {
        status = make_welcome(r, settings, offer, why);
    }
    return status;
}

int wsp_upgrade(request_rec *r, const wsp_settings_t *settings)
{
    wsp_offer_t offer;
    wsp_policy_t policy;
    char accept[WSP_ACCEPT_SIZE];
    const char *why = "";

    memset(&offer, 0, sizeof offer);
    int status = prepare_offer(r, settings, &offer, &why);
    if (status == OK) {
        wsp_config_policy(settings, &policy);
        offer.policy = &policy;
        wsp_handshake_accept(apr_table_get(r->headers_in, "Sec-WebSocket-Key"),
                             accept);
        apr_table_setn(r->headers_out, "Upgrade", "websocket");
        apr_table_setn(r->headers_out, "Connection", "Upgrade");
        apr_table_setn(r->headers_out, "Sec-WebSocket-Accept",
                       apr_pstrdup(r->pool, accept));
        status = wsp_takeover(
            r, &offer, wsp_config_server(ap_server_conf)->max_connections,
            &why);
        if (status == OK) {
            return OK;
        }
        apr_table_unset(r->headers_out, "Sec-WebSocket-Accept");
        apr_table_unset(r->headers_out, "Upgrade");
        apr_table_unset(r->headers_out, "Connection");
    }
    apr_table_unset(r->headers_out, "Sec-WebSocket-Protocol");
    return wsp_answer(r, status,
                      status == HTTP_SERVICE_UNAVAILABLE ? APLOG_WARNING
                                                         : APLOG_INFO,
                      "%s", why);
}
