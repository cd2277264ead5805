/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a probe tells source, tag and size of the message that the next receive then gets at once (the loop of Time Warp
 * kernels: Iprobe of anything, Irecv of that, which must be complete without more ado for short messages);
 * matched probes take a message out of everybody's reach. Rank 0 receives from all.
 */
#include "mpi_test.h"

enum { MESSAGES = 1000, LONGEST = 30000 };

static unsigned char data[LONGEST];

static int length_of(int number)
{
    static const int lengths[] = {8, 0, 100, 8192, 30000, 1};

    return lengths[number % 6];
}

static void send_all(int tag)
{
    for (int i = 0; i < MESSAGES; i++) {
        pattern_write(data, (size_t)length_of(i), (uint32_t)i);
        MPI_Send(data, length_of(i), MPI_BYTE, 0, tag + i % 3, MPI_COMM_WORLD);
    }
}

static void check(const MPI_Status *status, int *seen)
{
    MPI_Status copy = *status;
    int number = seen[status->MPI_SOURCE]++;

    require(status->MPI_TAG % 10 == number % 3);
    require(count_of(&copy) == length_of(number));
    require(pattern_is(data, (size_t)length_of(number), (uint32_t)number));
}

static void loop_iprobe(int *seen)
{
    for (int i = 0; i < MESSAGES * (world_size - 1);) {
        MPI_Status probed, status;
        MPI_Request request;
        int flag, count;

        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, &probed);
        if (!flag)
            continue;
        count = count_of(&probed);
        MPI_Irecv(data, count, MPI_BYTE, probed.MPI_SOURCE, probed.MPI_TAG, MPI_COMM_WORLD,
                  &request);
        MPI_Test(&request, &flag, &status);
        require(flag || count > 8000);
        if (!flag)
            MPI_Wait(&request, &status);
        require(status.MPI_SOURCE == probed.MPI_SOURCE && status.MPI_TAG == probed.MPI_TAG);
        check(&status, seen);
        i++;
    }
}

static void loop_probe(int *seen)
{
    for (int i = 0; i < MESSAGES * (world_size - 1); i++) {
        MPI_Status probed, status;

        MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &probed);
        MPI_Recv(data, count_of(&probed), MPI_BYTE, probed.MPI_SOURCE, probed.MPI_TAG,
                 MPI_COMM_WORLD, &status);
        check(&status, seen);
    }
}

static void loop_mprobe(int *seen)
{
    for (int i = 0; i < MESSAGES * (world_size - 1); i++) {
        MPI_Status probed, status;
        MPI_Message message;
        MPI_Request request;
        int flag = 1;

        if (i & 1)
            MPI_Mprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &message, &probed);
        else
            do
                MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, &message, &probed);
            while (!flag);
        require(message != MPI_MESSAGE_NULL && message != MPI_MESSAGE_NO_PROC);
        if (i & 2) {
            MPI_Mrecv(data, count_of(&probed), MPI_BYTE, &message, &status);
        } else {
            MPI_Imrecv(data, count_of(&probed), MPI_BYTE, &message, &request);
            MPI_Wait(&request, &status);
        }
        require(message == MPI_MESSAGE_NULL);
        require(status.MPI_SOURCE == probed.MPI_SOURCE);
        check(&status, seen);
    }
}

/* A message that a matched probe has taken is nobody else's: a receive gets the one behind it. */
static void taken(void)
{
    int value = 1;

    if (world_rank == 1) {
        MPI_Send(&value, 1, MPI_INT, 0, 50, MPI_COMM_WORLD);
        value = 2;
        MPI_Send(&value, 1, MPI_INT, 0, 50, MPI_COMM_WORLD);
    } else if (world_rank == 0) {
        MPI_Message message;

        MPI_Mprobe(1, 50, MPI_COMM_WORLD, &message, MPI_STATUS_IGNORE);
        MPI_Recv(&value, 1, MPI_INT, 1, 50, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        require(value == 2);
        MPI_Mrecv(&value, 1, MPI_INT, &message, MPI_STATUS_IGNORE);
        require(value == 1);
    }
}

static void nobody(void)
{
    MPI_Status status;
    MPI_Message message;
    int flag;

    MPI_Probe(MPI_PROC_NULL, 3, MPI_COMM_WORLD, &status);
    require(status.MPI_SOURCE == MPI_PROC_NULL && count_of(&status) == 0);
    MPI_Iprobe(MPI_PROC_NULL, 3, MPI_COMM_WORLD, &flag, &status);
    require(flag);
    MPI_Mprobe(MPI_PROC_NULL, 3, MPI_COMM_WORLD, &message, &status);
    require(message == MPI_MESSAGE_NO_PROC);
    MPI_Mrecv(data, 1, MPI_BYTE, &message, &status);
    require(message == MPI_MESSAGE_NULL && status.MPI_SOURCE == MPI_PROC_NULL);
    MPI_Iprobe(MPI_ANY_SOURCE, 77, MPI_COMM_WORLD, &flag, &status);
    require(!flag);
}

int main(int argc, char **argv)
{
    static void (*const loop[])(int *) = {loop_iprobe, loop_probe, loop_mprobe};

    test_start(&argc, &argv);
    for (int way = 0; way < 3; way++) {
        int *seen = calloc((size_t)world_size, sizeof(*seen));

        if (world_rank == 0)
            loop[way](seen);
        else
            send_all(10 * way);
        free(seen);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    taken();
    nobody();
    return test_end();
}
