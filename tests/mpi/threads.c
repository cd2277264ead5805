/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: with MPI_THREAD_MULTIPLE several threads of a process may be in MPI at once: each of four talks with its like in
 * the next process, on tags of its own, blocking and nonblocking; a thread that waits is woken by what
 * another one takes from the network; each also duplicates a communicator while the others do, and has nonblocking
 * collectives whose operation, the program's, runs while the others go on.
 */
#include "mpi_test.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 300, LONGEST = 20000 };

static MPI_Comm base[THREADS];

static void add(void *in, void *inout, int *length, MPI_Datatype *type)
{
    usleep(50);
    for (int i = 0; i < *length; i++)
        ((int *)inout)[i] += ((int *)in)[i];
}

static void reduce(MPI_Comm comm)
{
    enum { AT_ONCE = 4 };
    int one = 1, sums[AT_ONCE], sum = 0;
    MPI_Request requests[AT_ONCE + 1];
    MPI_Comm own;
    MPI_Op op;

    MPI_Op_create(add, 0, &op);
    for (int i = 0; i < AT_ONCE; i++)
        MPI_Iallreduce(&one, &sums[i], 1, MPI_INT, op, comm, &requests[i]);
    MPI_Op_free(&op);
    MPI_Comm_idup(comm, &own, &requests[AT_ONCE]);
    MPI_Waitall(AT_ONCE + 1, requests, MPI_STATUSES_IGNORE);
    for (int i = 0; i < AT_ONCE; i++)
        require(sums[i] == world_size);
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, own);
    require(sum == world_size);
    MPI_Comm_free(&own);
}

static void *talk(void *argument)
{
    int me = (int)(intptr_t)argument;
    int next = (world_rank + 1) % world_size, previous = (world_rank + world_size - 1) % world_size;
    unsigned char *out = malloc(LONGEST), *in = malloc(LONGEST);
    MPI_Comm own;

    for (int round = 0; round < ROUNDS; round++) {
        int length = round % 10 == 0 ? LONGEST : 1 + round % 100;
        MPI_Request requests[2];
        MPI_Status statuses[2];

        pattern_write(out, (size_t)length, (uint32_t)(round * 8 + me));
        if (round & 1) {
            MPI_Irecv(in, LONGEST, MPI_BYTE, previous, me, MPI_COMM_WORLD, &requests[0]);
            MPI_Isend(out, length, MPI_BYTE, next, me, MPI_COMM_WORLD, &requests[1]);
            MPI_Waitall(2, requests, statuses);
        } else {
            MPI_Sendrecv(out, length, MPI_BYTE, next, me, in, LONGEST, MPI_BYTE, previous, me,
                         MPI_COMM_WORLD, &statuses[0]);
        }
        require(count_of(&statuses[0]) == length);
        require(pattern_is(in, (size_t)length, (uint32_t)(round * 8 + me)));
    }
    for (int round = 0; round < 5; round++) {
        int sum = 0, one = 1;

        MPI_Comm_dup(base[me], &own);
        MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, own);
        require(sum == world_size);
        MPI_Comm_free(&own);
    }
    for (int round = 0; round < 20; round++)
        reduce(base[me]);
    free(out);
    free(in);
    return NULL;
}

/* One thread waits for what another thread of the same process sends. */
static void *send_later(void *argument)
{
    int value = 42;

    MPI_Ssend(&value, 1, MPI_INT, world_rank, 99, MPI_COMM_WORLD);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[THREADS];
    int provided, value = 0;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_size);
    require(provided == MPI_THREAD_MULTIPLE);
    for (int i = 0; i < THREADS; i++)
        MPI_Comm_dup(MPI_COMM_WORLD, &base[i]);
    for (int i = 0; i < THREADS; i++)
        require(pthread_create(&thread[i], NULL, talk, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 20; i++) {
        pthread_create(&thread[0], NULL, send_later, NULL);
        MPI_Recv(&value, 1, MPI_INT, world_rank, 99, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        require(value == 42);
        pthread_join(thread[0], NULL);
    }
    for (int i = 0; i < THREADS; i++)
        MPI_Comm_free(&base[i]);
    return test_end();
}
