/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype_array.c: parts of arrays, rectangular or distributed (MPI 3.1 sections 4.1.3 and 4.1.4).
 *
 * Such a type is built from the others, dimension by dimension from the fastest one outwards: each step repeats what was
 * there along one dimension. At last it gets the bounds of the whole array, and is told as what was asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/core.h"
#include "mpi-shim/core/datatype_layout.h"

/* The type so far, which the array owns, and where its dimensions are. */
struct array {
    struct datatype *type;
    ptrdiff_t stride; /* from one element to the next in the dimension that comes next */
    ptrdiff_t offset; /* of the first element, in the whole array */
};

/* Put `next`, the outcome of a constructor over the type so far, in its place. */
static int array_replace(struct array *array, int error, struct datatype *next)
{
    if (error)
        return error;
    datatype_release(array->type);
    array->type = next;
    return 0;
}

/* `count` of what there is along a dimension. */
static int array_repeat(struct array *array, int count, ptrdiff_t stride)
{
    struct datatype *next = NULL;
    int error = datatype_hvector(count, 1, stride, array->type, &next);

    return array_replace(array, error, next);
}

/* So many elements of a dimension, in bytes. */
static int array_away(const struct array *array, ptrdiff_t elements, ptrdiff_t *bytes)
{
    if (distance_multiply(elements, array->stride, bytes))
        return error_note(ERR_ARG, "the array would have more bytes than there are addresses");
    return 0;
}

/* Go on to the next dimension: of `size` elements, of which ours begin at `first`. */
static int array_next(struct array *array, ptrdiff_t first, int size)
{
    ptrdiff_t offset;
    int error = array_away(array, first, &offset);

    if (error)
        return error;
    array->offset += offset;
    return array_away(array, size, &array->stride);
}

/* Blocks of `block`, one of every `processes`, as far as `size` goes, for the process at `place`. */
static int array_deal(struct array *array, int size, int block, int processes, int place)
{
    int blocks = (size - 1) / block + 1;
    int mine = blocks / processes + (place < blocks % processes);
    int rest = (blocks - 1) % processes == place ? size % block : 0;
    ptrdiff_t displacements[2] = {0, 0};
    struct datatype *types[2] = {NULL, NULL}, *next = NULL;
    ptrdiff_t round;
    int lengths[2] = {1, 1};
    int whole = rest > 0 ? mine - 1 : mine;
    int error = array_away(array, (ptrdiff_t)block * processes, &round);

    if (!error)
        error = datatype_hvector(rest, 1, array->stride, array->type, &types[1]);
    if (!error)
        error = array_repeat(array, block, array->stride);
    if (!error)
        error = datatype_hvector(whole, 1, round, array->type, &types[0]);
    if (!error)
        error = distance_multiply(whole, round, &displacements[1]);
    if (!error)
        error = datatype_struct(2, lengths, displacements, types, &next);
    if (types[0])
        datatype_release(types[0]);
    if (types[1])
        datatype_release(types[1]);
    return array_replace(array, error, next);
}

/* Place the part in the whole of `extent` bytes, and tell it as made from `old` by `combiner` with these integers. */
static int array_finish(struct array *array, ptrdiff_t extent, int combiner, int integers,
                        const int *integer, struct datatype *old, struct datatype **made)
{
    struct datatype_contents *contents = contents_create(integers, 0, 2);
    struct datatype *next = NULL;
    int error = contents ? 0 : error_note(ERR_NO_MEM, "no memory for a datatype");

    if (!error) {
        error = datatype_hindexed_block(1, 1, &array->offset, array->type, &next);
        error = array_replace(array, error, next);
    }
    if (!error)
        error = datatype_resized(array->type, 0, extent, made);
    if (error) {
        free(contents);
        return error;
    }
    memcpy(contents->integer, integer, (size_t)integers * sizeof(*integer));
    datatype_retain(old);
    contents->datatype[0] = old;
    contents->datatype[1] = (*made)->contents->datatype[0]; /* with its reference */
    contents->hidden = 1;
    contents->inner = (*made)->contents->inner;
    free((*made)->contents);
    (*made)->contents = contents;
    (*made)->combiner = combiner;
    return 0;
}

int datatype_subarray(int dimensions, const int *sizes, const int *subsizes, const int *starts,
                      int order, struct datatype *old, struct datatype **made)
{
    struct array array = {.type = old, .stride = old->extent};
    int integers = 3 * dimensions + 2;
    int *integer = calloc((size_t)integers, sizeof(*integer));
    int error = integer ? 0 : error_note(ERR_NO_MEM, "no memory for a datatype");

    datatype_retain(old);
    for (int i = 0; i < dimensions && !error; i++) {
        int d = order == ORDER_C ? dimensions - 1 - i : i;

        error = array_repeat(&array, subsizes[d], array.stride);
        if (!error)
            error = array_next(&array, starts[d], sizes[d]);
        integer[1 + d] = sizes[d];
        integer[1 + dimensions + d] = subsizes[d];
        integer[1 + 2 * dimensions + d] = starts[d];
    }
    if (!error) {
        integer[0] = dimensions;
        integer[integers - 1] = order;
        error = array_finish(&array, array.stride, COMBINER_SUBARRAY, integers, integer, old, made);
    }
    datatype_release(array.type);
    free(integer);
    return error;
}

/* One dimension of a distributed array, for the process at `place` of `processes`. */
static int array_distribute(struct array *array, int size, int distribution, int argument,
                            int processes, int place)
{
    ptrdiff_t first; /* of our elements; beyond `size`, and maybe an int, where there are none */
    int error;

    if (distribution == DISTRIBUTE_CYCLIC) {
        int block = argument == DISTRIBUTE_DEFAULT ? 1 : argument;

        error = array_deal(array, size, block, processes, place);
        first = (ptrdiff_t)place * block;
    } else {
        int block = argument == DISTRIBUTE_DEFAULT ? (size - 1) / processes + 1 : argument;

        if (distribution == DISTRIBUTE_NONE) {
            block = size;
            place = 0;
        }
        first = (ptrdiff_t)block * place;
        if (first >= size)
            block = 0;
        else if (size - first < block)
            block = (int)(size - first);
        error = array_repeat(array, block, array->stride);
    }
    return error ? error : array_next(array, first < size ? first : 0, size);
}

int datatype_darray(int size, int rank, int dimensions, const int *sizes, const int *distributions,
                    const int *arguments, const int *grid, int order, struct datatype *old,
                    struct datatype **made)
{
    struct array array = {.type = old, .stride = old->extent};
    int integers = 4 * dimensions + 4;
    int *integer = calloc((size_t)integers + (size_t)dimensions, sizeof(*integer));
    int *place = integer ? integer + integers : NULL; /* of this process in the grid, row by row */
    int error = integer ? 0 : error_note(ERR_NO_MEM, "no memory for a datatype");

    datatype_retain(old);
    for (int d = dimensions - 1, left = rank; d >= 0 && !error; d--) {
        place[d] = left % grid[d];
        left /= grid[d];
    }
    for (int i = 0; i < dimensions && !error; i++) {
        int d = order == ORDER_C ? dimensions - 1 - i : i;

        error = array_distribute(&array, sizes[d], distributions[d], arguments[d], grid[d],
                                 place[d]);
        integer[3 + d] = sizes[d];
        integer[3 + dimensions + d] = distributions[d];
        integer[3 + 2 * dimensions + d] = arguments[d];
        integer[3 + 3 * dimensions + d] = grid[d];
    }
    if (!error) {
        integer[0] = size;
        integer[1] = rank;
        integer[2] = dimensions;
        integer[integers - 1] = order;
        error = array_finish(&array, array.stride, COMBINER_DARRAY, integers, integer, old, made);
    }
    datatype_release(array.type);
    free(integer);
    return error;
}
