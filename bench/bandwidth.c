/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Bandwidth: rank 0 sends a window of messages, rank 1 answers when all have arrived.
 */
#include "stream.h"

static struct bench bench = {
    .title = "Caravan Bandwidth Test",
    .options = "mixcW",
    .column = "Bandwidth (MB/s)",
    .precision = 2,
    .ranks = 2,
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
    stream_open(&stream, &bench, 1);
    bench_head(&bench);
    for (size_t size = bench.min; size <= bench.max; size = bench_next(size)) {
        double seconds = stream_run(&stream, size, STREAM_ONE_WAY);
        double bytes = (double)bench_iterations(&bench, size) * bench.window * (double)size;

        bench_row(&bench, size, bytes / 1e6 / seconds, 0);
    }
    stream_close(&stream);
    return bench_end(&bench);
}
