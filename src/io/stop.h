/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping: the last thing an I/O thread does.
 */
#ifndef WSP_IO_STOP_H
#define WSP_IO_STOP_H

#include "io/loop.h"

/**
 * Say goodbye to all clients and close their descriptors, within
 * io->stop_flush_ms. Allocates nothing, frees nothing, logs nothing and does
 * not touch the segment: the main thread may be waiting inside a signal handler
 * that interrupted any of these.
 * @context io thread
 */
void wsp_stop_run(wsp_loop_t *loop);

#endif
