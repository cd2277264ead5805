// SPDX-License-Identifier: BSD-2-Clause
#include "backend.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct ethq *queue_new(void)
{
    size_t span = sizeof(struct ethq) + 2 * ETHQ_PAGE;
    uint8_t *memory = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct ethq *q = (struct ethq *)(memory + ETHQ_PAGE);

    assert(memory != MAP_FAILED);
    assert(mprotect(q, sizeof *q, PROT_READ | PROT_WRITE) == 0);
    ethq_init(q);
    for (int i = 0; i < ETHQ_TX_BUFFERS; i++)
        q->tx.grant[i] = TEST_GRANT_TX + i;
    for (int i = 0; i < ETHQ_RX_BUFFERS; i++)
        q->rx.grant[i] = TEST_GRANT_RX + i;
    q->link.mtu = TEST_MTU;
    return q;
}

void queue_free(struct ethq *q)
{
    munmap((uint8_t *)q - ETHQ_PAGE, sizeof *q + 2 * ETHQ_PAGE);
}

void backend_connect(struct backend *b, struct ethq *q)
{
    *b = (struct backend){.q = q};
    ethq_link_down(q);
    ethq_reset(q);
    ethq_link_up(q, TEST_PORT);
}

size_t backend_tx_take(struct backend *b, const uint8_t **frame, uint16_t *id)
{
    struct ethq_tx_ring *ring = &b->q->tx_ring;
    struct netif_tx_request request;

    assert(ring->index.req_prod - b->tx_cons <= ETHQ_SLOTS);
    if (ring->index.req_prod == b->tx_cons)
        return 0;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    request = ring->slot[b->tx_cons++ % ETHQ_SLOTS].req;
    assert(request.id < ETHQ_TX_BUFFERS);
    assert(request.gref == TEST_GRANT_TX + request.id);
    assert(request.flags == 0);
    assert(request.size >= ETHQ_FRAME_MIN && request.offset + request.size <= ETHQ_PAGE);
    *frame = b->q->tx_buffer[request.id] + request.offset;
    *id = request.id;
    return request.size;
}

void backend_tx_answer(struct backend *b, uint16_t id, int16_t status)
{
    b->q->tx_ring.slot[b->tx_rsp++ % ETHQ_SLOTS].rsp = (struct netif_tx_response){.id = id,
                                                                                  .status = status};
}

static bool push(struct ethq_ring_index *index, uint32_t prod)
{
    uint32_t before = index->rsp_prod;

    __atomic_thread_fence(__ATOMIC_RELEASE);
    index->rsp_prod = prod;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return prod - index->rsp_event < prod - before;
}

static bool sleep_on(struct ethq_ring_index *index, uint32_t cons)
{
    index->req_event = cons + 1;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return index->req_prod == cons;
}

bool backend_tx_push(struct backend *b)
{
    return push(&b->q->tx_ring.index, b->tx_rsp);
}

bool backend_tx_sleep(struct backend *b)
{
    return sleep_on(&b->q->tx_ring.index, b->tx_cons);
}

int backend_tx_drain(struct backend *b)
{
    const uint8_t *frame;
    uint16_t id;
    int frames = 0;

    while (backend_tx_take(b, &frame, &id)) {
        backend_tx_answer(b, id, NETIF_RSP_OKAY);
        frames++;
    }
    backend_tx_push(b);
    return frames;
}

uint32_t backend_rx_room(struct backend *b)
{
    uint32_t room = b->q->rx_ring.index.req_prod - b->rx_cons;

    assert(room <= ETHQ_SLOTS);
    return room;
}

void backend_rx_answer(struct backend *b, const void *bytes, size_t length,
                       struct netif_rx_response answer)
{
    uint32_t slot = b->rx_cons++ % ETHQ_SLOTS;
    struct netif_rx_request request = b->q->rx_ring.slot[slot].req;

    assert(request.id == slot);
    assert(request.gref == TEST_GRANT_RX + slot);
    if (length)
        memcpy(b->q->rx_buffer[slot] + answer.offset, bytes, length);
    b->q->rx_ring.slot[slot].rsp = answer;
}

void backend_rx_deliver(struct backend *b, const void *bytes, size_t length)
{
    assert(backend_rx_room(b));
    backend_rx_answer(b, bytes, length,
                      (struct netif_rx_response){.id = b->rx_cons % ETHQ_SLOTS, .status = length});
}

bool backend_rx_push(struct backend *b)
{
    return push(&b->q->rx_ring.index, b->rx_cons);
}

bool backend_rx_sleep(struct backend *b)
{
    return sleep_on(&b->q->rx_ring.index, b->rx_cons);
}
