/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/session.c: the user's end of a session.
 */
#include "launch/pocket/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "launch/pocket/frame.h"
#include "launch/pocket/place.h"
#include "launch/string_list.h"

enum {
    CLOSING_TICKS = 750
}; /* 15 s: longer than dom0 takes to end a command that was left alone */

struct session {
    int port;
    struct frame_writer writer;
    struct frame_reader reader;
    size_t credit;
    bool input_ended;
    bool terminal;
};

static int connect_port(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path))
        return -1;
    strcpy(address.sun_path, path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A port whose last user has left, which its lock says, and whose server in dom0 has noticed, which the absence of its
 * busy file says. Locks end with us. */
static int try_ports(bool *closing)
{
    *closing = false;
    for (unsigned i = 1; i <= POCKET_SESSIONS; i++) {
        char *lock_path = place_path("%u.lock", i), *busy_path = place_path("host/%u.busy", i);
        char *path = place_path("%u.sock", i);
        int lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), fd = -1;

        if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) {
            int busy = open(busy_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

            if (busy >= 0) {
                close(busy);
                fd = connect_port(path);
                if (fd < 0)
                    unlink(busy_path);
            } else if (errno == EEXIST) {
                *closing = true;
            }
        }
        if (fd < 0 && lock >= 0)
            close(lock);
        free(lock_path);
        free(busy_path);
        free(path);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

static int take_port(void)
{
    struct timespec tick = {.tv_nsec = 20000000};
    bool closing;
    int fd;

    for (int try = 0; (fd = try_ports(&closing)) < 0 && closing && try < CLOSING_TICKS; try++)
        nanosleep(&tick, NULL);
    return fd;
}

static void append(char **text, size_t *length, const char *string)
{
    size_t more = strlen(string) + 1;

    *text = realloc(*text, *length + more);
    if (!*text)
        exit(1);
    memcpy(*text + *length, string, more);
    *length += more;
}

static int put_start(struct session *session, const char *const *command)
{
    struct session_start start = {.terminal = session->terminal};
    size_t length = sizeof(start);
    char *text = memory_zeroed(1, length), *directory = getcwd(NULL, 0);

    append(&text, &length, directory ? directory : "/");
    free(directory);
    for (; command[start.arguments]; start.arguments++)
        append(&text, &length, command[start.arguments]);
    for (char **variable = environ; *variable; variable++)
        append(&text, &length, *variable);
    memcpy(text, &start, sizeof(start));
    if (length > FRAME_START_BYTES) {
        pocket_say("the arguments and the environment have %zu bytes, at most %d fit", length,
                   FRAME_START_BYTES);
        return -1;
    }
    pocket_frame_put(&session->writer, FRAME_START, text, length);
    free(text);
    return 0;
}

static void put_window_size(struct session *session)
{
    struct winsize size;

    if (session->terminal && ioctl(0, TIOCGWINSZ, &size) == 0)
        pocket_frame_put(&session->writer, FRAME_WINDOW_SIZE, &size, sizeof(size));
}

/* Whoever reads our output may be slow, or gone: then the command's writes are lost, and it hears nothing of it but SIGPIPE. */
static void write_all(struct session *session, int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t done = write(fd, bytes, length);
        struct pollfd wait = {.fd = fd, .events = POLLOUT};

        if (done > 0) {
            bytes += done;
            length -= (size_t)done;
        } else if (errno == EAGAIN) {
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            int number = SIGPIPE;

            if (errno == EPIPE)
                pocket_frame_put(&session->writer, FRAME_SIGNAL, &number, sizeof(number));
            return;
        }
    }
}

static void take_input(struct session *session)
{
    char bytes[FRAME_BYTES];
    size_t most = session->credit < sizeof(bytes) ? session->credit : sizeof(bytes);
    ssize_t got = read(0, bytes, most);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got < 0)
        got = 0;
    pocket_frame_put(&session->writer, FRAME_INPUT, bytes, (size_t)got);
    session->credit -= (size_t)got;
    session->input_ended = got == 0;
}

static void take_signal(struct session *session, int signals)
{
    struct signalfd_siginfo info;
    int number;

    if (read(signals, &info, sizeof(info)) != sizeof(info))
        return;
    number = (int)info.ssi_signo;
    if (number == SIGWINCH)
        put_window_size(session);
    else
        pocket_frame_put(&session->writer, FRAME_SIGNAL, &number, sizeof(number));
}

/* An exit status when the session is over, -1 while it is not. */
static int take_frames(struct session *session)
{
    struct frame_header header;
    const char *bytes;
    uint32_t number = 0;
    int result;

    while ((result = pocket_frame_next(&session->reader, &header, &bytes)) > 0) {
        if (header.length >= sizeof(number))
            memcpy(&number, bytes, sizeof(number));
        switch (header.kind) {
        case FRAME_OUTPUT:
            write_all(session, 1, bytes, header.length);
            break;
        case FRAME_ERRORS:
            write_all(session, 2, bytes, header.length);
            break;
        case FRAME_CREDIT:
            session->credit += number;
            break;
        case FRAME_REFUSAL:
            pocket_say("%.*s", (int)header.length, bytes);
            break;
        case FRAME_EXIT:
            return WIFSIGNALED((int)number) ? 128 + WTERMSIG((int)number)
                                            : WEXITSTATUS((int)number);
        default:
            result = -EPROTO;
        }
        pocket_frame_drop(&session->reader, &header);
    }
    if (result == 0)
        return -1;
    pocket_say("what comes from dom0 makes no sense");
    return SESSION_FAILED;
}

static int watch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        struct sigaction action;

        if (sigaction(numbers[i], NULL, &action) < 0 || action.sa_handler != SIG_IGN)
            sigaddset(&set, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int converse(struct session *session, int signals)
{
    for (;;) {
        bool input = !session->input_ended && session->credit > 0 &&
                     frame_is_idle(&session->writer);
        struct pollfd wait[3] = {
            {.fd = session->port,
             .events = (short)(POLLIN | (frame_is_idle(&session->writer) ? 0 : POLLOUT))},
            {.fd = signals, .events = POLLIN},
            {.fd = input ? 0 : -1, .events = POLLIN},
        };
        int status, got;

        if (poll(wait, 3, -1) < 0 && errno != EINTR)
            return SESSION_FAILED;
        if (wait[0].revents & ~POLLOUT) {
            got = pocket_frame_fill(&session->reader, session->port);
            status = take_frames(session);
            if (status >= 0)
                return status;
            if (got == 0 || (got < 0 && got != -EAGAIN)) {
                pocket_say("the pocket has gone");
                return SESSION_FAILED;
            }
        }
        if (wait[1].revents)
            take_signal(session, signals);
        if (wait[2].revents)
            take_input(session);
        if (pocket_frame_flush(&session->writer, session->port) < 0) {
            pocket_say("the pocket has gone");
            return SESSION_FAILED;
        }
    }
}

int session_run(const char *const *command)
{
    struct session session = {.credit = FRAME_WINDOW};
    struct termios before, raw;
    int signals = watch_signals(), status;

    signal(SIGPIPE, SIG_IGN);
    session.terminal = isatty(0) && isatty(1);
    session.port = take_port();
    if (session.port < 0) {
        pocket_say("no session is free: all %d are in use, or the pocket is going down",
                   POCKET_SESSIONS);
        return SESSION_FAILED;
    }
    fcntl(session.port, F_SETFL, O_NONBLOCK);
    if (put_start(&session, command) < 0)
        return SESSION_FAILED;
    put_window_size(&session);
    if (session.terminal && tcgetattr(0, &before) == 0) {
        raw = before;
        cfmakeraw(&raw);
        tcsetattr(0, TCSADRAIN, &raw);
    } else {
        session.terminal = false;
    }
    status = converse(&session, signals);
    if (session.terminal)
        tcsetattr(0, TCSADRAIN, &before);
    close(session.port);
    return status;
}
