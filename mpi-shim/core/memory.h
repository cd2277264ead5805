/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/memory.h: the core's memory. None of these returns NULL: without memory the job ends, and says so.
 */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include <stddef.h>

/* Zeroed, to be given to free(). */
void *memory_get(size_t size);

/* The same, not zeroed: for bytes that are written at once. Large memory is not touched twice. */
void *memory_get_raw(size_t size);

/* A buffer of at least `size` bytes, not zeroed, from lists of freed ones by size; for what comes and goes with each
 * message. memory_return wants the same size. The caller holds core_lock. */
void *memory_take(size_t size);
void memory_return(void *buffer, size_t size);

/* Free what the lists hold. */
void memory_trim(void);

#endif
