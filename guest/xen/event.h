/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/xen/event.h: event channels without upcalls.
 *
 * The upcall mask stays set for ever and no event callback is registered: an event is a bit in
 * shared_info that we look at when we want to. event_wait sleeps in SCHEDOP_poll, which Xen ends on a
 * pending bit whatever the mask says.
 */
#ifndef GUEST_XEN_EVENT_H
#define GUEST_XEN_EVENT_H

#include "guest/kernel.h"

#include <xen/xen.h>
#include <xen/event_channel.h>

/* Xen takes this many ports in one poll at most. */
#define EVENT_WAIT_MAX 128

/* A new port that domain `peer` may bind. The port, or a negative errno. */
int event_alloc_unbound(domid_t peer);

/* A new port of ours bound to `peer`'s unbound port `remote`. The port, or a negative errno. */
int event_bind_interdomain(domid_t peer, evtchn_port_t remote);

/* A new port for one of Xen's virtual interrupts. The port, or a negative errno. */
int event_bind_virq(unsigned virq);

/* Close a port; what was pending on it is forgotten. */
int event_close(evtchn_port_t port);

/* Ring the other side's port: the doorbell. One hypercall. */
int event_notify(evtchn_port_t port);

/* Is an event pending on `port`? Clears it, with a full barrier after: data that the other side
 * published before it rang is visible when this returns true. */
bool event_take(evtchn_port_t port);

/* Make it pending, as the peer's notification does: for an event that was taken with what it told of only partly looked at. */
void event_set(evtchn_port_t port);

/* The same question, leaving the event pending. */
bool event_pending(evtchn_port_t port);

/* Sleep until one of `ports` is pending or time_now() reaches `deadline` (nanoseconds; TIME_NEVER
 * waits for ever). Nothing is cleared: call event_take for the ports that matter, and look at the
 * rings after that. 0: something is pending; -ETIMEDOUT; -EINVAL for a bad port or too many.
 * A port must be taken (event_take) before data is looked at and waited for only when none was
 * found, else its stale bit makes this return at once. */
int event_wait(const evtchn_port_t *ports, unsigned count, uint64_t deadline);

#endif
