/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: every send mode (standard, synchronous, ready, buffered), blocking, nonblocking and persistent, delivers every
 * byte and nothing beyond, for lengths on both sides of each protocol's limits, whether the receive is posted before
 * or after; a synchronous send does not complete before it is received; to oneself as to another; to and from
 * MPI_PROC_NULL. Any number of ranks.
 */
#include "mpi_test.h"

enum { LONGEST = 300000 };

static const int lengths[] = {0, 1, 7, 8, 39, 40, 41, 1000, 8191, 8192, 8193, 65536, LONGEST};
enum { LENGTHS = sizeof(lengths) / sizeof(lengths[0]), MODES = 4, SHAPES = 3 };

typedef int send_call(const void *, int, MPI_Datatype, int, int, MPI_Comm);
typedef int start_call(const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);

static send_call *const send_of[MODES] = {MPI_Send, MPI_Ssend, MPI_Rsend, MPI_Bsend};
static start_call *const start_of[MODES] = {MPI_Isend, MPI_Issend, MPI_Irsend, MPI_Ibsend};
static start_call *const init_of[MODES] = {MPI_Send_init, MPI_Ssend_init, MPI_Rsend_init,
                                           MPI_Bsend_init};

static unsigned char out[LONGEST], in[LONGEST + 16];

static void send_shape(int mode, int shape, int length, int dest, int tag)
{
    MPI_Request request;

    if (shape == 0) {
        send_of[mode](out, length, MPI_BYTE, dest, tag, MPI_COMM_WORLD);
        return;
    }
    if (shape == 1) {
        start_of[mode](out, length, MPI_BYTE, dest, tag, MPI_COMM_WORLD, &request);
    } else {
        init_of[mode](out, length, MPI_BYTE, dest, tag, MPI_COMM_WORLD, &request);
        MPI_Start(&request);
    }
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    if (shape == 2) {
        require(request != MPI_REQUEST_NULL);
        MPI_Request_free(&request);
    }
    require(request == MPI_REQUEST_NULL);
}

/* One message from `from` to `to`; the receiver posts first, and says so, when `early` or for a ready send. */
static void one(int from, int to, int mode, int shape, int length, int early, uint32_t number)
{
    MPI_Status status;
    MPI_Request request;
    char go = 0;

    early |= mode == 2;
    if (world_rank == to) {
        memset(in, 0xee, (size_t)length + 16);
        if (early) {
            MPI_Irecv(in, length + 16, MPI_BYTE, from, 5, MPI_COMM_WORLD, &request);
            if (from != to)
                MPI_Send(&go, 1, MPI_BYTE, from, 6, MPI_COMM_WORLD);
        }
    }
    if (world_rank == from) {
        if (early && from != to)
            MPI_Recv(&go, 1, MPI_BYTE, to, 6, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        pattern_write(out, (size_t)length, number);
        send_shape(mode, shape, length, to, 5);
    }
    if (world_rank == to) {
        if (early)
            MPI_Wait(&request, &status);
        else
            MPI_Recv(in, length + 16, MPI_BYTE, from, 5, MPI_COMM_WORLD, &status);
        require(status.MPI_SOURCE == from && status.MPI_TAG == 5 && count_of(&status) == length);
        require(pattern_is(in, (size_t)length, number));
        require(untouched(in + length, 16, 0xee));
    }
}

static void every_mode(int from, int to)
{
    uint32_t number = 1;

    for (int mode = 0; mode < MODES; mode++) {
        for (int shape = 0; shape < SHAPES; shape++) {
            for (int i = 0; i < LENGTHS; i++, number++) {
                one(from, to, mode, shape, lengths[i], 1, number);
                if (from != to)
                    one(from, to, mode, shape, lengths[i], 0, number);
            }
        }
    }
}

/* A synchronous send completes only after its receive has started. */
static void synchronous(int from, int to)
{
    static const int some[] = {0, 8, 8192, 100000};

    for (int i = 0; i < 4; i++) {
        MPI_Request request;
        int flag;
        char go = 0;

        if (world_rank == from) {
            MPI_Issend(out, some[i], MPI_BYTE, to, 7, MPI_COMM_WORLD, &request);
            for (int poll = 0; poll < 2000; poll++) {
                MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
                require(!flag);
            }
            MPI_Send(&go, 1, MPI_BYTE, to, 8, MPI_COMM_WORLD);
            MPI_Wait(&request, MPI_STATUS_IGNORE);
        } else if (world_rank == to) {
            MPI_Recv(&go, 1, MPI_BYTE, from, 8, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Recv(in, LONGEST, MPI_BYTE, from, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        }
    }
}

static void proc_null(void)
{
    MPI_Status status;
    MPI_Request requests[2];
    int flag;

    MPI_Send(out, 10, MPI_BYTE, MPI_PROC_NULL, 1, MPI_COMM_WORLD);
    MPI_Ssend(out, 10, MPI_BYTE, MPI_PROC_NULL, 1, MPI_COMM_WORLD);
    MPI_Recv(in, 10, MPI_BYTE, MPI_PROC_NULL, 1, MPI_COMM_WORLD, &status);
    require(status.MPI_SOURCE == MPI_PROC_NULL && status.MPI_TAG == MPI_ANY_TAG);
    require(count_of(&status) == 0);
    MPI_Isend(out, 10, MPI_BYTE, MPI_PROC_NULL, 1, MPI_COMM_WORLD, &requests[0]);
    MPI_Irecv(in, 10, MPI_BYTE, MPI_PROC_NULL, 1, MPI_COMM_WORLD, &requests[1]);
    MPI_Testall(2, requests, &flag, MPI_STATUSES_IGNORE);
    require(flag);
    MPI_Sendrecv(out, 4, MPI_BYTE, MPI_PROC_NULL, 1, in, 4, MPI_BYTE, MPI_PROC_NULL, 1,
                 MPI_COMM_WORLD, &status);
    require(status.MPI_SOURCE == MPI_PROC_NULL);
}

/* Everyone to the next around a ring, with Sendrecv and Sendrecv_replace. */
static void rings(void)
{
    int next = (world_rank + 1) % world_size, previous = (world_rank + world_size - 1) % world_size;
    MPI_Status status;

    for (int i = 0; i < LENGTHS; i++) {
        size_t length = (size_t)lengths[i];

        pattern_write(out, length, (uint32_t)world_rank);
        MPI_Sendrecv(out, lengths[i], MPI_BYTE, next, 1, in, LONGEST, MPI_BYTE, previous, 1,
                     MPI_COMM_WORLD, &status);
        require(count_of(&status) == lengths[i] && pattern_is(in, length, (uint32_t)previous));
        MPI_Sendrecv_replace(out, lengths[i], MPI_BYTE, next, 2, previous, 2, MPI_COMM_WORLD,
                             &status);
        require(count_of(&status) == lengths[i] && pattern_is(out, length, (uint32_t)previous));
    }
}

int main(int argc, char **argv)
{
    size_t size = 2 * (LONGEST + MPI_BSEND_OVERHEAD);
    char *buffer = malloc(size);

    test_start(&argc, &argv);
    MPI_Buffer_attach(buffer, (int)size);
    for (int from = 0; from < world_size && from < 2; from++) {
        for (int to = 0; to < world_size && to < 2; to++) {
            if (from == to) {
                if (world_rank == from) {
                    for (int i = 0; i < LENGTHS; i++) {
                        one(from, to, 0, 1, lengths[i], 1, (uint32_t)i);
                        one(from, to, 1, 1, lengths[i], 1, (uint32_t)i);
                        one(from, to, 3, 0, lengths[i], 0, (uint32_t)i);
                    }
                }
                continue;
            }
            every_mode(from, to);
            synchronous(from, to);
        }
    }
    proc_null();
    rings();
    MPI_Buffer_detach(&buffer, &(int){0});
    free(buffer);
    return test_end();
}
