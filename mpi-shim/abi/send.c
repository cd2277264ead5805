/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/send.c: sending (MPI 3.1 chapter 3). MPI_Send and MPI_Isend are hot.
 */
#include "check.h"

#define CHECK_SEND(buffer, count, type, dest, tag, comm)                                           \
    do {                                                                                           \
        if (unlikely(!send_ok(buffer, count, type, dest, tag, comm)))                              \
            return raise_comm(comm, CALL, send_bad(buffer, count, type, dest, tag, comm));         \
    } while (0)

/* The four modes differ in a word. */
#define BLOCKING(name, mode)                                                                       \
    int P##name(const void *buffer, int count, MPI_Datatype type, int dest, int tag,               \
                MPI_Comm comm)                                                                     \
    {                                                                                              \
        CHECK_SEND(buffer, count, type, dest, tag, comm);                                          \
        FINISH_COMM(comm, send_blocking(mode, buffer, (size_t)count, type, dest, tag, comm));      \
    }                                                                                              \
    EXPORT(name)

BLOCKING(MPI_Send, SEND_STANDARD);
BLOCKING(MPI_Ssend, SEND_SYNCHRONOUS);
BLOCKING(MPI_Rsend, SEND_READY);
BLOCKING(MPI_Bsend, SEND_BUFFERED);

#define WITH_REQUEST(name, function, mode)                                                         \
    int P##name(const void *buffer, int count, MPI_Datatype type, int dest, int tag,               \
                MPI_Comm comm, MPI_Request *request)                                               \
    {                                                                                              \
        CHECK_SEND(buffer, count, type, dest, tag, comm);                                          \
        CHECK_NOT_NULL_COMM(comm, request);                                                        \
        FINISH_COMM(comm, function(mode, buffer, (size_t)count, type, dest, tag, comm, request));  \
    }                                                                                              \
    EXPORT(name)

WITH_REQUEST(MPI_Isend, send_start, SEND_STANDARD);
WITH_REQUEST(MPI_Issend, send_start, SEND_SYNCHRONOUS);
WITH_REQUEST(MPI_Irsend, send_start, SEND_READY);
WITH_REQUEST(MPI_Ibsend, send_start, SEND_BUFFERED);

WITH_REQUEST(MPI_Send_init, send_init, SEND_STANDARD);
WITH_REQUEST(MPI_Ssend_init, send_init, SEND_SYNCHRONOUS);
WITH_REQUEST(MPI_Rsend_init, send_init, SEND_READY);
WITH_REQUEST(MPI_Bsend_init, send_init, SEND_BUFFERED);

/* ---- the buffer of buffered sends ------------------------------------------------------------------- */

int PMPI_Buffer_attach(void *buffer, int size)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(buffer);
    if (size < 0)
        return FAIL(MPI_ERR_ARG, "the size is %d", size);
    FINISH(buffer_attach(buffer, (size_t)size));
}
EXPORT(MPI_Buffer_attach);

int PMPI_Buffer_detach(void *buffer, int *size)
{
    size_t bytes = 0;
    int error;

    require_initialized(CALL);
    CHECK_NOT_NULL(buffer);
    CHECK_NOT_NULL(size);
    error = buffer_detach((void **)buffer, &bytes);
    if (error)
        return raise_world(CALL, error);
    *size = (int)bytes;
    return MPI_SUCCESS;
}
EXPORT(MPI_Buffer_detach);
