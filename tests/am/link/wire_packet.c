/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the wire works over real packet sockets: two processes in two network namespaces, joined by a veth pair, find their
 * interface and the size of frames, exchange messages of all sizes, replies, puts and gets, take each other's frames while
 * one computes, and drain.
 *
 * Needs CAP_NET_ADMIN and CAP_SYS_ADMIN (network namespaces) and ip(8); skipped without. `wire_packet --measure` prints
 * half round trips and bandwidth instead.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "am/core.h"
#include "am/port/interface.h"
#include "am/port/packet.h"
#include "am/port/packet_socket.h"

enum {
    SKIPPED = 77,
    JOB = 0x1234,
    HANDLER_PING = 1,
    HANDLER_PONG,
    HANDLER_ASK,
    HANDLER_ANSWER,
    HANDLER_MEMORY,
    HANDLER_ENDED,
    HANDLER_STOP,
    HANDLER_FORGET,
    HANDLER_COMPUTE,
    BIG = 4 << 20,
    COMPUTES_MS = 2000,
};

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "wire_packet: %s:%d: %s (%s)\n", __FILE__, __LINE__, #condition,       \
                    strerror(errno));                                                              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static uint64_t pongs, ended, answers, received;
static bool stop, compute;
static struct am_memory memory;
static bool have_memory;
static uint8_t big[BIG];
static bool measuring;

/* Wait as programs do; measured is the wire alone, so without sleep. */
static int progress(struct am *am)
{
    return measuring ? am_poll(am) : am_wait(am, AM_FOREVER);
}

static void on_ping(struct am *am, const struct am_message *message, void *context)
{
    uint64_t *echoes = context;

    /* The payload is all of the number's low byte; the answer is the same. */
    for (size_t i = 0; i < message->length; i++)
        MUST(((uint8_t *)message->payload)[i] == (uint8_t)message->args[0]);
    MUST(message->args[0] == received);
    received++;
    if (message->args[1])
        (*echoes)++;
}

static void on_pong(struct am *am, const struct am_message *message, void *context)
{
    pongs++;
}

static void on_ask(struct am *am, const struct am_message *message, void *context)
{
    MUST(am_reply(am, message->source, message->token, HANDLER_ANSWER, message->args, 1, big,
                  message->args[0] % AM_MAX_REPLY) == 0);
}

static void on_answer(struct am *am, const struct am_message *message, void *context)
{
    MUST(message->length == message->args[0] % AM_MAX_REPLY);
    answers++;
}

static void on_memory(struct am *am, const struct am_message *message, void *context)
{
    memory = (struct am_memory){message->args[0], message->args[1]};
    have_memory = true;
}

static void on_ended(struct am *am, const struct am_message *message, void *context)
{
    ended++;
}

static void on_stop(struct am *am, const struct am_message *message, void *context)
{
    stop = true;
}

static void on_compute(struct am *am, const struct am_message *message, void *context)
{
    compute = true;
}

static void on_done(struct am *am, void *context, int status)
{
    MUST(status == 0);
    (*(uint64_t *)context)++;
}

static void on_down(struct am *am, uint32_t process, const char *reason, void *context)
{
    fprintf(stderr, "wire_packet: down: %s\n", reason);
    exit(1);
}

static void request(struct am *am, unsigned handler, const uint64_t *args, unsigned nargs,
                    const void *payload, size_t length)
{
    int result;

    while ((result = am_request(am, !am_self(am), handler, args, nargs, payload, length)) ==
           -EAGAIN)
        progress(am);
    MUST(result == 0);
}

/* Round trips of `length` bytes; nanoseconds of half of one. */
static double half_round_trip(struct am *am, size_t length, unsigned rounds)
{
    uint64_t start = am_now(am);
    static uint8_t bytes[AM_MAX_MEDIUM];

    for (unsigned i = 0; i < rounds; i++) {
        uint64_t args[] = {received + 0, 1}, before = pongs;

        args[0] = i;
        memset(bytes, (uint8_t)i, length);
        request(am, HANDLER_PING, args, 2, bytes, length);
        while (pongs == before)
            MUST(progress(am) >= 0);
    }
    return (double)(am_now(am) - start) / rounds / 2;
}

static void lead(struct am *am, bool measure)
{
    static const size_t sizes[] = {0, 8, 64, 500, 1400, 1500, 4096, AM_MAX_MEDIUM};
    uint64_t zero = 0, done = 0, start;
    const char *name;

    half_round_trip(am, 8, 1000);
    request(am, HANDLER_FORGET, &zero, 1, NULL, 0); /* it forgets its count */
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        double time = half_round_trip(am, sizes[i], measure ? 10000 : 300);

        if (measure)
            printf("%8zu bytes: %6.2f us\n", sizes[i], time / 1000);
        request(am, HANDLER_FORGET, &zero, 1, NULL, 0);
    }
    start = am_now(am);
    for (uint64_t i = 0; i < (measure ? 500000 : 20000); i++) {
        uint64_t args[] = {i, 0};
        uint64_t payload = (i & 0xff) * 0x0101010101010101;

        request(am, HANDLER_PING, args, 2, &payload, 8);
    }
    MUST(am_drain(am) == 0);
    if (measure)
        printf("messages of 8 bytes: %.0f a second\n", 500000e9 / (double)(am_now(am) - start));
    for (uint64_t i = 0; i < 1000; i++) {
        int result;

        while ((result = am_request_reply(am, 1, HANDLER_ASK, &i, 1, NULL, 0)) == -EAGAIN)
            progress(am);
        MUST(result == 0);
    }
    while (answers < 1000)
        progress(am);

    if (!measure) {
        uint64_t before = pongs;

        request(am, HANDLER_FORGET, &zero, 1, NULL, 0);
        request(am, HANDLER_COMPUTE, NULL, 0, NULL, 0);
        while (pongs == before)
            MUST(progress(am) >= 0);
        start = am_now(am);
        for (uint64_t i = 0; i < 30; i++)
            request(am, HANDLER_PING, (uint64_t[]){i, 0}, 2, &zero, 0);
        MUST(am_drain(am) == 0);
        /* Taken and acknowledged while it computes. */
        MUST(am_now(am) - start < COMPUTES_MS * 1000000ull / 2);
    }
    for (size_t length = 1; length <= BIG; length *= 4) {
        unsigned rounds = measure ? (unsigned)(200000000 / (length + 20000)) : 2;

        start = am_now(am);
        for (unsigned i = 0; i < rounds; i++) {
            uint64_t wanted = done + 1;

            for (size_t j = 0; !measure && j < length; j++)
                big[j] = (uint8_t)(j * 7 + i);
            while (am_put(am, 1, &memory, 0, big, length, HANDLER_ENDED, NULL, 0, on_done, &done) ==
                   -EAGAIN)
                progress(am);
            while (done < wanted)
                progress(am);
            if (measure)
                continue;
            memset(big, 0, length);
            while (am_get(am, 1, &memory, 0, big, length, HANDLER_ENDED, NULL, 0, on_done, &done) ==
                   -EAGAIN)
                progress(am);
            while (done < wanted + 1)
                progress(am);
            for (size_t j = 0; j < length; j++)
                MUST(big[j] == (uint8_t)(j * 7 + i));
        }
        if (measure)
            printf("put of %8zu: %8.1f us, %7.1f MB/s\n", length,
                   (double)(am_now(am) - start) / rounds / 1000,
                   (double)length * rounds * 1000 / (double)(am_now(am) - start));
    }
    if (measure)
        for (unsigned i = 0; am_counter(am, i, &name), name; i++)
            printf("%-28s %llu\n", name, (unsigned long long)am_counter(am, i, &name));
}

static void on_forget(struct am *am, const struct am_message *message, void *context)
{
    received = 0;
}

static void follow(struct am *am, uint64_t *echoes)
{
    static uint8_t window[BIG];
    struct am_memory own;
    uint64_t echoed = 0;

    MUST(am_expose(am, 0, window, sizeof(window), AM_READ | AM_WRITE, &own) == 0);
    request(am, HANDLER_MEMORY, (uint64_t[]){own.base, own.key}, 2, NULL, 0);
    while (!stop) {
        while (echoed < *echoes) {
            request(am, HANDLER_PONG, NULL, 0, NULL, 0);
            echoed++;
        }
        if (compute) {
            /* One message is under way when this process stops calling: its helper takes over. */
            request(am, HANDLER_PONG, NULL, 0, NULL, 0);
            usleep(COMPUTES_MS * 1000);
            compute = false;
        }
        MUST(progress(am) >= 0);
    }
}

static void bring_up(const char *name, int mtu)
{
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    strcpy(request.ifr_name, name);
    request.ifr_mtu = mtu;
    MUST(fd >= 0 && ioctl(fd, SIOCSIFMTU, &request) == 0);
    MUST(ioctl(fd, SIOCGIFFLAGS, &request) == 0);
    request.ifr_flags |= IFF_UP;
    MUST(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
    close(fd);
}

static int child(unsigned self, int parent, int other, int mtu, bool measure)
{
    struct am_job job = {
        .job = JOB,
        .key = "0123456789abcde",
        .process = self,
        .size = 2,
        .node = self,
        .nodes = 2,
        .ranks = 1,
        .cores = 2,
        .ethertype = 0x88b5,
        .timeout = 10000000000u,
    };
    struct interface interface;
    struct am *am;
    uint64_t echoes = 0;
    char text[256], byte;
    int fd;

    measuring = measure;
    if (unshare(CLONE_NEWNET) < 0)
        return SKIPPED;
    MUST(write(parent, "u", 1) == 1 && read(parent, &byte, 1) == 1);
    bring_up(self ? "cvwire1" : "cvwire0", mtu);
    /* The link is up when both ends are. */
    for (int i = 0; interface_choose(NULL, &interface, text, sizeof(text)) < 0; i++) {
        if (i == 1000)
            fprintf(stderr, "wire_packet: %s\n", text);
        MUST(i < 1000);
        usleep(1000);
    }
    job.node_of = calloc(2, sizeof(*job.node_of));
    job.table = calloc(2, sizeof(*job.table));
    job.node_of[1] = 1;
    for (int i = 0; i < 2; i++)
        strcpy(job.table[i].host, i ? "b" : "a");
    memcpy(job.table[self].mac, interface.mac, 6);
    MUST(write(other, interface.mac, 6) == 6 && read(other, job.table[!self].mac, 6) == 6);
    fd = packet_socket(interface.index, job.ethertype, job.job, self);
    MUST(fd >= 0);
    MUST(packet_open(&job.port, fd, interface.name, interface.mac, interface.mtu) == 0);
    MUST(am_create(&am, &job, 0) == 0);
    am_on_peer_down(am, on_down, NULL);
    am_set_handler(am, HANDLER_PING, on_ping, &echoes);
    am_set_handler(am, HANDLER_PONG, on_pong, NULL);
    am_set_handler(am, HANDLER_ASK, on_ask, NULL);
    am_set_handler(am, HANDLER_ANSWER, on_answer, NULL);
    am_set_handler(am, HANDLER_MEMORY, on_memory, NULL);
    am_set_handler(am, HANDLER_ENDED, on_ended, NULL);
    am_set_handler(am, HANDLER_STOP, on_stop, NULL);
    am_set_handler(am, HANDLER_FORGET, on_forget, NULL);
    am_set_handler(am, HANDLER_COMPUTE, on_compute, NULL);
    if (self == 0) {
        while (!have_memory)
            progress(am);
        lead(am, measure);
        request(am, HANDLER_STOP, NULL, 0, NULL, 0);
    } else {
        follow(am, &echoes);
    }
    MUST(am_drain(am) == 0);
    /* The launcher's fence: nobody leaves before both have drained. */
    MUST(write(other, "d", 1) == 1);
    fcntl(other, F_SETFL, O_NONBLOCK);
    while (read(other, &byte, 1) != 1)
        am_poll(am);
    MUST(am_close(am) == 0);
    return 0;
}

int main(int argc, char **argv)
{
    bool measure = argc > 1 && strcmp(argv[1], "--measure") == 0;
    int mtu = argc > 2 ? atoi(argv[2]) : 1500;
    int talk[2][2], between[2];
    pid_t pid[2];
    char command[256], byte;
    int result = 0;

    if (geteuid() != 0) {
        printf("wire_packet: skipped: needs root, to make network namespaces\n");
        return SKIPPED;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(measure ? 300 : 60);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, between) == 0);
    for (unsigned i = 0; i < 2; i++) {
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, talk[i]) == 0);
        pid[i] = fork();
        MUST(pid[i] >= 0);
        if (pid[i] == 0) {
            close(between[!i]);
            alarm(measure ? 300 : 60);
            exit(child(i, talk[i][1], between[i], mtu, measure));
        }
        close(talk[i][1]);
        if (read(talk[i][0], &byte, 1) != 1) {
            printf("wire_packet: skipped: no permission for network namespaces\n");
            return SKIPPED;
        }
    }
    snprintf(command, sizeof(command),
             "ip link add cvwire0 netns %d type veth peer name cvwire1 netns %d", pid[0], pid[1]);
    if (system(command) != 0) {
        printf("wire_packet: skipped: no veth pair\n");
        return SKIPPED;
    }
    for (int i = 0; i < 2; i++)
        MUST(write(talk[i][0], "g", 1) == 1);
    for (int i = 0; i < 2; i++) {
        int status;

        MUST(waitpid(pid[i], &status, 0) == pid[i]);
        if (!WIFEXITED(status) || WEXITSTATUS(status)) {
            fprintf(stderr, "wire_packet: process %d ended with status 0x%x\n", i, status);
            result = 1;
        }
    }
    return result;
}
