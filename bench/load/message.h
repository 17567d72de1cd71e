/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: the test message. It says who published it, as which of his
 * messages, and when; the rest is a pattern that both follow from, so that a
 * mixed-up or cut message is noticed.
 *
 *     wsload 003 00000017 00004c61f2a9b310 lmnopqrstuvw...
 *            who sequence nanoseconds      pattern
 */
#ifndef WSP_LOAD_MESSAGE_H
#define WSP_LOAD_MESSAGE_H

#include "options.h"

typedef struct {
    uint32_t publisher, sequence;
    uint64_t sent_ns;
} wsp_message_t;

/** Bytes of the body of a message. */
size_t wsp_message_size(const wsp_load_options_t *o, uint32_t publisher,
                        uint32_t sequence);

/** Which channel it goes to. */
uint32_t wsp_message_channel(const wsp_load_options_t *o, uint32_t publisher,
                             uint32_t sequence);

/** Write it. @param out room for WSP_MAX_SIZE + 1 bytes @return its size */
size_t wsp_message_write(const wsp_load_options_t *o, const wsp_message_t *m,
                         char *out);

/** Read it back. @return false: it is not as it was written */
bool wsp_message_read(const wsp_load_options_t *o, const char *data, size_t len,
                      wsp_message_t *m);

#endif
