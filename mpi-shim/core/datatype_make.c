/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype_make.c: the datatype constructors of MPI 3.1 section 4.1.
 *
 * Each is a list of blocks (datatype_layout.c makes the layout of it), the bounds that the standard derives from the
 * bounds of its parts, and a record of the call for MPI_Type_get_contents.
 */
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/core.h"
#include "mpi-shim/core/datatype_layout.h"

struct datatype_contents *contents_create(int integers, int addresses, int datatypes)
{
    struct datatype_contents *contents = malloc(sizeof(*contents) +
                                                (size_t)addresses * sizeof(contents->address[0]) +
                                                (size_t)datatypes * sizeof(contents->datatype[0]) +
                                                (size_t)integers * sizeof(contents->integer[0]));

    if (!contents)
        return NULL;
    contents->integers = integers;
    contents->addresses = addresses;
    contents->datatypes = datatypes;
    contents->address = (ptrdiff_t *)(contents + 1);
    contents->datatype = (struct datatype **)(contents->address + addresses);
    contents->integer = (int *)(contents->datatype + datatypes);
    contents->hidden = 0;
    contents->inner = NULL;
    return contents;
}

/* A type under construction: without bytes yet. NULL without memory, which was noted. */
static struct datatype *type_create(int combiner, int integers, int addresses, int datatypes,
                                    size_t parts)
{
    struct datatype *type = calloc(1, sizeof(*type));

    if (type) {
        type->contents = contents_create(integers, addresses, datatypes);
        type->layout = layout_create(parts);
    }
    if (!type || !type->contents || !type->layout) {
        if (type) {
            free(type->contents);
            free(type->layout);
        }
        free(type);
        error_note(ERR_NO_MEM, "no memory for a datatype of %zu blocks", parts);
        return NULL;
    }
    type->references = 1;
    type->combiner = combiner;
    type->align = 1;
    return type;
}

/* Give up a type whose parts are not retained yet. */
static int type_fail(struct datatype *type)
{
    free(type->contents->inner);
    free(type->contents);
    free(type->layout);
    free(type);
    return error_note(ERR_NO_MEM, "no memory for the layout of a datatype");
}

/* Bounds of a type under construction: of all its blocks; or, where one was said by MPI_Type_create_resized, a subarray or
 * a marker somewhere inside, of those blocks alone (MPI 3.1 section 4.1.7, lb_marker and ub_marker). */
struct bounds {
    bool any;
    bool lower_set, upper_set;
    ptrdiff_t lower, upper;
};

/* Explicit bounds come before those that data have, whatever comes first. */
static void bounds_add(struct bounds *bounds, ptrdiff_t offset, size_t count, ptrdiff_t stride,
                       size_t length, const struct datatype *type)
{
    ptrdiff_t reach = (ptrdiff_t)(count - 1) * stride;
    ptrdiff_t span = (ptrdiff_t)(length - 1) * type->extent;
    ptrdiff_t lower, upper;

    if (count == 0 || length == 0)
        return;
    lower = offset + type->lb + (reach < 0 ? reach : 0) + (span < 0 ? span : 0);
    upper = offset + type->lb + type->extent + (reach > 0 ? reach : 0) + (span > 0 ? span : 0);
    if (!bounds->any || (type->lower_set && !bounds->lower_set) ||
        (type->lower_set == bounds->lower_set && lower < bounds->lower))
        bounds->lower = lower;
    if (!bounds->any || (type->upper_set && !bounds->upper_set) ||
        (type->upper_set == bounds->upper_set && upper > bounds->upper))
        bounds->upper = upper;
    bounds->lower_set |= type->lower_set;
    bounds->upper_set |= type->upper_set;
    bounds->any = true;
}

/* Append blocks to a type under construction, and its bounds and alignment with them. */
static bool type_append(struct datatype *type, struct bounds *bounds, ptrdiff_t offset,
                        size_t count, ptrdiff_t stride, size_t length, const struct datatype *old)
{
    bounds_add(bounds, offset, count, stride, length, old);
    if (count > 0 && length > 0 && old->align > type->align)
        type->align = old->align;
    return layout_append(type->layout, offset, count, stride, length, old, &type->contents->inner);
}

/* The layout is complete: derive the rest. */
static void type_finish(struct datatype *type, const struct bounds *bounds)
{
    struct layout *layout = layout_finish(type->layout);

    type->lb = bounds->any ? bounds->lower : 0;
    type->extent = bounds->any ? bounds->upper - bounds->lower : 0;
    type->lower_set = bounds->lower_set;
    type->upper_set = bounds->upper_set;
    /* The compiler pads a struct to its alignment, and so does the standard's epsilon. */
    if (!bounds->upper_set && type->extent % type->align != 0)
        type->extent += type->align - type->extent % type->align;
    type->layout = layout;
    type->size = layout->size;
    type->true_lb = layout->low;
    type->true_extent = layout->high - layout->low;
    type->dense = layout_is_run(layout) && (ptrdiff_t)layout->size == type->extent;
    for (int i = 0; i < type->contents->datatypes; i++)
        datatype_retain(type->contents->datatype[i]);
    type->magic = DATATYPE_MAGIC;
}

/* `count` blocks of `length` elements, `stride` bytes apart: everything regular. */
static int make_regular(struct datatype *type, int count, int length, ptrdiff_t stride,
                        struct datatype *old, struct datatype **made)
{
    struct bounds bounds = {0};

    type->contents->datatype[0] = old;
    if (!type_append(type, &bounds, 0, (size_t)count, stride, (size_t)length, old))
        return type_fail(type);
    type_finish(type, &bounds);
    *made = type;
    return 0;
}

int datatype_contiguous(int count, struct datatype *old, struct datatype **made)
{
    struct datatype *type = type_create(COMBINER_CONTIGUOUS, 1, 0, 1, 1);

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    return make_regular(type, 1, count, 0, old, made);
}

int datatype_vector(int count, int length, int stride, struct datatype *old, struct datatype **made)
{
    struct datatype *type = type_create(COMBINER_VECTOR, 3, 0, 1, 1);

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    type->contents->integer[1] = length;
    type->contents->integer[2] = stride;
    return make_regular(type, count, length, stride * old->extent, old, made);
}

int datatype_hvector(int count, int length, ptrdiff_t stride, struct datatype *old,
                     struct datatype **made)
{
    struct datatype *type = type_create(COMBINER_HVECTOR, 2, 1, 1, 1);

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    type->contents->integer[1] = length;
    type->contents->address[0] = stride;
    return make_regular(type, count, length, stride, old, made);
}

/* Blocks of lengths[i] elements (or of `length`, where lengths is NULL) at displacements in extents (short_) or bytes
 * (long_). */
static int make_indexed(struct datatype *type, int count, const int *lengths, int length,
                        const int *short_, const ptrdiff_t *long_, struct datatype *old,
                        struct datatype **made)
{
    struct bounds bounds = {0};

    type->contents->datatype[0] = old;
    for (int i = 0; i < count; i++) {
        ptrdiff_t offset = long_ ? long_[i] : short_[i] * old->extent;

        if (!type_append(type, &bounds, offset, 1, 0, (size_t)(lengths ? lengths[i] : length), old))
            return type_fail(type);
    }
    type_finish(type, &bounds);
    *made = type;
    return 0;
}

int datatype_indexed(int count, const int *lengths, const int *displacements, struct datatype *old,
                     struct datatype **made)
{
    struct datatype *type = type_create(COMBINER_INDEXED, 1 + 2 * count, 0, 1, (size_t)count);

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    for (int i = 0; i < count; i++) {
        type->contents->integer[1 + i] = lengths[i];
        type->contents->integer[1 + count + i] = displacements[i];
    }
    return make_indexed(type, count, lengths, 0, displacements, NULL, old, made);
}

int datatype_hindexed(int count, const int *lengths, const ptrdiff_t *displacements,
                      struct datatype *old, struct datatype **made)
{
    struct datatype *type = type_create(COMBINER_HINDEXED, 1 + count, count, 1, (size_t)count);

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    for (int i = 0; i < count; i++) {
        type->contents->integer[1 + i] = lengths[i];
        type->contents->address[i] = displacements[i];
    }
    return make_indexed(type, count, lengths, 0, NULL, displacements, old, made);
}

int datatype_indexed_block(int count, int length, const int *displacements, struct datatype *old,
                           struct datatype **made)
{
    struct datatype *type = type_create(COMBINER_INDEXED_BLOCK, 2 + count, 0, 1, (size_t)count);

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    type->contents->integer[1] = length;
    for (int i = 0; i < count; i++)
        type->contents->integer[2 + i] = displacements[i];
    return make_indexed(type, count, NULL, length, displacements, NULL, old, made);
}

int datatype_hindexed_block(int count, int length, const ptrdiff_t *displacements,
                            struct datatype *old, struct datatype **made)
{
    struct datatype *type = type_create(COMBINER_HINDEXED_BLOCK, 2, count, 1, (size_t)count);

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    type->contents->integer[1] = length;
    for (int i = 0; i < count; i++)
        type->contents->address[i] = displacements[i];
    return make_indexed(type, count, NULL, length, NULL, displacements, old, made);
}

int datatype_struct(int count, const int *lengths, const ptrdiff_t *displacements,
                    struct datatype *const *types, struct datatype **made)
{
    struct bounds bounds = {0};
    struct datatype *type = type_create(COMBINER_STRUCT, 1 + count, count, count, (size_t)count);

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    for (int i = 0; i < count; i++) {
        type->contents->integer[1 + i] = lengths[i];
        type->contents->address[i] = displacements[i];
        type->contents->datatype[i] = types[i];
        if (!type_append(type, &bounds, displacements[i], 1, 0, (size_t)lengths[i], types[i]))
            return type_fail(type);
    }
    type_finish(type, &bounds);
    *made = type;
    return 0;
}

int datatype_resized(struct datatype *old, ptrdiff_t lb, ptrdiff_t extent, struct datatype **made)
{
    struct bounds bounds = {0};
    struct datatype *type = type_create(COMBINER_RESIZED, 0, 2, 1, 1);

    if (!type)
        return ERR_NO_MEM;
    type->contents->address[0] = lb;
    type->contents->address[1] = extent;
    type->contents->datatype[0] = old;
    if (!type_append(type, &bounds, 0, 1, 0, 1, old))
        return type_fail(type);
    bounds = (struct bounds){
        .any = true, .lower_set = true, .upper_set = true, .lower = lb, .upper = lb + extent};
    type_finish(type, &bounds);
    *made = type;
    return 0;
}

int datatype_dup(struct datatype *old, struct datatype **made)
{
    struct bounds bounds = {0};
    struct datatype *type = type_create(COMBINER_DUP, 0, 0, 1, 1);

    if (!type)
        return ERR_NO_MEM;
    type->contents->datatype[0] = old;
    if (!type_append(type, &bounds, 0, 1, 0, 1, old))
        return type_fail(type);
    bounds = (struct bounds){.any = true,
                             .lower_set = old->lower_set,
                             .upper_set = old->upper_set,
                             .lower = old->lb,
                             .upper = old->lb + old->extent};
    type_finish(type, &bounds);
    type->committed = old->committed;
    *made = type;
    return 0;
}
