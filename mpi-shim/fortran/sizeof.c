/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/fortran/sizeof.c: MPI_SIZEOF (MPI 3.1 section 17.1.9): one procedure for each type and rank, which mpif-sizeof.h and
 * the module mpi choose from.
 */
#include "mpi-shim/fortran/fortran.h"

#define NAMES(type, rank)                                                                          \
    FORTRAN_NAME(sizeof_##type, mpi_sizeof_##type##_##rank##_);                                    \
    FORTRAN_NAME(sizeof_##type, pmpi_sizeof_##type##_##rank##_)

#define SIZEOF(type, bytes)                                                                        \
    static void sizeof_##type(const void *variable, MPI_Fint *size, MPI_Fint *ierror)              \
    {                                                                                              \
        *size = (bytes);                                                                           \
        if (ierror) /* it is OPTIONAL */                                                           \
            *ierror = MPI_SUCCESS;                                                                 \
    }                                                                                              \
    NAMES(type, scalar);                                                                           \
    NAMES(type, r1);                                                                               \
    NAMES(type, r2);                                                                               \
    NAMES(type, r3);                                                                               \
    NAMES(type, r4);                                                                               \
    NAMES(type, r5);                                                                               \
    NAMES(type, r6);                                                                               \
    NAMES(type, r7);                                                                               \
    NAMES(type, r8);                                                                               \
    NAMES(type, r9);                                                                               \
    NAMES(type, r10);                                                                              \
    NAMES(type, r11);                                                                              \
    NAMES(type, r12);                                                                              \
    NAMES(type, r13);                                                                              \
    NAMES(type, r14);                                                                              \
    NAMES(type, r15)

SIZEOF(character, 1);
SIZEOF(logical, 4);
SIZEOF(int8, 1);
SIZEOF(int16, 2);
SIZEOF(int32, 4);
SIZEOF(int64, 8);
SIZEOF(real32, 4);
SIZEOF(real64, 8);
SIZEOF(real128, 16);
SIZEOF(complex32, 8);
SIZEOF(complex64, 16);
SIZEOF(complex128, 32);
