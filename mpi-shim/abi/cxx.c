/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/cxx.c: what Debian's libmpi_cxx.so.40 (Open MPI's C++ bindings) imports beside MPI itself.
 *
 * Every program that Open MPI's mpicxx linked needs that library, whether it uses the bindings or not. It calls four
 * functions of Open MPI's inside and names four of its objects; it also writes into error handlers, at offsets that are
 * given here. (In a communicator it looks at the word at byte 232, for whether it has a topology: only to choose the C++
 * class of what it hands to a callback.)
 */
#include <stddef.h>
#include <stdlib.h>

#include "check.h"
#include "fortran.h"

/* An error handler as libmpi_cxx knows it. */
struct cxx_errhandler {
    struct errhandler core;
    char unused[88 - sizeof(struct errhandler)];
    void *comm_function; /* libmpi_cxx sets these three in ompi_mpi_errors_throw_exceptions */
    void *file_function;
    void *win_function;
    void *fortran_function;
    void (*dispatch)(void *object, int *code, const char *call,
                     void *function); /* and this in its own */
    int index;
};

_Static_assert(offsetof(struct cxx_errhandler, comm_function) == 0x58,
               "as libmpi_cxx.so.40 has it");
_Static_assert(offsetof(struct cxx_errhandler, dispatch) == 0x78, "as libmpi_cxx.so.40 has it");

enum { CXX_COMM = 1, CXX_WIN = 2, CXX_TYPE = 3, CXX_FILE = 3 };

MPI_VISIBLE struct {
    _Alignas(8) unsigned char space[1024];
} ompi_mpi_errors_throw_exceptions;

/* The table of Open MPI's own negative error codes, which is empty here, and the list of C++ data representations. */
MPI_VISIBLE int ompi_errcode_intern_lastused;
MPI_VISIBLE struct {
    _Alignas(8) unsigned char space[120];
} ompi_errcodes_intern;
MPI_VISIBLE struct {
    _Alignas(8) unsigned char space[64];
} ompi_registered_datareps;

MPI_VISIBLE int ompi_attr_create_keyval(int type, attribute_copy *copy, attribute_delete *delete_,
                                        int *keyval, void *state, int flags, void *bindings_state);
MPI_VISIBLE struct errhandler *ompi_errhandler_create(int type, void *function, int language);
MPI_VISIBLE int ompi_errhandler_invoke(struct errhandler *handler, struct comm *object, int type,
                                       int error, const char *call);
MPI_VISIBLE void ompi_op_set_cxx_callback(struct op *op, void *function);

void cxx_fill_predefined(void)
{
    errhandler_predefine((struct errhandler *)&ompi_mpi_errors_throw_exceptions, ERRHANDLER_CXX);
}

void cxx_errhandler_call(struct errhandler *handler, void *object, int error, const char *call)
{
    struct cxx_errhandler *cxx = (struct cxx_errhandler *)handler;
    void (*thrower)(void *object, int *code, ...) = cxx->comm_function;

    if (cxx->dispatch)
        cxx->dispatch(object, &error, call, cxx->core.function);
    else if (thrower)
        thrower(object, &error, call);
}

struct errhandler *ompi_errhandler_create(int type, void *function, int language)
{
    struct cxx_errhandler *cxx = calloc(1, sizeof(*cxx));

    if (!cxx)
        return NULL;
    cxx->core.kind = ERRHANDLER_CXX;
    cxx->core.object = type == CXX_COMM ? OBJECT_COMM : type == CXX_WIN ? OBJECT_WIN : OBJECT_FILE;
    cxx->core.references = 1;
    cxx->core.function = function;
    cxx->core.magic = ERRHANDLER_MAGIC;
    return &cxx->core;
}

/* `handler` was read from where Open MPI keeps a communicator's: ask the communicator. */
int ompi_errhandler_invoke(struct errhandler *handler, struct comm *object, int type, int error,
                           const char *call)
{
    return raise_comm(object, call, error);
}

/* The copy functions of C++'s bindings want the new object, to make a C++ object of it. What the bindings keep with a key value
 * goes with it. */
int ompi_attr_create_keyval(int type, attribute_copy *copy, attribute_delete *delete_, int *keyval,
                            void *state, int flags, void *bindings_state)
{
    enum object_kind kind = type == CXX_COMM  ? OBJECT_COMM
                            : type == CXX_WIN ? OBJECT_WIN
                                              : OBJECT_DATATYPE;
    int error = keyval_create(kind, copy, delete_, state, keyval);

    if (error)
        return raise_world("MPI::Create_keyval", error);
    if (flags & KEYVAL_FORTRAN)
        keyval_takes(*keyval, flags & KEYVAL_FORTRAN_MPI1 ? ATTRIBUTE_INTEGER : ATTRIBUTE_ADDRESS);
    else
        keyval_copies_into(*keyval);
    keyval_owns(*keyval, bindings_state);
    return MPI_SUCCESS;
}

void ompi_op_set_cxx_callback(struct op *op, void *function)
{
    op->inner = function;
}
