/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/status.c: what a status tells (MPI 3.1 sections 3.2.5, 3.8.4, 4.1.11 and 12.3).
 */
#include <limits.h>
#include <string.h>

#include "check.h"

int PMPI_Get_count(const MPI_Status *status, MPI_Datatype type, int *count)
{
    size_t whole;

    CHECK_NOT_NULL(status);
    CHECK_NOT_NULL(count);
    CHECK_TYPE(type);
    if (type->size == 0) {
        *count = status->_ucount == 0 ? 0 : MPI_UNDEFINED;
        return MPI_SUCCESS;
    }
    whole = status->_ucount / type->size;
    *count = whole * type->size == status->_ucount && whole <= INT_MAX ? (int)whole : MPI_UNDEFINED;
    return MPI_SUCCESS;
}
EXPORT(MPI_Get_count);

int PMPI_Get_elements_x(const MPI_Status *status, MPI_Datatype type, MPI_Count *count)
{
    int64_t elements;

    CHECK_NOT_NULL(status);
    CHECK_NOT_NULL(count);
    CHECK_TYPE(type);
    elements = datatype_elements(type, status->_ucount);
    *count = elements < 0 ? MPI_UNDEFINED : elements;
    return MPI_SUCCESS;
}
EXPORT(MPI_Get_elements_x);

int PMPI_Get_elements(const MPI_Status *status, MPI_Datatype type, int *count)
{
    int64_t elements;

    CHECK_NOT_NULL(status);
    CHECK_NOT_NULL(count);
    CHECK_TYPE(type);
    elements = datatype_elements(type, status->_ucount);
    *count = elements < 0 || elements > INT_MAX ? MPI_UNDEFINED : (int)elements;
    return MPI_SUCCESS;
}
EXPORT(MPI_Get_elements);

int PMPI_Status_set_elements_x(MPI_Status *status, MPI_Datatype type, MPI_Count count)
{
    CHECK_NOT_NULL(status);
    CHECK_TYPE(type);
    if (count < 0)
        return FAIL(MPI_ERR_COUNT, "the count is %lld", count);
    status->_ucount = datatype_bytes_of_elements(type, (uint64_t)count);
    return MPI_SUCCESS;
}
EXPORT(MPI_Status_set_elements_x);

int PMPI_Status_set_elements(MPI_Status *status, MPI_Datatype type, int count)
{
    CHECK_NOT_NULL(status);
    CHECK_TYPE(type);
    if (count < 0)
        return FAIL(MPI_ERR_COUNT, "the count is %d", count);
    status->_ucount = datatype_bytes_of_elements(type, (uint64_t)count);
    return MPI_SUCCESS;
}
EXPORT(MPI_Status_set_elements);

int PMPI_Status_set_cancelled(MPI_Status *status, int flag)
{
    CHECK_NOT_NULL(status);
    status->_cancelled = flag;
    return MPI_SUCCESS;
}
EXPORT(MPI_Status_set_cancelled);

int PMPI_Test_cancelled(const MPI_Status *status, int *flag)
{
    CHECK_NOT_NULL(status);
    CHECK_NOT_NULL(flag);
    *flag = status->_cancelled;
    return MPI_SUCCESS;
}
EXPORT(MPI_Test_cancelled);

/* A Fortran status is the same words in an INTEGER array. */
int PMPI_Status_c2f(const MPI_Status *c_status, MPI_Fint *f_status)
{
    CHECK_NOT_NULL(c_status);
    CHECK_NOT_NULL(f_status);
    memcpy(f_status, c_status, sizeof(*c_status));
    return MPI_SUCCESS;
}
EXPORT(MPI_Status_c2f);

int PMPI_Status_f2c(const MPI_Fint *f_status, MPI_Status *c_status)
{
    CHECK_NOT_NULL(c_status);
    CHECK_NOT_NULL(f_status);
    if (f_status == MPI_F_STATUS_IGNORE || f_status == MPI_F_STATUSES_IGNORE)
        return FAIL(MPI_ERR_ARG, "the Fortran status is MPI_F_STATUS_IGNORE");
    memcpy(c_status, f_status, sizeof(*c_status));
    return MPI_SUCCESS;
}
EXPORT(MPI_Status_f2c);
