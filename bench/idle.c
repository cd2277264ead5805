/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Idle: every rank but 0 waits in MPI_Recv for the given seconds, and says what part of a core that took it
 * (threads included), in percent. Rank 0 sleeps outside MPI meanwhile.
 */
#include "bench.h"

#include <mpi.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

enum { TAG = 1 };

static struct bench bench = {
    .title = "Caravan Idle Receive Test",
    .options = "t",
    .ranks = -1,
    .seconds = 5,
};

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void pass_time(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&left, &left))
        ;
}

int main(int argc, char **argv)
{
    double began, cpu, percent, most;
    char byte = 0;

    bench_begin(&bench, argc, argv);
    bench_head(&bench);
    MPI_Barrier(MPI_COMM_WORLD);
    began = MPI_Wtime();
    cpu = cpu_seconds();
    if (bench.rank == 0) {
        pass_time(bench.seconds);
        for (int i = 1; i < bench.size; i++)
            MPI_Send(&byte, 1, MPI_CHAR, i, TAG, MPI_COMM_WORLD);
    } else {
        MPI_Recv(&byte, 1, MPI_CHAR, 0, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    percent = 100 * (cpu_seconds() - cpu) / (MPI_Wtime() - began);
    if (bench.rank == 0)
        percent = 0;
    MPI_Reduce(&percent, &most, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    if (bench.rank == 0) {
        printf("%-10s%18s\n", "# Seconds", "Most CPU(%)");
        printf("%-10.1f%18.3f\n", bench.seconds, most);
    }
    return bench_end(&bench);
}
