/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/op.h: reduction operations.
 */
#ifndef CORE_OP_H
#define CORE_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mpi-shim/core/datatype.h"

enum { OP_MAGIC = 0x4f502121 };

enum operation {
    OPERATION_NONE, /* the program's own */
    OPERATION_MAX,
    OPERATION_MIN,
    OPERATION_SUM,
    OPERATION_PROD,
    OPERATION_LAND,
    OPERATION_BAND,
    OPERATION_LOR,
    OPERATION_BOR,
    OPERATION_LXOR,
    OPERATION_BXOR,
    OPERATION_MAXLOC,
    OPERATION_MINLOC,
    OPERATION_REPLACE, /* for accumulate only, like the next */
    OPERATION_NO_OP,
    OPERATIONS,
};

struct op {
    uint32_t magic;
    bool commutative;
    bool predefined;
    uint8_t kind;   /* of enum operation */
    int references; /* under core_lock */
    void *function; /* the program's, for a user-defined one */
    bool fortran;   /* `function` takes its arguments as Fortran passes them */
    void *inner;    /* a fifth argument that `function` wants, or NULL (C++'s bindings) */
    char name[16];
};

/* inout[i] = in[i] op inout[i]: `in` holds the operand of the lower rank. 0, or ERR_OP where the operation is not
 * defined for the type (which op_check tells beforehand). Buffers are as the user gives them (lb applies). */
int op_reduce(const struct op *op, const void *in, void *inout, size_t count,
              struct datatype *type);
int op_check(const struct op *op, const struct datatype *type);

/* Is (a op b) always (b op a), to the bit? A program's own operation that commutes may still choose among equals by their order, as BLACS does
 * for the largest by amount; and of floating-point numbers 0 and -0 are equal. Where ranks combine the same operands in different order,
 * only such an operation gives all of them the same result, by which programs decide what to do next. */
bool op_symmetric(const struct op *op, const struct datatype *type);

/* Fill in a predefined operation. */
void op_predefine(struct op *op, enum operation kind, const char *name);

/* A user's operation, with one reference. 0 or ERR_NO_MEM. */
int op_create(void *function, bool commutative, struct op **made);
void op_retain(struct op *op);
void op_release(struct op *op);

/* The loop over `count` elements of an elementary type, or NULL where the operation is not defined for it
 * (op_kernels.c). The two places do not overlap. */
typedef void op_kernel(const void *in, void *inout, size_t count);
op_kernel *op_kernel_of(enum operation kind, enum element element);

#endif
