/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share: a cursor over the input, pieces of their own
 * malloc'd size (so that AddressSanitizer sees one byte too far), and a check
 * that ends the program. Each target works with clang's libFuzzer and, for the
 * stored corpora, with replay_main.c and any compiler.
 */
#ifndef WSP_T_FUZZ_FUZZ_H
#define WSP_T_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Must hold for every input. */
#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            abort();                                                           \
        }                                                                      \
    } while (0)

/** The part of the input that is not used yet. */
typedef struct {
    const uint8_t *at;
    size_t left;
} input_t;

/** Next byte, 0 at the end. */
static inline uint8_t input_byte(input_t *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

/** Next @a bytes as a big-endian number. */
static inline uint64_t input_number(input_t *input, size_t bytes)
{
    uint64_t number = 0;
    while (bytes-- > 0) {
        number = number << 8 | input_byte(input);
    }
    return number;
}

/** Next @a len bytes, or what is left, in memory of exactly that size.
 *  @param len in: wanted; out: got. @return to be freed */
static inline uint8_t *input_copy(input_t *input, size_t *len)
{
    uint8_t *copy;

    *len = *len < input->left ? *len : input->left;
    copy = malloc(*len);
    MUST(copy != NULL || *len == 0);
    if (*len > 0) {
        memcpy(copy, input->at, *len);
    }
    input->at += *len;
    input->left -= *len;
    return copy;
}

/** How a stream is cut: sizes that are used in turn; 0 means all that is
 *  left. Takes one byte for their number (15 at most), then the sizes. */
typedef struct {
    uint8_t sizes[15];
    size_t count, next;
} cuts_t;

static inline cuts_t input_cuts(input_t *input)
{
    cuts_t cuts = {.count = input_byte(input) % 16};
    size_t i;

    for (i = 0; i < cuts.count; i++) {
        cuts.sizes[i] = input_byte(input);
    }
    return cuts;
}

/** Size of the next piece, of @a left bytes at most. */
static inline size_t cuts_next(cuts_t *cuts, size_t left)
{
    size_t size = left;

    if (cuts->count > 0) {
        size = cuts->sizes[cuts->next++ % cuts->count];
    }
    return size == 0 || size > left ? left : size;
}

#endif
