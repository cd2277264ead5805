/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bench/stream.h: windows of nonblocking messages between pairs of ranks; what the bandwidth programs time.
 */
#ifndef CARAVAN_BENCH_STREAM_H
#define CARAVAN_BENCH_STREAM_H

#include "bench.h"

#include <mpi.h>

enum stream_way { STREAM_ONE_WAY, STREAM_BOTH_WAYS };

struct stream {
    struct bench *bench;
    int partner; /* or -1: this rank belongs to no pair */
    bool first;  /* of its pair */
    char *out, *in;
    MPI_Request *sends, *receives;
};

/* Rank r < pairs and rank r + pairs are partners. Where arrivals are checked each message of a window has memory of
 * its own; else all share one buffer, as in the OSU benchmarks. */
void stream_open(struct stream *stream, struct bench *bench, int pairs);
void stream_close(struct stream *stream);

/* Seconds that the timed iterations took this rank; 0 where it belongs to no pair. Collective. */
double stream_run(struct stream *stream, size_t size, enum stream_way way);

#endif
