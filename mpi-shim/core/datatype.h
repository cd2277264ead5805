/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype.h: what a datatype is, and copying through one.
 */
#ifndef CORE_DATATYPE_H
#define CORE_DATATYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATATYPE_MAGIC = 0x44545950 };

struct attributes;

/* The fields of the first cache line are what sending and receiving read. */
struct datatype {
    uint32_t magic;
    bool dense; /* `count` elements are count * size bytes without a gap, from true_lb on */
    bool committed;
    bool predefined; /* never freed, not counted */
    uint8_t basic;   /* which elementary type, for op_reduce (enum basic of the datatype code) */
    size_t size;     /* bytes of data in one element */
    ptrdiff_t extent;
    ptrdiff_t lb;
    ptrdiff_t true_lb;
    ptrdiff_t true_extent;
    int references; /* under core_lock */
    int combiner;
    struct attributes *attributes;
    void *contents; /* how it was made, and its flattened form */
    char name[64];
};

static inline void datatype_retain(struct datatype *type)
{
    if (!type->predefined)
        type->references++;
}

void datatype_destroy(struct datatype *type);

static inline void datatype_release(struct datatype *type)
{
    if (!type->predefined && --type->references == 0)
        datatype_destroy(type);
}

/* Copy bytes `offset` .. `offset + length` - 1 of the packed form of `count` elements at `buffer` out to
 * `packed`, or from there into place. The caller keeps them within count * size. */
void datatype_pack(const struct datatype *type, const void *buffer, size_t count, size_t offset,
                   void *packed, size_t length);
void datatype_unpack(const struct datatype *type, void *buffer, size_t count, size_t offset,
                     const void *packed, size_t length);

/* Copy `count` elements from one place to another, in the type's own layout; the places do not overlap. */
void datatype_copy(const struct datatype *type, void *to, const void *from, size_t count);

/* MPI_BYTE, for data whose type no longer matters. */
extern struct datatype datatype_bytes;

#endif
