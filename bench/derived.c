/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Latency of derived types: half of the mean round trip of a message whose bytes are not in a row, in microseconds, by
 * the size of its data. -l chooses where they are:
 *   column   a column of a matrix of doubles with 16 columns
 *   arrays   three arrays at different places, of doubles, floats and shorts: half, a quarter and a quarter of the data
 *   indexed  blocks of 1 to 7 doubles with gaps of 1 to 3
 */
#include "bench.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG = 1, COLUMNS = 16, PERIOD = 7 };

static struct bench bench = {
    .title = "Caravan Derived Datatype Latency Test",
    .options = "mixcl",
    .column = "Avg Latency(us)",
    .precision = 2,
    .ranks = 2,
    .min = 8,
    .max = 1 << 20,
    .iterations = 2000,
    .warmup = 100,
    .iterations_large = 200,
    .warmup_large = 10,
    .layout = "column",
};

static MPI_Datatype make_column(size_t size)
{
    MPI_Datatype type;

    MPI_Type_vector((int)(size / sizeof(double)), 1, COLUMNS, MPI_DOUBLE, &type);
    return type;
}

static MPI_Datatype make_arrays(size_t size)
{
    MPI_Datatype type, types[] = {MPI_DOUBLE, MPI_FLOAT, MPI_SHORT};
    MPI_Aint at[] = {0, (MPI_Aint)(4 * size), (MPI_Aint)(8 * size)};
    int lengths[] = {(int)(size / 16), (int)(size / 16), (int)(size / 8)};

    MPI_Type_create_struct(3, lengths, at, types, &type);
    return type;
}

static MPI_Datatype make_indexed(size_t size)
{
    size_t left = size / sizeof(double);
    int *lengths = malloc((left + 1) * sizeof(int)), *at = malloc((left + 1) * sizeof(int));
    int count = 0, next = 0;
    MPI_Datatype type;

    for (; left > 0; count++) {
        lengths[count] = 1 + count * 3 % PERIOD;
        if ((size_t)lengths[count] > left)
            lengths[count] = (int)left;
        at[count] = next;
        next += lengths[count] + 1 + count % 3;
        left -= (size_t)lengths[count];
    }
    MPI_Type_indexed(count, lengths, at, MPI_DOUBLE, &type);
    free(lengths);
    free(at);
    return type;
}

static const struct layout {
    const char *name;
    MPI_Datatype (*make)(size_t size);
} layouts[] = {{"column", make_column}, {"arrays", make_arrays}, {"indexed", make_indexed}};

static void ping_pong(char *out, char *in, MPI_Datatype type)
{
    if (bench.rank == 0) {
        MPI_Send(out, 1, type, 1, TAG, MPI_COMM_WORLD);
        MPI_Recv(in, 1, type, 1, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else {
        MPI_Recv(in, 1, type, 0, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(out, 1, type, 0, TAG, MPI_COMM_WORLD);
    }
}

/* One message: the data arrive, and nothing between them is touched. */
static void validate(char *out, char *in, MPI_Datatype type, size_t size)
{
    char *packed = malloc(size);
    MPI_Aint low, span;
    int at = 0;

    MPI_Type_get_true_extent(type, &low, &span);
    bench_fill(packed, size, bench.rank, 0);
    MPI_Unpack(packed, (int)size, &at, out, 1, type, MPI_COMM_WORLD);
    memset(in, 0, (size_t)span);
    ping_pong(out, in, type);
    at = 0;
    MPI_Pack(in, 1, type, packed, (int)size, &at, MPI_COMM_WORLD);
    bench_check(&bench, packed, size, 1 - bench.rank, 0);
    memset(packed, 0, size);
    at = 0;
    MPI_Unpack(packed, (int)size, &at, in, 1, type, MPI_COMM_WORLD);
    for (MPI_Aint i = 0; i < span; i++)
        bench.errors += in[i] != 0;
    free(packed);
}

int main(int argc, char **argv)
{
    const struct layout *layout = layouts;
    char *out, *in;

    bench_begin(&bench, argc, argv);
    while (layout < layouts + 3 && strcmp(layout->name, bench.layout) != 0)
        layout++;
    if (layout == layouts + 3 || bench.min < 8) {
        fprintf(stderr, "%s: the layout is column, arrays or indexed, and sizes begin at 8\n",
                argv[0]);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    out = bench_buffer(COLUMNS * bench.max);
    in = bench_buffer(COLUMNS * bench.max);
    bench_head(&bench);
    for (size_t size = bench.min; size <= bench.max; size = bench_next(size)) {
        long iterations = bench_iterations(&bench, size), warmup = bench_warmup(&bench, size);
        MPI_Datatype type = layout->make(size);
        double began = 0;
        int bytes;

        MPI_Type_commit(&type);
        MPI_Type_size(type, &bytes);
        MPI_Barrier(MPI_COMM_WORLD);
        for (long i = 0; i < warmup + iterations; i++) {
            if (i == warmup)
                began = MPI_Wtime();
            ping_pong(out, in, type);
        }
        began = MPI_Wtime() - began;
        if (bench.validate)
            validate(out, in, type, (size_t)bytes);
        bench_row(&bench, size, began * 1e6 / (2.0 * (double)iterations), 0);
        MPI_Type_free(&type);
    }
    free(out);
    free(in);
    return bench_end(&bench);
}
