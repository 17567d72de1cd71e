/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one process of the server holds: the registry's handle and, in a child,
 * its I/O threads. And the hooks that make and end them (lifecycle.c).
 */
#ifndef WSP_HTTPD_PROCESS_H
#define WSP_HTTPD_PROCESS_H

#include <httpd.h>
#include <ap_mpm.h>

#include "io/io.h"

/** The registry, or NULL before post_config. @context any thread */
wsp_registry_t *wsp_process_registry(void);
/** This child's I/O, or NULL: it could not start (the log says why), so
 *  clients are refused with 503. @context worker */
wsp_io_t *wsp_process_io(void);

/* Hooks; see lifecycle.c. */
int wsp_lifecycle_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                             apr_pool_t *ptemp);
int wsp_lifecycle_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                              apr_pool_t *ptemp, server_rec *s);
void wsp_lifecycle_child_status(server_rec *s, pid_t pid, ap_generation_t gen,
                                int slot, mpm_child_status state);
void wsp_lifecycle_child_init(apr_pool_t *pchild, server_rec *s);
void wsp_lifecycle_child_stopping(apr_pool_t *pchild, int graceful);
void wsp_lifecycle_test_config(apr_pool_t *pconf, server_rec *s);

/* takeover.c */

/** Registers the filter that sends the 101. @context load time */
void wsp_takeover_register(void);
/**
 * Send the 101 with the headers in r->headers_out and hand the connection to
 * the I/O room. The offer's fd and early bytes are filled in here.
 * @return OK: taken over, or the client is gone; else an HTTP status, nothing
 *         has been sent and *@a why is set
 * @context worker
 */
int wsp_takeover(request_rec *r, wsp_offer_t *offer, uint64_t max_connections,
                 const char **why);

/* status.c */
int wsp_status_handler(request_rec *r);
/** mod_status' hook. */
int wsp_status_section(request_rec *r, int flags);

/* api.c */
void wsp_api_register(void);

#endif
