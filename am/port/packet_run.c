/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/packet_run.c: see packet_run.h.
 */
#include "am/port/packet_run.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "am/port/packet_helper.h"

enum { HELPER_TIMEOUT = 10000 }; /* ms for its next line */

/* The first of the names that this node has; the first of all where there is none, for the helper's message. */
static void choose_name(const char *interfaces, char name[IF_NAMESIZE])
{
    strcpy(name, "-");
    for (const char *next = interfaces; *next;) {
        size_t length = strcspn(next, ",");
        char one[IF_NAMESIZE];
        bool exists;

        snprintf(one, sizeof(one), "%.*s", length < IF_NAMESIZE ? (int)length : IF_NAMESIZE, next);
        exists = length > 0 && length < IF_NAMESIZE && if_nametoindex(one) != 0;
        if (length > 0 && (exists || strcmp(name, "-") == 0))
            strcpy(name, one);
        if (exists)
            return;
        next += length + (next[length] == ',');
    }
}

static pid_t start_helper(char *const *command, int *stream)
{
    int fd[2];
    pid_t pid, parent = getpid();

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        return -errno;
    pid = fork();
    if (pid == 0) {
        sigset_t none;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (fd[1] == PACKET_HELPER_FD)
            fcntl(fd[1], F_SETFD, 0);
        else if (dup2(fd[1], PACKET_HELPER_FD) < 0)
            _exit(1);
        execv(command[0], command);
        dprintf(PACKET_HELPER_FD,
                "cmd=packet_error text=cannot%%20be%%20executed:%%20errno%%20%d\n", errno);
        _exit(1);
    }
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        return -errno;
    }
    *stream = fd[0];
    return pid;
}

/* One line: 1: that was the last; 0; or an error. */
static int take_line(struct control_message *message,
                     int (*take)(void *context, struct control_message *message), void *context,
                     char *error, size_t size)
{
    const char *text = control_get(message, "text");
    int result;

    if (strcmp(message->command, "packet_ready") == 0)
        return 1;
    if (strcmp(message->command, "packet_error") == 0) {
        snprintf(error, size, "%s", text ? text : PACKET_HELPER_PROGRAM " failed");
        return -EIO;
    }
    result = take(context, message);
    if (result < 0)
        snprintf(error, size,
                 PACKET_HELPER_PROGRAM
                 " said something that is not understood; are both programs of"
                 " one version?");
    return result;
}

int packet_run(const struct packet_request *request,
               int (*take)(void *context, struct control_message *message), void *context,
               char *error, size_t size)
{
    char **command = calloc(request->range_count + 6, sizeof(*command));
    char name[IF_NAMESIZE], ethertype[16], job[16], node[16];
    struct control_message message;
    struct control_stream *stream = NULL;
    int fd = -1, result;
    pid_t pid = -ENOMEM;

    choose_name(request->interfaces, name);
    snprintf(ethertype, sizeof(ethertype), "0x%x", request->ethertype);
    snprintf(job, sizeof(job), "0x%x", request->job);
    snprintf(node, sizeof(node), "%u", request->node);
    if (command) {
        command[0] = (char *)request->path;
        command[1] = name;
        command[2] = ethertype;
        command[3] = job;
        command[4] = node;
        for (size_t i = 0; i < request->range_count; i++)
            command[5 + i] = request->ranges[i];
        pid = start_helper(command, &fd);
    }
    stream = pid > 0 ? control_open(fd) : NULL;
    result = pid < 0 ? (int)pid : stream ? 0 : -ENOMEM;
    if (result < 0)
        snprintf(error, size, "%s: cannot be run: %s", request->path, strerror(-result));
    while (result == 0) {
        int received = control_receive(stream, &message);

        if (received == 0) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            int ready = poll(&wait, 1, HELPER_TIMEOUT);

            if (ready > 0 || (ready < 0 && errno == EINTR))
                continue;
            received = -ETIMEDOUT;
        }
        if (received < 0) {
            snprintf(error, size, "%s: %s", request->path,
                     received == -ECONNRESET ? "it ended too early" : strerror(-received));
            result = received;
            break;
        }
        result = take_line(&message, take, context, error, size);
        control_close_fds(&message);
    }
    if (pid > 0) {
        if (result < 0)
            kill(pid, SIGKILL);
        /* A program that ignores SIGCHLD leaves nothing to wait for. */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    control_close(stream);
    free(command);
    return result < 0 ? result : 0;
}
