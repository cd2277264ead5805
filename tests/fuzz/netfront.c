// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: what a hostile backend writes into the rings and buffers of a network interface.
 *
 * Input: records of four bytes, an action and its argument: the backend writes a word anywhere in
 * its pages (indices most easily), answers rightly or wrongly, or the frontend sends, receives,
 * flushes, goes to sleep or connects again. Whatever comes, pointers handed out stay inside the
 * buffers, and every transmit buffer is either idle or busy.
 */
#include "ethq.h"

#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static struct ethq *q;

static void connect_again(void)
{
    ethq_link_down(q);
    ethq_reset(q);
    ethq_link_up(q, 5);
}

static void check(void)
{
    uint8_t seen[ETHQ_TX_BUFFERS] = {0};

    REQUIRE(q->tx.idle <= ETHQ_TX_BUFFERS);
    for (uint32_t i = 0; i < q->tx.idle; i++) {
        uint8_t buffer = q->tx.stack[i];

        REQUIRE(buffer < ETHQ_TX_BUFFERS && !seen[buffer]++ && !q->tx.busy[buffer]);
    }
    REQUIRE(q->rx.prod - q->rx.cons == ETHQ_RX_BUFFERS);
}

static void receive(bool release)
{
    size_t length;
    const uint8_t *frame = ethq_rx_next(q, &length);

    if (!frame)
        return;
    REQUIRE(length >= ETHQ_FRAME_MIN && length <= ETHQ_PAGE);
    REQUIRE(frame >= q->rx_buffer[0] &&
            frame + length <= q->rx_buffer[ETHQ_RX_BUFFERS - 1] + ETHQ_PAGE);
    if (release)
        ethq_rx_release(q);
}

static void send(uint16_t argument)
{
    uint8_t *frame = ethq_tx_reserve(q);

    if (!frame)
        return;
    REQUIRE(frame >= q->tx_buffer[0] && frame <= q->tx_buffer[ETHQ_TX_BUFFERS - 1]);
    frame[0] = argument;
    ethq_tx_commit(q, argument % (ETHQ_PAGE + 2));
}

static void record(uint8_t action, uint8_t detail, uint16_t argument)
{
    struct ethq_ring_index *index = detail & 1 ? &q->tx_ring.index : &q->rx_ring.index;
    uint32_t value, limit, slot;

    switch (action % 12) {
    case 0: /* the backend's indices, a little on */
        index->rsp_prod += (int8_t)argument;
        break;
    case 1: /* any word of the rings */
        slot = argument % (2 * ETHQ_PAGE / 4) * 4;
        memcpy((slot < ETHQ_PAGE ? q->tx_ring_page : q->rx_ring_page) + slot % ETHQ_PAGE,
               (uint32_t[]){detail * 0x01010101u}, 4);
        break;
    case 2: /* the next receive answer, rightly placed */
        slot = q->rx_ring.index.rsp_prod++ % ETHQ_SLOTS;
        q->rx_ring.slot[slot].rsp = (struct netif_rx_response){
            .id = slot, .flags = detail % 32, .offset = detail >> 5 << 9, .status = argument};
        break;
    case 3: /* an extra descriptor */
        slot = q->rx_ring.index.rsp_prod++ % ETHQ_SLOTS;
        memcpy(&q->rx_ring.slot[slot], (uint8_t[]){detail, argument}, 2);
        break;
    case 4: /* the next transmit answer */
        slot = q->tx_ring.index.rsp_prod++ % ETHQ_SLOTS;
        q->tx_ring.slot[slot].rsp = (struct netif_tx_response){.id = argument,
                                                               .status = (int8_t)detail};
        break;
    case 5: /* the next transmit answer, right */
        if (q->tx_ring.index.rsp_prod != q->tx_ring.index.req_prod) {
            slot = q->tx_ring.index.rsp_prod++ % ETHQ_SLOTS;
            q->tx_ring.slot[slot].rsp = (struct netif_tx_response){
                .id = q->tx_ring.slot[slot].req.id};
        }
        break;
    case 6:
        receive(detail);
        break;
    case 7:
        ethq_rx_release(q);
        break;
    case 8:
        for (int count = detail % (ETHQ_TX_BUFFERS + 4); count >= 0; count--)
            send(argument);
        break;
    case 9:
        ethq_flush(q);
        break;
    case 10:
        ethq_arm(q);
        break;
    default:
        if (ethq_broken(q))
            ethq_report(q, &value, &limit);
        connect_again();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!q) {
        q = aligned_alloc(ETHQ_PAGE, sizeof *q);
        REQUIRE(q);
        ethq_init(q);
        q->link.mtu = ETHQ_PAGE;
    }
    connect_again();
    for (; size >= 4; data += 4, size -= 4) {
        record(data[0], data[1], data[2] | data[3] << 8);
        check();
    }
    return 0;
}
