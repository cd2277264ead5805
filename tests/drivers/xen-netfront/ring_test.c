// SPDX-License-Identifier: BSD-2-Clause
/* The ring logic against a backend that behaves as Linux's does: frames arrive whole and in order,
 * buffers are never lost, and doorbells and signals are asked for when somebody sleeps and only
 * then. */
#include "backend.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ethq *q;
static struct backend b;

static void setup(void)
{
    q = queue_new();
    backend_connect(&b, q);
    backend_rx_sleep(&b);
    ethq_flush(q); /* the doorbell for the first buffers */
}

static void teardown(void)
{
    queue_free(q);
}

/* A frame that says which one it is, in every byte. */
static void fill(uint8_t *frame, size_t length, uint32_t number)
{
    for (size_t i = 0; i < length; i++)
        frame[i] = number * 31 + i * 7;
}

static bool filled(const uint8_t *frame, size_t length, uint32_t number)
{
    for (size_t i = 0; i < length; i++)
        if (frame[i] != (uint8_t)(number * 31 + i * 7))
            return false;
    return true;
}

static size_t length_of(uint32_t number)
{
    return ETHQ_FRAME_MIN + number * 37 % (TEST_MTU + 1);
}

static void send_frame(uint32_t number)
{
    uint8_t *frame = ethq_tx_reserve(q);

    require(frame != NULL);
    fill(frame, length_of(number), number);
    require(ethq_tx_commit(q, length_of(number)) == 0);
}

static void take_frame(uint32_t number)
{
    const uint8_t *frame;
    uint16_t id;

    require(backend_tx_take(&b, &frame, &id) == length_of(number));
    require(filled(frame, length_of(number), number));
    backend_tx_answer(&b, id, NETIF_RSP_OKAY);
}

static void deliver_frame(uint32_t number)
{
    uint8_t frame[ETHQ_PAGE];

    fill(frame, length_of(number), number);
    backend_rx_deliver(&b, frame, length_of(number));
}

static void receive_frame(uint32_t number)
{
    size_t length;
    const uint8_t *frame = ethq_rx_next(q, &length);

    require(frame != NULL);
    require(length == length_of(number));
    require(filled(frame, length, number));
    ethq_rx_release(q);
}

START_TEST(frames_go_out_whole_and_in_order)
{
    for (uint32_t number = 0; number < 10000; number++) {
        send_frame(number);
        ethq_flush(q);
        take_frame(number);
        backend_tx_push(&b);
    }
    ck_assert_uint_eq(q->count.tx_frames, 10000);
    ck_assert(!ethq_broken(q));
}
END_TEST

START_TEST(frames_come_in_whole_and_in_order)
{
    uint32_t sent = 0, received = 0;
    size_t length;

    while (received < 10000) {
        /* Bursts of every length, up to the whole ring. */
        for (uint32_t burst = 1 + sent % 300; burst && backend_rx_room(&b); burst--)
            deliver_frame(sent++);
        backend_rx_push(&b);
        while (received < sent)
            receive_frame(received++);
        ck_assert_ptr_null(ethq_rx_next(q, &length));
        ethq_flush(q);
    }
    ck_assert_uint_eq(q->count.rx_frames, received);
    ck_assert(!ethq_broken(q));
}
END_TEST

/* The free-running indices pass 2^32 once in four billion frames: start shortly before. */
START_TEST(indices_wrap)
{
    uint32_t start = -10u * ETHQ_SLOTS;

    q->tx.prod = q->tx.published = q->tx.cons = b.tx_cons = b.tx_rsp = start;
    q->tx_ring.index.req_prod = q->tx_ring.index.rsp_prod = start;
    q->tx_ring.index.req_event = start + 1;
    q->rx.cons = q->rx.seen = b.rx_cons = start;
    q->rx.prod = q->rx.published = start + ETHQ_SLOTS;
    q->rx_ring.index.req_prod = start + ETHQ_SLOTS;
    q->rx_ring.index.rsp_prod = start;
    for (uint32_t number = 0; number < 20 * ETHQ_SLOTS; number++) {
        send_frame(number);
        require(ethq_flush(q));
        take_frame(number);
        backend_tx_push(&b);
        require(backend_tx_sleep(&b));
        deliver_frame(number);
        backend_rx_push(&b);
        receive_frame(number);
    }
    ck_assert(!ethq_broken(q));
    ck_assert_uint_lt(q->tx.prod, start);
}
END_TEST

START_TEST(reserved_space_is_reused_until_committed)
{
    void *first = ethq_tx_reserve(q);

    ck_assert_ptr_eq(ethq_tx_reserve(q), first);
    ck_assert_int_eq(ethq_tx_commit(q, ETHQ_FRAME_MIN - 1), -EINVAL);
    ck_assert_int_eq(ethq_tx_commit(q, TEST_MTU + ETHQ_FRAME_MIN + 1), -EINVAL);
    ck_assert_ptr_eq(ethq_tx_reserve(q), first);
    ck_assert_int_eq(ethq_tx_commit(q, TEST_MTU + ETHQ_FRAME_MIN), 0);
    ck_assert_ptr_ne(ethq_tx_reserve(q), first);
    ck_assert_int_eq(ethq_tx_commit(q, ETHQ_FRAME_MIN), 0);
    ck_assert_int_eq(ethq_tx_commit(q, ETHQ_FRAME_MIN), -ENETDOWN);
    ethq_flush(q);
    ck_assert_int_eq(backend_tx_drain(&b), 2);
}
END_TEST

/* A frame never fills more than its page, whatever the MTU. */
START_TEST(a_huge_mtu_is_cut_to_a_page)
{
    q->link.mtu = 65535;
    ck_assert_ptr_nonnull(ethq_tx_reserve(q));
    ck_assert_int_eq(ethq_tx_commit(q, ETHQ_PAGE + 1), -EINVAL);
    ck_assert_int_eq(ethq_tx_commit(q, ETHQ_PAGE), 0);
}
END_TEST

START_TEST(a_full_ring_says_so_and_recovers)
{
    for (uint32_t number = 0; number < ETHQ_TX_BUFFERS; number++)
        send_frame(number);
    ck_assert_ptr_null(ethq_tx_reserve(q));
    ethq_flush(q);
    ck_assert_ptr_null(ethq_tx_reserve(q));
    ck_assert_uint_eq(q->count.tx_full, 2);
    take_frame(0);
    backend_tx_push(&b);
    send_frame(ETHQ_TX_BUFFERS);
    ck_assert_ptr_null(ethq_tx_reserve(q));
    ethq_flush(q);
    for (uint32_t number = 1; number <= ETHQ_TX_BUFFERS; number++)
        take_frame(number);
    backend_tx_push(&b);
    ck_assert_ptr_nonnull(ethq_tx_reserve(q));
}
END_TEST

/* netback answers when its copy is done, and copies are batched: any order is right. */
START_TEST(answers_come_in_any_order)
{
    uint16_t id[ETHQ_TX_BUFFERS];
    const uint8_t *frame;

    srand(1);
    for (int round = 0; round < 200; round++) {
        int count = 0;

        for (uint32_t number = 0; number < ETHQ_TX_BUFFERS; number++)
            send_frame(number);
        ethq_flush(q);
        while (backend_tx_take(&b, &frame, &id[count]))
            count++;
        ck_assert_int_eq(count, ETHQ_TX_BUFFERS);
        while (count) {
            int pick = rand() % count;

            backend_tx_answer(&b, id[pick], rand() % 8 ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
            id[pick] = id[--count];
        }
        backend_tx_push(&b);
    }
    ck_assert(!ethq_broken(q));
    ck_assert_uint_gt(q->count.tx_errors, 0);
}
END_TEST

START_TEST(a_sleeping_backend_gets_one_doorbell_a_burst)
{
    ck_assert(backend_tx_sleep(&b));
    for (uint32_t number = 0; number < 50; number++)
        send_frame(number);
    ck_assert(ethq_flush(q));
    ck_assert(!ethq_flush(q));
    for (uint32_t number = 50; number < 60; number++) {
        send_frame(number);
        ck_assert(!ethq_flush(q));
    }
    ck_assert_int_eq(backend_tx_drain(&b), 60);
    ck_assert(backend_tx_sleep(&b));
    send_frame(60);
    ck_assert(ethq_flush(q));
    ck_assert_uint_eq(q->count.doorbells, 3); /* one in setup */
}
END_TEST

START_TEST(a_starved_backend_gets_a_doorbell_for_new_buffers)
{
    for (uint32_t number = 0; number < ETHQ_RX_BUFFERS; number++)
        deliver_frame(number);
    backend_rx_push(&b);
    ck_assert(backend_rx_sleep(&b));
    for (uint32_t number = 0; number < ETHQ_RX_BUFFERS; number++)
        receive_frame(number);
    ck_assert(ethq_flush(q));
    ck_assert_uint_eq(backend_rx_room(&b), ETHQ_RX_BUFFERS);
    ck_assert(!ethq_flush(q));
}
END_TEST

/* Buffers given back are shown in batches while polling; a flush shows all. */
START_TEST(a_flush_gives_every_buffer_back)
{
    for (uint32_t number = 0; number < 5; number++)
        deliver_frame(number);
    backend_rx_push(&b);
    for (uint32_t number = 0; number < 5; number++)
        receive_frame(number);
    ethq_flush(q);
    ck_assert_uint_eq(backend_rx_room(&b), ETHQ_RX_BUFFERS);
}
END_TEST

START_TEST(a_polling_frontend_gets_no_signals)
{
    for (uint32_t number = 0; number < 3 * ETHQ_SLOTS; number++) {
        deliver_frame(number);
        ck_assert(!backend_rx_push(&b));
        receive_frame(number);
        send_frame(number);
        ethq_flush(q);
        take_frame(number);
        ck_assert(!backend_tx_push(&b));
    }
}
END_TEST

START_TEST(a_sleeping_frontend_gets_one_signal)
{
    ck_assert(!ethq_arm(q));
    deliver_frame(0);
    ck_assert(backend_rx_push(&b));
    deliver_frame(1);
    ck_assert(!backend_rx_push(&b));
    receive_frame(0);
    ck_assert(ethq_arm(q)); /* one is left: no sleep */
    receive_frame(1);
    ck_assert(!ethq_arm(q));
    deliver_frame(2);
    ck_assert(backend_rx_push(&b));
    receive_frame(2);
    deliver_frame(3); /* published before the frontend looked */
    ck_assert(!backend_rx_push(&b));
    ck_assert(ethq_arm(q));
}
END_TEST

START_TEST(a_sender_without_buffers_is_woken)
{
    for (uint32_t number = 0; number < ETHQ_TX_BUFFERS; number++)
        send_frame(number);
    ethq_flush(q);
    ck_assert(!ethq_arm(q));
    for (uint32_t number = 0; number < ETHQ_TX_BUFFERS; number++) {
        take_frame(number);
        ck_assert_int_eq(backend_tx_push(&b), number == ETHQ_TX_BUFFERS / 2);
    }
    ck_assert(ethq_arm(q));
    ck_assert_ptr_nonnull(ethq_tx_reserve(q));
    ck_assert(!ethq_arm(q));
}
END_TEST

START_TEST(pending_frames_are_those_unanswered)
{
    ck_assert_uint_eq(ethq_tx_pending(q), 0);
    ck_assert_ptr_nonnull(ethq_tx_reserve(q));
    ck_assert_uint_eq(ethq_tx_pending(q), 0);
    send_frame(0);
    send_frame(1);
    ck_assert_uint_eq(ethq_tx_pending(q), 2);
    ethq_flush(q);
    take_frame(0);
    backend_tx_push(&b);
    ck_assert_uint_eq(ethq_tx_pending(q), 1);
    ethq_link_down(q);
    ck_assert_uint_eq(ethq_tx_pending(q), 0);
}
END_TEST

START_TEST(a_held_frame_stays)
{
    size_t first, again;
    const void *frame;

    deliver_frame(0);
    deliver_frame(1);
    backend_rx_push(&b);
    frame = ethq_rx_next(q, &first);
    ck_assert_ptr_eq(ethq_rx_next(q, &again), frame);
    ck_assert_uint_eq(first, again);
    ck_assert(ethq_arm(q));
    ethq_rx_release(q);
    ethq_rx_release(q); /* does nothing */
    receive_frame(1);
}
END_TEST

START_TEST(a_lost_connection_takes_its_frames_with_it)
{
    size_t length;
    uint32_t generation = q->link.generation;

    for (uint32_t number = 0; number < 10; number++)
        send_frame(number);
    ethq_flush(q);
    take_frame(0);
    backend_tx_push(&b);
    for (uint32_t number = 0; number < 3; number++)
        deliver_frame(number);
    backend_rx_push(&b);
    ck_assert_ptr_nonnull(ethq_rx_next(q, &length));
    ck_assert_ptr_nonnull(ethq_tx_reserve(q));

    ethq_link_down(q);
    ck_assert_uint_eq(q->count.tx_lost, 9);
    ck_assert_uint_eq(q->count.rx_lost, 3);
    ck_assert_int_eq(ethq_tx_commit(q, 100), -ENETDOWN);
    ethq_rx_release(q);
    ck_assert_ptr_null(ethq_tx_reserve(q));
    ck_assert_ptr_null(ethq_rx_next(q, &length));
    ck_assert(!ethq_flush(q));
    ck_assert(!ethq_arm(q));

    backend_connect(&b, q);
    ck_assert_uint_eq(q->link.generation, generation + 1);
    ck_assert_uint_eq(q->count.tx_lost, 9);
    for (uint32_t number = 0; number < 1000; number++) {
        send_frame(number);
        ethq_flush(q);
        take_frame(number);
        backend_tx_push(&b);
        deliver_frame(number);
        backend_rx_push(&b);
        receive_frame(number);
    }
}
END_TEST

/* The pages are granted whole: what was in them before must not be seen (XSA-403). */
START_TEST(pages_start_zeroed)
{
    struct ethq *other = queue_new();

    memset(other, 0xa5, sizeof *other);
    ethq_init(other);
    for (size_t i = ETHQ_PAGE; i < sizeof *other; i++)
        ck_assert_uint_eq(((uint8_t *)other)[i], 0);
    queue_free(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *tests = tcase_create("ring");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, frames_go_out_whole_and_in_order);
    tcase_add_test(tests, frames_come_in_whole_and_in_order);
    tcase_add_test(tests, indices_wrap);
    tcase_add_test(tests, reserved_space_is_reused_until_committed);
    tcase_add_test(tests, a_huge_mtu_is_cut_to_a_page);
    tcase_add_test(tests, a_full_ring_says_so_and_recovers);
    tcase_add_test(tests, answers_come_in_any_order);
    tcase_add_test(tests, a_sleeping_backend_gets_one_doorbell_a_burst);
    tcase_add_test(tests, a_starved_backend_gets_a_doorbell_for_new_buffers);
    tcase_add_test(tests, a_flush_gives_every_buffer_back);
    tcase_add_test(tests, a_polling_frontend_gets_no_signals);
    tcase_add_test(tests, a_sleeping_frontend_gets_one_signal);
    tcase_add_test(tests, a_sender_without_buffers_is_woken);
    tcase_add_test(tests, pending_frames_are_those_unanswered);
    tcase_add_test(tests, a_held_frame_stays);
    tcase_add_test(tests, a_lost_connection_takes_its_frames_with_it);
    tcase_add_test(tests, pages_start_zeroed);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
