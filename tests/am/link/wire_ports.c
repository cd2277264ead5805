/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the wire keeps its promises over every port there is: messages of all sizes both ways, transfers, a full window,
 * a drain. A new port adds its opener to the list. (The packet port, which needs namespaces, has wire_packet.c.)
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "am/core.h"
#include "am/port/sim.h"
#include "am/port/template.h"
#include "tests/am/port/ethq_net.h"

enum {
    HANDLER = 1,
    ENDED,
    MESSAGES = 3000,
};

static struct sim *sim;
static struct ethq_net ethq;
static uint64_t ticks;
static unsigned losses;
static int used; /* of `ports` */
static struct am *am[2];
static uint64_t received[2];
static unsigned dones, ended;

static void open_template(struct am_port *port[2])
{
    ck_assert_int_eq(template_open(port, 1500, 64), 0);
}

static void open_template_jumbo(struct am_port *port[2])
{
    ck_assert_int_eq(template_open(port, 9000, 256), 0);
}

static void open_sim(struct am_port *port[2])
{
    for (uint8_t i = 0; i < 2; i++) {
        port[i] = sim_port(sim, i, (uint8_t[]){2, 0, 0, 0, 0, i}, 1500, 256);
        ck_assert_ptr_nonnull(port[i]);
    }
}

static void open_netfront(struct am_port *port[2])
{
    ethq_net_open(&ethq, port, 1500);
}

static void open_netfront_jumbo(struct am_port *port[2])
{
    ethq_net_open(&ethq, port, 4078);
}

/* Now and then the connection of one side is lost with all that is on its way. It is found again when the kernel is called. */
static void lose_connection(void)
{
    uint64_t come = received[0] + received[1] + 300 * dones;
    struct ethq_end *end = &ethq.end[losses % 2];

    if (come / 600 <= losses)
        return;
    losses++;
    ethq_net_disconnect(end);
    end->reconnects = true;
}

static const struct {
    const char *name;
    void (*open)(struct am_port *port[2]);
    void (*trouble)(void); /* NULL: none */
} ports[] = {
    {"template", open_template, NULL},
    {"template, large frames", open_template_jumbo, NULL},
    {"sim", open_sim, NULL},
    {"netfront", open_netfront, NULL},
    {"netfront, large frames", open_netfront_jumbo, NULL},
    {"netfront, connections are lost", open_netfront, lose_connection},
};

static uint64_t tick(void *context)
{
    return ticks += 100;
}

static size_t length_of(uint64_t number)
{
    return number * 37 % (AM_MAX_MEDIUM + 1);
}

static void on_message(struct am *self, const struct am_message *message, void *context)
{
    uint64_t *count = &received[am_self(self)];

    ck_assert_uint_eq(message->args[0], *count);
    ck_assert_uint_eq(message->length, length_of(*count));
    for (size_t i = 0; i < message->length; i++)
        if (((const uint8_t *)message->payload)[i] != (uint8_t)(*count + i))
            ck_abort_msg("byte %zu is wrong", i);
    (*count)++;
}

static void on_ended(struct am *self, const struct am_message *message, void *context)
{
    ended++;
}

static void on_done(struct am *self, void *context, int status)
{
    ck_assert_int_eq(status, 0);
    dones++;
}

static void round_of_all(void)
{
    require(am_poll(am[0]) >= 0 && am_poll(am[1]) >= 0);
    sim_step(sim, tick(NULL));
    if (ports[used].trouble)
        ports[used].trouble();
}

static void open_pair(int which)
{
    struct am_port *port[2];

    sim = sim_open(1, NULL);
    ticks = sim_now(sim);
    received[0] = received[1] = 0;
    dones = ended = 0;
    losses = 0;
    used = which;
    ports[which].open(port);
    for (uint32_t i = 0; i < 2; i++) {
        struct am_job job = {
            .job = 5,
            .process = i,
            .size = 2,
            .node = i,
            .nodes = 2,
            .ranks = 1,
            .cores = 1,
            .ethertype = 0x88b5,
            .timeout = 10000000000,
            .port = port[i],
            .clock = tick,
        };

        job.node_of = calloc(2, sizeof(*job.node_of));
        job.table = calloc(2, sizeof(*job.table));
        job.node_of[1] = 1;
        for (int j = 0; j < 2; j++)
            memcpy(job.table[j].mac, port[j]->mac, 6);
        ck_assert_int_eq(am_create(&am[i], &job, 0), 0);
        am_set_handler(am[i], HANDLER, on_message, NULL);
        am_set_handler(am[i], ENDED, on_ended, NULL);
    }
}

static void close_pair(void)
{
    for (int i = 0; i < 2; i++) {
        am[i]->broken = -ECANCELED; /* drained already, or nobody to drain to */
        am_close(am[i]);
    }
    sim_close(sim);
}

START_TEST(messages_both_ways)
{
    static uint8_t bytes[AM_MAX_MEDIUM];
    uint64_t sent[2] = {0, 0};

    open_pair(_i);
    while (received[0] < MESSAGES || received[1] < MESSAGES) {
        for (uint32_t i = 0; i < 2; i++) {
            while (sent[i] < MESSAGES) {
                int result;

                for (size_t j = 0; j < length_of(sent[i]); j++)
                    bytes[j] = (uint8_t)(sent[i] + j);
                result = am_request(am[i], !i, HANDLER, &sent[i], 1, bytes, length_of(sent[i]));
                if (result == -EAGAIN)
                    break;
                ck_assert_int_eq(result, 0);
                sent[i]++;
            }
        }
        round_of_all();
    }
    for (int i = 0; i < 100000 && !am[0]->peers[1].link->ops->drained(am[0]->peers[1].link); i++)
        round_of_all();
    ck_assert(am[0]->peers[1].link->ops->drained(am[0]->peers[1].link));
    close_pair();
}
END_TEST

START_TEST(transfers)
{
    static uint8_t source[100000], target[100000];
    struct am_memory memory;

    open_pair(_i);
    for (size_t i = 0; i < sizeof(source); i++)
        source[i] = (uint8_t)random();
    ck_assert_int_eq(am_expose(am[1], 0, source, sizeof(source), AM_READ, &memory), 0);
    for (size_t length = 1; length < sizeof(source); length = length * 3 + 1) {
        unsigned before = dones;
        int result;

        memset(target, 0, sizeof(target));
        do {
            result = am_get(am[0], 1, &memory, 0, target, length, ENDED, NULL, 0, on_done, NULL);
            round_of_all();
        } while (result == -EAGAIN);
        ck_assert_int_eq(result, 0);
        while (dones == before)
            round_of_all();
        ck_assert_mem_eq(source, target, length);
        ck_assert_uint_eq(target[length], 0);
        while (ended < dones)
            round_of_all();
    }
    close_pair();
}
END_TEST

static void on_down(struct am *self, uint32_t process, const char *reason, void *context)
{
    ck_assert_uint_eq(process, 1);
    ck_assert_ptr_nonnull(strstr(reason, "this node's Ethernet port failed: Protocol error"));
    ended++;
}

/* A port that is gone is told of, by one who only waits, and by one who has yet to meet its peer. */
START_TEST(port_is_gone)
{
    uint64_t number = 0;
    int which = 0;

    while (strcmp(ports[which].name, "netfront") != 0)
        which++;
    open_pair(which);
    am_on_peer_down(am[0], on_down, NULL);
    if (_i == 0) {
        while (am_request(am[0], 1, HANDLER, &number, 1, NULL, 0) == -EAGAIN)
            round_of_all();
        while (!received[1])
            round_of_all();
    }
    ethq.end[0].queue->rx_ring.index.rsp_prod += 1000;
    for (int i = 0; i < 3; i++)
        ck_assert_int_ge(am_poll(am[0]), 0);
    for (int i = 0; i < 100 && !ended; i++) {
        if (_i == 1)
            ck_assert_int_lt(am_request(am[0], 1, HANDLER, &number, 1, NULL, 0), 0);
        ck_assert_int_ge(am_poll(am[0]), 0);
    }
    ck_assert_uint_eq(ended, 1);
    ck_assert_int_eq(am_request(am[0], 1, HANDLER, &number, 1, NULL, 0), -EHOSTDOWN);
    close_pair();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire over every port");
    TCase *cases = tcase_create("ports");
    SRunner *runner;
    int failed, count = sizeof(ports) / sizeof(*ports);

    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, messages_both_ways, 0, count);
    tcase_add_loop_test(cases, transfers, 0, count);
    tcase_add_loop_test(cases, port_is_gone, 0, 2);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
