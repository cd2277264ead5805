/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Latency of TCP, for comparison: latency.c's ping-pong and table over a socket with TCP_NODELAY, no MPI below or
 * above. Half of the mean round trip, in microseconds, of a receiver that polls (a loop of non-blocking recv) and of
 * one that sleeps in recv, in turns at each size. With -b, the mean of the median block of iterations.
 *
 *   tcp_latency                    waits for one peer, answers it, ends with it
 *   tcp_latency [options] ADDRESS  measures, with the peer at that IPv4 address
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PORT = 7471,
    LARGE = 8192, /* as in bench.h: longer messages take fewer iterations */
    MOST = 1 << 30,
    CONNECT_SECONDS = 60, /* the peer's machine may still be booting */
};

/* What the peer is to do next; both run the same machine's byte order. No count: the end. */
struct task {
    uint64_t size, count;
    uint32_t polling, reserved;
};

struct options {
    size_t min, max;
    long iterations, iterations_large, warmup, warmup_large, blocks;
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void fail(const char *what)
{
    fprintf(stderr, "tcp_latency: %s: %s\n", what, errno ? strerror(errno) : "the peer has gone");
    exit(1);
}

static void send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t done = send(fd, bytes, length, MSG_NOSIGNAL);

        if (done < 0 && errno != EINTR)
            fail("send");
        if (done > 0) {
            bytes += done;
            length -= (size_t)done;
        }
    }
}

static void receive_all(int fd, char *bytes, size_t length, bool polling)
{
    while (length > 0) {
        ssize_t done = recv(fd, bytes, length, polling ? MSG_DONTWAIT : 0);

        if (done == 0)
            errno = 0;
        if (done == 0 || (done < 0 && errno != EAGAIN && errno != EINTR))
            fail("recv");
        if (done > 0) {
            bytes += done;
            length -= (size_t)done;
        }
    }
}

static char *buffer_of(size_t size)
{
    char *buffer = malloc(size ? size : 1);

    if (!buffer) {
        fprintf(stderr, "tcp_latency: no memory for a message of %zu bytes\n", size);
        exit(1);
    }
    memset(buffer, 0xa5, size);
    return buffer;
}

/* ---- the two ends ----------------------------------------------------------------------------- */

static void answer(int fd)
{
    struct task task;
    char *buffer;

    for (;;) {
        receive_all(fd, (char *)&task, sizeof(task), false);
        if (task.count == 0)
            return;
        if (task.size > MOST) {
            errno = EPROTO;
            fail("what the peer asks for");
        }
        buffer = buffer_of(task.size);
        for (uint64_t i = 0; i < task.count; i++) {
            receive_all(fd, buffer, task.size, task.polling);
            send_all(fd, buffer, task.size);
        }
        free(buffer);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double measure(int fd, const struct options *options, size_t size, bool polling)
{
    long iterations = size > LARGE ? options->iterations_large : options->iterations;
    long warmup = size > LARGE ? options->warmup_large : options->warmup;
    long blocks = options->blocks < iterations ? options->blocks : iterations;
    long each = iterations / blocks;
    struct task task = {
        .size = size, .count = (uint64_t)(warmup + blocks * each), .polling = polling};
    char *buffer = buffer_of(size);
    double *times = (double *)buffer_of((size_t)blocks * sizeof(*times)), median;

    send_all(fd, (char *)&task, sizeof(task));
    for (long i = -warmup; i < blocks * each; i++) {
        if (i >= 0 && i % each == 0)
            times[i / each] = now();
        send_all(fd, buffer, size);
        receive_all(fd, buffer, size, polling);
        if (i >= 0 && (i + 1) % each == 0)
            times[i / each] = now() - times[i / each];
    }
    qsort(times, (size_t)blocks, sizeof(*times), compare);
    median = (times[blocks / 2] + times[(blocks - 1) / 2]) / 2;
    free(times);
    free(buffer);
    return median * 1e6 / (2.0 * (double)each);
}

static void ask(int fd, const struct options *options)
{
    struct task end = {0};

    printf("\n# TCP Latency Test\n%-10s%18s%18s\n", "# Size", "Polling(us)", "Blocking(us)");
    for (size_t size = options->min; size <= options->max; size *= 2) {
        double polling = measure(fd, options, size, true);

        printf("%-10zu%18.2f%18.2f\n", size, polling, measure(fd, options, size, false));
        fflush(stdout);
    }
    send_all(fd, (char *)&end, sizeof(end));
}

/* ---- how they meet ---------------------------------------------------------------------------- */

static void send_at_once(int fd)
{
    int one = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
        fail("TCP_NODELAY");
}

static int wait_for_peer(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, fd;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 1) < 0 || (fd = accept(listener, NULL, NULL)) < 0)
        fail("waiting for the peer");
    close(listener);
    return fd;
}

static int connect_to_peer(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct timespec tick = {.tv_nsec = 100000000};
    double began = now();

    if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
        fprintf(stderr, "tcp_latency: '%s' is not an IPv4 address\n", text);
        exit(2);
    }
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        if (fd < 0 || now() - began > CONNECT_SECONDS)
            fail("connecting to the peer");
        close(fd);
        nanosleep(&tick, NULL);
    }
}

static bool parse_sizes(const char *text, struct options *options)
{
    char *end;
    unsigned long long first = strtoull(text, &end, 10), last = first;

    if (*end == ':')
        last = strtoull(end + 1, &end, 10);
    options->min = first;
    options->max = last;
    return !*end && 1 <= first && first <= last && last <= MOST;
}

static bool parse_count(const char *text, long least, long *count, long *count_large)
{
    char *end;

    *count = *count_large = strtol(text, &end, 10);
    return end != text && !*end && *count >= least;
}

static bool parse(int argc, char **argv, struct options *options)
{
    bool good = true;
    int letter;

    while (good && (letter = getopt(argc, argv, "m:i:x:b:")) != -1) {
        if (letter == 'm')
            good = parse_sizes(optarg, options);
        else if (letter == 'i')
            good = parse_count(optarg, 1, &options->iterations, &options->iterations_large);
        else if (letter == 'x')
            good = parse_count(optarg, 0, &options->warmup, &options->warmup_large);
        else if (letter == 'b')
            good = parse_count(optarg, 1, &options->blocks, &options->blocks);
        else
            good = false;
    }
    return good && argc - optind <= 1;
}

int main(int argc, char **argv)
{
    struct options options = {.min = 1,
                              .max = 1 << 22,
                              .iterations = 10000,
                              .iterations_large = 1000,
                              .warmup = 200,
                              .warmup_large = 20,
                              .blocks = 1};
    int fd;

    if (!parse(argc, argv, &options)) {
        fprintf(stderr,
                "Usage: %s [-m MIN:MAX] [-i COUNT] [-x COUNT] [-b COUNT] ADDRESS\n       %s\n"
                "  -m  message sizes in bytes\n"
                "  -i  iterations that are timed, at every size\n"
                "  -x  iterations before those\n"
                "  -b  blocks of iterations, each timed for itself: the median\n"
                "Without an address: answers one peer.\n",
                argv[0], argv[0]);
        return 2;
    }
    fd = optind < argc ? connect_to_peer(argv[optind]) : wait_for_peer();
    send_at_once(fd);
    if (optind < argc)
        ask(fd, &options);
    else
        answer(fd);
    close(fd);
    return 0;
}
