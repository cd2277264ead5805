/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bench/bench.c: command line, tables and checking; see bench.h.
 */
#include "bench.h"

#include <getopt.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMN_SIZE = 10,
    COLUMN_VALUE = 18,
    PAGE = 4096,
    REPORTED = 5, /* errors that are described, per rank and size; all are counted */
};

static void usage(const struct bench *bench, const char *program, FILE *stream)
{
    static const struct {
        char letter;
        const char *text;
    } help[] = {
        {'m', "  -m [MIN:]MAX   message sizes in bytes (MIN: takes the default MAX)"},
        {'i', "  -i COUNT       iterations that are timed, at every size"},
        {'x', "  -x COUNT       iterations before those"},
        {'b', "  -b COUNT       time so many blocks of iterations, each for itself: the median"},
        {'c', "  -c             check every byte that arrives; such a run is slower"},
        {'W', "  -W, -w COUNT   messages that are sent before an answer is awaited"},
        {'p', "  -p COUNT       pairs of ranks (half of the ranks)"},
        {'t', "  -t SECONDS     how long it takes"},
        {'l', "  -l LAYOUT      where the bytes of a message are"},
    };

    fprintf(stream, "Usage: %s [options]\nOptions:\n", program);
    for (size_t i = 0; i < sizeof help / sizeof *help; i++)
        if (strchr(bench->options, help[i].letter))
            fprintf(stream, "%s\n", help[i].text);
    fprintf(stream, "  -h             print this\n");
}

static bool parse_count(const char *text, long least, long *count)
{
    char *end;

    *count = strtol(text, &end, 10);
    return end != text && !*end && *count >= least;
}

static bool parse_size(const char *text, const char *until, size_t *size)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || end != until || value > (1ull << 30))
        return false;
    *size = value;
    return true;
}

static bool parse_sizes(const char *text, size_t *min, size_t *max)
{
    const char *colon = strchr(text, ':');
    const char *end = text + strlen(text);

    if (!colon)
        return parse_size(text, end, max);
    if (colon != text && !parse_size(text, colon, min))
        return false;
    return colon + 1 == end || parse_size(colon + 1, end, max);
}

/* 0, or the letter that was wrong; 'h' when help was asked for. */
static int parse(struct bench *bench, int argc, char **argv)
{
    long count;
    int letter;

    opterr = 0;
    while ((letter = getopt(argc, argv, "m:i:x:b:cW:w:p:t:l:h")) != -1) {
        bool good = true;

        if (letter == 'w')
            letter = 'W';
        if (letter == 'h' || letter == '?' || !strchr(bench->options, letter))
            return letter == 'h' ? 'h' : letter == '?' ? optopt : letter;
        switch (letter) {
        case 'm':
            good = parse_sizes(optarg, &bench->min, &bench->max);
            break;
        case 'i':
            good = parse_count(optarg, 1, &count);
            bench->iterations = bench->iterations_large = count;
            break;
        case 'x':
            good = parse_count(optarg, 0, &count);
            bench->warmup = bench->warmup_large = count;
            break;
        case 'b':
            good = parse_count(optarg, 1, &bench->blocks);
            break;
        case 'c':
            bench->validate = true;
            break;
        case 'W':
            good = parse_count(optarg, 1, &count);
            bench->window = (int)count;
            break;
        case 'p':
            good = parse_count(optarg, 1, &count) && 2 * count <= bench->size;
            bench->pairs = (int)count;
            break;
        case 'l':
            bench->layout = optarg;
            break;
        default:
            bench->seconds = atof(optarg);
            good = bench->seconds > 0;
            break;
        }
        if (!good)
            return letter;
    }
    return optind < argc ? argv[optind][0] : 0;
}

void bench_begin(struct bench *bench, int argc, char **argv)
{
    int wrong;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &bench->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &bench->size);

    wrong = parse(bench, argc, argv);
    if (wrong) {
        if (bench->rank == 0) {
            if (wrong != 'h')
                fprintf(stderr, "%s: option or value not understood at '%c'\n", argv[0], wrong);
            usage(bench, argv[0], wrong == 'h' ? stdout : stderr);
            fflush(stdout);
        }
        MPI_Finalize();
        exit(wrong == 'h' ? 0 : 2);
    }
    if ((bench->ranks > 0 && bench->size != bench->ranks) ||
        (bench->ranks == 0 && bench->size % 2)) {
        if (bench->rank == 0 && bench->ranks > 0)
            fprintf(stderr, "%s: takes exactly %d ranks, not %d\n", argv[0], bench->ranks,
                    bench->size);
        else if (bench->rank == 0)
            fprintf(stderr, "%s: takes an even number of ranks, not %d\n", argv[0], bench->size);
        MPI_Finalize();
        exit(2);
    }
    if (!bench->pairs)
        bench->pairs = bench->size / 2;
}

void bench_head(struct bench *bench)
{
    if (bench->rank != 0)
        return;
    printf("\n# %s\n", bench->title);
    if (strchr(bench->options, 'p'))
        printf("# [ pairs: %d ] [ window size: %d ]\n", bench->pairs, bench->window);
    if (bench->column) {
        printf("%-*s%*s", COLUMN_SIZE, "# Size", COLUMN_VALUE, bench->column);
        if (bench->column2)
            printf("%*s", COLUMN_VALUE, bench->column2);
        if (bench->validate)
            printf("%*s", COLUMN_VALUE, "Validation");
        putchar('\n');
    }
    fflush(stdout);
}

void bench_row(struct bench *bench, size_t size, double value, double value2)
{
    long errors = 0;

    if (bench->validate)
        MPI_Reduce(&bench->errors, &errors, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    bench->errors = 0;
    if (bench->rank != 0)
        return;
    printf("%-*zu%*.*f", COLUMN_SIZE, size, COLUMN_VALUE, bench->precision, value);
    if (bench->column2)
        printf("%*.*f", COLUMN_VALUE, bench->precision, value2);
    if (bench->validate)
        printf("%*s", COLUMN_VALUE, errors ? "Fail" : "Pass");
    putchar('\n');
    fflush(stdout);
    bench->failed |= errors != 0;
}

int bench_end(struct bench *bench)
{
    if (bench->failed)
        fprintf(stderr, "%s: what arrived was not what was sent\n", bench->title);
    MPI_Finalize();
    return bench->failed ? 1 : 0;
}

size_t bench_next(size_t size)
{
    return size ? 2 * size : 1;
}

long bench_iterations(const struct bench *bench, size_t size)
{
    return size > BENCH_LARGE ? bench->iterations_large : bench->iterations;
}

long bench_warmup(const struct bench *bench, size_t size)
{
    return size > BENCH_LARGE ? bench->warmup_large : bench->warmup;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

double bench_median(double *times, size_t count)
{
    qsort(times, count, sizeof *times, compare);
    return (times[count / 2] + times[(count - 1) / 2]) / 2;
}

void *bench_buffer(size_t size)
{
    void *buffer;

    if (posix_memalign(&buffer, PAGE, size ? size : 1)) {
        fprintf(stderr, "no memory for a buffer of %zu bytes\n", size);
        MPI_Abort(MPI_COMM_WORLD, 1);
        exit(1);
    }
    bench_spoil(buffer, size);
    return buffer;
}

/* Word `index` of a message: every one of them differs from its neighbours and from those of other messages. */
static uint64_t word_of(uint64_t message, uint64_t index)
{
    return (message + index) * 0x9e3779b97f4a7c15u ^ index;
}

static uint64_t message_of(size_t size, int source, long message)
{
    return ((uint64_t)message << 24) ^ ((uint64_t)source << 8) ^ ((uint64_t)size << 40) ^ 0x5a;
}

void bench_fill(void *buffer, size_t size, int source, long message)
{
    uint64_t number = message_of(size, source, message);
    char *at = buffer;

    for (uint64_t i = 0; size; i++) {
        uint64_t word = word_of(number, i);
        size_t part = size < sizeof word ? size : sizeof word;

        memcpy(at, &word, part);
        at += part;
        size -= part;
    }
}

void bench_spoil(void *buffer, size_t size)
{
    memset(buffer, 0xa5, size);
}

static void report(struct bench *bench, size_t size, size_t offset, int source, long message)
{
    if (bench->errors++ < REPORTED)
        fprintf(stderr, "rank %d: message %ld of %zu bytes from rank %d is wrong at byte %zu\n",
                bench->rank, message, size, source, offset);
}

void bench_check(struct bench *bench, const void *buffer, size_t size, int source, long message)
{
    uint64_t number = message_of(size, source, message);
    const char *at = buffer;
    size_t left = size;

    for (uint64_t i = 0; left; i++) {
        uint64_t word = word_of(number, i);
        size_t part = left < sizeof word ? left : sizeof word;

        if (memcmp(at, &word, part)) {
            report(bench, size, i * sizeof word, source, message);
            return;
        }
        at += part;
        left -= part;
    }
}
