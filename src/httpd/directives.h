/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of directives as the other files of the httpd room see it:
 * config.c turns rows into commands, defaults and merging, reference.c prints
 * them.
 */
#ifndef WSP_HTTPD_DIRECTIVES_H
#define WSP_HTTPD_DIRECTIVES_H

#include <stddef.h>

#include "httpd/config.h"

/** A directive as it was written (or its default). */
typedef struct {
    cmd_parms *cmd;
    int argc;
    const char *const *argv;
} wsp_parse_t;

typedef enum { WSP_PER_PLACE, WSP_PER_SERVER } wsp_scope_t;

typedef struct {
    const char *name;
    const char *syntax;
    int min_args, max_args;
    const char *default_text; /* goes through parse like any other */
    wsp_scope_t scope;
    size_t offset, size; /* the span that parse may write */
    /** @param to the wsp_settings_t or wsp_server_conf_t of the scope
     *  @return NULL, or what is wrong (the name is put in front) */
    const char *(*parse)(const wsp_parse_t *in, void *to);
    const char *help; /* HTML */
} wsp_directive_t;

extern const wsp_directive_t wsp_directives[];
extern const unsigned wsp_directive_count;

#endif
