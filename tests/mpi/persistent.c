/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: persistent requests can be started again and again, by Start and Startall, keep their arguments, and are inactive in
 * between. A ring exchange of 200 rounds, short and long.
 */
#include "mpi_test.h"

enum { ROUNDS = 200, LONGEST = 50000 };

static unsigned char out[LONGEST], in[LONGEST];

static void ring(int length)
{
    int next = (world_rank + 1) % world_size, previous = (world_rank + world_size - 1) % world_size;
    MPI_Request requests[2];
    MPI_Status statuses[2];
    int flag;

    MPI_Recv_init(in, LONGEST, MPI_BYTE, previous, 4, MPI_COMM_WORLD, &requests[0]);
    MPI_Send_init(out, length, MPI_BYTE, next, 4, MPI_COMM_WORLD, &requests[1]);
    MPI_Test(&requests[0], &flag, &statuses[0]);
    require(flag && statuses[0].MPI_SOURCE == MPI_ANY_SOURCE);
    for (int round = 0; round < ROUNDS; round++) {
        pattern_write(out, (size_t)length, (uint32_t)(round * 64 + world_rank));
        if (round & 1) {
            MPI_Startall(2, requests);
        } else {
            MPI_Start(&requests[1]);
            MPI_Start(&requests[0]);
        }
        MPI_Waitall(2, requests, statuses);
        require(requests[0] != MPI_REQUEST_NULL && requests[1] != MPI_REQUEST_NULL);
        require(statuses[0].MPI_SOURCE == previous && count_of(&statuses[0]) == length);
        require(pattern_is(in, (size_t)length, (uint32_t)(round * 64 + previous)));
    }
    MPI_Request_free(&requests[0]);
    MPI_Request_free(&requests[1]);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    ring(8);
    ring(LONGEST);
    return test_end();
}
