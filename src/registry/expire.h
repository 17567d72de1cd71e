/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expire: walk channels and let go what nobody needs: messages over count or
 * age, records of dead seats, channels that are empty then.
 */
#ifndef WSP_REGISTRY_EXPIRE_H
#define WSP_REGISTRY_EXPIRE_H

#include "registry/loan.h"

/** Everything. @locks shards, one at a time, for some buckets each */
void wsp_expire_all(wsp_loan_t *loan);
/** The next slice; all buckets have had their turn in about a minute.
 *  @context tick */
void wsp_expire_slice(wsp_registry_t *registry);

#endif
