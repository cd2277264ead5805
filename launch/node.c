/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/node.c: the node's network interface: packet sockets for its ranks, and the agent's own answers to probes.
 *
 * Opening packet sockets takes a capability that users lack; caravan-packet, beside mpirun, has it.
 */
#include "launch/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "am/job.h"
#include "am/link/beacon.h"
#include "am/port/packet_helper.h"

enum { HELPER_TIMEOUT = 10000 }; /* ms for the helper's next line */

/* Why there will be no frames. A program that does not use them is not in the way of it: told when a rank joins. */
__attribute__((format(printf, 2, 3))) static void node_fail(struct agent *agent, const char *format,
                                                            ...)
{
    char text[512];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    free(agent->port_error);
    agent->port_error = text_copy(text);
}

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

static char *helper_path(void)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    self[length < 0 ? 0 : length] = '\0';
    slash = strrchr(self, '/');
    return text_format("%.*s" PACKET_HELPER_PROGRAM, slash ? (int)(slash - self) + 1 : 0, self);
}

/* `caravan-packet INTERFACE ETHERTYPE JOB AGENT FIRST-LAST...` */
static void make_command(const struct agent *agent, struct strings *command)
{
    char *path = helper_path(), *name = choose_name(agent->interfaces);
    char text[64];

    strings_add(command, path);
    strings_add(command, name);
    snprintf(text, sizeof(text), "0x%04x", agent->ethertype);
    strings_add(command, text);
    snprintf(text, sizeof(text), "0x%08x", agent->job);
    strings_add(command, text);
    snprintf(text, sizeof(text), "%u", agent->node);
    strings_add(command, text);
    for (unsigned i = 0; i < agent->rank_count;) {
        uint32_t first = agent->ranks[i].process, last = first;

        while (++i < agent->rank_count && agent->ranks[i].process == last + 1)
            last++;
        snprintf(text, sizeof(text), "%u-%u", first, last);
        strings_add(command, text);
    }
    free(path);
    free(name);
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

static int take_interface(struct agent *agent, const struct control_message *message)
{
    const char *name = control_get(message, "name");
    uint64_t mtu;

    if (!name || strlen(name) >= sizeof(agent->interface) ||
        control_get_bytes(message, "mac", agent->mac, sizeof(agent->mac)) < 0 ||
        control_get_number(message, "mtu", UINT32_MAX, &mtu) < 0)
        return -EPROTO;
    strcpy(agent->interface, name);
    agent->mtu = mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu;
    return 0;
}

static void probes_ready(void *context, uint32_t events)
{
    beacon_serve(context);
}

static int take_socket(struct agent *agent, struct control_message *message)
{
    uint64_t number;
    int fd = control_take_fd(message, 0);

    if (fd < 0)
        return -EPROTO;
    if (control_get_number(message, "number", UINT32_MAX, &number) < 0) {
        close(fd);
        return -EPROTO;
    }
    if (number == AM_AGENT(agent->node) && !agent->beacon) {
        agent->beacon = beacon_open(fd, agent->mac, agent->ethertype, agent->job, agent->key,
                                    agent->node);
        if (!agent->beacon) {
            close(fd);
            return -ENOMEM;
        }
        agent->beacon_watch = (struct watch){.ready = probes_ready, .context = agent->beacon};
        return loop_watch(agent->loop, &agent->beacon_watch, beacon_fd(agent->beacon), EPOLLIN);
    }

    struct rank *rank = agent_rank(agent, (uint32_t)number);

    if (!rank || rank->port >= 0) {
        close(fd);
        return -EPROTO;
    }
    rank->port = fd;
    return 0;
}

/* Take one line. 1: that was the last; 0; or an error, after node_fail. */
static int take_line(struct agent *agent, struct control_message *message)
{
    int result = 0;

    if (strcmp(message->command, "packet_interface") == 0) {
        result = take_interface(agent, message);
    } else if (strcmp(message->command, "packet_socket") == 0) {
        result = take_socket(agent, message);
    } else if (strcmp(message->command, "packet_ready") == 0) {
        result = agent->beacon ? 1 : -EPROTO;
    } else if (strcmp(message->command, "packet_error") == 0) {
        const char *text = control_get(message, "text");

        node_fail(agent, "%s", text ? text : PACKET_HELPER_PROGRAM " failed");
        return -EIO;
    } else {
        result = -EPROTO;
    }
    if (result < 0)
        node_fail(agent, PACKET_HELPER_PROGRAM " said something that is not understood; are both"
                                               " programs of one version?");
    return result;
}

void node_open(struct agent *agent)
{
    struct strings command = {0};
    struct control_message message;
    struct control_stream *stream;
    int fd = -1, result;

    make_command(agent, &command);

    pid_t pid = start_helper(&command, &fd);

    stream = pid > 0 ? control_open(fd) : NULL;
    result = pid < 0 ? (int)pid : stream ? 0 : -ENOMEM;
    if (result < 0)
        node_fail(agent, "%s: cannot be run: %s", command.list[0], strerror(-result));
    while (result == 0) {
        int received = control_receive(stream, &message);

        if (received == 0) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};

            if (poll(&wait, 1, HELPER_TIMEOUT) > 0)
                continue;
            received = -ETIMEDOUT;
        }
        if (received < 0) {
            node_fail(agent, "%s: %s", command.list[0],
                      received == -ECONNRESET ? "it ended too early" : strerror(-received));
            result = received;
            break;
        }
        result = take_line(agent, &message);
        control_close_fds(&message);
    }
    if (pid > 0) {
        if (result < 0)
            kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    control_close(stream);
    strings_clear(&command);
}

void node_describe(const struct agent *agent, char *text, size_t size)
{
    char mac[2 * sizeof(agent->mac) + 1];

    text[0] = '\0';
    if (!agent->frames || agent->port_error)
        return;
    control_write_bytes(mac, agent->mac, sizeof(agent->mac));
    snprintf(text, size, " mac=%s mtu=%u agent=1", mac, agent->mtu);
}

int node_send_port(struct rank *rank)
{
    const struct agent *agent = rank->agent;
    char mac[2 * sizeof(agent->mac) + 1];
    int result;

    if (!agent->frames)
        return 0;
    if (agent->port_error) {
        agent_rank_failed(rank, "no way to the other nodes: %s", agent->port_error);
        return 0;
    }
    if (rank->port < 0)
        return -EBADF;
    control_write_bytes(mac, agent->mac, sizeof(agent->mac));
    result = control_send(rank->control, &rank->port, 1,
                          "cmd=caravan_port interface=%s mac=%s mtu=%u ethertype=0x%04x timeout=%u",
                          agent->interface, mac, agent->mtu, agent->ethertype, agent->peer_timeout);
    close(rank->port);
    rank->port = -1;
    return result;
}

void node_close(struct agent *agent)
{
    free(agent->port_error);
    if (!agent->beacon)
        return;
    loop_unwatch(agent->loop, &agent->beacon_watch);
    beacon_close(agent->beacon);
    agent->beacon = NULL;
}
