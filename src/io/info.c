/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channel info in Nchan's two forms (wsp_info_format of io.h). Publishers over
 * HTTP and over a WebSocket get the same text, so it has one place.
 */
#include "io/io.h"

#include <inttypes.h>
#include <stdio.h>

size_t wsp_info_format(const wsp_channel_info_t *info, bool json,
                       char out[WSP_INFO_TEXT_SIZE])
{
    static const char json_form[] =
        "{\"messages\": %" PRIu64 ", \"requested\": %" PRId64
        ", \"subscribers\": %" PRIu64 ", \"last_message_id\": \"%s\" }";
    static const char text_form[] = "queued messages: %" PRIu64 "\r\n"
                                    "last requested: %" PRId64 " sec. ago\r\n"
                                    "active subscribers: %" PRIu64 "\r\n"
                                    "last message id: %s\r\n";
    char id[WSP_ID_TEXT_SIZE];
    int len;

    wsp_id_format(info->last_id, id);
    if (json) {
        len = snprintf(out, WSP_INFO_TEXT_SIZE, json_form, info->messages,
                       info->requested_s, info->subscribers, id);
    }
    else {
        len = snprintf(out, WSP_INFO_TEXT_SIZE, text_form, info->messages,
                       info->requested_s, info->subscribers, id);
    }
    return (size_t)len; /* four numbers of 20 digits fit */
}
