/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/serve.c: dom0's end of the sessions: a process for each serial port, which runs one command after the
 * other.
 *
 * A command leads a session of its own, in the sense of setsid(2). When it has ended, or its user has gone, what is left of
 * its process group is ended too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "launch/pocket/frame.h"
#include "launch/pocket/place.h"
#include "launch/pocket/session.h"
#include "launch/string_list.h"

enum {
    HANG_UP_MS = 5000, /* between HUP and KILL for a command whose user has gone */
    LINGER_MS = 200,   /* for the output of what a command leaves behind */
    STALE_SECONDS = 10,
};

#define PORT_NAME "caravan."
#define CONTROL   "/proc/1/root/host"

struct served {
    int port;
    unsigned number;
    struct frame_reader reader;
    struct frame_writer writer;

    pid_t pid;
    int process;          /* a pidfd; -1 when it has been waited for */
    int input, output[2]; /* pipes or the terminal, -1 when closed */
    bool terminal;
    char pending[FRAME_WINDOW]; /* input that the command has not read yet */
    size_t pending_length;
    bool input_ends; /* after what is pending */
    int status;
};

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void refuse(struct served *served, const char *format, const char *what, int error)
{
    char text[512];
    int length = snprintf(text, sizeof(text), format, what, strerror(error));

    pocket_frame_put(&served->writer, FRAME_REFUSAL, text,
                     length < (int)sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

/* ---- starting a command ----------------------------------------------------------------------- */

/* In the child. What goes wrong is told through `report`, which exec closes. */
static void become(char **arguments, char **environment, const char *directory, const int *fd,
                   bool terminal, int report)
{
    sigset_t none;

    setsid();
    if (terminal)
        ioctl(fd[0], TIOCSCTTY, 0);
    for (int i = 0; i < 3; i++)
        dup2(fd[i], i);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    if (chdir(directory) < 0) {
        dprintf(report, "cannot enter the directory %s in dom0: %s", directory, strerror(errno));
        _exit(126);
    }
    environ = environment;
    execvp(arguments[0], arguments);
    dprintf(report, "cannot execute '%s' in dom0: %s", arguments[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

static bool open_streams(struct served *served, int *theirs)
{
    int pair[3][2];

    if (served->terminal) {
        int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

        if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
            return false;
        theirs[0] = theirs[1] = theirs[2] = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        served->input = master;
        served->output[0] = fcntl(master, F_DUPFD_CLOEXEC, 3);
        served->output[1] = -1;
        fcntl(master, F_SETFL, O_NONBLOCK);
        return theirs[0] >= 0;
    }
    for (int i = 0; i < 3; i++) {
        if (pipe2(pair[i], O_CLOEXEC) < 0)
            return false;
        theirs[i] = pair[i][i == 0 ? 0 : 1];
        fcntl(pair[i][i == 0 ? 1 : 0], F_SETFL, O_NONBLOCK);
    }
    served->input = pair[0][1];
    served->output[0] = pair[1][0];
    served->output[1] = pair[2][0];
    return true;
}

/* The strings of a FRAME_START. Its environment is completed with where Xen's tools are. */
static bool parse_start(const char *bytes, size_t length, struct session_start *start,
                        const char **directory, struct strings *arguments,
                        struct strings *environment)
{
    const char *end = bytes + length, *text = bytes + sizeof(*start);
    const char *path;

    if (length <= sizeof(*start) || end[-1])
        return false;
    memcpy(start, bytes, sizeof(*start));
    *directory = text;
    text += strlen(text) + 1;
    for (; text < end; text += strlen(text) + 1)
        strings_add(arguments->count < start->arguments ? arguments : environment, text);
    path = strings_value(environment, "PATH");
    strings_setf(environment, "PATH=%s%s/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                 path ? path : "", path ? ":" : "");
    return arguments->count > 0 && arguments->count == start->arguments;
}

static int begin(struct served *served, const char *bytes, size_t length)
{
    struct strings arguments = {0}, environment = {0};
    struct session_start start;
    const char *directory;
    int theirs[3] = {-1, -1, -1}, report[2];
    char error[512];
    ssize_t got;

    if (!parse_start(bytes, length, &start, &directory, &arguments, &environment) ||
        pipe2(report, O_CLOEXEC) < 0)
        return -EPROTO;
    served->terminal = start.terminal;
    if (!open_streams(served, theirs)) {
        refuse(served, "dom0 has no streams for '%s': %s", arguments.list[0], errno);
        return -errno;
    }
    served->pid = fork();
    if (served->pid == 0)
        become(arguments.list, environment.list, directory, theirs, start.terminal, report[1]);
    close(report[1]);
    for (int i = 0; i < (start.terminal ? 1 : 3); i++)
        close(theirs[i]);
    if (served->pid < 0) {
        refuse(served, "dom0 cannot start '%s': %s", arguments.list[0], errno);
    } else {
        served->process = (int)syscall(SYS_pidfd_open, served->pid, 0);
        got = read(report[0], error, sizeof(error));
        if (got > 0)
            pocket_frame_put(&served->writer, FRAME_REFUSAL, error, (size_t)got);
    }
    close(report[0]);
    strings_clear(&arguments);
    strings_clear(&environment);
    return served->pid < 0 ? -EAGAIN : 0;
}

/* ---- while it runs ---------------------------------------------------------------------------- */

static void give_input(struct served *served)
{
    ssize_t done = write(served->input, served->pending, served->pending_length);
    uint32_t credit;

    if (done < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (done < 0) {
        /* Nobody will read it: as if somebody had, so that the other end goes on. */
        done = (ssize_t)served->pending_length;
        close_fd(&served->input);
    }
    credit = (uint32_t)done;
    served->pending_length -= (size_t)done;
    memmove(served->pending, served->pending + done, served->pending_length);
    pocket_frame_put(&served->writer, FRAME_CREDIT, &credit, sizeof(credit));
}

static void end_input(struct served *served)
{
    /* A terminal's user who closes it hangs up. */
    if (served->terminal && served->process >= 0)
        kill(-served->pid, SIGHUP);
    else
        close_fd(&served->input);
    served->input_ends = false;
}

static int take_frame(struct served *served, const struct frame_header *header, const char *bytes)
{
    uint32_t credit = header->length;
    int number;

    switch (header->kind) {
    case FRAME_INPUT:
        if (header->length == 0) {
            served->input_ends = true;
        } else if (served->input < 0) {
            pocket_frame_put(&served->writer, FRAME_CREDIT, &credit, sizeof(credit));
        } else {
            if (header->length > sizeof(served->pending) - served->pending_length)
                return -EPROTO;
            memcpy(served->pending + served->pending_length, bytes, header->length);
            served->pending_length += header->length;
        }
        return 0;
    case FRAME_SIGNAL:
        if (header->length != sizeof(number))
            return -EPROTO;
        memcpy(&number, bytes, sizeof(number));
        if (number > 0 && number < NSIG && served->process >= 0)
            kill(served->terminal ? served->pid : -served->pid, number);
        return 0;
    case FRAME_WINDOW_SIZE:
        if (served->terminal && header->length == sizeof(struct winsize))
            ioctl(served->input, TIOCSWINSZ, bytes);
        return 0;
    default:
        return -EPROTO;
    }
}

static int take_frames(struct served *served)
{
    struct frame_header header;
    const char *bytes;
    int result;

    while ((result = pocket_frame_next(&served->reader, &header, &bytes)) > 0) {
        result = take_frame(served, &header, bytes);
        pocket_frame_drop(&served->reader, &header);
        if (result < 0)
            break;
    }
    return result;
}

static void take_output(struct served *served, int which)
{
    char bytes[FRAME_BYTES];
    ssize_t got = read(served->output[which], bytes, sizeof(bytes));

    if (got > 0)
        pocket_frame_put(&served->writer, which == 0 ? FRAME_OUTPUT : FRAME_ERRORS, bytes,
                         (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(&served->output[which]); /* EIO: a terminal that nobody has open any more */
}

/* Until the command has ended and its output has been handed over. A negative errno: its user has gone. */
static int attend(struct served *served)
{
    long long linger = 0;

    for (;;) {
        bool idle = frame_is_idle(&served->writer);
        bool over = served->process < 0;
        struct pollfd wait[5] = {
            {.fd = served->port, .events = (short)(POLLIN | (idle ? 0 : POLLOUT))},
            {.fd = served->process, .events = POLLIN},
            {.fd = served->pending_length ? served->input : -1, .events = POLLOUT},
            {.fd = idle ? served->output[0] : -1, .events = POLLIN},
            {.fd = idle ? served->output[1] : -1, .events = POLLIN},
        };
        int result;

        if (over && idle &&
            ((served->output[0] < 0 && served->output[1] < 0) || now_ms() >= linger))
            return 0;
        if (poll(wait, 5, over ? LINGER_MS : -1) < 0)
            continue;
        if (wait[0].revents & POLLHUP)
            return -ECONNRESET;
        if (wait[0].revents & POLLIN) {
            result = pocket_frame_fill(&served->reader, served->port);
            if (result == 0 || (result < 0 && result != -EAGAIN))
                return -ECONNRESET;
            result = take_frames(served);
            if (result < 0)
                return result;
        }
        if (wait[1].revents) {
            waitpid(served->pid, &served->status, 0);
            close_fd(&served->process);
            linger = now_ms() + LINGER_MS;
        }
        if (wait[2].revents)
            give_input(served);
        if (served->input_ends && served->pending_length == 0)
            end_input(served);
        for (int i = 0; i < 2; i++)
            if (wait[3 + i].revents) {
                take_output(served, i);
                linger = now_ms() + LINGER_MS;
            }
        result = pocket_frame_flush(&served->writer, served->port);
        if (result < 0)
            return result;
    }
}

/* The user has gone: so goes the command. */
static void hang_up(struct served *served)
{
    struct pollfd wait = {.fd = served->process, .events = POLLIN};

    close_fd(&served->input);
    close_fd(&served->output[0]);
    close_fd(&served->output[1]);
    if (served->process < 0)
        return;
    kill(-served->pid, SIGHUP);
    kill(-served->pid, SIGCONT);
    if (poll(&wait, 1, HANG_UP_MS) <= 0)
        kill(-served->pid, SIGKILL);
    waitpid(served->pid, &served->status, 0);
    close_fd(&served->process);
}

/* ---- one after the other ---------------------------------------------------------------------- */

static char *busy_path(const struct served *served)
{
    return text_format(CONTROL "/%u.busy", served->number);
}

/* Whether a user is connected. Waits for a change at most a second if not: virtio_console tells it by SIGIO. */
static bool wait_connected(struct served *served)
{
    struct pollfd port = {.fd = served->port, .events = POLLIN};
    struct timespec second = {.tv_sec = 1};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    if (poll(&port, 1, 0) >= 0 && !(port.revents & POLLHUP))
        return true;
    sigtimedwait(&set, NULL, &second);
    return poll(&port, 1, 0) >= 0 && !(port.revents & POLLHUP);
}

/* Until the last user's connection is closed: it is their turn to. */
static void wait_closed(struct served *served)
{
    char rubbish[4096];
    struct pollfd port = {.fd = served->port, .events = POLLIN};
    struct timespec tick = {.tv_nsec = 100000000};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    while (poll(&port, 1, 0) >= 0 && !(port.revents & POLLHUP)) {
        if (port.revents & POLLIN) {
            if (read(served->port, rubbish, sizeof(rubbish)) <= 0)
                break;
        } else {
            sigtimedwait(&set, NULL, &tick);
        }
    }
    while (read(served->port, rubbish, sizeof(rubbish)) > 0)
        ;
}

/* The command of one user. */
static void serve_one(struct served *served)
{
    struct frame_header header;
    const char *bytes;
    int result = 0;

    served->reader.length = served->writer.length = served->writer.done = 0;
    served->pid = -1;
    served->process = served->input = served->output[0] = served->output[1] = -1;
    served->pending_length = 0;
    served->input_ends = served->terminal = false;
    served->status = W_EXITCODE(SESSION_FAILED, 0);
    while ((result = pocket_frame_next(&served->reader, &header, &bytes)) == 0) {
        struct pollfd port = {.fd = served->port, .events = POLLIN};

        if (poll(&port, 1, -1) > 0 && (port.revents & POLLHUP))
            return;
        result = pocket_frame_fill(&served->reader, served->port);
        if (result == 0 || (result < 0 && result != -EAGAIN))
            return;
    }
    if (result > 0 && header.kind == FRAME_START) {
        result = begin(served, bytes, header.length);
        pocket_frame_drop(&served->reader, &header);
        if (result == 0)
            result = take_frames(served);
        if (result == 0)
            result = attend(served);
    }
    hang_up(served);
    if (served->pid > 0)
        kill(-served->pid, SIGKILL);
    pocket_frame_put(&served->writer, FRAME_EXIT, &served->status, sizeof(served->status));
    while (!frame_is_idle(&served->writer)) {
        struct pollfd port = {.fd = served->port, .events = POLLOUT};

        if (pocket_frame_flush(&served->writer, served->port) < 0 ||
            (poll(&port, 1, -1) > 0 && (port.revents & POLLHUP)))
            break;
    }
}

static void serve_port(const char *device, unsigned number)
{
    static struct served served;
    unsigned idle = 0;
    sigset_t set;

    served.port = open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    served.number = number;
    if (served.port < 0)
        exit(1);
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    fcntl(served.port, F_SETOWN, getpid());
    fcntl(served.port, F_SETFL, O_NONBLOCK | O_ASYNC);
    for (;;) {
        char *busy = busy_path(&served);

        if (wait_connected(&served)) {
            serve_one(&served);
            wait_closed(&served);
            unlink(busy);
            idle = 0;
        } else if (++idle % STALE_SECONDS == 0) {
            /* Somebody who was ended between making this file and connecting. */
            struct stat status;

            if (stat(busy, &status) == 0 && status.st_mtime + STALE_SECONDS < time(NULL))
                unlink(busy);
        }
        free(busy);
    }
}

/* /dev/vportXpY by the name that QEMU gave it. */
static pid_t find_and_serve(const struct dirent *entry)
{
    char *path = text_format("/sys/class/virtio-ports/%s/name", entry->d_name), name[64] = "";
    FILE *file = fopen(path, "re");
    unsigned number = 0;
    pid_t pid = -1;

    if (file && fgets(name, sizeof(name), file) && strncmp(name, PORT_NAME, strlen(PORT_NAME)) == 0)
        number = (unsigned)atoi(name + strlen(PORT_NAME));
    if (file)
        fclose(file);
    free(path);
    if (number > 0 && (pid = fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        path = text_format("/dev/%s", entry->d_name);
        serve_port(path, number);
    }
    return pid;
}

int session_serve(void)
{
    DIR *directory = opendir("/sys/class/virtio-ports");
    struct dirent *entry;
    unsigned served = 0;
    int ready;

    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' && find_and_serve(entry) > 0)
            served++;
    if (directory)
        closedir(directory);
    if (served == 0) {
        pocket_say("dom0 has no serial ports for sessions");
        return 1;
    }
    ready = open(CONTROL "/ready", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (ready >= 0)
        close(ready);
    while (wait(NULL) > 0 || errno == EINTR)
        ;
    return 1;
}
