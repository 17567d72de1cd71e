/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the client processes. The coordinator (the process that was
 * started) forks them, tells each what to do over a socket pair, and waits for
 * as many answers. They die with it: each has PR_SET_PDEATHSIG and an alarm.
 */
#ifndef WSP_LOAD_CREW_H
#define WSP_LOAD_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "options.h"

typedef enum {
    WSP_CREW_OPEN = 1, /* arg: so many more clients */
    WSP_CREW_READY,    /* publishers: connect (again) and warm up */
    WSP_CREW_RUN,      /* publish, or storm, or seam */
    WSP_CREW_FINISH    /* read what is left, close all */
} wsp_crew_op_t;

typedef struct {
    uint32_t op, arg;
} wsp_crew_word_t;

typedef struct {
    unsigned count;
    uint64_t deadline_ns;
    struct {
        pid_t pid;
        int fd;
        bool owes; /* an answer */
    } hands[WSP_MAX_PROCS + 1];
} wsp_crew_t;

/** What a process runs; it returns when its control descriptor is at its end.
 */
typedef void wsp_crew_run_t(unsigned which, int control, void *ctx);

bool wsp_crew_start(wsp_crew_t *crew, unsigned count, unsigned time_s,
                    wsp_crew_run_t *run, void *ctx);

/** Fork one more process, which runs something else. */
bool wsp_crew_add(wsp_crew_t *crew, wsp_crew_run_t *run, void *ctx);

void wsp_crew_tell(wsp_crew_t *crew, unsigned which, wsp_crew_op_t op,
                   uint32_t arg);

/** Wait up to @a timeout_ms for the answers that are still owed.
 *  @return 1: all are there, 0: not yet, -1: time is over or one has died */
int wsp_crew_wait(wsp_crew_t *crew, int timeout_ms);

/** Tell the first @a count processes, and wait until --time. */
bool wsp_crew_do(wsp_crew_t *crew, unsigned count, wsp_crew_op_t op,
                 uint32_t arg);

/** End all processes and collect them. */
void wsp_crew_stop(wsp_crew_t *crew);

/* In a process of the crew: read a command (false: the end), answer it. */
bool wsp_crew_hear(int control, wsp_crew_word_t *word);
void wsp_crew_answer(int control, wsp_crew_op_t op);

#endif
