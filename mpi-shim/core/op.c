/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/op.c: operation objects, and applying one.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/core.h"

void op_predefine(struct op *op, enum operation kind, const char *name)
{
    memset(op, 0, sizeof(*op));
    op->commutative = true;
    op->predefined = true;
    op->kind = kind;
    strncpy(op->name, name, sizeof(op->name) - 1);
    op->magic = OP_MAGIC;
}

int op_create(void *function, bool commutative, struct op **made)
{
    struct op *op = calloc(1, sizeof(*op));

    if (!op)
        return error_note(ERR_NO_MEM, "no memory for an operation");
    op->commutative = commutative;
    op->references = 1;
    op->function = function;
    op->magic = OP_MAGIC;
    *made = op;
    return 0;
}

void op_retain(struct op *op)
{
    if (!op->predefined)
        op->references++;
}

void op_release(struct op *op)
{
    if (op->predefined || --op->references > 0)
        return;
    op->magic = FREED_MAGIC;
    free(op);
}

int op_check(const struct op *op, const struct datatype *type)
{
    if (op->function || op_kernel_of(op->kind, type->basic))
        return 0;
    if (op->kind == OPERATION_REPLACE || op->kind == OPERATION_NO_OP)
        return error_note(ERR_OP, "%s is for MPI_Accumulate and its relatives only", op->name);
    return error_note(ERR_OP, "%s is not defined for %s", op->name,
                      type->name[0] ? type->name : "a derived datatype");
}

bool op_symmetric(const struct op *op, const struct datatype *type)
{
    switch (op->kind) {
    case OPERATION_NONE:
        return false;
    case OPERATION_MAX:
    case OPERATION_MIN:
    case OPERATION_MAXLOC:
    case OPERATION_MINLOC:
        return type->basic < ELEMENT_FLOAT;
    default:
        return true;
    }
}

/* The program's function counts in int. */
static void reduce_by_user(const struct op *op, const char *in, char *inout, size_t count,
                           struct datatype *type)
{
    void (*function)(void *in, void *inout, int *count, struct datatype **type) = op->function;
    void (*outer)(void *in, void *inout, int *count, struct datatype **type,
                  void *inner) = op->function;

    while (count > 0) {
        int piece = count > INT_MAX ? INT_MAX : (int)count;

        if (op->inner)
            outer((void *)in, inout, &piece, &type, op->inner);
        else
            function((void *)in, inout, &piece, &type);
        in += (size_t)piece * (size_t)type->extent;
        inout += (size_t)piece * (size_t)type->extent;
        count -= (size_t)piece;
    }
}

int op_reduce(const struct op *op, const void *in, void *inout, size_t count, struct datatype *type)
{
    op_kernel *kernel;

    if (op->function) {
        reduce_by_user(op, in, inout, count, type);
        return 0;
    }
    kernel = op_kernel_of(op->kind, type->basic);
    if (!kernel)
        return op_check(op, type);
    kernel(in, inout, count);
    return 0;
}
