/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the client processes (see crew.h).
 */
#include "crew.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"

#define GRACE_S 30U /* beyond --time, for a process that nobody ends */

static unsigned seconds_left(const wsp_crew_t *crew)
{
    uint64_t now = wsp_net_now_ns();

    return now >= crew->deadline_ns
               ? 0
               : (unsigned)((crew->deadline_ns - now) / 1000000000U);
}

bool wsp_crew_add(wsp_crew_t *crew, wsp_crew_run_t *run, void *ctx)
{
    int pair[2];
    unsigned which = crew->count;
    pid_t parent = getpid();

    if (which > WSP_MAX_PROCS ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        close(pair[0]);
        close(pair[1]);
        return false;
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        signal(SIGINT, SIG_IGN); /* the coordinator decides */
        signal(SIGTERM, SIG_DFL);
        alarm(seconds_left(crew) + GRACE_S);
        close(pair[0]);
        for (unsigned i = 0; i < which; i++) {
            close(crew->hands[i].fd);
        }
        run(which, pair[1], ctx);
        _exit(0);
    }
    close(pair[1]);
    crew->hands[which].pid = pid;
    crew->hands[which].fd = pair[0];
    crew->hands[which].owes = false;
    crew->count++;
    return true;
}

bool wsp_crew_start(wsp_crew_t *crew, unsigned count, unsigned time_s,
                    wsp_crew_run_t *run, void *ctx)
{
    memset(crew, 0, sizeof(*crew));
    crew->deadline_ns = wsp_net_now_ns() + (uint64_t)time_s * 1000000000U;
    for (unsigned i = 0; i < count; i++) {
        if (!wsp_crew_add(crew, run, ctx)) {
            return false;
        }
    }
    return true;
}

void wsp_crew_tell(wsp_crew_t *crew, unsigned which, wsp_crew_op_t op,
                   uint32_t arg)
{
    wsp_crew_word_t word = {(uint32_t)op, arg};

    if (send(crew->hands[which].fd, &word, sizeof(word), MSG_NOSIGNAL) ==
        (ssize_t)sizeof(word)) {
        crew->hands[which].owes = true;
    }
}

/* @return false: one that owes an answer has died */
static bool collect(wsp_crew_t *crew, const struct pollfd *p, nfds_t n,
                    const unsigned *who)
{
    wsp_crew_word_t word;

    for (nfds_t i = 0; i < n; i++) {
        if (p[i].revents == 0) {
            continue;
        }
        if (recv(p[i].fd, &word, sizeof(word), 0) != (ssize_t)sizeof(word)) {
            return false;
        }
        crew->hands[who[i]].owes = false;
    }
    return true;
}

int wsp_crew_wait(wsp_crew_t *crew, int timeout_ms)
{
    uint64_t until = wsp_net_now_ns() + (uint64_t)timeout_ms * 1000000U;

    for (;;) {
        struct pollfd p[WSP_MAX_PROCS + 1];
        unsigned who[WSP_MAX_PROCS + 1];
        nfds_t n = 0;

        for (unsigned i = 0; i < crew->count; i++) {
            if (crew->hands[i].owes) {
                who[n] = i;
                p[n++] = (struct pollfd){crew->hands[i].fd, POLLIN, 0};
            }
        }
        if (n == 0) {
            return 1;
        }
        uint64_t now = wsp_net_now_ns();
        if (now >= crew->deadline_ns) {
            return -1;
        }
        if (now >= until) {
            return 0;
        }
        int wait = (int)((until - now) / 1000000U) + 1;
        if (poll(p, n, wait) > 0 && !collect(crew, p, n, who)) {
            return -1;
        }
    }
}

bool wsp_crew_do(wsp_crew_t *crew, unsigned count, wsp_crew_op_t op,
                 uint32_t arg)
{
    int got = 0;

    for (unsigned i = 0; i < count; i++) {
        wsp_crew_tell(crew, i, op, arg);
    }
    while (got == 0) {
        got = wsp_crew_wait(crew, 1000);
    }
    return got > 0;
}

void wsp_crew_stop(wsp_crew_t *crew)
{
    for (unsigned i = 0; i < crew->count; i++) {
        kill(crew->hands[i].pid, SIGKILL);
        close(crew->hands[i].fd);
        waitpid(crew->hands[i].pid, NULL, 0);
    }
    crew->count = 0;
}

bool wsp_crew_hear(int control, wsp_crew_word_t *word)
{
    return recv(control, word, sizeof(*word), 0) == (ssize_t)sizeof(*word);
}

void wsp_crew_answer(int control, wsp_crew_op_t op)
{
    wsp_crew_word_t word = {(uint32_t)op, 0};

    (void)!send(control, &word, sizeof(word), MSG_NOSIGNAL);
}
