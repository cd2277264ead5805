// SPDX-License-Identifier: BSD-2-Clause
/* Sending. Hot: ethq_tx_reserve, ethq_tx_commit, ethq_flush. */
#include "ethq.h"
#include "ring.h"

#include <errno.h>

/* The grant of a transmit buffer covers its page, and a request must not cross it. */
static size_t frame_max(const struct ethq *q)
{
    size_t max = (size_t)q->link.mtu + ETHQ_FRAME_MIN;

    return max < ETHQ_PAGE ? max : ETHQ_PAGE;
}

/* Take one answer. They come in any order; the id is the buffer's number (io/netif.h). */
static bool tx_take(struct ethq *q, struct netif_tx_response answer)
{
    struct ethq_tx *tx = &q->tx;

    if (unlikely(answer.status == NETIF_RSP_NULL)) {
        q->count.tx_null++;
        return true;
    }
    if (unlikely(answer.id >= ETHQ_TX_BUFFERS)) {
        ring_break(q, ETHQ_TX_ID, answer.id, ETHQ_TX_BUFFERS);
        return false;
    }
    /* The second cannot be, unless a program spoilt its own state; but the kernel runs this, too. */
    if (unlikely(!tx->busy[answer.id] || tx->idle >= ETHQ_TX_BUFFERS)) {
        ring_break(q, ETHQ_TX_IDLE, answer.id, tx->cons);
        return false;
    }
    if (unlikely(answer.status < 0))
        q->count.tx_errors++;
    tx->busy[answer.id] = 0;
    tx->stack[tx->idle++] = answer.id;
    return true;
}

void ring_tx_reap(struct ethq *q)
{
    struct ethq_tx *tx = &q->tx;
    uint32_t prod = ring_load(&q->tx_ring.index.rsp_prod);

    if (unlikely(prod - tx->cons > tx->published - tx->cons || prod - tx->cons > ETHQ_SLOTS)) {
        ring_break(q, ETHQ_TX_PRODUCER, prod, tx->published);
        return;
    }
    while (tx->cons != prod) {
        uint32_t slot = tx->cons % ETHQ_SLOTS;
        struct netif_tx_response answer =
            *(volatile struct netif_tx_response *)&q->tx_ring.slot[slot].rsp;

        if (!tx_take(q, answer))
            return;
        tx->cons++;
    }
    /* Every answer names a frame, as no request was anything else; one that did not costs a buffer
     * for ever, and a sender that lost them all would wait without end. */
    if (unlikely(tx->cons == tx->prod && tx->idle != ETHQ_TX_BUFFERS))
        ring_break(q, ETHQ_TX_MUTE, tx->idle, ETHQ_TX_BUFFERS);
}

void *ethq_tx_reserve(struct ethq *q)
{
    struct ethq_tx *tx = &q->tx;

    if (unlikely(!q->link.up || ethq_broken(q)))
        return NULL;
    if (unlikely(tx->idle == 0)) {
        ring_tx_reap(q);
        if (tx->idle == 0 || ethq_broken(q)) {
            q->count.tx_full++;
            return NULL;
        }
    }
    tx->reserved = 1;
    return q->tx_buffer[tx->stack[tx->idle - 1]];
}

int ethq_tx_commit(struct ethq *q, size_t length)
{
    struct ethq_tx *tx = &q->tx;
    uint32_t buffer;

    if (unlikely(!tx->reserved))
        return -ENETDOWN;
    if (unlikely(length < ETHQ_FRAME_MIN || length > frame_max(q)))
        return -EINVAL;
    tx->reserved = 0;
    buffer = tx->stack[--tx->idle];
    tx->busy[buffer] = 1;
    q->tx_ring.slot[tx->prod++ % ETHQ_SLOTS].req = (struct netif_tx_request){
        .gref = tx->grant[buffer],
        .id = buffer,
        .size = length,
    };
    q->count.tx_frames++;
    q->count.tx_bytes += length;
    return 0;
}

unsigned ethq_tx_pending(struct ethq *q)
{
    if (!q->link.up || ethq_broken(q))
        return 0;
    ring_tx_reap(q);
    return ethq_broken(q) ? 0 : ETHQ_TX_BUFFERS - q->tx.idle;
}

bool ethq_flush(struct ethq *q)
{
    bool ring = false;

    if (unlikely(!q->link.up || ethq_broken(q)))
        return false;
    if (q->tx.published != q->tx.prod)
        ring |= ring_publish(&q->tx_ring.index, &q->tx.published, q->tx.prod);
    if (q->rx.published != q->rx.prod)
        ring_rx_publish(q);
    ring |= q->rx.doorbell;
    q->rx.doorbell = 0;
    q->count.doorbells += ring;
    return ring;
}
