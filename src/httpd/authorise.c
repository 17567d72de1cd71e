/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks httpd's own rules about another method on the same URL. A WebSocket is
 * opened by GET but publishes later, frame by frame, when no request exists any
 * more; so the question "might this client POST here?" is put once, at the
 * handshake. A sub-request walks <Location>, <Limit> and <If> again with that
 * method; httpd skips authentication in a sub-request whose configuration is
 * the parent's own, so the checks are run here in that case, in the first hook
 * after httpd's own.
 */
#include "httpd/request.h"

#include <apr_uri.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>

/* Set on the request while its sub-request asks. */
static const char note_asks[] = "wspush-asks";

/* The order in which httpd itself asks for a main request. */
static bool run_checks(request_rec *r)
{
    int access = ap_run_access_checker(r);
    if (ap_satisfies(r) == SATISFY_ANY) {
        if (access == OK) {
            return true;
        }
    }
    else if (access != OK) {
        return false;
    }
    access = ap_run_access_checker_ex(r);
    if (access == OK && ap_run_force_authn(r) != OK) {
        return true;
    }
    return (access == OK || access == DECLINED) &&
           ap_run_check_user_id(r) == OK && r->user != NULL &&
           ap_run_auth_checker(r) == OK;
}

/* Here and not after the sub-request: mod_negotiation and mod_dir may then have
 * put another file's configuration in the place of ours. */
int wsp_authorise_probe(request_rec *r)
{
    /* a "no" is no error here: one per subscriber would fill the log */
    static const struct ap_logconf quiet = {NULL, APLOG_CRIT};

    if (r->main == NULL || apr_table_get(r->main->notes, note_asks) == NULL ||
        r->per_dir_config != r->main->per_dir_config) {
        return DECLINED;
    }
    r->log = &quiet;
    return run_checks(r) ? DECLINED : HTTP_FORBIDDEN;
}

bool wsp_may(request_rec *r, const char *method)
{
    const char *uri =
        apr_uri_unparse(r->pool, &r->parsed_uri, APR_URI_UNP_OMITSITEPART);

    apr_table_setn(r->notes, note_asks, method);
    request_rec *sub = ap_sub_req_method_uri(method, uri, r, NULL);
    bool may = sub->status == HTTP_OK;
    ap_destroy_sub_req(sub);
    apr_table_unset(r->notes, note_asks);
    return may;
}
