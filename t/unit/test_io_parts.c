/* wsp-test-tsan */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small parts of the I/O room on their own: the rate limit, log lines, the
 * mailbox between threads, shared policies, channel info.
 */
#include <pthread.h>

#include "io/io.h"
#include "io/logline.h"
#include "io/mailbox.h"
#include "io/policy.h"
#include "io/rate.h"

#include "tap.h"

/* ---- rate ---- */

static unsigned take_all(wsp_rate_t *rate, uint64_t now_ms)
{
    unsigned taken = 0;
    while (taken < 1000 && wsp_rate_try_take(rate, now_ms, 10, 1000, 5)) {
        taken++;
    }
    return taken;
}

static void test_rate(void)
{
    wsp_rate_t rate = 0;
    unsigned taken = 0;

    is_int(take_all(&rate, 5000), 5, "a full bucket has its burst");
    is_int(take_all(&rate, 5099), 0, "and nothing before the next interval");
    is_int(take_all(&rate, 5100), 1, "then one");
    is_int(take_all(&rate, 5350), 2, "two after two and a half");
    is_int(take_all(&rate, 5400), 1, "the half was not lost");
    is_int(take_all(&rate, 900000), 5, "never more than the burst");
    for (uint64_t ms = 1000000; ms < 1010000; ms++) {
        taken += wsp_rate_try_take(&rate, ms, 10, 1000, 5);
    }
    is_int(taken, 104, "ten seconds of trying: 10 per second and the burst");
    rate = 0;
    is_int(wsp_rate_try_take(&rate, 1, 0, 0, 0), true, "0 is no limit");
    is_int(rate, 0, "and takes nothing");
    taken = 0;
    while (wsp_rate_try_take(&rate, 1000, 3, 1000, 0)) {
        taken++;
    }
    is_int(taken, 3, "without a burst it is the count");
}

/* ---- log lines ---- */

static unsigned lines;
static char last_line[2048];

static void log_cb(void *ctx, wsp_log_level_t level, const char *text)
{
    (void)ctx;
    (void)level;
    lines++;
    snprintf(last_line, sizeof last_line, "%s", text);
}

static void test_logline(void)
{
    wsp_io_host_t host = {.log = log_cb};
    wsp_logline_t log = {.host = &host};
    char text[3000];

    for (unsigned i = 0; i < 100; i++) {
        wsp_logline_write(&log, 5000 + i, WSP_LOG_INFO, "line %u", i);
    }
    is_int(lines, 10, "ten lines in a second");
    is_str(last_line, "line 9", "the first ones");
    wsp_logline_tick(&log, 6000);
    is_int(lines, 11, "then one");
    is_str(last_line, "90 more log lines about clients were left out",
           "that says how many were not");
    wsp_logline_tick(&log, 7000);
    is_int(lines, 11, "once");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    wsp_logline_write(&log, 8000, WSP_LOG_INFO, "%s", text);
    is_int(strlen(last_line), 1023, "a long line is cut");
}

/* ---- mailbox ---- */

#define SENDERS 4u
#define MAILS 20000u

typedef struct {
    wsp_mail_t mail;
    unsigned sender, number;
} letter_t;

static wsp_mailbox_t box;
static letter_t letters[SENDERS][MAILS];
static unsigned returned[SENDERS];

static void *send_all(void *arg)
{
    unsigned sender = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < MAILS; i++) {
        letter_t *letter = &letters[sender][i];
        letter->sender = sender;
        letter->number = i;
        if (wsp_mailbox_put(&box, &letter->mail) == WSP_MAIL_CLOSED) {
            returned[sender]++;
        }
    }
    return NULL;
}

typedef struct {
    unsigned next[SENDERS], wrong, count;
} seen_t;

static void read_mail(seen_t *seen, wsp_mail_t *mail)
{
    for (; mail != NULL; mail = mail->next) {
        const letter_t *letter = (const letter_t *)(void *)mail;
        seen->wrong += letter->number != seen->next[letter->sender]++;
        seen->count++;
    }
}

static void test_mailbox(void)
{
    pthread_t threads[SENDERS];
    seen_t seen = {.wrong = 0};
    wsp_mail_t first, second;
    unsigned back = 0;

    ok(wsp_mailbox_take(&box) == NULL, "a new mailbox is empty");
    is_int(wsp_mailbox_put(&box, &first), WSP_MAIL_FIRST, "the first wakes");
    is_int(wsp_mailbox_put(&box, &second), WSP_MAIL_MORE, "the second not");
    ok(wsp_mailbox_take(&box) == &first && first.next == &second,
       "oldest first");
    for (unsigned i = 0; i < SENDERS; i++) {
        pthread_create(&threads[i], NULL, send_all, (void *)(uintptr_t)i);
    }
    while (seen.count < SENDERS * MAILS / 2) {
        read_mail(&seen, wsp_mailbox_take(&box));
    }
    read_mail(&seen, wsp_mailbox_close(&box));
    for (unsigned i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        back += returned[i];
    }
    is_int(seen.wrong, 0, "each sender's mails come in its order");
    is_int(seen.count + back, SENDERS * MAILS,
           "closed in the middle: each mail is taken or refused");
    is_int(wsp_mailbox_put(&box, &first), WSP_MAIL_CLOSED, "closed for good");
}

/* ---- policies, info ---- */

static void test_policy(void)
{
    wsp_shared_policy_t *list = NULL, *a, *b, *c;
    wsp_policy_t policy;

    memset(&policy, 0, sizeof policy);
    policy.queue_bytes = 1;
    a = wsp_policy_share(&list, &policy);
    b = wsp_policy_share(&list, &policy);
    policy.queue_bytes = 2;
    c = wsp_policy_share(&list, &policy);
    ok(a == b, "equal policies are one");
    ok(a != c && c->policy.queue_bytes == 2, "others are another");
    wsp_policy_release(&list, a);
    wsp_policy_release(&list, b);
    ok(list == c && c->next == NULL, "the last user takes it away");
    wsp_policy_release(&list, c);
    ok(list == NULL, "all gone");
}

static void test_info(void)
{
    wsp_channel_info_t info = {
        .messages = 2,
        .requested_s = -1,
        .last_id = (wsp_id_t)1795215280 << WSP_ID_COUNTER_BITS | 1,
    };
    wsp_channel_info_t largest = {UINT64_MAX, INT64_MIN, UINT64_MAX,
                                  UINT64_MAX};
    char text[WSP_INFO_TEXT_SIZE];

    is_int(wsp_info_format(&info, true, text), strlen(text), "JSON length");
    is_str(text,
           "{\"messages\": 2, \"requested\": -1, \"subscribers\": 0, "
           "\"last_message_id\": \"1795215280:1\" }",
           "JSON as Nchan prints it");
    is_int(wsp_info_format(&info, false, text), strlen(text), "text length");
    is_str(text,
           "queued messages: 2\r\nlast requested: -1 sec. ago\r\n"
           "active subscribers: 0\r\nlast message id: 1795215280:1\r\n",
           "text as Nchan prints it");
    ok(wsp_info_format(&largest, true, text) == strlen(text) &&
           wsp_info_format(&largest, false, text) == strlen(text),
       "the largest numbers fit");
}

int main(void)
{
    tap_start(60);
    test_rate();
    test_logline();
    test_mailbox();
    test_policy();
    test_info();
    return done_testing();
}
