/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: buffered sends end at once whatever the receiver does, as long as the attached buffer has room by the
 * standard's reckoning; without room they fail and send nothing; detaching waits for the last one; a buffer is
 * used again when messages have left. Two ranks.
 */
#include "mpi_test.h"

enum { COUNT = 50, LENGTH = 30000 };

int main(int argc, char **argv)
{
    static unsigned char data[LENGTH];
    int size = COUNT * (LENGTH + MPI_BSEND_OVERHEAD), detached_size, class;
    char *buffer = malloc((size_t)size), *detached;

    test_start(&argc, &argv);
    require(world_size == 2);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    for (int round = 0; round < 3; round++) {
        if (world_rank == 0) {
            MPI_Buffer_attach(buffer, size);
            for (int i = 0; i < COUNT; i++) {
                pattern_write(data, LENGTH, (uint32_t)i);
                require(MPI_Bsend(data, LENGTH, MPI_BYTE, 1, i, MPI_COMM_WORLD) == MPI_SUCCESS);
            }
            MPI_Error_class(MPI_Bsend(data, LENGTH, MPI_BYTE, 1, 99, MPI_COMM_WORLD), &class);
            require(class == MPI_ERR_BUFFER);
            MPI_Barrier(MPI_COMM_WORLD);
            MPI_Buffer_detach(&detached, &detached_size);
            require(detached == buffer && detached_size == size);
            memset(buffer, 0, (size_t)size);
        } else {
            MPI_Barrier(MPI_COMM_WORLD);
            for (int i = COUNT - 1; i >= 0; i--) {
                MPI_Recv(data, LENGTH, MPI_BYTE, 0, i, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                require(pattern_is(data, LENGTH, (uint32_t)i));
            }
        }
        MPI_Barrier(MPI_COMM_WORLD);
    }
    /* Room for two at a time, used over and over. */
    if (world_rank == 0) {
        MPI_Buffer_attach(buffer, 2 * (LENGTH + MPI_BSEND_OVERHEAD));
        for (int i = 0; i < COUNT; i++) {
            pattern_write(data, LENGTH, (uint32_t)i);
            while (MPI_Bsend(data, LENGTH, MPI_BYTE, 1, 7, MPI_COMM_WORLD) != MPI_SUCCESS)
                ;
        }
        MPI_Buffer_detach(&detached, &detached_size);
    } else {
        for (int i = 0; i < COUNT; i++) {
            MPI_Recv(data, LENGTH, MPI_BYTE, 0, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            require(pattern_is(data, LENGTH, (uint32_t)i));
        }
    }
    /* Left in the buffer at the end: Finalize delivers it. */
    if (world_rank == 0) {
        MPI_Buffer_attach(buffer, size);
        MPI_Bsend(data, LENGTH, MPI_BYTE, 1, 8, MPI_COMM_WORLD);
    } else {
        MPI_Recv(data, LENGTH, MPI_BYTE, 0, 8, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    test_end();
    free(buffer);
    return 0;
}
