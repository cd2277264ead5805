/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/fortran/completion.c: arrays of requests and statuses. Indices count from 1 in Fortran.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "mpi-shim/fortran/fortran.h"

/* The arrays of one call. */
struct arrays {
    MPI_Request *requests;
    MPI_Status *statuses; /* MPI_STATUSES_IGNORE, or as many */
};

/* False: there is no memory, and *ierror says so. */
static bool arrays_in(struct arrays *arrays, MPI_Fint count, const MPI_Fint *requests,
                      const MPI_Fint *statuses, MPI_Fint *ierror)
{
    bool ignored = !statuses || statuses == MPI_F_STATUSES_IGNORE;

    arrays->requests = fortran_requests(requests, count);
    arrays->statuses = MPI_STATUSES_IGNORE;
    if (arrays->requests && !ignored) {
        size_t size = count > 0 ? (size_t)count * sizeof(MPI_Status) : 1;

        arrays->statuses = malloc(size);
        if (arrays->statuses && count > 0)
            memcpy(arrays->statuses, statuses, size);
    }
    if (arrays->requests && (ignored || arrays->statuses))
        return true;
    free(arrays->requests);
    *ierror = fortran_no_memory();
    return false;
}

static void arrays_out(struct arrays *arrays, MPI_Fint count, MPI_Fint *requests,
                       MPI_Fint *statuses)
{
    for (MPI_Fint i = 0; i < count; i++)
        requests[i] = PMPI_Request_c2f(arrays->requests[i]);
    if (statuses && arrays->statuses != MPI_STATUSES_IGNORE) {
        if (count > 0)
            memcpy(statuses, arrays->statuses, (size_t)count * sizeof(MPI_Status));
        free(arrays->statuses);
    }
    free(arrays->requests);
}

static MPI_Fint index_out(int index)
{
    return index == MPI_UNDEFINED ? index : index + 1;
}

static void startall(MPI_Fint *count, MPI_Fint *requests, MPI_Fint *ierror)
{
    struct arrays arrays;

    if (!arrays_in(&arrays, *count, requests, NULL, ierror))
        return;
    *ierror = PMPI_Startall(*count, arrays.requests);
    arrays_out(&arrays, *count, requests, NULL);
}
FORTRAN_NAMES(startall, mpi_startall, MPI_STARTALL, ompi_startall_f);

static void waitall(MPI_Fint *count, MPI_Fint *requests, MPI_Fint *statuses, MPI_Fint *ierror)
{
    struct arrays arrays;

    if (!arrays_in(&arrays, *count, requests, statuses, ierror))
        return;
    *ierror = PMPI_Waitall(*count, arrays.requests, arrays.statuses);
    arrays_out(&arrays, *count, requests, statuses);
}
FORTRAN_NAMES(waitall, mpi_waitall, MPI_WAITALL, ompi_waitall_f);

static void testall(MPI_Fint *count, MPI_Fint *requests, MPI_Fint *flag, MPI_Fint *statuses,
                    MPI_Fint *ierror)
{
    struct arrays arrays;
    int done = 0;

    if (!arrays_in(&arrays, *count, requests, statuses, ierror))
        return;
    *ierror = PMPI_Testall(*count, arrays.requests, &done, arrays.statuses);
    *flag = done != 0;
    arrays_out(&arrays, *count, requests, statuses);
}
FORTRAN_NAMES(testall, mpi_testall, MPI_TESTALL, ompi_testall_f);

static void waitany(MPI_Fint *count, MPI_Fint *requests, MPI_Fint *index, MPI_Fint *status,
                    MPI_Fint *ierror)
{
    struct arrays arrays;
    MPI_Status one;
    int which = MPI_UNDEFINED;

    if (!arrays_in(&arrays, *count, requests, NULL, ierror))
        return;
    *ierror = PMPI_Waitany(*count, arrays.requests, &which, fortran_status(status, &one));
    *index = index_out(which);
    fortran_status_out(status, &one);
    arrays_out(&arrays, *count, requests, NULL);
}
FORTRAN_NAMES(waitany, mpi_waitany, MPI_WAITANY, ompi_waitany_f);

static void testany(MPI_Fint *count, MPI_Fint *requests, MPI_Fint *index, MPI_Fint *flag,
                    MPI_Fint *status, MPI_Fint *ierror)
{
    struct arrays arrays;
    MPI_Status one;
    int which = MPI_UNDEFINED, done = 0;

    if (!arrays_in(&arrays, *count, requests, NULL, ierror))
        return;
    *ierror = PMPI_Testany(*count, arrays.requests, &which, &done, fortran_status(status, &one));
    *index = index_out(which);
    *flag = done != 0;
    fortran_status_out(status, &one);
    arrays_out(&arrays, *count, requests, NULL);
}
FORTRAN_NAMES(testany, mpi_testany, MPI_TESTANY, ompi_testany_f);

typedef int some_function(int count, MPI_Request *requests, int *done, int *indices,
                          MPI_Status *statuses);

static void some(some_function *function, MPI_Fint count, MPI_Fint *requests, MPI_Fint *done,
                 MPI_Fint *indices, MPI_Fint *statuses, MPI_Fint *ierror)
{
    struct arrays arrays;

    if (!arrays_in(&arrays, count, requests, statuses, ierror))
        return;
    *done = 0;
    *ierror = function(count, arrays.requests, done, indices, arrays.statuses);
    for (MPI_Fint i = 0; i < *done; i++)
        indices[i]++;
    arrays_out(&arrays, count, requests, statuses);
}

static void waitsome(MPI_Fint *count, MPI_Fint *requests, MPI_Fint *done, MPI_Fint *indices,
                     MPI_Fint *statuses, MPI_Fint *ierror)
{
    some(PMPI_Waitsome, *count, requests, done, indices, statuses, ierror);
}
FORTRAN_NAMES(waitsome, mpi_waitsome, MPI_WAITSOME, ompi_waitsome_f);

static void testsome(MPI_Fint *count, MPI_Fint *requests, MPI_Fint *done, MPI_Fint *indices,
                     MPI_Fint *statuses, MPI_Fint *ierror)
{
    some(PMPI_Testsome, *count, requests, done, indices, statuses, ierror);
}
FORTRAN_NAMES(testsome, mpi_testsome, MPI_TESTSOME, ompi_testsome_f);
