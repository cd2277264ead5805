/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype_external.c: "external32": big-endian, IEEE, of the sizes of MPI 3.1 section 13.5.2.
 *
 * Integers that are shorter there lose their high bytes, and are extended with their sign on the way back. A long double
 * is a quad there; this machine's has 80 bits, so that nothing is lost but what came from a machine with real quads.
 */
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/datatype_layout.h"
#include "mpi-shim/core/memory.h"

enum kind { KIND_BYTES, KIND_SIGNED, KIND_UNSIGNED, KIND_LONG_DOUBLE };

/* `count` values in a row. */
struct values {
    enum kind kind;
    uint8_t native; /* bytes of one, here */
    uint8_t external;
    uint8_t count;
};

#define ONE(element, kind, native, external, count)                                                \
    [ELEMENT_##element] = {{KIND_##kind, native, external, count}}
#define PAIR(element, kind, native, external)                                                      \
    [ELEMENT_##element] = {{KIND_##kind, native, external, 1}, {KIND_SIGNED, 4, 4, 1}}

/* KIND_UNSIGNED also for floating-point numbers of one size, which are only turned round. */
static const struct values forms[ELEMENTS][2] = {
    ONE(BYTE, BYTES, 1, 1, 1),
    ONE(PACKED, BYTES, 1, 1, 1),
    ONE(WCHAR, UNSIGNED, 4, 2, 1),
    ONE(INT8, SIGNED, 1, 1, 1),
    ONE(INT16, SIGNED, 2, 2, 1),
    ONE(INT32, SIGNED, 4, 4, 1),
    ONE(INT64, SIGNED, 8, 8, 1),
    ONE(UINT8, UNSIGNED, 1, 1, 1),
    ONE(UINT16, UNSIGNED, 2, 2, 1),
    ONE(UINT32, UNSIGNED, 4, 4, 1),
    ONE(UINT64, UNSIGNED, 8, 8, 1),
    ONE(LOGICAL1, SIGNED, 1, 1, 1),
    ONE(LOGICAL2, SIGNED, 2, 2, 1),
    ONE(LOGICAL4, SIGNED, 4, 4, 1),
    ONE(LOGICAL8, SIGNED, 8, 8, 1),
    ONE(FLOAT, UNSIGNED, 4, 4, 1),
    ONE(DOUBLE, UNSIGNED, 8, 8, 1),
    ONE(LONG_DOUBLE, LONG_DOUBLE, 16, 16, 1),
    ONE(QUAD, UNSIGNED, 16, 16, 1),
    ONE(COMPLEX, UNSIGNED, 4, 4, 2),
    ONE(DOUBLE_COMPLEX, UNSIGNED, 8, 8, 2),
    ONE(LONG_DOUBLE_COMPLEX, LONG_DOUBLE, 16, 16, 2),
    ONE(QUAD_COMPLEX, UNSIGNED, 16, 16, 2),
    PAIR(SHORT_INT, SIGNED, 2, 2),
    PAIR(INT_INT, SIGNED, 4, 4),
    PAIR(LONG_INT, SIGNED, 8, 4),
    PAIR(FLOAT_INT, UNSIGNED, 4, 4),
    PAIR(DOUBLE_INT, UNSIGNED, 8, 8),
    PAIR(LONG_DOUBLE_INT, LONG_DOUBLE, 16, 16),
    ONE(FLOAT_FLOAT, UNSIGNED, 4, 4, 2),
    ONE(DOUBLE_DOUBLE, UNSIGNED, 8, 8, 2),
    ONE(COMPLEX_COMPLEX, UNSIGNED, 4, 4, 4),
    ONE(DOUBLE_COMPLEX_DOUBLE_COMPLEX, UNSIGNED, 8, 8, 4),
};

_Static_assert(sizeof(long double) == 16 && sizeof(wchar_t) == 4, "as the table has it");

/* The values of one element; MPI_LONG is an int64_t here and has 4 bytes there. */
static void forms_of(const struct datatype *type, struct values values[2])
{
    memcpy(values, forms[type->basic], sizeof(forms[0]));
    if (type->narrow)
        values[0].external = 4;
}

/* ---- sizes -------------------------------------------------------------------------------------- */

size_t datatype_external_one(const struct datatype *type)
{
    struct values values[2];
    size_t size = 0;

    if (!datatype_is_elementary(type))
        return type->external;
    forms_of(type, values);
    for (int i = 0; i < 2; i++)
        size += (size_t)values[i].external * values[i].count;
    return size;
}

size_t datatype_external_size(const struct datatype *type, size_t count)
{
    return count * datatype_external_one(type);
}

/* ---- values ------------------------------------------------------------------------------------- */

enum direction { OUT, IN };

/* Where both forms have come to: the packed native one, and external32. */
struct cursor {
    enum direction direction;
    char *native;
    char *external;
};

/* Copy so many bytes, the last first. */
static void reverse(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = from[size - 1 - i];
}

static void value_convert(const struct values *values, struct cursor *at)
{
    size_t native = values->native, external = values->external;

    if (values->kind == KIND_BYTES) {
        *(at->direction == OUT ? at->external
                               : at->native) = *(at->direction == OUT ? at->native : at->external);
    } else if (values->kind == KIND_LONG_DOUBLE) {
        long double here;
        __float128 there;

        if (at->direction == OUT) {
            memcpy(&here, at->native, sizeof(here));
            there = here;
            reverse(at->external, (char *)&there, external);
        } else {
            reverse((char *)&there, at->external, external);
            here = (long double)there;
            memset(at->native, 0, native);
            memcpy(at->native, &here, 10);
        }
    } else if (at->direction == OUT) {
        reverse(at->external, at->native, external);
    } else {
        bool negative = values->kind == KIND_SIGNED && (*at->external & 0x80);

        reverse(at->native, at->external, external);
        memset(at->native + external, negative ? 0xff : 0, native - external);
    }
    at->native += native;
    at->external += external;
}

static void convert(const struct datatype *type, size_t count, struct cursor *at)
{
    const struct datatype *part;
    struct values values[2];
    size_t length;

    if (type->size == 0)
        return;
    if (datatype_is_elementary(type)) {
        forms_of(type, values);
        for (size_t i = 0; i < count; i++) {
            for (int j = 0; j < values[0].count; j++)
                value_convert(&values[0], at);
            for (int j = 0; j < values[1].count; j++)
                value_convert(&values[1], at);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        for (int n = 0; (part = datatype_part(type, n, &length)); n++)
            convert(part, length, at);
    }
}

void datatype_pack_external(const struct datatype *type, const void *buffer, size_t count,
                            void *external)
{
    size_t size = count * type->size;
    char *packed = memory_get_raw(size + 1);
    struct cursor at = {OUT, packed, external};

    datatype_pack(type, buffer, count, 0, packed, size);
    convert(type, count, &at);
    free(packed);
}

void datatype_unpack_external(const struct datatype *type, void *buffer, size_t count,
                              const void *external)
{
    size_t size = count * type->size;
    char *packed = memory_get_raw(size + 1);
    struct cursor at = {IN, packed, (char *)(uintptr_t)external};

    convert(type, count, &at);
    datatype_unpack(type, buffer, count, 0, packed, size);
    free(packed);
}
