/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/callbacks.c: the attribute callbacks that mpi.h defines (MPI 3.1 section 6.7), under Open MPI's names
 * for C and, upper and lower case, for Fortran.
 */
#include <string.h>

#include "abi.h"

#define C_CALLBACKS(prefix, handle)                                                                \
    int OMPI_C_MPI_##prefix##NULL_COPY_FN(handle object, int keyval, void *state, void *in,        \
                                          void *out, int *flag)                                    \
    {                                                                                              \
        *flag = 0;                                                                                 \
        return MPI_SUCCESS;                                                                        \
    }                                                                                              \
    int OMPI_C_MPI_##prefix##NULL_DELETE_FN(handle object, int keyval, void *value, void *state)   \
    {                                                                                              \
        return MPI_SUCCESS;                                                                        \
    }                                                                                              \
    int OMPI_C_MPI_##prefix##DUP_FN(handle object, int keyval, void *state, void *in, void *out,   \
                                    int *flag)                                                     \
    {                                                                                              \
        *(void **)out = in;                                                                        \
        *flag = 1;                                                                                 \
        return MPI_SUCCESS;                                                                        \
    }

/* clang-format off */
C_CALLBACKS(COMM_, MPI_Comm)
C_CALLBACKS(TYPE_, MPI_Datatype)
C_CALLBACKS(WIN_, MPI_Win)
C_CALLBACKS(, MPI_Comm)
/* clang-format on */

/* Fortran passes everything by address. One body each; the names of three compiler conventions lead there. The
 * attributes of MPI-1 are INTEGERs, those of MPI-2 have the size of an address. */
#define FORTRAN_NAME(body, name)                                                                   \
    extern __typeof__(body) name MPI_VISIBLE __attribute__((weak, alias(#body)))

#define FORTRAN_NAMES(body, upper, lower)                                                          \
    FORTRAN_NAME(body, upper);                                                                     \
    FORTRAN_NAME(body, lower);                                                                     \
    FORTRAN_NAME(body, lower##_);                                                                  \
    FORTRAN_NAME(body, lower##__)

#define FORTRAN_CALLBACKS(name, integer)                                                           \
    static void name##_null_copy(MPI_Fint *object, MPI_Fint *keyval, integer *state, integer *in,  \
                                 integer *out, MPI_Fint *flag, MPI_Fint *error)                    \
    {                                                                                              \
        *flag = 0;                                                                                 \
        *error = MPI_SUCCESS;                                                                      \
    }                                                                                              \
    static void name##_dup(MPI_Fint *object, MPI_Fint *keyval, integer *state, integer *in,        \
                           integer *out, MPI_Fint *flag, MPI_Fint *error)                          \
    {                                                                                              \
        *out = *in;                                                                                \
        *flag = 1;                                                                                 \
        *error = MPI_SUCCESS;                                                                      \
    }                                                                                              \
    static void name##_null_delete(MPI_Fint *object, MPI_Fint *keyval, integer *value,             \
                                   integer *state, MPI_Fint *error)                                \
    {                                                                                              \
        *error = MPI_SUCCESS;                                                                      \
    }

/* clang-format off */
FORTRAN_CALLBACKS(plain, MPI_Fint)
FORTRAN_CALLBACKS(wide, MPI_Aint)
/* clang-format on */

/* mpi.h makes macros of some of these. */
#undef MPI_COMM_NULL_COPY_FN
#undef MPI_COMM_NULL_DELETE_FN
#undef MPI_COMM_DUP_FN
#undef MPI_TYPE_NULL_COPY_FN
#undef MPI_TYPE_NULL_DELETE_FN
#undef MPI_TYPE_DUP_FN
#undef MPI_WIN_NULL_COPY_FN
#undef MPI_WIN_NULL_DELETE_FN
#undef MPI_WIN_DUP_FN
#undef MPI_NULL_COPY_FN
#undef MPI_NULL_DELETE_FN
#undef MPI_DUP_FN
#undef MPI_CONVERSION_FN_NULL

FORTRAN_NAMES(wide_null_copy, MPI_COMM_NULL_COPY_FN, mpi_comm_null_copy_fn);
FORTRAN_NAMES(wide_null_delete, MPI_COMM_NULL_DELETE_FN, mpi_comm_null_delete_fn);
FORTRAN_NAMES(wide_dup, MPI_COMM_DUP_FN, mpi_comm_dup_fn);
FORTRAN_NAMES(wide_null_copy, MPI_TYPE_NULL_COPY_FN, mpi_type_null_copy_fn);
FORTRAN_NAMES(wide_null_delete, MPI_TYPE_NULL_DELETE_FN, mpi_type_null_delete_fn);
FORTRAN_NAMES(wide_dup, MPI_TYPE_DUP_FN, mpi_type_dup_fn);
FORTRAN_NAMES(wide_null_copy, MPI_WIN_NULL_COPY_FN, mpi_win_null_copy_fn);
FORTRAN_NAMES(wide_null_delete, MPI_WIN_NULL_DELETE_FN, mpi_win_null_delete_fn);
FORTRAN_NAMES(wide_dup, MPI_WIN_DUP_FN, mpi_win_dup_fn);
FORTRAN_NAMES(plain_null_copy, MPI_NULL_COPY_FN, mpi_null_copy_fn);
FORTRAN_NAMES(plain_null_delete, MPI_NULL_DELETE_FN, mpi_null_delete_fn);
FORTRAN_NAMES(plain_dup, MPI_DUP_FN, mpi_dup_fn);

/* An address to compare with: no conversion of data representations. */
static void conversion_null(void)
{
}
FORTRAN_NAMES(conversion_null, MPI_CONVERSION_FN_NULL, mpi_conversion_fn_null);

/* ---- Fortran functions that live in the C library of Open MPI -------------------------------------------- */

#define FORTRAN_FUNCTION(result, upper, lower, parameters, arguments)                              \
    MPI_VISIBLE result upper parameters;                                                           \
    MPI_VISIBLE result lower parameters;                                                           \
    MPI_VISIBLE result lower##_ parameters;                                                        \
    MPI_VISIBLE result lower##__ parameters;                                                       \
    result lower parameters                                                                        \
    {                                                                                              \
        return upper arguments;                                                                    \
    }                                                                                              \
    result lower##_ parameters                                                                     \
    {                                                                                              \
        return upper arguments;                                                                    \
    }                                                                                              \
    result lower##__ parameters                                                                    \
    {                                                                                              \
        return upper arguments;                                                                    \
    }                                                                                              \
    result upper parameters

FORTRAN_FUNCTION(double, MPI_WTIME_F90, mpi_wtime_f90, (void), ())
{
    return PMPI_Wtime();
}

FORTRAN_FUNCTION(double, MPI_WTICK_F90, mpi_wtick_f90, (void), ())
{
    return PMPI_Wtick();
}

FORTRAN_FUNCTION(MPI_Aint, MPI_AINT_ADD_F90, mpi_aint_add_f90,
                 (MPI_Aint * base, MPI_Aint *distance), (base, distance))
{
    return *base + *distance;
}

FORTRAN_FUNCTION(MPI_Aint, MPI_AINT_DIFF_F90, mpi_aint_diff_f90, (MPI_Aint * to, MPI_Aint *from),
                 (to, from))
{
    return *to - *from;
}

/* ---- Open MPI's affinity extension ------------------------------------------------------------------- */

/* Caravan binds no process, so it says nothing about where one may run. */
int OMPI_Affinity_str(ompi_affinity_fmt_t format, char bound[OMPI_AFFINITY_STRING_MAX],
                      char binding[OMPI_AFFINITY_STRING_MAX], char exists[OMPI_AFFINITY_STRING_MAX])
{
    strcpy(bound, "Caravan binds no process");
    strcpy(binding, "unknown");
    strcpy(exists, "unknown");
    return MPI_SUCCESS;
}
