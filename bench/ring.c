/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Ring: what a small solver does in a step. Every rank sends to its right neighbour while it receives from its
 * left one, then all of them sum a number. Meant for more ranks than cores; microseconds per step.
 */
#include "bench.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { TAG = 1 };

static struct bench bench = {
    .title = "Caravan Ring and Allreduce Test",
    .options = "mixc",
    .column = "Avg Step(us)",
    .precision = 2,
    .ranks = -1,
    .min = 8,
    .max = 1024,
    .iterations = 1000,
    .warmup = 10,
    .iterations_large = 100,
    .warmup_large = 2,
};

static void step(char *out, char *in, size_t size, long i)
{
    int right = (bench.rank + 1) % bench.size, left = (bench.rank + bench.size - 1) % bench.size;
    double mine = (double)(bench.rank + i), sum;
    double expected = (double)bench.size * (double)(bench.size - 1) / 2 + (double)i * bench.size;

    if (bench.validate) {
        bench_fill(out, size, bench.rank, i);
        bench_spoil(in, size);
    }
    MPI_Sendrecv(out, (int)size, MPI_CHAR, right, TAG, in, (int)size, MPI_CHAR, left, TAG,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (bench.validate)
        bench_check(&bench, in, size, left, i);
    MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (sum != expected) { /* whole numbers: exact in a double */
        fprintf(stderr, "rank %d: step %ld: the sum is %g, not %g\n", bench.rank, i, sum, expected);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

int main(int argc, char **argv)
{
    char *out, *in;

    bench_begin(&bench, argc, argv);
    out = bench_buffer(bench.max);
    in = bench_buffer(bench.max);
    bench_head(&bench);
    for (size_t size = bench.min; size <= bench.max; size = bench_next(size)) {
        long iterations = bench_iterations(&bench, size), warmup = bench_warmup(&bench, size);
        double began = 0;

        MPI_Barrier(MPI_COMM_WORLD);
        for (long i = 0; i < warmup + iterations; i++) {
            if (i == warmup)
                began = MPI_Wtime();
            step(out, in, size, i);
        }
        bench_row(&bench, size, (MPI_Wtime() - began) * 1e6 / (double)iterations, 0);
    }
    free(out);
    free(in);
    return bench_end(&bench);
}
