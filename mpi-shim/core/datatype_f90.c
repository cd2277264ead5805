/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype_f90.c: types by precision and range (MPI 3.1 section 17.2.6).
 *
 * A pair of precision and range that was asked for once has its type for good: the standard wants the same handle each
 * time, and that nobody frees it.
 */
#include <stdlib.h>

#include "mpi-shim/core/core.h"
#include "mpi-shim/core/datatype_layout.h"

/* Decimal digits and exponents that a kind holds, the smallest kind first. */
static const struct kind {
    int precision, range;
    enum element real, complex;
} reals[] = {
    {6, 37, ELEMENT_FLOAT, ELEMENT_COMPLEX},
    {15, 307, ELEMENT_DOUBLE, ELEMENT_DOUBLE_COMPLEX},
    {18, 4931, ELEMENT_LONG_DOUBLE, ELEMENT_LONG_DOUBLE_COMPLEX},
    {33, 4931, ELEMENT_QUAD, ELEMENT_QUAD_COMPLEX},
};

static const struct {
    int range;
    enum element integer;
} integers[] = {{2, ELEMENT_INT8}, {4, ELEMENT_INT16}, {9, ELEMENT_INT32}, {18, ELEMENT_INT64}};

static struct known {
    struct known *next;
    int precision, range;
    struct datatype type;
} * known;

static enum element element_of(int combiner, int precision, int range)
{
    if (combiner == COMBINER_F90_INTEGER) {
        for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
            if (range <= integers[i].range)
                return integers[i].integer;
        }
        return ELEMENT_NONE;
    }
    for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
        if (precision <= reals[i].precision && range <= reals[i].range)
            return combiner == COMBINER_F90_REAL ? reals[i].real : reals[i].complex;
    }
    return ELEMENT_NONE;
}

int datatype_f90(int combiner, int precision, int range, struct datatype **made)
{
    enum element element = element_of(combiner, precision, range);
    struct datatype_contents *contents;
    struct known *new;

    for (struct known *old = known; old; old = old->next) {
        if (old->type.combiner == combiner && old->precision == precision && old->range == range) {
            *made = &old->type;
            return 0;
        }
    }
    if (element == ELEMENT_NONE)
        return error_note(ERR_ARG, "no type has a precision of %d digits and a range of %d",
                          precision, range);
    new = calloc(1, sizeof(*new));
    contents = contents_create(combiner == COMBINER_F90_INTEGER ? 1 : 2, 0, 0);
    if (!new || !contents) {
        free(new);
        free(contents);
        return error_note(ERR_NO_MEM, "no memory for a datatype");
    }
    datatype_predefine(&new->type, element, "");
    contents->integer[0] = combiner == COMBINER_F90_INTEGER ? range : precision;
    if (combiner != COMBINER_F90_INTEGER)
        contents->integer[1] = range;
    new->type.combiner = combiner;
    new->type.contents = contents;
    new->precision = precision;
    new->range = range;
    new->next = known;
    known = new;
    *made = &new->type;
    return 0;
}
