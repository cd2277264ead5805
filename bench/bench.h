/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bench/bench.h: what the benchmarks share: a command line and tables like those of the OSU
 * micro-benchmarks, so that scripts and habits carry over, and the checking of what arrived.
 *
 * Every program is one file beside bench.c and knows nothing of Caravan: mpicc NAME.c bench.c builds it with any
 * MPI. Times are those of MPI_Wtime; bandwidth is in 10^6 bytes per second.
 */
#ifndef CARAVAN_BENCH_H
#define CARAVAN_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_LARGE = 8192 }; /* messages longer than this take the `large` number of iterations */

/* A benchmark, as it is before its command line was read. */
struct bench {
    const char *title;
    const char *options; /* the letters that it takes, of "mixbcWptl" */
    const char *column;  /* heading of its result; NULL: it prints no table */
    const char *column2; /* of a second one */
    int precision;       /* digits after the point */
    int ranks;           /* how many it takes; 0: any even number; -1: any number */

    /* Options. */
    size_t min, max;                   /* -m: message sizes in bytes */
    long iterations, iterations_large; /* -i */
    long warmup, warmup_large;         /* -x */
    long blocks;                       /* -b: of iterations, each timed for itself; 0: all in one */
    bool validate;                     /* -c */
    int window;                        /* -W: messages before an answer is awaited */
    int pairs;                         /* -p; 0: half of the ranks */
    double seconds;                    /* -t */
    const char *layout;                /* -l */

    /* Set by bench_begin. */
    int rank, size;
    long errors; /* found in this rank at this message size */
    bool failed; /* at any size and any rank; known to rank 0 */
};

/* MPI_Init and the command line. Ends the program after -h and on a mistake. */
void bench_begin(struct bench *bench, int argc, char **argv);

/* Rank 0 prints the title and the headings. */
void bench_head(struct bench *bench);

/* Rank 0 prints a line of the table. Collective where the run is validated: it then says Pass or Fail. */
void bench_row(struct bench *bench, size_t size, double value, double value2);

/* MPI_Finalize. Returns the exit status: 1 when a validation failed. */
int bench_end(struct bench *bench);

/* The next message size after `size`, by doubling; 0 is followed by 1. */
size_t bench_next(size_t size);

long bench_iterations(const struct bench *bench, size_t size);
long bench_warmup(const struct bench *bench, size_t size);

/* The median of some times, which are sorted. */
double bench_median(double *times, size_t count);

/* Page-aligned memory, touched. Ends the job without it. */
void *bench_buffer(size_t size);

/* Write what message number `message` from `source` consists of; overwrite what was there with something else;
 * check it, counting and reporting an error. The number is the iteration's, times the window, plus the place in it. */
void bench_fill(void *buffer, size_t size, int source, long message);
void bench_spoil(void *buffer, size_t size);
void bench_check(struct bench *bench, const void *buffer, size_t size, int source, long message);

#endif
