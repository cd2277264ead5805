// SPDX-License-Identifier: BSD-2-Clause
/* Receiving. Hot: ethq_rx_next, ethq_rx_release. */
#include "ethq.h"
#include "ring.h"

/* Buffers given back are shown to the backend in batches: each costs a full barrier, and 240 of
 * them are enough to go on with. A flush shows the rest. */
#define OFFER_BATCH 16

/* Slots of the largest frame a backend may send: 18 of data (XEN_NETIF_NR_SLOTS_MIN in Linux) and
 * one extra descriptor of each type. */
#define CHAIN_MAX (18 + XEN_NETIF_EXTRA_TYPE_MAX - 1)

static void rx_recycle(struct ethq *q)
{
    q->rx.cons++;
    ring_rx_offer(q);
    if (q->rx.prod - q->rx.published >= OFFER_BATCH)
        ring_rx_publish(q);
}

/* Are there answers? The backend's index is read once, when the last look is used up. */
static bool rx_pending(struct ethq *q)
{
    struct ethq_rx *rx = &q->rx;
    uint32_t prod;

    if (rx->seen != rx->cons)
        return true;
    prod = ring_load(&q->rx_ring.index.rsp_prod);
    if (unlikely(prod - rx->cons > rx->published - rx->cons)) {
        ring_break(q, ETHQ_RX_PRODUCER, prod, rx->published);
        return false;
    }
    rx->seen = prod;
    return prod != rx->cons;
}

/* One slot of a frame that has several. We asked for none (no GSO, one page holds any frame of our
 * MTU), so they are dropped, all of them and no more. The parts of one chain: data, its extra
 * descriptors, data ... */
static bool rx_drop_chained(struct ethq *q, struct netif_rx_response answer)
{
    struct ethq_rx *rx = &q->rx;

    if (++rx->chain > CHAIN_MAX) {
        ring_break(q, ETHQ_RX_CHAIN, rx->chain, CHAIN_MAX);
        return false;
    }
    if (rx->extra) {
        struct netif_extra_info info;

        __builtin_memcpy(&info, &answer, sizeof info);
        if (info.type == XEN_NETIF_EXTRA_TYPE_NONE || info.type >= XEN_NETIF_EXTRA_TYPE_MAX) {
            ring_break(q, ETHQ_RX_EXTRA, info.type, XEN_NETIF_EXTRA_TYPE_MAX);
            return false;
        }
        rx->extra = info.flags & XEN_NETIF_EXTRA_FLAG_MORE;
    } else {
        rx->extra = !!(answer.flags & NETRXF_extra_info);
        rx->more = !!(answer.flags & NETRXF_more_data);
    }
    if (!rx->extra && !rx->more)
        rx->chain = 0;
    q->count.rx_chained++;
    return true;
}

/* A slot that is no whole frame: drop it, or break. */
static bool __attribute__((noinline)) rx_reject(struct ethq *q, struct netif_rx_response answer)
{
    uint32_t slot = q->rx.cons % ETHQ_SLOTS;

    if (answer.id != slot && !q->rx.extra) {
        ring_break(q, ETHQ_RX_ID, answer.id, slot);
        return false;
    }
    if (q->rx.chain || answer.flags & (NETRXF_more_data | NETRXF_extra_info)) {
        if (!rx_drop_chained(q, answer))
            return false;
    } else if (answer.status < 0) {
        q->count.rx_errors++;
    } else {
        q->count.rx_bounds++;
    }
    rx_recycle(q);
    return true;
}

const void *ethq_rx_next(struct ethq *q, size_t *length)
{
    struct ethq_rx *rx = &q->rx;

    if (unlikely(!q->link.up || ethq_broken(q)))
        return NULL;

    for (int looks = 0; likely(!rx->held); looks++) {
        uint32_t slot = rx->cons % ETHQ_SLOTS;
        struct netif_rx_response answer;

        if (looks == RING_POLL_MAX || !rx_pending(q))
            return NULL;
        answer = *(volatile struct netif_rx_response *)&q->rx_ring.slot[slot].rsp;
        if (likely(answer.id == slot && !rx->chain &&
                   !(answer.flags & (NETRXF_more_data | NETRXF_extra_info)) &&
                   answer.status >= ETHQ_FRAME_MIN &&
                   (uint32_t)answer.offset + (uint32_t)answer.status <= ETHQ_PAGE)) {
            rx->held = 1;
            rx->offset = answer.offset;
            rx->length = answer.status;
            q->count.rx_frames++;
            q->count.rx_bytes += rx->length;
        } else if (!rx_reject(q, answer)) {
            return NULL;
        }
    }
    *length = rx->length;
    return q->rx_buffer[rx->cons % ETHQ_SLOTS] + rx->offset;
}

void ethq_rx_release(struct ethq *q)
{
    if (unlikely(!q->rx.held))
        return;
    q->rx.held = 0;
    rx_recycle(q);
}

bool ethq_arm(struct ethq *q)
{
    struct ethq_rx *rx = &q->rx;
    struct ethq_tx *tx = &q->tx;
    bool work;

    if (unlikely(!q->link.up || ethq_broken(q)))
        return false;
    if (rx->held || rx->seen != rx->cons)
        return true;
    work = ring_arm(&q->rx_ring.index, rx->cons + 1) != rx->cons;
    if (tx->idle == 0) {
        /* Wake when half of the frames are through, not for each. */
        uint32_t enough = 1 + (tx->published - tx->cons) / 2;

        work |= ring_arm(&q->tx_ring.index, tx->cons + enough) - tx->cons >= enough;
    }
    return work;
}
