/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The simulated Ethernet.
 */
#include "am/port/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIM_MAX_FRAME = PORT_HEADER + 9216,
    SIM_TX_SLOTS = 64,
    SIM_PAST = 64, /* frames that may be replayed */
    SIM_CUTS = 16,
};

struct sim_frame {
    struct sim_frame *next; /* free, or in a port's ring */
    uint64_t at;
    uint64_t order; /* frames that arrive at once arrive in the order in which they were sent */
    uint32_t length;
    uint8_t pad[6]; /* what follows the Ethernet header is 8-byte aligned, as on a real port */
    uint8_t bytes[SIM_MAX_FRAME];
};

_Static_assert((offsetof(struct sim_frame, bytes) + 14) % 8 == 0, "an aligned payload");

struct sim_port {
    struct am_port port; /* first */
    struct sim *sim;
    struct sim_port *next;
    uint32_t number;
    sim_listener *listener;
    void *context;

    struct sim_frame *reserved;
    struct sim_frame *tx[SIM_TX_SLOTS];
    uint32_t tx_count;
    struct sim_frame **rx; /* a ring of rx_slots */
    uint32_t rx_first, rx_count;
    uint64_t overruns;
};

struct sim {
    uint64_t seed;
    uint64_t now;
    uint64_t order;
    struct sim_faults faults;
    struct sim_port *ports;
    struct sim_frame *free;

    struct sim_frame **heap; /* on their way; the earliest first */
    size_t heap_count, heap_room;

    struct sim_frame *past[SIM_PAST];
    uint64_t past_count;
    uint64_t last_arrival; /* jitter keeps the order */

    sim_listener *tap;
    void *tap_context;

    struct {
        uint8_t a[6], b[6];
        bool any;
        uint64_t until;
    } cut[SIM_CUTS];
};

/* splitmix64 (Steele, Lea and Flood, 2014). */
static uint64_t next_random(struct sim *sim)
{
    uint64_t z = sim->seed += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t sim_random(struct sim *sim, uint64_t limit)
{
    return limit ? next_random(sim) % limit : 0;
}

static bool happens(struct sim *sim, uint32_t millionths)
{
    return millionths && next_random(sim) % 1000000 < millionths;
}

/* ---- frames on their way --------------------------------------------------------------------------- */

static struct sim_frame *frame_new(struct sim *sim)
{
    struct sim_frame *frame = sim->free;

    if (frame)
        sim->free = frame->next;
    else
        frame = malloc(sizeof(*frame));
    return frame;
}

static void frame_free(struct sim *sim, struct sim_frame *frame)
{
    frame->next = sim->free;
    sim->free = frame;
}

static bool earlier(const struct sim_frame *a, const struct sim_frame *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void launch(struct sim *sim, struct sim_frame *frame, uint64_t at)
{
    size_t i;

    if (sim->heap_count == sim->heap_room) {
        size_t room = sim->heap_room ? 2 * sim->heap_room : 256;
        struct sim_frame **heap = realloc(sim->heap, room * sizeof(*heap));

        if (!heap) {
            frame_free(sim, frame); /* lost: nobody was promised anything */
            return;
        }
        sim->heap = heap;
        sim->heap_room = room;
    }
    frame->at = at;
    frame->order = sim->order++;
    for (i = sim->heap_count++; i && earlier(frame, sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
        sim->heap[i] = sim->heap[(i - 1) / 2];
    sim->heap[i] = frame;
}

static struct sim_frame *land(struct sim *sim)
{
    struct sim_frame *first = sim->heap[0];
    struct sim_frame *last = sim->heap[--sim->heap_count];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < sim->heap_count) {
        if (child + 1 < sim->heap_count && earlier(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (!earlier(sim->heap[child], last))
            break;
        sim->heap[i] = sim->heap[child];
        i = child;
    }
    sim->heap[i] = last;
    return first;
}

static struct sim_frame *copy_of(struct sim *sim, const struct sim_frame *frame)
{
    struct sim_frame *copy = frame_new(sim);

    if (copy) {
        copy->length = frame->length;
        memcpy(copy->bytes, frame->bytes, frame->length);
    }
    return copy;
}

static bool is_cut(const struct sim *sim, const uint8_t *from, const uint8_t *to)
{
    for (int i = 0; i < SIM_CUTS; i++) {
        if (sim->cut[i].until <= sim->now)
            continue;
        if (sim->cut[i].any) {
            if (!memcmp(sim->cut[i].a, from, 6) || !memcmp(sim->cut[i].a, to, 6))
                return true;
        } else if ((!memcmp(sim->cut[i].a, from, 6) && !memcmp(sim->cut[i].b, to, 6)) ||
                   (!memcmp(sim->cut[i].a, to, 6) && !memcmp(sim->cut[i].b, from, 6))) {
            return true;
        }
    }
    return false;
}

static void remember(struct sim *sim, const struct sim_frame *frame)
{
    struct sim_frame **place = &sim->past[sim->past_count++ % SIM_PAST];

    if (*place)
        frame_free(sim, *place);
    *place = copy_of(sim, frame);
}

/* One frame leaves a port. */
static void transmit(struct sim *sim, struct sim_frame *frame)
{
    const struct sim_faults *faults = &sim->faults;
    uint64_t at = sim->now + faults->delay + sim_random(sim, faults->jitter);
    struct sim_frame *copy;

    if (sim->tap)
        sim->tap(sim->tap_context, frame->bytes, frame->length);
    if (faults->path_mtu && frame->length > (uint32_t)PORT_HEADER + faults->path_mtu) {
        frame_free(sim, frame);
        return;
    }
    if (faults->replay) {
        remember(sim, frame);
        if (happens(sim, faults->replay)) {
            copy =
                sim->past[sim_random(sim, sim->past_count < SIM_PAST ? sim->past_count : SIM_PAST)];
            copy = copy ? copy_of(sim, copy) : NULL;
            if (copy)
                launch(sim, copy, at + sim_random(sim, 1000 * (faults->delay + 1)));
        }
    }
    if (is_cut(sim, frame->bytes + 6, frame->bytes) || happens(sim, faults->loss)) {
        frame_free(sim, frame);
        return;
    }
    if (at < sim->last_arrival)
        at = sim->last_arrival;
    sim->last_arrival = at;
    if (happens(sim, faults->reorder))
        at += sim_random(sim, faults->reorder_delay);
    if (happens(sim, faults->duplicate) && (copy = copy_of(sim, frame)) != NULL)
        launch(sim, copy, at + sim_random(sim, faults->reorder_delay + 1));
    if (happens(sim, faults->damage))
        for (uint64_t bits = 1 + sim_random(sim, 8); bits; bits--)
            frame->bytes[sim_random(sim, frame->length)] ^= (uint8_t)(1u << sim_random(sim, 8));
    if (happens(sim, faults->truncate))
        frame->length = (uint32_t)sim_random(sim, frame->length);
    launch(sim, frame, at);
}

static void arrive(struct sim *sim, struct sim_frame *frame)
{
    uint32_t number;

    if (frame->length >= PORT_HEADER + sizeof(number)) {
        memcpy(&number, frame->bytes + PORT_HEADER, sizeof(number));
        for (struct sim_port *port = sim->ports; port; port = port->next) {
            if (port->number != number ||
                (!port->listener && memcmp(port->port.mac, frame->bytes, 6)))
                continue;
            if (port->listener) {
                port->listener(port->context, frame->bytes, frame->length);
                break;
            }
            if (port->rx_count == port->port.rx_slots) {
                port->overruns++;
                break;
            }
            port->rx[(port->rx_first + port->rx_count++) % port->port.rx_slots] = frame;
            return;
        }
    }
    frame_free(sim, frame);
}

uint64_t sim_next(const struct sim *sim)
{
    return sim->heap_count ? sim->heap[0]->at : UINT64_MAX;
}

bool sim_step(struct sim *sim, uint64_t until)
{
    if (sim_next(sim) > until) {
        if (until > sim->now)
            sim->now = until;
        return false;
    }
    if (sim_next(sim) > sim->now)
        sim->now = sim_next(sim);
    while (sim_next(sim) <= sim->now)
        arrive(sim, land(sim));
    return true;
}

/* ---- the port -------------------------------------------------------------------------------------- */

static void *sim_tx_reserve(struct am_port *am_port)
{
    struct sim_port *port = (struct sim_port *)am_port;

    if (port->tx_count == SIM_TX_SLOTS || happens(port->sim, port->sim->faults.full))
        return NULL;
    if (!port->reserved)
        port->reserved = frame_new(port->sim);
    return port->reserved ? port->reserved->bytes : NULL;
}

static void sim_tx_commit(struct am_port *am_port, size_t length)
{
    struct sim_port *port = (struct sim_port *)am_port;

    port->reserved->length = (uint32_t)length;
    port->tx[port->tx_count++] = port->reserved;
    port->reserved = NULL;
}

static int sim_tx_flush(struct am_port *am_port)
{
    struct sim_port *port = (struct sim_port *)am_port;

    for (uint32_t i = 0; i < port->tx_count; i++)
        transmit(port->sim, port->tx[i]);
    port->tx_count = 0;
    return 0;
}

static const void *sim_rx_next(struct am_port *am_port, size_t *length)
{
    struct sim_port *port = (struct sim_port *)am_port;
    struct sim_frame *frame;

    if (!port->rx_count)
        return NULL;
    frame = port->rx[port->rx_first];
    *length = frame->length;
    return frame->bytes;
}

static void sim_rx_release(struct am_port *am_port)
{
    struct sim_port *port = (struct sim_port *)am_port;

    frame_free(port->sim, port->rx[port->rx_first]);
    port->rx_first = (port->rx_first + 1) % port->port.rx_slots;
    port->rx_count--;
}

static int sim_descriptor(struct am_port *port)
{
    return -1;
}

static void sim_port_close(struct am_port *am_port)
{
    struct sim_port *port = (struct sim_port *)am_port;

    sim_tx_flush(am_port);
    while (port->rx_count)
        sim_rx_release(am_port);
    if (port->reserved)
        frame_free(port->sim, port->reserved);
    for (struct sim_port **at = &port->sim->ports; *at; at = &(*at)->next) {
        if (*at == port) {
            *at = port->next;
            break;
        }
    }
    free(port->rx);
    free(port);
}

static const struct am_port_ops sim_port_ops = {
    .name = "sim",
    .tx_reserve = sim_tx_reserve,
    .tx_commit = sim_tx_commit,
    .tx_flush = sim_tx_flush,
    .rx_next = sim_rx_next,
    .rx_release = sim_rx_release,
    .descriptor = sim_descriptor,
    .close = sim_port_close,
};

struct am_port *sim_port(struct sim *sim, uint32_t number, const uint8_t mac[6], uint16_t mtu,
                         uint32_t rx_slots)
{
    struct sim_port *port = calloc(1, sizeof(*port));

    if (!port)
        return NULL;
    port->rx = calloc(rx_slots ? rx_slots : 1, sizeof(*port->rx));
    if (!port->rx || (size_t)PORT_HEADER + mtu > SIM_MAX_FRAME) {
        free(port->rx);
        free(port);
        return NULL;
    }
    port->port = (struct am_port){
        .ops = &sim_port_ops,
        .mtu = mtu,
        .rx_slots = rx_slots,
        .tx_slots = SIM_TX_SLOTS,
    };
    if (mac)
        memcpy(port->port.mac, mac, 6);
    port->sim = sim;
    port->number = number;
    port->next = sim->ports;
    sim->ports = port;
    return &port->port;
}

uint64_t sim_overruns(const struct am_port *port)
{
    return ((const struct sim_port *)port)->overruns;
}

int sim_listen(struct sim *sim, uint32_t number, sim_listener *listener, void *context)
{
    struct sim_port *port = (struct sim_port *)sim_port(sim, number, NULL, 1500, 0);

    if (!port)
        return -ENOMEM;
    port->listener = listener;
    port->context = context;
    return 0;
}

void sim_tap(struct sim *sim, sim_listener *listener, void *context)
{
    sim->tap = listener;
    sim->tap_context = context;
}

static struct sim_frame *frame_of(struct sim *sim, const void *bytes, size_t length)
{
    struct sim_frame *frame = length <= SIM_MAX_FRAME ? frame_new(sim) : NULL;

    if (frame) {
        frame->length = (uint32_t)length;
        memcpy(frame->bytes, bytes, length);
    }
    return frame;
}

void sim_send(struct sim *sim, const void *bytes, size_t length)
{
    struct sim_frame *frame = frame_of(sim, bytes, length);

    if (frame)
        transmit(sim, frame);
}

void sim_inject(struct sim *sim, const void *bytes, size_t length, uint64_t delay)
{
    struct sim_frame *frame = frame_of(sim, bytes, length);

    if (frame)
        launch(sim, frame, sim->now + delay);
}

void sim_cut(struct sim *sim, const uint8_t a[6], const uint8_t *b, uint64_t until)
{
    int place = 0;

    for (int i = 0; i < SIM_CUTS; i++)
        if (sim->cut[i].until < sim->cut[place].until)
            place = i;
    memcpy(sim->cut[place].a, a, 6);
    sim->cut[place].any = !b;
    if (b)
        memcpy(sim->cut[place].b, b, 6);
    sim->cut[place].until = until;
}

/* ---- beginning and end -------------------------------------------------------------------------------- */

uint64_t sim_now(void *sim)
{
    return ((struct sim *)sim)->now;
}

void sim_set_faults(struct sim *sim, const struct sim_faults *faults)
{
    sim->faults = *faults;
}

struct sim *sim_open(uint64_t seed, const struct sim_faults *faults)
{
    struct sim *sim = calloc(1, sizeof(*sim));

    if (!sim)
        return NULL;
    sim->seed = seed;
    sim->now = 1000000000; /* 0 means "never" to some */
    if (faults)
        sim->faults = *faults;
    return sim;
}

void sim_close(struct sim *sim)
{
    struct sim_frame *frame;

    while (sim->ports) /* listeners */
        sim_port_close(&sim->ports->port);
    for (size_t i = 0; i < sim->heap_count; i++)
        free(sim->heap[i]);
    for (int i = 0; i < SIM_PAST; i++)
        free(sim->past[i]);
    while ((frame = sim->free) != NULL) {
        sim->free = frame->next;
        free(frame);
    }
    free(sim->heap);
    free(sim);
}
