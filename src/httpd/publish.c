/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's side over HTTP: POST and PUT publish the body, GET and HEAD
 * ask about a channel, DELETE drops it. Everything here is an ordinary httpd
 * request: the worker does it and is free again.
 */
#include "httpd/request.h"

#include <string.h>

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "httpd/process.h"
#include "protocol/utf8.h"

APLOG_USE_MODULE(wspush);

static int too_large(request_rec *r, uint64_t max, const char **why)
{
    *why = apr_psprintf(r->pool,
                        "the message is larger than %" APR_UINT64_T_FMT
                        " bytes (WSPushMaxMessage)",
                        max);
    return HTTP_REQUEST_ENTITY_TOO_LARGE;
}

/* What httpd's own filters say about a body. */
static int unreadable(apr_status_t status, const char **why)
{
    int http = ap_map_http_request_error(status, HTTP_BAD_REQUEST);
    *why = http == HTTP_REQUEST_ENTITY_TOO_LARGE
               ? "the message is larger than LimitRequestBody allows"
           : http == HTTP_REQUEST_TIME_OUT
               ? "the body did not come in time (Timeout, RequestReadTimeout)"
               : "the body could not be read";
    return http;
}

/* Read the body, at most max bytes. @return OK or the HTTP status */
static int read_body(request_rec *r, uint64_t max, wsp_bytes_t *body,
                     const char **why)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    apr_bucket_brigade *all =
        apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_bucket_brigade *bb =
        apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_off_t announced, total = 0;
    bool is_done = false;

    if (length != NULL && ap_parse_strict_length(&announced, length) &&
        (uint64_t)announced > max) {
        return too_large(r, max, why); /* before it is sent */
    }
    while (!is_done) {
        apr_off_t len = 0;
        apr_status_t status =
            ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES,
                           APR_BLOCK_READ, HUGE_STRING_LEN);
        if (status == APR_SUCCESS) {
            status = apr_brigade_length(bb, 1, &len);
        }
        if (status != APR_SUCCESS) {
            return unreadable(status, why);
        }
        total += len;
        if ((uint64_t)total > max) {
            return too_large(r, max, why);
        }
        is_done =
            !APR_BRIGADE_EMPTY(bb) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb));
        /* sets aside: a filter's buffer (mod_ssl's) is its own again at the
         * next read */
        status = ap_save_brigade(NULL, &all, &bb, r->pool);
        if (status != APR_SUCCESS) {
            return unreadable(status, why);
        }
    }
    char *bytes = NULL;
    apr_size_t bytes_len = 0;
    apr_status_t status =
        apr_brigade_pflatten(all, &bytes, &bytes_len, r->pool);
    if (status != APR_SUCCESS) {
        return unreadable(status, why);
    }
    body->at = bytes != NULL ? bytes : "";
    body->len = bytes_len;
    return OK;
}

bool wsp_field_set(wsp_bytes_t *field, const char *text)
{
    field->at = text != NULL ? text : "";
    field->len = strlen(field->at);
    return field->len <= WSP_FIELD_MAX &&
           wsp_text_is_clean(field->at, field->len);
}

bool wsp_body_is_binary(const char *type, wsp_bytes_t body)
{
    static const char binary[] = "application/octet-stream";
    size_t len = sizeof binary - 1;
    if (type != NULL && ap_cstr_casecmpn(type, binary, len) == 0 &&
        (type[len] == '\0' || type[len] == ';' || type[len] == ' ')) {
        return true;
    }
    return !wsp_utf8_is_valid((const uint8_t *)body.at, body.len);
}

/* The message's headers. @return OK or 400 with why */
static int read_fields(request_rec *r, wsp_publish_t *message, const char **why)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");
    const char *event = apr_table_get(r->headers_in, "WSPush-Event");
    if (event == NULL) {
        event = apr_table_get(r->headers_in, "X-EventSource-Event");
    }
    if (!wsp_field_set(&message->content_type, type) ||
        !wsp_field_set(&message->event, event)) {
        *why = apr_psprintf(r->pool,
                            "Content-Type or event name is longer than %u "
                            "bytes, has control characters or is not UTF-8",
                            WSP_FIELD_MAX);
        return HTTP_BAD_REQUEST;
    }
    return OK;
}

static int publish_failed(request_rec *r, apr_status_t status, unsigned done,
                          unsigned count)
{
    if (status != APR_ENOSPC) {
        return wsp_answer(r, HTTP_INTERNAL_SERVER_ERROR, APLOG_ERR,
                          "could not publish (error %d)", status);
    }
    return wsp_answer(r, HTTP_INSUFFICIENT_STORAGE, APLOG_WARNING,
                      "the shared segment is full and nothing older can go "
                      "(WSPushMemory); published to %u of %u channels",
                      done, count);
}

static int publish_all(request_rec *r, const wsp_channels_t *channels,
                       wsp_publish_t *message)
{
    wsp_channel_info_t *infos =
        apr_pcalloc(r->pool, channels->count * sizeof *infos);
    bool has_subscribers = false;
    wsp_id_t id = 0;
    char text[WSP_ID_TEXT_SIZE];

    for (unsigned i = 0; i < channels->count; i++) {
        message->channel = channels->names[i];
        apr_status_t status = wsp_registry_publish(wsp_process_registry(),
                                                   message, &id, &infos[i]);
        if (status != APR_SUCCESS) {
            return publish_failed(r, status, i, channels->count);
        }
        has_subscribers |= infos[i].subscribers != 0;
    }
    wsp_id_format(id, text);
    apr_table_setn(r->headers_out, "WSPush-Id", apr_pstrdup(r->pool, text));
    return wsp_answer_info(r, has_subscribers ? HTTP_CREATED : HTTP_ACCEPTED,
                           infos, channels->count);
}

/* What all of POST, GET and DELETE ask first. */
static int find_channels(request_rec *r, const wsp_settings_t *settings,
                         wsp_channels_t *channels, const char **why)
{
    if (!wsp_origin_is_allowed(r, settings)) {
        *why = "pages of this Origin may not publish or ask here "
               "(WSPushOrigin)";
        return HTTP_FORBIDDEN;
    }
    wsp_origin_add_headers(r, settings);
    return wsp_channels_of(r, settings, channels, why);
}

int wsp_publish(request_rec *r, const wsp_settings_t *settings)
{
    wsp_channels_t channels;
    wsp_publish_t message;
    const char *why = "";

    memset(&message, 0, sizeof message);
    message.history_count = settings->history.count;
    message.history_age_s = settings->history.age_s;
    int status = find_channels(r, settings, &channels, &why);
    if (status == OK) {
        status = read_fields(r, &message, &why);
    }
    if (status == OK) {
        status = read_body(r, settings->max_message, &message.body, &why);
        if (status == AP_FILTER_ERROR || status == DONE) {
            return status; /* a filter has answered already */
        }
        message.is_binary = wsp_body_is_binary(
            apr_table_get(r->headers_in, "Content-Type"), message.body);
    }
    return status == OK ? publish_all(r, &channels, &message)
                        : wsp_answer(r, status, APLOG_INFO, "%s", why);
}

typedef apr_status_t (*query_t)(wsp_registry_t *registry, wsp_bytes_t channel,
                                wsp_channel_info_t *info);

/* Ask about, or drop, each channel; those that exist are in the answer. */
static int for_each(request_rec *r, const wsp_settings_t *settings,
                    query_t query)
{
    wsp_channels_t channels;
    const char *why = "";
    unsigned found = 0;
    int status = find_channels(r, settings, &channels, &why);
    if (status != OK) {
        return wsp_answer(r, status, APLOG_INFO, "%s", why);
    }
    wsp_channel_info_t *infos =
        apr_palloc(r->pool, channels.count * sizeof *infos);
    for (unsigned i = 0; i < channels.count; i++) {
        if (query(wsp_process_registry(), channels.names[i], &infos[found]) ==
            APR_SUCCESS) {
            found++;
        }
    }
    return found == 0 ? wsp_answer(r, HTTP_NOT_FOUND, 0, "no such channel")
                      : wsp_answer_info(r, HTTP_OK, infos, found);
}

int wsp_channel_info(request_rec *r, const wsp_settings_t *settings)
{
    return for_each(r, settings, wsp_registry_info);
}

int wsp_channel_delete(request_rec *r, const wsp_settings_t *settings)
{
    return for_each(r, settings, wsp_registry_delete);
}
