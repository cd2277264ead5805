/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Init: how long MPI_Init takes the ranks, in milliseconds.
 */
#include <mpi.h>
#include <stdio.h>
#include <time.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    double began = now(), took, min, max, sum;
    int rank, size;

    MPI_Init(&argc, &argv);
    took = (now() - began) * 1e3;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Reduce(&took, &min, 1, MPI_DOUBLE, MPI_MIN, 0, MPI_COMM_WORLD);
    MPI_Reduce(&took, &max, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    MPI_Reduce(&took, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        printf("# Caravan Init Test\n");
        printf("nprocs: %d, min: %.1f ms, max: %.1f ms, avg: %.1f ms\n", size, min, max,
               sum / size);
    }
    MPI_Finalize();
    return 0;
}
