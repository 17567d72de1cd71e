/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: what the command line says, checked and bounded. Filled once by
 * wsp_options_parse before anything is forked, and only read afterwards.
 */
#ifndef WSP_LOAD_OPTIONS_H
#define WSP_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "net.h"

typedef enum {
    WSP_MODE_IDLE = 0,
    WSP_MODE_SLOW,
    WSP_MODE_STORM,
    WSP_MODE_SEAM,
    WSP_MODE_VERIFY
} wsp_load_mode_t;

/* Every run ends: these are the largest values the options take. */
#define WSP_MAX_CLIENTS 100000U
#define WSP_MAX_MESSAGES 5000000U
#define WSP_MAX_PUBLISHERS 256U
#define WSP_MAX_CHANNELS 10000U
#define WSP_MAX_PROCS 16U
#define WSP_MAX_SIZE 1000000U
#define WSP_MAX_SECONDS 3600U

/** Exit codes of every mode. */
enum {
    WSP_EXIT_OK = 0,
    WSP_EXIT_VIOLATION = 1, /* the server broke a promise */
    WSP_EXIT_USAGE = 2,
    WSP_EXIT_SETUP = 3, /* could not connect, or too few children */
    WSP_EXIT_TIME = 4   /* --time was over first */
};

typedef struct {
    wsp_load_mode_t mode;
    wsp_target_t target;
    uint32_t count;              /* clients (idle, slow), rounds (seam) */
    uint32_t subs;               /* verify: subscribers at the start */
    uint32_t channels;           /* --channels */
    uint32_t multiplex;          /* channels per subscriber */
    uint32_t publishers;         /* verify */
    uint32_t messages;           /* verify, all publishers together */
    uint32_t size_min, size_max; /* bytes of a body */
    uint32_t rate;               /* messages/s of all publishers, 0: no limit */
    uint32_t children;           /* server children that must be seen */
    uint32_t per_child;          /* subscribers that each of them must serve */
    uint32_t procs;              /* client processes */
    uint32_t concurrency;        /* handshakes under way per process */
    uint32_t rcvbuf;             /* bytes, 0: the system's */
    uint32_t time_s;             /* end of everything */
    uint32_t hold_s;             /* idle, slow: 0 waits for stdin */
    bool pipeline, binary, meta, abrupt, ws_publish;
    const char *prefix; /* channels are PREFIX-0, PREFIX-1, … */
    const char *split;  /* between the ids of a multiplexed subscriber */
    const char *header; /* one more request header line, or NULL */
} wsp_load_options_t;

/**
 * Read the command line; prints what is wrong to stderr.
 * @return false: exit with WSP_EXIT_USAGE
 */
bool wsp_options_parse(wsp_load_options_t *o, int argc, char **argv);

#endif
