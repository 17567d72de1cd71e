/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wsload: a WebSocket load and verification client for loopback. It holds idle
 * or slow clients, storms with handshakes, and checks that what is published
 * reaches each subscriber once and in order. bench/README.md shows how to use
 * it; load/options.h has the limits that every run keeps to.
 *
 *   options  command line            crew      processes and their commands
 *   net      loopback sockets        worker    a process's loop
 *   ws       client frames           pool      many clients on one epoll
 *   http     publish exchanges       tally     counters shared with all
 *   where    which server process    report    JSON
 *
 *   modes: hold (idle, slow), storm, seam,
 *          verify = receiver + publisher or wspub + message + judge
 */
#include <stddef.h>

#include "load/modes.h"

int main(int argc, char **argv)
{
    static wsp_load_options_t o;

    if (!wsp_options_parse(&o, argc, argv)) {
        return WSP_EXIT_USAGE;
    }
    switch (o.mode) {
    case WSP_MODE_IDLE:
    case WSP_MODE_SLOW:
        return wsp_hold_main(&o);
    case WSP_MODE_STORM:
        return wsp_storm_main(&o);
    case WSP_MODE_SEAM:
        return wsp_seam_main(&o);
    case WSP_MODE_VERIFY:
        return wsp_verify_main(&o);
    }
    return WSP_EXIT_USAGE;
}
