/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bench/stream.c: see stream.h.
 */
#include "stream.h"

#include <stdlib.h>

enum { TAG_DATA = 100, TAG_ANSWER = 101 };

void stream_open(struct stream *stream, struct bench *bench, int pairs)
{
    size_t window = (size_t)bench->window;
    size_t slots = bench->validate ? window : 1;

    *stream = (struct stream){.bench = bench, .partner = -1};
    if (bench->rank < pairs) {
        stream->partner = bench->rank + pairs;
        stream->first = true;
    } else if (bench->rank < 2 * pairs) {
        stream->partner = bench->rank - pairs;
    }
    stream->out = bench_buffer(bench->max * slots);
    stream->in = bench_buffer(bench->max * slots);
    stream->sends = calloc(window, sizeof *stream->sends);
    stream->receives = calloc(window, sizeof *stream->receives);
    if (!stream->sends || !stream->receives)
        MPI_Abort(MPI_COMM_WORLD, 1);
}

void stream_close(struct stream *stream)
{
    free(stream->out);
    free(stream->in);
    free(stream->sends);
    free(stream->receives);
}

static void post_sends(struct stream *stream, size_t size, size_t stride)
{
    for (int i = 0; i < stream->bench->window; i++)
        MPI_Isend(stream->out + (size_t)i * stride, (int)size, MPI_CHAR, stream->partner, TAG_DATA,
                  MPI_COMM_WORLD, &stream->sends[i]);
}

static void post_receives(struct stream *stream, size_t size, size_t stride)
{
    for (int i = 0; i < stream->bench->window; i++)
        MPI_Irecv(stream->in + (size_t)i * stride, (int)size, MPI_CHAR, stream->partner, TAG_DATA,
                  MPI_COMM_WORLD, &stream->receives[i]);
}

static void answer(struct stream *stream)
{
    char byte = 0;

    MPI_Send(&byte, 1, MPI_CHAR, stream->partner, TAG_ANSWER, MPI_COMM_WORLD);
}

static void await_answer(struct stream *stream)
{
    char byte;

    MPI_Recv(&byte, 1, MPI_CHAR, stream->partner, TAG_ANSWER, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void window(struct stream *stream, size_t size, size_t stride, enum stream_way way)
{
    int count = stream->bench->window;

    if (way == STREAM_BOTH_WAYS) {
        post_receives(stream, size, stride);
        post_sends(stream, size, stride);
        MPI_Waitall(count, stream->sends, MPI_STATUSES_IGNORE);
        MPI_Waitall(count, stream->receives, MPI_STATUSES_IGNORE);
        if (stream->first) {
            answer(stream);
            await_answer(stream);
        } else {
            await_answer(stream);
            answer(stream);
        }
    } else if (stream->first) {
        post_sends(stream, size, stride);
        MPI_Waitall(count, stream->sends, MPI_STATUSES_IGNORE);
        await_answer(stream);
    } else {
        post_receives(stream, size, stride);
        MPI_Waitall(count, stream->receives, MPI_STATUSES_IGNORE);
        answer(stream);
    }
}

static void prepare(struct stream *stream, size_t size, long iteration)
{
    struct bench *bench = stream->bench;

    for (int i = 0; i < bench->window; i++)
        bench_fill(stream->out + (size_t)i * size, size, bench->rank,
                   iteration * bench->window + i);
    bench_spoil(stream->in, size * (size_t)bench->window);
}

static void check(struct stream *stream, size_t size, long iteration)
{
    struct bench *bench = stream->bench;

    for (int i = 0; i < bench->window; i++)
        bench_check(bench, stream->in + (size_t)i * size, size, stream->partner,
                    iteration * bench->window + i);
}

static double run_validated(struct stream *stream, size_t size, enum stream_way way)
{
    struct bench *bench = stream->bench;
    long iterations = bench_iterations(bench, size), warmup = bench_warmup(bench, size);
    double sum = 0;

    for (long i = 0; i < warmup + iterations; i++) {
        double began;

        if (stream->partner >= 0)
            prepare(stream, size, i);
        MPI_Barrier(MPI_COMM_WORLD);
        if (stream->partner < 0)
            continue;
        began = MPI_Wtime();
        window(stream, size, size, way);
        if (i >= warmup)
            sum += MPI_Wtime() - began;
        if (way == STREAM_BOTH_WAYS || !stream->first)
            check(stream, size, i);
    }
    return sum;
}

double stream_run(struct stream *stream, size_t size, enum stream_way way)
{
    struct bench *bench = stream->bench;
    long iterations = bench_iterations(bench, size), warmup = bench_warmup(bench, size);
    double began = 0;

    if (bench->validate)
        return run_validated(stream, size, way);
    MPI_Barrier(MPI_COMM_WORLD);
    if (stream->partner < 0)
        return 0;
    for (long i = 0; i < warmup + iterations; i++) {
        if (i == warmup)
            began = MPI_Wtime();
        window(stream, size, 0, way);
    }
    return MPI_Wtime() - began;
}
