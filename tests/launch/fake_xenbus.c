/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tests/launch/fake_xenbus.c: /dev/xen/xenbus, for who has this in LD_PRELOAD: opening it connects to the Unix socket that
 * FAKE_XENBUS names. Without that there is none.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int open64(const char *path, int flags, ...);

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = path ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

    strncpy(address.sun_path, path ? path : "", sizeof(address.sun_path) - 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    errno = ENOENT;
    return -1;
}

static int open_other(const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...);
    void *found = dlsym(RTLD_NEXT, "open64");

    memcpy(&real, &found, sizeof(found));
    return strcmp(path, "/dev/xen/xenbus") == 0 ? connect_to(getenv("FAKE_XENBUS"))
                                                : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list list;
    mode_t mode;

    va_start(list, flags);
    mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return open_other(path, flags, mode);
}
