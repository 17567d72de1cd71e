/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared policies: an endpoint's settings are 340 bytes and the same for all
 * of its clients, so a thread keeps each set of values once.
 */
#ifndef WSP_IO_POLICY_H
#define WSP_IO_POLICY_H

#include "io/io.h"

typedef struct wsp_shared_policy {
    struct wsp_shared_policy *next;
    unsigned refs;
    wsp_policy_t policy;
} wsp_shared_policy_t;

/** The entry of a thread's list that equals @a policy, made if there is none.
 *  @return one reference @context io thread */
wsp_shared_policy_t *wsp_policy_share(wsp_shared_policy_t **list,
                                      const wsp_policy_t *policy);
void wsp_policy_release(wsp_shared_policy_t **list,
                        wsp_shared_policy_t *shared);

#endif
