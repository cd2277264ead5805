/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/request.c: completion (MPI 3.1 sections 3.7, 3.8.4, 3.9 and 12.2). Hot: MPI_Wait, MPI_Test, and the
 * forms for several requests.
 *
 * The core tells a handle that is no request; here are only the pointers and counts to look at. Errors go to the
 * communicator of the request that failed.
 */
#include "check.h"

#define FINISH_REQUEST(result)                                                                     \
    do {                                                                                           \
        int finish_error_ = (result);                                                              \
        return likely(finish_error_ == 0) ? MPI_SUCCESS : raise_failed(CALL, finish_error_);       \
    } while (0)

static COLD int raise_failed(const char *call, int error)
{
    struct comm *comm = request_failed();

    error = raise_comm(comm, call, error);
    if (comm)
        request_forgive(comm);
    return error;
}

#define CHECK_REQUESTS(count, requests)                                                            \
    do {                                                                                           \
        if (unlikely((count) < 0 || (!(requests) && (count) > 0)))                                 \
            return raise_world(CALL, requests_bad(count));                                         \
    } while (0)

static COLD int requests_bad(int count)
{
    if (count < 0)
        return error_note(MPI_ERR_COUNT, "the count is %d", count);
    return error_note(MPI_ERR_REQUEST, "the array of requests is a null pointer");
}

int PMPI_Wait(MPI_Request *request, MPI_Status *status)
{
    CHECK_REQUESTS(1, request);
    FINISH_REQUEST(request_wait(request, status_of(status)));
}
EXPORT(MPI_Wait);

int PMPI_Test(MPI_Request *request, int *flag, MPI_Status *status)
{
    CHECK_REQUESTS(1, request);
    CHECK_NOT_NULL(flag);
    FINISH_REQUEST(request_test(request, flag, status_of(status)));
}
EXPORT(MPI_Test);

int PMPI_Waitany(int count, MPI_Request requests[], int *index, MPI_Status *status)
{
    CHECK_REQUESTS(count, requests);
    CHECK_NOT_NULL(index);
    FINISH_REQUEST(request_waitany(count, requests, index, status_of(status)));
}
EXPORT(MPI_Waitany);

int PMPI_Testany(int count, MPI_Request requests[], int *index, int *flag, MPI_Status *status)
{
    CHECK_REQUESTS(count, requests);
    CHECK_NOT_NULL(index);
    CHECK_NOT_NULL(flag);
    FINISH_REQUEST(request_testany(count, requests, index, flag, status_of(status)));
}
EXPORT(MPI_Testany);

int PMPI_Waitall(int count, MPI_Request requests[], MPI_Status statuses[])
{
    CHECK_REQUESTS(count, requests);
    FINISH_REQUEST(request_waitall(count, requests, status_of(statuses)));
}
EXPORT(MPI_Waitall);

int PMPI_Testall(int count, MPI_Request requests[], int *flag, MPI_Status statuses[])
{
    CHECK_REQUESTS(count, requests);
    CHECK_NOT_NULL(flag);
    FINISH_REQUEST(request_testall(count, requests, flag, status_of(statuses)));
}
EXPORT(MPI_Testall);

int PMPI_Waitsome(int count, MPI_Request requests[], int *completed, int indices[],
                  MPI_Status statuses[])
{
    CHECK_REQUESTS(count, requests);
    CHECK_NOT_NULL(completed);
    FINISH_REQUEST(request_waitsome(count, requests, completed, indices, status_of(statuses)));
}
EXPORT(MPI_Waitsome);

int PMPI_Testsome(int count, MPI_Request requests[], int *completed, int indices[],
                  MPI_Status statuses[])
{
    CHECK_REQUESTS(count, requests);
    CHECK_NOT_NULL(completed);
    FINISH_REQUEST(request_testsome(count, requests, completed, indices, status_of(statuses)));
}
EXPORT(MPI_Testsome);

/* ---- requests one by one ---------------------------------------------------------------------------- */

#define CHECK_REQUEST(request)                                                                     \
    do {                                                                                           \
        if (unlikely(!(request) || (request)->magic != REQUEST_MAGIC))                             \
            return raise_world(CALL, request_bad(request));                                        \
    } while (0)

static COLD int request_bad(struct request *request)
{
    return error_note(MPI_ERR_REQUEST, "%p is not a request", (const void *)request);
}

int PMPI_Start(MPI_Request *request)
{
    CHECK_REQUESTS(1, request);
    CHECK_REQUEST(*request);
    FINISH_REQUEST(request_start(*request));
}
EXPORT(MPI_Start);

int PMPI_Startall(int count, MPI_Request requests[])
{
    CHECK_REQUESTS(count, requests);
    for (int i = 0; i < count; i++)
        CHECK_REQUEST(requests[i]);
    FINISH_REQUEST(request_startall(count, requests));
}
EXPORT(MPI_Startall);

int PMPI_Request_free(MPI_Request *request)
{
    CHECK_REQUESTS(1, request);
    CHECK_REQUEST(*request);
    if (*request == MPI_REQUEST_NULL)
        return FAIL(MPI_ERR_REQUEST, "the request is MPI_REQUEST_NULL");
    FINISH_REQUEST(request_free(request));
}
EXPORT(MPI_Request_free);

int PMPI_Cancel(MPI_Request *request)
{
    CHECK_REQUESTS(1, request);
    CHECK_REQUEST(*request);
    if (*request == MPI_REQUEST_NULL)
        return FAIL(MPI_ERR_REQUEST, "the request is MPI_REQUEST_NULL");
    FINISH_REQUEST(request_cancel(*request));
}
EXPORT(MPI_Cancel);

int PMPI_Request_get_status(MPI_Request request, int *flag, MPI_Status *status)
{
    CHECK_REQUEST(request);
    CHECK_NOT_NULL(flag);
    FINISH_REQUEST(request_get_status(request, flag, status_of(status)));
}
EXPORT(MPI_Request_get_status);

/* ---- generalized requests --------------------------------------------------------------------------- */

int PMPI_Grequest_start(MPI_Grequest_query_function *query, MPI_Grequest_free_function *release,
                        MPI_Grequest_cancel_function *cancel, void *state, MPI_Request *request)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(request);
    FINISH(
        grequest_start((int (*)(void *, struct status *))query, release, cancel, state, request));
}
EXPORT(MPI_Grequest_start);

int PMPI_Grequest_complete(MPI_Request request)
{
    CHECK_REQUEST(request);
    FINISH(grequest_complete(request));
}
EXPORT(MPI_Grequest_complete);
