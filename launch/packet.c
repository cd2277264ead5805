/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/packet.c: see packet.h.
 */
#include "launch/packet.h"

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

#include "launch/prefix.h"

#include "am/port/packet_helper.h"

enum { HELPER_TIMEOUT = 10000 }; /* ms for its next line */

/* The first of the names that this node has; the first of all where there is none, for the helper's message. */
static char *choose_name(const char *interfaces)
{
    char *copy = text_copy(interfaces), *place = NULL, *chosen = NULL;

    for (char *name = strtok_r(copy, ",", &place); name; name = strtok_r(NULL, ",", &place)) {
        bool exists = if_nametoindex(name) != 0;

        if (!chosen || exists) {
            free(chosen);
            chosen = text_copy(name);
        }
        if (exists)
            break;
    }
    free(copy);
    return chosen ? chosen : text_copy("-");
}

char *packet_path(void)
{
    return prefix_program(PACKET_HELPER_PROGRAM);
}

static void add_number(struct strings *command, const char *format, uint32_t number)
{
    char text[16];

    snprintf(text, sizeof(text), strcmp(format, "hex") == 0 ? "0x%x" : "%u", number);
    strings_add(command, text);
}

static pid_t start_helper(const struct strings *command, int *stream)
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
        execv(command->list[0], command->list);
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

int packet_run(const char *interfaces, uint16_t ethertype, uint32_t job, uint32_t node,
               const struct strings *ranges,
               int (*take)(void *context, struct control_message *message), void *context,
               char *error, size_t size)
{
    struct strings command = {0};
    struct control_message message;
    struct control_stream *stream;
    char *path = packet_path(), *name = choose_name(interfaces);
    int fd = -1, result;

    strings_add(&command, path);
    strings_add(&command, name);
    add_number(&command, "hex", ethertype);
    add_number(&command, "hex", job);
    add_number(&command, "decimal", node);
    strings_copy(&command, ranges->list);

    pid_t pid = start_helper(&command, &fd);

    stream = pid > 0 ? control_open(fd) : NULL;
    result = pid < 0 ? (int)pid : stream ? 0 : -ENOMEM;
    if (result < 0)
        snprintf(error, size, "%s: cannot be run: %s", path, strerror(-result));
    while (result == 0) {
        int received = control_receive(stream, &message);

        if (received == 0) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};

            if (poll(&wait, 1, HELPER_TIMEOUT) > 0)
                continue;
            received = -ETIMEDOUT;
        }
        if (received < 0) {
            snprintf(error, size, "%s: %s", path,
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
        waitpid(pid, NULL, 0);
    }
    control_close(stream);
    strings_clear(&command);
    free(path);
    free(name);
    return result < 0 ? result : 0;
}
