/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A rank that waits for collectives which never end, as the last rank does not take part: for failure_test.py.
 */
#include <mpi.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int rank, size, in = 1, out[3], *blocks;
    MPI_Request requests[4];

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    blocks = calloc((size_t)size, sizeof(*blocks));
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == size - 1) {
        sleep(60);
        return 1;
    }
    MPI_Iallreduce(&in, &out[0], 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &requests[0]);
    MPI_Ibcast(&out[1], 1, MPI_INT, size - 1, MPI_COMM_WORLD, &requests[1]);
    MPI_Iallgather(&in, 1, MPI_INT, blocks, 1, MPI_INT, MPI_COMM_WORLD, &requests[2]);
    MPI_Ibarrier(MPI_COMM_WORLD, &requests[3]);
    MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
    free(blocks);
    MPI_Finalize();
    return 0;
}
