/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The optional functions of include/mod_wspush.h: checks what another module
 * passes as strictly as what a client sends, and translates.
 */
#include "mod_wspush.h"

#include <string.h>

#include <apr_strings.h>

#include "httpd/process.h"
#include "httpd/request.h"

/* Full name of a channel into @a out. */
static bool to_name(const char *group, const char *channel,
                    char out[WSP_CHANNEL_ID_MAX + 1], wsp_bytes_t *name)
{
    size_t used = 0;
    size_t len = channel != NULL ? strlen(channel) : 0;
    if (group != NULL && *group != '\0') {
        used = strlen(group) + 1;
    }
    if (len == 0 || used + len > WSP_CHANNEL_ID_MAX) {
        return false;
    }
    if (used > 0) {
        memcpy(out, group, used - 1);
        out[used - 1] = WSP_GROUP_SEPARATOR[0];
    }
    memcpy(out + used, channel, len);
    if (!wsp_text_is_clean(channel, len) ||
        (used > 0 && !wsp_text_is_clean(group, used - 1))) {
        return false;
    }
    name->at = out;
    name->len = used + len;
    return true;
}

static void to_info(const wsp_channel_info_t *from, wspush_info_t *to)
{
    to->messages = from->messages;
    to->requested = from->requested_s;
    to->subscribers = from->subscribers;
    to->last_message_id[0] = '\0';
    if (from->last_id != 0) {
        wsp_id_format(from->last_id, to->last_message_id);
    }
}

static apr_status_t wspush_publish(const wspush_message_t *message,
                                   char id[WSP_ID_TEXT_SIZE],
                                   wspush_info_t *info)
{
    char name[WSP_CHANNEL_ID_MAX + 1];
    wsp_publish_t out;
    wsp_channel_info_t after;
    wsp_id_t number;

    if (wsp_process_registry() == NULL) {
        return APR_ENOTIMPL;
    }
    memset(&out, 0, sizeof out);
    if (!to_name(message->group, message->channel, name, &out.channel) ||
        !wsp_field_set(&out.content_type, message->content_type) ||
        !wsp_field_set(&out.event, message->event)) {
        return APR_EINVAL;
    }
    out.body.at = message->body != NULL ? message->body : "";
    out.body.len = message->body_len;
    out.is_binary = wsp_body_is_binary(message->content_type, out.body);
    out.history_count = message->history_count;
    out.history_age_s = message->history_age;
    apr_status_t status =
        wsp_registry_publish(wsp_process_registry(), &out, &number, &after);
    if (status == APR_SUCCESS && id != NULL) {
        wsp_id_format(number, id);
    }
    if (status == APR_SUCCESS && info != NULL) {
        to_info(&after, info);
    }
    return status;
}

static apr_status_t wspush_channel_info(const char *group, const char *channel,
                                        wspush_info_t *info)
{
    char buffer[WSP_CHANNEL_ID_MAX + 1];
    wsp_bytes_t name;
    wsp_channel_info_t found;
    if (wsp_process_registry() == NULL) {
        return APR_ENOTIMPL;
    }
    if (!to_name(group, channel, buffer, &name)) {
        return APR_EINVAL;
    }
    apr_status_t status =
        wsp_registry_info(wsp_process_registry(), name, &found);
    if (status == APR_SUCCESS) {
        to_info(&found, info);
    }
    return status;
}

static int wspush_is_websocket(request_rec *r)
{
    return wsp_config_of(r)->push.mode != WSP_MODE_OFF &&
           r->method_number == M_GET && wsp_upgrade_is_asked(r);
}

void wsp_api_register(void)
{
    APR_REGISTER_OPTIONAL_FN(wspush_publish);
    APR_REGISTER_OPTIONAL_FN(wspush_channel_info);
    APR_REGISTER_OPTIONAL_FN(wspush_is_websocket);
}
