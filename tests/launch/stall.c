/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stall.c: an MPI program that comes to a standstill, or to a bad end, in a way that its argument names; for stall_test.py and
 * hydra_test.py. It says `ready` before it does.
 */
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int rank, size;

static void compute(double seconds)
{
    double end = MPI_Wtime() + seconds;

    while (MPI_Wtime() < end)
        ;
}

/* Rank 0 waits for a message that nobody sends, with another that nobody receives; the others for rank 0. */
static void recv_and_allreduce(void)
{
    int value = rank, sum;

    if (rank == 1)
        MPI_Send(&value, 1, MPI_INT, 0, 44, MPI_COMM_WORLD);
    if (rank == 0) {
        MPI_Request request;

        MPI_Irecv(&sum, 1, MPI_INT, MPI_ANY_SOURCE, 33, MPI_COMM_WORLD, &request);
        MPI_Recv(&value, 1, MPI_INT, size - 1, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    MPI_Allreduce(&value, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
}

/* Everybody sends a long message to the next, and nobody receives. */
static void send_ring(void)
{
    enum { LENGTH = 1 << 20 };
    char *bytes = calloc(1, LENGTH);

    MPI_Send(bytes, LENGTH, MPI_CHAR, (rank + 1) % size, 5, MPI_COMM_WORLD);
}

/* Two collective calls on two communicators in a different order, the calls that wait for one of several, and a probe. */
static void mixed(void)
{
    MPI_Comm named;
    int value;

    MPI_Comm_dup(MPI_COMM_WORLD, &named);
    MPI_Comm_set_name(named, "the named one");
    if (rank == 0) {
        MPI_Barrier(named);
    } else if (rank == 1) {
        MPI_Bcast(&value, 1, MPI_INT, 0, MPI_COMM_WORLD);
    } else if (rank == 2) {
        MPI_Probe(0, 9, named, MPI_STATUS_IGNORE);
    } else {
        MPI_Request requests[2];

        MPI_Irecv(&value, 1, MPI_INT, 0, 1, named, &requests[0]);
        MPI_Irecv(&value, 1, MPI_INT, 1, 2, named, &requests[1]);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    }
}

/* Rank 1 computes, and is then where everybody waits for it. */
static void computing(void)
{
    if (rank == 1)
        compute(4);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void stopped(void)
{
    if (rank == 1)
        raise(SIGSTOP);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void sleeping(void)
{
    if (rank == 1)
        sleep(30);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void testing(void)
{
    MPI_Request request;
    int value, flag = 0;

    if (rank == 1) {
        MPI_Irecv(&value, 1, MPI_INT, 0, 3, MPI_COMM_WORLD, &request);
        while (!flag)
            MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static void finalizing(void)
{
    if (rank == 1)
        sleep(30);
}

static void aborting(void)
{
    if (rank == 1)
        MPI_Abort(MPI_COMM_WORLD, 7);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void dying(void)
{
    if (rank == 1)
        raise(SIGKILL);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* Messages go to and fro for some seconds, seldom: no stall. */
static void slow(void)
{
    int value = 0;

    for (int i = 0; i < 8; i++) {
        struct timespec pause = {.tv_nsec = 500000000};

        if (rank == 0)
            nanosleep(&pause, NULL);
        MPI_Bcast(&value, 1, MPI_INT, 0, MPI_COMM_WORLD);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*stand_still)(void);
    } ways[] = {
        {"recv", recv_and_allreduce}, {"ring", send_ring},  {"mixed", mixed},
        {"computing", computing},     {"stopped", stopped}, {"sleeping", sleeping},
        {"testing", testing},         {"slow", slow},       {"finalizing", finalizing},
        {"aborting", aborting},       {"dying", dying},
    };

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        puts("ready");
        fflush(stdout);
    }
    for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(*ways); i++)
        if (strcmp(argv[1], ways[i].name) == 0)
            ways[i].stand_still();
    MPI_Finalize();
    return 0;
}
