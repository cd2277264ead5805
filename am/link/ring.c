/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The ring link: messages through memory that two processes of one node share (ring_format.h).
 *
 * Each ordered pair has a ring of its own, made by its producer at the first message and offered to the consumer through
 * the agent. A process's messages to itself use a ring too, in private memory.
 *
 * Hot: ring_send, ring_poll, ring_take. They make no system call; the bell is rung only for a peer that sleeps.
 *
 * The peer is not trusted: what it writes (the words, `tail`) is read once, bounded, then used.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include "am/core.h"
#include "am/link/ring_private.h"

enum {
    RING_POLL_MAX = 64, /* messages that one poll takes from one ring */

    LOOK_LAST = 16000000, /* ns: 0.1 % of a core */

    /* Lines that are cleared before they are needed (docs/ring.md). */
    RING_AHEAD = 16,       /* beyond the next message, */
    RING_AHEAD_MOST = 256, /* which has as many itself as the last one, at most so many; */
    RING_AHEAD_EACH = 4,   /* so many by each idle poll, */
    RING_SHORT = 2,        /* and by each send of a message of so few */

    RING_REPLY_LINES = (8 + AM_MAX_ARGS * 8 + AM_MAX_REPLY + RING_LINE - 1) / RING_LINE,
    RING_MESSAGE_LINES = (8 + AM_MAX_ARGS * 8 + RING_CHUNK + RING_LINE - 1) / RING_LINE,
    /* Room that only replies may use: all that may be owed, the lines that one of them may skip at the end of the ring, and
     * the next word. */
    RING_RESERVE = AM_REPLIES * RING_REPLY_LINES + RING_REPLY_LINES + 1,
};

_Static_assert(RING_MIN_LINES > RING_RESERVE + 2 * RING_MESSAGE_LINES,
               "a message that has to skip the end of an empty ring must fit");

static int ring_fail(struct ring_link *ring, const char *what)
{
    char reason[200];
    struct am *am = ring->link.am;

    snprintf(reason, sizeof(reason),
             "process %u on %s: %s in the shared ring; its memory is damaged", ring->link.peer,
             am_host(am, ring->link.peer), what);
    am_report_down(am, ring->link.peer, reason);
    return -EHOSTDOWN;
}

/* ---- sending --------------------------------------------------------------------------------------- */

/* Look at the consumer's tail again. */
static int ring_refresh(struct ring_link *ring)
{
    uint32_t tail = __atomic_load_n(&ring->out->tail, __ATOMIC_ACQUIRE);

    if (unlikely(ring->head - tail > ring->head - ring->tail))
        return ring_fail(ring, "an impossible tail index");
    ring->tail = tail;
    return 0;
}

/* The message at `next` is still to come. */
static inline void ring_clear_next(struct ring_link *ring, uint32_t next)
{
    if ((int32_t)(ring->cleared - next) > 0)
        return;
    *(uint64_t *)ring->out->line[next & (ring->lines - 1)] = 0;
    ring->cleared = next + 1;
}

/* Clear lines that are free up to `end`, but no more than `most`. To store there makes them this processor's, and the message that
 * comes there need not wait for that. Returns whether there are more. */
static inline bool ring_clear_to(struct ring_link *ring, uint32_t end, uint32_t most)
{
    for (uint32_t i = 0; i < most; i++) {
        if ((int32_t)(end - ring->cleared) <= 0 || ring->cleared - ring->tail >= ring->lines)
            return false;
        *(uint64_t *)ring->out->line[ring->cleared & (ring->lines - 1)] = 0;
        ring->cleared++;
    }
    return true;
}

/* Nothing has come: get ready for the next message meanwhile. */
static __attribute__((noinline)) void ring_clear_ahead(struct ring_transport *rings)
{
    struct ring_link *ring = rings->sent;
    uint32_t lines = ring->last < RING_AHEAD_MOST ? ring->last : RING_AHEAD_MOST;

    if (!ring->out || !ring_clear_to(ring, ring->head + RING_AHEAD + lines, RING_AHEAD_EACH))
        rings->sent = NULL;
}

/* Room for `lines` side by side, or -EAGAIN. */
static __attribute__((noinline)) int ring_make_room(struct ring_link *ring, uint32_t lines,
                                                    uint32_t reserve)
{
    uint32_t index = ring->head & (ring->lines - 1);
    uint32_t skip = index + lines > ring->lines ? ring->lines - index : 0;
    uint32_t needed = lines + skip + 1 + reserve;

    if (ring->head - ring->tail + needed > ring->lines) {
        int result = ring_refresh(ring);

        if (result < 0)
            return result;
        if (ring->head - ring->tail + needed > ring->lines) {
            ring_transport(ring->link.am->ring)->full++;
            return -EAGAIN;
        }
    }
    if (skip) {
        struct am_header header = {.flags = RING_SKIP};

        ring_clear_next(ring, ring->head + skip);
        __atomic_store_n((uint64_t *)ring->out->line[index], ring_word(ring->head, header),
                         __ATOMIC_RELEASE);
        ring->head += skip;
    }
    return 0;
}

/* A loop would become one of vectors, which wait for the words that have just been stored one by one. */
static inline void args_copy(uint64_t *to, const uint64_t *from, unsigned nargs)
{
    if (nargs > 0)
        to[0] = from[0];
    if (nargs > 1)
        to[1] = from[1];
    if (nargs > 2)
        to[2] = from[2];
    if (unlikely(nargs > 3))
        for (unsigned i = 3; i < nargs; i++)
            to[i] = from[i];
}

int ring_send(struct am_link *link, const struct am_outgoing *message)
{
    struct ring_link *ring = (struct ring_link *)link;
    unsigned nargs = message->header.flags & AM_NARGS;
    uint32_t lines = ring_lines(nargs * 8 + message->header.length);
    uint32_t reserve = message->header.flags & AM_IS_REPLY ? 0 : RING_RESERVE;
    uint32_t mask = ring->lines - 1;
    uint32_t index = ring->head & mask;
    uint8_t *line;

    if (unlikely(index + lines > ring->lines ||
                 ring->head - ring->tail + lines + 1 + reserve > ring->lines)) {
        int result = ring_make_room(ring, lines, reserve);

        if (result < 0)
            return result;
        index = ring->head & mask;
    }
    line = ring->out->line[index];
    args_copy((uint64_t *)line + 1, message->args, nargs);
    line += 8 + nargs * 8;
    if (message->head_length)
        memcpy(line, message->head, message->head_length);
    if (unlikely(message->pack))
        message->pack(message->data, message->offset, line, message->body_length);
    else if (message->body_length)
        memcpy(line + message->head_length, message->body, message->body_length);

    ring_clear_next(ring, ring->head + lines);
    __atomic_store_n((uint64_t *)ring->out->line[index], ring_word(ring->head, message->header),
                     __ATOMIC_RELEASE);
    ring->head += lines;
    ring->last = lines;
    if (lines <= RING_SHORT)
        ring_clear_to(ring, ring->head + RING_AHEAD, RING_SHORT);
    ring_transport(link->am->ring)->sent = ring;
    if (likely(ring->bell.page != NULL))
        bell_ring(&ring->bell);
    return 0;
}

/* ---- receiving ------------------------------------------------------------------------------------- */

/* Hand up the message that begins at `taken`: 1, 0 (none there, or its handler is not set yet), or an error. */
static int ring_take(struct ring_link *ring, struct am *am)
{
    uint32_t index = ring->taken & (ring->in_lines - 1);
    const uint8_t *line = ring->in->line[index];
    uint64_t word = __atomic_load_n((const uint64_t *)line, __ATOMIC_ACQUIRE);
    struct am_header header;
    uint64_t args[AM_NARGS];
    unsigned nargs;
    uint32_t lines;
    int result;

    if (word == 0)
        return 0;
    header = ring_word_header(word);
    nargs = header.flags & AM_NARGS;
    lines = ring_lines(nargs * 8 + header.length);
    if (unlikely((uint32_t)word != ring_turn(ring->taken)))
        return ring_fail(ring, "a message out of turn");
    if (unlikely(header.flags & RING_SKIP)) {
        ring->taken += ring->in_lines - index;
        return 1;
    }
    if (unlikely(index + lines > ring->in_lines || nargs > AM_MAX_ARGS ||
                 (header.length > AM_MAX_MEDIUM &&
                  (header.handler != CORE_CHUNK || header.length > RING_CHUNK))))
        return ring_fail(ring, "a message that is too long");
    args_copy(args, (const uint64_t *)line + 1, nargs);
    result = am_deliver(am, ring->link.peer, header, args, line + 8 + nargs * 8);
    if (unlikely(result < 0))
        return result == -EAGAIN ? 0 : ring_fail(ring, "a message that cannot be");
    ring->taken += lines;
    return 1;
}

/* Give back the room of what was taken. */
static void ring_publish(struct ring_link *ring)
{
    ring->published = ring->taken;
    __atomic_store_n(&ring->in->tail, ring->taken, __ATOMIC_RELEASE);
}

static int ring_poll_link(struct ring_link *ring, struct am *am)
{
    int taken = 0;

    while (taken < RING_POLL_MAX && ring_take(ring, am) > 0) {
        taken++;
        /* A producer of long messages goes on while we take the rest. */
        if (unlikely(ring->taken - ring->published >= ring->in_lines / 4))
            ring_publish(ring);
    }
    if (taken)
        ring_publish(ring);
    return taken;
}

static int ring_poll(struct am_transport *transport)
{
    struct ring_transport *rings = ring_transport(transport);
    int taken = 0, changed = 0;

    if (unlikely(rings->chores))
        changed = granted_chores(rings);
    for (uint32_t i = 0; i < rings->actives; i++)
        taken += ring_poll_link(rings->active[i], transport->am);
    rings->received += (unsigned)taken;
    if (taken == 0 && rings->sent)
        ring_clear_ahead(rings);
    return taken + changed;
}

/* ---- one copy, where the system allows it ------------------------------------------------------------- */

/* Copy `length` bytes between our memory and the peer's. */
static int ring_copy(pid_t pid, void *local, uint64_t remote, size_t length, bool write)
{
    while (length > 0) {
        struct iovec here = {.iov_base = local, .iov_len = length};
        struct iovec there = {.iov_base = (void *)(uintptr_t)remote, .iov_len = length};
        ssize_t copied = write ? process_vm_writev(pid, &here, 1, &there, 1, 0)
                               : process_vm_readv(pid, &here, 1, &there, 1, 0);

        if (copied <= 0)
            return copied < 0 && errno == EFAULT ? -EFAULT : -EOPNOTSUPP;
        local = (uint8_t *)local + copied;
        remote += (uint64_t)copied;
        length -= (size_t)copied;
    }
    return 0;
}

/* May we read the peer's memory, and is it the peer's? Containers and Yama forbid it, and another pid namespace would
 * give us somebody else's. */
static void ring_probe(struct ring_link *ring)
{
    const volatile struct ring_memory *memory = ring->in;
    const char *choice = getenv("CARAVAN_SINGLE_COPY");
    pid_t pid = memory->pid;
    uint64_t nonce = 0;

    ring->pid = UINT32_MAX;
    if (choice && strcmp(choice, "no") == 0)
        return;
    if (pid > 0 && ring_copy(pid, &nonce, memory->nonce_address, sizeof(nonce), false) == 0 &&
        nonce == memory->nonce)
        ring->pid = (uint32_t)pid;
}

/* Is it our own memory that the peer's process number leads to? To write there would be to write where the peer likes. The number may
 * be that of a thread, so it is asked for what nobody else can know. */
static bool ring_leads_here(const struct ring_link *ring)
{
    uint64_t secret, seen = 0;

    return getrandom(&secret, sizeof(secret), 0) != sizeof(secret) ||
           (ring_copy((pid_t)ring->pid, &seen, (uintptr_t)&secret, sizeof(seen), false) == 0 &&
            seen == secret);
}

static bool ring_may_write(struct ring_link *ring)
{
    if (ring->writes == WRITES_UNKNOWN)
        ring->writes = ring_leads_here(ring) ? WRITES_NOT : WRITES;
    return ring->writes == WRITES;
}

static bool ring_reaches(struct ring_link *ring)
{
    if (ring->in && ring->pid == 0)
        ring_probe(ring);
    return ring->in && ring->pid != UINT32_MAX;
}

static int ring_access(struct am_link *link, uint64_t base, void *local, size_t length, bool write)
{
    struct ring_link *ring = (struct ring_link *)link;

    if (link->peer == am_self(link->am)) {
        memmove(write ? (void *)(uintptr_t)base : local, write ? local : (void *)(uintptr_t)base,
                length);
        return 0;
    }
    if (!ring_reaches(ring) || (write && !ring_may_write(ring)))
        return -EOPNOTSUPP;
    if (!write) {
        const void *seen = segment_find(ring, base, length);

        if (seen) {
            ring_transport(link->am->ring)->segment_reads++;
            memcpy(local, seen, length);
            return 0;
        }
    }
    ring_transport(link->am->ring)->copied++;
    return ring_copy((pid_t)ring->pid, local, base, length, write);
}

static int ring_read(struct am_link *link, uint64_t base, void *target, size_t length)
{
    return ring_access(link, base, target, length, false);
}

static int ring_copy_runs(struct am_link *link, const struct iovec *there, unsigned theirs,
                          const struct iovec *here, unsigned ours, bool write)
{
    struct ring_link *ring = (struct ring_link *)link;
    size_t length = 0;
    ssize_t copied;

    if (link->peer == am_self(link->am) || !ring_reaches(ring) ||
        (write ? !ring_may_write(ring)
               : segment_find(ring, (uintptr_t)there->iov_base, there->iov_len) != NULL))
        return -EOPNOTSUPP;
    for (unsigned i = 0; i < ours; i++)
        length += here[i].iov_len;
    ring_transport(link->am->ring)->copied++;
    copied = write ? process_vm_writev((pid_t)ring->pid, here, ours, there, theirs, 0)
                   : process_vm_readv((pid_t)ring->pid, here, ours, there, theirs, 0);
    /* Less than all: there is no such memory, or it is more than one call copies, or the peer has gone. One by one, that shows. */
    return copied == (ssize_t)length ? 0 : -EOPNOTSUPP;
}

static bool ring_reaches_us(struct am_link *link)
{
    struct ring_link *ring = (struct ring_link *)link;
    uint64_t nonce;
    int result;

    if (!ring->in || ring->pid == 0 || ring->pid == UINT32_MAX)
        return false;
    result = ring_copy((pid_t)ring->pid, &nonce, ring->in->nonce_address, sizeof(nonce), false);
    return result == -EFAULT ||
           (result == 0 && nonce == ring->in->nonce); /* or somebody else has its number */
}

static int ring_write(struct am_link *link, uint64_t base, const void *source, size_t length)
{
    return ring_access(link, base, (void *)(uintptr_t)source, length, true);
}

/* ---- making and ending links --------------------------------------------------------------------------- */

static int ring_describe(struct am_link *link, char *text, size_t size)
{
    struct ring_link *ring = (struct ring_link *)link;

    return snprintf(text, size, "shared memory, sent up to line %u, taken up to line %u, %s",
                    ring->head, ring->taken,
                    ring->pid == 0            ? "one-copy not tried"
                    : ring->pid == UINT32_MAX ? "one-copy not allowed"
                                              : "one-copy");
}

uint64_t ring_moved(const struct am_link *link)
{
    const struct ring_link *ring = (const struct ring_link *)link;

    return (uint64_t)ring->head + ring->taken;
}

static const struct am_link_ops ring_link_ops = {
    .name = "ring",
    .send = ring_send,
    .read = ring_read,
    .write = ring_write,
    .copy_runs = ring_copy_runs,
    .reaches_us = ring_reaches_us,
    .chunk = RING_CHUNK,
    .moved = ring_moved,
    .describe = ring_describe,
};

struct ring_link *ring_link(struct ring_transport *rings, uint32_t peer)
{
    struct ring_link *ring = rings->by_peer[peer];

    if (ring)
        return ring;
    ring = calloc(1, sizeof(*ring));
    if (!ring)
        return NULL;
    ring->link = (struct am_link){.ops = &ring_link_ops, .am = rings->transport.am, .peer = peer};
    ring->out_region.fd = ring->in_region.fd = ring->segment.fd = -1;
    rings->by_peer[peer] = ring;
    return ring;
}

/* The link has an incoming ring from now on. */
int ring_activate(struct ring_transport *rings, struct ring_link *ring)
{
    if (rings->actives == rings->capacity) {
        uint32_t capacity = rings->capacity ? 2 * rings->capacity : 8;
        struct ring_link **active = realloc(rings->active, capacity * sizeof(struct ring_link *));

        if (!active)
            return -ENOMEM;
        rings->active = active;
        rings->capacity = capacity;
    }
    rings->active[rings->actives++] = ring;
    rings->look = LOOK_FIRST;
    return 0;
}

static struct am_link *ring_connect(struct am_transport *transport, uint32_t peer)
{
    struct ring_transport *rings = ring_transport(transport);
    struct am *am = transport->am;
    struct ring_link *ring = ring_link(rings, peer);
    struct ring_memory *memory;
    int result;

    if (!ring)
        return NULL;
    if (ring->out)
        return &ring->link;
    result = peer == am_self(am) ? region_create_private(&ring->out_region, ring_bytes(RING_LINES))
                                 : region_create(&ring->out_region, ring_bytes(RING_LINES));
    if (result < 0) {
        am_complain(am, "no memory for a ring of %zu bytes to process %u", ring_bytes(RING_LINES),
                    peer);
        return NULL;
    }
    memory = ring->out_region.base;
    ring->lines = RING_LINES;
    *memory = (struct ring_memory){.magic = RING_MAGIC,
                                   .lines = RING_LINES,
                                   .pid = getpid(),
                                   .nonce_address = (uintptr_t)&rings->nonce,
                                   .nonce = rings->nonce};
    segment_tell(rings, memory);
    if (peer == am_self(am)) {
        ring->in = memory;
        ring->in_lines = RING_LINES;
        ring->bell = am->bell; /* another thread may be asleep */
        memory->belled = 1;
        if (ring_activate(rings, ring) < 0)
            goto fail;
    } else if (am->launcher->offer_ring(am, peer, ring->out_region.fd, ring_bytes(RING_LINES)) <
               0) {
        goto fail;
    }
    if (ring->out_region.fd >= 0)
        close(ring->out_region.fd);
    ring->out_region.fd = -1;
    ring->out = memory;
    return &ring->link;
fail:
    region_close(&ring->out_region);
    ring->in = NULL;
    ring->bell.page = NULL;
    return NULL;
}

int ring_attach(struct am_transport *transport, uint32_t peer, int fd, size_t bytes)
{
    struct ring_transport *rings = ring_transport(transport);
    struct ring_link *ring = peer == am_self(transport->am) ? NULL : ring_link(rings, peer);
    struct ring_memory *memory;
    int result = -EPROTO;

    if (!ring || ring->in || ring->granted || bytes > ring_bytes(RING_MAX_LINES)) {
        close(fd);
        return -EPROTO;
    }
    result = region_attach(&ring->in_region, fd, bytes);
    if (result < 0)
        return result;
    memory = ring->in_region.base;
    ring->in_lines = memory->lines;
    if (memory->magic != RING_MAGIC || !ring_lines_valid(ring->in_lines) ||
        bytes != ring_bytes(ring->in_lines))
        result = -EPROTO;
    else
        result = ring_activate(rings, ring);
    if (result < 0) {
        region_close(&ring->in_region);
        return result;
    }
    ring->in = memory;
    return 0;
}

int ring_bell(struct am_transport *transport, uint32_t peer, int memory, int event)
{
    struct ring_link *ring = ring_transport(transport)->by_peer[peer];
    int result;

    if (!ring || !ring->out || ring->bell.page || ring->granted) {
        close(memory);
        close(event);
        return -EPROTO;
    }
    result = bell_attach(&ring->bell, memory, event);
    if (result < 0)
        return result;
    __atomic_store_n(&ring->out->belled, 1, __ATOMIC_SEQ_CST);
    /* What was sent before we had the bell may have been missed. */
    bell_ring(&ring->bell);
    return 0;
}

static bool ring_sleep(struct am_transport *transport, int *fd, uint64_t *deadline)
{
    struct ring_transport *rings = ring_transport(transport);
    struct am *am = transport->am;
    bool look = false;

    *fd = am->bell.event;
    /* Nobody sends through a ring that was not taken yet, and the offer of one wakes us by the control stream. */
    rings->asleep = rings->actives > 0 || rings->chores > 0;
    if (rings->asleep) {
        granted_sleep(rings);
        bell_sleep(&am->bell); /* with the barrier for both */
        if (unlikely(rings->chores) && granted_waits(rings))
            return true;
    }
    for (uint32_t i = 0; i < rings->actives; i++) {
        struct ring_link *ring = rings->active[i];
        const uint8_t *line = ring->in->line[ring->taken & (ring->in_lines - 1)];

        if (__atomic_load_n((const uint64_t *)line, __ATOMIC_ACQUIRE) != 0)
            return true;
        if (unlikely(!ring->belled)) {
            /* Its producer cannot wake us yet. */
            ring->belled = __atomic_load_n(&ring->in->belled, __ATOMIC_ACQUIRE) != 0;
            look |= !ring->belled;
        }
    }
    if (unlikely(look)) {
        uint64_t at = am_now(am) + rings->look;

        if (*deadline > at)
            *deadline = at;
        /* It may be outside the endpoint for minutes, and we are to cost no CPU. */
        if (rings->look < LOOK_LAST)
            rings->look *= 2;
    }
    return false;
}

static void ring_wake(struct am_transport *transport)
{
    struct ring_transport *rings = ring_transport(transport);

    if (rings->asleep) {
        bell_wake(&transport->am->bell);
        granted_wake(rings);
    }
    rings->asleep = false;
}

/* The bell of a peer that may share a processor with us; NULL: it cannot, or we do not have it yet. */
static struct bell_page *neighbour_page(const struct am_transport *transport,
                                        const struct ring_link *ring)
{
    return ring->granted || ring->bell.page == transport->am->bell.page ? NULL : ring->bell.page;
}

bool ring_neighbours(const struct am_transport *transport, int processor, bool rung,
                     cpu_set_t *others)
{
    const struct ring_transport *rings = ring_transport(transport);
    bool shared = false;

    CPU_ZERO(others);
    for (uint32_t i = 0; i < rings->actives; i++) {
        const struct bell_page *page = neighbour_page(transport, rings->active[i]);
        uint32_t state, at;

        if (!page)
            continue;
        state = __atomic_load_n(&page->asleep, __ATOMIC_RELAXED);
        at = __atomic_load_n(&page->processor, __ATOMIC_RELAXED) - 1;
        if (state == BELL_ASLEEP || at >= CPU_SETSIZE)
            continue;
        if (at != (uint32_t)processor)
            CPU_SET((size_t)at, others);
        else
            shared |= state == BELL_AWAKE || rung;
    }
    return shared;
}

bool ring_census(const struct am_transport *transport, struct census *census)
{
    const struct ring_transport *rings = ring_transport(transport);
    uint32_t known = 1; /* this one */

    memset(census, 0, sizeof(*census));
    for (uint32_t i = 0; i < rings->actives; i++) {
        const struct bell_page *page = neighbour_page(transport, rings->active[i]);
        uint32_t peer = rings->active[i]->link.peer, at;

        if (!page)
            continue;
        at = __atomic_load_n(&page->processor, __ATOMIC_RELAXED) - 1;
        if (at >= CPU_SETSIZE)
            return false;
        census->ranks[at]++;
        if (census->last[at] < peer)
            census->last[at] = peer;
        known++;
    }
    return known == transport->am->job.ranks;
}

void ring_invite(struct am_transport *transport, uint32_t process, size_t processor)
{
    struct ring_link *ring = ring_transport(transport)->by_peer[process];
    uint32_t invited = (uint32_t)processor + 1;

    if (__atomic_load_n(&ring->bell.page->invited, __ATOMIC_RELAXED) != invited)
        __atomic_store_n(&ring->bell.page->invited, invited, __ATOMIC_RELAXED);
}

static void ring_close_link(struct ring_transport *rings, struct ring_link *ring)
{
    if (ring->granted) {
        granted_close_link(rings, ring);
        free(ring);
        return;
    }
    if (ring->bell.page && ring->in != ring->out)
        bell_close(&ring->bell);
    if (ring->out)
        region_close(&ring->out_region);
    if (ring->in && ring->in != ring->out)
        region_close(&ring->in_region);
    region_close(&ring->segment);
    free(ring);
}

static void ring_peer_down(struct am_transport *transport, uint32_t process)
{
    struct ring_transport *rings = ring_transport(transport);
    struct ring_link *ring = rings->by_peer[process];

    /* Its memory stays until we close, or, if it is another domain's, until the next poll: the caller may be in the midst of it. */
    for (uint32_t i = 0; i < rings->actives; i++) {
        if (rings->active[i]->link.peer == process) {
            rings->active[i] = rings->active[--rings->actives];
            break;
        }
    }
    if (ring && ring->granted)
        granted_peer_down(rings, ring);
}

static void ring_close(struct am_transport *transport)
{
    struct ring_transport *rings = ring_transport(transport);

    for (uint32_t peer = 0; peer < am_size(transport->am); peer++)
        if (rings->by_peer[peer])
            ring_close_link(rings, rings->by_peer[peer]);
    region_close(&rings->segment);
    grants_close(rings->grants);
    free(rings->neighbour);
    free(rings->by_peer);
    free(rings->active);
    free(rings);
}

static uint64_t ring_counter(const struct am_transport *transport, unsigned index,
                             const char **name)
{
    const struct ring_transport *rings = ring_transport(transport);
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"ring_messages_received", rings->received},
        {"ring_full", rings->full},
        {"ring_one_copy", rings->copied},
        {"ring_segment_reads", rings->segment_reads},
        {"ring_granted", rings->granted},
        {"ring_events_sent", rings->grants ? grants_woken(rings->grants) : 0},
    };

    *name = index < sizeof(counters) / sizeof(counters[0]) ? counters[index].name : NULL;
    return *name ? counters[index].value : 0;
}

static const struct am_transport_ops ring_transport_ops = {
    .connect = ring_connect,
    .poll = ring_poll,
    .sleep = ring_sleep,
    .wake = ring_wake,
    .peer_down = ring_peer_down,
    .close = ring_close,
    .counter = ring_counter,
};

struct am_transport *ring_open(struct am *am)
{
    struct ring_transport *rings = calloc(1, sizeof(*rings));

    if (!rings)
        return NULL;
    rings->transport = (struct am_transport){.ops = &ring_transport_ops, .am = am};
    rings->by_peer = calloc(am_size(am), sizeof(struct ring_link *));
    if (!rings->by_peer) {
        free(rings);
        return NULL;
    }
    rings->nonce = am->job.incarnation;
    rings->segment.fd = -1;
    return &rings->transport;
}
