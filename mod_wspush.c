/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_wspush: push for Apache httpd, without a thread per client.
 *
 * The table of contents of the module: its record and its hooks. A request
 * enters in src/httpd/endpoint.c; a client leaves httpd in src/httpd/takeover.c
 * and lives in src/io from then on; messages live in the shared segment,
 * src/registry; the wire format is in src/protocol.
 *
 *   mod_wspush.c -> src/httpd -> src/io -> src/protocol, src/registry
 */
#include <httpd.h>
#include <http_config.h>
#include <http_request.h>
#include <ap_expr.h>
#include <ap_mpm.h>
#include <apr_optional_hooks.h>
#include <mod_status.h>
#include <mpm_common.h>

#include "httpd/config.h"
#include "httpd/process.h"
#include "httpd/request.h"

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_pre_config(wsp_lifecycle_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(wsp_lifecycle_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(wsp_lifecycle_test_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(wsp_lifecycle_child_status, NULL, NULL,
                         APR_HOOK_MIDDLE);
    ap_hook_child_init(wsp_lifecycle_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_stopping(wsp_lifecycle_child_stopping, NULL, NULL,
                           APR_HOOK_MIDDLE);
    ap_hook_expr_lookup(wsp_expr_lookup, NULL, NULL, APR_HOOK_MIDDLE);
    /* before mod_negotiation, mod_dir and the like put another URL in place */
    ap_hook_type_checker(wsp_authorise_probe, NULL, NULL,
                         APR_HOOK_REALLY_FIRST);
    ap_hook_type_checker(wsp_endpoint_claim, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* before handlers that serve files: one URL may be page and socket */
    ap_hook_handler(wsp_endpoint_handler, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(wsp_status_handler, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, wsp_status_section, NULL, NULL,
                      APR_HOOK_MIDDLE);
    wsp_takeover_register();
    wsp_api_register();
}

AP_DECLARE_MODULE(wspush) = {
    STANDARD20_MODULE_STUFF, /* version, magic */
    wsp_config_create_dir,
    wsp_config_merge_dir,
    wsp_config_create_server,
    NULL, /* server values stand in the main server alone */
    wsp_config_commands,
    register_hooks,
    0,
};
