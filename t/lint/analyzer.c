/* Planted for `make lint`: gcc -fanalyzer has to see the double free. */
#include <stdlib.h>

void planted(void *block, int twice);
void planted(void *block, int twice)
{
    free(block);
    if (twice) {
        free(block);
    }
}
