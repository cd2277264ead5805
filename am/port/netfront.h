/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/netfront.h: an Ethernet queue pair over the Xen network interface of a domain, /dev/ethq0 of the guest kernel
 * (docs/netfront.md).
 */
#ifndef CARAVAN_NETFRONT_H
#define CARAVAN_NETFRONT_H

#include <stdint.h>

struct am_port;
struct ethq;
struct ethq_wait;

/* Open the device, which waits until dom0 has connected it. Frames are of at most `mtu` bytes, or of what the interface carries
 * if that is less; `mac` is the address that the peers were told. 0, or an error that was printed. */
int netfront_open(struct am_port **port, const uint8_t mac[6], uint16_t mtu);

/* What the port asks of the kernel: ETHQ_WAIT, as ioctl(2) answers it. A test plays the kernel. */
struct netfront_device {
    int fd; /* to sleep on; -1: none */
    int (*wait)(struct netfront_device *device, struct ethq_wait *wait);
};

/* The same over a queue pair that is mapped already. Both stay the caller's, and outlive the port. */
int netfront_attach(struct am_port **port, struct ethq *queue, struct netfront_device *device,
                    const uint8_t mac[6], uint16_t mtu);

#endif
