/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving: from a client's bytes to what its messages do (publish, echo,
 * nothing), with the rules that may refuse them.
 */
#ifndef WSP_IO_RECEIVE_H
#define WSP_IO_RECEIVE_H

#include "io/conn.h"

/** Bytes read from one client per turn, unless it is in the middle of a large
 *  message: so many small publishes are a few milliseconds of work. */
#define WSP_RECEIVE_SLICE_BYTES 16384u

/** Read one slice; marks the client for another turn if there may be more.
 *  May end it. @context io thread */
void wsp_receive(wsp_conn_t *conn);

#endif
