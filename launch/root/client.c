/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/root/client.c: the user's side of the root agent: whether a host can have domains, and a domain held through it.
 */
#include "launch/root/root.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LOOK_MS = 40000,
    MAKE_MS = 600000, /* one domain after the other; whether the session lives is known at once */
    DESTROY_MS = 90000,
};

static int connect_agent(char *error, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = ROOT_SOCKET};
    struct ucred other;
    socklen_t length = sizeof(other);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), result;

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        /* It is told nothing secret, but it is given a program to run. */
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &length) == 0 && other.uid == 0)
            return fd;
        errno = EPERM;
    }
    result = -errno;
    snprintf(error, size,
             "user %u is not root, and no root agent serves %s (%s): ask the administrator to start"
             " `caravan node-agent` on this host, or run mpirun as root",
             (unsigned)geteuid(), ROOT_SOCKET, strerror(-result));
    if (fd >= 0)
        close(fd);
    return result;
}

/* The next answer. 0, or a negative errno with one line in `error`. */
static int hear(int fd, struct root_answer *answer, int *with, int milliseconds, char *error,
                size_t size)
{
    ssize_t got = root_receive(fd, answer, sizeof(*answer), with, milliseconds);

    if (got == (ssize_t)sizeof(*answer)) {
        answer->bridge[sizeof(answer->bridge) - 1] = '\0';
        answer->name[sizeof(answer->name) - 1] = '\0';
        answer->text[sizeof(answer->text) - 1] = '\0';
        if (answer->kind != ROOT_NO)
            return 0;
        snprintf(error, size, "%s", answer->text);
        return -EACCES;
    }
    if (with && *with >= 0)
        close(*with);
    snprintf(error, size, "the root agent of this host %s",
             got == 0            ? "has ended"
             : got == -ETIMEDOUT ? "does not answer"
                                 : "says something that is not understood");
    return got < 0 ? (int)got : got == 0 ? -ECONNRESET : -EPROTO;
}

static int ask(int fd, struct root_request *request, int with, char *error, size_t size)
{
    int result;

    request->version = ROOT_VERSION;
    result = root_send(fd, request, sizeof(*request), with);
    /* One that has said no and closed has said why. */
    if (result < 0 && result != -EPIPE)
        snprintf(error, size, "the root agent of this host: %s", strerror(-result));
    return result == -EPIPE ? 0 : result;
}

int root_look(unsigned count, unsigned memory, const char *wanted, char bridge[ROOT_MAX_BRIDGE],
              unsigned *mtu, unsigned *processors, char *error, size_t size)
{
    struct root_request request = {.kind = ROOT_LOOK, .count = count, .memory = memory, .cpu = -1};
    struct root_answer answer = {.kind = 0};
    int fd = connect_agent(error, size), result;

    if (fd < 0)
        return fd;
    if (wanted)
        snprintf(request.bridge, sizeof(request.bridge), "%s", wanted);
    result = ask(fd, &request, -1, error, size);
    if (result == 0)
        result = hear(fd, &answer, NULL, LOOK_MS, error, size);
    if (result == 0) {
        memcpy(bridge, answer.bridge, ROOT_MAX_BRIDGE);
        *mtu = answer.mtu;
        *processors = answer.processors;
    }
    close(fd);
    return result;
}

/* ---- a domain --------------------------------------------------------------------------------- */

struct held_root {
    struct held held;
    int fd;      /* to the session */
    int ramdisk; /* the caller's */
    int domain;  /* its number; -1: none */
    int bytes;   /* of the channel; -1: not yet */
    int ready;   /* an epoll of that: readable when either direction may go on */
};

static struct held_root *of(const struct held *held)
{
    return (struct held_root *)held;
}

static bool root_make(struct held *held, const struct domain *domain, char *error, size_t size)
{
    struct held_root *root = of(held);
    struct root_request request = {
        .kind = ROOT_MAKE,
        .job = domain->job,
        .process = domain->process,
        .memory = domain->memory,
        .cpu = domain->cpus ? domain_cpu(domain->cpus, domain->local) : -1,
    };
    struct root_answer answer;

    snprintf(request.bridge, sizeof(request.bridge), "%s", domain->bridge ? domain->bridge : "");
    domain_user_name(held->name, domain->job, domain->process, geteuid());
    if (ask(root->fd, &request, root->ramdisk, error, size) < 0 ||
        hear(root->fd, &answer, NULL, MAKE_MS, error, size) < 0)
        return false;
    root->domain = answer.domain;
    return true;
}

static int root_number(const struct held *held)
{
    return of(held)->domain;
}

static int root_fd(const struct held *held)
{
    return of(held)->fd;
}

static void want(struct held_root *root, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events};

    epoll_ctl(root->ready, operation, root->bytes, &event);
}

static enum held_state root_look_at(struct held *held, char *error, size_t size)
{
    struct held_root *root = of(held);
    enum held_state now = root->bytes < 0 ? HELD_BOOTS : HELD_SERVES;
    struct root_answer answer;
    char text[ROOT_MAX_TEXT];
    int with;

    switch (hear(root->fd, &answer, &with, 0, text, sizeof(text))) {
    case 0:
        break;
    case -ETIMEDOUT:
        return now;
    default:
        snprintf(error, size, "domain %s: %s", held->name, text);
        return HELD_FAILED;
    }
    if (answer.kind == ROOT_CHANNEL && with >= 0 && root->bytes < 0) {
        root->bytes = with;
        root->ready = epoll_create1(EPOLL_CLOEXEC);
        want(root, EPOLL_CTL_ADD, EPOLLIN);
        return HELD_SERVES;
    }
    if (with >= 0)
        close(with);
    if (answer.kind == ROOT_SHUTDOWN) {
        held->shutdown = true;
        return now;
    }
    if (answer.kind == ROOT_ENDED && !*answer.text)
        return HELD_ENDED;
    snprintf(error, size, "domain %s: %.900s", held->name,
             *answer.text ? answer.text
                          : "the root agent of this host says something that is not understood");
    return HELD_FAILED;
}

static int root_channel_fd(const struct held *held)
{
    return of(held)->ready;
}

static void root_clear(struct held *held)
{
    want(of(held), EPOLL_CTL_MOD, EPOLLIN);
}

static ssize_t root_read(struct held *held, void *bytes, size_t size)
{
    ssize_t got = recv(of(held)->bytes, bytes, size, MSG_DONTWAIT);

    if (got > 0)
        return got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -ECONNRESET;
}

static ssize_t root_write(struct held *held, const void *bytes, size_t size)
{
    ssize_t sent = send(of(held)->bytes, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent >= 0)
        return sent;
    if (errno != EAGAIN && errno != EINTR)
        return -ECONNRESET;
    want(of(held), EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    return 0;
}

/* The session says when nothing is left; one that ends without leaves it to the root agent. */
static bool root_destroy_held(struct held *held, char *error, size_t size)
{
    struct held_root *root = of(held);
    struct root_request request = {.kind = ROOT_DESTROY, .cpu = -1};
    struct root_answer answer;
    char text[ROOT_MAX_TEXT];
    int with = -1, result;

    error[0] = '\0';
    ask(root->fd, &request, -1, text, sizeof(text));
    do {
        result = hear(root->fd, &answer, &with, DESTROY_MS, text, sizeof(text));
        if (result == 0 && with >= 0)
            close(with);
    } while (result == -EACCES || (result == 0 && answer.kind != ROOT_GONE));
    if (result == -ETIMEDOUT)
        snprintf(error, size, "domain %s is not destroyed yet: %s", held->name, text);
    return result != -ETIMEDOUT;
}

static void root_close(struct held *held)
{
    struct held_root *root = of(held);

    if (root->bytes >= 0) {
        close(root->ready);
        close(root->bytes);
    }
    close(root->fd);
    free(root);
}

static const struct held_ops by_root_agent = {
    .make = root_make,
    .number = root_number,
    .fd = root_fd,
    .look = root_look_at,
    .channel_fd = root_channel_fd,
    .clear = root_clear,
    .read = root_read,
    .write = root_write,
    .destroy = root_destroy_held,
    .close = root_close,
};

struct held *held_by_root_agent(int ramdisk, char *error, size_t size)
{
    struct held_root *root = memory_zeroed(1, sizeof(*root));

    root->held.ops = &by_root_agent;
    root->ramdisk = ramdisk;
    root->bytes = root->domain = -1;
    root->fd = connect_agent(error, size);
    if (root->fd < 0) {
        free(root);
        return NULL;
    }
    return &root->held;
}
