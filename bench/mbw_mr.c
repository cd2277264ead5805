/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Multiple bandwidth and message rate: each rank of the first half sends a window of messages to its partner
 * in the second half, which answers when all have arrived; the sum over all pairs.
 *
 * Place ranks in blocks (the first half on one node) to measure between two nodes.
 */
#include "stream.h"

#include <mpi.h>

static struct bench bench = {
    .title = "Caravan Multiple Bandwidth / Message Rate Test",
    .options = "mixcWp",
    .column = "MB/s",
    .column2 = "Messages/s",
    .precision = 2,
    .ranks = 0,
    .min = 1,
    .max = 1 << 22,
    .iterations = 100,
    .warmup = 10,
    .iterations_large = 20,
    .warmup_large = 2,
    .window = 64,
};

int main(int argc, char **argv)
{
    struct stream stream;

    bench_begin(&bench, argc, argv);
    stream_open(&stream, &bench, bench.pairs);
    bench_head(&bench);
    for (size_t size = bench.min; size <= bench.max; size = bench_next(size)) {
        double seconds = stream_run(&stream, size, STREAM_ONE_WAY), slowest;
        double messages = (double)bench_iterations(&bench, size) * bench.window * bench.pairs;

        MPI_Reduce(&seconds, &slowest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
        bench_row(&bench, size, messages * (double)size / 1e6 / slowest, messages / slowest);
    }
    stream_close(&stream);
    return bench_end(&bench);
}
