/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/op.c: reduction operations (MPI 3.1 section 5.9).
 */
#include "check.h"

int PMPI_Op_create(MPI_User_function *function, int commute, MPI_Op *op)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(function);
    CHECK_NOT_NULL(op);
    FINISH_GIVEN(HANDLE_OP, op_create(function, commute != 0, op), op);
}
EXPORT(MPI_Op_create);

int PMPI_Op_free(MPI_Op *op)
{
    CHECK_NOT_NULL(op);
    CHECK_OP(*op);
    if ((*op)->predefined)
        return FAIL(MPI_ERR_OP, "%s is predefined and cannot be freed", (*op)->name);
    handle_forget(HANDLE_OP, *op);
    handle_returned(HANDLE_OP, *op);
    core_lock();
    op_release(*op);
    core_unlock();
    *op = MPI_OP_NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Op_free);

int PMPI_Op_commutative(MPI_Op op, int *commute)
{
    CHECK_OP(op);
    CHECK_NOT_NULL(commute);
    *commute = op->commutative;
    return MPI_SUCCESS;
}
EXPORT(MPI_Op_commutative);

int PMPI_Reduce_local(const void *in, void *inout, int count, MPI_Datatype type, MPI_Op op)
{
    CHECK_OP(op);
    if (!data_ok(in, count, type))
        return raise_world(CALL, data_bad(in, count, type));
    if (!data_ok(inout, count, type))
        return raise_world(CALL, data_bad(inout, count, type));
    FINISH(op_reduce(op, in, inout, (size_t)count, type));
}
EXPORT(MPI_Reduce_local);
