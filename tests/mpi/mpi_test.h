/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the MPI test programs share. A program prints nothing and returns 0, or ends the whole job with a line that says
 * where and on which rank.
 */
#ifndef MPI_TEST_H
#define MPI_TEST_H

#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int world_rank, world_size;

#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "rank %d: %s:%d: not so: %s\n", world_rank, __FILE__, __LINE__,        \
                    #condition);                                                                   \
            MPI_Abort(MPI_COMM_WORLD, 1);                                                          \
        }                                                                                          \
    } while (0)

static inline void test_start(int *argc, char ***argv)
{
    MPI_Init(argc, argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_size);
}

static inline int test_end(void)
{
    MPI_Finalize();
    return 0;
}

/* The byte at `place` of message number `message`. */
static inline unsigned char pattern(uint32_t message, size_t place)
{
    uint32_t x = (message * 2654435761u) ^ (uint32_t)(place * 40503u + (place >> 11));

    return (unsigned char)(x ^ x >> 15 ^ x >> 23);
}

static inline void pattern_write(void *buffer, size_t length, uint32_t message)
{
    for (size_t i = 0; i < length; i++)
        ((unsigned char *)buffer)[i] = pattern(message, i);
}

static inline int pattern_is(const void *buffer, size_t length, uint32_t message)
{
    for (size_t i = 0; i < length; i++) {
        if (((const unsigned char *)buffer)[i] != pattern(message, i))
            return 0;
    }
    return 1;
}

/* As many bytes as `byte`, which a receive must leave alone. */
static inline int untouched(const void *buffer, size_t length, int byte)
{
    for (size_t i = 0; i < length; i++) {
        if (((const unsigned char *)buffer)[i] != (unsigned char)byte)
            return 0;
    }
    return 1;
}

static inline int count_of(MPI_Status *status)
{
    int count;

    MPI_Get_count(status, MPI_BYTE, &count);
    return count;
}

/* A word from a seed, the same on every rank. */
static inline uint32_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

#endif
