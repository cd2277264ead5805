/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/xl.c: see xl.h.
 */
#include "launch/xl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/loop.h"

enum {
    MAX_ARGUMENTS = 32,
    NOT_THERE = 127, /* as a shell says it */
};

/* `die_with_us`: xl ends with this process. */
static pid_t start(const char *const *arguments, int output, bool die_with_us)
{
    const char *words[MAX_ARGUMENTS + 2] = {"xl"};
    pid_t parent = getpid(), pid;
    sigset_t none;

    for (unsigned i = 0; arguments[i]; i++) {
        if (i == MAX_ARGUMENTS)
            return -E2BIG;
        words[i + 1] = arguments[i];
    }
    pid = fork();
    if (pid != 0)
        return pid < 0 ? -errno : pid;

    int null = open("/dev/null", O_RDWR);

    if (die_with_us) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    dup2(null, 0);
    dup2(output < 0 ? null : output, 1);
    dup2(output < 0 ? null : output, 2);
    for (int i = 1; i < SIGRTMIN; i++)
        if (i != SIGKILL && i != SIGSTOP)
            signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp("xl", (char *const *)words);
    _exit(NOT_THERE);
}

pid_t xl_start(const char *const *arguments)
{
    return start(arguments, -1, false);
}

int xl_run(const char *const *arguments, int milliseconds, char *output, size_t size)
{
    uint64_t deadline = loop_now() + (uint64_t)milliseconds * 1000000;
    size_t length = 0;
    int ends[2], status = 0;
    bool late = false;
    pid_t pid;

    output[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid = start(arguments, ends[1], true);
    close(ends[1]);
    while (pid > 0) {
        struct pollfd wait = {.fd = ends[0], .events = POLLIN};
        uint64_t now = loop_now();
        char rest[512];
        bool room = length + 1 < size;
        int ready = now >= deadline ? 0 : poll(&wait, 1, (int)((deadline - now) / 1000000) + 1);

        if (ready < 0 && errno == EINTR)
            continue;
        late = ready <= 0;
        if (late)
            break;

        ssize_t got = read(ends[0], room ? output + length : rest,
                           room ? size - 1 - length : sizeof(rest));

        if (got <= 0)
            break;
        length += room ? (size_t)got : 0;
    }
    output[length] = '\0';
    close(ends[0]);
    if (pid < 0)
        return pid;
    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (late)
        return -ETIMEDOUT;
    if (WIFSIGNALED(status))
        return 128 + WTERMSIG(status);
    return WEXITSTATUS(status) == NOT_THERE && length == 0 ? -ENOENT : WEXITSTATUS(status);
}
