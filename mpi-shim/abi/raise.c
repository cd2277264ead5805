/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/raise.c: what becomes of an error (MPI 3.1 section 8.3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

struct errhandler *file_errhandler;

const char *comm_label(const struct comm *comm)
{
    return comm->name[0] ? comm->name : "a communicator";
}

void require_initialized(const char *call)
{
    if (core.initialized && !core.finalized)
        return;
    fprintf(stderr, "%s was called %s\n", call,
            core.finalized ? "after MPI_Finalize" : "before MPI_Init");
    exit(EXIT_FAILURE);
}

/* What the program was told last, for MPI_Error_string to say more than the class's text does. */
static __thread struct {
    int error;
    char text[MPI_MAX_ERROR_STRING];
} last;

const char *raised_last(int error)
{
    return last.error == error ? last.text : "";
}

static void remember(const char *call, int error)
{
    last.error = error;
    snprintf(last.text, sizeof(last.text), "%s%s%s", call, error_noted()[0] ? ": " : "",
             error_noted());
    error_forget();
}

/* One line; am_abort says which process and host it comes from. The explanation says it best, the class's text is for those who know MPI. */
static void die(const char *call, int error) __attribute__((noreturn));
static void die(const char *call, int error)
{
    const char *note = error_noted();
    const char *text = error_text(error);
    char number[32];

    /* Its text is about errors of which nothing is known. */
    if (note[0] && error == MPI_ERR_OTHER)
        text = "MPI_ERR_OTHER";
    if (!text) {
        snprintf(number, sizeof(number), "error %d", error);
        text = number;
    }
    core_abort(error > 0 && error < 256 ? error : EXIT_FAILURE, "%s on rank %u: %s%s%s%s", call,
               core.self, note, note[0] ? " (" : "", text, note[0] ? ")" : "");
}

/* `object` points to the handle, for the program's function. */
static int raise_through(struct errhandler *handler, void *object, const char *call, int error)
{
    switch (handler ? handler->kind : ERRHANDLER_FATAL) {
    case ERRHANDLER_RETURN:
        remember(call, error);
        return error;
    case ERRHANDLER_USER: {
        void (*function)(void *object, int *code, ...) = handler->function;
        int code = error;

        remember(call, error);
        function(object, &code, call);
        return error;
    }
    case ERRHANDLER_CXX:
        remember(call, error);
        cxx_errhandler_call(handler, object, error, call);
        return error;
    default:
        die(call, error);
    }
}

/* The communicators are gone, and a function of the program's would be given one. */
int raise_at_end(const struct errhandler *handler, const char *call, int error)
{
    if (handler->kind != ERRHANDLER_RETURN)
        die(call, error);
    remember(call, error);
    return error;
}

int raise_comm(struct comm *comm, const char *call, int error)
{
    require_initialized(call);
    if (!comm_ok(comm))
        comm = core.predefined.world;
    return raise_through(comm->errhandler, &comm, call, error);
}

int raise_world(const char *call, int error)
{
    return raise_comm(NULL, call, error);
}

/* No window exists yet that could have a handler of its own. */
int raise_win(MPI_Win win, const char *call, int error)
{
    return raise_world(call, error);
}

int raise_file(MPI_File file, const char *call, int error)
{
    require_initialized(call);
    return raise_through(file_errhandler, &file, call, error);
}
