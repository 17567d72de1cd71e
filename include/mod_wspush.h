/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_wspush.h
 * What other modules may call. Get a function with APR_RETRIEVE_OPTIONAL_FN
 * (in post_config or later) and check it for NULL: mod_wspush need not be
 * loaded.
 *
 *   APR_OPTIONAL_FN_TYPE(wspush_publish) *publish =
 *       APR_RETRIEVE_OPTIONAL_FN(wspush_publish);
 */
#ifndef MOD_WSPUSH_H
#define MOD_WSPUSH_H

#include <apr_optional.h>
#include <httpd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A message to publish; zero what is not needed. */
typedef struct {
    const char *group;   /**< namespace (WSPushGroup), or NULL */
    const char *channel; /**< channel id, NUL-terminated */
    const char *body;
    apr_size_t body_len;
    const char *content_type; /**< or NULL; application/octet-stream is sent as
                                   a binary frame */
    const char *event;        /**< event name, or NULL */
    apr_uint32_t history_count; /**< messages the channel keeps */
    apr_uint32_t history_age;   /**< seconds, 0: no limit */
} wspush_message_t;

/** A channel, as GET shows it. */
typedef struct {
    apr_uint64_t messages;
    apr_int64_t requested; /**< seconds since a subscriber came, -1: never */
    apr_uint64_t subscribers;
    char last_message_id[32]; /**< "seconds:n", or "" */
} wspush_info_t;

/**
 * Publish. Any thread of any httpd process; does not block on clients.
 * @param id   out: the message's id, or NULL
 * @param info out: the channel after it, or NULL
 * @return APR_SUCCESS; APR_EINVAL: no or bad channel id, a field with control
 *         characters or too long; APR_ENOSPC: segment full (WSPushMemory);
 *         APR_ENOTIMPL: no segment in this process
 */
APR_DECLARE_OPTIONAL_FN(apr_status_t, wspush_publish,
                        (const wspush_message_t *message, char id[32],
                         wspush_info_t *info));

/** Ask about a channel. @return APR_NOTFOUND: neither message nor
 *  subscriber; otherwise as wspush_publish. */
APR_DECLARE_OPTIONAL_FN(apr_status_t, wspush_channel_info,
                        (const char *group, const char *channel,
                         wspush_info_t *info));

/** Does this request ask for a WebSocket at a place where clients may
 *  subscribe or publish? @return 1 or 0 */
APR_DECLARE_OPTIONAL_FN(int, wspush_is_websocket, (request_rec * r));

#ifdef __cplusplus
}
#endif

#endif
