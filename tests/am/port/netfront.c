/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the netfront port makes no system call but the doorbell, that only when the backend asked for one, and once for a burst; it
 * tells a backend that waits for buffers of those that are free again; it lives through a lost connection, in which frames go
 * nowhere; and of a backend that breaks the protocol, or a connection that is of no use, it says so and is gone. The links
 * are tested over it in tests/am/link/wire_ports.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "am/core.h"
#include "am/port/port.h"
#include "tests/am/port/ethq_net.h"

enum { MTU = 1500, LENGTH = 100, MANY_POLLS = 3 << 20 };

static struct ethq_net net;
static struct am_port *port[2];

static void set_up(void)
{
    ethq_net_open(&net, port, MTU);
}

static void tear_down(void)
{
    for (int i = 0; i < 2; i++)
        port[i]->ops->close(port[i]);
    ethq_net_close(&net);
}

static bool put(struct am_port *from, uint8_t value)
{
    uint8_t *frame = from->ops->tx_reserve(from);

    if (!frame)
        return false;
    memset(frame, value, LENGTH);
    from->ops->tx_commit(from, LENGTH);
    return true;
}

/* The frame's value, or -1. */
static int take(struct am_port *to)
{
    size_t length;
    const uint8_t *frame = to->ops->rx_next(to, &length);
    int value;

    if (!frame)
        return -1;
    require(length == LENGTH);
    value = frame[LENGTH - 1];
    to->ops->rx_release(to);
    return value;
}

static uint64_t counted(const struct am_port *of, const char *wanted)
{
    const char *name;

    for (unsigned i = 0;; i++) {
        uint64_t value = of->ops->counter(of, i, &name);

        require(name != NULL);
        if (strcmp(name, wanted) == 0)
            return value;
    }
}

START_TEST(one_doorbell_a_burst)
{
    ck_assert_uint_eq(port[0]->mtu, MTU);
    for (int i = 0; i < 30; i++)
        ck_assert(put(port[0], (uint8_t)i));
    ck_assert_uint_eq(net.end[0].doorbells, 0);
    ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    ck_assert_uint_eq(net.end[0].doorbells, 1);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(take(port[1]), i);
    ck_assert_int_eq(take(port[1]), -1);

    /* A backend that is at work finds what comes meanwhile. */
    net.deaf = true;
    for (int i = 0; i < 30; i++) {
        ck_assert(put(port[0], (uint8_t)i));
        ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    }
    ck_assert_uint_eq(net.end[0].doorbells, 2);
    /* Nothing to say: nothing is said. */
    ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    ck_assert_uint_eq(net.end[0].doorbells, 2);
    ck_assert_uint_eq(net.end[0].calls + net.end[1].calls, 0);
    ck_assert_uint_eq(counted(port[0], "netfront_doorbells"), 2);
    ck_assert_uint_eq(counted(port[0], "netfront_turns"), 0);
}
END_TEST

START_TEST(no_call_to_receive)
{
    unsigned before;

    /* A new connection's backend hears of its first buffers. */
    ck_assert_int_eq(port[1]->ops->tx_flush(port[1]), 0);
    before = net.end[1].doorbells;
    for (int round = 0; round < 1000; round++) {
        ck_assert(put(port[0], (uint8_t)round));
        ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
        for (int i = 0; i < 100; i++)
            if (i == 0)
                require(take(port[1]) == (uint8_t)round);
            else
                require(take(port[1]) == -1);
    }
    ck_assert_uint_eq(net.end[1].doorbells, before);
    ck_assert_uint_eq(net.end[1].calls, 0);
}
END_TEST

START_TEST(all_buffers_on_their_way)
{
    unsigned sent = 0;

    net.deaf = true;
    while (put(port[0], 1))
        sent++;
    ck_assert_uint_eq(sent, port[0]->tx_slots);
    ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    ck_assert_ptr_null(port[0]->ops->tx_reserve(port[0]));
    ethq_net_run(&net.end[0]);
    ck_assert_ptr_nonnull(port[0]->ops->tx_reserve(port[0]));
}
END_TEST

/* All buffers are full, and the backend waits for free ones: the end of the burst rings. */
START_TEST(backend_waits_for_buffers)
{
    unsigned sent = 0, taken = 0;

    ck_assert_int_eq(port[1]->ops->tx_flush(port[1]), 0);
    while (sent < port[1]->rx_slots) {
        for (int i = 0; i < 64; i++, sent++)
            ck_assert(put(port[0], (uint8_t)sent));
        ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    }
    ck_assert_uint_eq(backend_rx_room(&net.end[1].backend), 0);
    ck_assert(backend_rx_sleep(&net.end[1].backend));
    net.end[1].doorbells = 0;
    while (take(port[1]) >= 0)
        taken++;
    ck_assert_uint_eq(taken, sent);
    ck_assert_uint_eq(net.end[1].doorbells, 1);
    ck_assert_uint_eq(backend_rx_room(&net.end[1].backend), port[1]->rx_slots);
}
END_TEST

START_TEST(lost_connection)
{
    uint8_t *frame;

    /* Between reserving and committing. */
    frame = port[0]->ops->tx_reserve(port[0]);
    ck_assert_ptr_nonnull(frame);
    ethq_net_disconnect(&net.end[0]);
    memset(frame, 1, LENGTH);
    port[0]->ops->tx_commit(port[0], LENGTH);
    ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);

    /* Frames go nowhere, any number of them, and the kernel is asked to look. */
    for (unsigned i = 0; i < 3 * port[0]->tx_slots; i++)
        ck_assert(put(port[0], 2));
    ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    ck_assert_uint_gt(net.end[0].calls, 0);
    ck_assert_uint_eq(counted(port[0], "netfront_turns"), net.end[0].calls);
    ck_assert_uint_eq(net.end[0].doorbells, 0);
    ck_assert_int_eq(take(port[0]), -1);

    /* There again: what was reserved without a connection is lost, what follows arrives. */
    frame = port[0]->ops->tx_reserve(port[0]);
    ck_assert_ptr_nonnull(frame);
    ethq_net_connect(&net.end[0]);
    port[0]->ops->tx_commit(port[0], LENGTH);
    ck_assert(put(port[0], 4));
    ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    ck_assert_int_eq(take(port[1]), 4);
    ck_assert_int_eq(take(port[1]), -1);
    ck_assert_int_eq(port[0]->error, 0);
}
END_TEST

/* A frame in the reader's hands when the connection goes. */
START_TEST(lost_while_reading)
{
    size_t length;

    ck_assert(put(port[0], 1));
    ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    ck_assert_ptr_nonnull(port[1]->ops->rx_next(port[1], &length));
    ethq_net_disconnect(&net.end[1]);
    ethq_net_connect(&net.end[1]);
    port[1]->ops->rx_release(port[1]);
    ck_assert_int_eq(take(port[1]), -1);
    ck_assert(put(port[0], 2));
    ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    ck_assert_int_eq(take(port[1]), 2);
    ck_assert_int_eq(take(port[1]), -1);
}
END_TEST

/* One that only polls gives the kernel its turn now and then. */
START_TEST(polling_for_long)
{
    ethq_net_disconnect(&net.end[1]);
    net.end[1].reconnects = true;
    for (int i = 0; i < MANY_POLLS; i++)
        require(take(port[1]) == -1);
    ck_assert(!net.end[1].reconnects);
    ck_assert_uint_le(net.end[1].calls, 4);
    ck_assert(put(port[0], 9));
    ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), 0);
    ck_assert_int_eq(take(port[1]), 9);
}
END_TEST

/* Nor does one that is too busy to sleep starve it. */
START_TEST(busy_for_long)
{
    net.end[0].reconnects = true;
    for (int i = 0; i < 10000; i++) {
        require(put(port[0], (uint8_t)i));
        require(port[0]->ops->tx_flush(port[0]) == 0);
        while (take(port[1]) >= 0)
            continue;
    }
    ck_assert(!net.end[0].reconnects);
    ck_assert_uint_le(net.end[0].calls, 100);
}
END_TEST

START_TEST(longer_than_agreed)
{
    static uint8_t frame[ETHQ_PAGE];

    backend_rx_deliver(&net.end[1].backend, frame, PORT_HEADER + MTU + 1);
    memset(frame, 7, sizeof(frame));
    backend_rx_deliver(&net.end[1].backend, frame, LENGTH);
    backend_rx_push(&net.end[1].backend);
    ck_assert_int_eq(take(port[1]), 7);
    ck_assert_int_eq(take(port[1]), -1);
}
END_TEST

START_TEST(broken_backend)
{
    net.end[1].queue->rx_ring.index.rsp_prod += 1000;
    ck_assert_int_eq(take(port[1]), -1);
    ck_assert_int_eq(port[1]->error, -EPROTO);
    ck_assert_int_eq(port[1]->ops->descriptor(port[1]), -1);
    /* It stays gone, and still takes what it is given. */
    for (unsigned i = 0; i < 2 * port[1]->tx_slots; i++)
        ck_assert(put(port[1], 1));
    ck_assert_int_eq(port[1]->ops->tx_flush(port[1]), -EPROTO);
    ethq_net_connect(&net.end[1]);
    ck_assert_int_eq(port[1]->ops->tx_flush(port[1]), -EPROTO);
}
END_TEST

START_TEST(useless_connection)
{
    size_t length;

    switch (_i) {
    case 0: /* smaller frames */
        ethq_net_disconnect(&net.end[0]);
        net.end[0].queue->link.mtu = MTU - 1;
        ethq_net_connect(&net.end[0]);
        ck_assert_ptr_nonnull(port[0]->ops->tx_reserve(port[0]));
        ck_assert_int_eq(port[0]->error, -EMSGSIZE);
        break;
    case 1: /* another address */
        ethq_net_disconnect(&net.end[0]);
        net.end[0].queue->link.mac[5]++;
        ethq_net_connect(&net.end[0]);
        ck_assert_ptr_null(port[0]->ops->rx_next(port[0], &length));
        ck_assert_int_eq(port[0]->error, -EADDRNOTAVAIL);
        break;
    case 2: /* the kernel has given it up */
        ethq_net_disconnect(&net.end[0]);
        net.end[0].failure = -EIO;
        ck_assert(put(port[0], 1));
        ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), -EIO);
        break;
    default: /* no doorbell */
        net.end[0].failure = -EINVAL;
        ck_assert(put(port[0], 1));
        ck_assert_int_eq(port[0]->ops->tx_flush(port[0]), -EINVAL);
    }
}
END_TEST

START_TEST(another_address_at_once)
{
    struct am_port *other;

    ck_assert_int_eq(netfront_attach(&other, net.end[0].queue, &net.end[0].device,
                                     (uint8_t[]){2, 0, 0, 0, 0, 9}, MTU),
                     -EADDRNOTAVAIL);
    ck_assert_ptr_null(other);
    /* The interface carries less than the launcher said. */
    ck_assert_int_eq(
        netfront_attach(&other, net.end[0].queue, &net.end[0].device, port[0]->mac, 4000), 0);
    ck_assert_uint_eq(other->mtu, MTU);
    other->ops->close(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("netfront port");
    TCase *cases = tcase_create("netfront");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, one_doorbell_a_burst);
    tcase_add_test(cases, no_call_to_receive);
    tcase_add_test(cases, all_buffers_on_their_way);
    tcase_add_test(cases, backend_waits_for_buffers);
    tcase_add_test(cases, lost_connection);
    tcase_add_test(cases, lost_while_reading);
    tcase_add_test(cases, polling_for_long);
    tcase_add_test(cases, busy_for_long);
    tcase_add_test(cases, longer_than_agreed);
    tcase_add_test(cases, broken_backend);
    tcase_add_loop_test(cases, useless_connection, 0, 4);
    tcase_add_test(cases, another_address_at_once);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
