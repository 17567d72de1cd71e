/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks httpd's own rules about another method on the same URL. A WebSocket is
 * opened by GET but publishes later, frame by frame, when no request exists any
 * more; so the question "might this client POST here?" is put once, at the
 * handshake. A sub-request walks <Location>, <Limit> and <If> again with that
 * method; httpd skips authentication in a sub-request whose configuration is
 * the parent's own, so the checks are run here in that case.
 */
#include "httpd/request.h"

#include <apr_uri.h>
#include <http_core.h>
#include <http_request.h>

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

bool wsp_may(request_rec *r, const char *method, int method_number)
{
    const char *uri =
        apr_uri_unparse(r->pool, &r->parsed_uri, APR_URI_UNP_OMITSITEPART);
    request_rec *sub = ap_sub_req_method_uri(method, uri, r, NULL);
    bool may = sub->status == HTTP_OK;

    if (may && sub->per_dir_config == r->per_dir_config) {
        sub->method_number = method_number;
        may = run_checks(sub);
    }
    ap_destroy_sub_req(sub);
    return may;
}
