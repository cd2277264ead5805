/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/wire.h: links to the processes of other nodes, over one Ethernet port.
 *
 * A wire makes what a port promises (nothing) into what a link promises (exactly once, in order, or peer down).
 * docs/wire.md is the protocol.
 *
 * Where the clock is the real one a wire has a helper thread, which retransmits and acknowledges while the program
 * computes outside the endpoint. Whoever uses a wire brackets that use with wire_enter and wire_leave; they nest.
 */
#ifndef CARAVAN_WIRE_H
#define CARAVAN_WIRE_H

#include "am/job.h"
#include "am/link/link.h"

/* A wire over job->port, which is the wire's from now on and closed with it; `job` itself and its tables stay the
 * caller's and outlive the wire. NULL: no memory. */
struct am_transport *wire_open(struct am *am, const struct am_job *job);

/* A pair that leaves its wire for something else: does everything that was given to this link have a place in its sequence? Then
 * *mark is where the next would be. And has everything before `mark` that `process` sent us been handed up? */
bool wire_mark(const struct am_link *link, uint64_t *mark);
bool wire_past(const struct am_transport *transport, uint32_t process, uint64_t mark);

/* Who uses the wire: the program's threads (one at a time) or the helper. The program's side is two plain
 * stores and a load; the helper pays for the ordering with a system call (membarrier). */
struct wire_gate {
    struct am_transport transport;
    uint32_t inside; /* how often the program is */
    uint32_t helper; /* 1: the helper is, or wants to be */
    bool fenced;     /* this kernel has no membarrier: the program's side needs a fence */
};

/* Wait for the helper to leave; it is quick. */
void wire_enter_slow(struct wire_gate *gate);

static inline void wire_enter(struct am_transport *transport)
{
    struct wire_gate *gate = (struct wire_gate *)transport;

    __atomic_store_n(&gate->inside, gate->inside + 1, __ATOMIC_RELAXED);
    if (__builtin_expect(gate->fenced, 0))
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(__atomic_load_n(&gate->helper, __ATOMIC_ACQUIRE), 0))
        wire_enter_slow(gate);
}

static inline void wire_leave(struct am_transport *transport)
{
    struct wire_gate *gate = (struct wire_gate *)transport;

    __atomic_store_n(&gate->inside, gate->inside - 1, __ATOMIC_RELEASE);
}

#endif
