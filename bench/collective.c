/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Collective: latency of the blocking collective operation that the first argument names. As in OSU's programs, each call is
 * timed by itself with a barrier behind it, and the mean is over iterations and ranks. The size is that of what a rank
 * sends to one other; of the whole vector for reductions. The root is rank 0.
 */
#include "bench.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bench bench = {
    .options = "mixc",
    .column = "Avg Latency(us)",
    .precision = 3,
    .ranks = -1,
    .min = 1,
    .max = 1 << 20,
    .iterations = 1000,
    .warmup = 200,
    .iterations_large = 100,
    .warmup_large = 10,
};

static char *out, *in;
static int *counts, *places; /* of the blocks: in bytes, or in elements of a reduction */

/* How many blocks a rank gives or gets. */
enum blocks { NONE, ONE, ALL, ROOT_ONE, ROOT_ALL };

struct operation {
    const char *name;
    void (*run)(int count);
    enum blocks gives, gets;
    bool reduces; /* the vector is of floats */
};

static void barrier(int count)
{
    (void)count;
    MPI_Barrier(MPI_COMM_WORLD);
}

static void bcast(int count)
{
    MPI_Bcast(bench.rank == 0 ? out : in, count, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void gather(int count)
{
    MPI_Gather(out, count, MPI_CHAR, in, count, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void gatherv(int count)
{
    MPI_Gatherv(out, count, MPI_CHAR, in, counts, places, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void scatter(int count)
{
    MPI_Scatter(out, count, MPI_CHAR, in, count, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void scatterv(int count)
{
    MPI_Scatterv(out, counts, places, MPI_CHAR, in, count, MPI_CHAR, 0, MPI_COMM_WORLD);
}

static void allgather(int count)
{
    MPI_Allgather(out, count, MPI_CHAR, in, count, MPI_CHAR, MPI_COMM_WORLD);
}

static void allgatherv(int count)
{
    MPI_Allgatherv(out, count, MPI_CHAR, in, counts, places, MPI_CHAR, MPI_COMM_WORLD);
}

static void alltoall(int count)
{
    MPI_Alltoall(out, count, MPI_CHAR, in, count, MPI_CHAR, MPI_COMM_WORLD);
}

static void alltoallv(int count)
{
    (void)count;
    MPI_Alltoallv(out, counts, places, MPI_CHAR, in, counts, places, MPI_CHAR, MPI_COMM_WORLD);
}

static void reduce(int count)
{
    MPI_Reduce(out, in, count, MPI_FLOAT, MPI_SUM, 0, MPI_COMM_WORLD);
}

static void allreduce(int count)
{
    MPI_Allreduce(out, in, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

static void reduce_scatter(int count)
{
    (void)count;
    MPI_Reduce_scatter(out, in, counts, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

static const struct operation operations[] = {
    {"barrier", barrier, NONE, NONE, false},
    {"bcast", bcast, ROOT_ONE, ONE, false},
    {"gather", gather, ONE, ROOT_ALL, false},
    {"gatherv", gatherv, ONE, ROOT_ALL, false},
    {"scatter", scatter, ROOT_ALL, ONE, false},
    {"scatterv", scatterv, ROOT_ALL, ONE, false},
    {"allgather", allgather, ONE, ALL, false},
    {"allgatherv", allgatherv, ONE, ALL, false},
    {"alltoall", alltoall, ALL, ALL, false},
    {"alltoallv", alltoallv, ALL, ALL, false},
    {"reduce", reduce, ONE, ROOT_ONE, true},
    {"allreduce", allreduce, ONE, ONE, true},
    {"reduce_scatter", reduce_scatter, ONE, ONE, true},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static int blocks_of(enum blocks blocks)
{
    if (blocks == NONE || (blocks >= ROOT_ONE && bench.rank != 0))
        return 0;
    return blocks == ALL || blocks == ROOT_ALL ? bench.size : 1;
}

/* Elements of a reduction are small whole numbers: their sums are exact. */
static float element(int rank, long iteration, int i)
{
    return (float)(rank + iteration % 16 + i % 64);
}

static void fill(const struct operation *operation, size_t size, long iteration)
{
    if (operation->reduces) {
        for (int i = 0; i < (int)(size / sizeof(float)); i++)
            ((float *)(void *)out)[i] = element(bench.rank, iteration, i);
    } else {
        for (int i = 0; i < blocks_of(operation->gives); i++)
            bench_fill(out + (size_t)i * size, size, bench.rank, iteration * bench.size + i);
    }
    bench_spoil(in, size * (size_t)bench.size);
}

static void check(const struct operation *operation, size_t size, long iteration)
{
    int blocks = blocks_of(operation->gets);
    bool many = operation->gives == ALL || operation->gives == ROOT_ALL;

    if (operation->reduces && blocks) {
        bool part = operation->run == reduce_scatter;
        int first = part ? places[bench.rank] : 0;
        int count = part ? counts[bench.rank] : (int)(size / sizeof(float));

        for (int i = 0; i < count; i++) {
            float sum = 0;

            for (int rank = 0; rank < bench.size; rank++)
                sum += element(rank, iteration, first + i);
            bench.errors += ((float *)(void *)in)[i] != sum;
        }
    } else if (operation->run != bcast || bench.rank != 0) {
        for (int i = 0; i < blocks; i++)
            bench_check(&bench, in + (size_t)i * size, size, i,
                        iteration * bench.size + (many ? bench.rank : 0));
    }
}

static void layout(const struct operation *operation, size_t size)
{
    int total = (int)(size / sizeof(float));

    for (int i = 0; i < bench.size; i++) {
        counts[i] = (int)size;
        if (operation->reduces)
            counts[i] = total / bench.size + (i < total % bench.size);
        places[i] = i ? places[i - 1] + counts[i - 1] : 0;
    }
}

/* Seconds a call, the mean of iterations and ranks (at rank 0). */
static double measure(const struct operation *operation, size_t size)
{
    long iterations = bench_iterations(&bench, size), warmup = bench_warmup(&bench, size);
    int count = (int)(operation->reduces ? size / sizeof(float) : size);
    double sum = 0, all = 0;

    layout(operation, size);
    for (long i = 0; i < warmup + iterations; i++) {
        double began;

        if (bench.validate)
            fill(operation, size, i);
        MPI_Barrier(MPI_COMM_WORLD);
        began = MPI_Wtime();
        operation->run(count);
        if (i >= warmup)
            sum += MPI_Wtime() - began;
        if (bench.validate)
            check(operation, size, i);
    }
    MPI_Reduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    return all / (double)iterations / bench.size;
}

static const struct operation *operation_named(const char *name)
{
    for (int i = 0; i < OPERATIONS; i++)
        if (!strcmp(operations[i].name, name))
            return &operations[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct operation *operation = argc > 1 ? operation_named(argv[1]) : NULL;
    char title[64];

    if (!operation) {
        fprintf(stderr, "Usage: %s OPERATION [options]\nOperations:", argv[0]);
        for (int i = 0; i < OPERATIONS; i++)
            fprintf(stderr, " %s", operations[i].name);
        fputc('\n', stderr);
        return 2;
    }
    snprintf(title, sizeof title, "Caravan %s Latency Test", operation->name);
    bench.title = title;
    bench_begin(&bench, argc - 1, argv + 1);
    if (operation->reduces && bench.min < sizeof(float))
        bench.min = sizeof(float);
    if (operation->gives == NONE)
        bench.min = bench.max = 0;
    out = bench_buffer(bench.max * (size_t)bench.size);
    in = bench_buffer(bench.max * (size_t)bench.size);
    counts = bench_buffer((size_t)bench.size * sizeof(int));
    places = bench_buffer((size_t)bench.size * sizeof(int));
    bench_head(&bench);
    for (size_t size = bench.min; size <= bench.max; size = bench_next(size)) {
        double seconds = measure(operation, size);

        bench_row(&bench, size, seconds * 1e6, 0);
        if (operation->gives == NONE)
            break;
    }
    free(out);
    free(in);
    free(counts);
    free(places);
    return bench_end(&bench);
}
