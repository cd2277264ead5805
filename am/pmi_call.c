/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A launcher that wants to be called back: PMI_PORT is HOST:PORT, PMI_ID what it calls this process. As MPICH's library does it
 * (PMII_Set_from_port): `initack pmiid=` is answered by `initack`, then three lines `set`, of which size and rank are of use. From
 * then on it is the stream that PMI_FD would have been.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "am/core.h"
#include "am/pmi.h"

enum { CONNECT_S = 30 };

/* A statically linked program gets these only if it uses them itself: they take the C library's shared parts at run time, and the
 * linker would warn everybody of that. Without them a host is a number. */
#pragma weak getaddrinfo
#pragma weak freeaddrinfo
#pragma weak gai_strerror

static int connect_one(const struct addrinfo *address)
{
    struct timeval patience = {.tv_sec = CONNECT_S}, none = {.tv_sec = 0};
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0), one = 1, result;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        result = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
        close(fd);
        return result;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
    /* Lines are short, and each is waited for. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static int connect_named(const char *host, const char *port, const char **why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int code = getaddrinfo(host, port, &hints, &list), fd = -EINVAL;

    *why = code ? gai_strerror(code) : "";
    for (const struct addrinfo *one = list; one; one = one->ai_next) {
        fd = connect_one(one);
        if (fd >= 0)
            break;
        *why = strerror(-fd);
    }
    if (list)
        freeaddrinfo(list);
    return fd;
}

static int connect_numbered(const char *host, const char *port, const char **why)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    struct addrinfo one = {
        .ai_family = AF_INET,
        .ai_socktype = SOCK_STREAM,
        .ai_addr = (struct sockaddr *)&address,
        .ai_addrlen = sizeof(address),
    };
    int fd = -EINVAL;

    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        *why = "in a statically linked program the host is a number (as with mpiexec's -iface)";
        return fd;
    }
    fd = connect_one(&one);
    if (fd < 0)
        *why = strerror(-fd);
    return fd;
}

/* A descriptor, or an error with a text for it. */
static int connect_to(const char *where, const char **why)
{
    const char *colon = strrchr(where, ':');
    char *host = colon && colon > where ? strndup(where, (size_t)(colon - where)) : NULL;
    int fd = -EINVAL;

    if (!host || colon[1] == '\0' || colon[1 + strspn(colon + 1, "0123456789")])
        *why = "it is not HOST:PORT";
    else
        fd = (getaddrinfo ? connect_named : connect_numbered)(host, colon + 1, why);
    free(host);
    return fd;
}

static int take_setting(struct am_job *job, const struct control_message *message)
{
    uint64_t number;

    if (control_get(message, "size")) {
        if (control_get_number(message, "size", INT32_MAX, &number) < 0)
            return -EPROTO;
        job->size = (uint32_t)number;
    }
    if (control_get(message, "rank")) {
        if (control_get_number(message, "rank", INT32_MAX, &number) < 0)
            return -EPROTO;
        job->process = (uint32_t)number;
    }
    return 0;
}

static int introduce(struct am_job *job, long id)
{
    struct control_message message;
    int result = control_send(job->control, NULL, 0, "cmd=initack pmiid=%ld", id);

    if (result == 0)
        result = launcher_expect(job->control, &message, "initack", LAUNCHER_PATIENCE);
    for (int i = 0; i < 3 && result == 0; i++) {
        result = launcher_expect(job->control, &message, "set", LAUNCHER_PATIENCE);
        if (result == 0)
            result = take_setting(job, &message);
    }
    return result == 0 && job->process >= job->size ? -EPROTO : result;
}

int pmi_call(struct am_job *job)
{
    const char *where = getenv("PMI_PORT"), *why = "";
    long id = environment_number("PMI_ID", -1);
    int fd, result;

    if (id < 0) {
        fprintf(stderr, "caravan: the launcher wants to be called back (PMI_PORT), and PMI_ID is no"
                        " number to be called by\n");
        return -EINVAL;
    }
    fd = connect_to(where, &why);
    if (fd < 0) {
        fprintf(stderr, "caravan: the launcher at PMI_PORT=%s cannot be called back: %s\n", where,
                why);
        return fd;
    }
    job->control = control_open(fd);
    if (!job->control) {
        close(fd);
        return -ENOMEM;
    }
    result = introduce(job, id);
    if (result < 0)
        fprintf(stderr, "caravan: the launcher at PMI_PORT=%s %s\n", where,
                result == -ETIMEDOUT    ? "does not answer"
                : result == -ECONNRESET ? "has closed the connection"
                                        : "said something unexpected");
    return result;
}
