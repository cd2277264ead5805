/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: communicators made by dup, split, create and create_group have the right ranks and are apart: a message on one is
 * never received on another, not even one that arrives before its receiver has the communicator. Freed ones keep
 * serving what is pending. Groups and comparisons follow MPI 3.1 chapter 6.
 */
#include "mpi_test.h"

static void apart(void)
{
    enum { COUNT = 20 };
    MPI_Comm comm[COUNT];
    int other = (world_rank + 1) % world_size, from = (world_rank + world_size - 1) % world_size;
    MPI_Request request;

    for (int i = 0; i < COUNT; i++) {
        MPI_Comm_dup(i % 3 == 2 ? comm[i - 1] : MPI_COMM_WORLD, &comm[i]);
        /* Some receivers are still making it. */
        MPI_Isend(&i, 1, MPI_INT, other, 5, comm[i], &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        int value, result, flag;

        MPI_Recv(&value, 1, MPI_INT, from, 5, comm[i], MPI_STATUS_IGNORE);
        require(value == i);
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm[i], &flag, MPI_STATUS_IGNORE);
        require(!flag);
        MPI_Comm_compare(comm[i], MPI_COMM_WORLD, &result);
        require(result == MPI_CONGRUENT);
    }
    for (int i = 0; i < COUNT; i++) {
        MPI_Comm_free(&comm[i]);
        require(comm[i] == MPI_COMM_NULL);
    }
}

static void many(void)
{
    for (int i = 0; i < 300; i++) {
        MPI_Comm comm;
        int sum, one = 1;

        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        if (i % 50 == 0) {
            MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm);
            require(sum == world_size);
        }
        MPI_Comm_free(&comm);
    }
}

static void pending(void)
{
    static char data[100000], in[100000];
    int next = (world_rank + 1) % world_size, previous = (world_rank + world_size - 1) % world_size;
    MPI_Request requests[2];
    MPI_Comm comm;

    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    pattern_write(data, sizeof(data), (uint32_t)world_rank);
    MPI_Irecv(in, sizeof(in), MPI_BYTE, previous, 1, comm, &requests[0]);
    MPI_Isend(data, sizeof(data), MPI_BYTE, next, 1, comm, &requests[1]);
    MPI_Comm_free(&comm);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    require(pattern_is(in, sizeof(in), (uint32_t)previous));
}

static void split(void)
{
    MPI_Comm comm;
    int rank, size, sum, expected = 0;

    MPI_Comm_split(MPI_COMM_WORLD, world_rank % 2, -world_rank, &comm);
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    require(size == (world_size + 1 - world_rank % 2) / 2);
    require(rank == size - 1 - world_rank / 2);
    MPI_Allreduce(&world_rank, &sum, 1, MPI_INT, MPI_SUM, comm);
    for (int i = world_rank % 2; i < world_size; i += 2)
        expected += i;
    require(sum == expected);
    MPI_Comm_free(&comm);
    MPI_Comm_split(MPI_COMM_WORLD, world_rank == 0 ? MPI_UNDEFINED : 3, 0, &comm);
    require((comm == MPI_COMM_NULL) == (world_rank == 0));
    if (comm != MPI_COMM_NULL) {
        MPI_Comm_rank(comm, &rank);
        require(rank == world_rank - 1);
        MPI_Comm_free(&comm);
    }
}

static void groups(void)
{
    MPI_Group world, first, rest, both, none;
    MPI_Comm comm;
    int zero = 0, size, rank, result, ranks[2] = {0, MPI_PROC_NULL}, translated[2];

    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Group_size(world, &size);
    MPI_Group_rank(world, &rank);
    require(size == world_size && rank == world_rank);
    MPI_Group_incl(world, 1, &zero, &first);
    MPI_Group_excl(world, 1, &zero, &rest);
    MPI_Group_rank(rest, &rank);
    require(rank == (world_rank == 0 ? MPI_UNDEFINED : world_rank - 1));
    MPI_Group_union(rest, first, &both);
    MPI_Group_compare(both, world, &result);
    require(result == (world_size == 1 ? MPI_IDENT : MPI_SIMILAR));
    MPI_Group_translate_ranks(world, 2, ranks, both, translated);
    require(translated[0] == world_size - 1 && translated[1] == MPI_PROC_NULL);
    MPI_Group_intersection(rest, first, &none);
    MPI_Group_size(none, &size);
    require(size == 0);
    MPI_Comm_create(MPI_COMM_WORLD, both, &comm);
    MPI_Comm_rank(comm, &rank);
    require(rank == (world_rank + world_size - 1) % world_size);
    MPI_Comm_compare(comm, MPI_COMM_WORLD, &result);
    require(result == (world_size == 1 ? MPI_CONGRUENT : MPI_SIMILAR));
    MPI_Comm_free(&comm);
    if (world_rank != 0) {
        MPI_Comm_create_group(MPI_COMM_WORLD, rest, 17, &comm);
        MPI_Barrier(comm);
        MPI_Comm_size(comm, &size);
        require(size == world_size - 1);
        MPI_Comm_free(&comm);
    }
    MPI_Group_free(&world);
    MPI_Group_free(&first);
    MPI_Group_free(&rest);
    MPI_Group_free(&both);
    MPI_Group_free(&none);
    require(world == MPI_GROUP_NULL);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    apart();
    many();
    pending();
    split();
    groups();
    return test_end();
}
