/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/prefix.c: see prefix.h.
 */
#include "launch/prefix.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch/string_list.h"
#include "launch/version.h"

char *prefix_self(const char *absent)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length < 0)
        return text_copy(absent);
    self[length] = '\0';
    return text_copy(self);
}

char *prefix_program(const char *name)
{
    char *self = prefix_self("");
    const char *slash = strrchr(self, '/');
    char *path = text_format("%.*s%s", slash ? (int)(slash - self) + 1 : 0, self, name);

    free(self);
    return path;
}

char *prefix_guest_kernel(void)
{
    char *libraries = prefix_library_directory();
    char *installed = text_format("%s/caravan/caravan-guest", libraries);
    char *built = prefix_program("../guest/caravan-guest");
    bool is_built = access(installed, R_OK) < 0 && access(built, R_OK) == 0;

    free(libraries);
    free(is_built ? installed : built);
    return is_built ? built : installed;
}

char *prefix_library_directory(void)
{
    /* The build tree and a simple prefix; what meson was told. */
    static const char *const places[] = {"../lib", CARAVAN_LIBRARY_DIRECTORY};
    char *directory = NULL;
    bool found = false;

    for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !found; i++) {
        char *place = places[i][0] == '/' ? text_copy(places[i]) : prefix_program(places[i]);
        char *real = realpath(place, NULL);
        char *library;

        free(directory);
        directory = text_copy(real ? real : place);
        library = text_format("%s/libmpi.so.40", directory);
        found = access(library, R_OK) == 0;
        free(library);
        free(place);
        free(real);
    }
    return directory;
}
