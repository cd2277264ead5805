/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: receives from MPI_ANY_SOURCE and with MPI_ANY_TAG get each message once, and messages of one sender are
 * matched in the order sent, whatever protocol each of them takes (MPI 3.1 section 3.5). All ranks send to rank 0.
 */
#include "mpi_test.h"

enum { MESSAGES = 3000, WINDOW = 16, LONGEST = 20000 };

static int length_of(int sender, int number)
{
    static const int lengths[] = {8, 0, 16, 8192, 8, 9000, 1, 40, 20000, 8};

    return lengths[(sender + number) % 10];
}

static unsigned char buffers[WINDOW][LONGEST];

static void send_all(void)
{
    unsigned char *data = malloc((size_t)WINDOW * LONGEST);
    MPI_Request requests[WINDOW];

    for (int i = 0; i < MESSAGES; i += WINDOW) {
        int some = MESSAGES - i < WINDOW ? MESSAGES - i : WINDOW;

        for (int j = 0; j < some; j++) {
            int length = length_of(world_rank, i + j);

            pattern_write(data + j * LONGEST, (size_t)length, (uint32_t)(i + j));
            MPI_Isend(data + j * LONGEST, length, MPI_BYTE, 0, (i + j) % 32768, MPI_COMM_WORLD,
                      &requests[j]);
        }
        MPI_Waitall(some, requests, MPI_STATUSES_IGNORE);
    }
    free(data);
}

static void check(const unsigned char *data, const MPI_Status *status, int *seen)
{
    MPI_Status copy = *status;
    int sender = status->MPI_SOURCE, number;

    require(sender > 0 && sender < world_size);
    number = seen[sender]++;
    require(status->MPI_TAG == number);
    require(count_of(&copy) == length_of(sender, number));
    require(pattern_is(data, (size_t)length_of(sender, number), (uint32_t)number));
}

/* One receive at a time, blocking. */
static void receive_blocking(int *seen)
{
    MPI_Status status;

    for (int i = 0; i < MESSAGES * (world_size - 1); i++) {
        MPI_Recv(buffers[0], LONGEST, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD,
                 &status);
        check(buffers[0], &status, seen);
    }
}

/* A window of receives is waited for in the order of posting: they match in that order. */
static void receive_window(int *seen)
{
    MPI_Request requests[WINDOW];
    MPI_Status status;
    int total = MESSAGES * (world_size - 1);

    for (int i = 0; i < WINDOW; i++)
        MPI_Irecv(buffers[i], LONGEST, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD,
                  &requests[i]);
    for (int i = 0; i < total; i++) {
        int slot = i % WINDOW;

        MPI_Wait(&requests[slot], &status);
        check(buffers[slot], &status, seen);
        if (i + WINDOW < total)
            MPI_Irecv(buffers[slot], LONGEST, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD,
                      &requests[slot]);
    }
}

/* From each sender by its rank, any tag; then by tag, any source. */
static void receive_mixed(int *seen)
{
    MPI_Status status;

    for (int i = 0; i < MESSAGES; i++) {
        for (int sender = 1; sender < world_size; sender++) {
            int any = i % 3 == 0;

            MPI_Recv(buffers[0], LONGEST, MPI_BYTE, any ? MPI_ANY_SOURCE : sender,
                     i % 3 == 1 ? MPI_ANY_TAG : i, MPI_COMM_WORLD, &status);
            check(buffers[0], &status, seen);
        }
    }
}

int main(int argc, char **argv)
{
    static void (*const receive[])(int *) = {receive_blocking, receive_window, receive_mixed};

    test_start(&argc, &argv);
    for (int way = 0; way < 3; way++) {
        int *seen = calloc((size_t)world_size, sizeof(*seen));

        if (world_rank == 0)
            receive[way](seen);
        else
            send_all();
        free(seen);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    return test_end();
}
