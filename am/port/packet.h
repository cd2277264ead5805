/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/packet.h: an Ethernet queue pair over an AF_PACKET socket that the packet helper has opened, bound to its
 * interface and filtered.
 */
#ifndef CARAVAN_PACKET_H
#define CARAVAN_PACKET_H

#include <stdint.h>

struct am_port;

/* `fd` is the port's, also on failure. `interface` for messages. 0, -ENOMEM, or the socket's error. */
int packet_open(struct am_port **port, int fd, const char *interface, const uint8_t mac[6],
                uint16_t mtu);

#endif
