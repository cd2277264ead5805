/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype_copy.c: packing and unpacking. Hot for data with gaps.
 *
 * A piece of the packed form is found by its offset: a division finds the block of a part, a bisection the part of an
 * element. What follows is a loop of copies.
 */
#include <string.h>

#include "mpi-shim/core/datatype_layout.h"

enum direction { PACK, UNPACK };

/* `place` is in the user's buffer. Returns where the packed form goes on. */
static inline char *copy(enum direction direction, char *place, char *packed, size_t length)
{
    if (direction == PACK)
        memcpy(packed, place, length);
    else
        memcpy(place, packed, length);
    return packed + length;
}

#define COPY_BLOCKS(length)                                                                        \
    for (; count > 0; count--, place += stride)                                                    \
    packed = copy(direction, place, packed, length)

/* Whole blocks of bytes; the usual sizes get loops of single moves. */
static inline char *copy_blocks(enum direction direction, char *place, char *packed, size_t count,
                                ptrdiff_t stride, size_t block)
{
    switch (block) {
    case 1:
        COPY_BLOCKS(1);
        break;
    case 2:
        COPY_BLOCKS(2);
        break;
    case 4:
        COPY_BLOCKS(4);
        break;
    case 8:
        COPY_BLOCKS(8);
        break;
    case 12:
        COPY_BLOCKS(12);
        break;
    case 16:
        COPY_BLOCKS(16);
        break;
    case 24:
        COPY_BLOCKS(24);
        break;
    case 32:
        COPY_BLOCKS(32);
        break;
    case 40:
        COPY_BLOCKS(40);
        break;
    case 48:
        COPY_BLOCKS(48);
        break;
    case 56:
        COPY_BLOCKS(56);
        break;
    case 64:
        COPY_BLOCKS(64);
        break;
    default:
        COPY_BLOCKS(block);
    }
    return packed;
}

/* A short run, by moves that may overlap but stay within it: gaps of the user's buffer are not touched. */
static inline char *copy_run(enum direction direction, char *place, char *packed, size_t length)
{
    struct two {
        char bytes[16];
    } first, second, third, last;
    char *to = direction == PACK ? packed : place;
    const char *from = direction == PACK ? place : packed;

    if (length - 8 <= 8) {
        uint64_t low, high;

        memcpy(&low, from, 8);
        memcpy(&high, from + length - 8, 8);
        memcpy(to, &low, 8);
        memcpy(to + length - 8, &high, 8);
    } else if (length - 16 <= 16) {
        memcpy(&first, from, 16);
        memcpy(&last, from + length - 16, 16);
        memcpy(to, &first, 16);
        memcpy(to + length - 16, &last, 16);
    } else if (length - 32 <= 32) {
        memcpy(&first, from, 16);
        memcpy(&second, from + 16, 16);
        memcpy(&third, from + length - 32, 16);
        memcpy(&last, from + length - 16, 16);
        memcpy(to, &first, 16);
        memcpy(to + 16, &second, 16);
        memcpy(to + length - 32, &third, 16);
        memcpy(to + length - 16, &last, 16);
    } else {
        memcpy(to, from, length);
    }
    return packed + length;
}

/* The run that holds byte `offset` of an element. */
static const struct run *run_at(const struct layout *layout, size_t offset)
{
    size_t low = 0, high = layout->parts;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (layout_run(layout)[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return &layout_run(layout)[low];
}

/* Bytes `from` .. `to` - 1 of an element of runs, `from` < `to`. */
static char *copy_runs(enum direction direction, const struct layout *layout, char *element,
                       char *packed, size_t from, size_t to)
{
    const struct run *run = from == 0 ? layout_run(layout) : run_at(layout, from);

    if (from > run->start) {
        size_t end = run[1].start < to ? run[1].start : to;

        packed = copy(direction, element + run->offset + (from - run->start), packed, end - from);
        run++;
    }
    for (; run->start < to && run[1].start <= to; run++)
        packed = copy_run(direction, element + run->offset, packed, run[1].start - run->start);
    if (run->start < to)
        packed = copy(direction, element + run->offset, packed, to - run->start);
    return packed;
}

/* All of one element. */
static char *copy_whole(enum direction direction, const struct layout *layout, char *element,
                        char *packed)
{
    const struct part *end = layout->part + layout->parts;

    if (layout->runs)
        return copy_runs(direction, layout, element, packed, 0, layout->size);
    for (const struct part *part = layout->part; part < end; part++) {
        char *place = element + part->offset;

        if (!part->inner) {
            packed = copy_blocks(direction, place, packed, part->count, part->stride, part->block);
            continue;
        }
        for (size_t i = 0; i < part->count; i++, place += part->stride)
            packed = copy_whole(direction, part->inner, place, packed);
    }
    return packed;
}

static char *copy_element(enum direction direction, const struct layout *layout, char *element,
                          char *packed, size_t from, size_t to);

/* Bytes `from` .. `to` - 1 of one block. */
static inline char *copy_block(enum direction direction, const struct part *part, char *block,
                               char *packed, size_t from, size_t to)
{
    if (part->inner)
        return copy_element(direction, part->inner, block, packed, from, to);
    return copy(direction, block + from, packed, to - from);
}

/* Bytes `from` .. `to` - 1 of one part, `from` < `to`. */
static inline char *copy_part(enum direction direction, const struct part *part, char *element,
                              char *packed, size_t from, size_t to)
{
    char *place = element + part->offset;
    size_t first = 0;

    if (part->count > 1) {
        first = from / part->block;
        place += (ptrdiff_t)first * part->stride;
        from -= first * part->block;
        to -= first * part->block;
    }
    if (from > 0) {
        size_t end = to < part->block ? to : part->block;

        packed = copy_block(direction, part, place, packed, from, end);
        place += part->stride;
        to -= end;
    }
    if (part->inner) {
        for (; to >= part->block; to -= part->block, place += part->stride)
            packed = copy_whole(direction, part->inner, place, packed);
    } else if (to >= part->block) {
        size_t whole = part->count == 1 ? 1 : to / part->block;

        packed = copy_blocks(direction, place, packed, whole, part->stride, part->block);
        place += (ptrdiff_t)whole * part->stride;
        to -= whole * part->block;
    }
    if (to > 0)
        packed = copy_block(direction, part, place, packed, 0, to);
    return packed;
}

/* The part that holds byte `offset` of an element. */
static const struct part *part_at(const struct layout *layout, size_t offset)
{
    size_t low = 0, high = layout->parts;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (layout->part[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return &layout->part[low];
}

/* Bytes `from` .. `to` - 1 of one element, `from` < `to`. */
static char *copy_element(enum direction direction, const struct layout *layout, char *element,
                          char *packed, size_t from, size_t to)
{
    const struct part *part;

    if (layout->runs)
        return copy_runs(direction, layout, element, packed, from, to);
    part = from == 0 ? layout->part : part_at(layout, from);
    while (from < to) {
        size_t end = part->start + part->count * part->block;

        if (end > to)
            end = to;
        packed = copy_part(direction, part, element, packed, from - part->start, end - part->start);
        from = end;
        part++;
    }
    return packed;
}

/* `count` elements are one part too, in which each element is a block. */
static struct part elements_of(const struct datatype *type, size_t count)
{
    bool run = layout_is_run(type->layout);

    return (struct part){.offset = run ? type->true_lb : 0,
                         .count = count,
                         .stride = type->extent,
                         .block = type->size,
                         .inner = run ? NULL : type->layout};
}

static void copy_elements(enum direction direction, const struct datatype *type, char *buffer,
                          size_t count, char *packed, size_t from, size_t length)
{
    struct part part = elements_of(type, count);

    if (length == 0)
        return;
    copy_part(direction, &part, buffer, packed, from, from + length);
}

void datatype_pack(const struct datatype *type, const void *buffer, size_t count, size_t offset,
                   void *packed, size_t length)
{
    if (type->dense)
        memcpy(packed, (const char *)buffer + type->true_lb + offset, length);
    else
        copy_elements(PACK, type, (char *)buffer, count, packed, offset, length);
}

void datatype_unpack(const struct datatype *type, void *buffer, size_t count, size_t offset,
                     const void *packed, size_t length)
{
    if (type->dense)
        memcpy((char *)buffer + type->true_lb + offset, packed, length);
    else
        copy_elements(UNPACK, type, buffer, count, (char *)packed, offset, length);
}

void *datatype_run(const struct datatype *type, void *buffer, size_t count, size_t offset,
                   size_t *length)
{
    struct part elements = elements_of(type, count);
    const struct part *part = &elements;
    char *place = buffer;

    while (true) {
        const struct layout *layout = part->inner;
        size_t block = offset / part->block;

        place += part->offset + (ptrdiff_t)block * part->stride;
        offset -= block * part->block;
        if (!layout) {
            *length = part->block - offset;
            return place + offset;
        }
        if (layout->runs) {
            const struct run *run = run_at(layout, offset);

            *length = run[1].start - offset;
            return place + run->offset + (offset - run->start);
        }
        part = part_at(layout, offset);
        offset -= part->start;
    }
}

/* Through a small packed form: gaps of the target must not be touched. */
void datatype_copy(const struct datatype *type, void *to, const void *from, size_t count)
{
    char piece[4096];
    size_t total = count * type->size;

    if (type->dense) {
        memcpy((char *)to + type->true_lb, (const char *)from + type->true_lb, total);
        return;
    }
    for (size_t offset = 0; offset < total; offset += sizeof(piece)) {
        size_t length = total - offset < sizeof(piece) ? total - offset : sizeof(piece);

        datatype_pack(type, from, count, offset, piece, length);
        datatype_unpack(type, to, count, offset, piece, length);
    }
}
