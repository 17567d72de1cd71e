/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main() of a fuzz target for the test suite: runs each file of the corpus
 * folders given as arguments once, as a TAP program, without libFuzzer. The
 * name of the file that is running is printed first, so that it is the last
 * line of a crash.
 */
#include <dirent.h>

#include "fuzz.h"
#include "tap.h"

#define INPUT_MAX ((size_t)1 << 20)

static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX), *exact;
    size_t len = 0;

    if (file != NULL && data != NULL) {
        len = fread(data, 1, INPUT_MAX, file);
    }
    exact = realloc(data, len > 0 ? len : 1); /* one byte too far is seen */
    if (file == NULL || exact == NULL) {
        bail_out(path);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return true;
}

static void replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    unsigned files = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        printf("# %s\n", path);
        files += replay_file(path);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    ok(files > 0, "%s: %u inputs", folder, files);
}

int main(int argc, char **argv)
{
    int i;

    tap_start(120);
    for (i = 1; i < argc; i++) {
        replay_folder(argv[i]);
    }
    return done_testing();
}
