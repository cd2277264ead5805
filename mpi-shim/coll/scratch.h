/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/scratch.h: room for elements of a type during a collective call; small ones need no allocation.
 */
#ifndef COLL_SCRATCH_H
#define COLL_SCRATCH_H

#include <stdlib.h>

#include "mpi-shim/core/datatype.h"
#include "mpi-shim/core/memory.h"

struct scratch {
    char *at; /* as a program would give the buffer: the first byte of data is true_lb behind it */
    void *allocated;
    char small[512] __attribute__((aligned(16)));
};

/* Bytes from the first to behind the last byte of data of `count` elements, and where the first lies. */
static inline size_t elements_span(const struct datatype *type, size_t count, ptrdiff_t *first)
{
    ptrdiff_t last = count > 1 ? (ptrdiff_t)(count - 1) * type->extent : 0;

    *first = type->true_lb + (last < 0 ? last : 0);
    return count ? (size_t)(type->true_extent + (last < 0 ? -last : last)) : 0;
}

static inline void scratch_take(struct scratch *scratch, const struct datatype *type, size_t count)
{
    ptrdiff_t first;
    size_t span = elements_span(type, count, &first);

    scratch->allocated = NULL;
    if (span > sizeof(scratch->small))
        scratch->allocated = memory_get_raw(span);
    scratch->at = (scratch->allocated ? (char *)scratch->allocated : scratch->small) - first;
}

/* Room for `number` operands of `count` elements each, side by side. They lie *apart bytes from one another: more than their extents where
 * the type's elements reach beyond these, and would get in each other's way. */
static inline void scratch_take_operands(struct scratch *scratch, const struct datatype *type,
                                         size_t count, size_t number, ptrdiff_t *apart)
{
    ptrdiff_t first;
    size_t span = (elements_span(type, count, &first) + 15) & ~(size_t)15; /* for any element */

    scratch->allocated = NULL;
    if (span * number > sizeof(scratch->small))
        scratch->allocated = memory_get_raw(span * number);
    scratch->at = (scratch->allocated ? (char *)scratch->allocated : scratch->small) - first;
    *apart = (ptrdiff_t)span;
}

static inline void scratch_drop(struct scratch *scratch)
{
    free(scratch->allocated);
}

#endif
