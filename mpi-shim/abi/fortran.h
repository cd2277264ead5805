/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/fortran.h: what libmpi has for libmpi_mpifh beside MPI's functions: attributes as Fortran sees them (MPI 3.1
 * section 17.2.7). Open MPI has these names for its own library for Fortran, with other parameters but for the first one; nobody
 * else calls them.
 */
#ifndef CARAVAN_ABI_FORTRAN_H
#define CARAVAN_ABI_FORTRAN_H

#include <mpi.h>

#define FOR_FORTRAN __attribute__((visibility("default")))

enum { OBJECT_KIND_COMM = 1, OBJECT_KIND_WIN = 2, OBJECT_KIND_TYPE = 3 };

/* Of a communicator or a datatype: by MPI-1's function, or by the others. */
FOR_FORTRAN int ompi_attr_set_fint(int kind, void *object, int keyval, MPI_Fint value);
FOR_FORTRAN int ompi_attr_set_aint(int kind, void *object, int keyval, MPI_Aint value);
/* A predefined attribute's int, what Fortran has set, or the pointer that C has. */
FOR_FORTRAN int ompi_attr_get_aint(int kind, void *object, int keyval, MPI_Aint *value, int *flag);

/* Flags of ompi_attr_create_keyval: the functions are Fortran's, of MPI-1. */
enum { KEYVAL_FORTRAN = 2, KEYVAL_FORTRAN_MPI1 = 4 };

#endif
