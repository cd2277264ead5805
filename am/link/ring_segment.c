/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Segments: memory of one process that all others of its node map, for bytes that several of them get.
 *
 * A copy by process_vm_readv(2) looks up and pins each page, for each peer again; from memory that is mapped the bytes are copied by
 * themselves. A segment is a sealed memfd, made when it is first wanted. The rings on which its owner sends tell where it is, and a
 * peer opens it through /proc, which the kernel allows to those who may read the process's memory: so no descriptor goes through
 * the agent, and who cannot map it copies as before. A number in its first line, the same as in the ring, says that it is the right one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "am/link/ring_private.h"

enum {
    SEGMENT_BYTES =
        1 << 20, /* as long as was measured; such a broadcast still takes half of the time */
    SEGMENT_HEAD = 4096,
};

/* ---- ours ------------------------------------------------------------------------------------------ */

void segment_tell(const struct ring_transport *rings, struct ring_memory *out)
{
    if (!rings->segment.base)
        return;
    out->segment_address = (uintptr_t)rings->segment.base;
    out->segment_fd = rings->segment.fd;
    __atomic_store_n(&out->segment_bytes, SEGMENT_HEAD + SEGMENT_BYTES, __ATOMIC_RELEASE);
}

/* A memfd beyond the limit of a file's size (`ulimit -f`) is a signal that ends the process. */
static bool segment_may_be(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= SEGMENT_HEAD + SEGMENT_BYTES;
}

static bool segment_make(struct ring_transport *rings)
{
    if (rings->segment_lacks)
        return false;
    if (!segment_may_be() || region_create(&rings->segment, SEGMENT_HEAD + SEGMENT_BYTES) < 0) {
        rings->segment_lacks = true;
        return false;
    }
    *(uint64_t *)rings->segment.base = rings->nonce;
    for (uint32_t peer = 0; peer < am_size(rings->transport.am); peer++) {
        struct ring_link *ring = rings->by_peer[peer];

        if (ring && ring->out && !ring->granted)
            segment_tell(rings, ring->out);
    }
    return true;
}

void *ring_segment_take(struct am_transport *transport, size_t size)
{
    struct ring_transport *rings = ring_transport(transport);

    if (rings->segment_taken || size > SEGMENT_BYTES)
        return NULL;
    if (!rings->segment.base && !segment_make(rings))
        return NULL;
    rings->segment_taken = true;
    return (uint8_t *)rings->segment.base + SEGMENT_HEAD;
}

void ring_segment_give(struct am_transport *transport)
{
    ring_transport(transport)->segment_taken = false;
}

/* ---- a peer's -------------------------------------------------------------------------------------- */

static void segment_map(struct ring_link *ring, uint32_t bytes)
{
    char path[64];
    int fd;

    ring->segment_tried = true;
    if (bytes != SEGMENT_HEAD + SEGMENT_BYTES)
        return;
    ring->segment_address = ring->in->segment_address;
    snprintf(path, sizeof(path), "/proc/%u/fd/%d", ring->pid, ring->in->segment_fd);
    fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || region_attach(&ring->segment, fd, bytes) < 0)
        return;
    if (*(uint64_t *)ring->segment.base != ring->in->nonce)
        region_close(&ring->segment);
}

const void *segment_find(struct ring_link *ring, uint64_t address, size_t length)
{
    uint32_t bytes = __atomic_load_n(&ring->in->segment_bytes, __ATOMIC_ACQUIRE);
    uint64_t offset;

    if (bytes && !ring->segment_tried)
        segment_map(ring, bytes);
    if (!ring->segment.base)
        return NULL;
    offset = address - ring->segment_address;
    if (offset >= ring->segment.size || length > ring->segment.size - offset)
        return NULL;
    return (const uint8_t *)ring->segment.base + offset;
}
