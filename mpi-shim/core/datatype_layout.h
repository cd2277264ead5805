/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype_layout.h: where a datatype's bytes are. Private to datatype*.c.
 */
#ifndef CORE_DATATYPE_LAYOUT_H
#define CORE_DATATYPE_LAYOUT_H

#include "mpi-shim/core/datatype.h"

/* `count` blocks, each `stride` bytes after the one before. */
struct part {
    ptrdiff_t offset; /* of the first block, from the element's address */
    size_t start;     /* packed bytes of the element that come before this part */
    size_t count;
    ptrdiff_t stride;
    size_t block;               /* packed bytes of one block */
    const struct layout *inner; /* what a block looks like; NULL: `block` bytes in a row */
};

/* A part of one block without inner layout, where all are: a third of the size, which counts in a list of short blocks. */
struct run {
    ptrdiff_t offset;
    size_t start; /* packed bytes before it; the one behind the last has the size of all */
};

/* One element: its parts in the order of packing, none of them empty. */
struct layout {
    size_t size;         /* packed bytes */
    ptrdiff_t low, high; /* the first byte, and the one after the last */
    size_t parts;
    bool runs; /* in place of parts: layout_run */
    struct part part[];
};

static inline struct run *layout_run(const struct layout *layout)
{
    return (struct run *)(void *)layout->part;
}

/* A layout for `room` parts. NULL without memory. */
struct layout *layout_create(size_t room);

/* Append `count` blocks, `stride` apart, of `length` consecutive elements of `type`, the first at `offset`. Blocks
 * that touch become one. *inner takes a layout that had to be made, which the caller owns. False without memory. */
bool layout_append(struct layout *layout, ptrdiff_t offset, size_t count, ptrdiff_t stride,
                   size_t length, const struct datatype *type, struct layout **inner);

/* Nothing more will be appended: give back room that is not needed, and make runs of many parts where that can be. */
struct layout *layout_finish(struct layout *layout);

/* One run of `layout->size` bytes (or none). */
static inline bool layout_is_run(const struct layout *layout)
{
    return layout->parts == 0 || (layout->parts == 1 && !layout->runs &&
                                  layout->part[0].count == 1 && !layout->part[0].inner);
}

/* Not made of others: a predefined type, whatever its combiner. */
static inline bool datatype_is_elementary(const struct datatype *type)
{
    return type->predefined;
}

/* Visit the parts of a derived type in the order of packing: the n-th is `*length` elements of a type. NULL at the
 * end. */
const struct datatype *datatype_part(const struct datatype *type, int n, size_t *length);

/* Elementary types in one element of `type`, and bytes of it in external32 (datatype_external.c). */
int64_t datatype_whole(const struct datatype *type);
size_t datatype_external_one(const struct datatype *type);

/* *product = count * bytes. 0, or ERR_ARG: it is further away than an address can be. (datatype_make.c) */
int distance_multiply(ptrdiff_t count, ptrdiff_t bytes, ptrdiff_t *product);

/* A record of so many, to be filled in. NULL without memory. (datatype_make.c) */
struct datatype_contents *contents_create(int integers, int addresses, int datatypes);

#endif
