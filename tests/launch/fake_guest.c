/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tests/launch/fake_guest.c: what stands for a domain in tests without Xen: a process that serves the control channel on a
 * socket, as the guest kernel does on a vchan, and runs the program that it is told to as a process of this host.
 *
 * With FAKE_GUEST in the program's environment it misbehaves: `mute` (no channel at all), `noise`, `version`, `flood` (more
 * output than it was granted), `reason` (an exit for a reason that does not exist), `starved` (an exit for lack of memory), `vanish`
 * (the channel closes without an exit status); `file=PATH` has it write a file on the host through the channel, read it again and
 * print it.
 */
#include "launch/guest_frames.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHANNEL, OUT, ERR, CONTROL, ENDS };

static struct byte_queue in, start_bytes;
static int end_of[ENDS] = {-1, -1, -1, -1};
static int input = -1;
static struct byte_queue input_bytes;
static bool input_ended;
static uint32_t credit[3] = {0, CHANNEL_WINDOW, CHANNEL_WINDOW};
static pid_t program;

static void put(enum channel_frame_kind kind, unsigned stream, const void *payload, size_t size)
{
    struct byte_queue out = {0};

    if (frame_put(&out, kind, stream, payload, size) < 0)
        exit(2);
    while (queue_length(&out) > 0) {
        ssize_t written = send(end_of[CHANNEL], out.bytes + out.start, queue_length(&out),
                               MSG_NOSIGNAL);

        if (written <= 0)
            exit(3);
        queue_take(&out, (size_t)written);
    }
    queue_clear(&out);
}

static void put_number(enum channel_frame_kind kind, unsigned stream, uint32_t number)
{
    put(kind, stream, &number, sizeof(number));
}

static void serve_channel(const char *domain)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char early[sizeof(address.sun_path)];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* Under another name until it can be connected to. */
    snprintf(early, sizeof(early), "%.80s/early-%.8s", getenv("FAKE_XL"), domain);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", early);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        exit(4);
    snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/socket-%.8s", getenv("FAKE_XL"),
             domain);
    if (rename(early, address.sun_path) < 0)
        exit(5);
    end_of[CHANNEL] = accept(fd, NULL, NULL);
    close(fd);
}

/* The next frame, waiting for it. */
static char *next_frame(struct channel_frame *frame)
{
    char *payload;

    while (frame_next(&in, frame, &payload) != 1) {
        char *room = queue_room(&in, CHANNEL_FRAME_MAX);
        ssize_t got = recv(end_of[CHANNEL], room, CHANNEL_FRAME_MAX, 0);

        if (got <= 0)
            exit(6);
        in.end += (size_t)got;
    }
    return payload;
}

static int64_t ask_file(struct channel_file head, const char *path, const char *data, char *answer)
{
    char bytes[1024];
    struct channel_frame frame;
    struct channel_file_answer result;
    char *payload;

    head.path_size = path ? (uint32_t)strlen(path) + 1 : 0;
    head.data_size = data ? (uint32_t)strlen(data) : 0;
    memcpy(bytes, &head, sizeof(head));
    memcpy(bytes + sizeof(head), path ? path : "", head.path_size);
    memcpy(bytes + sizeof(head) + head.path_size, data ? data : "", head.data_size);
    put(FRAME_FILE, 0, bytes, sizeof(head) + head.path_size + head.data_size);
    do {
        payload = next_frame(&frame);
        if (frame.kind != FRAME_FILE)
            frame_drop(&in, &frame);
    } while (frame.kind != FRAME_FILE);
    memcpy(&result, payload, sizeof(result));
    if (answer)
        memcpy(answer, payload + sizeof(result), frame.length - sizeof(result));
    frame_drop(&in, &frame);
    return result.result;
}

static void use_file(const char *path)
{
    struct channel_file head = {.operation = FILE_OPEN, .flags = O_RDWR | O_CREAT, .mode = 0640};
    char text[256], answer[256] = "";
    int64_t handle = ask_file(head, path, NULL, NULL);

    head.handle = (uint32_t)handle;
    head.operation = FILE_WRITE;
    head.offset = -1;
    if (handle >= 0 && ask_file(head, NULL, "through the channel", NULL) == 19) {
        head.operation = FILE_READ;
        head.offset = 8;
        head.length = 100;
        ask_file(head, NULL, NULL, answer);
    }
    snprintf(text, sizeof(text), "file: %s\n", handle < 0 ? strerror((int)-handle) : answer);
    put(FRAME_OUTPUT, 1, text, strlen(text));
}

static void misbehave(const char *how)
{
    static char flood[CHANNEL_FRAME_MAX];

    if (strcmp(how, "noise") == 0)
        put(0, 0, "what?", 5);
    for (int i = 0; strcmp(how, "flood") == 0 && i < 4; i++)
        put(FRAME_OUTPUT, 1, flood, sizeof(flood));
    if (strcmp(how, "reason") == 0)
        put_number(FRAME_EXIT, EXIT_OUT_OF_MEMORY + 1, SIGKILL);
    if (strcmp(how, "starved") == 0)
        put_number(FRAME_EXIT, EXIT_OUT_OF_MEMORY, SIGKILL);
    if (strcmp(how, "vanish") == 0)
        exit(0);
    if (strncmp(how, "file=", 5) == 0)
        use_file(how + 5);
}

static void start_program(const struct channel_start *start, char *text)
{
    char *path = text, *directory = path + strlen(path) + 1;
    char **arguments = calloc(start->arguments + 1, sizeof(char *));
    char **environment = calloc(start->environment + 1, sizeof(char *));
    int pipes[4][2];

    text = directory + strlen(directory) + 1;
    for (uint32_t i = 0; i < start->arguments; i++, text += strlen(text) + 1)
        arguments[i] = text;
    for (uint32_t i = 0; i < start->environment; i++, text += strlen(text) + 1) {
        environment[i] = text;
        if (strncmp(text, "FAKE_GUEST_HOW=", 15) == 0)
            misbehave(text + 15);
    }
    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC) < 0)
            exit(7);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipes[3]) < 0)
        exit(8);
    pid_t guest = getpid();

    program = fork();
    if (program == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != guest)
            _exit(1);
        umask(start->mask);
        if (dup2(pipes[0][0], 0) < 0 || dup2(pipes[1][1], 1) < 0 || dup2(pipes[2][1], 2) < 0 ||
            dup2(pipes[3][1], (int)start->control) < 0 || chdir(directory) < 0)
            _exit(126);
        execve(path, arguments, environment);
        _exit(127);
    }
    input = pipes[0][1];
    fcntl(input, F_SETFL, O_NONBLOCK);
    end_of[OUT] = pipes[1][0];
    end_of[ERR] = pipes[2][0];
    end_of[CONTROL] = pipes[3][0];
    close(pipes[0][0]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    close(pipes[3][1]);
}

static void take_frames(void)
{
    struct channel_frame frame;
    char *payload;

    while (frame_next(&in, &frame, &payload) == 1) {
        struct channel_start start;
        uint32_t number;

        switch (frame.kind) {
        case FRAME_START: {
            queue_add(&start_bytes, payload, frame.length);
            frame_drop(&in, &frame);
            memcpy(&start, start_bytes.bytes, sizeof(start));
            if (queue_length(&start_bytes) == start.size)
                start_program(&start, start_bytes.bytes + sizeof(start));
            continue;
        }
        case FRAME_CONTROL:
            if (send(end_of[CONTROL], payload, frame.length, MSG_NOSIGNAL) < 0)
                break;
            break;
        case FRAME_INPUT:
            input_ended = frame.length == 0;
            queue_add(&input_bytes, payload, frame.length);
            break;
        case FRAME_CREDIT:
            frame_number(&frame, payload, &number);
            credit[frame.stream] += number;
            break;
        case FRAME_SIGNAL:
            frame_number(&frame, payload, &number);
            kill(program, (int)number);
        }
        frame_drop(&in, &frame);
    }
}

/* The program's ends; false when all of its output has ended. */
static bool relay(unsigned which)
{
    char bytes[8192];
    ssize_t got = read(end_of[which], bytes,
                       which == CONTROL || credit[which] > sizeof(bytes) ? sizeof(bytes)
                                                                         : credit[which]);

    if (got <= 0) {
        close(end_of[which]);
        end_of[which] = -1;
        if (which != CONTROL)
            put(FRAME_OUTPUT, which, NULL, 0);
        return end_of[OUT] >= 0 || end_of[ERR] >= 0;
    }
    if (which != CONTROL)
        credit[which] -= (uint32_t)got;
    put(which == CONTROL ? FRAME_CONTROL : FRAME_OUTPUT, which == CONTROL ? 0 : which, bytes,
        (size_t)got);
    return true;
}

static void write_input(void)
{
    ssize_t written = write(input, input_bytes.bytes + input_bytes.start,
                            queue_length(&input_bytes));

    if (written > 0) {
        queue_take(&input_bytes, (size_t)written);
        put_number(FRAME_CREDIT, 0, (uint32_t)written);
    } else if (written < 0 && errno != EAGAIN) {
        queue_take(&input_bytes, queue_length(&input_bytes));
    }
}

int main(int argc, char **argv)
{
    const char *how = getenv("FAKE_GUEST_HOW");
    char path[128];
    int status;

    signal(SIGPIPE, SIG_IGN);
    if (how && strcmp(how, "mute") == 0)
        pause();
    serve_channel(argv[1]);
    put_number(FRAME_HELLO, 0, how && strcmp(how, "version") == 0 ? 77 : CHANNEL_FRAME_VERSION);
    put(FRAME_LOG, 0, "caravan: a line of the kernel's\n", 32);
    for (bool running = true; running;) {
        struct pollfd wait[ENDS + 1];

        for (unsigned i = 0; i < ENDS; i++)
            wait[i] = (struct pollfd){
                .fd = i == CHANNEL || i == CONTROL || credit[i] > 0 ? end_of[i] : -1,
                .events = POLLIN};
        if (input >= 0 && queue_length(&input_bytes) == 0 && input_ended) {
            close(input);
            input = -1;
        }
        wait[ENDS] = (struct pollfd){.fd = queue_length(&input_bytes) > 0 ? input : -1,
                                     .events = POLLOUT};
        if (poll(wait, ENDS + 1, -1) < 0)
            return 9;
        if (wait[ENDS].revents)
            write_input();
        if (wait[CHANNEL].revents) {
            char *room = queue_room(&in, CHANNEL_FRAME_MAX);
            ssize_t got = recv(end_of[CHANNEL], room, CHANNEL_FRAME_MAX, 0);

            if (got <= 0)
                return 10;
            in.end += (size_t)got;
            take_frames();
        }
        for (unsigned i = OUT; i < ENDS; i++)
            if (wait[i].revents && end_of[i] >= 0 && !relay(i))
                running = false;
    }
    /* What it said on its control stream before it ended. */
    while (end_of[CONTROL] >= 0)
        relay(CONTROL);
    waitpid(program, &status, 0);
    put_number(FRAME_EXIT, 0, (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : status));
    shutdown(end_of[CHANNEL], SHUT_WR);
    while (recv(end_of[CHANNEL], path, sizeof(path), 0) > 0)
        ;
    snprintf(path, sizeof(path), "%.80s/%s", getenv("FAKE_XL"), argv[1]);
    unlink(path);
    return 0;
}
