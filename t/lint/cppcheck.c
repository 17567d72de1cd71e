/* Planted for `make lint`: cppcheck has to see the index past the end. */
int planted(void);
int planted(void)
{
    int numbers[4] = {0};

    numbers[4] = 1;
    return numbers[0];
}
