/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/enter.c: see enter.h.
 */
#include "launch/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launch/agent.h"
#include "launch/prefix.h"

enum { AGENT_CHANNEL_FD = 3 };

/* Ctrl-C reaches the terminal's process group: mpirun alone is to hear it, and to pass it on. */
static void leave_terminal(pid_t parent, int death_signal)
{
    setpgid(0, 0);
    if (death_signal)
        prctl(PR_SET_PDEATHSIG, death_signal);
    if (getppid() != parent)
        _exit(1);
}

int enter_here(struct entered *entered, const char *name, struct reaper *reaper)
{
    int fd[2];
    pid_t parent = getpid();

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        return -errno;
    entered->pid = fork();
    if (entered->pid == 0) {
        leave_terminal(parent, 0);
        /* Other agents' streams and mpirun's own descriptors would be held open here: all of them go. Nobody but
         * the agent itself may use descriptors 3 and 4. */
        int kept = dup2(fd[1], AGENT_CHANNEL_FD);

        if (kept < 0 || (reaper && reaper_move(reaper, AGENT_CHANNEL_FD + 1) < 0) ||
            close_range(AGENT_CHANNEL_FD + (reaper ? 2 : 1), ~0u, 0) < 0)
            _exit(1);
        fcntl(kept, F_SETFD, FD_CLOEXEC);
        _exit(agent_main(kept, kept, name, true, reaper));
    }
    close(fd[1]);
    if (entered->pid < 0) {
        int error = errno;

        close(fd[0]);
        return -error;
    }
    entered->in = entered->out = fd[0];
    entered->errors = -1;
    return 0;
}

/* One word for the shell that ssh hands it to. */
static char *quote(const char *word)
{
    char *quoted = memory_zeroed(4 * strlen(word) + 3, 1), *to = quoted;

    *to++ = '\'';
    for (; *word; word++) {
        if (*word == '\'')
            to = stpcpy(to, "'\\''");
        else
            *to++ = *word;
    }
    *to = '\'';
    return quoted;
}

static char *own_path(const struct options *options)
{
    return options->prefix ? text_format("%s/bin/mpirun", options->prefix) : prefix_self("mpirun");
}

static void make_command(struct strings *command, const char *host, const struct options *options)
{
    char *path = own_path(options), *quoted = quote(path), *place = NULL;

    if (options->pocket) {
        char *caravan = prefix_program("caravan");

        strings_add(command, caravan);
        strings_add(command, "pocket");
        strings_add(command, "enter");
        strings_add(command, host);
        strings_add(command, path);
        free(caravan);
    } else if (options->launch_agent) {
        char *agent = text_copy(options->launch_agent);

        for (char *word = strtok_r(agent, " \t\n", &place); word;
             word = strtok_r(NULL, " \t\n", &place))
            strings_add(command, word);
        free(agent);
        strings_add(command, host);
        strings_add(command, path);
    } else {
        char *connect = text_format("-oConnectTimeout=%u", options->start_timeout);

        strings_add(command, "ssh");
        strings_add(command, "-x");
        strings_add(command, "-oBatchMode=yes"); /* nobody is there to answer a question */
        strings_add(command, connect);
        strings_add(command, "-oServerAliveInterval=5");
        strings_add(command, "-oServerAliveCountMax=3");
        strings_add(command, host);
        strings_add(command, quoted);
        free(connect);
    }
    strings_add(command, AGENT_WORD);
    strings_add(command, host);
    if (options_have_domains(options))
        strings_add(command, AGENT_DOMAINS_WORD);
    free(quoted);
    free(path);
}

int enter_host(struct entered *entered, const char *host, const struct options *options)
{
    struct strings command = {0};
    int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1}, result = 0;
    pid_t parent = getpid();

    make_command(&command, host, options);
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
        result = -errno;
    if (result == 0) {
        entered->pid = fork();
        if (entered->pid < 0)
            result = -errno;
    }
    if (result == 0 && entered->pid == 0) {
        sigset_t none;

        leave_terminal(parent, SIGTERM);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        dup2(out[0], 0);
        dup2(in[1], 1);
        dup2(errors[1], 2);
        execvp(command.list[0], command.list);
        dprintf(2, "cannot execute '%s': %s\n", command.list[0], strerror(errno));
        _exit(127);
    }
    strings_clear(&command);
    if (in[1] >= 0)
        close(in[1]);
    if (out[0] >= 0)
        close(out[0]);
    if (errors[1] >= 0)
        close(errors[1]);
    if (result < 0) {
        if (in[0] >= 0)
            close(in[0]);
        if (out[1] >= 0)
            close(out[1]);
        if (errors[0] >= 0)
            close(errors[0]);
        return result;
    }
    entered->in = in[0];
    entered->out = out[1];
    entered->errors = errors[0];
    return 0;
}
