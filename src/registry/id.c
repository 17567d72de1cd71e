/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message ids as text: "<unix seconds>:<n>". What is read back must be exactly
 * a number that wsp_id_format could have written, but for leading zeros: a
 * client that invents an id gets a 400 and not somebody else's place.
 */
#include "registry/registry.h"

#define COUNTER_MAX ((UINT64_C(1) << WSP_ID_COUNTER_BITS) - 1)
#define SECONDS_MAX (UINT64_MAX >> WSP_ID_COUNTER_BITS)

static size_t format_number(uint64_t number, char *out)
{
    char digits[20];
    size_t count = 0, i;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (i = 0; i < count; i++) {
        out[i] = digits[count - 1 - i];
    }
    return count;
}

size_t wsp_id_format(wsp_id_t id, char out[WSP_ID_TEXT_SIZE])
{
    size_t len = format_number(id >> WSP_ID_COUNTER_BITS, out);

    out[len++] = ':';
    len += format_number(id & COUNTER_MAX, out + len);
    out[len] = '\0';
    return len;
}

/* @return digits read; 0: none, or over max */
static size_t parse_number(const char *text, size_t len, uint64_t max,
                           uint64_t *number)
{
    size_t i;

    *number = 0;
    for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        *number = *number * 10 + (uint64_t)(text[i] - '0');
        if (*number > max) {
            return 0;
        }
    }
    return i;
}

bool wsp_id_parse(const char *text, size_t len, wsp_id_t *id)
{
    uint64_t seconds, counter;
    size_t at = parse_number(text, len, SECONDS_MAX, &seconds), more;

    if (at == 0 || at == len || text[at] != ':') {
        return false;
    }
    at++;
    more = parse_number(text + at, len - at, COUNTER_MAX, &counter);
    if (more == 0 || at + more != len) {
        return false;
    }
    *id = seconds << WSP_ID_COUNTER_BITS | counter;
    return true;
}
