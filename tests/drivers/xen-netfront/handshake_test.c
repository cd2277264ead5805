// SPDX-License-Identifier: BSD-2-Clause
/* The xenbus handshake against a store, a toolstack and a netback in memory: it connects, closes
 * and comes back as io/netif.h and io/xenbus.h want it, grants each page once for life, and
 * whatever fails is told once and leaves a device that can be removed and attached again. */
#include "store.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>

static struct store store;
static struct netfront nf;
static struct ethq *q;

#define STATE_IS(end, state) (atoi(store_get(&store, end "/state")) == (state))
#define FRONT                "device/vif/0"
#define BACK                 "/local/domain/0/backend/vif/7/0"

static void setup(void)
{
    q = aligned_alloc(ETHQ_PAGE, sizeof *q);
    memset(q, 0xa5, sizeof *q);
    store_init(&store, q);
    ck_assert_int_eq(netfront_start(&nf, &store_ops, &store, q), 0);
}

static void teardown(void)
{
    /* Whatever happened, nothing is left open that nobody uses. */
    ck_assert_int_eq(store.ports, nf.port != 0);
    ck_assert_int_eq(store.transaction, 0);
    ck_assert_int_eq(store.grants, nf.granted);
    free(q);
}

static void attach_and_connect(void)
{
    toolstack_attach(&store, 0, 0);
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_UP);
    ck_assert_uint_eq(q->link.up, 1);
}

static void detach(void)
{
    toolstack_detach_begin(&store);
    store_settle(&store, &nf);
    ck_assert(toolstack_detach_end(&store));
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_ABSENT);
    /* Writing a state late would bring the device's directory back from the dead. */
    ck_assert_int_eq(store.nodes, 0);
}

START_TEST(connects)
{
    static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x0a, 0xbc, 0xff};

    ck_assert_int_eq(netfront_step(&nf), 0);
    ck_assert_int_eq(nf.phase, NETFRONT_ABSENT);
    ck_assert_uint_eq(q->link.up, 0);
    attach_and_connect();

    ck_assert(STATE_IS(FRONT, XenbusStateConnected));
    ck_assert(STATE_IS(BACK, XenbusStateConnected));
    ck_assert_str_eq(store_get(&store, FRONT "/tx-ring-ref"), "8");
    ck_assert_str_eq(store_get(&store, FRONT "/rx-ring-ref"), "9");
    ck_assert_str_eq(store_get(&store, FRONT "/event-channel"), "10");
    ck_assert_str_eq(store_get(&store, FRONT "/request-rx-copy"), "1");
    ck_assert_str_eq(store_get(&store, FRONT "/feature-rx-notify"), "1");
    ck_assert_str_eq(store_get(&store, FRONT "/feature-sg"), "1");
    ck_assert_str_eq(store_get(&store, FRONT "/feature-no-csum-offload"), "1");
    ck_assert_mem_eq(q->link.mac, mac, 6);
    ck_assert_uint_eq(q->link.mtu, 4000);
    ck_assert_uint_eq(q->link.port, 10);
    ck_assert_uint_eq(q->link.generation, 1);
    ck_assert_int_eq(store.grants_made, STORE_PAGES);
    for (int i = 0; i < ETHQ_TX_BUFFERS; i++)
        ck_assert_uint_eq(q->tx.grant[i], 10 + i);
    for (int i = 0; i < ETHQ_RX_BUFFERS; i++) {
        ck_assert_uint_eq(q->rx.grant[i], 10 + ETHQ_TX_BUFFERS + i);
        ck_assert_uint_eq(q->rx_ring.slot[i].req.gref, q->rx.grant[i]);
    }
    ck_assert_uint_eq(q->rx_ring.index.req_prod, ETHQ_RX_BUFFERS);
    ck_assert_int_eq(store.messages, 0);
}
END_TEST

/* The rings must be ready before the backend may look at them. */
START_TEST(up_only_when_the_backend_is)
{
    toolstack_attach(&store, 0, 0);
    ck_assert_int_eq(netfront_step(&nf), 0);
    ck_assert_int_eq(nf.phase, NETFRONT_WAITING);
    netback_step(&store);
    ck_assert_int_eq(netfront_step(&nf), 0);
    ck_assert_int_eq(nf.phase, NETFRONT_CONNECTING);
    ck_assert_uint_eq(q->link.up, 0);
    ck_assert_uint_eq(q->rx_ring.index.req_prod, ETHQ_RX_BUFFERS);
    ck_assert_ptr_null(ethq_tx_reserve(q));
    netback_step(&store);
    ck_assert_int_eq(netfront_step(&nf), 0);
    ck_assert_uint_eq(q->link.up, 1);
}
END_TEST

START_TEST(detach_and_attach)
{
    attach_and_connect();
    for (uint32_t round = 2; round < 50; round++) {
        ck_assert_ptr_nonnull(ethq_tx_reserve(q));
        ck_assert_int_eq(ethq_tx_commit(q, 60), 0);
        ethq_flush(q);
        detach();
        ck_assert_uint_eq(q->link.up, 0);
        ck_assert_uint_eq(q->count.tx_lost, round - 1);
        attach_and_connect();
        ck_assert_uint_eq(q->link.generation, round);
        ck_assert_int_eq(store.grants_made, STORE_PAGES); /* once for life */
        ck_assert_int_eq(store.watches, 2);
    }
}
END_TEST

/* The toolstack may be faster than the frontend: the device has gone and another is there
 * already. */
START_TEST(attach_before_the_removal_was_seen)
{
    attach_and_connect();
    toolstack_detach_begin(&store);
    netfront_step(&nf);
    netback_step(&store);
    ck_assert(toolstack_detach_end(&store));
    toolstack_attach(&store, 1, 0);
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_UP);
    ck_assert_str_eq(nf.device, "device/vif/1");
}
END_TEST

START_TEST(lowest_device_is_used)
{
    toolstack_attach(&store, 10, 0);
    store_set(&store, "device/vif/11/state", "1");
    store_set(&store, "device/vif/nonsense/state", "1");
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_UP);
    ck_assert_str_eq(nf.device, "device/vif/10");
}
END_TEST

/* The backend's driver is unloaded and loaded again: it closes, stays online, and is back. */
START_TEST(backend_closes_and_opens)
{
    attach_and_connect();
    store_set(&store, BACK "/state", "5");
    ck_assert_int_eq(netfront_step(&nf), 0);
    ck_assert_uint_eq(q->link.up, 0);
    ck_assert(STATE_IS(FRONT, XenbusStateClosed));
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_UP);
    ck_assert_uint_eq(q->link.generation, 2);
    ck_assert_int_eq(store.ports, 1);
}
END_TEST

START_TEST(backend_vanishes)
{
    attach_and_connect();
    store_remove(&store, BACK);
    ck_assert_int_eq(netfront_step(&nf), 0);
    ck_assert_uint_eq(q->link.up, 0);
    ck_assert(STATE_IS(FRONT, XenbusStateClosed));
    store_set(&store, BACK "/state", "2");
    store_set(&store, BACK "/online", "1");
    store_set(&store, BACK "/feature-rx-copy", "1");
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_UP);
}
END_TEST

START_TEST(device_vanishes)
{
    attach_and_connect();
    store_remove(&store, FRONT);
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_ABSENT);
    ck_assert(!store_has(&store, FRONT "/state"));
    ck_assert_int_eq(store.watches, 1);
}
END_TEST

START_TEST(backend_that_never_connects_is_given_up)
{
    store.stubborn = true;
    toolstack_attach(&store, 0, 0);
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_FAILED);
    ck_assert_int_eq(store.messages, 1);
    store.stubborn = false;
    detach();
    attach_and_connect();
}
END_TEST

START_TEST(transactions_are_repeated)
{
    store.conflicts = 20;
    attach_and_connect();
    ck_assert_int_eq(store.messages, 0);
}
END_TEST

START_TEST(endless_conflicts_are_an_error)
{
    store.conflicts = 1000000;
    toolstack_attach(&store, 0, 0);
    ck_assert_int_eq(netfront_step(&nf), -EAGAIN);
    ck_assert_int_eq(nf.phase, NETFRONT_FAILED);
    ck_assert_int_eq(store.messages, 1);
}
END_TEST

/* What the toolstack or the backend wrote is not what it should be: a named error, and the device
 * is left in a state that it can be removed from. */
START_TEST(bad_values)
{
    static const struct {
        const char *path, *value;
        int error;
    } bad[] = {
        {FRONT "/mac", "", -EINVAL},
        {FRONT "/mac", "00:16:3e:0a:0b", -EINVAL},
        {FRONT "/mac", "00:16:3e:0a:0b:0g", -EINVAL},
        {FRONT "/mac", "00:16:3e:0a:0b:0c:0d", -EINVAL},
        {FRONT "/mac", "00-16-3e-0a-0b-0c", -EINVAL},
        {FRONT "/mac", NULL, -ENOENT},
        {FRONT "/mtu", "67", -EINVAL},
        {FRONT "/mtu", "65536", -EINVAL},
        {FRONT "/mtu", "many", -EINVAL},
        {FRONT "/mtu", "-5", -EINVAL},
        {FRONT "/mtu", "99999999999999999999999999", -EINVAL},
        {FRONT "/backend", "relative", -EINVAL},
        {FRONT "/backend", NULL, -ENOENT},
        {FRONT "/backend-id", "40000", -EINVAL},
        {FRONT "/backend-id", "x", -EINVAL},
        {BACK "/feature-rx-copy", "0", -EOPNOTSUPP},
        {BACK "/feature-rx-copy", NULL, -EOPNOTSUPP},
        {BACK "/feature-rx-copy", "yes", -EINVAL},
    };
    int error;

    toolstack_attach(&store, 0, 0);
    store_set(&store, BACK "/state", "2");
    store_set(&store, BACK "/feature-rx-copy", "1");
    if (bad[_i].value)
        store_set(&store, bad[_i].path, bad[_i].value);
    else
        store_remove(&store, bad[_i].path);
    error = netfront_step(&nf);
    ck_assert_msg(error == bad[_i].error, "%s = %s: %d", bad[_i].path, bad[_i].value, error);
    ck_assert_int_eq(nf.phase, NETFRONT_FAILED);
    ck_assert_int_eq(store.messages, 1);
    ck_assert(STATE_IS(FRONT, XenbusStateClosed));
    ck_assert_int_eq(netfront_step(&nf), 0);
    ck_assert_int_eq(store.messages, 1);

    store_settle(&store, &nf);
    detach();
    attach_and_connect();
}
END_TEST

START_TEST(mtu_defaults_and_is_cut_to_one_page)
{
    attach_and_connect();
    detach();
    toolstack_attach(&store, 0, 0);
    store_remove(&store, FRONT "/mtu");
    store_settle(&store, &nf);
    ck_assert_uint_eq(q->link.mtu, 1500);
    detach();
    toolstack_attach(&store, 0, 0);
    store_set(&store, FRONT "/mtu", "9000");
    store_settle(&store, &nf);
    ck_assert_uint_eq(q->link.mtu, ETHQ_PAGE - 14 - 4);
}
END_TEST

START_TEST(too_few_grants)
{
    store.grants_left = 100;
    toolstack_attach(&store, 0, 0);
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_FAILED);
    ck_assert_int_eq(store.messages, 1);
    ck_assert_ptr_nonnull(strstr(store.log, "grant"));
    /* With room in the table the next attempt goes on where this one ended. */
    store.grants_left = 1000;
    detach();
    attach_and_connect();
    ck_assert_int_eq(store.grants_made, STORE_PAGES);
}
END_TEST

START_TEST(another_backend_domain)
{
    attach_and_connect();
    detach();
    toolstack_attach(&store, 0, 3);
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_UP);
    ck_assert_int_eq(store.grants, STORE_PAGES);
    ck_assert_int_eq(store.grants_made, 2 * STORE_PAGES);
}
END_TEST

/* A grant that cannot be ended is the old domain's for ever (XSA-396): the queue never connects
 * again. */
START_TEST(another_backend_domain_while_the_first_holds_a_page)
{
    attach_and_connect();
    detach();
    store.busy = 1;
    for (int round = 0; round < 3; round++) {
        toolstack_attach(&store, 0, 3);
        store_settle(&store, &nf);
        ck_assert_int_eq(nf.phase, NETFRONT_FAILED);
        ck_assert_int_eq(store.messages, round + 1);
        ck_assert_int_eq(store.grants_made, STORE_PAGES);
        detach();
    }
    store.grants = 0; /* the busy one stays; not a leak of the frontend's */
}
END_TEST

START_TEST(a_broken_queue_is_closed_and_told_once)
{
    attach_and_connect();
    q->rx_ring.index.rsp_prod = 12345;
    ck_assert_ptr_null(ethq_rx_next(q, &(size_t){0}));
    ck_assert(ethq_broken(q));
    ck_assert_int_eq(netfront_step(&nf), -EPROTO);
    store_settle(&store, &nf);
    ck_assert_int_eq(nf.phase, NETFRONT_FAILED);
    ck_assert_int_eq(store.messages, 1);
    ck_assert_ptr_nonnull(strstr(store.log, "12345"));
    ck_assert(STATE_IS(FRONT, XenbusStateClosed));
    ck_assert_int_eq(store.ports, 0);
    detach();
    attach_and_connect();
    ck_assert(!ethq_broken(q));
}
END_TEST

/* Call number n fails, for each n from the first to the last of a life: no crash, no leak, and
 * after a new start of the device it works. */
START_TEST(every_call_fails_once)
{
    static const int errors[] = {-EIO, -ENOENT, -EAGAIN, -ENOSPC};

    for (int at = 1;; at++) {
        int calls;

        store_init(&store, q);
        ck_assert_int_eq(netfront_start(&nf, &store_ops, &store, q), 0);
        store.fail_at = store.calls + at;
        store.fail_with = errors[_i];
        toolstack_attach(&store, 0, 0);
        store_settle(&store, &nf);
        toolstack_detach_begin(&store);
        store_settle(&store, &nf);
        calls = store.calls;
        store.fail_at = 0;
        store_settle(&store, &nf);
        if (!toolstack_detach_end(&store))
            ck_abort_msg("call %d: the device cannot be removed", at);
        store_settle(&store, &nf);
        toolstack_attach(&store, 0, 0);
        store_settle(&store, &nf);
        if (nf.phase != NETFRONT_UP)
            ck_abort_msg("call %d: phase %d afterwards\n%s", at, nf.phase, store.log);
        if (store.ports != 1 || store.grants != STORE_PAGES || store.watches != 2)
            ck_abort_msg("call %d: %d ports, %d grants, %d watches", at, store.ports, store.grants,
                         store.watches);
        if (calls < at)
            break;
    }
}
END_TEST

START_TEST(stop)
{
    attach_and_connect();
    ck_assert_int_eq(netfront_stop(&nf), 0);
    ck_assert(STATE_IS(FRONT, XenbusStateClosed));
    ck_assert_uint_eq(q->link.up, 0);
    store_settle(&store, &nf);
    ck_assert(STATE_IS(FRONT, XenbusStateClosed));
    ck_assert_int_eq(netfront_stop(&nf), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handshake");
    TCase *tests = tcase_create("handshake");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, connects);
    tcase_add_test(tests, up_only_when_the_backend_is);
    tcase_add_test(tests, detach_and_attach);
    tcase_add_test(tests, attach_before_the_removal_was_seen);
    tcase_add_test(tests, lowest_device_is_used);
    tcase_add_test(tests, backend_closes_and_opens);
    tcase_add_test(tests, backend_vanishes);
    tcase_add_test(tests, device_vanishes);
    tcase_add_test(tests, backend_that_never_connects_is_given_up);
    tcase_add_test(tests, transactions_are_repeated);
    tcase_add_test(tests, endless_conflicts_are_an_error);
    tcase_add_loop_test(tests, bad_values, 0, 18);
    tcase_add_test(tests, mtu_defaults_and_is_cut_to_one_page);
    tcase_add_test(tests, too_few_grants);
    tcase_add_test(tests, another_backend_domain);
    tcase_add_test(tests, another_backend_domain_while_the_first_holds_a_page);
    tcase_add_test(tests, a_broken_queue_is_closed_and_told_once);
    tcase_add_loop_test(tests, every_call_fails_once, 0, 4);
    tcase_add_test(tests, stop);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
