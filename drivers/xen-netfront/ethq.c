// SPDX-License-Identifier: BSD-2-Clause
/* The life of a queue pair: its beginning, its connections, its faults. Nothing here is hot. */
#include "ethq.h"
#include "ring.h"

#include <string.h>

static const char *const fault_text[] = {
    [ETHQ_SOUND] = "nothing is wrong",
    [ETHQ_TX_PRODUCER] = "the backend answered transmit requests that were never made",
    [ETHQ_TX_ID] = "the backend answered for a transmit buffer that does not exist",
    [ETHQ_TX_IDLE] = "the backend answered twice for one transmit buffer",
    [ETHQ_TX_MUTE] = "the backend answered every transmit request, but not for every buffer",
    [ETHQ_RX_PRODUCER] = "the backend filled receive buffers that it was never offered",
    [ETHQ_RX_ID] = "the backend answered in a receive slot of another request",
    [ETHQ_RX_EXTRA] = "the backend sent an extra descriptor of an unknown type",
    [ETHQ_RX_CHAIN] = "the backend sent a frame of more slots than a frame can have",
};

void ring_break(struct ethq *q, enum ethq_fault fault, uint32_t value, uint32_t limit)
{
    if (ethq_broken(q))
        return;
    q->broken = (struct ethq_broken){.fault = fault, .value = value, .limit = limit};
    q->count.breaks++;
}

const char *ethq_report(struct ethq *q, uint32_t *value, uint32_t *limit)
{
    size_t fault = q->broken.fault;

    if (fault == ETHQ_SOUND || q->broken.reported)
        return NULL;
    q->broken.reported = 1;
    *value = q->broken.value;
    *limit = q->broken.limit;
    return fault < sizeof fault_text / sizeof fault_text[0] ? fault_text[fault] : "broken";
}

void ethq_init(struct ethq *q)
{
    memset(q, 0, sizeof *q);
    q->link.magic = ETHQ_MAGIC;
}

/* Both rsp_event stay where no answer ever passes them: the backend signals only after ethq_arm. */
void ethq_reset(struct ethq *q)
{
    struct ethq_tx *tx = &q->tx;
    struct ethq_rx *rx = &q->rx;

    memset(q->tx_ring_page, 0, sizeof q->tx_ring_page);
    memset(q->rx_ring_page, 0, sizeof q->rx_ring_page);
    q->tx_ring.index.req_event = 1;
    q->rx_ring.index.req_event = 1;

    tx->prod = tx->published = tx->cons = tx->reserved = 0;
    memset(tx->busy, 0, sizeof tx->busy);
    for (tx->idle = 0; tx->idle < ETHQ_TX_BUFFERS; tx->idle++)
        tx->stack[tx->idle] = ETHQ_TX_BUFFERS - 1 - tx->idle;

    rx->prod = rx->published = rx->cons = rx->seen = 0;
    rx->held = rx->chain = rx->more = rx->extra = rx->doorbell = 0;
    for (int i = 0; i < ETHQ_RX_BUFFERS; i++)
        ring_rx_offer(q);
    ring_rx_publish(q);

    memset(&q->broken, 0, sizeof q->broken);
}

void ethq_link_up(struct ethq *q, uint32_t port)
{
    q->link.port = port;
    q->link.generation++;
    q->link.up = 1;
}

/* Frames that arrived and nobody took. */
static uint32_t rx_unread(const struct ethq *q)
{
    uint32_t unread = ring_load(&q->rx_ring.index.rsp_prod) - q->rx.cons;

    return !ethq_broken(q) && unread <= q->rx.published - q->rx.cons ? unread : 0;
}

void ethq_link_down(struct ethq *q)
{
    if (!q->link.up)
        return;
    if (!ethq_broken(q))
        ring_tx_reap(q);
    q->count.tx_lost += ETHQ_TX_BUFFERS - q->tx.idle;
    q->count.rx_lost += rx_unread(q);
    q->link.up = 0;
    q->tx.reserved = 0;
    q->rx.held = 0;
}
