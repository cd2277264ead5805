/* SPDX-License-Identifier: BSD-2-Clause */
/* backend.h: the other end of an Ethernet queue pair, in the same process.
 *
 * It uses the rings as Linux's netback does (io/ring.h's own macros, a sleeping and a busy mode),
 * and checks every request: a frontend may not show a backend anything odd either. Tests that want
 * a wrong backend write to the ring pages themselves.
 */
#ifndef TEST_BACKEND_H
#define TEST_BACKEND_H

#include "ethq.h"

#include <check.h>

/* A ck_assert for hot loops: Check's own tells its parent process about every success. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

#define TEST_GRANT_TX 1000u /* grant of transmit buffer 0, of receive buffer 0 */
#define TEST_GRANT_RX 2000u
#define TEST_PORT     17
#define TEST_MTU      1500

struct backend {
    struct ethq *q;
    uint32_t tx_cons, tx_rsp; /* requests taken, answers written (private) */
    uint32_t rx_cons;         /* receive buffers used, and answers written */
};

/* A connected queue with its backend. The queue is mapped, and pages beyond it are not. */
struct ethq *queue_new(void);
void queue_free(struct ethq *q);

/* Connect (again): fresh rings, and a backend that starts at their beginning. */
void backend_connect(struct backend *b, struct ethq *q);

/* Take the next frame sent, as netback does when it has been woken. Returns its length and a
 * pointer to its bytes, or 0 if there is none. Its buffer number is for backend_tx_answer. */
size_t backend_tx_take(struct backend *b, const uint8_t **frame, uint16_t *id);
void backend_tx_answer(struct backend *b, uint16_t id, int16_t status);

/* Show the answers. True: the frontend wants a signal. */
bool backend_tx_push(struct backend *b);

/* Nothing more to do: ask for a doorbell at the next request. False: there is one already. */
bool backend_tx_sleep(struct backend *b);

/* Take, answer well and push everything. The number of frames. */
int backend_tx_drain(struct backend *b);

/* Receive buffers offered and not yet used. */
uint32_t backend_rx_room(struct backend *b);

/* Use up the next receive buffer: write `length` bytes at `offset`, answer with these words. */
void backend_rx_answer(struct backend *b, const void *bytes, size_t length,
                       struct netif_rx_response answer);

/* Deliver a frame, without pushing. */
void backend_rx_deliver(struct backend *b, const void *bytes, size_t length);
bool backend_rx_push(struct backend *b);
bool backend_rx_sleep(struct backend *b);

#endif
