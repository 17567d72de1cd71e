/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to its channels: evaluates WSPushChannel (or takes the path
 * below the place), splits, puts the group in front, refuses what could not
 * stand in a header line or a log, and drops doubles.
 */
#include "httpd/request.h"

#include <string.h>

#include <apr_strings.h>

#include "protocol/utf8.h"

typedef struct {
    request_rec *r;
    const wsp_settings_t *settings;
    const char *group; /* with its separator, or "" */
    wsp_channels_t *out;
    const char **why;
} collect_t;

/* What follows the prefix, without a first slash. */
static const char *below(const char *path, const char *prefix)
{
    size_t len = prefix != NULL ? strlen(prefix) : 0;
    if (len > 0 && strncmp(path, prefix, len) == 0) {
        path += len;
    }
    return *path == '/' ? path + 1 : path;
}

static const char *skip_name(const char *path)
{
    path += strspn(path, "/");
    return path + strcspn(path, "/");
}

/* What follows as many names as the Directory's path has: counted, not
 * compared, since its wildcards match within one name each. */
static const char *below_directory(const char *file, const char *directory)
{
    for (; directory[strspn(directory, "/")] != '\0';
         directory = skip_name(directory)) {
        file = skip_name(file);
    }
    return below(file, NULL);
}

static const char *default_id(request_rec *r, const wsp_settings_t *settings)
{
    switch (settings->push.kind) {
    case WSP_PLACE_DIRECTORY:
        return below_directory(
            apr_pstrcat(r->pool, r->filename ? r->filename : "",
                        r->path_info ? r->path_info : "", NULL),
            settings->push.path);
    case WSP_PLACE_LOCATION:
        return below(r->uri, settings->push.path);
    case WSP_PLACE_SERVER:
    case WSP_PLACE_PATTERN:
    default:
        return below(r->uri, NULL);
    }
}

bool wsp_text_is_clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return false;
        }
    }
    return wsp_utf8_is_valid((const uint8_t *)text, len);
}

static bool is_known(const wsp_channels_t *channels, wsp_bytes_t name)
{
    for (unsigned i = 0; i < channels->count; i++) {
        if (channels->names[i].len == name.len &&
            memcmp(channels->names[i].at, name.at, name.len) == 0) {
            return true;
        }
    }
    return false;
}

static int add_id(collect_t *in, const char *id)
{
    const char *full = apr_pstrcat(in->r->pool, in->group, id, NULL);
    wsp_bytes_t name = {full, strlen(full)};
    if (*id == '\0' || is_known(in->out, name)) {
        return OK;
    }
    if (!wsp_text_is_clean(id, strlen(id))) {
        *in->why = "bad channel id: control characters or not UTF-8 "
                   "(WSPushChannel)";
        return HTTP_BAD_REQUEST;
    }
    if (name.len > WSP_CHANNEL_ID_MAX) {
        *in->why = apr_psprintf(in->r->pool,
                                "bad channel id: longer than %u bytes "
                                "(WSPushChannel)",
                                WSP_CHANNEL_ID_MAX);
        return HTTP_BAD_REQUEST;
    }
    if (in->out->count == WSP_CHANNELS_MAX) {
        *in->why = apr_psprintf(in->r->pool, "more than %d channels",
                                WSP_CHANNELS_MAX);
        return HTTP_BAD_REQUEST;
    }
    in->out->names[in->out->count++] = name;
    return OK;
}

static int add_split(collect_t *in, const char *ids)
{
    const char *split = in->settings->split;
    int status = OK;
    while (status == OK && split != NULL) {
        const char *end = strstr(ids, split);
        if (end == NULL) {
            break;
        }
        status =
            add_id(in, apr_pstrmemdup(in->r->pool, ids, (size_t)(end - ids)));
        ids = end + strlen(split);
    }
    return status == OK ? add_id(in, ids) : status;
}

static const char *evaluate(collect_t *in, const ap_expr_info_t *expr)
{
    const char *error = NULL;
    const char *text = ap_expr_str_exec(in->r, expr, &error);
    if (error != NULL) {
        *in->why = apr_psprintf(in->r->pool, "expression failed: %s", error);
        return NULL;
    }
    return text != NULL ? text : "";
}

static int find_group(collect_t *in)
{
    in->group = "";
    if (in->settings->group != NULL) {
        const char *group = evaluate(in, in->settings->group);
        if (group == NULL) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        if (!wsp_text_is_clean(group, strlen(group))) {
            *in->why = "bad group: control characters or not UTF-8 "
                       "(WSPushGroup)";
            return HTTP_BAD_REQUEST;
        }
        if (*group != '\0') {
            in->group =
                apr_pstrcat(in->r->pool, group, WSP_GROUP_SEPARATOR, NULL);
        }
    }
    return OK;
}

int wsp_channels_of(request_rec *r, const wsp_settings_t *settings,
                    wsp_channels_t *channels, const char **why)
{
    collect_t in = {r, settings, "", channels, why};
    const apr_array_header_t *list = settings->channels;
    int status = find_group(&in);

    channels->count = 0;
    channels->names =
        apr_palloc(r->pool, WSP_CHANNELS_MAX * sizeof *channels->names);
    if (status == OK && list == NULL) {
        status = add_split(&in, default_id(r, settings));
    }
    for (int i = 0; status == OK && list != NULL && i < list->nelts; i++) {
        const char *ids =
            evaluate(&in, APR_ARRAY_IDX(list, i, const ap_expr_info_t *));
        status = ids == NULL ? HTTP_INTERNAL_SERVER_ERROR : add_split(&in, ids);
    }
    if (status == OK && channels->count == 0) {
        *why = "no channel id in this URL (WSPushChannel)";
        return HTTP_NOT_FOUND;
    }
    return status;
}
