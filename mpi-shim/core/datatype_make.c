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
static int type_fail(struct datatype *type, int error)
{
    free(type->contents->inner);
    free(type->contents);
    free(type->layout);
    free(type);
    if (error == ERR_ARG)
        return error_note(ERR_ARG,
                          "the type would have more bytes, or span more, than there are addresses");
    return error_note(ERR_NO_MEM, "no memory for the layout of a datatype");
}

/* ---- what fits ------------------------------------------------------------------------------------ */

/* Sizes and bounds stay below this, so that sums of a few of them never wrap. */
#define DISTANCE_MOST ((ptrdiff_t)1 << 61)

int distance_multiply(ptrdiff_t count, ptrdiff_t bytes, ptrdiff_t *product)
{
    bool wraps = __builtin_mul_overflow(count, bytes, product);

    return wraps || *product > DISTANCE_MOST || *product < -DISTANCE_MOST ? ERR_ARG : 0;
}

static ptrdiff_t magnitude(ptrdiff_t value)
{
    return value < 0 ? -value : value;
}

/* How far from its address a type reaches, or what is further than any may. */
static ptrdiff_t type_reach(const struct datatype *type)
{
    ptrdiff_t bounds[4] = {type->lb, type->lb, type->true_lb, type->true_lb}, most = 0;

    if (__builtin_add_overflow(type->lb, type->extent, &bounds[1]) ||
        __builtin_add_overflow(type->true_lb, type->true_extent, &bounds[3]))
        return PTRDIFF_MAX;
    for (int i = 0; i < 4; i++) {
        if (bounds[i] > DISTANCE_MOST || bounds[i] < -DISTANCE_MOST)
            return PTRDIFF_MAX;
        most = magnitude(bounds[i]) > most ? magnitude(bounds[i]) : most;
    }
    return most;
}

/* `count` blocks, `stride` apart, of `length` elements, the first at `offset`: may they be added? */
static int blocks_check(const struct layout *layout, ptrdiff_t offset, size_t count,
                        ptrdiff_t stride, size_t length, const struct datatype *old)
{
    ptrdiff_t own = type_reach(old), reach, span, bytes;

    if (count == 0 || length == 0)
        return 0;
    if (own > DISTANCE_MOST || distance_multiply(1, offset, &offset) ||
        distance_multiply((ptrdiff_t)count - 1, stride, &reach) ||
        distance_multiply((ptrdiff_t)length - 1, old->extent, &span) ||
        distance_multiply((ptrdiff_t)length, (ptrdiff_t)old->size, &bytes) ||
        distance_multiply((ptrdiff_t)count, bytes, &bytes))
        return ERR_ARG;
    reach = magnitude(reach) / 4 + magnitude(span) / 4 + magnitude(offset) / 4 + own / 4;
    return reach >= DISTANCE_MOST / 4 || bytes > DISTANCE_MOST - (ptrdiff_t)layout->size ? ERR_ARG
                                                                                         : 0;
}

/* ---- the pieces ----------------------------------------------------------------------------------- */

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

/* Append blocks to a type under construction, and its bounds and alignment with them. 0, ERR_ARG or ERR_NO_MEM. */
static int type_append(struct datatype *type, struct bounds *bounds, ptrdiff_t offset, size_t count,
                       ptrdiff_t stride, size_t length, const struct datatype *old)
{
    int error = blocks_check(type->layout, offset, count, stride, length, old);

    if (error)
        return error;
    bounds_add(bounds, offset, count, stride, length, old);
    if (count > 0 && length > 0 && old->align > type->align)
        type->align = old->align;
    return layout_append(type->layout, offset, count, stride, length, old, &type->contents->inner)
               ? 0
               : ERR_NO_MEM;
}

/* The layout is complete: derive the rest. */
static void type_finish(struct datatype *type, const struct bounds *bounds)
{
    struct layout *layout = layout_finish(type->layout);
    const struct datatype *part;
    size_t length;

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
    for (int n = 0; (part = datatype_part(type, n, &length)); n++) {
        type->elements += (int64_t)length * datatype_whole(part);
        type->external += length * datatype_external_one(part);
    }
    type->magic = DATATYPE_MAGIC;
}

/* `count` blocks of `length` elements, `stride` bytes apart: everything regular. */
static int make_regular(struct datatype *type, int count, int length, ptrdiff_t stride,
                        struct datatype *old, struct datatype **made)
{
    struct bounds bounds = {0};
    int error = type_append(type, &bounds, 0, (size_t)count, stride, (size_t)length, old);

    if (error)
        return type_fail(type, error);
    type->contents->datatype[0] = old;
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
    ptrdiff_t bytes;

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    type->contents->integer[1] = length;
    type->contents->integer[2] = stride;
    if (distance_multiply(stride, old->extent, &bytes))
        return type_fail(type, ERR_ARG);
    return make_regular(type, count, length, bytes, old, made);
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
        ptrdiff_t offset = long_ ? long_[i] : 0;
        int error = long_ ? 0 : distance_multiply(short_[i], old->extent, &offset);

        if (!error)
            error = type_append(type, &bounds, offset, 1, 0,
                                (size_t)(lengths ? lengths[i] : length), old);
        if (error)
            return type_fail(type, error);
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
    int error;

    if (!type)
        return ERR_NO_MEM;
    type->contents->integer[0] = count;
    for (int i = 0; i < count; i++) {
        type->contents->integer[1 + i] = lengths[i];
        type->contents->address[i] = displacements[i];
        type->contents->datatype[i] = types[i];
        error = type_append(type, &bounds, displacements[i], 1, 0, (size_t)lengths[i], types[i]);
        if (error)
            return type_fail(type, error);
    }
    type_finish(type, &bounds);
    *made = type;
    return 0;
}

int datatype_resized(struct datatype *old, ptrdiff_t lb, ptrdiff_t extent, struct datatype **made)
{
    struct bounds bounds = {0};
    struct datatype *type = type_create(COMBINER_RESIZED, 0, 2, 1, 1);
    ptrdiff_t upper;
    int error;

    if (!type)
        return ERR_NO_MEM;
    type->contents->address[0] = lb;
    type->contents->address[1] = extent;
    type->contents->datatype[0] = old;
    error = __builtin_add_overflow(lb, extent, &upper)
                ? ERR_ARG
                : type_append(type, &bounds, 0, 1, 0, 1, old);
    if (error)
        return type_fail(type, error);
    bounds = (struct bounds){
        .any = true, .lower_set = true, .upper_set = true, .lower = lb, .upper = upper};
    type_finish(type, &bounds);
    *made = type;
    return 0;
}

int datatype_dup(struct datatype *old, struct datatype **made)
{
    struct bounds bounds = {0};
    struct datatype *type = type_create(COMBINER_DUP, 0, 0, 1, 1);
    int error;

    if (!type)
        return ERR_NO_MEM;
    type->contents->datatype[0] = old;
    error = type_append(type, &bounds, 0, 1, 0, 1, old);
    if (error)
        return type_fail(type, error);
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
