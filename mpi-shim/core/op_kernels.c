/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/op_kernels.c: the loops of the predefined operations, one for each kind of element. Hot in reductions.
 *
 * What is defined for what: MPI 3.1 section 5.9.2; like Open MPI, characters and bytes count as small integers. The
 * loops are plain, for the compiler to vectorise.
 */
#include <stdbool.h>

#include "mpi-shim/core/op.h"

#define KERNEL(operation, element, type, expression)                                               \
    static void operation##_##element(const void *in, void *inout, size_t count)                   \
    {                                                                                              \
        const type *restrict x = in;                                                               \
        type *restrict y = inout;                                                                  \
                                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                       \
            type a = x[i], b = y[i];                                                               \
                                                                                                   \
            y[i] = (type)(expression);                                                             \
        }                                                                                          \
    }

/* Sums and products wrap around, as the program's own unsigned arithmetic would. */
#define INTEGER_KERNELS(element, type)                                                             \
    KERNEL(MAX, element, type, a > b ? a : b)                                                      \
    KERNEL(MIN, element, type, a < b ? a : b)                                                      \
    KERNEL(SUM, element, type, (uint64_t)a + (uint64_t)b)                                          \
    KERNEL(PROD, element, type, (uint64_t)a *(uint64_t)b)                                          \
    KERNEL(BAND, element, type, a &b)                                                              \
    KERNEL(BOR, element, type, a | b)                                                              \
    KERNEL(BXOR, element, type, a ^ b)                                                             \
    LOGICAL_KERNELS(element, type)

#define LOGICAL_KERNELS(element, type)                                                             \
    KERNEL(LAND, element, type, a &&b)                                                             \
    KERNEL(LOR, element, type, a || b)                                                             \
    KERNEL(LXOR, element, type, !a != !b)

#define REAL_KERNELS(element, type)                                                                \
    KERNEL(MAX, element, type, a > b ? a : b)                                                      \
    KERNEL(MIN, element, type, a < b ? a : b)                                                      \
    COMPLEX_KERNELS(element, type)

#define COMPLEX_KERNELS(element, type)                                                             \
    KERNEL(SUM, element, type, a + b)                                                              \
    KERNEL(PROD, element, type, a *b)

/* The value that wins, with its index; of equal values the lower index. */
#define PAIR_KERNEL(operation, element, pair, wins)                                                \
    static void operation##_##element(const void *in, void *inout, size_t count)                   \
    {                                                                                              \
        const pair *restrict x = in;                                                               \
        pair *restrict y = inout;                                                                  \
                                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                       \
            if (x[i].value wins y[i].value) {                                                      \
                y[i].value = x[i].value;                                                           \
                y[i].index = x[i].index;                                                           \
            } else if (x[i].value == y[i].value && x[i].index < y[i].index) {                      \
                y[i].index = x[i].index;                                                           \
            }                                                                                      \
        }                                                                                          \
    }

#define PAIR_KERNELS(element, first, second)                                                       \
    struct element {                                                                               \
        first value;                                                                               \
        second index;                                                                              \
    };                                                                                             \
    PAIR_KERNEL(MAXLOC, element, struct element, >)                                                \
    PAIR_KERNEL(MINLOC, element, struct element, <)

/* clang-format off */
INTEGER_KERNELS(BYTE, uint8_t)
INTEGER_KERNELS(INT8, int8_t)
INTEGER_KERNELS(INT16, int16_t)
INTEGER_KERNELS(INT32, int32_t)
INTEGER_KERNELS(INT64, int64_t)
INTEGER_KERNELS(UINT8, uint8_t)
INTEGER_KERNELS(UINT16, uint16_t)
INTEGER_KERNELS(UINT32, uint32_t)
INTEGER_KERNELS(UINT64, uint64_t)
LOGICAL_KERNELS(LOGICAL1, int8_t)
LOGICAL_KERNELS(LOGICAL2, int16_t)
LOGICAL_KERNELS(LOGICAL4, int32_t)
LOGICAL_KERNELS(LOGICAL8, int64_t)
REAL_KERNELS(FLOAT, float)
REAL_KERNELS(DOUBLE, double)
REAL_KERNELS(LONG_DOUBLE, long double)
REAL_KERNELS(QUAD, __float128)
COMPLEX_KERNELS(COMPLEX, float _Complex)
COMPLEX_KERNELS(DOUBLE_COMPLEX, double _Complex)
COMPLEX_KERNELS(LONG_DOUBLE_COMPLEX, long double _Complex)
COMPLEX_KERNELS(QUAD_COMPLEX, quad_complex)
PAIR_KERNELS(SHORT_INT, short, int)
PAIR_KERNELS(INT_INT, int, int)
PAIR_KERNELS(LONG_INT, long, int)
PAIR_KERNELS(FLOAT_INT, float, int)
PAIR_KERNELS(DOUBLE_INT, double, int)
PAIR_KERNELS(LONG_DOUBLE_INT, long double, int)
PAIR_KERNELS(FLOAT_FLOAT, float, float)
PAIR_KERNELS(DOUBLE_DOUBLE, double, double)

#define ENTRY(operation, element) [OPERATION_##operation][ELEMENT_##element] = operation##_##element
#define INTEGER_ENTRIES(element) \
    ENTRY(MAX, element), ENTRY(MIN, element), ENTRY(SUM, element), ENTRY(PROD, element), \
    ENTRY(BAND, element), ENTRY(BOR, element), ENTRY(BXOR, element), LOGICAL_ENTRIES(element)
#define LOGICAL_ENTRIES(element) ENTRY(LAND, element), ENTRY(LOR, element), ENTRY(LXOR, element)
#define REAL_ENTRIES(element)    ENTRY(MAX, element), ENTRY(MIN, element), COMPLEX_ENTRIES(element)
#define COMPLEX_ENTRIES(element) ENTRY(SUM, element), ENTRY(PROD, element)
#define PAIR_ENTRIES(element)    ENTRY(MAXLOC, element), ENTRY(MINLOC, element)

static op_kernel *const kernels[OPERATIONS][ELEMENTS] = {
    INTEGER_ENTRIES(BYTE),
    INTEGER_ENTRIES(INT8),
    INTEGER_ENTRIES(INT16),
    INTEGER_ENTRIES(INT32),
    INTEGER_ENTRIES(INT64),
    INTEGER_ENTRIES(UINT8),
    INTEGER_ENTRIES(UINT16),
    INTEGER_ENTRIES(UINT32),
    INTEGER_ENTRIES(UINT64),
    LOGICAL_ENTRIES(LOGICAL1),
    LOGICAL_ENTRIES(LOGICAL2),
    LOGICAL_ENTRIES(LOGICAL4),
    LOGICAL_ENTRIES(LOGICAL8),
    REAL_ENTRIES(FLOAT),
    REAL_ENTRIES(DOUBLE),
    REAL_ENTRIES(LONG_DOUBLE),
    REAL_ENTRIES(QUAD),
    COMPLEX_ENTRIES(COMPLEX),
    COMPLEX_ENTRIES(DOUBLE_COMPLEX),
    COMPLEX_ENTRIES(LONG_DOUBLE_COMPLEX),
    COMPLEX_ENTRIES(QUAD_COMPLEX),
    PAIR_ENTRIES(SHORT_INT),
    PAIR_ENTRIES(INT_INT),
    PAIR_ENTRIES(LONG_INT),
    PAIR_ENTRIES(FLOAT_INT),
    PAIR_ENTRIES(DOUBLE_INT),
    PAIR_ENTRIES(LONG_DOUBLE_INT),
    PAIR_ENTRIES(FLOAT_FLOAT),
    PAIR_ENTRIES(DOUBLE_DOUBLE),
};
/* clang-format on */

op_kernel *op_kernel_of(enum operation kind, enum element element)
{
    return kernels[kind][element];
}
