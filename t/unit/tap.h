/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAP for C test programs, in one header: prove(1) and the test driver read
 * the lines. Every program starts with tap_start, which sets an alarm, so that
 * a hang is a failed test and not a hung suite, and ends with
 * `return done_testing();`.
 *
 *     int main(void)
 *     {
 *         tap_start(30);
 *         ok(list_is_empty(&list), "a new list is empty");
 *         is_int(list_length(&list), 0, "its length is 0");
 *         return done_testing();
 *     }
 *
 * Call it from one thread of one process. A forked child has its own alarm to
 * set (alarms are not inherited) and tells its parent by its exit status.
 * A loop over thousands of cases counts its failures and makes one ok of them.
 */
#ifndef WSP_T_UNIT_TAP_H
#define WSP_T_UNIT_TAP_H

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    int run, failed, planned;
} tap_count;

/* Only async-signal-safe calls in here. */
static inline void tap_alarm_cb(int signo)
{
    static const char text[] = "Bail out! timed out\n";
    ssize_t n = write(STDOUT_FILENO, text, sizeof(text) - 1);
    (void)n;
    (void)signo;
    _exit(124);
}

/** Begin: @a seconds until the program is ended as hung. */
static inline void tap_start(unsigned seconds)
{
    setvbuf(stdout, NULL, _IOLBF, 0); /* lines survive a crash */
    signal(SIGALRM, tap_alarm_cb);
    alarm(seconds);
}

/** Say how many tests will come; optional, done_testing checks it. */
static inline void plan(int tests)
{
    tap_count.planned = tests;
    printf("1..%d\n", tests);
}

/** Leave at once: nothing here can be tested on this machine. */
static inline void skip_all(const char *reason)
{
    printf("1..0 # SKIP %s\n", reason);
    exit(0);
}

/** A comment line, on stderr so that prove shows it. */
__attribute__((format(printf, 1, 2))) static inline void diag(const char *fmt,
                                                              ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("# ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

/** Give up at once: what follows could not work. */
__attribute__((noreturn)) static inline void bail_out(const char *why)
{
    printf("Bail out! %s\n", why);
    exit(255);
}

__attribute__((format(printf, 4, 5))) static inline bool
tap_ok(bool passed, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    printf("%s %d - ", passed ? "ok" : "not ok", ++tap_count.run);
    vprintf(fmt, args);
    putchar('\n');
    va_end(args);
    if (!passed) {
        tap_count.failed++;
        diag("failed at %s:%d", file, line);
    }
    return passed;
}

static inline void tap_diag_int(bool passed, long long got, long long want)
{
    if (!passed) {
        diag("     got: %lld", got);
        diag("expected: %lld", want);
    }
}

static inline bool tap_str_is_equal(const char *got, const char *want)
{
    return (got && want) ? strcmp(got, want) == 0 : got == want;
}

static inline void tap_diag_str(bool passed, const char *got, const char *want)
{
    if (!passed) {
        diag("     got: %s", got ? got : "(null)");
        diag("expected: %s", want ? want : "(null)");
    }
}

static inline void tap_diag_mem(bool passed, const void *got, const void *want,
                                size_t len)
{
    const unsigned char *g = got, *w = want;
    size_t i = 0;
    if (passed || !g || !w) {
        return;
    }
    while (i < len && g[i] == w[i]) {
        i++;
    }
    diag("first difference at byte %zu of %zu", i, len);
}

/* Macros, because only they know the caller's line. Each is true if passed. */
#define ok(condition, ...)                                                     \
    tap_ok((condition) ? true : false, __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, want, ...)                                                 \
    __extension__({                                                            \
        long long tap_g = (long long)(got), tap_w = (long long)(want);         \
        bool tap_p = tap_ok(tap_g == tap_w, __FILE__, __LINE__, __VA_ARGS__);  \
        tap_diag_int(tap_p, tap_g, tap_w);                                     \
        tap_p;                                                                 \
    })

#define is_str(got, want, ...)                                                 \
    __extension__({                                                            \
        const char *tap_g = (got), *tap_w = (want);                            \
        bool tap_p = tap_ok(tap_str_is_equal(tap_g, tap_w), __FILE__,          \
                            __LINE__, __VA_ARGS__);                            \
        tap_diag_str(tap_p, tap_g, tap_w);                                     \
        tap_p;                                                                 \
    })

#define is_mem(got, want, len, ...)                                            \
    __extension__({                                                            \
        const void *tap_g = (got), *tap_w = (want);                            \
        size_t tap_n = (len);                                                  \
        bool tap_p = tap_ok(tap_n == 0 || memcmp(tap_g, tap_w, tap_n) == 0,    \
                            __FILE__, __LINE__, __VA_ARGS__);                  \
        tap_diag_mem(tap_p, tap_g, tap_w, tap_n);                              \
        tap_p;                                                                 \
    })

/** End: print the plan if none was made. @return main's exit status. */
static inline int done_testing(void)
{
    if (tap_count.planned == 0) {
        printf("1..%d\n", tap_count.run);
    }
    else if (tap_count.planned != tap_count.run) {
        diag("planned %d tests but ran %d", tap_count.planned, tap_count.run);
        return 1;
    }
    if (tap_count.failed > 0) {
        diag("failed %d of %d", tap_count.failed, tap_count.run);
    }
    return tap_count.failed == 0 && tap_count.run > 0 ? 0 : 1;
}

#endif
