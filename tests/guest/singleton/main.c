// SPDX-License-Identifier: BSD-2-Clause
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 20 };

/* To itself: small, of several lines of a ring, and longer than one message. */
static void messages(void)
{
    static char out[MOST], in[MOST];

    for (int size = 1; size <= MOST; size *= 32) {
        MPI_Request request[2];
        MPI_Status status[2];
        int count;

        for (int i = 0; i < size; i++)
            out[i] = (char)(i * 7 + size);
        memset(in, 0, (size_t)size);
        MPI_Irecv(in, size, MPI_CHAR, MPI_ANY_SOURCE, size, MPI_COMM_WORLD, &request[0]);
        MPI_Isend(out, size, MPI_CHAR, 0, size, MPI_COMM_WORLD, &request[1]);
        MPI_Waitall(2, request, status);
        MPI_Get_count(&status[0], MPI_CHAR, &count);
        printf("%d bytes from %d: %s\n", count, status[0].MPI_SOURCE,
               memcmp(in, out, (size_t)size) == 0 ? "good" : "bad");
    }
}

int main(int argc, char **argv)
{
    int rank, size, sum = 0, value = 5;
    MPI_Comm copy;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("rank %d of %d\n", rank, size);
    messages();
    MPI_Comm_dup(MPI_COMM_WORLD, &copy);
    MPI_Allreduce(&value, &sum, 1, MPI_INT, MPI_SUM, copy);
    MPI_Barrier(copy);
    printf("sum %d\n", sum);
    MPI_Comm_free(&copy);
    MPI_Finalize();
    return 0;
}
