/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/blocks.h: blocks of a buffer, as the operations describe them.
 */
#ifndef COLL_BLOCKS_H
#define COLL_BLOCKS_H

#include "mpi-shim/core/core.h"

/* How the blocks of a buffer lie, one for each process or neighbour. */
struct blocks {
    char *base;
    size_t count;                  /* of each, one behind the other; or */
    const int *counts;             /* of block i, which begins */
    const int *displacements;      /* so many extents behind `base`; with `types`, bytes */
    const ptrdiff_t *addresses;    /* or so many bytes */
    struct datatype *type;         /* of all, or */
    struct datatype *const *types; /* of block i */
    bool one;                      /* there is one, which everyone gets */
};

static inline struct blocks blocks_equal(const void *base, size_t count, struct datatype *type)
{
    return (struct blocks){.base = (char *)(uintptr_t)base, .count = count, .type = type};
}

static inline struct blocks blocks_placed(const void *base, const int *counts,
                                          const int *displacements, struct datatype *type)
{
    return (struct blocks){.base = (char *)(uintptr_t)base,
                           .counts = counts,
                           .displacements = displacements,
                           .type = type};
}

static inline struct blocks blocks_typed(const void *base, const int *counts,
                                         const int *displacements, struct datatype *const *types)
{
    return (struct blocks){.base = (char *)(uintptr_t)base,
                           .counts = counts,
                           .displacements = displacements,
                           .types = types};
}

static inline struct blocks blocks_addressed(const void *base, const int *counts,
                                             const ptrdiff_t *addresses,
                                             struct datatype *const *types)
{
    return (struct blocks){
        .base = (char *)(uintptr_t)base, .counts = counts, .addresses = addresses, .types = types};
}

/* One of them. */
struct block {
    char *at;
    size_t count;
    struct datatype *type;
};

static inline struct block block_at(const void *at, size_t count, struct datatype *type)
{
    return (struct block){(char *)(uintptr_t)at, count, type};
}

static inline struct block block_of(const struct blocks *blocks, int i)
{
    struct block block = {.at = blocks->base,
                          .count = blocks->counts ? (size_t)blocks->counts[i] : blocks->count,
                          .type = blocks->types ? blocks->types[i] : blocks->type};

    if (blocks->one)
        return block;
    if (blocks->addresses)
        block.at += blocks->addresses[i];
    else if (blocks->types)
        block.at += blocks->displacements[i];
    else if (blocks->displacements)
        block.at += blocks->displacements[i] * block.type->extent;
    else
        block.at += (ptrdiff_t)block.count * i * block.type->extent;
    return block;
}

#endif
