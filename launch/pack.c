/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pack.c: see pack.h.
 */
#include "launch/pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launch/closure.h"
#include "launch/initrd.h"

/* What the dynamic linker reads beside the libraries: without it, it would look in the default directories only. */
#define CACHE "/etc/ld.so.cache"

int64_t pack_program(int to, const char *name, const struct strings *environment,
                     const char *directory, char **program, char *error, size_t size)
{
    struct closure_search search = {
        .directory = directory,
        .library_path = strings_value(environment, "LD_LIBRARY_PATH"),
        .preload = strings_value(environment, "LD_PRELOAD"),
    };
    struct strings files = {0};
    struct initrd *initrd;
    int result;
    int64_t written;

    *program = closure_find_program(name, strings_value(environment, "PATH"), directory, &result);
    if (!*program) {
        snprintf(error, size, "%s: %s", name, strerror(-result));
        return result;
    }
    initrd = initrd_new();
    result = closure_find(*program, &search, &files, error, size);
    if (result == 0) {
        result = initrd_add(initrd, *program);
        for (size_t i = 0; i < files.count && result == 0; i++)
            result = initrd_add(initrd, files.list[i]);
        if (result < 0)
            snprintf(error, size, "%s cannot be packed: %s", name, strerror(-result));
    }
    if (result == 0 && files.count > 1)
        initrd_add(initrd, CACHE); /* none is no error */
    written = result < 0 ? result : initrd_write(initrd, to, error, size);
    initrd_free(initrd);
    strings_clear(&files);
    if (written < 0) {
        free(*program);
        *program = NULL;
    }
    return written;
}
