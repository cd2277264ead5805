/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a cancelled receive takes no message; a cancelled send (synchronous or long, with no receive) is never
 * received and its completion needs nobody else; one that was received is not cancelled. Either it is cancelled or
 * it is delivered, also when both race. Two ranks.
 */
#include "mpi_test.h"

enum { LONG = 100000 };

static unsigned char data[LONG];

static int wait_cancelled(MPI_Request *request)
{
    MPI_Status status;
    int flag;

    MPI_Wait(request, &status);
    MPI_Test_cancelled(&status, &flag);
    return flag;
}

static void receives(void)
{
    MPI_Request request, other;

    if (world_rank == 0) {
        MPI_Irecv(data, 8, MPI_BYTE, 1, 1, MPI_COMM_WORLD, &request);
        MPI_Irecv(data, 8, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &other);
        MPI_Cancel(&request);
        MPI_Cancel(&other);
        require(wait_cancelled(&request) && wait_cancelled(&other));
        MPI_Barrier(MPI_COMM_WORLD);
        MPI_Recv(data, 8, MPI_BYTE, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        require(pattern_is(data, 8, 3));
        /* Complete: too late. */
        MPI_Irecv(data, 8, MPI_BYTE, 1, 2, MPI_COMM_WORLD, &request);
        MPI_Barrier(MPI_COMM_WORLD);
        MPI_Probe(1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Cancel(&request);
        require(!wait_cancelled(&request));
        MPI_Recv(data, 8, MPI_BYTE, 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else {
        MPI_Barrier(MPI_COMM_WORLD);
        pattern_write(data, 8, 3);
        MPI_Send(data, 8, MPI_BYTE, 0, 1, MPI_COMM_WORLD);
        MPI_Barrier(MPI_COMM_WORLD);
        MPI_Send(data, 8, MPI_BYTE, 0, 2, MPI_COMM_WORLD);
        MPI_Send(data, 8, MPI_BYTE, 0, 3, MPI_COMM_WORLD);
    }
}

static void sends(void)
{
    MPI_Request requests[3];
    int flag;

    if (world_rank == 0) {
        MPI_Issend(data, 8, MPI_BYTE, 1, 10, MPI_COMM_WORLD, &requests[0]);
        MPI_Isend(data, LONG, MPI_BYTE, 1, 11, MPI_COMM_WORLD, &requests[1]);
        MPI_Issend(data, LONG, MPI_BYTE, 1, 12, MPI_COMM_WORLD, &requests[2]);
        for (int i = 0; i < 3; i++)
            MPI_Cancel(&requests[i]);
        for (int i = 0; i < 3; i++)
            require(wait_cancelled(&requests[i]));
        MPI_Barrier(MPI_COMM_WORLD);
    } else {
        /* Serves the cancellation while it waits here. */
        MPI_Barrier(MPI_COMM_WORLD);
        for (int tag = 10; tag <= 12; tag++) {
            MPI_Iprobe(0, tag, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
            require(!flag);
        }
    }
}

/* Both sides as they come: every message is either received or cancelled. */
static void race(void)
{
    enum { ROUNDS = 500 };

    for (int i = 0; i < ROUNDS; i++) {
        int length = i % 3 == 0 ? 8 : LONG, mine = 0, flag = 0;
        MPI_Request request;
        MPI_Status status;

        if (world_rank == 0) {
            pattern_write(data, 64, (uint32_t)i);
            MPI_Issend(data, length, MPI_BYTE, 1, 20, MPI_COMM_WORLD, &request);
            for (int j = 0; j < i % 7; j++)
                MPI_Iprobe(MPI_ANY_SOURCE, 999, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
            MPI_Cancel(&request);
            mine = wait_cancelled(&request);
            MPI_Send(&mine, 1, MPI_INT, 1, 21, MPI_COMM_WORLD);
            MPI_Recv(&mine, 1, MPI_INT, 1, 22, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else {
            int cancelled;

            MPI_Irecv(data, LONG, MPI_BYTE, 0, 20, MPI_COMM_WORLD, &request);
            MPI_Recv(&cancelled, 1, MPI_INT, 0, 21, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            if (cancelled) {
                MPI_Cancel(&request);
                require(wait_cancelled(&request));
            } else {
                MPI_Wait(&request, &status);
                require(count_of(&status) == length && pattern_is(data, 8, (uint32_t)i));
            }
            MPI_Send(&cancelled, 1, MPI_INT, 0, 22, MPI_COMM_WORLD);
        }
    }
}

/* Freed requests end by themselves. */
static void freed(void)
{
    MPI_Request request;

    if (world_rank == 0) {
        MPI_Isend(data, LONG, MPI_BYTE, 1, 30, MPI_COMM_WORLD, &request);
        MPI_Request_free(&request);
        require(request == MPI_REQUEST_NULL);
        MPI_Isend(data, 8, MPI_BYTE, 1, 30, MPI_COMM_WORLD, &request);
        MPI_Request_free(&request);
    } else {
        pattern_write(data, LONG, 1);
        MPI_Recv(data, LONG, MPI_BYTE, 0, 30, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Recv(data, LONG, MPI_BYTE, 0, 30, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    require(world_size == 2);
    receives();
    sends();
    race();
    freed();
    return test_end();
}
