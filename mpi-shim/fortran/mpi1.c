/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/fortran/mpi1.c: what MPI 3.0 removed, where addresses are INTEGERs: an address that an INTEGER cannot hold is an error.
 */
#include <limits.h>
#include <stdlib.h>

#include "mpi-shim/fortran/fortran.h"

static int narrow(MPI_Aint value, MPI_Fint *to)
{
    if (value < INT_MIN || value > INT_MAX) {
        PMPI_Comm_call_errhandler(MPI_COMM_WORLD, MPI_ERR_ARG);
        return MPI_ERR_ARG;
    }
    *to = (MPI_Fint)value;
    return MPI_SUCCESS;
}

/* In new memory, or NULL where there is none. */
static MPI_Aint *widen(const MPI_Fint *values, MPI_Fint count)
{
    MPI_Aint *wide = malloc((count > 0 ? (size_t)count : 1) * sizeof(MPI_Aint));

    for (MPI_Fint i = 0; wide && i < count; i++)
        wide[i] = values[i];
    return wide;
}

static void type_out(MPI_Datatype type, MPI_Fint *to, MPI_Fint ierror)
{
    if (ierror == MPI_SUCCESS)
        *to = PMPI_Type_c2f(type);
}

static void address(void *location, MPI_Fint *to, MPI_Fint *ierror)
{
    MPI_Aint value = 0;

    *ierror = PMPI_Get_address(fortran_buffer(location), &value);
    if (*ierror == MPI_SUCCESS)
        *ierror = narrow(value, to);
}
FORTRAN_NAMES(address, mpi_address, MPI_ADDRESS, ompi_address_f);

static void type_extent(MPI_Fint *type, MPI_Fint *extent, MPI_Fint *ierror)
{
    MPI_Aint lb, value = 0;

    *ierror = PMPI_Type_get_extent(PMPI_Type_f2c(*type), &lb, &value);
    if (*ierror == MPI_SUCCESS)
        *ierror = narrow(value, extent);
}
FORTRAN_NAMES(type_extent, mpi_type_extent, MPI_TYPE_EXTENT, ompi_type_extent_f);

static void type_lb(MPI_Fint *type, MPI_Fint *lb, MPI_Fint *ierror)
{
    MPI_Aint value = 0, extent;

    *ierror = PMPI_Type_get_extent(PMPI_Type_f2c(*type), &value, &extent);
    if (*ierror == MPI_SUCCESS)
        *ierror = narrow(value, lb);
}
FORTRAN_NAMES(type_lb, mpi_type_lb, MPI_TYPE_LB, ompi_type_lb_f);

static void type_ub(MPI_Fint *type, MPI_Fint *ub, MPI_Fint *ierror)
{
    MPI_Aint lb = 0, extent = 0;

    *ierror = PMPI_Type_get_extent(PMPI_Type_f2c(*type), &lb, &extent);
    if (*ierror == MPI_SUCCESS)
        *ierror = narrow(lb + extent, ub);
}
FORTRAN_NAMES(type_ub, mpi_type_ub, MPI_TYPE_UB, ompi_type_ub_f);

static void type_hvector(MPI_Fint *count, MPI_Fint *length, MPI_Fint *stride, MPI_Fint *old,
                         MPI_Fint *made, MPI_Fint *ierror)
{
    MPI_Datatype type = MPI_DATATYPE_NULL;

    *ierror = PMPI_Type_create_hvector(*count, *length, *stride, PMPI_Type_f2c(*old), &type);
    type_out(type, made, *ierror);
}
FORTRAN_NAMES(type_hvector, mpi_type_hvector, MPI_TYPE_HVECTOR, ompi_type_hvector_f);

static void type_hindexed(MPI_Fint *count, MPI_Fint *lengths, MPI_Fint *places, MPI_Fint *old,
                          MPI_Fint *made, MPI_Fint *ierror)
{
    MPI_Aint *wide = widen(places, *count);
    MPI_Datatype type = MPI_DATATYPE_NULL;

    *ierror = wide ? PMPI_Type_create_hindexed(*count, lengths, wide, PMPI_Type_f2c(*old), &type)
                   : fortran_no_memory();
    type_out(type, made, *ierror);
    free(wide);
}
FORTRAN_NAMES(type_hindexed, mpi_type_hindexed, MPI_TYPE_HINDEXED, ompi_type_hindexed_f);

static void type_struct(MPI_Fint *count, MPI_Fint *lengths, MPI_Fint *places, MPI_Fint *olds,
                        MPI_Fint *made, MPI_Fint *ierror)
{
    MPI_Aint *wide = widen(places, *count);
    MPI_Datatype *types = fortran_types(olds, *count), type = MPI_DATATYPE_NULL;

    *ierror = wide && types ? PMPI_Type_create_struct(*count, lengths, wide, types, &type)
                            : fortran_no_memory();
    type_out(type, made, *ierror);
    free(types);
    free(wide);
}
FORTRAN_NAMES(type_struct, mpi_type_struct, MPI_TYPE_STRUCT, ompi_type_struct_f);
