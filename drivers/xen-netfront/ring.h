/* SPDX-License-Identifier: BSD-2-Clause */
/* ring.h: what the files of the queue pair share about reading and writing a ring (private).
 *
 * io/ring.h has macros for this, but they re-read indices from the shared page that the frontend
 * itself wrote there, and the backend may have changed them since. Here what we wrote is remembered
 * in private.
 */
#ifndef CARAVAN_RING_H
#define CARAVAN_RING_H

#include "ethq.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Slots looked at in one call that finds nothing to hand out. */
#define RING_POLL_MAX 64

/* Mark the queue broken, unless it is already. */
void ring_break(struct ethq *q, enum ethq_fault fault, uint32_t value, uint32_t limit);

/* Take all transmit answers. */
void ring_tx_reap(struct ethq *q);

static inline uint32_t ring_load(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/* Show the backend the requests up to `prod`. True if it wants a doorbell: it sets req_event to the
 * first request that shall ring, and re-reads req_prod after that; hence the full barrier. */
static inline bool ring_publish(struct ethq_ring_index *index, uint32_t *published, uint32_t prod)
{
    uint32_t before = *published;

    *published = prod;
    __atomic_store_n(&index->req_prod, prod, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return prod - __atomic_load_n(&index->req_event, __ATOMIC_RELAXED) < prod - before;
}

/* Offer the backend the next receive buffer. Slot, buffer and grant go together for life, and
 * answers come in the order of requests, so the slot that is free next is always that of the buffer
 * given back. */
static inline void ring_rx_offer(struct ethq *q)
{
    uint32_t slot = q->rx.prod++ % ETHQ_SLOTS;

    q->rx_ring.slot[slot].req = (struct netif_rx_request){.id = slot, .gref = q->rx.grant[slot]};
}

static inline void ring_rx_publish(struct ethq *q)
{
    if (ring_publish(&q->rx_ring.index, &q->rx.published, q->rx.prod))
        q->rx.doorbell = 1;
}

/* Ask for a signal when the backend's answers reach `event`. Returns where they are: a backend that
 * passed it before it saw the request sends no signal. */
static inline uint32_t ring_arm(struct ethq_ring_index *index, uint32_t event)
{
    __atomic_store_n(&index->rsp_event, event, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return ring_load(&index->rsp_prod);
}

#endif
