/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared policies (see policy.h). A list is enough: it has as many entries as
 * the configuration has different places with clients, and is searched once
 * per new client.
 */
#include "io/policy.h"

#include <string.h>

#include "io/alloc.h"

/* Bytes, padding included: io.h asks for zeroed policies, so equal values have
 * equal bytes; were they not, a thread would keep one more copy. */
static bool is_equal(const wsp_policy_t *a, const wsp_policy_t *b)
{
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
    return memcmp(a, b, sizeof *a) == 0;
}

wsp_shared_policy_t *wsp_policy_share(wsp_shared_policy_t **list,
                                      const wsp_policy_t *policy)
{
    wsp_shared_policy_t *shared = *list;

    while (shared != NULL && !is_equal(&shared->policy, policy)) {
        shared = shared->next;
    }
    if (shared == NULL) {
        shared = wsp_alloc(sizeof *shared);
        /* Bytes, not a value: padding takes part in the comparison. */
        memcpy(&shared->policy, policy, sizeof *policy);
        shared->next = *list;
        *list = shared;
    }
    shared->refs++;
    return shared;
}

void wsp_policy_release(wsp_shared_policy_t **list, wsp_shared_policy_t *shared)
{
    if (--shared->refs > 0) {
        return;
    }
    while (*list != shared) {
        list = &(*list)->next;
    }
    *list = shared->next;
    free(shared);
}
