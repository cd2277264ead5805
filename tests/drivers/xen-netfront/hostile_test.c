// SPDX-License-Identifier: BSD-2-Clause
/* The ring logic against a backend that is wrong or means harm. Each thing that Linux's netfront
 * had to learn to survive has a test: the queue drops the slot, or is marked broken and told of
 * once, and never touches memory outside of the buffers, loops, or loses its own bookkeeping. */
#include "backend.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ethq *q;
static struct backend b;

static void setup(void)
{
    q = queue_new();
    backend_connect(&b, q);
}

static void teardown(void)
{
    queue_free(q);
}

/* The queue broke for this reason, says so once, moves nothing any more, and works after a
 * reconnect. */
static void assert_broken(enum ethq_fault fault)
{
    uint32_t value, limit, breaks = q->count.breaks;
    size_t length;
    const uint8_t bytes[60] = {1};

    ck_assert_uint_eq(q->broken.fault, fault);
    ck_assert_ptr_nonnull(ethq_report(q, &value, &limit));
    ck_assert_ptr_null(ethq_report(q, &value, &limit));
    ck_assert_ptr_null(ethq_tx_reserve(q));
    ck_assert_ptr_null(ethq_rx_next(q, &length));
    ck_assert(!ethq_flush(q));
    ck_assert(!ethq_arm(q));
    ck_assert_uint_eq(q->count.breaks, breaks);

    backend_connect(&b, q);
    ck_assert(!ethq_broken(q));
    ck_assert_ptr_nonnull(ethq_tx_reserve(q));
    ck_assert_int_eq(ethq_tx_commit(q, 60), 0);
    ethq_flush(q);
    ck_assert_int_eq(backend_tx_drain(&b), 1);
    backend_rx_deliver(&b, bytes, sizeof bytes);
    backend_rx_push(&b);
    ck_assert_ptr_nonnull(ethq_rx_next(q, &length));
    ethq_rx_release(q);
}

static void send_frames(int count)
{
    while (count--) {
        require(ethq_tx_reserve(q) != NULL);
        require(ethq_tx_commit(q, 60) == 0);
    }
    ethq_flush(q);
}

/* Makes the frontend look at its transmit answers, which it does when it has no buffer left. */
static void reap(void)
{
    while (ethq_tx_reserve(q) && ethq_tx_commit(q, 60) == 0)
        continue;
}

static const void *receive(void)
{
    size_t length;
    const void *frame = ethq_rx_next(q, &length);

    if (frame) {
        require((const uint8_t *)frame >= q->rx_buffer[0]);
        require((const uint8_t *)frame + length <= q->rx_buffer[0] + sizeof q->rx_buffer);
        require(((const uint8_t *)frame - q->rx_buffer[0]) % ETHQ_PAGE + length <= ETHQ_PAGE);
        require(length >= ETHQ_FRAME_MIN);
    }
    return frame;
}

static struct netif_rx_response answer(uint16_t offset, int16_t status, uint16_t flags)
{
    return (struct netif_rx_response){
        .id = b.rx_cons % ETHQ_SLOTS, .offset = offset, .flags = flags, .status = status};
}

START_TEST(tx_producer_ahead)
{
    send_frames(3);
    q->tx_ring.index.rsp_prod = 4;
    reap();
    assert_broken(ETHQ_TX_PRODUCER);
}
END_TEST

START_TEST(tx_producer_a_ring_ahead)
{
    send_frames(ETHQ_TX_BUFFERS);
    q->tx_ring.index.rsp_prod = ETHQ_SLOTS + 1;
    reap();
    assert_broken(ETHQ_TX_PRODUCER);
}
END_TEST

START_TEST(tx_producer_goes_back)
{
    send_frames(10);
    backend_tx_drain(&b);
    reap();
    ck_assert(!ethq_broken(q));
    q->tx_ring.index.rsp_prod = 9;
    reap();
    assert_broken(ETHQ_TX_PRODUCER);
}
END_TEST

START_TEST(tx_id_out_of_range)
{
    send_frames(1);
    backend_tx_answer(&b, ETHQ_TX_BUFFERS, NETIF_RSP_OKAY);
    backend_tx_push(&b);
    reap();
    assert_broken(ETHQ_TX_ID);
}
END_TEST

START_TEST(tx_id_largest)
{
    send_frames(1);
    backend_tx_answer(&b, 0xffff, NETIF_RSP_OKAY);
    backend_tx_push(&b);
    reap();
    assert_broken(ETHQ_TX_ID);
}
END_TEST

START_TEST(tx_answer_twice)
{
    const uint8_t *frame;
    uint16_t id;

    send_frames(2);
    ck_assert(backend_tx_take(&b, &frame, &id));
    backend_tx_answer(&b, id, NETIF_RSP_OKAY);
    backend_tx_answer(&b, id, NETIF_RSP_OKAY);
    backend_tx_push(&b);
    reap();
    assert_broken(ETHQ_TX_IDLE);
}
END_TEST

/* Null answers are skipped; but when all requests are answered and buffers are still out, they will
 * never come back, and a sender must not wait for them. */
START_TEST(tx_null_answers)
{
    send_frames(ETHQ_TX_BUFFERS);
    for (int i = 0; i < ETHQ_TX_BUFFERS - 1; i++)
        backend_tx_answer(&b, i, NETIF_RSP_NULL);
    backend_tx_push(&b);
    ck_assert_ptr_null(ethq_tx_reserve(q));
    ck_assert(!ethq_broken(q));
    ck_assert_uint_eq(q->count.tx_null, ETHQ_TX_BUFFERS - 1);
    backend_tx_answer(&b, 0, NETIF_RSP_NULL);
    backend_tx_push(&b);
    ck_assert_ptr_null(ethq_tx_reserve(q));
    assert_broken(ETHQ_TX_MUTE);
}
END_TEST

START_TEST(tx_errors_free_the_buffer)
{
    for (int round = 0; round < 1000; round++) {
        const uint8_t *frame;
        uint16_t id;

        send_frames(1);
        require(backend_tx_take(&b, &frame, &id));
        backend_tx_answer(&b, id, round & 1 ? NETIF_RSP_ERROR : NETIF_RSP_DROPPED);
        backend_tx_push(&b);
    }
    /* Answers are looked at when buffers run out, so the last are not counted yet. */
    ck_assert_uint_ge(q->count.tx_errors, 1000 - ETHQ_TX_BUFFERS);
    ck_assert(!ethq_broken(q));
}
END_TEST

/* The backend moves the doorbell index about: at worst doorbells are rung for nothing. */
START_TEST(event_indices_are_anything)
{
    srand(2);
    for (int round = 0; round < 10000; round++) {
        q->tx_ring.index.req_event = (uint32_t)rand() * 3;
        q->rx_ring.index.req_event = (uint32_t)rand() * 3;
        q->tx_ring.index.rsp_event = (uint32_t)rand() * 3;
        q->rx_ring.index.rsp_event = (uint32_t)rand() * 3;
        /* What the frontend wrote itself it never reads again. */
        q->tx_ring.index.req_prod = (uint32_t)rand() * 3;
        send_frames(1);
        require(q->tx_ring.index.req_prod == q->tx.prod);
        require(backend_tx_drain(&b) == 1);
    }
    ck_assert(!ethq_broken(q));
}
END_TEST

START_TEST(rx_producer_ahead)
{
    q->rx_ring.index.rsp_prod = ETHQ_RX_BUFFERS + 1;
    ck_assert_ptr_null(receive());
    assert_broken(ETHQ_RX_PRODUCER);
}
END_TEST

START_TEST(rx_producer_goes_back)
{
    uint8_t frame[60] = {0};

    for (int i = 0; i < 3; i++)
        backend_rx_deliver(&b, frame, sizeof frame);
    backend_rx_push(&b);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(receive());
        ethq_rx_release(q);
    }
    q->rx_ring.index.rsp_prod = 2;
    ck_assert_ptr_null(receive());
    assert_broken(ETHQ_RX_PRODUCER);
}
END_TEST

/* A wrong index must not let a sleeper miss it, nor keep it awake for ever. */
START_TEST(rx_producer_wrong_while_going_to_sleep)
{
    q->rx_ring.index.rsp_prod = -1u;
    ck_assert(ethq_arm(q));
    ck_assert_ptr_null(receive());
    ck_assert(!ethq_arm(q));
    assert_broken(ETHQ_RX_PRODUCER);
}
END_TEST

START_TEST(rx_answer_in_another_slot)
{
    struct netif_rx_response wrong = answer(0, 60, 0);

    wrong.id = 1;
    backend_rx_answer(&b, NULL, 0, wrong);
    backend_rx_push(&b);
    ck_assert_ptr_null(receive());
    assert_broken(ETHQ_RX_ID);
}
END_TEST

/* A slot with an error or with bounds that make no sense is dropped, and the next frame is
 * whole. */
START_TEST(rx_bad_slots_are_dropped)
{
    static const struct {
        uint16_t offset;
        int16_t status;
    } bad[] = {
        {0, NETIF_RSP_ERROR}, {0, NETIF_RSP_DROPPED}, {0, INT16_MIN},  {0, 0},     {0, 13},
        {0, ETHQ_PAGE + 1},   {1, ETHQ_PAGE},         {ETHQ_PAGE, 14}, {4083, 14}, {0xffff, 60},
        {0xffff, INT16_MAX},  {0xfff0, 0x10},
    };
    const size_t kinds = sizeof bad / sizeof bad[0];
    uint8_t frame[60];
    const uint8_t *got;

    memset(frame, 0x5a, sizeof frame);
    for (size_t i = 0; i < 100 * kinds; i++) {
        backend_rx_answer(&b, NULL, 0, answer(bad[i % kinds].offset, bad[i % kinds].status, 0));
        backend_rx_deliver(&b, frame, sizeof frame);
        backend_rx_push(&b);
        got = receive();
        require(got && memcmp(got, frame, sizeof frame) == 0);
        ethq_rx_release(q);
    }
    ck_assert_uint_eq(q->count.rx_errors, 100 * 3);
    ck_assert_uint_eq(q->count.rx_bounds, 100 * (kinds - 3));
    ck_assert_uint_eq(q->count.rx_frames, 100 * kinds);
    ck_assert(!ethq_broken(q));
}
END_TEST

START_TEST(rx_frames_at_the_end_of_the_page_are_good)
{
    uint8_t frame[14] = {7};

    backend_rx_answer(&b, frame, sizeof frame, answer(ETHQ_PAGE - 14, 14, NETRXF_data_validated));
    backend_rx_answer(&b, NULL, 0, answer(0, ETHQ_PAGE, NETRXF_csum_blank));
    backend_rx_push(&b);
    ck_assert_ptr_eq(receive(), q->rx_buffer[0] + ETHQ_PAGE - 14);
    ethq_rx_release(q);
    ck_assert_ptr_eq(receive(), q->rx_buffer[1]);
    ethq_rx_release(q);
}
END_TEST

/* Only bad slots: each call does a bounded piece of work, and going to sleep tells that some is
 * left. */
START_TEST(rx_work_per_call_is_bounded)
{
    int calls = 0;

    for (int i = 0; i < ETHQ_RX_BUFFERS; i++)
        backend_rx_answer(&b, NULL, 0, answer(0, NETIF_RSP_ERROR, 0));
    backend_rx_push(&b);
    do {
        uint64_t before = q->count.rx_errors;

        ck_assert_ptr_null(receive());
        ck_assert_uint_le(q->count.rx_errors - before, 64);
        calls++;
    } while (ethq_arm(q));
    ck_assert_int_eq(calls, ETHQ_RX_BUFFERS / 64);
    ethq_flush(q);
    ck_assert_uint_eq(backend_rx_room(&b), ETHQ_RX_BUFFERS);
}
END_TEST

/* An extra descriptor lies over the answer: type and flags where the id is. */
static struct netif_rx_response extra(uint8_t type, uint8_t flags)
{
    struct netif_extra_info info = {.type = type, .flags = flags};
    struct netif_rx_response response;

    memcpy(&response, &info, sizeof response);
    return response;
}

START_TEST(rx_frames_of_several_slots_are_dropped_whole)
{
    uint8_t frame[60];
    const uint8_t *got;

    memset(frame, 0x5a, sizeof frame);
    for (int round = 0; round < 100; round++) {
        /* Two data slots. */
        backend_rx_answer(&b, NULL, 0, answer(0, ETHQ_PAGE, NETRXF_more_data));
        backend_rx_answer(&b, NULL, 0, answer(0, 100, 0));
        /* One with an extra descriptor. */
        backend_rx_answer(&b, NULL, 0, answer(0, 100, NETRXF_extra_info));
        backend_rx_answer(&b, NULL, 0, extra(XEN_NETIF_EXTRA_TYPE_GSO, 0));
        /* Three, two descriptors after the first. The chain may also grow as we watch. */
        backend_rx_answer(&b, NULL, 0, answer(0, 100, NETRXF_extra_info | NETRXF_more_data));
        backend_rx_push(&b);
        require(receive() == NULL);
        backend_rx_answer(&b, NULL, 0, extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE));
        backend_rx_answer(&b, NULL, 0, extra(XEN_NETIF_EXTRA_TYPE_HASH, 0));
        backend_rx_answer(&b, NULL, 0, answer(0, ETHQ_PAGE, NETRXF_more_data));
        backend_rx_push(&b);
        require(receive() == NULL);
        backend_rx_answer(&b, NULL, 0, answer(0, 1, 0));
        backend_rx_deliver(&b, frame, sizeof frame);
        backend_rx_push(&b);
        got = receive();
        require(got && memcmp(got, frame, sizeof frame) == 0);
        ethq_rx_release(q);
    }
    ck_assert_uint_eq(q->count.rx_chained, 9 * 100);
    ck_assert_uint_eq(q->count.rx_frames, 100);
    ck_assert(!ethq_broken(q));
}
END_TEST

START_TEST(rx_unknown_extra_descriptor)
{
    backend_rx_answer(&b, NULL, 0, answer(0, 100, NETRXF_extra_info));
    backend_rx_answer(&b, NULL, 0, extra(XEN_NETIF_EXTRA_TYPE_MAX, 0));
    backend_rx_push(&b);
    ck_assert_ptr_null(receive());
    assert_broken(ETHQ_RX_EXTRA);
}
END_TEST

START_TEST(rx_extra_descriptor_of_no_type)
{
    backend_rx_answer(&b, NULL, 0, answer(0, 100, NETRXF_extra_info));
    backend_rx_answer(&b, NULL, 0, extra(XEN_NETIF_EXTRA_TYPE_NONE, 0));
    backend_rx_push(&b);
    ck_assert_ptr_null(receive());
    assert_broken(ETHQ_RX_EXTRA);
}
END_TEST

START_TEST(rx_endless_frame)
{
    for (int i = 0; i < 60; i++)
        backend_rx_answer(&b, NULL, 0, answer(0, ETHQ_PAGE, NETRXF_more_data));
    backend_rx_push(&b);
    ck_assert_ptr_null(receive());
    assert_broken(ETHQ_RX_CHAIN);
}
END_TEST

START_TEST(rx_endless_descriptors)
{
    backend_rx_answer(&b, NULL, 0, answer(0, 100, NETRXF_extra_info));
    for (int i = 0; i < 60; i++)
        backend_rx_answer(&b, NULL, 0, extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE));
    backend_rx_push(&b);
    ck_assert_ptr_null(receive());
    assert_broken(ETHQ_RX_CHAIN);
}
END_TEST

/* The answer changes after the frontend has looked at it (XSA-155): what was looked at counts. */
START_TEST(rx_answer_changes_while_held)
{
    uint8_t frame[60] = {1};
    size_t length;

    backend_rx_deliver(&b, frame, sizeof frame);
    backend_rx_push(&b);
    ck_assert_ptr_nonnull(ethq_rx_next(q, &length));
    q->rx_ring.slot[0].rsp = (struct netif_rx_response){.offset = 0xffff, .status = INT16_MAX};
    ck_assert_ptr_eq(ethq_rx_next(q, &length), q->rx_buffer[0]);
    ck_assert_uint_eq(length, sizeof frame);
    ethq_rx_release(q);
    ck_assert_uint_eq(q->rx_ring.slot[0].req.gref, TEST_GRANT_RX);
}
END_TEST

/* As fast as it can, the backend turns all receive answers to bad ones and back. */
static void *flicker(void *stop)
{
    for (bool good = false; !__atomic_load_n((bool *)stop, __ATOMIC_RELAXED); good = !good) {
        for (uint32_t slot = 0; slot < ETHQ_SLOTS; slot++) {
            struct netif_rx_response response = {.id = slot, .status = 60};
            uint64_t word;

            if (!good)
                response.offset = 0xffff;
            memcpy(&word, &response, sizeof word);
            __atomic_store_n((uint64_t *)&q->rx_ring.slot[slot], word, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

/* The answer changes between two looks (XSA-155): there must be one look only. */
START_TEST(rx_answer_changes_while_it_is_checked)
{
    bool stop = false;
    uint64_t frames = 0;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, flicker, &stop), 0);
    for (int i = 0; i < 1000000 || (frames < 1000 && i < 100000000); i++) {
        q->rx_ring.index.rsp_prod = q->rx.cons + 1;
        if (receive()) {
            frames++;
            ethq_rx_release(q);
        }
        if (ethq_broken(q))
            backend_connect(&b, q);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    ck_assert_uint_ge(frames, 1000);
}
END_TEST

/* Closing over a ring full of nonsense counts what is certain and no more. */
START_TEST(closing_trusts_nothing)
{
    send_frames(7);
    q->rx_ring.index.rsp_prod = 0x80000000;
    ethq_link_down(q);
    ck_assert_uint_eq(q->count.tx_lost, 7);
    ck_assert_uint_eq(q->count.rx_lost, 0);
    backend_connect(&b, q);
    send_frames(7);
    q->tx_ring.index.rsp_prod = 0x80000000;
    q->rx_ring.index.rsp_prod = 3;
    ethq_link_down(q);
    ck_assert_uint_eq(q->count.tx_lost, 14);
    ck_assert_uint_eq(q->count.rx_lost, 0); /* broken by then */
}
END_TEST

/* What must hold whatever the backend did. */
static void check_bookkeeping(void)
{
    uint8_t seen[ETHQ_TX_BUFFERS] = {0};

    require(q->tx.idle <= ETHQ_TX_BUFFERS);
    for (uint32_t i = 0; i < q->tx.idle; i++) {
        require(q->tx.stack[i] < ETHQ_TX_BUFFERS);
        require(!seen[q->tx.stack[i]]++);
        require(!q->tx.busy[q->tx.stack[i]]);
    }
    require(q->rx.prod - q->rx.cons == ETHQ_RX_BUFFERS);
    require(q->rx.published - q->rx.cons <= ETHQ_RX_BUFFERS);
    for (int i = 0; i < ETHQ_TX_BUFFERS; i++)
        require(q->tx.grant[i] == TEST_GRANT_TX + i);
    for (int i = 0; i < ETHQ_RX_BUFFERS; i++)
        require(q->rx.grant[i] == TEST_GRANT_RX + i);
}

/* The kernel works on the same state as its process, which may have spoilt it: what the kernel
 * calls must neither write elsewhere (the pages around are not mapped) nor run for ever. */
START_TEST(a_process_spoils_its_own_state)
{
    srand(3);
    for (int round = 0; round < 3000; round++) {
        uint8_t *spoil = rand() % 2 ? (uint8_t *)&q->tx : (uint8_t *)&q->rx;
        uint32_t value, limit;

        send_frames(rand() % 8);
        for (int i = rand() % 8; i >= 0; i--)
            ((uint32_t *)spoil)[rand() % (offsetof(struct ethq_tx, grant) / 4)] = rand() * 3u;
        q->tx_ring.index.rsp_prod = rand() % 2 ? rand() * 3u : q->tx.cons + rand() % 300;
        q->broken.fault = rand() % 4 ? ETHQ_SOUND : (unsigned)rand();
        ethq_flush(q);
        ethq_arm(q);
        ethq_tx_pending(q);
        ethq_report(q, &value, &limit);
        ethq_link_down(q);
        for (int i = 0; i < ETHQ_RX_BUFFERS; i++)
            q->rx.grant[i] = TEST_GRANT_RX + i;
        backend_connect(&b, q);
        check_bookkeeping();
    }
}
END_TEST

/* One random act of a backend: mostly right, now and then a random write to a page that it can
 * write. */
static void act(void)
{
    uint8_t frame[ETHQ_PAGE] = {0};
    const uint8_t *sent;
    uint16_t id;
    uint32_t *word;

    switch (rand() % 12) {
    case 0: /* any word of the rings, most often an index or the next answer */
        switch (rand() % 4) {
        case 0:
            word = (uint32_t *)q->tx_ring_page + rand() % (2 * ETHQ_PAGE / 4);
            break;
        case 1:
            word = (uint32_t *)q->tx_ring_page + rand() % 4;
            break;
        case 2:
            word = (uint32_t *)q->rx_ring_page + rand() % 4;
            break;
        default:
            word = (uint32_t *)&q->rx_ring.slot[rand() % ETHQ_SLOTS] + rand() % 2;
        }
        *word = rand() % 2 ? *word + rand() % 5 - 2 : (uint32_t)rand() * 3;
        break;
    case 1: /* any answer */
        if (b.rx_cons - q->rx.cons < ETHQ_SLOTS) {
            q->rx_ring.slot[b.rx_cons % ETHQ_SLOTS].rsp = (struct netif_rx_response){
                .id = rand() % 8 ? b.rx_cons % ETHQ_SLOTS : (unsigned)rand(),
                .offset = rand() % 4 ? 0 : rand(),
                .flags = rand() % 32,
                .status = rand() % 4 ? rand() % 5000 : rand(),
            };
            b.rx_cons++;
        }
        break;
    case 2:
        if (q->tx_ring.index.req_prod != b.tx_cons) {
            b.tx_cons++;
            backend_tx_answer(&b, rand() % 8 ? rand() % ETHQ_TX_BUFFERS : rand(), rand() % 4 - 2);
        }
        break;
    case 3: /* a frame changes under our hands */
        q->rx_buffer[rand() % ETHQ_RX_BUFFERS][rand() % ETHQ_PAGE] = rand();
        break;
    case 4:
    case 5:
        if (b.rx_cons - q->rx.cons < ETHQ_SLOTS) {
            uint32_t slot = b.rx_cons++ % ETHQ_SLOTS;

            memcpy(q->rx_buffer[slot], frame, 64);
            q->rx_ring.slot[slot].rsp = (struct netif_rx_response){.id = slot, .status = 64};
        }
        break;
    case 6:
    case 7:
        backend_rx_push(&b);
        break;
    case 8:
    case 9:
        if (q->tx_ring.index.req_prod - b.tx_cons <= ETHQ_SLOTS &&
            q->tx_ring.slot[b.tx_cons % ETHQ_SLOTS].req.id < ETHQ_TX_BUFFERS &&
            q->tx_ring.index.req_prod != b.tx_cons) {
            id = q->tx_ring.slot[b.tx_cons++ % ETHQ_SLOTS].req.id;
            sent = q->tx_buffer[id];
            frame[0] = sent[0];
            backend_tx_answer(&b, id, NETIF_RSP_OKAY);
        }
        break;
    default:
        backend_tx_push(&b);
    }
}

START_TEST(random_backend)
{
    unsigned seed = _i + 1;
    uint64_t broken = 0;

    srand(seed);
    for (int step = 0; step < 50000; step++) {
        uint8_t *frame;

        act();
        switch (rand() % 4) {
        case 0:
            frame = ethq_tx_reserve(q);
            if (frame) {
                memset(frame, step, 64);
                if (ethq_tx_commit(q, 64))
                    ck_abort_msg("seed %u, step %d: commit", seed, step);
            }
            break;
        case 1:
            if (receive() && rand() % 4)
                ethq_rx_release(q);
            break;
        case 2:
            ethq_flush(q);
            break;
        default:
            ethq_arm(q);
        }
        if (step % 64 == 0)
            check_bookkeeping();
        if (ethq_broken(q) && rand() % 8 == 0) {
            uint32_t value, limit;

            broken++;
            if (!ethq_report(q, &value, &limit))
                ck_abort_msg("seed %u, step %d: not reported", seed, step);
            backend_connect(&b, q);
        }
    }
    check_bookkeeping();
    /* A run in which nothing broke, or nothing arrived, would test nothing. */
    ck_assert_msg(broken > 10 && q->count.rx_frames > 100 && q->count.tx_frames > 100,
                  "seed %u: too quiet", seed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");
    TCase *tests = tcase_create("hostile");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, tx_producer_ahead);
    tcase_add_test(tests, tx_producer_a_ring_ahead);
    tcase_add_test(tests, tx_producer_goes_back);
    tcase_add_test(tests, tx_id_out_of_range);
    tcase_add_test(tests, tx_id_largest);
    tcase_add_test(tests, tx_answer_twice);
    tcase_add_test(tests, tx_null_answers);
    tcase_add_test(tests, tx_errors_free_the_buffer);
    tcase_add_test(tests, event_indices_are_anything);
    tcase_add_test(tests, rx_producer_ahead);
    tcase_add_test(tests, rx_producer_goes_back);
    tcase_add_test(tests, rx_producer_wrong_while_going_to_sleep);
    tcase_add_test(tests, rx_answer_in_another_slot);
    tcase_add_test(tests, rx_bad_slots_are_dropped);
    tcase_add_test(tests, rx_frames_at_the_end_of_the_page_are_good);
    tcase_add_test(tests, rx_work_per_call_is_bounded);
    tcase_add_test(tests, rx_frames_of_several_slots_are_dropped_whole);
    tcase_add_test(tests, rx_unknown_extra_descriptor);
    tcase_add_test(tests, rx_extra_descriptor_of_no_type);
    tcase_add_test(tests, rx_endless_frame);
    tcase_add_test(tests, rx_endless_descriptors);
    tcase_add_test(tests, rx_answer_changes_while_held);
    tcase_add_test(tests, rx_answer_changes_while_it_is_checked);
    tcase_add_test(tests, closing_trusts_nothing);
    tcase_add_test(tests, a_process_spoils_its_own_state);
    tcase_add_loop_test(tests, random_backend, 0, 20);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
