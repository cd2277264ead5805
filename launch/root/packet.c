/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/root/packet.c: what goes between a user's process and its session: see root.h.
 */
#include "launch/root/root.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_MEMORY = 1 << 20, MAX_CPU = 4095 };

int root_request_check(const struct root_request *request, size_t size)
{
    const char *bridge = request->bridge;
    size_t length;

    if (size < sizeof(request->version))
        return -EPROTO;
    if (request->version != ROOT_VERSION)
        return -EPROTONOSUPPORT;
    if (size != sizeof(*request) || request->zero)
        return -EPROTO;
    length = strnlen(bridge, ROOT_MAX_BRIDGE);
    for (size_t i = length; i < ROOT_MAX_BRIDGE; i++)
        if (bridge[i])
            return -EPROTO;
    if (length == ROOT_MAX_BRIDGE || (length > 0 && !domain_bridge_is_name(bridge)))
        return -EPROTO;
    switch (request->kind) {
    case ROOT_LOOK:
        return request->memory > 0 && request->memory <= MAX_MEMORY && request->count > 0 &&
                       request->count <= DOMAIN_MAX_RANK + 1
                   ? 0
                   : -EPROTO;
    case ROOT_MAKE:
        return request->memory > 0 && request->memory <= MAX_MEMORY &&
                       request->process <= DOMAIN_MAX_RANK && request->cpu >= -1 &&
                       request->cpu <= MAX_CPU
                   ? 0
                   : -EPROTO;
    case ROOT_DESTROY:
        return 0;
    }
    return -EPROTO;
}

int root_send(int fd, const void *packet, size_t size, int with)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = (void *)packet, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (with >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);

        struct cmsghdr *head = CMSG_FIRSTHDR(&message);

        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &with, sizeof(int));
    }
    /* Nobody waits here: a peer that does not read what it is told is as good as gone. */
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* The first descriptor of the message; -1: none. More than one does not fit and is the kernel's to close. */
static int take_descriptor(struct msghdr *message)
{
    int fd = -1;

    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head))
        if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
            head->cmsg_len == CMSG_LEN(sizeof(int)) && fd < 0)
            memcpy(&fd, CMSG_DATA(head), sizeof(fd));
    return fd;
}

ssize_t root_receive(int fd, void *packet, size_t size, int *with, int milliseconds)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = packet, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = CMSG_LEN(sizeof(int)), /* with its padding there would be room for two */
    };
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready, came;
    ssize_t got;

    if (with)
        *with = -1;
    do
        ready = poll(&wait, 1, milliseconds);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return ready < 0 ? -errno : -ETIMEDOUT;
    got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    /* One that has closed before it read what it was told: that comes first, and what it said last after it. */
    if (got < 0 && errno == ECONNRESET)
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0)
        return -errno;
    came = take_descriptor(&message);
    if (came >= 0 && (!with || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        close(came);
        came = -1;
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return -EPROTO;
    if (with)
        *with = came;
    return got;
}
