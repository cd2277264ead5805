/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype.c: the predefined types, and what is left of a type when its last user is gone.
 */
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "mpi-shim/core/core.h"
#include "mpi-shim/core/datatype_layout.h"

/* Alignment and lengths as the C compiler has them: a pair is a struct of a value and an index. */
#define ONE(element, type) [ELEMENT_##element] = {sizeof(type), 0, 0, sizeof(type), _Alignof(type)}
#define TWO(element, first, second)                                                                \
    [ELEMENT_##element] = {sizeof(first),                                                          \
                           offsetof(                                                               \
                               struct {                                                            \
                                   first a;                                                        \
                                   second b;                                                       \
                               },                                                                  \
                               b),                                                                 \
                           sizeof(second), sizeof(struct {                                         \
                               first a;                                                            \
                               second b;                                                           \
                           }),                                                                     \
                           _Alignof(struct {                                                       \
                               first a;                                                            \
                               second b;                                                           \
                           })}

static const struct shape {
    size_t first;         /* bytes of the only, or first, value */
    size_t second_offset; /* of a pair */
    size_t second;        /* 0: not a pair */
    size_t extent;
    uint16_t align;
} shapes[ELEMENTS] = {
    [ELEMENT_NONE] = {.align = 1},
    ONE(BYTE, unsigned char),
    ONE(PACKED, unsigned char),
    ONE(WCHAR, wchar_t),
    ONE(INT8, int8_t),
    ONE(INT16, int16_t),
    ONE(INT32, int32_t),
    ONE(INT64, int64_t),
    ONE(UINT8, uint8_t),
    ONE(UINT16, uint16_t),
    ONE(UINT32, uint32_t),
    ONE(UINT64, uint64_t),
    ONE(LOGICAL1, int8_t),
    ONE(LOGICAL2, int16_t),
    ONE(LOGICAL4, int32_t),
    ONE(LOGICAL8, int64_t),
    ONE(FLOAT, float),
    ONE(DOUBLE, double),
    ONE(LONG_DOUBLE, long double),
    ONE(QUAD, __float128),
    ONE(COMPLEX, float _Complex),
    ONE(DOUBLE_COMPLEX, double _Complex),
    ONE(LONG_DOUBLE_COMPLEX, long double _Complex),
    ONE(QUAD_COMPLEX, quad_complex),
    TWO(SHORT_INT, short, int),
    TWO(INT_INT, int, int),
    TWO(LONG_INT, long, int),
    TWO(FLOAT_INT, float, int),
    TWO(DOUBLE_INT, double, int),
    TWO(LONG_DOUBLE_INT, long double, int),
    TWO(FLOAT_FLOAT, float, float),
    TWO(DOUBLE_DOUBLE, double, double),
    TWO(COMPLEX_COMPLEX, float _Complex, float _Complex),
    TWO(DOUBLE_COMPLEX_DOUBLE_COMPLEX, double _Complex, double _Complex),
};

/* The layouts of the predefined types, of at most two parts, live as long as the library. */
static union {
    struct layout layout;
    char room[sizeof(struct layout) + 2 * sizeof(struct part)];
} layouts[ELEMENTS];

static const struct layout bytes_layout = {
    .size = 1, .high = 1, .parts = 1, .part = {{.count = 1, .stride = 1, .block = 1}}};

struct datatype datatype_bytes = {
    .magic = DATATYPE_MAGIC,
    .dense = true,
    .committed = true,
    .predefined = true,
    .basic = ELEMENT_BYTE,
    .size = 1,
    .extent = 1,
    .true_extent = 1,
    .layout = (struct layout *)&bytes_layout,
    .align = 1,
    .name = "MPI_BYTE",
};

static struct layout *shape_layout(enum element element)
{
    const struct shape *shape = &shapes[element];
    struct layout *layout = &layouts[element].layout;
    struct part *part = layout->part;
    bool gap = shape->second > 0 && shape->second_offset != shape->first;

    *layout = (struct layout){.size = shape->first + shape->second};
    if (layout->size == 0)
        return layout;
    part[0] = (struct part){.count = 1, .block = gap ? shape->first : layout->size};
    part[1] = (struct part){.offset = (ptrdiff_t)shape->second_offset,
                            .start = shape->first,
                            .count = 1,
                            .block = shape->second};
    layout->parts = gap ? 2 : 1;
    layout->high = (ptrdiff_t)(gap ? shape->second_offset + shape->second : layout->size);
    return layout;
}

void datatype_predefine(struct datatype *type, enum element element, const char *name)
{
    struct layout *layout = shape_layout(element);
    size_t extent = shapes[element].extent;

    memset(type, 0, sizeof(*type));
    type->committed = true;
    type->predefined = true;
    type->basic = element;
    type->size = layout->size;
    type->extent = (ptrdiff_t)extent;
    type->true_extent = layout->high;
    type->dense = layout_is_run(layout) && layout->size == extent;
    type->combiner = COMBINER_NAMED;
    type->layout = layout;
    type->align = shapes[element].align;
    strncpy(type->name, name, sizeof(type->name) - 1);
    type->magic = DATATYPE_MAGIC;
}

void datatype_destroy(struct datatype *type)
{
    struct datatype_contents *contents = type->contents;

    type->magic = FREED_MAGIC;
    for (int i = 0; i < contents->datatypes; i++)
        datatype_release(contents->datatype[i]);
    free(contents->inner);
    free(contents);
    free(type->layout);
    free(type);
}

/* ---- elements ------------------------------------------------------------------------------------ */

/* Every constructor but struct has one part: all its elements. */
const struct datatype *datatype_part(const struct datatype *type, int n, size_t *length)
{
    const struct datatype_contents *contents = type->contents;

    if (type->combiner == COMBINER_STRUCT || type->combiner == COMBINER_STRUCT_INTEGER) {
        if (n >= contents->datatypes)
            return NULL;
        *length = (size_t)contents->integer[n + 1];
        return contents->datatype[n];
    }
    if (n > 0 || contents->datatype[0]->size == 0)
        return NULL;
    *length = type->size / contents->datatype[0]->size;
    return contents->datatype[0];
}

int64_t datatype_whole(const struct datatype *type)
{
    if (!datatype_is_elementary(type))
        return type->elements;
    return type->size == 0 ? 0 : shapes[type->basic].second > 0 ? 2 : 1;
}

/* In less than one element of `type`. */
static int64_t partial_elements(const struct datatype *type, size_t bytes)
{
    const struct datatype *part;
    int64_t elements = 0;
    size_t length;

    if (bytes == 0)
        return 0;
    if (datatype_is_elementary(type))
        return shapes[type->basic].second > 0 && bytes == shapes[type->basic].first ? 1 : -1;
    for (int n = 0; (part = datatype_part(type, n, &length)); n++) {
        if (part->size == 0)
            continue;
        if (bytes < length * part->size) {
            int64_t rest = partial_elements(part, bytes % part->size);

            if (rest < 0)
                return -1;
            return elements + (int64_t)(bytes / part->size) * datatype_whole(part) + rest;
        }
        elements += (int64_t)length * datatype_whole(part);
        bytes -= length * part->size;
    }
    return elements;
}

int64_t datatype_elements(const struct datatype *type, size_t bytes)
{
    int64_t rest;

    if (type->size == 0)
        return 0;
    rest = partial_elements(type, bytes % type->size);
    if (rest < 0)
        return -1;
    return (int64_t)(bytes / type->size) * datatype_whole(type) + rest;
}

static size_t partial_bytes(const struct datatype *type, uint64_t elements)
{
    const struct datatype *part;
    size_t bytes = 0, length;

    if (elements == 0)
        return 0;
    if (datatype_is_elementary(type))
        return shapes[type->basic].first;
    for (int n = 0; (part = datatype_part(type, n, &length)); n++) {
        uint64_t each = (uint64_t)datatype_whole(part);

        if (each == 0)
            continue;
        if (elements < length * each)
            return bytes + elements / each * part->size + partial_bytes(part, elements % each);
        elements -= length * each;
        bytes += length * part->size;
    }
    return bytes;
}

size_t datatype_bytes_of_elements(const struct datatype *type, uint64_t elements)
{
    uint64_t each = (uint64_t)datatype_whole(type);

    if (each == 0)
        return 0;
    return elements / each * type->size + partial_bytes(type, elements % each);
}
