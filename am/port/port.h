/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/port.h: an Ethernet queue pair.
 *
 * A port moves whole frames and promises nothing else: they may be lost, duplicated, reordered or
 * damaged. Links add the promises (link/wire.c). One thread uses a port at a time.
 *
 * To add a port: copy port/template.c, fill in the operations, list it in am/meson.build. Every test
 * in tests/am/link then runs over it.
 */
#ifndef CARAVAN_PORT_H
#define CARAVAN_PORT_H

#include <stddef.h>
#include <stdint.h>

enum {
    PORT_HEADER = 14, /* bytes of the Ethernet header, which is part of every frame here */
};

struct am_port {
    const struct am_port_ops *ops;
    uint8_t mac[6];
    uint16_t mtu;      /* bytes after the Ethernet header, at most */
    uint32_t rx_slots; /* frames that the port holds before it drops */
    uint32_t tx_slots; /* frames that may be committed between two flushes */
    int error; /* 0, or the negative errno for which the device is gone for good; the port has said more on standard error */
};

struct am_port_ops {
    const char *name;

    /* Space for one outgoing frame of PORT_HEADER + mtu bytes, or NULL while the ring is full.
     * The caller writes the frame there, then commits it; uncommitted space is reused. */
    void *(*tx_reserve)(struct am_port *port);
    void (*tx_commit)(struct am_port *port, size_t length);
    /* Hand what was committed to the device. 0; -EAGAIN: it does not take all now, the rest stays committed; or a
     * negative errno that says that the device is gone. */
    int (*tx_flush)(struct am_port *port);

    /* The next frame received, or NULL. It stays valid until rx_release. `length` counts the Ethernet header. */
    const void *(*rx_next)(struct am_port *port, size_t *length);
    void (*rx_release)(struct am_port *port);

    /* A descriptor that polls readable when rx_next would return a frame; -1: there is none. */
    int (*descriptor)(struct am_port *port);

    /* The `index`th thing that the port counts, and its name; *name is NULL past the end. NULL: it counts nothing. */
    uint64_t (*counter)(const struct am_port *port, unsigned index, const char **name);

    void (*close)(struct am_port *port);
};

#endif
