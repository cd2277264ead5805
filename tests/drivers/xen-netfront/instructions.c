// SPDX-License-Identifier: BSD-2-Clause
/* Sends and receives frames over a queue pair beside a busy backend, for instructions.sh to count:
 * `send` and `receive` do one frame of the hot path each time they are called, and nothing else. */
#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 100000

static const uint8_t payload[64] = {1};

static bool __attribute__((noinline)) count_send(struct ethq *q)
{
    void *frame = ethq_tx_reserve(q);

    memcpy(frame, payload, sizeof payload);
    ethq_tx_commit(q, sizeof payload);
    return ethq_flush(q);
}

static size_t __attribute__((noinline)) count_receive(struct ethq *q)
{
    size_t length = 0;

    ethq_rx_next(q, &length);
    ethq_rx_release(q);
    return length;
}

int main(void)
{
    struct ethq *q = queue_new();
    struct backend b;
    unsigned doorbells = 0;

    backend_connect(&b, q);
    ethq_flush(q);
    for (int i = 0; i < FRAMES; i++) {
        doorbells += count_send(q);
        if (i % 64 == 63)
            backend_tx_drain(&b);
        backend_rx_deliver(&b, payload, sizeof payload);
        backend_rx_push(&b);
        if (count_receive(q) != sizeof payload)
            return 1;
    }
    /* One, for the first request after a reset. */
    if (doorbells > 1 || ethq_broken(q) || q->count.tx_full) {
        printf("%u doorbells, fault %u\n", doorbells, q->broken.fault);
        return 1;
    }
    printf("%d\n", FRAMES);
    return 0;
}
