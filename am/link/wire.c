/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The wire transport: its set-up, its poll, its end. Hot: wire_poll, wire_frames, wire_settle.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "am/link/wire_private.h"

enum {
    CHUNK_BUFFERS = 64,
    BUFFER_ALIGN = 64,
};

/* ---- buffers ------------------------------------------------------------------------------------------ */

struct wire_buffer *wire_buffer_grow(struct wire *wire)
{
    struct wire_chunk *chunk = aligned_alloc(BUFFER_ALIGN,
                                             BUFFER_ALIGN + CHUNK_BUFFERS * wire->buffer_size);
    struct wire_buffer *buffer;

    if (!chunk)
        return NULL;
    chunk->next = wire->chunks;
    wire->chunks = chunk;
    for (size_t i = 0; i < CHUNK_BUFFERS; i++) {
        buffer = (struct wire_buffer *)((uint8_t *)chunk + BUFFER_ALIGN + i * wire->buffer_size);
        wire_buffer_give(wire, buffer);
    }
    buffer = wire->buffers;
    wire->buffers = buffer->next;
    return buffer;
}

/* ---- peers -------------------------------------------------------------------------------------------- */

static const struct am_link_ops link_ops;

static void peer_free(struct wire_peer *peer)
{
    struct wire_staged *staged, *lists[] = {peer->staged, peer->replies, peer->request};

    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        while ((staged = lists[i]) != NULL) {
            lists[i] = staged->next;
            free(staged);
        }
    }
    free(peer->assembly);
    free(peer);
}

static struct wire_staged *staged_new(size_t payload)
{
    struct wire_staged *staged = malloc(sizeof(*staged) + AM_MAX_ARGS * sizeof(uint64_t) + payload);

    if (staged)
        staged->next = NULL;
    return staged;
}

struct wire_peer *wire_peer_get(struct wire *wire, uint32_t process)
{
    struct wire_peer *peer = wire->peers[process];
    const struct am_job *job = wire->job;
    const struct am_node *entry = &job->table[job->node_of[process]];
    uint32_t words[3] = {process, job->process, job->job};
    struct wire_staged *reply;

    if (peer)
        return peer;
    peer = calloc(1, sizeof(*peer));
    if (!peer)
        return NULL;
    peer->link = (struct am_link){.ops = &link_ops, .am = wire->gate.transport.am, .peer = process};
    peer->wire = wire;
    peer->node = &wire->nodes[job->node_of[process]];
    memcpy(peer->prefix, entry->mac, 6);
    memcpy(peer->prefix + 6, wire->port->mac, 6);
    peer->prefix[12] = (uint8_t)(job->ethertype >> 8);
    peer->prefix[13] = (uint8_t)job->ethertype;
    memcpy(peer->prefix + PORT_HEADER, words, sizeof(words));
    peer->tx_next = peer->tx_una = peer->tx_edge = WIRE_FIRST_SEQUENCE;
    peer->rx_next = peer->rx_deliver = peer->rx_edge = peer->rx_high = WIRE_FIRST_SEQUENCE;
    peer->recover = WIRE_FIRST_SEQUENCE;
    peer->window = WIRE_FIRST_WINDOW;
    peer->rto = WIRE_FIRST_TIMEOUT;
    peer->rto_at = peer->reorder_at = peer->hello_at = peer->suspect_at = peer->due = NEVER;
    peer->staged_end = &peer->staged;
    peer->bulks_end = &peer->bulks;
    wire_limit(peer);
    wire_room(peer);

    peer->request = staged_new(AM_MAX_MEDIUM);
    if (!peer->request)
        goto no_memory;
    for (int i = 0; i < AM_REPLIES; i++) {
        reply = staged_new(AM_MAX_REPLY);
        if (!reply)
            goto no_memory;
        reply->next = peer->replies;
        peer->replies = reply;
    }
    wire->peers[process] = peer;
    return peer;

no_memory:
    peer_free(peer);
    return NULL;
}

static struct am_link *wire_connect(struct am_transport *transport, uint32_t process)
{
    struct wire *wire = wire_of(transport);
    struct wire_peer *peer;

    peer = wire_peer_get(wire, process);
    if (peer && !peer->open && !peer->down && !peer->left && peer->hello_at == NEVER)
        wire_hello_start(peer);
    return peer ? &peer->link : NULL;
}

void wire_busy_add(struct wire_peer *peer)
{
    struct wire *wire = peer->wire;

    peer->busy = true;
    peer->prev_busy = NULL;
    peer->next_busy = wire->busy;
    if (wire->busy)
        wire->busy->prev_busy = peer;
    wire->busy = peer;
}

static void busy_remove(struct wire_peer *peer)
{
    peer->busy = false;
    if (peer->prev_busy)
        peer->prev_busy->next_busy = peer->next_busy;
    else
        peer->wire->busy = peer->next_busy;
    if (peer->next_busy)
        peer->next_busy->prev_busy = peer->prev_busy;
}

/* ---- progress ----------------------------------------------------------------------------------------- */

void wire_flush_port(struct wire *wire)
{
    int result;

    wire->unflushed = false;
    result = wire->port->ops->tx_flush(wire->port);
    if (unlikely(result == -EAGAIN)) {
        wire->unflushed = true; /* the next poll tries again */
    } else if (unlikely(result < 0)) {
        wire->broken = result;
        wire->backlog = true;
    }
}

/* The port is gone, and with it every peer that was reached through it. */
static void fail_all(struct wire *wire)
{
    for (uint32_t i = 0; i < wire->job->size; i++)
        if (wire->peers[i])
            wire_peer_failf(wire->peers[i],
                            "cannot be reached: this node's Ethernet port failed: %s",
                            strerror(-wire->broken));
}

void wire_settle(struct wire *wire)
{
    struct wire_peer *peer;

    while ((peer = wire->touched) != NULL) {
        wire->touched = peer->next_touched;
        peer->touched = false;
        if (unlikely(peer->down))
            continue;
        if (unlikely(peer->check_loss))
            wire_find_losses(peer);
        if (peer->staged || peer->bulks)
            wire_pump(peer);
        if (unlikely(peer->refused))
            wire_reopen(peer);
        if (peer->ack_now || peer->owed >= peer->ack_every)
            wire_send_ack(peer);
    }
    if (wire->unflushed)
        wire_flush_port(wire);
}

static void peer_timers(struct wire_peer *peer)
{
    uint64_t now = peer->wire->now;
    bool waits;

    if (peer->hello_at <= now)
        wire_hello_due(peer);
    if (peer->rto_at <= now)
        wire_timeout(peer);
    if (peer->reorder_at <= now)
        wire_find_losses(peer);
    if (peer->suspect_at <= now)
        wire_suspect(peer);
    if (peer->staged || peer->bulks)
        wire_pump(peer);
    if (peer->refused)
        wire_reopen(peer);
    if (peer->ack_now || (peer->owed && peer->owed_since + WIRE_ACK_DELAY <= now))
        wire_send_ack(peer);

    waits = peer->tx_una != peer->tx_next || peer->staged || peer->bulks;
    peer->due = min64(peer->hello_at, peer->suspect_at);
    peer->due = min64(peer->due, peer->reorder_at);
    if (waits)
        peer->due = min64(peer->due, peer->rto_at);
    else
        peer->rto_at = NEVER;
    if (peer->owed)
        peer->due = min64(peer->due, peer->owed_since + WIRE_ACK_DELAY);
    if (peer->ack_now || peer->due <= now)
        peer->due = now + WIRE_ACK_DELAY; /* the port was full */
}

void wire_timers(struct wire *wire)
{
    struct wire_peer *next;
    uint64_t next_due = NEVER;

    wire->next_due = NEVER;
    for (struct wire_peer *peer = wire->busy; peer; peer = next) {
        if (peer->due <= wire->now && !peer->down)
            peer_timers(peer);
        next = peer->next_busy;
        if (peer->down || (peer->due == NEVER && !peer->held))
            busy_remove(peer);
        else
            next_due = min64(next_due, peer->due);
    }
    wire->next_due = min64(wire->next_due, next_due);
    if (wire->unflushed)
        wire_flush_port(wire);
}

/* The port has said that it is gone. Its peers are told in the next poll by the program. */
static __attribute__((noinline)) void port_failed(struct wire *wire)
{
    if (wire->broken)
        return;
    wire->broken = wire->port->error;
    wire->backlog = true;
}

static void read_clock(struct wire *wire)
{
    uint64_t now = am_now(wire->gate.transport.am);

    wire->gap = now - wire->now;
    wire->now = now;
}

static int deliver_held(struct wire *wire)
{
    struct wire_peer *next;
    int delivered = 0;

    for (struct wire_peer *peer = wire->busy; peer; peer = next) {
        next = peer->next_busy;
        if (peer->held)
            delivered += wire_deliver_stored(peer);
        if (peer->ack_now)
            wire_touch(peer);
    }
    return delivered;
}

/* Tell the starters of transfers that they are over. They may start others. */
int wire_tell_done(struct wire *wire)
{
    struct wire_bulk *bulk;
    int told = 0;

    if (wire->helper_turn)
        return 0;
    while ((bulk = wire->done) != NULL) {
        wire->done = bulk->next;
        if (!wire->done)
            wire->done_end = &wire->done;
        if (bulk->done)
            bulk->done(wire->gate.transport.am, bulk->context, bulk->status);
        bulk->next = wire->free_bulks;
        wire->free_bulks = bulk;
        told++;
    }
    return told;
}

int wire_frames(struct wire *wire)
{
    const struct am_port_ops *ops = wire->port->ops;
    const void *frame;
    int delivered = 0;
    int taken = 0;
    size_t length;

    while (taken < WIRE_POLL_FRAMES && (frame = ops->rx_next(wire->port, &length)) != NULL) {
        if (taken == 0)
            read_clock(wire);
        delivered += wire_receive(wire, frame, length);
        ops->rx_release(wire->port);
        if (++taken % WIRE_BATCH == 0)
            wire_settle(wire);
    }
    if (taken == 0) {
        if (unlikely(wire->port->error != 0))
            port_failed(wire);
        if (wire->next_due == NEVER && !wire->held && !wire->unflushed)
            return 0;
        /* The clock costs more than an empty poll. */
        if (wire->polls_to_clock && !wire->helper_turn) {
            wire->polls_to_clock--;
            return 0;
        }
        read_clock(wire);
    } else if (!wire->helper_turn) {
        wire->gate.transport.stirs++;
    }
    wire->polls_to_clock = WIRE_POLLS_PER_CLOCK;
    if (unlikely(wire->held) && !wire->helper_turn) {
        delivered += wire_tell_done(wire);
        delivered += deliver_held(wire);
    }
    wire_settle(wire);
    if (unlikely(wire->now >= wire->next_due))
        wire_timers(wire);
    return delivered;
}

static int wire_poll(struct am_transport *transport)
{
    struct wire *wire = wire_of(transport);
    int delivered;

    wire->in_poll = true;
    if (unlikely(wire->backlog)) {
        wire->backlog = false;
        wire_verdicts(wire);
        if (wire->broken)
            fail_all(wire);
    }
    delivered = wire_frames(wire);
    if (unlikely(wire->done != NULL))
        delivered += wire_tell_done(wire);
    /* Whoever waits for room has reason to try again. */
    delivered += wire->reopened;
    wire->reopened = 0;
    wire->in_poll = false;
    if (wire->unflushed)
        wire_flush_port(wire);
    return delivered;
}

static void flush(struct wire *wire)
{
    for (struct wire_peer *peer = wire->busy; peer; peer = peer->next_busy)
        if (peer->owed && !peer->down)
            wire_send_ack(peer);
    if (wire->unflushed)
        wire_flush_port(wire);
}

static void wire_flush(struct am_transport *transport)
{
    flush(wire_of(transport));
}

/* The program stays inside while it sleeps: the frame that it waits for must not go to the helper. */
static bool wire_sleep(struct am_transport *transport, int *fd, uint64_t *deadline)
{
    struct wire *wire = wire_of(transport);
    size_t length;

    flush(wire);
    if (unlikely(wire->port->error != 0))
        port_failed(wire);
    *fd = wire->port->ops->descriptor(wire->port);
    if (wire->backlog || wire->done || wire->unflushed ||
        wire->port->ops->rx_next(wire->port, &length))
        return true;
    *deadline = min64(*deadline, wire->next_due);
    if (wire->helper && wire->next_due == NEVER)
        __atomic_store_n(&wire->armed, 0, __ATOMIC_RELAXED);
    return false;
}

static void wire_wake(struct am_transport *transport)
{
    struct wire *wire = wire_of(transport);

    /* Whoever sleeps is woken when a frame comes: the time slept is no time in which nobody looked. */
    wire->now = am_now(transport->am);
    wire->polls_to_clock = 0;
}

static void wire_peer_down(struct am_transport *transport, uint32_t process)
{
    struct wire *wire = wire_of(transport);

    if (process < wire->job->size && wire->peers[process])
        wire_peer_fail(wire->peers[process], NULL);
}

static bool wire_drained(struct am_link *link)
{
    return wire_peer_drained((struct wire_peer *)link);
}

bool wire_mark(const struct am_link *link, uint64_t *mark)
{
    const struct wire_peer *peer = (const struct wire_peer *)link;

    *mark = peer->tx_next;
    return !peer->staged && !peer->bulks;
}

bool wire_past(const struct am_transport *transport, uint32_t process, uint64_t mark)
{
    const struct wire_peer *peer = ((const struct wire *)transport)->peers[process];

    return (peer ? peer->rx_deliver : WIRE_FIRST_SEQUENCE) >= mark;
}

/* ---- looking at it ------------------------------------------------------------------------------------- */

static int wire_describe(struct am_link *link, char *text, size_t size)
{
    struct wire_peer *peer = (struct wire_peer *)link;
    const uint8_t *mac = peer->prefix;

    return snprintf(
        text, size,
        "wire to %02x:%02x:%02x:%02x:%02x:%02x: %s, frames of %u; sent %llu, %llu under way, "
        "window %u, "
        "credit %llu; received %llu, granted %llu; round trip %llu us, %u timeouts in a row",
        mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
        peer->down   ? "down"
        : peer->left ? "left"
        : peer->open ? "open"
                     : "unanswered",
        peer->room + FRAME_HEADER, (unsigned long long)(peer->tx_next - WIRE_FIRST_SEQUENCE),
        (unsigned long long)(peer->tx_next - peer->tx_una), peer->window,
        (unsigned long long)(peer->tx_edge > peer->tx_next ? peer->tx_edge - peer->tx_next : 0),
        (unsigned long long)(peer->rx_next - WIRE_FIRST_SEQUENCE),
        (unsigned long long)(peer->rx_edge - peer->rx_next),
        (unsigned long long)(peer->srtt / MICROSECOND), peer->timeouts);
}

static uint64_t wire_moved(const struct am_link *link)
{
    const struct wire_peer *peer = (const struct wire_peer *)link;

    return peer->tx_next + peer->rx_next;
}

static uint64_t wire_counter(const struct am_transport *transport, unsigned index,
                             const char **name)
{
    static const char *const names[WIRE_COUNTS] = {
        [COUNT_SENT] = "wire_frames_sent",
        [COUNT_RECEIVED] = "wire_frames_received",
        [COUNT_ACKS] = "wire_acks_sent",
        [COUNT_RESENT] = "wire_frames_resent",
        [COUNT_TIMEOUTS] = "wire_timeouts",
        [COUNT_NEEDLESS] = "wire_resent_needlessly",
        [COUNT_DUPLICATES] = "wire_dropped_duplicate",
        [COUNT_OUT_OF_ORDER] = "wire_out_of_order",
        [COUNT_BAD_SHAPE] = "wire_dropped_malformed",
        [COUNT_BAD_TAG] = "wire_dropped_bad_tag",
        [COUNT_FOREIGN] = "wire_dropped_foreign",
        [COUNT_EARLIER_LIFE] = "wire_dropped_earlier_life",
        [COUNT_BEYOND_CREDIT] = "wire_dropped_beyond_credit",
        [COUNT_STRAY_BULK] = "wire_stray_bulk",
        [COUNT_HELLOS] = "wire_hellos_sent",
        [COUNT_AGENT_PROBES] = "wire_agent_probes_sent",
        [COUNT_HELPER_TURNS] = "wire_helper_turns",
        [COUNT_PEERS_DOWN] = "wire_peers_down",
    };

    const struct wire *wire = (const struct wire *)transport;
    const struct am_port *port = wire->port;

    *name = NULL;
    if (index >= WIRE_COUNTS)
        return port->ops->counter ? port->ops->counter(port, index - WIRE_COUNTS, name) : 0;
    *name = names[index];
    return wire->count[index];
}

/* ---- beginning and end ----------------------------------------------------------------------------------- */

static void wire_close(struct am_transport *transport)
{
    struct wire *wire = wire_of(transport);
    struct wire_chunk *chunk;
    struct wire_bulk *bulk, *bulks[2];

    wire_helper_stop(wire);
    for (uint32_t i = 0; i < wire->job->size; i++) {
        struct wire_peer *peer = wire->peers[i];

        if (peer && peer->open && !peer->down)
            wire_send_control(peer, wire_peer_drained(peer) ? FRAME_BYE : FRAME_RESET, NULL, 0);
    }
    if (wire->unflushed)
        wire_flush_port(wire);
    for (uint32_t i = 0; i < wire->job->size; i++) {
        /* Those that are under way are only found there. */
        if (wire->peers[i])
            wire_peer_fail(wire->peers[i], NULL);
    }
    bulks[0] = wire->done;
    bulks[1] = wire->free_bulks;
    for (int i = 0; i < 2; i++) {
        while ((bulk = bulks[i]) != NULL) {
            bulks[i] = bulk->next;
            free(bulk);
        }
    }
    for (uint32_t i = 0; i < wire->job->size; i++)
        if (wire->peers[i])
            peer_free(wire->peers[i]);
    while ((chunk = wire->chunks) != NULL) {
        wire->chunks = chunk->next;
        free(chunk);
    }
    wire->port->ops->close(wire->port);
    free(wire->peers);
    free(wire->nodes);
    free(wire);
}

static const struct am_link_ops link_ops = {
    .name = "wire",
    .send = wire_send,
    .bulk = wire_bulk,
    .drained = wire_drained,
    .moved = wire_moved,
    .describe = wire_describe,
};

static const struct am_transport_ops transport_ops = {
    .connect = wire_connect,
    .poll = wire_poll,
    .sleep = wire_sleep,
    .wake = wire_wake,
    .peer_down = wire_peer_down,
    .flush = wire_flush,
    .close = wire_close,
    .counter = wire_counter,
};

struct am_transport *wire_open(struct am *am, const struct am_job *job)
{
    struct wire *wire = calloc(1, sizeof(*wire));

    if (!wire)
        return NULL;
    wire->gate.transport = (struct am_transport){.ops = &transport_ops, .am = am};
    wire->job = job;
    wire->port = job->port;
    wire->job_key = tag_key_from(job->key);
    wire->incarnation = job->incarnation;
    while (!wire->incarnation)
        if (getrandom(&wire->incarnation, sizeof(wire->incarnation), 0) < 0 && errno != EINTR)
            goto failed;
    wire->peers = calloc(job->size, sizeof(*wire->peers));
    wire->nodes = calloc(job->nodes, sizeof(*wire->nodes));
    if (!wire->peers || !wire->nodes)
        goto failed;
    for (uint32_t i = 0; i < job->nodes; i++)
        wire->nodes[i].node = i;
    wire->done_end = &wire->done;
    wire->next_due = NEVER;
    wire->now = am_now(am);
    wire->buffer_size = ((size_t)job->port->mtu + BUFFER_ALIGN - 1) & ~(size_t)(BUFFER_ALIGN - 1);
    wire_credit_start(wire);
    wire_helper_start(wire);
    return &wire->gate.transport;

failed:
    free(wire->peers);
    free(wire->nodes);
    free(wire);
    return NULL;
}
