/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/fortran/contents.c: what a datatype was made of: an array of handles that comes out.
 */
#include <stdlib.h>

#include "mpi-shim/fortran/fortran.h"

static void type_get_contents(MPI_Fint *type, MPI_Fint *most_integers, MPI_Fint *most_addresses,
                              MPI_Fint *most_types, MPI_Fint *integers, MPI_Aint *addresses,
                              MPI_Fint *indices, MPI_Fint *ierror)
{
    MPI_Datatype from = PMPI_Type_f2c(*type), *types;
    int counts[3] = {0}, combiner;

    types = malloc((*most_types > 0 ? (size_t)*most_types : 1) * sizeof(MPI_Datatype));
    if (!types) {
        *ierror = fortran_no_memory();
        return;
    }
    *ierror = PMPI_Type_get_contents(from, *most_integers, *most_addresses, *most_types, integers,
                                     addresses, types);
    if (*ierror == MPI_SUCCESS)
        *ierror = PMPI_Type_get_envelope(from, &counts[0], &counts[1], &counts[2], &combiner);
    for (int i = 0; *ierror == MPI_SUCCESS && i < counts[2]; i++)
        indices[i] = PMPI_Type_c2f(types[i]);
    free(types);
}
FORTRAN_NAMES(type_get_contents, mpi_type_get_contents, MPI_TYPE_GET_CONTENTS,
              ompi_type_get_contents_f);
