/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference page of the directives, printed from the table: run by
 * `make docs` through `httpd -t -D DUMP_WSPUSH_DOCS`. A test compares the page
 * in htdocs with what this prints.
 */
#include <apr_file_io.h>
#include <apr_strings.h>

#include "httpd/directives.h"

static const char *const head =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<title>mod_wspush: directives</title>\n"
    "<link rel=\"stylesheet\" href=\"style.css\">\n</head>\n<body>\n<main>\n"
    "<h1>Directives of mod_wspush</h1>\n"
    "<p><a href=\"./\">Demo site</a></p>\n"
    "<p>Made from the module's own table by <code>make docs</code>. Sizes take "
    "K, M or G; times take ms, s, min or h, and are seconds without a unit. "
    "Expressions are those of <code>ap_expr</code>, with "
    "<code>%{wspush_arg:name}</code> (a query argument, decoded) and "
    "<code>%{wspush:ID}</code> (the connection id) in addition. A bad value is "
    "refused by <code>apachectl -t</code>.</p>\n";
static const char *const tail = "</main>\n</body>\n</html>\n";

static void print_row(apr_file_t *out, apr_pool_t *pool,
                      const wsp_directive_t *row)
{
    apr_file_printf(
        out,
        "<section id=\"%s\">\n<h2><code>%s</code></h2>\n"
        "<table>\n<tr><th>Syntax</th><td><code>%s %s</code></td></tr>\n"
        "<tr><th>Default</th><td><code>%s %s</code></td></tr>\n"
        "<tr><th>Context</th><td>%s</td></tr>\n</table>\n<p>%s</p>\n"
        "</section>\n",
        row->name, row->name, row->name, ap_escape_html(pool, row->syntax),
        row->name, ap_escape_html(pool, row->default_text),
        row->scope == WSP_PER_PLACE
            ? "server config, virtual host, directory (Location, "
              "LocationMatch, Directory, Files, If)"
            : "server config",
        row->help);
}

void wsp_reference_print(apr_file_t *out)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, NULL);
    apr_file_puts(head, out);
    apr_file_puts("<nav><ul>\n", out);
    for (unsigned i = 0; i < wsp_directive_count; i++) {
        apr_file_printf(out, "<li><a href=\"#%s\"><code>%s</code></a></li>\n",
                        wsp_directives[i].name, wsp_directives[i].name);
    }
    apr_file_puts("</ul></nav>\n", out);
    for (unsigned i = 0; i < wsp_directive_count; i++) {
        print_row(out, pool, &wsp_directives[i]);
    }
    apr_file_puts(tail, out);
    apr_pool_destroy(pool);
}
