/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/xenbus.c: see xenbus.h. The messages are those of Xen's io/xs_wire.h.
 */
#include "launch/xenbus.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEVICE "/dev/xen/xenbus" /* Linux: drivers/xen/xenbus/xenbus_dev_frontend.c */

enum { READ = 2, WRITE = 11, REMOVE = 13, SET_PERMISSIONS = 14, ERROR = 16, PAYLOAD_MAX = 4096 };
enum { PATIENCE = 2000 }; /* ms for an answer */

struct header {
    uint32_t type, request, transaction, length;
};

int xenbus_open(void)
{
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static int read_all(int fd, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        int ready = poll(&polled, 1, PATIENCE);
        ssize_t length;

        if (ready == 0)
            return -ETIMEDOUT;
        length = ready < 0 ? -1 : read(fd, (char *)bytes + done, size - done);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return length < 0 ? -errno : -EPROTO;
        done += (size_t)length;
    }
    return 0;
}

static int error_of(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } errors[] = {{"ENOENT", ENOENT}, {"EACCES", EACCES}, {"ENOSPC", ENOSPC}, {"EQUOTA", EDQUOT}};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (strcmp(name, errors[i].name) == 0)
            return -errors[i].number;
    return -EIO;
}

/* The length of the answer, which gets a NUL behind it, or an error. */
static int ask(int bus, uint32_t type, const void *payload, size_t length,
               char answer[PAYLOAD_MAX + 1])
{
    struct {
        struct header header;
        char payload[PAYLOAD_MAX];
    } request = {.header = {.type = type, .length = (uint32_t)length}};
    struct header header;
    size_t whole = sizeof(header) + length;
    ssize_t written;
    int result;

    if (length > PAYLOAD_MAX)
        return -EMSGSIZE;
    memcpy(request.payload, payload, length);
    written = write(bus, &request, whole);
    if (written != (ssize_t)whole)
        return written < 0 ? -errno : -EIO;
    result = read_all(bus, &header, sizeof(header));
    if (result == 0 && header.length > PAYLOAD_MAX)
        result = -EPROTO;
    if (result == 0)
        result = read_all(bus, answer, header.length);
    if (result < 0)
        return result;
    answer[header.length] = '\0';
    if (header.type == ERROR)
        return error_of(answer);
    return header.type == type ? (int)header.length : -EPROTO;
}

int xenbus_read(int bus, const char *path, char *value, size_t size)
{
    char answer[PAYLOAD_MAX + 1];
    int length = ask(bus, READ, path, strlen(path) + 1, answer);

    if (length < 0)
        return length;
    if ((size_t)length >= size || strlen(answer) != (size_t)length)
        return -EMSGSIZE;
    strcpy(value, answer);
    return length;
}

/* Ask for `path`, a NUL, and `rest` (its last NUL not included). */
static int change(int bus, uint32_t type, const char *path, const char *rest, size_t rest_length)
{
    char payload[PAYLOAD_MAX], answer[PAYLOAD_MAX + 1];
    size_t length = strlen(path) + 1;
    int result;

    if (length + rest_length > sizeof(payload))
        return -EMSGSIZE;
    memcpy(payload, path, length);
    memcpy(payload + length, rest, rest_length);
    result = ask(bus, type, payload, length + rest_length, answer);
    return result < 0 ? result : 0;
}

int xenbus_write(int bus, const char *path, const char *value)
{
    return change(bus, WRITE, path, value, strlen(value));
}

int xenbus_show(int bus, const char *path, int owner)
{
    char permissions[16];

    /* The first names the owner, and what all others may. */
    snprintf(permissions, sizeof(permissions), "r%d", owner);
    return change(bus, SET_PERMISSIONS, path, permissions, strlen(permissions) + 1);
}

int xenbus_remove(int bus, const char *path)
{
    return change(bus, REMOVE, path, "", 0);
}
