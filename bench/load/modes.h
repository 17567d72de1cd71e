/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the modes. Each runs in the coordinator, forks its processes,
 * prints the JSON result on stdout and one line for people on stderr, and
 * returns the exit code.
 */
#ifndef WSP_LOAD_MODES_H
#define WSP_LOAD_MODES_H

#include "options.h"

/** idle and slow: open clients and hold them until told. */
int wsp_hold_main(const wsp_load_options_t *o);
/** storm: handshakes per second. */
int wsp_storm_main(const wsp_load_options_t *o);
/** seam: what is published right after a client's 101 must reach it. */
int wsp_seam_main(const wsp_load_options_t *o);
/** verify: every message, once, in order. */
int wsp_verify_main(const wsp_load_options_t *o);

#endif
