/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Take-over: the moment at which a connection stops being httpd's. The worker
 * runs the 101 through the request's filters, so that mod_headers and the
 * access log see a response like any other; the descriptor is duplicated; and
 * the connection is marked aborted, which makes httpd close its own descriptor
 * without shutdown(2), clear the pool and free the worker. The duplicate lives
 * on in the I/O room.
 *
 *   handler          httpd                       conn pool cleared
 *   -------          -----                       -----------------
 *   early bytes      logs the request (EOR)      submit: I/O thread
 *   dup, prepare     close(its descriptor)       joins the channels,
 *   101's text,                                  arms the duplicate,
 *   aborted                                      sends the 101
 *
 * Submitting waits for the pool's end because until then httpd's filters may
 * still touch the socket: two readers of one stream would split it. And the
 * text is sent by the I/O thread, not here, because a client that has seen the
 * 101 expects to hear what is published from then on: it must have joined.
 */
#include "httpd/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <apr_optional.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "httpd/config.h"

APLOG_USE_MODULE(wspush);

/* A client may send frames right behind its request, though it should wait for
 * the 101. More than this before the answer is not a client's business. */
#define EARLY_BYTES_MAX (1024u * 1024u)
#define EARLY_READ_BYTES (64 * 1024)

static const char filter_name[] = "WSPUSH_101";
static ap_filter_rec_t *filter_rec;

/* The filter's context: the answer it makes. */
typedef struct {
    apr_array_header_t *pieces; /* of const char * */
    const char *text;           /* NULL: not made yet */
} answer_t;

static bool is_line(const char *text)
{
    return text[strcspn(text, "\r\n")] == '\0';
}

static int add_header_cb(void *pieces, const char *name, const char *value)
{
    if (is_line(name) && is_line(value)) {
        APR_ARRAY_PUSH((apr_array_header_t *)pieces, const char *) = name;
        APR_ARRAY_PUSH((apr_array_header_t *)pieces, const char *) = ": ";
        APR_ARRAY_PUSH((apr_array_header_t *)pieces, const char *) = value;
        APR_ARRAY_PUSH((apr_array_header_t *)pieces, const char *) = CRLF;
    }
    return 1;
}

static void make_answer(request_rec *r, answer_t *answer)
{
    apr_array_header_t *pieces = apr_array_make(r->pool, 40, sizeof(char *));
    apr_table_t *headers =
        apr_table_overlay(r->pool, r->err_headers_out, r->headers_out);

    /* what a content filter may have added makes no sense on a 101 */
    apr_table_unset(headers, "Content-Encoding");
    apr_table_unset(headers, "Content-Length");
    apr_table_unset(headers, "Transfer-Encoding");
    r->headers_out = headers; /* for the access log */
    APR_ARRAY_PUSH(pieces, const char *) = AP_SERVER_PROTOCOL " ";
    APR_ARRAY_PUSH(pieces, const char *) = ap_get_status_line(r->status);
    APR_ARRAY_PUSH(pieces, const char *) = CRLF;
    apr_table_do(add_header_cb, pieces, headers, NULL);
    APR_ARRAY_PUSH(pieces, const char *) = CRLF;
    answer->text = apr_array_pstrcat(r->pool, pieces, '\0');
}

/* Last before httpd's header filter: whatever the content filters did to the
 * headers is final here. Makes the answer once and swallows everything, so that
 * no body, chunk or second header can follow. */
static apr_status_t filter_101(ap_filter_t *f, apr_bucket_brigade *bb)
{
    answer_t *answer = f->ctx;

    apr_brigade_cleanup(bb);
    if (answer->text == NULL) {
        make_answer(f->r, answer);
    }
    return APR_SUCCESS;
}

void wsp_takeover_register(void)
{
    filter_rec = ap_register_output_filter(
        filter_name, filter_101, NULL, (ap_filter_type)(AP_FTYPE_PROTOCOL - 1));
}

/* The 101 as httpd would send it, in the connection's memory. */
static const char *run_filters(request_rec *r)
{
    answer_t *answer = apr_pcalloc(r->pool, sizeof *answer);
    apr_bucket_brigade *bb =
        apr_brigade_create(r->pool, r->connection->bucket_alloc);

    /* filters that would buffer or rewrite a body must not even start */
    apr_table_setn(r->subprocess_env, "no-gzip", "1");
    apr_table_setn(r->subprocess_env, "no-brotli", "1");
    r->status = HTTP_SWITCHING_PROTOCOLS;
    r->status_line = NULL;
    ap_add_output_filter_handle(filter_rec, answer, r, r->connection);
    APR_BRIGADE_INSERT_TAIL(
        bb, apr_bucket_flush_create(r->connection->bucket_alloc));
    ap_pass_brigade(r->output_filters, bb);
    if (answer->text == NULL) {
        make_answer(r, answer); /* a filter kept the flush to itself */
    }
    return answer->text;
}

/* What httpd has read beyond the request, and what is in the socket now.
 * Non-blocking. @return false: more than a client may send early */
static bool read_early(request_rec *r, wsp_offer_t *offer)
{
    apr_bucket_brigade *all =
        apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_bucket_brigade *bb =
        apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_off_t total = 0;

    while (total <= EARLY_BYTES_MAX) {
        apr_off_t len = 0;
        if (ap_get_brigade(r->connection->input_filters, bb, AP_MODE_READBYTES,
                           APR_NONBLOCK_READ,
                           EARLY_READ_BYTES) != APR_SUCCESS ||
            apr_brigade_length(bb, 1, &len) != APR_SUCCESS || len == 0) {
            break;
        }
        total += len;
        if (ap_save_brigade(NULL, &all, &bb, r->pool) != APR_SUCCESS) {
            return false;
        }
    }
    char *bytes = NULL;
    apr_size_t len = 0;
    if (total > 0 &&
        apr_brigade_pflatten(all, &bytes, &len, r->pool) != APR_SUCCESS) {
        return false;
    }
    offer->early = (const uint8_t *)bytes;
    offer->early_len = len;
    return total <= EARLY_BYTES_MAX;
}

static int duplicate_socket(conn_rec *c)
{
    apr_socket_t *socket = ap_get_conn_socket(c);
    apr_os_sock_t fd;
    if (socket == NULL || apr_os_sock_get(&fd, socket) != APR_SUCCESS) {
        errno = ENOTSOCK;
        return -1;
    }
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy >= 0) {
        (void)fcntl(copy, F_SETFL, fcntl(copy, F_GETFL) | O_NONBLOCK);
    }
    return copy;
}

static int refuse(request_rec *r, apr_status_t status, const char **why)
{
    char text[120];
    switch (status) {
    case APR_ENOSPC:
        *why = "the server's limit of connections is reached "
               "(WSPushMaxConnections)";
        break;
    case APR_EMFILE:
        *why = "this process has no descriptor left for another client "
               "(ulimit -n)";
        break;
    default:
        *why = apr_pstrcat(r->pool, "cannot take over the connection: ",
                           apr_strerror(status, text, sizeof text), NULL);
        break;
    }
    return HTTP_SERVICE_UNAVAILABLE;
}

/* Answers to earlier, pipelined requests that httpd has kept back. */
static void flush_connection(conn_rec *c)
{
    apr_bucket_brigade *bb = apr_brigade_create(c->pool, c->bucket_alloc);
    ap_fflush(c->output_filters, bb);
    apr_brigade_destroy(bb);
}

/* mod_logio counts what its filter sees; this answer goes another way. */
static void count_bytes(conn_rec *c, size_t len)
{
    APR_OPTIONAL_FN_TYPE(ap_logio_add_bytes_out) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_logio_add_bytes_out);
    if (add != NULL) {
        add(c, (apr_off_t)len);
    }
}

/* Runs when the connection's pool is cleared: httpd has let go. */
static apr_status_t submit_cb(void *ticket)
{
    wsp_io_submit(ticket);
    return APR_SUCCESS;
}

int wsp_takeover(request_rec *r, wsp_offer_t *offer, uint64_t max_connections,
                 const char **why)
{
    wsp_ticket_t *ticket;
    conn_rec *c = r->connection;

    if (!read_early(r, offer)) {
        *why = "too many bytes before the handshake's answer";
        return HTTP_BAD_REQUEST;
    }
    offer->fd = duplicate_socket(c);
    if (offer->fd < 0) {
        return refuse(r, APR_FROM_OS_ERROR(errno), why);
    }
    apr_status_t status =
        wsp_io_prepare(wsp_process_io(), offer, max_connections, &ticket);
    if (status != APR_SUCCESS) {
        close(offer->fd);
        return refuse(r, status, why);
    }
    const char *answer = run_filters(r);
    c->keepalive = AP_CONN_CLOSE;
    flush_connection(c);
    if (c->aborted || !wsp_io_try_set_answer(ticket, answer, strlen(answer))) {
        wsp_io_abandon(ticket);
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "client left during the handshake");
        return OK;
    }
    count_bytes(c, strlen(answer));
    apr_pool_cleanup_register(c->pool, ticket, submit_cb,
                              apr_pool_cleanup_null);
    c->aborted = 1;
    return OK;
}
