/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Latency: rank 0 sends, rank 1 sends back, blocking; half of the mean round trip, in microseconds. With -b, the mean
 * of the median block: where now and then something else takes the processor, that is in few blocks.
 */
#include "bench.h"

#include <mpi.h>
#include <stdlib.h>

enum { TAG = 1 };

static struct bench bench = {
    .title = "Caravan Latency Test",
    .options = "mixbc",
    .column = "Avg Latency(us)",
    .precision = 2,
    .ranks = 2,
    .max = 1 << 22,
    .min = 1,
    .iterations = 10000,
    .warmup = 200,
    .iterations_large = 1000,
    .warmup_large = 20,
};

static void ping_pong(char *out, char *in, int size)
{
    if (bench.rank == 0) {
        MPI_Send(out, size, MPI_CHAR, 1, TAG, MPI_COMM_WORLD);
        MPI_Recv(in, size, MPI_CHAR, 1, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else {
        MPI_Recv(in, size, MPI_CHAR, 0, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(out, size, MPI_CHAR, 0, TAG, MPI_COMM_WORLD);
    }
}

/* Returns seconds for all iterations, as many as there would be if each block took as long as the median one. */
static double measure(char *out, char *in, size_t size)
{
    long iterations = bench_iterations(&bench, size), warmup = bench_warmup(&bench, size);
    long blocks = bench.blocks > iterations ? iterations : bench.blocks ? bench.blocks : 1;
    double *times = bench_buffer((size_t)blocks * sizeof *times), seconds;

    MPI_Barrier(MPI_COMM_WORLD);
    for (long i = 0; i < warmup; i++)
        ping_pong(out, in, (int)size);
    for (long block = 0; block < blocks; block++) {
        double began = MPI_Wtime();

        for (long i = 0; i < iterations / blocks; i++)
            ping_pong(out, in, (int)size);
        times[block] = MPI_Wtime() - began;
    }
    seconds = bench_median(times, (size_t)blocks) / (double)(iterations / blocks) *
              (double)iterations;
    free(times);
    return seconds;
}

/* The same with a check after every round trip, which is not in the time. */
static double measure_validated(char *out, char *in, size_t size)
{
    long iterations = bench_iterations(&bench, size), warmup = bench_warmup(&bench, size);
    double sum = 0;

    for (long i = 0; i < warmup + iterations; i++) {
        double began;

        bench_fill(out, size, bench.rank, i);
        bench_spoil(in, size);
        MPI_Barrier(MPI_COMM_WORLD);
        began = MPI_Wtime();
        ping_pong(out, in, (int)size);
        if (i >= warmup)
            sum += MPI_Wtime() - began;
        bench_check(&bench, in, size, 1 - bench.rank, i);
    }
    return sum;
}

int main(int argc, char **argv)
{
    char *out, *in;

    bench_begin(&bench, argc, argv);
    out = bench_buffer(bench.max);
    in = bench_buffer(bench.max);
    bench_head(&bench);
    for (size_t size = bench.min; size <= bench.max; size = bench_next(size)) {
        double seconds = bench.validate ? measure_validated(out, in, size) : measure(out, in, size);

        bench_row(&bench, size, seconds * 1e6 / (2.0 * (double)bench_iterations(&bench, size)), 0);
    }
    free(out);
    free(in);
    return bench_end(&bench);
}
