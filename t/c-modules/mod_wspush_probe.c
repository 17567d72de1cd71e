/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that uses mod_wspush as any other would, through
 * include/mod_wspush.h: built and loaded by t/72-optional-functions.t.
 *
 *   SetHandler wspush-probe     ?CALL&CHANNEL[&GROUP]
 *     publish   publishes the request's headers X-Body, X-Type, X-Event
 *     info      prints the channel
 *   and every answer has a header X-Is-WebSocket.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>

#include "mod_wspush.h"

static APR_OPTIONAL_FN_TYPE(wspush_publish) * publish;
static APR_OPTIONAL_FN_TYPE(wspush_channel_info) * channel_info;
static APR_OPTIONAL_FN_TYPE(wspush_is_websocket) * is_websocket;

static void retrieve(void)
{
    publish = APR_RETRIEVE_OPTIONAL_FN(wspush_publish);
    channel_info = APR_RETRIEVE_OPTIONAL_FN(wspush_channel_info);
    is_websocket = APR_RETRIEVE_OPTIONAL_FN(wspush_is_websocket);
}

static void print(request_rec *r, apr_status_t status, const char *id,
                  const wspush_info_t *info)
{
    const char *name = status == APR_SUCCESS    ? "APR_SUCCESS"
                       : status == APR_EINVAL   ? "APR_EINVAL"
                       : status == APR_NOTFOUND ? "APR_NOTFOUND"
                       : status == APR_ENOSPC   ? "APR_ENOSPC"
                                                : "another";
    ap_set_content_type(r, "text/plain");
    ap_rprintf(r, "status %s\n", name);
    if (status == APR_SUCCESS) {
        ap_rprintf(r,
                   "id %s\nmessages %" APR_UINT64_T_FMT
                   "\nrequested %" APR_INT64_T_FMT
                   "\nsubscribers %" APR_UINT64_T_FMT "\nlast %s\n",
                   id, info->messages, info->requested, info->subscribers,
                   info->last_message_id);
    }
}

static int probe_publish(request_rec *r, const char *channel, const char *group)
{
    const char *body = apr_table_get(r->headers_in, "X-Body");
    wspush_message_t message = {0};
    wspush_info_t info = {0};
    char id[32] = "";

    message.channel = channel;
    message.group = group;
    message.body = body;
    message.body_len = body != NULL ? strlen(body) : 0;
    message.content_type = apr_table_get(r->headers_in, "X-Type");
    message.event = apr_table_get(r->headers_in, "X-Event");
    message.history_count = 10;
    if (apr_table_get(r->headers_in, "X-Mute") != NULL) {
        print(r, publish(&message, NULL, NULL), "-", &info); /* optional */
        return OK;
    }
    print(r, publish(&message, id, &info), id, &info);
    return OK;
}

static int probe_handler(request_rec *r)
{
    wspush_info_t info = {0};
    char *rest = NULL, *call, *channel, *group;

    if (r->handler == NULL || strcmp(r->handler, "wspush-probe") != 0) {
        return DECLINED;
    }
    if (publish == NULL || channel_info == NULL || r->args == NULL) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    call = apr_strtok(apr_pstrdup(r->pool, r->args), "&", &rest);
    channel = apr_strtok(NULL, "&", &rest);
    group = apr_strtok(NULL, "&", &rest);
    if (channel != NULL) {
        ap_unescape_url(channel);
    }
    if (strcmp(call, "publish") == 0) {
        return probe_publish(r, channel, group);
    }
    print(r, channel_info(group, channel, &info), "-", &info);
    return OK;
}

static int note_websocket(request_rec *r)
{
    apr_table_setn(r->headers_out, "X-Is-WebSocket",
                   is_websocket != NULL && is_websocket(r) ? "yes" : "no");
    return OK;
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_optional_fn_retrieve(retrieve, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(probe_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(note_websocket, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(wspush_probe) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0,
};
