/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/fortran/attribute.c: key values and attributes (MPI 3.1 sections 6.7 and 17.2.7).
 *
 * An attribute's value in Fortran is an INTEGER, of the size of an address since MPI-2; libmpi knows which language has set
 * it. A key value that Fortran made carries its callbacks in its
 * extra state, which libmpi frees with it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "mpi-shim/fortran/fortran.h"

#include "mpi-shim/abi/fortran.h"

enum { COMM = OBJECT_KIND_COMM, WIN = OBJECT_KIND_WIN, TYPE = OBJECT_KIND_TYPE };

/* A name of libmpi's that Open MPI's C++ bindings call as well. `owned` is freed with the key value. */
int ompi_attr_create_keyval(int object, void *copy, void *remove, int *keyval, void *state,
                            int flags, void *owned);

typedef void copy_function(MPI_Fint *object, MPI_Fint *keyval, MPI_Aint *state, MPI_Aint *in,
                           MPI_Aint *out, MPI_Fint *flag, MPI_Fint *ierror);
typedef void copy_function_1(MPI_Fint *object, MPI_Fint *keyval, MPI_Fint *state, MPI_Fint *in,
                             MPI_Fint *out, MPI_Fint *flag, MPI_Fint *ierror);
typedef void delete_function(MPI_Fint *object, MPI_Fint *keyval, MPI_Aint *value, MPI_Aint *state,
                             MPI_Fint *ierror);
typedef void delete_function_1(MPI_Fint *object, MPI_Fint *keyval, MPI_Fint *value, MPI_Fint *state,
                               MPI_Fint *ierror);

struct callbacks {
    copy_function *copy;
    delete_function *remove;
    int object;
    bool mpi1; /* INTEGERs */
    MPI_Aint state;
};

static MPI_Fint index_of(int kind, void *object)
{
    return kind == COMM   ? PMPI_Comm_c2f(object)
           : kind == TYPE ? PMPI_Type_c2f(object)
                          : PMPI_Win_c2f(object);
}

static int call_copy(void *object, int keyval, void *state, void *in, void **out, int *flag)
{
    const struct callbacks *callbacks = state;
    MPI_Fint index = index_of(callbacks->object, object), number = keyval, found = 0,
             error = MPI_SUCCESS;
    MPI_Aint extra = callbacks->state, from = (MPI_Aint)in, to = 0;

    if (callbacks->mpi1) {
        MPI_Fint extra_1 = (MPI_Fint)extra, from_1 = (MPI_Fint)from, to_1 = 0;

        ((copy_function_1 *)(void *)callbacks->copy)(&index, &number, &extra_1, &from_1, &to_1,
                                                     &found, &error);
        to = to_1;
    } else {
        callbacks->copy(&index, &number, &extra, &from, &to, &found, &error);
    }
    *out = (void *)to;
    *flag = found != 0;
    return error;
}

static int call_delete(void *object, int keyval, void *value, void *state)
{
    const struct callbacks *callbacks = state;
    MPI_Fint index = index_of(callbacks->object, object), number = keyval, error = MPI_SUCCESS;
    MPI_Aint extra = callbacks->state, old = (MPI_Aint)value;

    if (callbacks->mpi1) {
        MPI_Fint extra_1 = (MPI_Fint)extra, old_1 = (MPI_Fint)old;

        ((delete_function_1 *)(void *)callbacks->remove)(&index, &number, &old_1, &extra_1, &error);
    } else {
        callbacks->remove(&index, &number, &old, &extra, &error);
    }
    return error;
}

static int create(int object, bool mpi1, copy_function *copy, delete_function *remove,
                  MPI_Fint *keyval, MPI_Aint state)
{
    struct callbacks *callbacks = malloc(sizeof(*callbacks));
    int error;

    if (!callbacks)
        return fortran_no_memory();
    *callbacks = (struct callbacks){copy, remove, object, mpi1, state};
    error = ompi_attr_create_keyval(object, (void *)call_copy, (void *)call_delete, keyval,
                                    callbacks, KEYVAL_FORTRAN | (mpi1 ? KEYVAL_FORTRAN_MPI1 : 0),
                                    callbacks);
    if (error)
        free(callbacks);
    return error;
}

static void comm_create_keyval(copy_function *copy, delete_function *remove, MPI_Fint *keyval,
                               MPI_Aint *state, MPI_Fint *ierror)
{
    *ierror = create(COMM, false, copy, remove, keyval, *state);
}
FORTRAN_NAMES(comm_create_keyval, mpi_comm_create_keyval, MPI_COMM_CREATE_KEYVAL,
              ompi_comm_create_keyval_f);

static void type_create_keyval(copy_function *copy, delete_function *remove, MPI_Fint *keyval,
                               MPI_Aint *state, MPI_Fint *ierror)
{
    *ierror = create(TYPE, false, copy, remove, keyval, *state);
}
FORTRAN_NAMES(type_create_keyval, mpi_type_create_keyval, MPI_TYPE_CREATE_KEYVAL,
              ompi_type_create_keyval_f);

static void win_create_keyval(copy_function *copy, delete_function *remove, MPI_Fint *keyval,
                              MPI_Aint *state, MPI_Fint *ierror)
{
    *ierror = create(WIN, false, copy, remove, keyval, *state);
}
FORTRAN_NAMES(win_create_keyval, mpi_win_create_keyval, MPI_WIN_CREATE_KEYVAL,
              ompi_win_create_keyval_f);

static void keyval_create(copy_function *copy, delete_function *remove, MPI_Fint *keyval,
                          MPI_Fint *state, MPI_Fint *ierror)
{
    *ierror = create(COMM, true, copy, remove, keyval, *state);
}
FORTRAN_NAMES(keyval_create, mpi_keyval_create, MPI_KEYVAL_CREATE, ompi_keyval_create_f);

/* ---- values --------------------------------------------------------------------------------------- */

static int comm_get(MPI_Fint comm, MPI_Fint keyval, MPI_Aint *value, MPI_Fint *flag)
{
    int there = 0, error = ompi_attr_get_aint(COMM, PMPI_Comm_f2c(comm), keyval, value, &there);

    *flag = there != 0;
    return error;
}

static void comm_get_attr(MPI_Fint *comm, MPI_Fint *keyval, MPI_Aint *value, MPI_Fint *flag,
                          MPI_Fint *ierror)
{
    *ierror = comm_get(*comm, *keyval, value, flag);
}
FORTRAN_NAMES(comm_get_attr, mpi_comm_get_attr, MPI_COMM_GET_ATTR, ompi_comm_get_attr_f);

static void attr_get(MPI_Fint *comm, MPI_Fint *keyval, MPI_Fint *value, MPI_Fint *flag,
                     MPI_Fint *ierror)
{
    MPI_Aint wide = 0;

    *ierror = comm_get(*comm, *keyval, &wide, flag);
    if (*ierror == MPI_SUCCESS && *flag)
        *value = (MPI_Fint)wide;
}
FORTRAN_NAMES(attr_get, mpi_attr_get, MPI_ATTR_GET, ompi_attr_get_f);

static void comm_set_attr(MPI_Fint *comm, MPI_Fint *keyval, MPI_Aint *value, MPI_Fint *ierror)
{
    *ierror = ompi_attr_set_aint(COMM, PMPI_Comm_f2c(*comm), *keyval, *value);
}
FORTRAN_NAMES(comm_set_attr, mpi_comm_set_attr, MPI_COMM_SET_ATTR, ompi_comm_set_attr_f);

static void attr_put(MPI_Fint *comm, MPI_Fint *keyval, MPI_Fint *value, MPI_Fint *ierror)
{
    *ierror = ompi_attr_set_fint(COMM, PMPI_Comm_f2c(*comm), *keyval, *value);
}
FORTRAN_NAMES(attr_put, mpi_attr_put, MPI_ATTR_PUT, ompi_attr_put_f);

static void type_get_attr(MPI_Fint *type, MPI_Fint *keyval, MPI_Aint *value, MPI_Fint *flag,
                          MPI_Fint *ierror)
{
    int there = 0;

    *ierror = ompi_attr_get_aint(TYPE, PMPI_Type_f2c(*type), *keyval, value, &there);
    *flag = there != 0;
}
FORTRAN_NAMES(type_get_attr, mpi_type_get_attr, MPI_TYPE_GET_ATTR, ompi_type_get_attr_f);

static void type_set_attr(MPI_Fint *type, MPI_Fint *keyval, MPI_Aint *value, MPI_Fint *ierror)
{
    *ierror = ompi_attr_set_aint(TYPE, PMPI_Type_f2c(*type), *keyval, *value);
}
FORTRAN_NAMES(type_set_attr, mpi_type_set_attr, MPI_TYPE_SET_ATTR, ompi_type_set_attr_f);

/* The base of a window is an address in both languages; what else is predefined is pointed to in C. */
static void win_get_attr(MPI_Fint *win, MPI_Fint *keyval, MPI_Aint *value, MPI_Fint *flag,
                         MPI_Fint *ierror)
{
    void *found = NULL;
    int there = 0;

    *ierror = PMPI_Win_get_attr(PMPI_Win_f2c(*win), *keyval, &found, &there);
    *flag = there != 0;
    if (*ierror != MPI_SUCCESS || !there)
        return;
    if (*keyval == MPI_WIN_SIZE)
        *value = *(MPI_Aint *)found;
    else if (*keyval == MPI_WIN_DISP_UNIT || *keyval == MPI_WIN_CREATE_FLAVOR ||
             *keyval == MPI_WIN_MODEL)
        *value = *(int *)found;
    else
        *value = (MPI_Aint)found;
}
FORTRAN_NAMES(win_get_attr, mpi_win_get_attr, MPI_WIN_GET_ATTR, ompi_win_get_attr_f);

static void win_set_attr(MPI_Fint *win, MPI_Fint *keyval, MPI_Aint *value, MPI_Fint *ierror)
{
    *ierror = PMPI_Win_set_attr(PMPI_Win_f2c(*win), *keyval, (void *)*value);
}
FORTRAN_NAMES(win_set_attr, mpi_win_set_attr, MPI_WIN_SET_ATTR, ompi_win_set_attr_f);
