/* Planted for `make lint`: clang-tidy has to see the wrong size. */
#include <stdlib.h>

char *planted(unsigned count);
char *planted(unsigned count)
{
    return malloc(count * sizeof("text" + 1));
}
