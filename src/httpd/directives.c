/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directives: one table. A row has the name, the arguments' form, the
 * default, the help text and the function that parses and range-checks; and it
 * names the span of the settings that it fills. From the rows come httpd's
 * command_rec array, the defaults (each default text goes through the row's own
 * parser), merging, and the reference page, so that none can drift from
 * another.
 *
 * To add a directive: a field in config.h, a parser and a row here.
 *
 * Not here: how arguments are read (parse.c), the page's HTML (reference.c).
 */
#include "httpd/directives.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_uri.h>
#include <http_log.h>

#include "httpd/parse.h"

APLOG_USE_MODULE(wspush);

#define SPAN(type, field) offsetof(type, field), sizeof(((type *)0)->field)
#define DIR(field) WSP_PER_PLACE, SPAN(wsp_settings_t, field)
#define SERVER(field) WSP_PER_SERVER, SPAN(wsp_server_conf_t, field)

static bool is_word(const char *arg, const char *word)
{
    return ap_cstr_casecmp(arg, word) == 0;
}

/* ---------------------------------------------------------- what and where */

/* The path of a <Location> or <Directory>; NULL: a regular expression. */
static const char *section_path(apr_pool_t *pool, const ap_directive_t *section,
                                bool is_location)
{
    const char *args = section->args;
    char *path = ap_getword_conf(pool, &args);
    size_t len = strlen(path);
    if (strcmp(path, "~") == 0) {
        return NULL;
    }
    if (len > 0 && path[len - 1] == '>') {
        path[len - 1] = '\0';
    }
    if (!is_location) {
        /* as httpd itself does: without "..", "." and double slashes */
        char *canonical = NULL;
        apr_filepath_merge(&canonical, NULL, path, APR_FILEPATH_TRUENAME, pool);
        path = canonical != NULL ? canonical : path;
    }
    return path;
}

static void find_place(const wsp_parse_t *in, wsp_settings_t *out)
{
    const ap_directive_t *up =
        in->cmd->directive != NULL ? in->cmd->directive->parent : NULL;
    out->push.kind = WSP_PLACE_SERVER;
    out->push.path = NULL;
    for (; up != NULL; up = up->parent) {
        bool is_location = is_word(up->directive, "<Location");
        if (is_location || is_word(up->directive, "<Directory")) {
            out->push.path = section_path(in->cmd->pool, up, is_location);
            out->push.kind = out->push.path == NULL ? WSP_PLACE_PATTERN
                             : is_location          ? WSP_PLACE_LOCATION
                                                    : WSP_PLACE_DIRECTORY;
            return;
        }
        /* <If>, <IfModule>, <Else>, <ElseIf> have no path of their own */
        if (!is_word(up->directive, "<VirtualHost") &&
            ap_cstr_casecmpn(up->directive, "<If", 3) != 0 &&
            ap_cstr_casecmpn(up->directive, "<Else", 5) != 0) {
            out->push.kind = WSP_PLACE_PATTERN;
            return;
        }
    }
}

static const char *parse_push(const wsp_parse_t *in, void *to)
{
    static const wsp_mode_t modes[] = {WSP_MODE_OFF, WSP_MODE_SUBSCRIBE,
                                       WSP_MODE_PUBLISH, WSP_MODE_PUBSUB};
    wsp_settings_t *out = to;
    unsigned i;
    const char *error = wsp_parse_word(in->cmd->pool, in->argv[0],
                                       "off|subscribe|publish|pubsub", &i);
    if (error == NULL) {
        out->push.mode = modes[i];
        find_place(in, out);
    }
    return error;
}

static const char *parse_expr(const wsp_parse_t *in, const char *text,
                              const ap_expr_info_t **expr)
{
    const char *error;
    *expr = ap_expr_parse_cmd(in->cmd, text, AP_EXPR_FLAG_STRING_RESULT, &error,
                              NULL);
    return error == NULL
               ? NULL
               : apr_psprintf(in->cmd->pool, "'%s' is not an expression: %s",
                              text, error);
}

static const char *parse_channel(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    apr_array_header_t *list =
        apr_array_make(in->cmd->pool, in->argc, sizeof(const ap_expr_info_t *));
    out->channels = NULL;
    if (in->argc == 1 && is_word(in->argv[0], "path")) {
        return NULL;
    }
    for (int i = 0; i < in->argc; i++) {
        const ap_expr_info_t *expr;
        const char *error = parse_expr(in, in->argv[i], &expr);
        if (error != NULL) {
            return error;
        }
        APR_ARRAY_PUSH(list, const ap_expr_info_t *) = expr;
    }
    out->channels = list;
    return NULL;
}

static const char *parse_split(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    out->split = is_word(in->argv[0], "none") ? NULL : in->argv[0];
    return *in->argv[0] == '\0' ? "the separator is empty" : NULL;
}

static const char *parse_group(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    out->group = NULL;
    return is_word(in->argv[0], "none")
               ? NULL
               : parse_expr(in, in->argv[0], &out->group);
}

static const char *parse_transports(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    out->transports = 0;
    for (int i = 0; i < in->argc; i++) {
        unsigned which;
        const char *error =
            wsp_parse_word(in->cmd->pool, in->argv[i], "websocket", &which);
        if (error != NULL) {
            return error;
        }
        out->transports |= 1u << which; /* wsp_transport_t */
    }
    return NULL;
}

static const char *parse_plain_http(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    unsigned i;
    const char *error =
        wsp_parse_word(in->cmd->pool, in->argv[0], "refuse|pass", &i);
    out->plain_http = i == 1 ? WSP_PLAIN_PASS : WSP_PLAIN_REFUSE;
    return error;
}

/* ---------------------------------------------------------------- messages */

static const char *parse_history(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    uint32_t ms = 3600 * 1000;
    const char *error = wsp_parse_count(in->cmd->pool, in->argv[0], 0, 1000000,
                                        &out->history.count);
    if (error == NULL && in->argc > 1) {
        error = wsp_parse_time(in->cmd->pool, in->argv[1], 1000,
                               1000u * 3600 * 1000, &ms);
    }
    out->history.age_s = ms / 1000;
    return error;
}

static const char *parse_replay(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    out->replay.kind = WSP_START_LAST;
    if (is_word(in->argv[0], "newest")) {
        out->replay.kind = WSP_START_NEWEST;
        return NULL;
    }
    if (is_word(in->argv[0], "oldest")) {
        out->replay.count = UINT32_MAX;
        return NULL;
    }
    const char *error = wsp_parse_count(in->cmd->pool, in->argv[0], 1, 1000000,
                                        &out->replay.count);
    return error == NULL
               ? NULL
               : apr_pstrcat(in->cmd->pool, error, ", newest or oldest", NULL);
}

/* scheme://host[:port], as browsers send it: no path, lower case */
static const char *add_origin(const wsp_parse_t *in, const char *arg,
                              apr_array_header_t *list)
{
    apr_uri_t uri;
    char *lower = apr_pstrdup(in->cmd->pool, arg);
    ap_str_tolower(lower);
    if (apr_uri_parse(in->cmd->temp_pool, lower, &uri) != APR_SUCCESS ||
        uri.scheme == NULL || uri.hostname == NULL || uri.path != NULL ||
        uri.query != NULL || uri.fragment != NULL || uri.user != NULL) {
        return apr_psprintf(in->cmd->pool,
                            "'%s' is not same, any or an origin such as "
                            "https://www.example.org (scheme, host and port "
                            "only)",
                            arg);
    }
    APR_ARRAY_PUSH(list, const char *) = lower;
    return NULL;
}

static const char *parse_origin(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    apr_array_header_t *list =
        apr_array_make(in->cmd->pool, in->argc, sizeof(const char *));
    out->origin.list = list;
    if (in->argc == 1 && is_word(in->argv[0], "same")) {
        out->origin.kind = WSP_ORIGIN_SAME;
        return NULL;
    }
    if (in->argc == 1 && is_word(in->argv[0], "any")) {
        out->origin.kind = WSP_ORIGIN_ANY;
        return NULL;
    }
    out->origin.kind = WSP_ORIGIN_LISTED;
    for (int i = 0; i < in->argc; i++) {
        /* "same" beside a list: the server's own pages as well */
        if (is_word(in->argv[i], "same")) {
            APR_ARRAY_PUSH(list, const char *) = "same";
            continue;
        }
        const char *error = add_origin(in, in->argv[i], list);
        if (error != NULL) {
            return error;
        }
    }
    return NULL;
}

static const char *parse_max_message(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    return wsp_parse_size(in->cmd->pool, in->argv[0], 1, 256u << 20,
                          &out->max_message);
}

static const char *parse_on_message(const wsp_parse_t *in, void *to)
{
    static const wsp_on_message_t what[] = {
        WSP_ON_MESSAGE_PUBLISH, WSP_ON_MESSAGE_ECHO, WSP_ON_MESSAGE_DISCARD};
    wsp_settings_t *out = to;
    unsigned i;
    const char *error =
        wsp_parse_word(in->cmd->pool, in->argv[0], "publish|echo|discard", &i);
    if (error == NULL) {
        out->on_message = what[i];
    }
    return error;
}

static const char *parse_welcome(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    out->welcome = NULL;
    return is_word(in->argv[0], "none")
               ? NULL
               : parse_expr(in, in->argv[0], &out->welcome);
}

static const char *parse_subprotocols(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    out->subprotocols = NULL;
    if (in->argc == 1 && is_word(in->argv[0], "none")) {
        return NULL;
    }
    const char **list =
        apr_pcalloc(in->cmd->pool, sizeof *list * ((size_t)in->argc + 1));
    for (int i = 0; i < in->argc; i++) {
        if (*in->argv[i] == '\0' || *ap_scan_http_token(in->argv[i]) != '\0') {
            return apr_psprintf(in->cmd->pool, "'%s' is not a token",
                                in->argv[i]);
        }
        list[i] = in->argv[i];
    }
    out->subprotocols = list;
    return NULL;
}

/* ------------------------------------------------------------------ limits */

static const char *parse_ping(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    out->ping.interval_ms = 0;
    out->ping.timeout_ms = 10000;
    if (in->argc == 1 && is_word(in->argv[0], "off")) {
        return NULL;
    }
    const char *error = wsp_parse_time(in->cmd->pool, in->argv[0], 100, 3600000,
                                       &out->ping.interval_ms);
    if (error != NULL) {
        return apr_pstrcat(in->cmd->pool, error, ", or off", NULL);
    }
    return in->argc == 1 ? NULL
                         : wsp_parse_time(in->cmd->pool, in->argv[1], 100,
                                          3600000, &out->ping.timeout_ms);
}

static const char *parse_heartbeat(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    out->heartbeat.text = out->heartbeat.reply = NULL;
    if (in->argc == 1 && is_word(in->argv[0], "off")) {
        return NULL;
    }
    for (int i = 0; i < in->argc; i++) {
        size_t len = strlen(in->argv[i]);
        if (len == 0 || len > WSP_HEARTBEAT_MAX) {
            return apr_psprintf(in->cmd->pool,
                                "'%s' is not a text of 1 to %d bytes",
                                in->argv[i], WSP_HEARTBEAT_MAX);
        }
    }
    out->heartbeat.text = in->argv[0];
    out->heartbeat.reply = in->argv[in->argc > 1 ? 1 : 0];
    return NULL;
}

static const char *parse_queue(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    unsigned i = 0;
    const char *error = wsp_parse_size(in->cmd->pool, in->argv[0], 1024,
                                       1u << 30, &out->queue.bytes);
    if (error == NULL && in->argc > 1) {
        error =
            wsp_parse_word(in->cmd->pool, in->argv[1], "close|drop-oldest", &i);
    }
    out->queue.drop_oldest = i == 1;
    return error;
}

/* count/time: "10/s", "100/1min" */
static const char *parse_rate(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    memset(&out->rate, 0, sizeof out->rate);
    if (in->argc == 1 && is_word(in->argv[0], "off")) {
        return NULL;
    }
    char *count = apr_pstrdup(in->cmd->pool, in->argv[0]);
    char *slash = strchr(count, '/');
    if (slash == NULL) {
        return apr_psprintf(in->cmd->pool,
                            "'%s' is not off or count/time such as 10/s",
                            in->argv[0]);
    }
    *slash = '\0';
    const char *time = slash + 1;
    if (apr_isalpha(*time)) {
        time = apr_pstrcat(in->cmd->pool, "1", time, NULL);
    }
    const char *error =
        wsp_parse_count(in->cmd->pool, count, 1, 1000000, &out->rate.count);
    if (error == NULL) {
        error = wsp_parse_time(in->cmd->pool, time, 100, 3600000,
                               &out->rate.per_ms);
    }
    out->rate.burst = out->rate.count;
    if (error == NULL && in->argc > 1) {
        error = wsp_parse_count(in->cmd->pool, in->argv[1], 1, 1000000,
                                &out->rate.burst);
    }
    return error;
}

static const char *parse_limit(const wsp_parse_t *in, uint32_t *limit)
{
    *limit = 0;
    if (is_word(in->argv[0], "none")) {
        return NULL;
    }
    const char *error =
        wsp_parse_count(in->cmd->pool, in->argv[0], 1, 100000000, limit);
    return error == NULL ? NULL
                         : apr_pstrcat(in->cmd->pool, error, ", or none", NULL);
}

static const char *parse_max_subscribers(const wsp_parse_t *in, void *to)
{
    wsp_settings_t *out = to;
    return parse_limit(in, &out->max_subscribers);
}

static const char *parse_max_connections(const wsp_parse_t *in, void *to)
{
    wsp_server_conf_t *out = to;
    uint32_t limit;
    const char *error = parse_limit(in, &limit);
    out->max_connections = limit;
    return error;
}

static const char *parse_memory(const wsp_parse_t *in, void *to)
{
    wsp_server_conf_t *out = to;
    return wsp_parse_size(in->cmd->pool, in->argv[0], WSP_SEGMENT_MIN,
                          WSP_SEGMENT_MAX, &out->memory_bytes);
}

static const char *parse_io_threads(const wsp_parse_t *in, void *to)
{
    wsp_server_conf_t *out = to;
    return wsp_parse_count(in->cmd->pool, in->argv[0], 1, 64, &out->io_threads);
}

/* --------------------------------------------------------------- the table */

const wsp_directive_t wsp_directives[] = {
    {"WSPush", "off|subscribe|publish|pubsub", 1, 1, "off", DIR(push),
     parse_push,
     "What this place is. <code>subscribe</code>: clients receive; "
     "<code>publish</code>: applications send; <code>pubsub</code>: both. "
     "<code>Require</code> and the other access rules of httpd guard every "
     "way in."},
    {"WSPushChannel", "path|expr ...", 1, WSP_CHANNELS_MAX, "path",
     DIR(channels), parse_channel,
     "The channel ids, each an expression such as "
     "<code>\"user-%{REMOTE_USER}\"</code>, "
     "<code>\"%{env:MATCH_ROOM}\"</code> or "
     "<code>\"%{wspush_arg:id}\"</code> (a query argument). Several ids: one "
     "connection receives all of these channels, and a publish goes to each. "
     "<code>path</code>: what follows the Location's (or Directory's) path in "
     "the URL; below a <code>LocationMatch</code> or for a whole server, the "
     "whole path without its first slash. A request whose ids are all empty is "
     "answered 404; an id with control characters or over 1024 bytes, 400."},
    {"WSPushChannelSplit", "none|separator", 1, 1, "none", DIR(split),
     parse_split,
     "Splits each channel id at this text into several, 255 at most."},
    {"WSPushGroup", "none|expr", 1, 1, "none", DIR(group), parse_group,
     "Namespace of the channels: the same id in two groups is two channels."},
    {"WSPushTransports", "websocket", 1, 1, "websocket", DIR(transports),
     parse_transports, "How clients may subscribe."},
    {"WSPushPlainHTTP", "refuse|pass", 1, 1, "refuse", DIR(plain_http),
     parse_plain_http,
     "A GET that does not ask for a WebSocket: <code>refuse</code> answers "
     "426; <code>pass</code> leaves it to the next handler, so that one URL "
     "serves a page and a socket."},
    {"WSPushHistory", "count [age]", 1, 2, "100 1h", DIR(history),
     parse_history,
     "Messages kept per channel for newcomers and for those who resume, and "
     "for how long. 0 keeps none; all who are connected receive them all the "
     "same. The last publish into a channel decides. count: 0 to 1000000, age: "
     "1s to 1000h."},
    {"WSPushReplay", "newest|oldest|N", 1, 1, "newest", DIR(replay),
     parse_replay,
     "Where a subscriber starts that does not say from which id: with what "
     "comes next, with all history, or with the last N messages of each "
     "channel."},
    {"WSPushOrigin", "same|any|origin ...", 1, 255, "same", DIR(origin),
     parse_origin,
     "Which pages may connect and publish, by the Origin that browsers send. "
     "<code>same</code> may also stand in a list. Clients that send no Origin "
     "(programs, not pages) pass."},
    {"WSPushMaxMessage", "size", 1, 1, "1M", DIR(max_message),
     parse_max_message,
     "Longest message in either direction, 1 byte to 256M. Over it: 413, or "
     "close code 1009."},
    {"WSPushPing", "off|interval [timeout]", 1, 2, "30s 10s", DIR(ping),
     parse_ping,
     "A client that sent nothing for the interval is pinged; one that then "
     "sends nothing within the timeout is dropped. 100ms to 1h each."},
    {"WSPushHeartbeat", "off|text [reply]", 1, 2, "off", DIR(heartbeat),
     parse_heartbeat,
     "A text frame that equals the text is a heartbeat of the page: answered "
     "with the reply (default: the text), never published. 125 bytes at "
     "most."},
    {"WSPushQueue", "size [close|drop-oldest]", 1, 2, "1M close", DIR(queue),
     parse_queue,
     "How far a client may fall behind, 1K to 1G. Over it, it is closed with "
     "1013, or loses the oldest messages (and is told where its subprotocol "
     "can tell)."},
    {"WSPushRate", "off|count/time [burst]", 1, 2, "off", DIR(rate), parse_rate,
     "Messages a client may send, such as <code>10/s 30</code>; over it, it "
     "is closed with 1008. The burst defaults to the count."},
    {"WSPushMaxSubscribers", "none|n", 1, 1, "none", DIR(max_subscribers),
     parse_max_subscribers,
     "Subscribers per channel; over it: 503 with Retry-After."},
    {"WSPushSubprotocols", "none|token ...", 1, 64, "none", DIR(subprotocols),
     parse_subprotocols,
     "Subprotocols of the application, in addition to "
     "<code>ws+meta.wspush</code> and <code>ws+meta.nchan</code>. The first of "
     "the client's list that is known is answered."},
    {"WSPushOnMessage", "publish|echo|discard", 1, 1, "publish",
     DIR(on_message), parse_on_message,
     "What a client's message does: published to the channels (where the "
     "client may publish), sent back to it alone, or nothing."},
    {"WSPushWelcome", "none|expr", 1, 1, "none", DIR(welcome), parse_welcome,
     "The first message to each client, for instance "
     "<code>'{\"uid\":\"%{wspush:ID}\"}'</code> with its connection id."},
    {"WSPushMaxConnections", "none|n", 1, 1, "none", SERVER(max_connections),
     parse_max_connections,
     "Clients connected to the whole server; over it: 503 with Retry-After."},
    {"WSPushMemory", "size", 1, 1, "64M", SERVER(memory_bytes), parse_memory,
     "Size of the shared segment, 1M to 64G. When it is full the oldest "
     "history "
     "goes first; a publish is refused (507) only when nothing more can go. A "
     "changed size takes effect at the next full start."},
    {"WSPushIOThreads", "n", 1, 1, "1", SERVER(io_threads), parse_io_threads,
     "I/O threads per child process, 1 to 64. More than one only pays when one "
     "core cannot carry a child's clients; each takes its own copy of a "
     "message."},
};
const unsigned wsp_directive_count =
    sizeof wsp_directives / sizeof *wsp_directives;
