/* SPDX-License-Identifier: BSD-2-Clause
 *
 * messages exchange: every rank sends messages of all lengths to every other one until the standard input of rank 0 ends, and checks
 * what comes: each once, whole and in order, and all of them. messages granted: the same, and each rank goes on until all that it
 * sends goes through granted memory; granted COUNT [LEFT]: until that to so many does, and no more than LEFT pages are left that it
 * might grant. messages garbage SEED: then rank 1 writes at random into what it shares with rank 0.
 * messages outlive: as granted, and a rank that is down is said and done without. messages ping COUNT: ranks 0 and 1 send a message
 * to and fro, and rank 0 prints half of the median time. messages spin COUNT: the same, but a rank that waits polls and never sleeps.
 * With `granted` behind COUNT they first send by frames until both ways are granted memory.
 *
 * For domains that mpirun makes. Progress lines (`messages: 1000`) are for the test, which makes trouble meanwhile; the
 * last lines of each rank are its counters.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "am/link/ring_private.h"

enum { MESSAGE = 1, STOP, END, PING, MOST = 64, EACH = 1000 };

static struct am *am;
static uint64_t received[MOST], pings;
static uint64_t more_frames;     /* of the last ping: 0 when all further ones count */
static bool stopping;            /* rank 0 has said so */
static bool outlive, gone[MOST]; /* peers that are down, where that is no error */
static uint32_t endings;         /* peers that have told their last message */

static void must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "messages: %s: %s\n", what, strerror(-result));
        am_abort(am, 1, "failed");
    }
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Most are short, as messages are. */
static size_t length_of(uint64_t number)
{
    uint64_t mix = number * 0x9e3779b97f4a7c15u;

    return (mix >> 32) % ((mix >> 60 ? 64 : am_max_medium(am)) + 1);
}

static uint8_t byte_of(uint64_t number, uint32_t from, size_t at)
{
    return (uint8_t)(number * 31 + from * 7 + at);
}

static void on_message(struct am *self, const struct am_message *message, void *context)
{
    uint64_t number = received[message->source]++;
    const uint8_t *bytes = message->payload;
    bool good = message->args[0] == number && message->length == length_of(number);

    for (size_t i = 0; good && i < message->length; i++)
        good = bytes[i] == byte_of(number, message->source, i);
    if (!good) {
        fprintf(stderr, "messages: message %" PRIu64 " from %u is wrong\n", number,
                message->source);
        am_abort(am, 1, "failed");
    }
}

static void on_stop(struct am *self, const struct am_message *message, void *context)
{
    stopping = true;
}

static void on_end(struct am *self, const struct am_message *message, void *context)
{
    if (received[message->source] != message->args[0]) {
        fprintf(stderr, "messages: %" PRIu64 " messages from %u are missing\n",
                message->args[0] - received[message->source], message->source);
        am_abort(am, 1, "failed");
    }
    endings++;
}

static void on_ping(struct am *self, const struct am_message *message, void *context)
{
    pings++;
    more_frames = message->args[0];
}

static void on_down(struct am *self, uint32_t process, const char *reason, void *context)
{
    fprintf(stderr, "messages: process %u is down: %s\n", process, reason);
    gone[process] = outlive;
    if (outlive)
        return;
    am_abort(am, 1, "failed");
}

/* 0 or -EAGAIN. */
static int send_message(uint32_t peer, uint64_t number)
{
    static uint8_t bytes[65536];
    size_t length = length_of(number);
    int result;

    for (size_t i = 0; i < length; i++)
        bytes[i] = byte_of(number, am_self(am), i);
    result = am_request(am, peer, MESSAGE, &number, 1, bytes, length);
    if (result != -EAGAIN && !gone[peer])
        must(result, "am_request");
    return result;
}

/* Wait for room to say this, then say it. */
static void tell(uint32_t peer, unsigned handler, uint64_t number)
{
    int result;

    while ((result = am_request(am, peer, handler, &number, 1, NULL, 0)) == -EAGAIN)
        must(am_wait(am, now() + 1000000), "am_wait");
    must(result, "am_request");
}

static bool input_ended(void)
{
    struct pollfd polled = {.fd = 0, .events = POLLIN};
    char byte;

    return poll(&polled, 1, 0) > 0 && read(0, &byte, 1) <= 0;
}

/* To so many nothing goes by frames any more; `most`: to all. */
static bool have_granted(uint64_t most)
{
    char line[512];
    uint64_t granted = 0, others = 0;

    for (uint32_t peer = 0; peer < am_size(am); peer++) {
        am_describe(am, peer, line, sizeof(line));
        if (peer == am_self(am) || gone[peer])
            continue;
        others++;
        granted += strncmp(line, "granted memory", 14) == 0;
    }
    return granted >= (most < others ? most : others);
}

/* Take all that may be granted but so many pages. */
static void leave_grants(uint64_t left)
{
    enum { PAGES = 4096 };
    static struct granted page[PAGES];
    struct grants *grants;
    uint32_t ref;
    unsigned taken = 0;

    must(grants_open(&grants, &grant_system_linux), "grants_open");
    while (taken < PAGES && granted_create(grants, 0, 1, &page[taken], &ref) == 0)
        taken++;
    if (taken == PAGES || taken < left)
        must(-ERANGE, "granted_create");
    while (left-- > 0)
        granted_release(grants, &page[--taken]);
}

static void exchange(uint64_t granted)
{
    uint64_t sent[MOST] = {0}, told = 0;
    uint32_t size = am_size(am), self = am_self(am);

    while (!stopping || !have_granted(granted)) {
        for (uint32_t peer = 0; peer < size; peer++)
            while (peer != self && !gone[peer] && send_message(peer, sent[peer]) == 0)
                sent[peer]++;
        must(am_wait(am, now() + 100000000), "am_wait");
        if (self != 0 || stopping || received[1] / EACH == told)
            continue;
        told = received[1] / EACH;
        printf("messages: %" PRIu64 "\n", told * EACH);
        stopping = input_ended();
    }
    for (uint32_t peer = 0; peer < size; peer++) {
        if (peer != self && self == 0)
            tell(peer, STOP, 0);
        if (peer != self)
            tell(peer, END, sent[peer]);
    }
    while (endings < size - 1)
        must(am_wait(am, UINT64_MAX), "am_wait");
}

/* What a rank can do that is none of ours: until the other one has noticed, which ends the job. */
static void write_garbage(unsigned seed)
{
    struct ring_link *ring = ring_transport(am->ring)->by_peer[0];

    while (am_self(am) == 1 && ring->in) {
        for (unsigned i = 0; i < 10; i++) {
            struct ring_memory *memory = rand_r(&seed) % 4 ? ring->out : ring->in;
            size_t where = (size_t)rand_r(&seed) % ring_bytes(rand_r(&seed) % 2 ? 16 : ring->lines);

            ((volatile uint8_t *)memory)[where] = (uint8_t)rand_r(&seed);
        }
        am_wait(am, now() + 100000);
    }
    while (true)
        must(am_wait(am, UINT64_MAX), "am_wait");
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Poll as long as a message is awaited that has not come, or sleep after a while. */
static void await(uint64_t i, bool spin)
{
    while (pings == i) {
        if (spin)
            must(am_poll(am), "am_poll");
        else
            must(am_wait(am, UINT64_MAX), "am_wait");
    }
}

static bool granted_both_ways(void)
{
    char line[512];

    am_describe(am, !am_self(am), line, sizeof(line));
    return strncmp(line, "granted memory", 14) == 0 && strstr(line, "the other way too");
}

static void leave_frames(void)
{
    do {
        if (am_self(am) == 0) {
            more_frames = !granted_both_ways();
            tell(1, PING, more_frames);
        }
        await(0, false);
        pings = 0;
        if (am_self(am) == 1)
            tell(0, PING, more_frames);
    } while (more_frames);
}

static void ping(uint64_t count, bool spin)
{
    uint64_t *times = calloc(count, sizeof(*times)), number = 0;

    if (am_self(am) > 1 || !times)
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t began = now();
        int result;

        if (am_self(am) == 1)
            await(i, spin);
        while ((result = am_request(am, !am_self(am), PING, &number, 1, NULL, 0)) == -EAGAIN)
            must(am_wait(am, now() + 1000000), "am_wait");
        must(result, "am_request");
        if (am_self(am) == 0)
            await(i, spin);
        times[i] = (now() - began) / 2;
    }
    if (am_self(am) == 0) {
        qsort(times, count, sizeof(*times), compare);
        printf("messages: half a round trip takes %" PRIu64 " us, %" PRIu64 " us at most\n",
               times[count / 2] / 1000, times[count - 1] / 1000);
    }
    free(times);
}

static void report(void)
{
    char line[512];
    const char *name;

    printf("messages: %u:", am_self(am));
    for (unsigned i = 0;; i++) {
        uint64_t value = am_counter(am, i, &name);

        if (!name)
            break;
        if (value)
            printf(" %s %" PRIu64, name, value);
    }
    am_describe(am, am_self(am) == 0, line, sizeof(line));
    printf("\nmessages: %u: %s\n", am_self(am), line);
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2 || (strcmp(argv[1], "exchange") != 0 && strcmp(argv[1], "granted") != 0 &&
                     strcmp(argv[1], "outlive") != 0 && !count)) {
        fprintf(stderr, "usage: messages exchange | granted [COUNT [LEFT]] | outlive | garbage "
                        "SEED | ping COUNT "
                        "[granted] | spin COUNT [granted]\n");
        return 2;
    }
    outlive = strcmp(argv[1], "outlive") == 0;
    must(am_open(&am, NULL), "am_open");
    am_set_handler(am, MESSAGE, on_message, NULL);
    am_set_handler(am, STOP, on_stop, NULL);
    am_set_handler(am, END, on_end, NULL);
    am_set_handler(am, PING, on_ping, NULL);
    am_on_peer_down(am, on_down, NULL);
    if (am_size(am) > MOST)
        return 2;
    if (strcmp(argv[1], "ping") == 0 || strcmp(argv[1], "spin") == 0) {
        if (argc > 3 && strcmp(argv[3], "granted") == 0 && am_self(am) < 2)
            leave_frames();
        ping(count, strcmp(argv[1], "spin") == 0);
    } else {
        if (strcmp(argv[1], "granted") == 0 && argc > 3)
            leave_grants(strtoull(argv[3], NULL, 10));
        exchange(strcmp(argv[1], "exchange") == 0           ? 0
                 : strcmp(argv[1], "granted") == 0 && count ? count
                                                            : MOST);
        if (strcmp(argv[1], "garbage") == 0)
            write_garbage((unsigned)count);
    }
    must(am_drain(am), "am_drain");
    report();
    must(am_close(am), "am_close");
    return 0;
}
