/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the packet helper says which interface it took, passes one socket for each process and one for the agent, each of
 * which receives its own frames and no others, even when its owner tries; the agent's answers probes; and what cannot be done
 * is an error in words.
 *
 * Needs root (a network namespace, a veth pair) and ip(8); skipped without.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "am/job.h"
#include "am/link/beacon.h"
#include "am/link/frame.h"
#include "am/port/interface.h"
#include "am/port/packet_helper.h"
#include "am/port/packet_socket.h"
#include "control/control.h"

enum {
    SKIPPED = 77,
    JOB = 0x1234abcd,
    ETHERTYPE = 0x88b5,
    NODE = 3,
};

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "packet_helper: %s:%d: %s (%s)\n", __FILE__, __LINE__, #condition,     \
                    strerror(errno));                                                              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static pid_t helper;

/* Start the helper; returns our end of its descriptor 3. */
static struct control_stream *start(const char *program, const char *const *arguments)
{
    const char *argv[16] = {program};
    int ends[2];

    for (int i = 0; arguments[i]; i++)
        argv[i + 1] = arguments[i];
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    helper = fork();
    if (helper == 0) {
        if (ends[1] == PACKET_HELPER_FD)
            fcntl(ends[1], F_SETFD, 0);
        else
            dup2(ends[1], PACKET_HELPER_FD);
        execv(program, (char *const *)argv);
        _exit(127);
    }
    close(ends[1]);
    return control_open(ends[0]);
}

static void receive(struct control_stream *stream, struct control_message *message)
{
    int result;

    while ((result = control_receive(stream, message)) == 0)
        poll(&(struct pollfd){.fd = control_fd(stream), .events = POLLIN}, 1, 1000);
    MUST(result == 1);
}

static void next(struct control_stream *stream, struct control_message *message,
                 const char *command)
{
    receive(stream, message);
    if (strcmp(message->command, command)) {
        fprintf(stderr, "packet_helper: cmd=%s, expected %s: %s\n", message->command, command,
                control_get(message, "text"));
        exit(1);
    }
}

static int end(struct control_stream *stream)
{
    int status;

    MUST(waitpid(helper, &status, 0) == helper);
    control_close(stream);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refused(const char *program, const char *const *arguments, const char *words)
{
    struct control_stream *stream = start(program, arguments);
    struct control_message message;

    do {
        receive(stream, &message);
        control_close_fds(&message);
    } while (strcmp(message.command, "packet_error"));
    if (!strstr(control_get(&message, "text"), words)) {
        fprintf(stderr, "packet_helper: '%s' does not say '%s'\n", control_get(&message, "text"),
                words);
        exit(1);
    }
    MUST(end(stream) == 1);
}

static void send_frame(int fd, uint32_t dst, uint32_t job, uint16_t type)
{
    uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    struct frame_header header = {.dst = dst, .job = job, .kind = FRAME_PROBE, .seq = 7};

    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    header.tag = frame_tag(&(struct tag_key){{0, 0}}, &header, 0, 0, 0);
    memcpy(frame + PORT_HEADER, &header, sizeof(header));
    MUST(send(fd, frame, sizeof(frame), 0) == sizeof(frame));
}

static unsigned frames_at(int fd)
{
    uint8_t frame[100];
    unsigned count = 0;

    usleep(20000);
    while (recv(fd, frame, sizeof(frame), MSG_DONTWAIT) > 0)
        count++;
    return count;
}

int main(int argc, char **argv)
{
    const char *program = argv[1];
    struct control_stream *stream;
    struct control_message message;
    struct interface other;
    struct beacon *beacon;
    uint8_t mac[6];
    uint64_t number;
    char text[200];
    int fd[4], outside;

    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0 ||
        system("ip link add cvhelp0 type veth peer name cvhelp1 && ip link set cvhelp0 up && "
               "ip link set cvhelp1 up") != 0) {
        printf("packet_helper: skipped: needs root, network namespaces and ip\n");
        return SKIPPED;
    }
    alarm(60);

    refused(program, (const char *[]){"-", "0x88b5", "1", "0", "0-1", NULL},
            "name one with --eth:");
    refused(program, (const char *[]){"eth77", "0x88b5", "1", "0", "0-1", NULL},
            "no interface eth77");
    refused(program, (const char *[]){"lo", "0x88b5", "1", "0", "0-1", NULL}, "not Ethernet");
    refused(program, (const char *[]){"cvhelp0", "0x88b5", "1", "0", "5-2", NULL}, "5-2");
    refused(program, (const char *[]){"cvhelp0", "0x88b5", "1", "0", "0-99999", NULL},
            "more than 4096");
    refused(program, (const char *[]){"cvhelp0", "7", "1", "0", "0", NULL}, "ether type 0x0007");
    refused(program, (const char *[]){"cvhelp0", "0x88b5", "job", "0", "0", NULL}, "job is not");

    stream = start(program,
                   (const char *[]){"cvhelp0", "0x88b5", "0x1234abcd", "3", "4-5", "9", NULL});
    next(stream, &message, "packet_interface");
    MUST(strcmp(control_get(&message, "name"), "cvhelp0") == 0);
    MUST(control_get_bytes(&message, "mac", mac, sizeof(mac)) == 0);
    MUST(control_get_number(&message, "mtu", 65535, &number) == 0 && number == 1500);
    for (int i = 0; i < 4; i++) {
        static const uint32_t expected[4] = {4, 5, 9, AM_AGENT(NODE)};

        next(stream, &message, "packet_socket");
        MUST(control_get_number(&message, "number", UINT32_MAX, &number) == 0);
        MUST(number == expected[i]);
        fd[i] = control_take_fd(&message, 0);
        MUST(fd[i] >= 0);
    }
    next(stream, &message, "packet_ready");
    MUST(end(stream) == 0);

    /* Each hears what is its own. */
    MUST(interface_choose("cvhelp1", &other, text, sizeof(text)) == 0);
    outside = packet_socket(other.index, ETHERTYPE, JOB, 1);
    MUST(outside >= 0);
    for (int i = 0; i < 4; i++)
        frames_at(fd[i]);
    send_frame(outside, 4, JOB, ETHERTYPE);
    send_frame(outside, 5, JOB, ETHERTYPE);
    send_frame(outside, 5, JOB, ETHERTYPE);
    send_frame(outside, 9, JOB + 1, ETHERTYPE);
    send_frame(outside, 9, JOB, ETHERTYPE + 1);
    send_frame(outside, 7, JOB, ETHERTYPE);
    MUST(frames_at(fd[0]) == 1);
    MUST(frames_at(fd[1]) == 2);
    MUST(frames_at(fd[2]) == 0);
    MUST(frames_at(fd[3]) == 0);

    /* The filter cannot be taken off. */
    MUST(setsockopt(fd[0], SOL_SOCKET, SO_DETACH_FILTER, NULL, 0) < 0);

    /* The agent's answers. */
    beacon = beacon_open(fd[3], mac, ETHERTYPE, JOB, (uint8_t[16]){0}, NODE);
    MUST(beacon && beacon_fd(beacon) == fd[3]);
    send_frame(outside, AM_AGENT(NODE), JOB, ETHERTYPE);
    usleep(20000);
    MUST(beacon_serve(beacon) == 1);
    MUST(beacon_serve(beacon) == 0);
    beacon_close(beacon);
    close(outside);
    return 0;
}
