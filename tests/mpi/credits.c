/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a legal program cannot deadlock on messages that nobody has received yet, and they do not fill the receiver's
 * memory: every rank sends every other far more than its credit before anything is received, in all lengths, and then
 * all is received in the opposite order of tags. Resident memory stays within a bound. Then short blocking
 * sends in one direction, which must go on while credit is returned; and such of which nobody receives any before all are sent.
 */
#include "mpi_test.h"

#include <sys/resource.h>

enum { MESSAGES = 4000, LONGEST = 8192 };

static int length_of(int number)
{
    static const int lengths[] = {8, 8192, 1, 4000, 0, 64, 2000};

    return lengths[number % 7];
}

static long resident(void)
{
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");

    require(file && fscanf(file, "%ld %ld", &ignored, &pages) == 2);
    fclose(file);
    return pages * 4096;
}

static void flood(void)
{
    size_t total = (size_t)MESSAGES * (size_t)(world_size - 1);
    MPI_Request *requests = malloc(total * sizeof(MPI_Request));
    unsigned char *out = malloc((size_t)MESSAGES * LONGEST), *in = malloc(LONGEST);
    size_t started = 0;
    long before;
    int flag;

    for (int i = 0; i < MESSAGES; i++)
        pattern_write(out + (size_t)i * LONGEST, (size_t)length_of(i),
                      (uint32_t)(i * 64 + world_rank));
    before = resident();
    for (int i = 0; i < MESSAGES; i++) {
        for (int to = 0; to < world_size; to++) {
            if (to != world_rank)
                MPI_Isend(out + (size_t)i * LONGEST, length_of(i), MPI_BYTE, to, i, MPI_COMM_WORLD,
                          &requests[started++]);
        }
    }
    /* Take everything that may come without a receive. */
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < 1000; i++)
        MPI_Iprobe(MPI_ANY_SOURCE, MESSAGES + 1, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
    MPI_Barrier(MPI_COMM_WORLD);
    require(resident() - before < 24l << 20);
    for (int i = MESSAGES - 1; i >= 0; i--) {
        for (int from = 0; from < world_size; from++) {
            MPI_Status status;

            if (from == world_rank)
                continue;
            MPI_Recv(in, LONGEST, MPI_BYTE, from, i, MPI_COMM_WORLD, &status);
            require(count_of(&status) == length_of(i));
            require(pattern_is(in, (size_t)length_of(i), (uint32_t)(i * 64 + from)));
        }
    }
    MPI_Waitall((int)started, requests, MPI_STATUSES_IGNORE);
    free(requests);
    free(out);
    free(in);
}

static void one_way(void)
{
    enum { COUNT = 100000 };

    for (int i = 0; i < COUNT; i++) {
        int value = i;

        if (world_rank == 0)
            MPI_Send(&value, 1, MPI_INT, 1, 3, MPI_COMM_WORLD);
        else if (world_rank == 1)
            MPI_Recv(&value, 1, MPI_INT, 0, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        require(value == i);
    }
}

/* All send before anybody receives, which the standard does not promise, and programs do: short messages, of data with gaps too,
 * from memory that is written to as soon as the call returns. Twice, for who has been kept waiting is not for ever. */
static void before_anybody_receives(void)
{
    enum { COUNT = 12000, TAGS = 5 };
    int next = (world_rank + 1) % world_size, last = (world_rank + world_size - 1) % world_size;
    MPI_Datatype pairs;

    MPI_Type_vector(2, 1, 2, MPI_INT, &pairs);
    MPI_Type_commit(&pairs);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            int values[3] = {i, -1, world_rank};

            MPI_Send(values, 1, pairs, next, i % TAGS, MPI_COMM_WORLD);
            values[2] = values[0];
            MPI_Send(values, 3, MPI_INT, next, i % TAGS, MPI_COMM_WORLD);
        }
        for (int tag = TAGS - 1; tag >= 0; tag--) {
            for (int i = tag; i < COUNT; i += TAGS) {
                int values[3] = {0, 0, 0};

                MPI_Recv(values, 1, pairs, last, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                require(values[0] == i && values[1] == 0 && values[2] == last);
                MPI_Recv(values, 3, MPI_INT, MPI_ANY_SOURCE, tag, MPI_COMM_WORLD,
                         MPI_STATUS_IGNORE);
                require(values[0] == i && values[1] == -1 && values[2] == i);
            }
        }
    }
    MPI_Type_free(&pairs);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    flood();
    one_way();
    before_anybody_receives();
    return test_end();
}
