/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/fortran/callback.c: functions of the program's that MPI calls: operations, error handlers, generalised requests.
 *
 * libmpi keeps one pointer of ours with an operation or an error handler, by the same entries that Open MPI's C++ bindings use:
 * Fortran's function.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "mpi-shim/fortran/fortran.h"

/* ---- operations ----------------------------------------------------------------------------------- */

/* Give an operation a fifth argument for its function. */
void ompi_op_set_cxx_callback(MPI_Op op, void *argument);

typedef void user_function(void *in, void *inout, MPI_Fint *count, MPI_Fint *type);

static void call_op(void *in, void *inout, int *count, MPI_Datatype *type, void *function)
{
    MPI_Fint index = PMPI_Type_c2f(*type);

    ((user_function *)function)(in, inout, count, &index);
}

static void op_create(user_function *function, MPI_Fint *commute, MPI_Fint *made, MPI_Fint *ierror)
{
    MPI_Op op = MPI_OP_NULL;

    *ierror = PMPI_Op_create((MPI_User_function *)(void *)call_op, *commute != 0, &op);
    if (*ierror != MPI_SUCCESS)
        return;
    ompi_op_set_cxx_callback(op, (void *)function);
    *made = PMPI_Op_c2f(op);
}
FORTRAN_NAMES(op_create, mpi_op_create, MPI_OP_CREATE, ompi_op_create_f);

/* ---- error handlers ------------------------------------------------------------------------------- */

enum { COMM = 1, WIN = 2, FILES = 3 }; /* as ompi_errhandler_create has them */
enum { DISPATCH = 0x78, FORTRAN = 2 }; /* where a handler keeps who is to call its function */

MPI_Errhandler ompi_errhandler_create(int object, void *function, int language);

typedef void handler_function(MPI_Fint *object, MPI_Fint *error, ...);

#define CALLER(kind, handle, convert)                                                              \
    static void call_##kind(handle *object, int *error, const char *call, void *function)          \
    {                                                                                              \
        MPI_Fint index = convert(*object);                                                         \
                                                                                                   \
        ((handler_function *)function)(&index, error);                                             \
    }

/* clang-format off */
CALLER(comm, MPI_Comm, PMPI_Comm_c2f)
CALLER(win, MPI_Win, PMPI_Win_c2f)
CALLER(file, MPI_File, PMPI_File_c2f)
/* clang-format on */

static int create_errhandler(int object, handler_function *function, void *caller, MPI_Fint *made)
{
    MPI_Errhandler handler = ompi_errhandler_create(object, (void *)function, FORTRAN);

    if (!handler)
        return fortran_no_memory();
    memcpy((char *)handler + DISPATCH, &caller, sizeof(caller));
    *made = PMPI_Errhandler_c2f(handler);
    return MPI_SUCCESS;
}

static void comm_create_errhandler(handler_function *function, MPI_Fint *made, MPI_Fint *ierror)
{
    *ierror = create_errhandler(COMM, function, (void *)call_comm, made);
}
FORTRAN_NAMES(comm_create_errhandler, mpi_comm_create_errhandler, MPI_COMM_CREATE_ERRHANDLER,
              ompi_comm_create_errhandler_f);
FORTRAN_NAMES(comm_create_errhandler, mpi_errhandler_create, MPI_ERRHANDLER_CREATE,
              ompi_errhandler_create_f);

static void win_create_errhandler(handler_function *function, MPI_Fint *made, MPI_Fint *ierror)
{
    *ierror = create_errhandler(WIN, function, (void *)call_win, made);
}
FORTRAN_NAMES(win_create_errhandler, mpi_win_create_errhandler, MPI_WIN_CREATE_ERRHANDLER,
              ompi_win_create_errhandler_f);

static void file_create_errhandler(handler_function *function, MPI_Fint *made, MPI_Fint *ierror)
{
    *ierror = create_errhandler(FILES, function, (void *)call_file, made);
}
FORTRAN_NAMES(file_create_errhandler, mpi_file_create_errhandler, MPI_FILE_CREATE_ERRHANDLER,
              ompi_file_create_errhandler_f);

/* ---- generalised requests ------------------------------------------------------------------------- */

typedef void query_function(MPI_Aint *state, MPI_Fint *status, MPI_Fint *ierror);
typedef void free_function(MPI_Aint *state, MPI_Fint *ierror);
typedef void cancel_function(MPI_Aint *state, MPI_Fint *complete, MPI_Fint *ierror);

struct grequest {
    query_function *query;
    free_function *release;
    cancel_function *cancel;
    MPI_Aint state;
};

static int grequest_query(void *state, MPI_Status *status)
{
    struct grequest *grequest = state;
    MPI_Fint fields[6], error = MPI_SUCCESS;

    memcpy(fields, status, sizeof(fields));
    grequest->query(&grequest->state, fields, &error);
    fortran_status_in(fields, status);
    return error;
}

static int grequest_free(void *state)
{
    struct grequest *grequest = state;
    MPI_Fint error = MPI_SUCCESS;

    grequest->release(&grequest->state, &error);
    free(grequest);
    return error;
}

static int grequest_cancel(void *state, int complete)
{
    struct grequest *grequest = state;
    MPI_Fint completed = complete != 0, error = MPI_SUCCESS;

    grequest->cancel(&grequest->state, &completed, &error);
    return error;
}

static void grequest_start(query_function *query, free_function *release, cancel_function *cancel,
                           MPI_Aint *state, MPI_Fint *made, MPI_Fint *ierror)
{
    struct grequest *grequest = malloc(sizeof(*grequest));
    MPI_Request request = MPI_REQUEST_NULL;

    if (!grequest) {
        *ierror = fortran_no_memory();
        return;
    }
    *grequest = (struct grequest){query, release, cancel, *state};
    *ierror = PMPI_Grequest_start(grequest_query, grequest_free, grequest_cancel, grequest,
                                  &request);
    if (*ierror == MPI_SUCCESS)
        *made = PMPI_Request_c2f(request);
    else
        free(grequest);
}
FORTRAN_NAMES(grequest_start, mpi_grequest_start, MPI_GREQUEST_START, ompi_grequest_start_f);
