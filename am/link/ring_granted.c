/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Rings between Xen domains of one host: how a pair comes to have one, and changes to it from frames (docs/granted-memory.md).
 *
 * The producer of a ring makes it, in pages that it grants to the consumer's domain alone:
 *
 *      producer                    agent in dom0                   consumer
 *      ring_meet  --- which domain is that? --->
 *      ring_domain  <--- it is domain 7 ------
 *      (makes the ring)  --- references, event channel --->  ... from domain 5 --->  ring_offer
 *      ring_taken  <------------------------  it is mapped  ---------------------  (maps it)
 *
 * From then on the producer writes there. What it had sent before is in frames, perhaps lost ones: it says in the ring which sequence
 * number follows them, and the consumer begins to read the ring when it has handed up every frame before that.
 *
 * Nothing here is on the way of a message, but for a pair that changes, and a producer that wakes a sleeper.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "am/link/ring_private.h"

enum {
    /* Event channels on which a process sleeps: a domain waits for at most 127 at once (SCHEDOP_poll). */
    GRANTED_PORTS = 100,
    GRANTED_TEXT = 6144, /* references of the longest ring, each for itself */
};

static const struct am_link_ops granted_link_ops, changing_link_ops;

static uint32_t ring_pages(uint32_t lines)
{
    return (uint32_t)((ring_bytes(lines) + GRANT_PAGE - 1) / GRANT_PAGE);
}

/* The devices, opened when they are needed first. 0 or why there are none. */
static int open_grants(struct ring_transport *rings)
{
    const struct am_job *job = &rings->transport.am->job;
    uint32_t limit, count = 0;

    if (rings->grants || rings->grants_error)
        return rings->grants_error;
    rings->grants_error = grants_open(&rings->grants,
                                      job->grant_system ? job->grant_system : &grant_system_linux);
    if (rings->grants_error < 0)
        return rings->grants_error;
    for (uint32_t i = 0; i < job->size; i++)
        count += job->beside[i];
    /* Smaller rings, where larger ones for all of them do not fit. */
    limit = job->domu ? UINT32_MAX : grants_limit();
    rings->granted_lines = RING_LINES;
    while (rings->granted_lines > RING_MIN_LINES &&
           (uint64_t)ring_pages(rings->granted_lines) * count > limit)
        rings->granted_lines /= 2;
    return 0;
}

/* The link to a peer in another domain. NULL: no memory. */
static struct ring_link *granted_link(struct ring_transport *rings, uint32_t peer)
{
    struct ring_link *ring = ring_link(rings, peer);
    struct ring_link **grown;

    if (!ring || ring->granted)
        return ring;
    grown = realloc(rings->neighbour, (rings->neighbours + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    rings->neighbour = grown;
    ring->granted = calloc(1, sizeof(*ring->granted));
    if (!ring->granted)
        return NULL;
    rings->neighbour[rings->neighbours++] = ring;
    ring->granted->link = (struct am_link){
        .ops = &changing_link_ops, .am = rings->transport.am, .peer = peer};
    ring->link.ops = &granted_link_ops;
    ring->belled = true;    /* a producer can wake us before it writes */
    ring->pid = UINT32_MAX; /* and nobody reads another domain's memory */
    return ring;
}

static bool is_beside(const struct ring_transport *rings, uint32_t peer)
{
    const struct am *am = rings->transport.am;

    return am->wire && am->job.beside && am->job.beside[peer] && !am->peers[peer].down;
}

/* ---- sending --------------------------------------------------------------------------------------- */

void ring_meet(struct am_transport *transport, uint32_t peer, struct am_link *frames)
{
    struct ring_transport *rings = ring_transport(transport);
    struct ring_link *ring;

    if (!is_beside(rings, peer) || open_grants(rings) < 0)
        return;
    ring = granted_link(rings, peer);
    if (!ring || ring->granted->before)
        return;
    ring->granted->before = frames;
    if (control_meet(transport->am, peer) == 0)
        ring->granted->state = OUT_ASKED;
}

static void drop_out(struct ring_transport *rings, struct ring_link *ring, int why)
{
    struct ring_granted *granted = ring->granted;

    if (granted->out.base) {
        grants_wake_close(rings->grants, granted->out_port);
        granted_release(rings->grants, &granted->out);
    }
    granted->out_port = 0;
    granted->state = OUT_NEVER;
    granted->why = why;
    ring->out = NULL;
    ring->bell.page = NULL;
}

static void drop_in(struct ring_transport *rings, struct ring_link *ring)
{
    struct ring_granted *granted = ring->granted;

    if (granted->in.base) {
        grants_ring_close(rings->grants, granted->in_port);
        granted_detach(rings->grants, &granted->in);
        rings->ports--;
    }
    granted->in_port = 0;
    ring->in = NULL;
}

static void tell_shortage(struct ring_transport *rings, uint32_t peer, int error)
{
    if (rings->shortage_told)
        return;
    rings->shortage_told = true;
    am_complain(
        rings->transport.am,
        "no granted memory for a ring of %u pages to process %u (%s): %u pages are granted to"
        " other processes already; this pair keeps to frames, and so do others for which there"
        " is none",
        ring_pages(RING_MIN_LINES), peer, strerror(-error), grants_used(rings->grants));
}

/* Pages for `ring`, as many as there are. 0 or an error. */
static int make_ring(struct ring_transport *rings, struct ring_link *ring, uint32_t domain,
                     uint32_t *refs)
{
    int result;

    while (true) {
        result = granted_create(rings->grants, domain, ring_pages(rings->granted_lines),
                                &ring->granted->out, refs);
        if (result == 0 || rings->granted_lines == RING_MIN_LINES)
            break;
        rings->granted_lines /= 2;
    }
    if (result == 0) {
        int port = grants_wake_make(rings->grants, domain);

        if (port > 0) {
            ring->granted->out_port = (uint32_t)port;
            ring->lines = rings->granted_lines;
            return 0;
        }
        granted_release(rings->grants, &ring->granted->out);
        result = port < 0 ? port : -EIO;
    }
    return result;
}

int ring_domain(struct am_transport *transport, uint32_t peer, uint32_t domain)
{
    struct ring_transport *rings = ring_transport(transport);
    struct ring_link *ring = rings->by_peer[peer];
    uint32_t refs[GRANT_MAX_PAGES];
    char text[GRANTED_TEXT];
    struct ring_memory *memory;
    int result;

    if (!is_beside(rings, peer) || !ring || !ring->granted || ring->granted->state != OUT_ASKED)
        return 0; /* of no use any more */
    result = make_ring(rings, ring, domain, refs);
    if (result == 0) {
        memory = ring->granted->out.base;
        memory->magic = RING_MAGIC;
        memory->lines = ring->lines;
        memory->belled = 1;
        result = grant_refs_write(text, sizeof(text), refs, ring->granted->out.pages);
        if (result > 0)
            result = control_grant(transport->am, peer, ring->lines, ring->granted->out_port, text);
    }
    if (result < 0) {
        tell_shortage(rings, peer, result);
        drop_out(rings, ring, result);
        return 0;
    }
    ring->granted->state = OUT_OFFERED;
    return 0;
}

/* Use the ring for what comes now, unless the frames hold back something that has no place in their sequence yet. */
static bool change(struct ring_transport *rings, struct ring_link *ring)
{
    struct ring_granted *granted = ring->granted;
    uint64_t after;

    if (!wire_mark(granted->before, &after))
        return false;
    __atomic_store_n(&ring->out->after, after, __ATOMIC_RELEASE);
    granted->state = OUT_USED;
    rings->chores--;
    rings->granted++;
    rings->transport.am->peers[ring->link.peer].link = &ring->link;
    return true;
}

int ring_taken(struct am_transport *transport, uint32_t peer, int error)
{
    struct ring_transport *rings = ring_transport(transport);
    struct ring_link *ring = rings->by_peer[peer];
    struct ring_memory *memory;

    if (!is_beside(rings, peer) || !ring || !ring->granted || ring->granted->state != OUT_OFFERED)
        return 0;
    if (error) {
        drop_out(rings, ring, -error);
        return 0;
    }
    memory = ring->granted->out.base;
    ring->out = memory;
    ring->bell = (struct bell){.page = &memory->bell,
                               .event = -1,
                               .fence = true, /* membarrier reaches no other domain */
                               .region = {.fd = -1},
                               .grants = rings->grants,
                               .port = ring->granted->out_port};
    ring->granted->state = OUT_CHANGES;
    transport->am->peers[peer].link = &ring->granted->link;
    rings->chores++;
    change(rings, ring);
    return 0;
}

/* ---- a pair that changes: replies, whose room was promised, go by frames, and nothing else goes at all ------ */

static int changing_send(struct am_link *link, const struct am_outgoing *message)
{
    struct ring_transport *rings = ring_transport(link->am->ring);
    struct ring_link *ring = rings->by_peer[link->peer];

    if (change(rings, ring))
        return ring_send(&ring->link, message);
    return message->header.flags & AM_IS_REPLY
               ? ring->granted->before->ops->send(ring->granted->before, message)
               : -EAGAIN;
}

static struct am_link *frames_of(const struct am_link *link)
{
    return ((const struct ring_granted *)link)->before;
}

static bool changing_drained(struct am_link *link)
{
    return frames_of(link)->ops->drained(frames_of(link));
}

static uint64_t changing_moved(const struct am_link *link)
{
    return frames_of(link)->ops->moved(frames_of(link));
}

static int changing_describe(struct am_link *link, char *text, size_t size)
{
    return frames_of(link)->ops->describe(frames_of(link), text, size);
}

static const struct am_link_ops changing_link_ops = {
    .name = "wire, and soon a ring",
    .send = changing_send,
    .chunk = AM_MAX_MEDIUM,
    .drained = changing_drained,
    .moved = changing_moved,
    .describe = changing_describe,
};

/* ---- receiving ------------------------------------------------------------------------------------- */

static int take_offer(struct ring_transport *rings, struct ring_link *ring,
                      const struct ring_offer *offer)
{
    uint32_t refs[GRANT_MAX_PAGES];
    struct ring_granted *granted = ring->granted;
    int result;

    if (granted->in.base || !ring_lines_valid(offer->lines) ||
        ring_pages(offer->lines) > GRANT_MAX_PAGES ||
        grant_refs_read(offer->refs, refs, GRANT_MAX_PAGES) != (int)ring_pages(offer->lines))
        return -EPROTO;
    if (rings->ports == GRANTED_PORTS)
        return -ENOSPC;
    result = granted_attach(rings->grants, offer->domain, refs, ring_pages(offer->lines),
                            &granted->in);
    if (result < 0)
        return result;
    result = grants_ring_bind(rings->grants, offer->domain, offer->port);
    if (result <= 0) {
        granted_detach(rings->grants, &granted->in);
        return result < 0 ? result : -EIO;
    }
    granted->in_port = (uint32_t)result;
    rings->ports++;
    ring->in = granted->in.base;
    ring->in_lines = (uint32_t)offer->lines;
    granted->fresh = true;
    rings->chores++;
    return 0;
}

int ring_offer(struct am_transport *transport, uint32_t peer, const struct ring_offer *offer)
{
    struct ring_transport *rings = ring_transport(transport);
    struct ring_link *ring = NULL;
    int result = -EPROTO;

    if (is_beside(rings, peer)) {
        result = open_grants(rings);
        ring = result == 0 ? granted_link(rings, peer) : NULL;
        if (result == 0)
            result = ring ? take_offer(rings, ring, offer) : -ENOMEM;
    }
    return control_taken(transport->am, peer, -result);
}

/* Everything that the peer sent by frames was handed up: its ring is next. */
static bool is_next(const struct ring_transport *rings, const struct ring_link *ring)
{
    uint64_t after = __atomic_load_n(&ring->in->after, __ATOMIC_ACQUIRE);

    return after != 0 && wire_past(rings->transport.am->wire, ring->link.peer, after);
}

__attribute__((noinline)) int granted_chores(struct ring_transport *rings)
{
    int changed = 0;

    for (uint32_t i = 0; i < rings->neighbours; i++) {
        struct ring_link *ring = rings->neighbour[i];
        struct ring_granted *granted = ring->granted;

        if (granted->dead) {
            granted->dead = false;
            rings->chores--;
            drop_out(rings, ring, -EHOSTDOWN);
            drop_in(rings, ring);
            continue;
        }
        if (granted->state == OUT_CHANGES)
            changed += change(rings, ring);
        if (granted->fresh && is_next(rings, ring) && ring_activate(rings, ring) == 0) {
            granted->fresh = false;
            rings->chores--;
        }
    }
    return changed;
}

bool granted_waits(struct ring_transport *rings)
{
    for (uint32_t i = 0; i < rings->neighbours; i++)
        if (rings->neighbour[i]->granted->fresh && is_next(rings, rings->neighbour[i]))
            return true;
    return false;
}

/* ---- sleeping --------------------------------------------------------------------------------------- */

void granted_sleep(struct ring_transport *rings)
{
    for (uint32_t i = 0; i < rings->neighbours; i++)
        if (rings->neighbour[i]->in)
            __atomic_store_n(&rings->neighbour[i]->in->bell.asleep, BELL_ASLEEP, __ATOMIC_RELAXED);
}

void granted_wake(struct ring_transport *rings)
{
    for (uint32_t i = 0; i < rings->neighbours; i++)
        if (rings->neighbour[i]->in)
            __atomic_store_n(&rings->neighbour[i]->in->bell.asleep, BELL_AWAKE, __ATOMIC_RELAXED);
}

int ring_descriptor(const struct am_transport *transport)
{
    const struct ring_transport *rings = ring_transport(transport);

    return rings->ports ? grants_descriptor(rings->grants) : -1;
}

void ring_rung(struct am_transport *transport)
{
    grants_clear(ring_transport(transport)->grants);
}

/* ---- the end ---------------------------------------------------------------------------------------- */

void granted_peer_down(struct ring_transport *rings, struct ring_link *ring)
{
    struct ring_granted *granted = ring->granted;

    if (granted->fresh) {
        granted->fresh = false;
        rings->chores--;
    }
    if (granted->state == OUT_CHANGES) {
        granted->state = OUT_USED;
        rings->chores--;
    }
    if (!granted->dead) {
        granted->dead = true;
        rings->chores++;
    }
}

void granted_close_link(struct ring_transport *rings, struct ring_link *ring)
{
    drop_out(rings, ring, 0);
    drop_in(rings, ring);
    free(ring->granted);
}

static bool granted_drained(struct am_link *link)
{
    return changing_drained(&((struct ring_link *)link)->granted->link);
}

static int granted_describe(struct am_link *link, char *text, size_t size)
{
    const struct ring_link *ring = (const struct ring_link *)link;

    return snprintf(text, size,
                    "granted memory, %u lines, sent up to line %u; %s, taken up to line %u",
                    ring->lines, ring->head,
                    ring->in ? "the other way too" : "frames the other way", ring->taken);
}

/* Longer pieces gain nothing here: docs/granted-memory.md. */
static const struct am_link_ops granted_link_ops = {
    .name = "granted ring",
    .send = ring_send,
    .chunk = AM_MAX_MEDIUM,
    .drained = granted_drained,
    .moved = ring_moved,
    .describe = granted_describe,
};
