/* SPDX-License-Identifier: BSD-2-Clause
 *
 * counter: counters that are spread over all processes, and that every process adds to.
 *
 * Counter k lives in process k mod size. "Add" is a request that is answered with the value before, so that
 * it is a fetch-and-add: every value is handed out exactly once. docs/active-messages.md walks through it.
 */
#include <caravan/am.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADD, VALUE, TOTAL };
enum { COUNTERS = 64, OUTSTANDING = 32 };

struct process {
    uint64_t counters[COUNTERS]; /* those that live here */
    uint64_t asked, answered;    /* additions of this process */
    uint64_t total,
        totals; /* in process 0: the sum over all processes, and how many of them told theirs */
};

static void stop(const char *what, int error)
{
    if (error >= 0)
        return;
    fprintf(stderr, "counter: %s: %s\n", what, strerror(-error));
    exit(1);
}

/* Runs where the counter lives. A reply never fails for want of room: am_request_reply has reserved it. */
static void on_add(struct am *am, const struct am_message *message, void *context)
{
    struct process *process = context;
    uint64_t *counter = &process->counters[message->args[0] % COUNTERS];
    uint64_t before = *counter;

    *counter += message->args[1];
    stop("am_reply", am_reply(am, message->source, message->token, VALUE, &before, 1, NULL, 0));
}

/* Runs where the addition was asked for. */
static void on_value(struct am *am, const struct am_message *message, void *context)
{
    struct process *process = context;

    (void)am;
    (void)message; /* its first argument is the value that is ours now */
    process->answered++;
}

static void on_total(struct am *am, const struct am_message *message, void *context)
{
    struct process *process = context;

    (void)am;
    process->total += message->args[0];
    process->totals++;
}

static void add(struct am *am, struct process *process, uint64_t counter, uint64_t amount)
{
    uint32_t home = (uint32_t)(counter % am_size(am));
    uint64_t args[] = {counter, amount};
    int error;

    while (process->asked - process->answered >= OUTSTANDING)
        stop("am_wait", am_wait(am, AM_FOREVER));
    while ((error = am_request_reply(am, home, ADD, args, 2, NULL, 0)) == -EAGAIN)
        stop("am_poll", am_poll(am));
    stop("am_request_reply", error);
    process->asked++;
}

int main(int argc, char **argv)
{
    static struct process process;
    struct am *am;
    uint64_t additions = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
    uint64_t mine = 0, expected;
    int error;

    stop("am_open", am_open(&am, NULL));
    am_set_handler(am, ADD, on_add, &process);
    am_set_handler(am, VALUE, on_value, &process);
    am_set_handler(am, TOTAL, on_total, &process);

    for (uint64_t i = 0; i < additions; i++)
        add(am, &process, (i * 7919 + am_self(am)) % COUNTERS, 1 + i % 3);
    while (process.answered < process.asked)
        stop("am_wait", am_wait(am, AM_FOREVER));
    /* Everyone's additions are answered, so everyone's counters stand still. */
    stop("am_fence", am_fence(am));

    for (int k = 0; k < COUNTERS; k++)
        mine += process.counters[k];
    while ((error = am_request(am, 0, TOTAL, &mine, 1, NULL, 0)) == -EAGAIN)
        stop("am_poll", am_poll(am));
    stop("am_request", error);

    if (am_self(am) == 0) {
        while (process.totals < am_size(am))
            stop("am_wait", am_wait(am, AM_FOREVER));
        expected = 0;
        for (uint64_t i = 0; i < additions; i++)
            expected += (1 + i % 3) * am_size(am);
        printf("%u processes, %llu additions each: total %llu, expected %llu\n", am_size(am),
               (unsigned long long)additions, (unsigned long long)process.total,
               (unsigned long long)expected);
        error = process.total == expected ? 0 : -EPROTO;
    }
    return am_close(am) || error ? 1 : 0;
}
