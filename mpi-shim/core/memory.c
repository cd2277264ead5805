/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/memory.c: memory of the core, and lists of freed message buffers. Hot: memory_take, memory_return.
 *
 * Sizes are rounded up to a power of two of at least 128 bytes; what is larger than 16 KiB goes to malloc. A list
 * keeps at most 1 MiB, so that a burst of unexpected messages does not keep its memory for ever.
 */
#include <stdlib.h>

#include "mpi-shim/core/core.h"
#include "mpi-shim/core/memory.h"

enum { SMALLEST = 7, LARGEST = 14, LIST_BYTES = 1 << 20 };

struct freed {
    struct freed *next;
};

static struct list {
    struct freed *first;
    size_t bytes;
} lists[LARGEST + 1];

static __attribute__((noreturn, cold)) void memory_none(size_t size)
{
    core_abort(1,
               "out of memory: %zu bytes for the message layer; use fewer or smaller pending "
               "messages, or raise the memory limit",
               size);
}

void *memory_get(size_t size)
{
    void *memory = calloc(1, size);

    if (unlikely(!memory && size > 0))
        memory_none(size);
    return memory;
}

void *memory_get_raw(size_t size)
{
    void *memory = malloc(size);

    if (unlikely(!memory && size > 0))
        memory_none(size);
    return memory;
}

static inline unsigned class_of(size_t size)
{
    return size <= 1 << SMALLEST ? SMALLEST : 64 - (unsigned)__builtin_clzl(size - 1);
}

void *memory_take(size_t size)
{
    unsigned class = class_of(size);
    void *memory;

    if (likely(class <= LARGEST)) {
        struct list *list = &lists[class];
        struct freed *freed = list->first;

        if (likely(freed)) {
            list->first = freed->next;
            list->bytes -= (size_t)1 << class;
            return freed;
        }
        size = (size_t)1 << class;
    }
    memory = malloc(size);
    if (unlikely(!memory))
        memory_none(size);
    return memory;
}

void memory_return(void *buffer, size_t size)
{
    unsigned class = class_of(size);
    struct freed *freed = buffer;

    if (unlikely(class > LARGEST || lists[class].bytes >= LIST_BYTES)) {
        free(buffer);
        return;
    }
    freed->next = lists[class].first;
    lists[class].first = freed;
    lists[class].bytes += (size_t)1 << class;
}

void memory_trim(void)
{
    for (unsigned class = SMALLEST; class <= LARGEST; class ++) {
        struct list *list = &lists[class];

        while (list->first) {
            struct freed *freed = list->first;

            list->first = freed->next;
            free(freed);
        }
        list->bytes = 0;
    }
}
