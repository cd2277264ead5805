/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype_layout.c: building the tree of strided blocks that a datatype is.
 *
 * A vector of a million doubles is one part; an indexed type has a part for each of its blocks that do not touch; a
 * vector of structs refers to the struct's layout. What is simple stays flat, because packing is a loop over it. A long list of
 * single blocks is made shorter at the end: it is read from memory at each packing, beside the data.
 */
#include <stdlib.h>

#include "mpi-shim/core/datatype_layout.h"

struct layout *layout_create(size_t room)
{
    struct layout *layout = malloc(sizeof(*layout) + room * sizeof(layout->part[0]));

    if (layout)
        *layout = (struct layout){.size = 0};
    return layout;
}

static void part_append(struct layout *layout, struct part part)
{
    struct part *last = layout->parts > 0 ? &layout->part[layout->parts - 1] : NULL;
    ptrdiff_t reach = (ptrdiff_t)(part.count - 1) * part.stride;
    ptrdiff_t low = part.offset + (reach < 0 ? reach : 0) + (part.inner ? part.inner->low : 0);
    ptrdiff_t high = part.offset + (reach > 0 ? reach : 0) +
                     (part.inner ? part.inner->high : (ptrdiff_t)part.block);

    if (!last || low < layout->low)
        layout->low = low;
    if (!last || high > layout->high)
        layout->high = high;

    if (!part.inner && part.count > 1 && part.stride == (ptrdiff_t)part.block) {
        part.block *= part.count;
        part.count = 1;
    }
    part.start = layout->size;
    layout->size += part.count * part.block;
    if (last && !last->inner && !part.inner && last->count == 1 && part.count == 1 &&
        last->offset + (ptrdiff_t)last->block == part.offset) {
        last->block += part.block;
        return;
    }
    layout->part[layout->parts++] = part;
}

bool layout_append(struct layout *layout, ptrdiff_t offset, size_t count, ptrdiff_t stride,
                   size_t length, const struct datatype *type, struct layout **inner)
{
    const struct layout *old = type->layout;

    if (count == 0 || length == 0 || type->size == 0)
        return true;
    if (type->dense || (length == 1 && layout_is_run(old))) {
        part_append(layout, (struct part){.offset = offset + type->true_lb,
                                          .count = count,
                                          .stride = stride,
                                          .block = length * type->size});
        return true;
    }
    /* One level of repetition: elements one extent apart are blocks too. */
    if (count == 1) {
        count = length;
        stride = type->extent;
        length = 1;
    }
    if (length == 1 && layout_is_run(old)) {
        part_append(layout, (struct part){.offset = offset + type->true_lb,
                                          .count = count,
                                          .stride = stride,
                                          .block = type->size});
        return true;
    }
    if (length == 1 && count == 1 && old->parts == 1) {
        struct part part = old->part[0];

        part.offset += offset;
        part_append(layout, part);
        return true;
    }
    if (length == 1) {
        part_append(layout, (struct part){.offset = offset,
                                          .count = count,
                                          .stride = stride,
                                          .block = type->size,
                                          .inner = old});
        return true;
    }
    /* Two levels: blocks of several elements with gaps. All blocks of such a constructor are alike (layout_append is
     * called once), or the caller passes them one by one with a count of 1. */
    *inner = layout_create(1);
    if (!*inner || !layout_append(*inner, 0, 1, 0, length, type, NULL))
        return false;
    part_append(layout, (struct part){.offset = offset,
                                      .count = count,
                                      .stride = stride,
                                      .block = (*inner)->size,
                                      .inner = *inner});
    return true;
}

struct layout *layout_finish(struct layout *layout)
{
    enum { MANY = 4 };
    bool runs = layout->parts >= MANY;
    size_t bytes = layout->parts * sizeof(struct part);
    struct layout *fitted;

    for (size_t i = 0; i < layout->parts && runs; i++)
        runs = layout->part[i].count == 1 && !layout->part[i].inner;
    if (runs) {
        /* In place: a run is written where a part was read before. */
        for (size_t i = 0; i < layout->parts; i++) {
            struct part part = layout->part[i];

            layout_run(layout)[i] = (struct run){.offset = part.offset, .start = part.start};
        }
        layout_run(layout)[layout->parts] = (struct run){.start = layout->size};
        layout->runs = true;
        bytes = (layout->parts + 1) * sizeof(struct run);
    }
    fitted = realloc(layout, sizeof(*layout) + bytes);
    return fitted ? fitted : layout;
}
