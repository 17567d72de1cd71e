/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash of a channel id: SipHash-1-3 with the segment's random key. Clients
 * choose channel ids; without a secret they could put all of theirs into one
 * bucket. (J.-P. Aumasson, D. J. Bernstein: "SipHash: a fast short-input PRF")
 */
#ifndef WSP_REGISTRY_HASH_H
#define WSP_REGISTRY_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t wsp_hash(const uint64_t key[2], const char *bytes, size_t len);

#endif
