/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/place.c: see place.h.
 */
#include "launch/pocket/place.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "launch/string_list.h"

enum { LONGEST = 80 }; /* with "/N.sock" it must fit a socket's address, 108 bytes */

void pocket_say(const char *format, ...)
{
    va_list list;

    fputs("pocket: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}

const char *place(void)
{
    static char *directory;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat status;

    if (directory)
        return directory;
    if (runtime && runtime[0] == '/' && strlen(runtime) < LONGEST - 16 &&
        access(runtime, W_OK | X_OK) == 0)
        directory = text_format("%s/caravan-pocket", runtime);
    else
        directory = text_format("/tmp/caravan-pocket-%u", (unsigned)geteuid());
    if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
        pocket_say("cannot make the directory %s: %s", directory, strerror(errno));
    } else if (lstat(directory, &status) < 0 || !S_ISDIR(status.st_mode) ||
               status.st_uid != geteuid() || (status.st_mode & 077)) {
        pocket_say("%s is not a directory of your own with mode 0700: remove it, or set"
                   " XDG_RUNTIME_DIR",
                   directory);
    } else {
        return directory;
    }
    free(directory);
    directory = NULL;
    return NULL;
}

char *place_path(const char *format, ...)
{
    char name[64];
    va_list list;

    va_start(list, format);
    vsnprintf(name, sizeof(name), format, list);
    va_end(list);
    return text_format("%s/%s", place(), name);
}

static int lock_as(int operation)
{
    char *path = place_path("lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result = fd < 0 ? -errno : 0;

    free(path);
    if (fd >= 0 && flock(fd, operation | LOCK_NB) < 0) {
        result = -errno;
        close(fd);
    }
    return result < 0 ? result : fd;
}

int place_lock(void)
{
    struct timespec tick = {.tv_nsec = 10000000};
    int result = -EWOULDBLOCK;

    /* Who only looks has it for a moment. */
    for (int try = 0; try < 10 && result == -EWOULDBLOCK; try++) {
        if (try > 0)
            nanosleep(&tick, NULL);
        result = lock_as(LOCK_EX);
    }
    return result;
}

bool place_in_use(pid_t *pid)
{
    int fd = lock_as(LOCK_SH), number = 0;
    char *path = place_path("pid");
    FILE *file;

    *pid = 0;
    if (fd >= 0) {
        close(fd);
    } else if ((file = fopen(path, "re"))) {
        if (fscanf(file, "%d", &number) == 1 && number > 1)
            *pid = number;
        fclose(file);
    }
    free(path);
    return fd == -EWOULDBLOCK;
}

bool place_is_ready(void)
{
    char *path = place_path("host/ready");
    bool ready = access(path, F_OK) == 0;

    free(path);
    return ready;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    if (walk->level > 0 && strcmp(path + walk->base, "lock") != 0)
        remove(path);
    return 0;
}

void place_clear(void)
{
    nftw(place(), remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
