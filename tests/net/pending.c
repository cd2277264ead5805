/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pending SECONDS [work]: a rank that makes no MPI call for a long time, with traffic pending both ways.
 *
 * Rank 1 starts receives and sends, small ones and large ones, and is then outside MPI for SECONDS (with `work` it
 * computes, else it sleeps). The other ranks have sent to it, go on sending, and wait for what it sends. In the end
 * everything must have arrived, once and intact, in every rank.
 */
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SILENT = 1,
    SMALL = 200,
    LARGE = 3,
    LATE = 50,
    WORDS = 1 << 17,
    TAG_SMALL = 1,
    TAG_LARGE,
    TAG_LATE
};

struct exchange {
    int peer;
    unsigned small_out[SMALL], small_in[SMALL];
    unsigned late_in[LATE];
    unsigned *large_out[LARGE], *large_in[LARGE];
    MPI_Request requests[2 * (SMALL + LARGE) + LATE];
    int count;
};

static int rank, size;

static unsigned value(int source, int tag, int message, int word)
{
    return (unsigned)(source * 1000003 + tag * 65537 + message * 257 + word * 31);
}

static unsigned *large(void)
{
    unsigned *words = calloc(WORDS, sizeof *words);

    if (!words)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return words;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void stay_away(double seconds, bool work)
{
    struct timespec part = {.tv_nsec = 100000000};
    volatile double sum = 0;
    double end = now() + seconds;

    while (now() < end) {
        if (!work)
            nanosleep(&part, NULL);
        for (int i = 0; work && i < 1000000; i++)
            sum = sum + 1.0 / (i + 1);
    }
}

static void start(struct exchange *exchange, int peer)
{
    MPI_Comm world = MPI_COMM_WORLD;
    MPI_Request *next = exchange->requests;

    exchange->peer = peer;
    for (int i = 0; i < SMALL; i++) {
        exchange->small_out[i] = value(rank, TAG_SMALL, i, 0);
        MPI_Irecv(&exchange->small_in[i], 1, MPI_UNSIGNED, peer, TAG_SMALL, world, next++);
        MPI_Isend(&exchange->small_out[i], 1, MPI_UNSIGNED, peer, TAG_SMALL, world, next++);
    }
    for (int i = 0; i < LARGE; i++) {
        exchange->large_in[i] = large();
        exchange->large_out[i] = large();
        for (int k = 0; k < WORDS; k++)
            exchange->large_out[i][k] = value(rank, TAG_LARGE, i, k);
        MPI_Irecv(exchange->large_in[i], WORDS, MPI_UNSIGNED, peer, TAG_LARGE, world, next++);
        MPI_Isend(exchange->large_out[i], WORDS, MPI_UNSIGNED, peer, TAG_LARGE, world, next++);
    }
    if (rank == SILENT)
        for (int i = 0; i < LATE; i++)
            MPI_Irecv(&exchange->late_in[i], 1, MPI_UNSIGNED, peer, TAG_LATE, world, next++);
    exchange->count = (int)(next - exchange->requests);
}

static long check(const struct exchange *exchange)
{
    long wrong = 0;

    for (int i = 0; i < SMALL; i++)
        wrong += exchange->small_in[i] != value(exchange->peer, TAG_SMALL, i, 0);
    for (int i = 0; i < LARGE; i++)
        for (int k = 0; k < WORDS; k++)
            wrong += exchange->large_in[i][k] != value(exchange->peer, TAG_LARGE, i, k);
    for (int i = 0; rank == SILENT && i < LATE; i++)
        wrong += exchange->late_in[i] != value(exchange->peer, TAG_LATE, i, 0);
    return wrong;
}

static void finish(struct exchange *exchange)
{
    for (int i = 0; i < LARGE; i++) {
        free(exchange->large_in[i]);
        free(exchange->large_out[i]);
    }
    free(exchange);
}

static long be_silent(double seconds, bool work)
{
    struct exchange **with = calloc((size_t)size, sizeof *with);
    long wrong = 0;

    for (int peer = 0; peer < size; peer++) {
        if (peer == rank)
            continue;
        with[peer] = calloc(1, sizeof **with);
        start(with[peer], peer);
    }
    stay_away(seconds, work);
    for (int peer = 0; peer < size; peer++) {
        if (peer == rank)
            continue;
        MPI_Waitall(with[peer]->count, with[peer]->requests, MPI_STATUSES_IGNORE);
        wrong += check(with[peer]);
        finish(with[peer]);
    }
    free(with);
    return wrong;
}

static long be_patient(double seconds)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    long wrong;

    start(exchange, SILENT);
    for (int i = 0; i < LATE; i++) {
        unsigned word = value(rank, TAG_LATE, i, 0);

        MPI_Send(&word, 1, MPI_UNSIGNED, SILENT, TAG_LATE, MPI_COMM_WORLD);
        stay_away(seconds / (2 * LATE), false);
    }
    MPI_Waitall(exchange->count, exchange->requests, MPI_STATUSES_IGNORE);
    wrong = check(exchange);
    finish(exchange);
    return wrong;
}

int main(int argc, char **argv)
{
    bool work = argc > 2 && !strcmp(argv[2], "work");
    double seconds = argc > 1 ? atof(argv[1]) : 90;
    long wrong, all_wrong;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    wrong = rank == SILENT ? be_silent(seconds, work) : be_patient(seconds);
    MPI_Reduce(&wrong, &all_wrong, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%s: %ld wrong words\n", all_wrong ? "FAIL" : "all arrived", all_wrong);
    MPI_Finalize();
    return rank == 0 && all_wrong;
}
