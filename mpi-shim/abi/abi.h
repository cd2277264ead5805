/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/abi.h: what the files of the Open MPI face share.
 *
 * The face turns handles into objects of the core, checks arguments, and raises errors. In this ABI a handle is a
 * pointer and may as well be the object's address: the incomplete types of mpi.h are made the core's own, so an MPI_Comm
 * is a struct comm * to the compiler too. Here alone the names MPI_x and PMPI_x are defined; nothing in the library
 * calls them.
 *
 * An entry point checks its arguments with one condition that is nearly always true (check.h); what was wrong is found
 * out afterwards, out of line. Nothing asks whether MPI is initialised: before MPI_Init and after MPI_Finalize no
 * object has its magic word, so every check fails, and raise_comm says why.
 */
#ifndef CARAVAN_ABI_H
#define CARAVAN_ABI_H

#include "mpi-shim/core/core.h"

#define ompi_communicator_t comm
#define ompi_group_t        group
#define ompi_request_t      request
#define ompi_message_t      message
#define ompi_datatype_t     datatype
#define ompi_op_t           op
#define ompi_errhandler_t   errhandler
#define ompi_info_t         info

/* The functions that MPI 3.0 removed are declared for us: existing binaries import them. Nor is what is deprecated to be
 * warned of where it is defined. */
#define OMPI_OMIT_MPI1_COMPAT_DECLS     0
#define OMPI_WANT_MPI_INTERFACE_WARNING 0
#include <mpi.h>
#include <mpi-ext.h>

#define MPI_VISIBLE __attribute__((visibility("default")))

/* Export MPI_x beside PMPI_x: the same code at the same address, weak, so that a profiling library may have
 * its own (MPI 3.1 section 14.2). It follows the definition of PMPI_x. */
#define EXPORT(name) extern __typeof__(P##name) name __attribute__((weak, alias("P" #name)))

/* The name of the MPI function that this is used in: __func__ is "PMPI_Send". */
#define CALL (__func__ + 1)

/* MPI_Status and the core's status are the same memory (constants.c). */
static inline struct status *status_of(MPI_Status *status)
{
    return (struct status *)status;
}

/* ---- errors (raise.c) --------------------------------------------------------------------------- */

/* Raise `error`, with what error_note kept as its explanation, in `call`: through the error handler of `comm`, or of
 * MPI_COMM_WORLD where that is no communicator. Returns `error`, where it returns. */
int raise_comm(struct comm *comm, const char *call, int error) __attribute__((cold));
int raise_world(const char *call, int error) __attribute__((cold));
/* Of MPI_Finalize, with what was the handler of MPI_COMM_WORLD: it returns the error, or ends the job. */
int raise_at_end(const struct errhandler *handler, const char *call, int error);
int raise_win(MPI_Win win, const char *call, int error) __attribute__((cold));
int raise_file(MPI_File file, const char *call, int error) __attribute__((cold));

/* The explanation of the last error that this thread was told, where that was `error`; else "". */
const char *raised_last(int error);

/* In an entry point: fail with a class and an explanation (printf's format). */
#define FAIL_COMM(comm, class, ...) raise_comm(comm, CALL, error_note(class, __VA_ARGS__))
#define FAIL(class, ...)            raise_world(CALL, error_note(class, __VA_ARGS__))

/* End an entry point with the core's result. */
#define FINISH_COMM(comm, result)                                                                  \
    do {                                                                                           \
        int finish_error_ = (result);                                                              \
        return likely(finish_error_ == 0) ? MPI_SUCCESS : raise_comm(comm, CALL, finish_error_);   \
    } while (0)
#define FINISH(result)                                                                             \
    do {                                                                                           \
        int finish_error_ = (result);                                                              \
        return likely(finish_error_ == 0) ? MPI_SUCCESS : raise_world(CALL, finish_error_);        \
    } while (0)

/* Is MPI initialised and not finalised? Else says so in the name of `call` and ends the process. */
void require_initialized(const char *call);

/* A communicator's name for messages. */
const char *comm_label(const struct comm *comm);

/* The error handler of files that are opened, and of what fails without a file. */
extern struct errhandler *file_errhandler;

/* End an entry point that makes a communicator with the core's result, which is NULL in a process that is no member. */
int comm_made(struct comm *comm, const char *call, int error, MPI_Comm *out, struct comm *made);

/* ---- predefined objects (fill.c) ---------------------------------------------------------------- */

/* Fill in what core_init does not: types, operations, error handlers, info. */
void fill_predefined(void);
void fill_core_predefined(struct core_predefined *predefined);
/* Take the magic away, after MPI_Finalize. */
void clear_predefined(void);

/* ---- Open MPI's C++ library (cxx.c) ------------------------------------------------------------- */

/* Call a handler of kind ERRHANDLER_CXX. `object` points to the handle. It may throw. */
void cxx_errhandler_call(struct errhandler *handler, void *object, int error, const char *call);
void cxx_fill_predefined(void);

/* ---- attributes (attribute.c) ------------------------------------------------------------------- */

/* The values of the predefined attributes; after core_init. */
void attributes_predefine(void);

/* ---- Fortran handles (handles.c) ---------------------------------------------------------------- */

enum handle_kind {
    HANDLE_COMM,
    HANDLE_GROUP,
    HANDLE_REQUEST,
    HANDLE_MESSAGE,
    HANDLE_DATATYPE,
    HANDLE_OP,
    HANDLE_ERRHANDLER,
    HANDLE_INFO,
    HANDLE_WIN,
    HANDLE_FILE,
    HANDLE_KINDS,
};

/* An object ends: its Fortran handle, if it ever had one, may be used again. */
void handle_forget(enum handle_kind kind, void *object);

/* ---- mpirun --check (leaks.c) ------------------------------------------------------------------- */

/* A handle was given to the program by `call`, or comes back to be freed. */
extern bool leaks_wanted;
void leak_given(enum handle_kind kind, void *object, const char *call) __attribute__((cold));
void leak_returned(enum handle_kind kind, const void *object) __attribute__((cold));

static inline void handle_given(enum handle_kind kind, void *object, const char *call)
{
    if (__builtin_expect(leaks_wanted, 0))
        leak_given(kind, object, call);
}

static inline void handle_returned(enum handle_kind kind, const void *object)
{
    if (__builtin_expect(leaks_wanted, 0))
        leak_returned(kind, object);
}

/* End an entry point that makes an object with the core's result. */
#define FINISH_GIVEN(kind, result, out)                                                            \
    do {                                                                                           \
        int given_error_ = (result);                                                               \
                                                                                                   \
        if (given_error_)                                                                          \
            return raise_world(CALL, given_error_);                                                \
        handle_given(kind, *(out), CALL);                                                          \
        return MPI_SUCCESS;                                                                        \
    } while (0)

/* After MPI_Init; and before the end, collective. */
void leaks_begin(void);
void leaks_report(void);

#endif
