/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that serve one request share: answers, the query string, the
 * Origin check, the channel ids, and who may do what. All functions run on the
 * worker thread that has the request; what they return lives in r->pool.
 */
#ifndef WSP_HTTPD_REQUEST_H
#define WSP_HTTPD_REQUEST_H

#include "httpd/config.h"

/** Separates group and id inside a channel's full name; no id can contain it,
 *  so no id can reach into a group. */
#define WSP_GROUP_SEPARATOR "\x1f"

/* ---------------------------------------------------------- answer.c */

/**
 * Answer with a status and a short text, and log why when @a level is not 0.
 * @param level APLOG_INFO for a client's mistake, APLOG_WARNING for a limit
 * @param format of the text; one line, without newline
 * @return what the handler returns
 */
int wsp_answer(request_rec *r, int status, int level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Answer with channel info in the form the client accepts. */
int wsp_answer_info(request_rec *r, int status, const wsp_channel_info_t *infos,
                    unsigned count);

/** Does Accept ask for JSON? */
bool wsp_accepts_json(request_rec *r);

/** The answer to OPTIONS, or 405; Allow in both. @param status 200 or 405 */
int wsp_answer_allow(request_rec *r, const wsp_settings_t *settings,
                     int status);

/* ----------------------------------------------------------- query.c */

/** Value of the first query argument of that name, percent-decoded.
 *  @return NULL: not there, or not decodable */
const char *wsp_query_arg(request_rec *r, const char *name);

/* ---------------------------------------------------------- origin.c */

/** May a page of this Origin use the place? True without an Origin header. */
bool wsp_origin_is_allowed(request_rec *r, const wsp_settings_t *settings);
/** CORS headers for an allowed foreign origin; Vary in any case. */
void wsp_origin_add_headers(request_rec *r, const wsp_settings_t *settings);

/* -------------------------------------------------------- channels.c */

typedef struct {
    wsp_bytes_t *names; /* full names: [group separator] id */
    unsigned count;
} wsp_channels_t;

/** Is a text UTF-8 without control characters, so that it can stand in a header
 *  line, a log, and a text frame (ws+meta.*)? @context any thread */
bool wsp_text_is_clean(const char *text, size_t len);

/** Fill in a message field (content type, event name); NULL is empty.
 *  @return false: not clean, or over WSP_FIELD_MAX
 *  @context any thread */
bool wsp_field_set(wsp_bytes_t *field, const char *text);

/** Is a message sent as a binary frame? That is what its Content-Type asks
 *  for, or what a body that is not UTF-8 needs: as a text frame it would make
 *  every client fail the connection (RFC 6455 8.1). */
bool wsp_body_is_binary(const char *type, wsp_bytes_t body);

/**
 * The channels this request is about.
 * @param why out: text for the answer
 * @return OK, or the HTTP status: 404 no id, 400 bad id or too many, 500
 */
int wsp_channels_of(request_rec *r, const wsp_settings_t *settings,
                    wsp_channels_t *channels, const char **why);

/* ------------------------------------------------------- authorise.c */

/**
 * Would httpd let the same client do @a method on the same URL? Runs the
 * place's own access, authentication and authorisation rules for that method,
 * so that <Limit POST> also guards publishing by WebSocket frame.
 */
bool wsp_may(request_rec *r, const char *method);
/** httpd's type_checker hook: the part of wsp_may that runs in its
 *  sub-request. */
int wsp_authorise_probe(request_rec *r);

/* -------------------------------------------- upgrade.c, publish.c ... */

int wsp_upgrade(request_rec *r, const wsp_settings_t *settings);
bool wsp_upgrade_is_asked(request_rec *r);
int wsp_publish(request_rec *r, const wsp_settings_t *settings);
int wsp_channel_info(request_rec *r, const wsp_settings_t *settings);
int wsp_channel_delete(request_rec *r, const wsp_settings_t *settings);
/** httpd's type_checker hook: the first after authorisation. */
int wsp_endpoint_claim(request_rec *r);
/** httpd's handler hook. */
int wsp_endpoint_handler(request_rec *r);

/* --------------------------------------------------------- expr.c */

/** Note in r->notes that %{wspush:ID} reads. */
#define WSP_NOTE_ID "wspush-id"
/** httpd's expr_lookup hook: %{wspush_arg:name} and %{wspush:ID}. */
int wsp_expr_lookup(ap_expr_lookup_parms *parms);

#endif
