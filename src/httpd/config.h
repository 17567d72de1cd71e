/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of the httpd room: what the directives set. Every directive is
 * one row of the table in directives.c; a row names the span of wsp_settings_t
 * that it fills, so that httpd's merging, the defaults and the reference page
 * all come from that one row.
 */
#ifndef WSP_HTTPD_CONFIG_H
#define WSP_HTTPD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <httpd.h>
#include <http_config.h>
#include <ap_expr.h>

#include "io/io.h"

extern module AP_MODULE_DECLARE_DATA wspush_module;

/** Channels one client may subscribe to or one publish may go to. */
#define WSP_CHANNELS_MAX 255

/** WSPush: what a place is; publish and subscribe are bits. */
typedef enum {
    WSP_MODE_OFF = 0,
    WSP_MODE_SUBSCRIBE = 1,
    WSP_MODE_PUBLISH = 2,
    WSP_MODE_PUBSUB = 3
} wsp_mode_t;

typedef enum {
    WSP_ORIGIN_SAME = 0,
    WSP_ORIGIN_ANY,
    WSP_ORIGIN_LISTED
} wsp_origin_t;

typedef enum { WSP_PLAIN_REFUSE = 0, WSP_PLAIN_PASS } wsp_plain_http_t;

/** The kind of section a WSPush stands in; the default channel id is what a
 *  request has below it. */
typedef enum {
    WSP_PLACE_SERVER = 0, /* main server or virtual host: the whole path */
    WSP_PLACE_LOCATION,   /* path below the Location */
    WSP_PLACE_DIRECTORY,  /* file name and path info below the Directory */
    WSP_PLACE_PATTERN     /* a ...Match or Files section: the whole path */
} wsp_place_t;

/** What applies to one request, after merging. Plain values and pointers into
 *  configuration pools; all zero is valid before defaults are applied. */
typedef struct {
    struct {
        wsp_mode_t mode;
        wsp_place_t kind;
        const char *path; /* of the Location or Directory, else NULL */
    } push;
    const apr_array_header_t *channels; /* of ap_expr_info_t *, or NULL */
    const char *split;                  /* or NULL */
    const ap_expr_info_t *group;        /* or NULL */
    wsp_plain_http_t plain_http;
    struct {
        uint32_t count, age_s;
    } history;
    struct {
        wsp_start_t kind;
        uint32_t count;
    } replay;
    struct {
        wsp_origin_t kind;
        const apr_array_header_t *list; /* of const char *, normalised */
    } origin;
    uint64_t max_message;
    struct {
        uint32_t interval_ms, timeout_ms;
    } ping;
    struct {
        const char *text, *reply; /* text NULL: off */
    } heartbeat;
    struct {
        uint64_t bytes;
        bool drop_oldest;
    } queue;
    struct {
        uint32_t count, per_ms, burst;
    } rate;
    uint32_t max_subscribers;
    const char *const *subprotocols; /* NULL-terminated, or NULL */
    wsp_on_message_t on_message;
    const ap_expr_info_t *welcome; /* or NULL */
    unsigned transports;           /* bits of wsp_transport_t */
} wsp_settings_t;

typedef enum { WSP_TRANSPORT_WEBSOCKET = 1 } wsp_transport_t;

/** Per-directory configuration: settings and which rows were written. */
typedef struct {
    wsp_settings_t settings;
    uint32_t is_set; /* bit i: row i of the table */
} wsp_dir_conf_t;

/** Server-wide values (main server only). */
typedef struct {
    uint64_t memory_bytes;    /* WSPushMemory */
    uint32_t io_threads;      /* WSPushIOThreads */
    uint64_t max_connections; /* WSPushMaxConnections, 0: none */
    uint32_t is_set;
} wsp_server_conf_t;

/* httpd's callbacks. @context parent (and worker for merge) */
void *wsp_config_create_dir(apr_pool_t *pool, char *dir);
void *wsp_config_merge_dir(apr_pool_t *pool, void *base, void *add);
void *wsp_config_create_server(apr_pool_t *pool, server_rec *s);

/** The command_rec array, made from the table when the module is loaded. */
extern command_rec wsp_config_commands[];
/** Parse the table's default texts into the defaults that wsp_config_of and
 *  wsp_config_server fall back to. Called at pre_config of each load.
 *  @return NULL, or which default is bad @context parent */
const char *wsp_config_defaults(apr_pool_t *pconf, apr_pool_t *ptemp);
/** Print the reference page, made from the table (reference.c).
 *  @context parent (httpd -t -D DUMP_WSPUSH_DOCS) */
void wsp_reference_print(apr_file_t *out);

/** Effective settings of a request: merged, then defaults for what nobody
 *  wrote. Lives as long as the request. @context worker */
const wsp_settings_t *wsp_config_of(request_rec *r);
/** Fill in the defaults of server-wide values. @context parent, post_config */
void wsp_config_finish_server(server_rec *main_server);
/** Effective server-wide values. @context any */
const wsp_server_conf_t *wsp_config_server(const server_rec *main_server);

/** The I/O room's view of the settings. @context worker */
void wsp_config_policy(const wsp_settings_t *settings, wsp_policy_t *policy);

#endif
