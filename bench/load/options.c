/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the command line. One table row per option: its name, where its
 * value goes, and the range it may take, so that nothing here is unbounded.
 */
#include "options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { OPT_NUMBER, OPT_FLAG, OPT_TEXT } option_kind_t;

typedef struct {
    const char *name;
    option_kind_t kind;
    size_t offset;
    uint32_t min, max;
    const char *help;
} option_row_t;

#define AT(field) offsetof(wsp_load_options_t, field)

static const option_row_t rows[] = {
    {"subs", OPT_NUMBER, AT(subs), 0, WSP_MAX_CLIENTS,
     "verify: subscribers (100)"},
    {"channels", OPT_NUMBER, AT(channels), 1, WSP_MAX_CHANNELS, "channels (1)"},
    {"multiplex", OPT_NUMBER, AT(multiplex), 1, 255,
     "channels per subscriber, needs WSPushChannelSplit (1)"},
    {"publishers", OPT_NUMBER, AT(publishers), 1, WSP_MAX_PUBLISHERS,
     "verify: publishing connections (4)"},
    {"messages", OPT_NUMBER, AT(messages), 1, WSP_MAX_MESSAGES,
     "verify: messages of all publishers together (1000)"},
    {"rate", OPT_NUMBER, AT(rate), 0, 1000000,
     "verify: messages per second, 0 as fast as it goes (0)"},
    {"children", OPT_NUMBER, AT(children), 0, 64,
     "verify: fail unless so many server children take part (0)"},
    {"per-child", OPT_NUMBER, AT(per_child), 0, WSP_MAX_CLIENTS,
     "verify: add subscribers until each of them serves so many (0)"},
    {"procs", OPT_NUMBER, AT(procs), 1, WSP_MAX_PROCS, "client processes (2)"},
    {"concurrency", OPT_NUMBER, AT(concurrency), 1, 1024,
     "handshakes under way per process (64)"},
    {"rcvbuf", OPT_NUMBER, AT(rcvbuf), 0, 1U << 20,
     "SO_RCVBUF of the clients (the system's; slow: 4096)"},
    {"time", OPT_NUMBER, AT(time_s), 1, WSP_MAX_SECONDS,
     "seconds after which everything ends (60; storm: its length, 5)"},
    {"hold", OPT_NUMBER, AT(hold_s), 0, WSP_MAX_SECONDS,
     "idle, slow: hold so long instead of until stdin ends"},
    {"pipeline", OPT_FLAG, AT(pipeline), 0, 0,
     "verify: publishers never wait for an answer"},
    {"ws-publish", OPT_FLAG, AT(ws_publish), 0, 0,
     "verify: publish by WebSocket frames instead of POST"},
    {"binary", OPT_FLAG, AT(binary), 0, 0,
     "verify: binary messages (application/octet-stream)"},
    {"meta", OPT_FLAG, AT(meta), 0, 0,
     "subscribe with ws+meta.nchan and check the ids"},
    {"abrupt", OPT_FLAG, AT(abrupt), 0, 0,
     "storm, idle: reset connections instead of closing them"},
    {"prefix", OPT_TEXT, AT(prefix), 0, 0,
     "channel names are PREFIX-0, PREFIX-1, … (a new one per run)"},
    {"split", OPT_TEXT, AT(split), 0, 0, "separator for --multiplex (,)"},
    {"header", OPT_TEXT, AT(header), 0, 0, "one more request header line"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct {
    const char *name;
    wsp_load_mode_t mode;
    bool counted;
    const char *help;
} modes[] = {
    {"idle", WSP_MODE_IDLE, true, "N clients that only answer pings"},
    {"slow", WSP_MODE_SLOW, true, "N clients that never read"},
    {"storm", WSP_MODE_STORM, false, "handshake and close, over and over"},
    {"seam", WSP_MODE_SEAM, true,
     "N times: subscribe, publish upon the 101, expect the message"},
    {"verify", WSP_MODE_VERIFY, false,
     "publish and check that each subscriber has all, once, in order"},
};

static void usage(void)
{
    fprintf(stderr, "usage: wsload MODE [N] --url http://127.0.0.1:PORT/push/ "
                    "[options]\n\nmodes:\n");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        fprintf(stderr, "  %-7s%-3s %s\n", modes[i].name,
                modes[i].counted ? "N" : "", modes[i].help);
    }
    fprintf(stderr, "\noptions:\n");
    for (size_t i = 0; i < ROWS; i++) {
        fprintf(stderr, "  --%-12s %s\n", rows[i].name, rows[i].help);
    }
    fprintf(stderr, "  --%-12s %s\n  --%-12s %s\n", "size",
            "bytes of a message, N or MIN-MAX (64)", "url",
            "the endpoint; 127.x.y.z or localhost only");
}

static bool number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value < min ||
        value > max) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

static bool parse_size(wsp_load_options_t *o, const char *text)
{
    char first[16];
    const char *dash = strchr(text, '-');
    size_t len = dash ? (size_t)(dash - text) : strlen(text);

    if (len == 0 || len >= sizeof(first)) {
        return false;
    }
    memcpy(first, text, len);
    first[len] = '\0';
    return number(first, 48, WSP_MAX_SIZE, &o->size_min) &&
           number(dash ? dash + 1 : first, o->size_min, WSP_MAX_SIZE,
                  &o->size_max);
}

/* @return arguments used (1 or 2), 0: wrong */
static int parse_row(wsp_load_options_t *o, const option_row_t *row,
                     const char *value)
{
    void *field = (char *)o + row->offset;

    if (row->kind == OPT_FLAG) {
        *(bool *)field = true;
        return 1;
    }
    if (value == NULL) {
        fprintf(stderr, "wsload: --%s needs a value\n", row->name);
        return 0;
    }
    if (row->kind == OPT_TEXT) {
        *(const char **)field = value;
        return 2;
    }
    if (!number(value, row->min, row->max, field)) {
        fprintf(stderr, "wsload: --%s %s: a number from %u to %u\n", row->name,
                value, row->min, row->max);
        return 0;
    }
    return 2;
}

static int parse_option(wsp_load_options_t *o, const char *name,
                        const char *value)
{
    const char *why = "needs a value";

    if (strcmp(name, "url") == 0) {
        if (value && wsp_net_target(value, &o->target, &why)) {
            return 2;
        }
        fprintf(stderr, "wsload: --url: %s\n", why);
        return 0;
    }
    if (strcmp(name, "size") == 0) {
        if (value && parse_size(o, value)) {
            return 2;
        }
        fprintf(stderr, "wsload: --size: N or MIN-MAX, 48 to %u\n",
                WSP_MAX_SIZE);
        return 0;
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return parse_row(o, &rows[i], value);
        }
    }
    fprintf(stderr, "wsload: no option --%s\n", name);
    return 0;
}

/* @return index of the first option in argv, 0: wrong */
static int parse_mode(wsp_load_options_t *o, int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(argv[1], modes[i].name) != 0) {
            continue;
        }
        o->mode = modes[i].mode;
        if (!modes[i].counted) {
            return 2;
        }
        return argc > 2 && number(argv[2], 1, WSP_MAX_CLIENTS, &o->count) ? 3
                                                                          : 0;
    }
    return 0;
}

static void set_defaults(wsp_load_options_t *o)
{
    static char prefix[40];

    /* Unique, so that a channel's history from an earlier run is not here. */
    snprintf(prefix, sizeof(prefix), "load%llx%x",
             (unsigned long long)(wsp_net_now_ns() / 1000000U),
             (unsigned)getpid());
    *o = (wsp_load_options_t){.subs = 100,
                              .channels = 1,
                              .multiplex = 1,
                              .publishers = 4,
                              .messages = 1000,
                              .size_min = 64,
                              .size_max = 64,
                              .procs = 2,
                              .concurrency = 64,
                              .prefix = prefix,
                              .split = ","};
}

static bool check_together(wsp_load_options_t *o)
{
    if (o->target.port == 0) {
        fprintf(stderr, "wsload: --url is missing\n");
        return false;
    }
    if (o->multiplex > o->channels) {
        fprintf(stderr, "wsload: --multiplex is more than --channels\n");
        return false;
    }
    if (o->publishers > o->messages) {
        o->publishers = o->messages;
    }
    if (o->mode == WSP_MODE_SLOW && o->rcvbuf == 0) {
        o->rcvbuf = 4096;
    }
    if (o->time_s == 0) {
        o->time_s = o->mode == WSP_MODE_STORM ? 5 : 60;
    }
    return true;
}

bool wsp_options_parse(wsp_load_options_t *o, int argc, char **argv)
{
    set_defaults(o);
    int i = parse_mode(o, argc, argv);
    if (i == 0) {
        usage();
        return false;
    }
    while (i < argc) {
        if (strncmp(argv[i], "--", 2) != 0) {
            fprintf(stderr, "wsload: what is %s?\n", argv[i]);
            return false;
        }
        int used =
            parse_option(o, argv[i] + 2, i + 1 < argc ? argv[i + 1] : NULL);
        if (used == 0) {
            return false;
        }
        i += used;
    }
    return check_together(o);
}
