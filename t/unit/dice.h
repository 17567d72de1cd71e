/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dice for random runs that are the same each time: a failure can be repeated.
 */
#ifndef WSP_T_UNIT_DICE_H
#define WSP_T_UNIT_DICE_H

#include <stdint.h>

static uint64_t dice_state = 88172645463325252u;

/** @return 0 .. sides-1 */
static inline unsigned dice(unsigned sides)
{
    dice_state ^= dice_state << 13; /* xorshift64 */
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return (unsigned)(dice_state >> 32) % sides;
}

#endif
