/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/mpi1.c: the functions that MPI 3.0 removed and that existing binaries still import.
 *
 * Each is its successor under the old name.
 */
#include "check.h"

int PMPI_Address(void *location, MPI_Aint *address)
{
    CHECK_NOT_NULL(address);
    *address = (MPI_Aint)location;
    return MPI_SUCCESS;
}
EXPORT(MPI_Address);

/* ---- datatypes -------------------------------------------------------------------------------------- */

int PMPI_Type_extent(MPI_Datatype type, MPI_Aint *extent)
{
    CHECK_TYPE(type);
    CHECK_NOT_NULL(extent);
    *extent = type->extent;
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_extent);

int PMPI_Type_lb(MPI_Datatype type, MPI_Aint *lb)
{
    CHECK_TYPE(type);
    CHECK_NOT_NULL(lb);
    *lb = type->lb;
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_lb);

int PMPI_Type_ub(MPI_Datatype type, MPI_Aint *ub)
{
    CHECK_TYPE(type);
    CHECK_NOT_NULL(ub);
    *ub = type->lb + type->extent;
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_ub);

int PMPI_Type_hvector(int count, int length, MPI_Aint stride, MPI_Datatype old, MPI_Datatype *made)
{
    return PMPI_Type_create_hvector(count, length, stride, old, made);
}
EXPORT(MPI_Type_hvector);

int PMPI_Type_hindexed(int count, int lengths[], MPI_Aint displacements[], MPI_Datatype old,
                       MPI_Datatype *made)
{
    return PMPI_Type_create_hindexed(count, lengths, displacements, old, made);
}
EXPORT(MPI_Type_hindexed);

int PMPI_Type_struct(int count, int lengths[], MPI_Aint displacements[], MPI_Datatype types[],
                     MPI_Datatype *made)
{
    return PMPI_Type_create_struct(count, lengths, displacements, types, made);
}
EXPORT(MPI_Type_struct);

/* ---- error handlers --------------------------------------------------------------------------------- */

int PMPI_Errhandler_create(MPI_Handler_function *function, MPI_Errhandler *handler)
{
    return PMPI_Comm_create_errhandler(function, handler);
}
EXPORT(MPI_Errhandler_create);

int PMPI_Errhandler_get(MPI_Comm comm, MPI_Errhandler *handler)
{
    return PMPI_Comm_get_errhandler(comm, handler);
}
EXPORT(MPI_Errhandler_get);

int PMPI_Errhandler_set(MPI_Comm comm, MPI_Errhandler handler)
{
    return PMPI_Comm_set_errhandler(comm, handler);
}
EXPORT(MPI_Errhandler_set);
