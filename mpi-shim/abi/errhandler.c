/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/errhandler.c: error handlers, classes, codes and their texts (MPI 3.1 sections 8.3 to 8.5).
 */
#include <stdio.h>
#include <string.h>

#include "check.h"

static int create(const char *call, enum object_kind kind, void *function, MPI_Errhandler *handler)
{
    int error;

    require_initialized(call);
    if (!function || !handler)
        return raise_world(call, argument_null(function ? "errhandler" : "function"));
    error = errhandler_create(kind, function, handler);
    if (error)
        return raise_world(call, error);
    handle_given(HANDLE_ERRHANDLER, *handler, call);
    return MPI_SUCCESS;
}

int PMPI_Comm_create_errhandler(MPI_Comm_errhandler_function *function, MPI_Errhandler *handler)
{
    return create(CALL, OBJECT_COMM, function, handler);
}
EXPORT(MPI_Comm_create_errhandler);

int PMPI_Win_create_errhandler(MPI_Win_errhandler_function *function, MPI_Errhandler *handler)
{
    return create(CALL, OBJECT_WIN, function, handler);
}
EXPORT(MPI_Win_create_errhandler);

int PMPI_File_create_errhandler(MPI_File_errhandler_function *function, MPI_Errhandler *handler)
{
    return create(CALL, OBJECT_FILE, function, handler);
}
EXPORT(MPI_File_create_errhandler);

/* A predefined one may be freed like any other reference; the object stays. */
int PMPI_Errhandler_free(MPI_Errhandler *handler)
{
    CHECK_NOT_NULL(handler);
    CHECK_ERRHANDLER(*handler);
    if (!(*handler)->predefined) {
        handle_returned(HANDLE_ERRHANDLER, *handler);
        core_lock();
        if ((*handler)->references == 1)
            handle_forget(HANDLE_ERRHANDLER, *handler);
        errhandler_release(*handler);
        core_unlock();
    }
    *handler = MPI_ERRHANDLER_NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Errhandler_free);

/* Is it one for objects of this kind? The predefined ones are for all. */
static int kind_check(const struct errhandler *handler, enum object_kind kind)
{
    if (!errhandler_ok(handler))
        return errhandler_bad(handler);
    if (!handler->predefined && handler->object != kind)
        return error_note(MPI_ERR_ARG, "the error handler was made for another kind of object");
    return 0;
}

static void replace(struct errhandler **place, struct errhandler *handler)
{
    core_lock();
    errhandler_retain(handler);
    errhandler_release(*place);
    *place = handler;
    core_unlock();
}

static struct errhandler *reference(struct errhandler *handler)
{
    core_lock();
    errhandler_retain(handler);
    core_unlock();
    return handler;
}

int PMPI_Comm_set_errhandler(MPI_Comm comm, MPI_Errhandler handler)
{
    CHECK_COMM(comm);
    if (kind_check(handler, OBJECT_COMM) != 0)
        return raise_comm(comm, CALL, MPI_ERR_ARG);
    replace(&comm->errhandler, handler);
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_set_errhandler);

int PMPI_Comm_get_errhandler(MPI_Comm comm, MPI_Errhandler *handler)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, handler);
    *handler = reference(comm->errhandler);
    handle_given(HANDLE_ERRHANDLER, *handler, CALL);
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_get_errhandler);

int PMPI_Comm_call_errhandler(MPI_Comm comm, int code)
{
    CHECK_COMM(comm);
    raise_comm(comm, CALL, code);
    return MPI_SUCCESS;
}
EXPORT(MPI_Comm_call_errhandler);

/* No file can be open yet: what may be set is the handler that files will begin with, through MPI_FILE_NULL. */
static int file_check(MPI_File file)
{
    if (file == MPI_FILE_NULL)
        return 0;
    return error_note(MPI_ERR_FILE, "%p is not a file", (const void *)file);
}

int PMPI_File_set_errhandler(MPI_File file, MPI_Errhandler handler)
{
    require_initialized(CALL);
    if (file_check(file) != 0)
        return raise_file(file, CALL, MPI_ERR_FILE);
    if (kind_check(handler, OBJECT_FILE) != 0)
        return raise_file(file, CALL, MPI_ERR_ARG);
    replace(&file_errhandler, handler);
    return MPI_SUCCESS;
}
EXPORT(MPI_File_set_errhandler);

int PMPI_File_get_errhandler(MPI_File file, MPI_Errhandler *handler)
{
    require_initialized(CALL);
    if (file_check(file) != 0)
        return raise_file(file, CALL, MPI_ERR_FILE);
    CHECK_NOT_NULL(handler);
    *handler = reference(file_errhandler);
    return MPI_SUCCESS;
}
EXPORT(MPI_File_get_errhandler);

int PMPI_File_call_errhandler(MPI_File file, int code)
{
    require_initialized(CALL);
    if (file_check(file) != 0)
        return raise_file(file, CALL, MPI_ERR_FILE);
    raise_file(file, CALL, code);
    return MPI_SUCCESS;
}
EXPORT(MPI_File_call_errhandler);

/* ---- classes and codes ------------------------------------------------------------------------------ */

int PMPI_Error_class(int code, int *class)
{
    CHECK_NOT_NULL(class);
    *class = error_class(code);
    if (*class >= 0)
        return MPI_SUCCESS;
    *class = MPI_ERR_UNKNOWN;
    return FAIL(MPI_ERR_ARG, "%d is not an error code", code);
}
EXPORT(MPI_Error_class);

/* Right after an error the text goes on with which call it was and why; programs print this string, and little else
 * helps their users. */
int PMPI_Error_string(int code, char *string, int *length)
{
    const char *text = error_text(code);
    const char *more = code != MPI_SUCCESS ? raised_last(code) : "";

    CHECK_NOT_NULL(string);
    CHECK_NOT_NULL(length);
    if (!text)
        return FAIL(MPI_ERR_ARG, "%d is not an error code", code);
    if (more[0] && code == MPI_ERR_OTHER)
        text = "MPI_ERR_OTHER"; /* its text is about errors of which nothing is known */
    *length = snprintf(string, MPI_MAX_ERROR_STRING, "%s%s%s%s", text, more[0] ? " (" : "", more,
                       more[0] ? ")" : "");
    if (*length >= MPI_MAX_ERROR_STRING)
        *length = MPI_MAX_ERROR_STRING - 1;
    return MPI_SUCCESS;
}
EXPORT(MPI_Error_string);

#define ADD(call)                                                                                  \
    do {                                                                                           \
        int add_error_;                                                                            \
                                                                                                   \
        core_lock();                                                                               \
        add_error_ = call;                                                                         \
        core_unlock();                                                                             \
        FINISH(add_error_);                                                                        \
    } while (0)

int PMPI_Add_error_class(int *class)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(class);
    ADD(error_add_class(class));
}
EXPORT(MPI_Add_error_class);

int PMPI_Add_error_code(int class, int *code)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(code);
    ADD(error_add_code(class, code));
}
EXPORT(MPI_Add_error_code);

int PMPI_Add_error_string(int code, const char *string)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(string);
    ADD(error_add_string(code, string));
}
EXPORT(MPI_Add_error_string);
