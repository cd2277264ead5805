/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pingpong: process 0 sends, process 1 sends back; microseconds for half a round trip.
 *
 * It shows a handler that has to send: a handler may not, so it defers the sending. docs/active-messages.md walks
 * through it.
 */
#include <caravan/am.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PING, PONG };
enum { ROUNDS = 10000, WARMUP = 500, LARGEST = 4096 };

/* What process 1 has to send back. */
struct echo {
    struct am_work work; /* first: the work is the echo */
    uint32_t to;
    size_t length;
    char payload[LARGEST];
};

static void stop(const char *what, int error)
{
    if (error >= 0)
        return;
    fprintf(stderr, "pingpong: %s: %s\n", what, strerror(-error));
    exit(1);
}

static double microseconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* Deferred work may send. It is kept for the next poll while there is no room (-EAGAIN). */
static int send_back(struct am *am, struct am_work *work)
{
    struct echo *echo = (struct echo *)work;

    return am_request(am, echo->to, PONG, NULL, 0, echo->payload, echo->length);
}

/* The payload is gone when a handler returns: keep what is needed later. One echo is enough, as the next ping
 * comes only after the pong. */
static void on_ping(struct am *am, const struct am_message *message, void *context)
{
    struct echo *echo = context;

    echo->work.run = send_back;
    echo->to = message->source;
    echo->length = message->length;
    memcpy(echo->payload, message->payload, message->length);
    am_defer(am, &echo->work);
}

static void on_pong(struct am *am, const struct am_message *message, void *context)
{
    long *pongs = context;

    (void)am;
    (void)message;
    ++*pongs;
}

static void round_trip(struct am *am, const char *payload, size_t length, long *pongs)
{
    long before = *pongs;
    int error;

    while ((error = am_request(am, 1, PING, NULL, 0, payload, length)) == -EAGAIN)
        stop("am_poll", am_poll(am));
    stop("am_request", error);
    while (*pongs == before)
        stop("am_wait", am_wait(am, AM_FOREVER));
}

static void measure(struct am *am, size_t length, long *pongs)
{
    static char payload[LARGEST];
    double began = 0;

    for (int i = -WARMUP; i < ROUNDS; i++) {
        if (i == 0)
            began = microseconds();
        round_trip(am, payload, length, pongs);
    }
    printf("%-10zu%18.2f\n", length, (microseconds() - began) / (2.0 * ROUNDS));
}

int main(void)
{
    static struct echo echo;
    struct am *am;
    long pongs = 0;

    stop("am_open", am_open(&am, NULL));
    if (am_size(am) != 2) {
        fprintf(stderr, "pingpong: takes two processes: mpirun -n 2 pingpong\n");
        am_close(am);
        return 2;
    }
    am_set_handler(am, PING, on_ping, &echo);
    am_set_handler(am, PONG, on_pong, &pongs);
    if (am_self(am) == 0) {
        printf("# Bytes       Half trip(us)\n");
        measure(am, 0, &pongs);
        for (size_t length = 8; length <= LARGEST && length <= am_max_medium(am); length *= 2)
            measure(am, length, &pongs);
    }
    /* Process 1 serves pings in here until process 0 has come as well. */
    stop("am_fence", am_fence(am));
    return am_close(am) ? 1 : 0;
}
