/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the profiling interface (MPI 3.1 section 14.2). A program's own MPI_x takes the place of the library's, PMPI_x is
 * still the library's, and the library does not call the program's for work of its own.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int sends, receives, waits, ranks;

int MPI_Send(const void *buffer, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm)
{
    sends++;
    return PMPI_Send(buffer, count, type, dest, tag, comm);
}

int MPI_Isend(const void *buffer, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
              MPI_Request *request)
{
    sends++;
    return PMPI_Isend(buffer, count, type, dest, tag, comm, request);
}

int MPI_Recv(void *buffer, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
             MPI_Status *status)
{
    receives++;
    return PMPI_Recv(buffer, count, type, source, tag, comm, status);
}

int MPI_Irecv(void *buffer, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
              MPI_Request *request)
{
    receives++;
    return PMPI_Irecv(buffer, count, type, source, tag, comm, request);
}

int MPI_Wait(MPI_Request *request, MPI_Status *status)
{
    waits++;
    return PMPI_Wait(request, status);
}

int MPI_Comm_rank(MPI_Comm comm, int *rank)
{
    ranks++;
    return PMPI_Comm_rank(comm, rank);
}

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

int main(int argc, char **argv)
{
    int rank, size, value, sum = 0, all[64];
    MPI_Request request;
    MPI_Comm comm;

    MPI_Init(&argc, &argv);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_size(comm, &size);
    CHECK(argc > 1 && size == atoi(argv[1])); /* else it ran on another library than ours */
    PMPI_Comm_rank(comm, &rank);
    value = rank;
    MPI_Allreduce(&value, &sum, 1, MPI_INT, MPI_SUM, comm);
    MPI_Allgather(&value, 1, MPI_INT, all, 1, MPI_INT, comm);
    MPI_Bcast(&sum, 1, MPI_INT, 0, comm);
    MPI_Barrier(comm);
    MPI_Sendrecv(&rank, 1, MPI_INT, (rank + 1) % size, 0, &value, 1, MPI_INT,
                 (rank + size - 1) % size, 0, comm, MPI_STATUS_IGNORE);
    CHECK(sends == 0 && receives == 0 && waits == 0 && ranks == 0);
    CHECK(sum == size * (size - 1) / 2);

    MPI_Irecv(&value, 1, MPI_INT, (rank + size - 1) % size, 1, comm, &request);
    MPI_Send(&rank, 1, MPI_INT, (rank + 1) % size, 1, comm);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    CHECK(sends == 1 && receives == 1 && waits == 1);
    CHECK(value == (rank + size - 1) % size);
    MPI_Comm_free(&comm);
    MPI_Finalize();
    return failures != 0;
}
