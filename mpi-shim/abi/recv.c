/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/recv.c: receiving, and sending while receiving (MPI 3.1 chapter 3). MPI_Recv and MPI_Irecv are hot.
 */
#include "check.h"

#define CHECK_RECV(buffer, count, type, source, tag, comm)                                         \
    do {                                                                                           \
        if (unlikely(!recv_ok(buffer, count, type, source, tag, comm)))                            \
            return raise_comm(comm, CALL, recv_bad(buffer, count, type, source, tag, comm));       \
    } while (0)

int PMPI_Recv(void *buffer, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
              MPI_Status *status)
{
    CHECK_RECV(buffer, count, type, source, tag, comm);
    FINISH_COMM(comm,
                recv_blocking(buffer, (size_t)count, type, source, tag, comm, status_of(status)));
}
EXPORT(MPI_Recv);

int PMPI_Irecv(void *buffer, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
               MPI_Request *request)
{
    CHECK_RECV(buffer, count, type, source, tag, comm);
    CHECK_NOT_NULL_COMM(comm, request);
    FINISH_COMM(comm, recv_start(buffer, (size_t)count, type, source, tag, comm, request));
}
EXPORT(MPI_Irecv);

int PMPI_Recv_init(void *buffer, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                   MPI_Request *request)
{
    CHECK_RECV(buffer, count, type, source, tag, comm);
    CHECK_NOT_NULL_COMM(comm, request);
    FINISH_COMM(comm, recv_init(buffer, (size_t)count, type, source, tag, comm, request));
}
EXPORT(MPI_Recv_init);

/* ---- both ------------------------------------------------------------------------------------------- */

int PMPI_Sendrecv(const void *send_buffer, int send_count, MPI_Datatype send_type, int dest,
                  int send_tag, void *recv_buffer, int recv_count, MPI_Datatype recv_type,
                  int source, int recv_tag, MPI_Comm comm, MPI_Status *status)
{
    if (unlikely(!send_ok(send_buffer, send_count, send_type, dest, send_tag, comm)))
        return raise_comm(comm, CALL,
                          send_bad(send_buffer, send_count, send_type, dest, send_tag, comm));
    CHECK_RECV(recv_buffer, recv_count, recv_type, source, recv_tag, comm);
    FINISH_COMM(comm,
                sendrecv(send_buffer, (size_t)send_count, send_type, dest, send_tag, recv_buffer,
                         (size_t)recv_count, recv_type, source, recv_tag, comm, status_of(status)));
}
EXPORT(MPI_Sendrecv);

int PMPI_Sendrecv_replace(void *buffer, int count, MPI_Datatype type, int dest, int send_tag,
                          int source, int recv_tag, MPI_Comm comm, MPI_Status *status)
{
    if (unlikely(!send_ok(buffer, count, type, dest, send_tag, comm)))
        return raise_comm(comm, CALL, send_bad(buffer, count, type, dest, send_tag, comm));
    CHECK_RECV(buffer, count, type, source, recv_tag, comm);
    FINISH_COMM(comm, sendrecv_replace(buffer, (size_t)count, type, dest, send_tag, source,
                                       recv_tag, comm, status_of(status)));
}
EXPORT(MPI_Sendrecv_replace);

/* ---- messages taken by MPI_Mprobe -------------------------------------------------------------------- */

static bool message_ok(const MPI_Message *message)
{
    return likely(message && *message && (*message)->magic == MESSAGE_MAGIC);
}

static int message_bad(const MPI_Message *message)
{
    if (!message)
        return argument_null("message");
    if (*message == MPI_MESSAGE_NULL)
        return error_note(MPI_ERR_REQUEST, "the message is MPI_MESSAGE_NULL");
    return error_note(MPI_ERR_REQUEST, "%p is not a message of MPI_Mprobe", (const void *)*message);
}

#define CHECK_MATCHED(buffer, count, type, message)                                                \
    do {                                                                                           \
        if (unlikely(!message_ok(message)))                                                        \
            return raise_world(CALL, message_bad(message));                                        \
        if (unlikely(!data_ok(buffer, count, type)))                                               \
            return raise_comm((*message)->comm, CALL, data_bad(buffer, count, type));              \
    } while (0)

int PMPI_Mrecv(void *buffer, int count, MPI_Datatype type, MPI_Message *message, MPI_Status *status)
{
    struct message *taken;
    struct comm *comm;

    CHECK_MATCHED(buffer, count, type, message);
    taken = *message;
    comm = taken->comm;
    *message = MPI_MESSAGE_NULL;
    FINISH_COMM(comm, mrecv_blocking(buffer, (size_t)count, type, taken, status_of(status)));
}
EXPORT(MPI_Mrecv);

int PMPI_Imrecv(void *buffer, int count, MPI_Datatype type, MPI_Message *message,
                MPI_Request *request)
{
    struct message *taken;
    struct comm *comm;

    CHECK_MATCHED(buffer, count, type, message);
    CHECK_NOT_NULL(request);
    taken = *message;
    comm = taken->comm;
    *message = MPI_MESSAGE_NULL;
    FINISH_COMM(comm, mrecv_start(buffer, (size_t)count, type, taken, request));
}
EXPORT(MPI_Imrecv);
