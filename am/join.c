/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Who has started us, and what our job is: mpirun (control.c), another launcher that speaks PMI-1 (pmi.c), or nobody.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "am/core.h"
#include "control/control.h"

long environment_number(const char *name, long absent)
{
    const char *text = getenv(name);
    char *end;
    long number;

    if (!text)
        return absent;
    errno = 0;
    number = strtol(text, &end, 10);
    return errno || end == text || *end || number < 0 || number > INT_MAX ? -1 : number;
}

/* A job of one. */
static int join_alone(struct am_job *job)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    *job = (struct am_job){.size = 1,
                           .nodes = 1,
                           .ranks = 1,
                           .cores = cores > 0 ? (uint32_t)cores : 1,
                           .domu = job->domu};
    job->node_of = calloc(1, sizeof(*job->node_of));
    job->table = calloc(1, sizeof(*job->table));
    if (!job->node_of || !job->table)
        return -ENOMEM;
    if (gethostname(job->table[0].host, sizeof(job->table[0].host) - 1) < 0)
        snprintf(job->table[0].host, sizeof(job->table[0].host), "localhost");
    return 0;
}

int launcher_receive(struct control_stream *stream, struct control_message *message, int timeout)
{
    while (true) {
        struct pollfd polled = {.fd = control_fd(stream), .events = POLLIN};
        int result = control_receive(stream, message);

        if (result != 0)
            return result < 0 ? result : 0;
        if (control_flush(stream) == -EAGAIN)
            polled.events |= POLLOUT;
        result = poll(&polled, 1, timeout);
        if (result == 0)
            return -ETIMEDOUT;
        if (result < 0 && errno != EINTR)
            return -errno;
    }
}

int launcher_expect(struct control_stream *stream, struct control_message *message,
                    const char *command, int timeout)
{
    int result = launcher_receive(stream, message, timeout);

    if (result < 0)
        return result;
    if (strcmp(message->command, command) != 0) {
        control_close_fds(message);
        return -EPROTO;
    }
    return 0;
}

int launcher_join(struct am_job *job, const struct bell *bell)
{
    long fd = environment_number("PMI_FD", -2);

    if (fd == -2 && getenv("PMI_PORT")) {
        int result = pmi_call(job);

        return result < 0 ? result : pmi_join(job);
    }
    if (fd == -2)
        return join_alone(job);
    if (fd < 0) {
        fprintf(stderr, "caravan: the environment variable PMI_FD is not a descriptor: '%s'\n",
                getenv("PMI_FD"));
        return -EINVAL;
    }
    job->control = control_open((int)fd);
    if (!job->control) {
        fprintf(stderr, "caravan: cannot use descriptor %ld (PMI_FD): %s\n", fd, strerror(errno));
        return -EBADF;
    }
    return environment_number("CARAVAN_CONTROL", 0) ? control_join(job, bell) : pmi_join(job);
}
