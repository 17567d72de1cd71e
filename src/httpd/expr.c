/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions for httpd's expressions: %{wspush_arg:name} is a query argument
 * (decoded; empty when it is not there), %{wspush:ID} the connection id of the
 * client that is being taken over.
 */
#include "httpd/request.h"

#include <string.h>

static const char *arg_cb(ap_expr_eval_ctx_t *ctx, const void *data,
                          const char *arg)
{
    (void)data;
    const char *value =
        ctx->r != NULL && arg != NULL ? wsp_query_arg(ctx->r, arg) : NULL;
    return value != NULL ? value : "";
}

static const char *wspush_cb(ap_expr_eval_ctx_t *ctx, const void *data,
                             const char *arg)
{
    (void)data;
    const char *id = NULL;
    if (ctx->r != NULL && arg != NULL && strcmp(arg, "ID") == 0) {
        id = apr_table_get(ctx->r->notes, WSP_NOTE_ID);
    }
    return id != NULL ? id : "";
}

int wsp_expr_lookup(ap_expr_lookup_parms *parms)
{
    static const struct {
        const char *name;
        ap_expr_string_func_t *func;
    } functions[] = {{"wspush_arg", arg_cb}, {"wspush", wspush_cb}};

    if (parms->type != AP_EXPR_FUNC_STRING) {
        return DECLINED;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcasecmp(parms->name, functions[i].name) == 0) {
            /* httpd's interface stores all function kinds as void * */
            ap_expr_string_func_t *func = functions[i].func;
            memcpy(parms->func, &func, sizeof func);
            *parms->data = NULL;
            return OK;
        }
    }
    return DECLINED;
}
