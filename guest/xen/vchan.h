/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/xen/vchan.h: a byte stream each way between this domain, which serves it, and dom0 (xen/io/libxenvchan.h).
 *
 * One page of indices, two rings of our own pages, one event channel; there is one such channel. The other end writes the
 * pages whenever it likes: its indices are read once and bounded.
 */
#ifndef GUEST_XEN_VCHAN_H
#define GUEST_XEN_VCHAN_H

#include "guest/kernel.h"

#include <xen/xen.h>
#include <xen/event_channel.h>

/* Grant the pages and say where they are: `ring-ref`, then `event-channel`, below `path` in xenstore. 0, or a negative
 * errno after a message. Writing works from here on, within the ring's room. */
int vchan_serve(const char *path);

/* What to wait for: data, room, or the other end's coming and going. */
evtchn_port_t vchan_port(void);

/* Why it is of no use any more: the other end, having come, has gone, or has broken the protocol. NULL: it is. */
const char *vchan_ended(void);

/* Read what is there, or write what there is room for, at most `size` bytes: how many. */
size_t vchan_read(void *bytes, size_t size);
size_t vchan_write(const void *bytes, size_t size);

/* Before sleeping on vchan_port: ask to be told of data, and of room if `writing`. True: there is some already. */
bool vchan_arm(bool writing);

#endif
