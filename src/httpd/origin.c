/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The browsers' Origin: which pages may open a socket here, publish here, or
 * read an answer. A WebSocket is not bound by the same-origin policy and a
 * form can POST anywhere, so without this any page on the web could act in the
 * name of whoever visits it (cross-site WebSocket hijacking, RFC 6455 10.2).
 */
#include "httpd/request.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_uri.h>
#include <http_core.h>
#include <http_protocol.h>

/* scheme://host[:port] in lower case, without a default port; NULL: not one */
static const char *normalise(apr_pool_t *pool, const char *text)
{
    apr_uri_t uri;
    char *lower = apr_pstrdup(pool, text);
    ap_str_tolower(lower);
    if (apr_uri_parse(pool, lower, &uri) != APR_SUCCESS || uri.scheme == NULL ||
        uri.hostname == NULL || uri.hostname[0] == 0) {
        return NULL;
    }
    if (uri.port_str != NULL && uri.port != 0 &&
        uri.port != apr_uri_port_of_scheme(uri.scheme)) {
        return apr_psprintf(pool, "%s://%s:%u", uri.scheme, uri.hostname,
                            (unsigned)uri.port);
    }
    return apr_psprintf(pool, "%s://%s", uri.scheme, uri.hostname);
}

/* The origin that a page of this very server would send. */
static bool is_same(request_rec *r, const char *origin)
{
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *own;
    if (host == NULL) {
        return false;
    }
    own = normalise(r->pool,
                    apr_pstrcat(r->pool, ap_http_scheme(r), "://", host, NULL));
    return own != NULL && strcmp(own, origin) == 0;
}

static bool is_listed(request_rec *r, const apr_array_header_t *list,
                      const char *origin)
{
    for (int i = 0; i < list->nelts; i++) {
        const char *entry = APR_ARRAY_IDX(list, i, const char *);
        if (strcmp(entry, "same") == 0) {
            if (is_same(r, origin)) {
                return true;
            }
            continue;
        }
        entry = normalise(r->pool, entry);
        if (entry != NULL && strcmp(entry, origin) == 0) {
            return true;
        }
    }
    return false;
}

bool wsp_origin_is_allowed(request_rec *r, const wsp_settings_t *settings)
{
    const char *origin = apr_table_get(r->headers_in, "Origin");
    if (origin == NULL || settings->origin.kind == WSP_ORIGIN_ANY) {
        return true;
    }
    origin = normalise(r->pool, origin); /* "null" is not an origin */
    if (origin == NULL) {
        return false;
    }
    return settings->origin.kind == WSP_ORIGIN_SAME
               ? is_same(r, origin)
               : is_listed(r, settings->origin.list, origin);
}

void wsp_origin_add_headers(request_rec *r, const wsp_settings_t *settings)
{
    const char *sent = apr_table_get(r->headers_in, "Origin");
    const char *origin = sent != NULL ? normalise(r->pool, sent) : NULL;

    if (settings->origin.kind != WSP_ORIGIN_SAME) {
        apr_table_mergen(r->headers_out, "Vary", "Origin");
    }
    if (sent == NULL || !wsp_origin_is_allowed(r, settings) ||
        (origin != NULL && is_same(r, origin))) {
        return;
    }
    apr_table_setn(r->headers_out, "Access-Control-Allow-Origin", sent);
    apr_table_setn(r->headers_out, "Access-Control-Expose-Headers",
                   "WSPush-Id");
    if (settings->origin.kind == WSP_ORIGIN_LISTED) {
        apr_table_setn(r->headers_out, "Access-Control-Allow-Credentials",
                       "true");
    }
    if (r->method_number == M_OPTIONS) {
        apr_table_setn(r->headers_out, "Access-Control-Allow-Methods",
                       (settings->push.mode & WSP_MODE_PUBLISH) != 0
                           ? "GET, POST, PUT, DELETE"
                           : "GET");
        apr_table_setn(r->headers_out, "Access-Control-Allow-Headers",
                       "Content-Type, WSPush-Event, X-EventSource-Event, "
                       "Authorization");
        apr_table_setn(r->headers_out, "Access-Control-Max-Age", "600");
    }
}
