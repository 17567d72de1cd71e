/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifecycle: what is made when. The shared segment is made once per parent
 * process and found again through httpd's retained data, because the module is
 * unloaded and loaded anew at each restart while segment, eventfds and history
 * stay. Each child starts its I/O threads in child_init and ends them when its
 * pool goes.
 *
 *   parent   pre_config    defaults
 *            post_config   segment: create once, attach each time
 *            child_status  a child is gone: its seats are free
 *   child    child_init    I/O threads
 *            child_stopping remembers whether the stop is graceful
 *            pool cleanup  close the clients, join the threads
 */
#include "httpd/process.h"

#include <signal.h>

#include <apr_strings.h>
#include <ap_mpm.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>

#include "httpd/config.h"

APLOG_USE_MODULE(wspush);

/* Kept for the parent's life; changed only together with its layout. */
static const char retained_key[] = "mod_wspush-1";
typedef struct {
    void *segment;
} retained_t;

/* How long a stopping child waits for its clients' answers to the close. Less
 * than the seconds after which httpd's parent sends SIGKILL. */
#define STOP_FLUSH_MS 1500u

static struct {
    wsp_registry_t *registry;
    wsp_io_t *io; /* stays after its stop: it refuses then */
    server_rec *server;
    bool is_graceful;
} process;

wsp_registry_t *wsp_process_registry(void)
{
    return process.registry;
}

wsp_io_t *wsp_process_io(void)
{
    return process.io;
}

int wsp_lifecycle_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                             apr_pool_t *ptemp)
{
    const char *error = wsp_config_defaults(pconf, ptemp);
    (void)plog;
    /* a module linked into httpd keeps its statics over a restart, but the
     * handle went with the last configuration's pool */
    process.registry = NULL;
    if (error != NULL) {
        ap_log_perror(APLOG_MARK, APLOG_CRIT, 0, ptemp, "%s", error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* ------------------------------------------------------------------ parent */

/* Seats for all I/O threads that can live at once: each slot's child and, after
 * a graceful restart, its predecessor that has not ended yet; and some more for
 * restarts that follow quickly. */
static unsigned seat_count(const wsp_server_conf_t *conf)
{
    int daemons = 1;
    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &daemons);
    unsigned children = 2 * (unsigned)(daemons > 0 ? daemons : 1) + 8;
    unsigned seats = children * conf->io_threads;
    return seats < 4096 ? seats : 4096;
}

static void warn_of_changes(const wsp_registry_options_t *wanted, server_rec *s)
{
    wsp_registry_options_t have;
    wsp_registry_options(process.registry, &have);
    if (have.segment_bytes != wanted->segment_bytes) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "WSPushMemory %" APR_SIZE_T_FMT
                     " takes effect at the next full start; until then the "
                     "segment has %" APR_SIZE_T_FMT " bytes",
                     wanted->segment_bytes, have.segment_bytes);
    }
    if (have.seats < wanted->seats) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "WSPushIOThreads: more I/O threads than at the first "
                     "start; some children may find no seat until the next "
                     "full start");
    }
}

static int open_segment(const wsp_registry_options_t *options,
                        apr_pool_t *pconf, server_rec *s)
{
    const char *why = "";
    retained_t *retained = ap_retained_data_get(retained_key);
    bool is_new = false;
    apr_status_t status = APR_SUCCESS;

    if (retained == NULL) {
        retained = ap_retained_data_create(retained_key, sizeof *retained);
    }
    if (retained->segment != NULL &&
        wsp_registry_attach(retained->segment, pconf, &process.registry,
                            &why) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "the shared segment cannot be used any more (%s): "
                     "starting with a new one, without history",
                     why);
        retained->segment = NULL;
    }
    if (retained->segment == NULL) {
        is_new = true;
        status = wsp_registry_create(options, s->process->pool,
                                     &retained->segment, &why);
        if (status == APR_SUCCESS) {
            status = wsp_registry_attach(retained->segment, pconf,
                                         &process.registry, &why);
        }
    }
    if (status != APR_SUCCESS) {
        retained->segment = NULL;
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     "WSPushMemory: no shared segment of %" APR_SIZE_T_FMT
                     " bytes: %s",
                     options->segment_bytes, why);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!is_new) {
        warn_of_changes(options, s);
    }
    return OK;
}

int wsp_lifecycle_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                              apr_pool_t *ptemp, server_rec *s)
{
    wsp_registry_options_t options;
    (void)plog;
    (void)ptemp;
    wsp_config_finish_server(s);
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG ||
        ap_state_query(AP_SQ_RUN_MODE) != AP_SQ_RM_NORMAL) {
        return OK; /* only trying the configuration */
    }
    options.segment_bytes = (size_t)wsp_config_server(s)->memory_bytes;
    options.seats = seat_count(wsp_config_server(s));
    return open_segment(&options, pconf, s);
}

void wsp_lifecycle_test_config(apr_pool_t *pconf, server_rec *s)
{
    (void)s;
    if (ap_exists_config_define("DUMP_WSPUSH_DOCS")) {
        apr_file_t *out;
        if (apr_file_open_stdout(&out, pconf) == APR_SUCCESS) {
            wsp_reference_print(out);
        }
    }
}

void wsp_lifecycle_child_status(server_rec *s, pid_t pid, ap_generation_t gen,
                                int slot, mpm_child_status state)
{
    (void)s;
    (void)pid;
    (void)gen;
    (void)slot;
    if (state != MPM_CHILD_STARTED && process.registry != NULL) {
        wsp_registry_seats_reap(process.registry);
    }
}

/* ------------------------------------------------------------------- child */

static void log_cb(void *ctx, wsp_log_level_t level, const char *text)
{
    ap_log_error(APLOG_MARK, (int)level, 0, ctx, "%s", text);
}

/* Does the clean-up run inside the handler of this signal? Only prefork does
 * that; and POSIX blocks a signal while its handler runs. */
static bool is_in_handler(int signal)
{
    int is_threaded = 0;
    sigset_t blocked;
    ap_mpm_query(AP_MPMQ_IS_THREADED, &is_threaded);
    return !is_threaded && sigprocmask(SIG_BLOCK, NULL, &blocked) == 0 &&
           sigismember(&blocked, signal) == 1;
}

/* Do the clients come back to another child? prefork does not say which end it
 * is; but it stops a child by SIGTERM and restarts it by SIGHUP, or asks it to
 * end by itself. */
static bool is_restart(void)
{
    int is_threaded = 0;
    ap_mpm_query(AP_MPMQ_IS_THREADED, &is_threaded);
    return is_threaded ? process.is_graceful : !is_in_handler(SIGTERM);
}

/* Inside a signal handler (see wsp_io_stop) nothing else may be done, not even
 * logging. */
static apr_status_t stop_cb(void *io)
{
    if (!is_restart()) {
        wsp_io_stop(io, WSP_CLOSE_GOING_AWAY, "server is stopping",
                    STOP_FLUSH_MS);
        return APR_SUCCESS;
    }
    unsigned clients = is_in_handler(SIGHUP) ? 0 : wsp_io_clients(io);
    if (clients > 0) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, process.server,
                     "this child ends (reload, or httpd needs fewer): its %u "
                     "WebSocket clients are closed with 1012 and reconnect",
                     clients);
    }
    wsp_io_stop(io, WSP_CLOSE_RESTART, "server process ends: reconnect",
                STOP_FLUSH_MS);
    return APR_SUCCESS;
}

void wsp_lifecycle_child_stopping(apr_pool_t *pchild, int graceful)
{
    (void)pchild;
    process.is_graceful = graceful != 0;
}

/* Descriptors httpd may need in this child beside our clients: one per worker
 * for its connection and one for what it serves, and its own. */
static unsigned reserved_fds(void)
{
    int threads = 1;
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return 2u * (unsigned)(threads > 0 ? threads : 1) + 64;
}

void wsp_lifecycle_child_init(apr_pool_t *pchild, server_rec *s)
{
    const char *why = "";
    wsp_io_options_t options = {
        .registry = process.registry,
        .threads = wsp_config_server(s)->io_threads,
        .reserved_fds = reserved_fds(),
        .host = {.ctx = s, .log = log_cb},
    };
    if (process.registry == NULL) {
        return;
    }
    wsp_io_t *io = NULL;
    apr_status_t status = wsp_io_start(&options, &io, &why);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, status, s,
                     "no I/O thread in this child: %s; its WebSocket clients "
                     "are refused with 503",
                     why);
        return;
    }
    process.io = io;
    process.server = s;
    apr_pool_pre_cleanup_register(pchild, io, stop_cb);
}
