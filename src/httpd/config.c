/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: makes httpd's commands, the defaults and the merging out of
 * the table of directives. A section remembers which rows were written in it;
 * merging copies those rows' spans; whatever nobody wrote is taken from the
 * defaults when a request asks.
 */
#include "httpd/config.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "httpd/directives.h"

/* One more than rows: the empty entry ends it. */
enum { COMMANDS_MAX = 33 };
command_rec wsp_config_commands[COMMANDS_MAX];

static wsp_settings_t default_settings;
static wsp_server_conf_t default_server;

/* httpd's TAKE_ARGV stops silently at 64 arguments and drops an empty last
 * one; so the line is taken raw and split here. */
static void split_args(apr_pool_t *pool, const char *line, wsp_parse_t *in)
{
    apr_array_header_t *words = apr_array_make(pool, 4, sizeof(const char *));
    while (apr_isspace(*line)) {
        line++;
    }
    while (*line != '\0') {
        APR_ARRAY_PUSH(words, const char *) = ap_getword_conf(pool, &line);
    }
    in->argc = words->nelts;
    in->argv = (const char *const *)words->elts;
}

static const char *set_cb(cmd_parms *cmd, void *dir, const char *line)
{
    const wsp_directive_t *row = cmd->info;
    wsp_parse_t in = {.cmd = cmd};
    unsigned index = (unsigned)(row - wsp_directives);
    void *to = dir;
    uint32_t *is_set = &((wsp_dir_conf_t *)dir)->is_set;
    const char *error;

    split_args(cmd->pool, line, &in);
    if (in.argc < row->min_args || in.argc > row->max_args) {
        return apr_psprintf(cmd->pool, "%s takes: %s", row->name, row->syntax);
    }
    if (row->scope == WSP_PER_SERVER) {
        wsp_server_conf_t *server =
            ap_get_module_config(cmd->server->module_config, &wspush_module);
        error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
        if (error != NULL) {
            return error;
        }
        to = server;
        is_set = &server->is_set;
    }
    else {
        error = ap_check_cmd_context(cmd, NOT_IN_HTACCESS | NOT_IN_LIMIT);
        if (error != NULL) {
            return error;
        }
        to = &((wsp_dir_conf_t *)dir)->settings;
    }
    error = row->parse(&in, to);
    if (error != NULL) {
        return apr_psprintf(cmd->pool, "%s: %s", row->name, error);
    }
    *is_set |= 1u << index;
    return NULL;
}

/* httpd reads the array when the shared object is loaded, before any hook of
 * ours could run; hence a constructor. */
__attribute__((constructor)) static void make_commands(void)
{
    for (unsigned i = 0; i < wsp_directive_count && i < COMMANDS_MAX - 1; i++) {
        command_rec *command = &wsp_config_commands[i];
        command->name = wsp_directives[i].name;
        command->func.raw_args = set_cb;
        command->cmd_data = (void *)(uintptr_t)&wsp_directives[i];
        command->req_override = RSRC_CONF | ACCESS_CONF;
        command->args_how = RAW_ARGS;
        command->errmsg = wsp_directives[i].syntax;
    }
}

static const char *parse_default(apr_pool_t *pconf, apr_pool_t *ptemp,
                                 const wsp_directive_t *row)
{
    cmd_parms cmd = {0};
    wsp_parse_t in = {.cmd = &cmd};
    cmd.pool = pconf;
    cmd.temp_pool = ptemp;
    split_args(pconf, row->default_text, &in);
    const char *error =
        row->parse(&in, row->scope == WSP_PER_PLACE ? (void *)&default_settings
                                                    : (void *)&default_server);
    /* The text lies in the pool, not in what was parsed. */
    /* cppcheck-suppress returnDanglingLifetime */
    return error;
}

const char *wsp_config_defaults(apr_pool_t *pconf, apr_pool_t *ptemp)
{
    for (unsigned i = 0; i < wsp_directive_count; i++) {
        const char *error = parse_default(pconf, ptemp, &wsp_directives[i]);
        if (error != NULL) {
            return apr_psprintf(pconf, "default of %s: %s",
                                wsp_directives[i].name, error);
        }
    }
    return NULL;
}

void *wsp_config_create_dir(apr_pool_t *pool, char *dir)
{
    (void)dir;
    return apr_pcalloc(pool, sizeof(wsp_dir_conf_t));
}

void *wsp_config_create_server(apr_pool_t *pool, server_rec *s)
{
    (void)s;
    return apr_pcalloc(pool, sizeof(wsp_server_conf_t));
}

/* Copy the spans of all rows of a scope whose bit is (or is not) set. */
static void copy_rows(wsp_scope_t scope, uint32_t rows, const void *from,
                      void *to)
{
    for (unsigned i = 0; i < wsp_directive_count; i++) {
        const wsp_directive_t *row = &wsp_directives[i];
        if (row->scope == scope && (rows >> i & 1u) != 0) {
            memcpy((char *)to + row->offset, (const char *)from + row->offset,
                   row->size);
        }
    }
}

void *wsp_config_merge_dir(apr_pool_t *pool, void *base, void *add)
{
    const wsp_dir_conf_t *from = add;
    wsp_dir_conf_t *merged = apr_pmemdup(pool, base, sizeof *merged);
    copy_rows(WSP_PER_PLACE, from->is_set, &from->settings, &merged->settings);
    merged->is_set |= from->is_set;
    return merged;
}

const wsp_settings_t *wsp_config_of(request_rec *r)
{
    const wsp_dir_conf_t *dir =
        ap_get_module_config(r->per_dir_config, &wspush_module);
    if (dir->settings.push.mode == WSP_MODE_OFF) {
        return &default_settings; /* the common case costs nothing */
    }
    wsp_settings_t *settings =
        apr_pmemdup(r->pool, &dir->settings, sizeof *settings);
    copy_rows(WSP_PER_PLACE, ~dir->is_set, &default_settings, settings);
    return settings;
}

void wsp_config_finish_server(server_rec *main_server)
{
    wsp_server_conf_t *server =
        ap_get_module_config(main_server->module_config, &wspush_module);
    copy_rows(WSP_PER_SERVER, ~server->is_set, &default_server, server);
}

const wsp_server_conf_t *wsp_config_server(const server_rec *main_server)
{
    return ap_get_module_config(main_server->module_config, &wspush_module);
}

void wsp_config_policy(const wsp_settings_t *settings, wsp_policy_t *policy)
{
    memset(policy, 0, sizeof *policy); /* compared with memcmp */
    policy->queue_bytes = settings->queue.bytes;
    policy->queue_drop_oldest = settings->queue.drop_oldest;
    policy->max_message = settings->max_message;
    policy->ping_ms = settings->ping.interval_ms;
    policy->pong_ms = settings->ping.timeout_ms;
    policy->rate_count = settings->rate.count;
    policy->rate_ms = settings->rate.per_ms;
    policy->rate_burst = settings->rate.burst;
    policy->max_subscribers = settings->max_subscribers;
    policy->history_count = settings->history.count;
    policy->history_age_s = settings->history.age_s;
    policy->on_message = settings->on_message;
    if (settings->heartbeat.text != NULL) {
        policy->has_heartbeat = true;
        policy->heartbeat_len = (uint8_t)strlen(settings->heartbeat.text);
        policy->heartbeat_reply_len =
            (uint8_t)strlen(settings->heartbeat.reply);
        memcpy(policy->heartbeat, settings->heartbeat.text,
               policy->heartbeat_len);
        memcpy(policy->heartbeat_reply, settings->heartbeat.reply,
               policy->heartbeat_reply_len);
    }
}
