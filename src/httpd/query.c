/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One argument out of the query string. Not apreq or mod_request: those want
 * the whole string parsed into tables, for a lookup of one or two names.
 */
#include "httpd/request.h"

#include <string.h>

#include <apr_escape.h>
#include <apr_strings.h>

const char *wsp_query_arg(request_rec *r, const char *name)
{
    size_t name_len = strlen(name);
    const char *at = r->args;

    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, "&");
        if (len >= name_len && strncmp(at, name, name_len) == 0 &&
            (len == name_len || at[name_len] == '=')) {
            const char *value = at + name_len + (len > name_len);
            char *raw =
                apr_pstrmemdup(r->pool, value, (size_t)(at + len - value));
            /* "+" is a space here; a slash may be part of an id */
            return apr_punescape_url(r->pool, raw, NULL, NULL, 1);
        }
        at += len;
        at += *at == '&';
    }
    return NULL;
}
