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

struct op {
    uint32_t magic;
    bool commutative;
    bool predefined;
    uint8_t kind;   /* which predefined one; the op code's own numbering */
    int references; /* under core_lock */
    void *function; /* the program's, for a user-defined one */
    bool fortran;   /* `function` takes its arguments as Fortran passes them */
};

/* inout[i] = in[i] op inout[i]: `in` holds the operand of the lower rank. 0, or ERR_OP where the operation is not
 * defined for the type (which op_check tells beforehand). Buffers are as the user gives them (lb applies). */
int op_reduce(const struct op *op, const void *in, void *inout, size_t count,
              struct datatype *type);
int op_check(const struct op *op, const struct datatype *type);

#endif
