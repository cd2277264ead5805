/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/buffered.c: buffered sends and the buffer that the program attaches (MPI 3.1 section 3.6).
 *
 * A message that can leave at once needs no room. Otherwise its packed bytes and a header lie in the attached buffer
 * until it has left; headers are a list in the order of addresses, searched first fit.
 */
#include <stdlib.h>

#include "mpi-shim/core/p2p.h"

struct segment {
    struct segment *next;
    struct request *request;
    size_t size; /* of the header and the bytes behind it */
};

_Static_assert(sizeof(struct segment) + 2 * 16 <= BSEND_OVERHEAD, "what the standard lets us use");

static struct {
    char *base; /* aligned */
    size_t size;
    void *attached;
    size_t attached_size;
    bool present;
    struct segment *first;
} buffer;

static inline size_t align(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

/* Take back what has left. */
static void reclaim(void)
{
    struct segment **link = &buffer.first;

    while (*link) {
        struct segment *segment = *link;

        if (segment->request->complete) {
            request_put(segment->request);
            *link = segment->next;
        } else {
            link = &segment->next;
        }
    }
}

bool buffered_busy(void)
{
    reclaim();
    return buffer.first != NULL;
}

static struct segment *segment_take(size_t size)
{
    struct segment **link = &buffer.first, *segment;
    char *free_from = buffer.base;

    for (;;) {
        char *free_to = *link ? (char *)*link : buffer.base + buffer.size;

        if ((size_t)(free_to - free_from) >= size)
            break;
        if (!*link)
            return NULL;
        free_from = (char *)*link + (*link)->size;
        link = &(*link)->next;
    }
    segment = (struct segment *)(void *)free_from;
    segment->next = *link;
    segment->size = size;
    *link = segment;
    return segment;
}

int buffered_send(const void *from, size_t count, struct datatype *type, int dest, int tag,
                  struct comm *comm)
{
    size_t length = count * type->size;
    size_t size = align(sizeof(struct segment) + length);
    struct segment *segment;
    struct request *request;

    if (dest == PROC_NULL)
        return 0;
    core_lock();
    if (type->dense && length <= core.eager &&
        eager_send(comm, comm->context, dest, tag, (const char *)from + type->true_lb, length) ==
            0) {
        core_unlock();
        return 0;
    }
    reclaim();
    segment = buffer.present ? segment_take(size) : NULL;
    if (!segment && buffer.first) {
        core_poll();
        reclaim();
        segment = segment_take(size);
    }
    if (!segment) {
        core_unlock();
        if (!buffer.present)
            return error_note(ERR_BUFFER, "no buffer is attached; MPI_Buffer_attach gives one");
        return error_note(ERR_BUFFER,
                          "%zu bytes and an overhead of %d do not fit into what is free of the "
                          "attached buffer of %zu bytes",
                          length, BSEND_OVERHEAD, buffer.attached_size);
    }
    datatype_pack(type, from, count, 0, segment + 1, length);
    request = send_hidden(comm);
    send_fill(request, SEND_STANDARD, segment + 1, length, &datatype_bytes, dest, tag, comm);
    segment->request = request;
    send_begin(request);
    core_unlock();
    return 0;
}

int buffer_attach(void *memory, size_t size)
{
    uintptr_t base = align((uintptr_t)memory);
    size_t lost = base - (uintptr_t)memory;

    core_lock();
    if (buffer.present) {
        core_unlock();
        return error_note(ERR_BUFFER, "a buffer is attached already");
    }
    buffer.present = true;
    buffer.attached = memory;
    buffer.attached_size = size;
    buffer.base = (char *)base;
    buffer.size = size > lost ? (size - lost) & ~(size_t)15 : 0;
    core_unlock();
    return 0;
}

int buffer_detach(void **memory, size_t *size)
{
    core_lock();
    if (!buffer.present) {
        core_unlock();
        return error_note(ERR_BUFFER, "no buffer is attached");
    }
    while (buffered_busy())
        core_wait(&(struct waiting){.call = "MPI_Buffer_detach"});
    *memory = buffer.attached;
    *size = buffer.attached_size;
    buffer.present = false;
    buffer.first = NULL;
    core_unlock();
    return 0;
}
