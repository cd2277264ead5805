/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/template.h: a port to copy, and the smallest one that works: two of them, joined in memory.
 */
#ifndef CARAVAN_TEMPLATE_H
#define CARAVAN_TEMPLATE_H

#include <stdint.h>

struct am_port;

/* Two ports: what one sends the other receives, at once and in order, and loses when its slots are full. Used by one thread.
 * 0 or -ENOMEM. Both must be closed. */
int template_open(struct am_port *port[2], uint16_t mtu, uint32_t slots);

#endif
