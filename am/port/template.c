/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A port to copy. Every place where a device belongs says DEVICE; what stands there now joins two ports in memory.
 */
#include "am/port/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "am/port/port.h"

enum {
    TX_SLOTS = 16,
    ALIGN = 64,
    SHIFT =
        2, /* a frame begins 2 bytes before a multiple of 8: what follows the Ethernet header is aligned */
};

struct slot {
    size_t length;
    uint8_t *frame;
};

struct template_port {
    struct am_port port; /* first: the wire knows nothing else of this */

    /* DEVICE: its descriptor or mapped registers. Here: the other side. */
    struct template_port *other;

    uint8_t *memory; /* of all frames */
    struct slot tx[TX_SLOTS];
    uint32_t tx_count;
    struct slot *rx;
    uint32_t rx_first, rx_count;
};

static struct template_port *template_of(struct am_port *port)
{
    return (struct template_port *)port;
}

/* Space for the next frame. No room is an answer, not an error: the wire comes again. */
static void *template_tx_reserve(struct am_port *am_port)
{
    struct template_port *port = template_of(am_port);

    return port->tx_count < TX_SLOTS ? port->tx[port->tx_count].frame : NULL;
}

static void template_tx_commit(struct am_port *am_port, size_t length)
{
    struct template_port *port = template_of(am_port);

    port->tx[port->tx_count++].length = length;
}

/* DEVICE: tell it, once for all frames. An error only when it is gone for good: frames may be lost. */
static int template_tx_flush(struct am_port *am_port)
{
    struct template_port *port = template_of(am_port);
    struct template_port *to = port->other;

    for (uint32_t i = 0; i < port->tx_count && to; i++) {
        struct slot *slot;

        if (to->rx_count == to->port.rx_slots)
            break;
        slot = &to->rx[(to->rx_first + to->rx_count++) % to->port.rx_slots];
        slot->length = port->tx[i].length;
        memcpy(slot->frame, port->tx[i].frame, slot->length);
    }
    port->tx_count = 0;
    return 0;
}

/* DEVICE: look at the next slot; no system call. The frame stays where it is until rx_release. */
static const void *template_rx_next(struct am_port *am_port, size_t *length)
{
    struct template_port *port = template_of(am_port);

    if (!port->rx_count)
        return NULL;
    *length = port->rx[port->rx_first].length;
    return port->rx[port->rx_first].frame;
}

/* DEVICE: the slot is the device's again. */
static void template_rx_release(struct am_port *am_port)
{
    struct template_port *port = template_of(am_port);

    port->rx_first = (port->rx_first + 1) % port->port.rx_slots;
    port->rx_count--;
}

/* DEVICE: what to sleep on. -1: nothing, whoever waits must poll. */
static int template_descriptor(struct am_port *port)
{
    return -1;
}

static void template_close(struct am_port *am_port)
{
    struct template_port *port = template_of(am_port);

    if (port->other)
        port->other->other = NULL;
    free(port->memory);
    free(port->rx);
    free(port);
}

static const struct am_port_ops template_ops = {
    .name = "template",
    .tx_reserve = template_tx_reserve,
    .tx_commit = template_tx_commit,
    .tx_flush = template_tx_flush,
    .rx_next = template_rx_next,
    .rx_release = template_rx_release,
    .descriptor = template_descriptor,
    .close = template_close,
};

static struct template_port *open_one(uint16_t mtu, uint32_t slots, uint8_t last_of_mac)
{
    struct template_port *port = calloc(1, sizeof(*port));
    size_t frame = ((size_t)SHIFT + PORT_HEADER + mtu + ALIGN - 1) / ALIGN * ALIGN;

    if (!port)
        return NULL;
    port->memory = aligned_alloc(ALIGN, (TX_SLOTS + slots) * frame);
    port->rx = calloc(slots, sizeof(*port->rx));
    if (!port->memory || !port->rx) {
        template_close(&port->port);
        return NULL;
    }
    for (uint32_t i = 0; i < TX_SLOTS; i++)
        port->tx[i].frame = port->memory + i * frame + SHIFT;
    for (uint32_t i = 0; i < slots; i++)
        port->rx[i].frame = port->memory + (TX_SLOTS + i) * frame + SHIFT;
    port->port = (struct am_port){
        .ops = &template_ops,
        .mac = {2, 0, 0, 0, 0, last_of_mac}, /* DEVICE: its own */
        .mtu = mtu,
        .rx_slots = slots, /* honest: credits are computed from it */
        .tx_slots = TX_SLOTS,
    };
    return port;
}

int template_open(struct am_port *port[2], uint16_t mtu, uint32_t slots)
{
    struct template_port *a = open_one(mtu, slots, 0);
    struct template_port *b = open_one(mtu, slots, 1);

    if (!a || !b) {
        if (a)
            template_close(&a->port);
        if (b)
            template_close(&b->port);
        return -ENOMEM;
    }
    a->other = b;
    b->other = a;
    port[0] = &a->port;
    port[1] = &b->port;
    return 0;
}
