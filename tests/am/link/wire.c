/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the single promises of the wire, each in the situation that would break it. (wire_faults.c has them all at once.)
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "am/link/frame.h"
#include "am/link/wire_private.h"
#include "tests/am/link/wire_net.h"

enum {
    HANDLER = 1,
    LATE_HANDLER,
};

static struct net net;
static uint64_t received[NET_MOST][NET_MOST]; /* by receiver and sender */
static unsigned downs;
static char reason_told[512];

static void on_message(struct am *am, const struct am_message *message, void *context)
{
    uint64_t *count = &received[am_self(am)][message->source];

    ck_assert_uint_eq(message->args[0], *count);
    for (size_t i = 0; i < message->length; i++)
        if (((const uint8_t *)message->payload)[i] != (uint8_t)(message->args[0] + i))
            ck_abort_msg("byte %zu of message %llu is wrong", i,
                         (unsigned long long)message->args[0]);
    (*count)++;
}

static void on_down(struct am *am, uint32_t process, const char *reason, void *context)
{
    downs++;
    snprintf(reason_told, sizeof(reason_told), "%s", reason);
}

static void open_net(struct net_options options)
{
    memset(received, 0, sizeof(received));
    downs = 0;
    reason_told[0] = 0;
    net_open(&net, &options);
    for (unsigned i = 0; i < net.size; i++) {
        am_set_handler(net.am[i], HANDLER, on_message, NULL);
        am_on_peer_down(net.am[i], on_down, NULL);
    }
}

static int try_send(unsigned from, unsigned to, uint64_t number, size_t length)
{
    uint8_t bytes[AM_MAX_MEDIUM];

    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(number + i);
    return am_request(net.am[from], to, HANDLER, &number, 1, bytes, length);
}

static void send_one(unsigned from, unsigned to, uint64_t number, size_t length)
{
    int result;

    while ((result = try_send(from, to, number, length)) == -EAGAIN)
        net_round(&net);
    ck_assert_int_eq(result, 0);
}

static bool all_drained(void)
{
    for (unsigned i = 0; i < net.size; i++)
        for (unsigned j = 0; j < net.size; j++)
            if (net.am[i] && net.am[i]->peers[j].link && i != j &&
                !net.am[i]->peers[j].link->ops->drained(net.am[i]->peers[j].link))
                return false;
    return true;
}

static void settle(void)
{
    for (unsigned rounds = 0; !all_drained(); rounds++) {
        ck_assert_uint_lt(rounds, 1000000);
        net_round(&net);
    }
}

static void run_for(uint64_t time)
{
    uint64_t end = net_now(&net) + time;

    while (net_now(&net) < end)
        net_round(&net);
}

static struct wire_peer *peer_of(unsigned self, unsigned peer)
{
    return wire_of(net.am[self]->wire)->peers[peer];
}

/* ---- frames that are tampered with ---------------------------------------------------------------------- */

static uint8_t caught[64][9300];
static size_t caught_length[64];
static unsigned caught_count;

static void catch_frames(void *context, const void *frame, size_t length)
{
    if (caught_count < 64) {
        memcpy(caught[caught_count], frame, length);
        caught_length[caught_count++] = length;
    }
}

/* The first DATA frame that was caught. */
static unsigned caught_data(void)
{
    for (unsigned i = 0; i < caught_count; i++)
        if (caught[i][PORT_HEADER + 22] == FRAME_DATA)
            return i;
    ck_abort_msg("no frame with data");
    return 0;
}

START_TEST(damaged_foreign_and_replayed_frames_are_counted_and_dropped)
{
    unsigned data;

    open_net((struct net_options){.size = 2, .seed = 1});
    caught_count = 0;
    sim_tap(net.sim, catch_frames, NULL);
    send_one(0, 1, 0, 100);
    settle();
    run_for(MILLISECOND);
    sim_tap(net.sim, NULL, NULL);
    data = caught_data();
    ck_assert_uint_eq(received[1][0], 1);

    /* Again, as it was. */
    sim_inject(net.sim, caught[data], caught_length[data], 0);
    run_for(MILLISECOND);
    ck_assert_uint_eq(net_counter(net.am[1], "wire_dropped_duplicate"), 1);

    /* Every single bit of it wrong: each is one of the kinds of wrong, and none gets through. */
    for (size_t bit = 0; bit < 8 * caught_length[data]; bit++) {
        uint64_t before = net_counter(net.am[1], "wire_frames_received");

        caught[data][bit / 8] ^= (uint8_t)(1 << bit % 8);
        sim_inject(net.sim, caught[data], caught_length[data], 0);
        net_round(&net);
        net_round(&net);
        caught[data][bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bit >= 8 * PORT_HEADER)
            ck_assert_uint_eq(net_counter(net.am[1], "wire_frames_received"), before);
    }
    ck_assert_uint_ge(net_counter(net.am[1], "wire_dropped_bad_tag"), 8 * 100);
    /* Of another job, another ether type, or from no process there is (all bits of its number but one). */
    ck_assert_uint_eq(net_counter(net.am[1], "wire_dropped_foreign"), 32 + 16 + 31);
    ck_assert_uint_ge(net_counter(net.am[1], "wire_dropped_malformed"), 1);

    /* Cut short at every place. */
    for (size_t length = 0; length < caught_length[data]; length++)
        sim_inject(net.sim, caught[data], length, 0);
    run_for(MILLISECOND);
    ck_assert_uint_ge(net_counter(net.am[1], "wire_dropped_malformed"), 100);
    ck_assert_uint_eq(received[1][0], 1);

    send_one(0, 1, 1, 10);
    settle();
    run_for(MILLISECOND);
    ck_assert_uint_eq(received[1][0], 2);
    ck_assert_uint_eq(downs, 0);
    net_close(&net);
}
END_TEST

START_TEST(frames_of_an_earlier_life_never_pass)
{
    open_net((struct net_options){.size = 2, .seed = 1, .life = 100});
    caught_count = 0;
    sim_tap(net.sim, catch_frames, NULL);
    for (uint64_t i = 0; i < 5; i++)
        send_one(0, 1, i, 20);
    settle();
    net_close(&net);

    /* The same job and processes, later: every frame of then comes at every moment. */
    open_net((struct net_options){.size = 2, .seed = 1, .life = 200});
    for (unsigned i = 0; i < caught_count; i++)
        sim_inject(net.sim, caught[i], caught_length[i], 0);
    run_for(MILLISECOND);
    for (uint64_t i = 0; i < 5; i++) {
        send_one(0, 1, i, 20);
        for (unsigned j = 0; j < caught_count; j++)
            sim_inject(net.sim, caught[j], caught_length[j], 0);
        run_for(MILLISECOND);
    }
    settle();
    ck_assert_uint_eq(received[1][0], 5);
    ck_assert_uint_ge(net_counter(net.am[1], "wire_dropped_earlier_life"), 1);
    ck_assert_uint_ge(net_counter(net.am[1], "wire_dropped_bad_tag"), 5);
    ck_assert_uint_eq(downs, 0);
    net_close(&net);
}
END_TEST

/* GASNet's AMUDP once lost messages so: frame 1 is late, its retransmission arrives first, and then the frame itself. */
START_TEST(a_retransmission_overtakes_a_late_frame)
{
    struct sim_faults late = {.delay = 20000, .reorder = 1000000, .reorder_delay = 1};
    struct sim_faults quick = {.delay = 20000};

    for (uint64_t lateness = 10000; lateness < 100 * MILLISECOND; lateness *= 2) {
        open_net((struct net_options){.size = 2, .seed = 1, .faults = &quick});
        for (uint64_t i = 0; i < 20; i++)
            send_one(0, 1, i, 8);
        settle();
        caught_count = 0;
        sim_tap(net.sim, catch_frames, NULL);
        late.loss = 1000000; /* the frame itself is held by us */
        sim_set_faults(net.sim, &late);
        send_one(0, 1, 20, 8);
        sim_tap(net.sim, NULL, NULL);
        sim_set_faults(net.sim, &quick);
        ck_assert_uint_eq(caught_count, 1);
        sim_inject(net.sim, caught[0], caught_length[0], lateness);
        for (uint64_t i = 21; i < 300; i++)
            send_one(0, 1, i, 8);
        settle();
        run_for(2 * lateness + MILLISECOND);
        ck_assert_uint_eq(received[1][0], 300);
        if (lateness > 10 * MILLISECOND)
            ck_assert_uint_ge(net_counter(net.am[1], "wire_dropped_duplicate"), 1);
        ck_assert_uint_eq(downs, 0);
        net_close(&net);
    }
}
END_TEST

/* ---- loss ------------------------------------------------------------------------------------------------- */

START_TEST(only_what_is_missing_is_sent_again)
{
    struct sim_faults all = {.delay = 20000, .loss = 1000000};
    struct sim_faults none = {.delay = 20000};

    open_net((struct net_options){.size = 2, .seed = 1, .faults = &none});
    for (uint64_t i = 0; i < 100; i++)
        send_one(0, 1, i, 8);
    settle();
    sim_set_faults(net.sim, &all);
    send_one(0, 1, 100, 8);
    sim_set_faults(net.sim, &none);
    for (uint64_t i = 101; i < 120; i++)
        send_one(0, 1, i, 8);
    settle();
    ck_assert_uint_eq(received[1][0], 120);
    ck_assert_uint_eq(net_counter(net.am[0], "wire_frames_resent"), 1);
    ck_assert_uint_eq(net_counter(net.am[0], "wire_timeouts"), 0); /* three later frames told */
    net_close(&net);
}
END_TEST

START_TEST(reordering_is_not_loss)
{
    struct sim_faults faults = {.delay = 100000, .reorder = 300000, .reorder_delay = 15000};

    open_net((struct net_options){.size = 2, .seed = 3, .faults = &faults});
    for (uint64_t i = 0; i < 2000; i++) {
        send_one(0, 1, i, 8);
        if (i % 3 == 0)
            run_for(20000);
    }
    settle();
    ck_assert_uint_eq(received[1][0], 2000);
    ck_assert_uint_ge(net_counter(net.am[1], "wire_out_of_order"), 100);
    ck_assert_uint_le(net_counter(net.am[0], "wire_frames_resent"), 20);
    net_close(&net);
}
END_TEST

static void pass(uint64_t time)
{
    uint64_t end = net_now(&net) + time;

    while (net_now(&net) < end)
        sim_step(net.sim, end);
}

/* Answers each message; in the midst of its poll time passes, and the other side takes the answers and sends more. */
static void on_message_answer(struct am *am, const struct am_message *message, void *context)
{
    uint64_t *count = context;

    /* From a handler one defers; the wire does not mind, and this is about the wire. */
    while (am_request(net.am[1], 0, HANDLER, count, 1, NULL, 0) == -EAGAIN)
        ck_abort_msg("no room for an answer");
    if (++*count % 20 == 0) {
        pass(MILLISECOND);
        am_poll(net.am[0]);
        ck_assert_int_eq(am_request(net.am[0], 1, LATE_HANDLER, NULL, 0, NULL, 0), 0);
        pass(MILLISECOND);
    }
}

static void on_nothing(struct am *am, const struct am_message *message, void *context)
{
}

START_TEST(what_leaves_and_is_acknowledged_within_one_poll_has_no_negative_round_trip)
{
    uint64_t count = 0;

    open_net((struct net_options){.size = 2, .seed = 11});
    send_one(0, 1, 0, 0); /* they meet */
    settle();
    received[0][1] = 0;
    am_set_handler(net.am[1], HANDLER, on_message_answer, &count);
    am_set_handler(net.am[1], LATE_HANDLER, on_nothing, NULL);
    for (unsigned i = 0; i < 48; i++)
        ck_assert_int_eq(try_send(0, 1, i, 0), 0);
    pass(MILLISECOND);
    while (count < 48)
        am_poll(net.am[1]);
    settle();
    ck_assert_uint_eq(received[0][1], 48);
    ck_assert_uint_lt(peer_of(1, 0)->srtt, 10 * MILLISECOND);
    ck_assert_uint_lt(peer_of(1, 0)->rto, 100 * MILLISECOND);
    net_close(&net);
}
END_TEST

START_TEST(a_needless_resend_restores_the_window)
{
    struct sim_faults quick = {.delay = 20000};
    uint32_t window;

    open_net((struct net_options){.size = 2, .seed = 1, .faults = &quick});
    for (uint64_t i = 0; i < 100; i++)
        send_one(0, 1, i, 8);
    settle();
    window = peer_of(0, 1)->window;
    /* The peer is away for longer than the timeout. */
    net.away[1] = net_now(&net) + 50 * MILLISECOND;
    send_one(0, 1, 100, 8);
    while (peer_of(0, 1)->timeouts == 0)
        net_round(&net);
    ck_assert_uint_eq(peer_of(0, 1)->window, window / 2);
    settle();
    run_for(MILLISECOND);
    ck_assert_uint_ge(peer_of(0, 1)->window, window);
    ck_assert_uint_ge(net_counter(net.am[0], "wire_resent_needlessly"), 1);
    net_close(&net);
}
END_TEST

/* ---- credits ---------------------------------------------------------------------------------------------- */

START_TEST(incast_overruns_nothing)
{
    enum { SENDERS = 64, MESSAGES = 400 };
    struct sim_faults faults = {.delay = 5000, .jitter = 20000};
    uint64_t sent[SENDERS + 1] = {0};
    bool more = true;

    open_net(
        (struct net_options){.size = SENDERS + 1, .seed = 9, .faults = &faults, .rx_slots = 256});
    while (more) {
        more = false;
        for (unsigned i = 1; i <= SENDERS; i++) {
            while (sent[i] < MESSAGES && try_send(i, 0, sent[i], 900) == 0)
                sent[i]++;
            more |= sent[i] < MESSAGES;
        }
        net_round(&net);
        /* The receiver is away now and then, and finds its slots as full as they get. */
        if (sim_random(net.sim, 50) == 0)
            net.away[0] = net_now(&net) + 300000;
    }
    settle();
    for (unsigned i = 1; i <= SENDERS; i++)
        ck_assert_uint_eq(received[0][i], MESSAGES);
    ck_assert_uint_eq(sim_overruns(net.port[0]), 0);
    net_close(&net);
}
END_TEST

START_TEST(the_sum_of_grants_stays_below_the_slots)
{
    enum { PEERS = 20 };
    uint64_t sent[PEERS] = {0};

    open_net((struct net_options){.size = PEERS, .seed = 4, .rx_slots = 128});
    for (unsigned round = 0; round < 3000; round++) {
        unsigned from = (unsigned)sim_random(net.sim, PEERS);
        uint64_t sum = 0;

        if (from && try_send(from, 0, sent[from], sim_random(net.sim, 4000)) == 0)
            sent[from]++;
        net_round(&net);
        if (round % 10)
            continue;
        for (unsigned i = 1; i < PEERS; i++)
            if (peer_of(0, i))
                sum += peer_of(0, i)->rx_edge - peer_of(0, i)->rx_next;
        ck_assert_uint_le(sum, 128);
    }
    settle();
    ck_assert_uint_eq(sim_overruns(net.port[0]), 0);
    net_close(&net);
}
END_TEST

/* ---- meeting ---------------------------------------------------------------------------------------------- */

START_TEST(the_size_of_frames_is_found_at_the_start)
{
    static const struct {
        uint16_t port, path, expected;
    } cases[] = {{9000, 0, 9000}, {9000, 4000, 4000}, {9000, 1500, 1500},
                 {1500, 0, 1500}, {1500, 1400, 1280}, {1500, 600, 576}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sim_faults faults = {.delay = 20000, .path_mtu = cases[i].path};

        open_net(
            (struct net_options){.size = 2, .seed = 1, .faults = &faults, .mtu = cases[i].port});
        for (uint64_t n = 0; n < 10; n++)
            send_one(0, 1, n, AM_MAX_MEDIUM);
        for (uint64_t n = 0; n < 10; n++)
            send_one(1, 0, n, AM_MAX_MEDIUM);
        settle();
        ck_assert_uint_eq(received[1][0], 10);
        ck_assert_uint_eq(peer_of(0, 1)->room + FRAME_HEADER, cases[i].expected);
        ck_assert_uint_eq(peer_of(1, 0)->room + FRAME_HEADER, cases[i].expected);
        net_close(&net);
    }
}
END_TEST

START_TEST(a_peer_that_starts_late_is_met)
{
    open_net((struct net_options){.size = 2, .seed = 1, .mtu = 9000});
    net.away[1] = net_now(&net) + 30 * SECOND;
    send_one(0, 1, 0, 100);
    settle();
    run_for(MILLISECOND);
    ck_assert_uint_eq(received[1][0], 1);
    ck_assert_uint_eq(peer_of(0, 1)->room + FRAME_HEADER, 9000);
    ck_assert_uint_eq(downs, 0);
    net_close(&net);
}
END_TEST

/* Whatever size the first greeting had that it heard. */
START_TEST(a_peer_that_was_not_there_gets_large_frames)
{
    for (uint64_t late = 0; late < 3000; late += 37) {
        open_net((struct net_options){.size = 2, .seed = late + 1, .mtu = late % 2 ? 9000 : 1500});
        sim_cut(net.sim, net_mac(0), net_mac(1), net_now(&net) + late * MILLISECOND);
        send_one(0, 1, 0, 100);
        settle();
        run_for(SECOND);
        ck_assert_uint_eq(received[1][0], 1);
        for (unsigned i = 0; i < 2; i++) {
            ck_assert_uint_eq(peer_of(i, !i)->room + FRAME_HEADER, late % 2 ? 9000 : 1500);
            ck_assert_uint_eq(peer_of(i, !i)->hello_at, NEVER);
            ck_assert_uint_eq(peer_of(i, !i)->suspect_at, NEVER);
        }
        ck_assert_uint_eq(downs, 0);
        net_close(&net);
    }
}
END_TEST

/* A frame that process 1, which has the keys, could send to process 0. */
static void forge(struct frame_header header, const struct tag_key *key, uint64_t seq, uint64_t ack,
                  const void *lead, size_t lead_length)
{
    struct wire_peer *peer = peer_of(0, 1);
    uint8_t frame[PORT_HEADER + 9000] = {0};

    memcpy(frame, peer->prefix + 6, 6);
    memcpy(frame + 6, peer->prefix, 6);
    memcpy(frame + 12, peer->prefix + 12, 2);
    header.src = 1;
    memcpy(&header.job, peer->prefix + PORT_HEADER + 8, 4);
    header.seq = (uint32_t)seq;
    header.ack = (uint32_t)ack;
    memcpy(frame + FRAME_PAYLOAD, lead, lead_length);
    header.tag = frame_tag(key, &header, seq, ack, frame_crc(frame + FRAME_PAYLOAD, header.length));
    memcpy(frame + PORT_HEADER, &header, sizeof(header));
    sim_inject(net.sim, frame, FRAME_PAYLOAD + header.length, 0);
    run_for(MILLISECOND);
}

/* It says what cannot be: what it heard is longer than any frame of ours. */
START_TEST(a_greeting_that_heard_too_much_is_dropped)
{
    open_net((struct net_options){.size = 2, .seed = 1, .mtu = 1500});
    send_one(0, 1, 0, 100);
    settle();

    struct wire *wire = wire_of(net.am[0]->wire);
    struct wire_peer *peer = peer_of(0, 1);
    struct frame_hello hello = {
        .version = FRAME_VERSION,
        .size = FRAME_MIN_MTU,
        .heard = 60000,
        .flags = HELLO_WANTED,
        .incarnation = peer->incarnation,
        .peer_incarnation = wire->incarnation,
    };
    uint64_t shapeless = wire->count[COUNT_BAD_SHAPE];

    forge((struct frame_header){.length = FRAME_MIN_MTU - FRAME_HEADER, .kind = FRAME_HELLO},
          &wire->job_key, 0, 0, &hello, sizeof(hello));
    ck_assert_uint_eq(wire->count[COUNT_BAD_SHAPE], shapeless + 1);
    ck_assert_uint_eq(peer->told, 1500);
    send_one(0, 1, 1, 5000);
    settle();
    ck_assert_uint_eq(received[1][0], 2);
    net_close(&net);
}
END_TEST

/* Before its turn, so that it would be kept. The longest that fits is, one byte more is not. */
START_TEST(a_frame_longer_than_ours_is_dropped)
{
    for (unsigned more = 0; more < 2; more++) {
        open_net((struct net_options){.size = 2, .seed = 1, .mtu = 1500});
        send_one(0, 1, 0, 100);
        settle();

        struct wire *wire = wire_of(net.am[0]->wire);
        struct wire_peer *peer = peer_of(0, 1);
        uint64_t shapeless = wire->count[COUNT_BAD_SHAPE];
        uint64_t taken = wire->count[COUNT_RECEIVED];
        struct frame_bulk lead = {.transfer = 77};

        forge((struct frame_header){.length = (uint16_t)(1500 - FRAME_HEADER + more),
                                    .kind = FRAME_BULK},
              &peer->key, peer->rx_next + 1, peer->tx_una, &lead, sizeof(lead));
        ck_assert_uint_eq(wire->count[COUNT_BAD_SHAPE], shapeless + more);
        ck_assert_uint_eq(wire->count[COUNT_RECEIVED], taken + !more);
        net_close(&net);
    }
}
END_TEST

/* ---- silence ------------------------------------------------------------------------------------------------ */

START_TEST(who_computes_is_not_dead)
{
    open_net((struct net_options){.size = 2, .seed = 1, .timeout = 10 * SECOND});
    send_one(0, 1, 0, 10);
    send_one(1, 0, 0, 10);
    settle();
    net.away[1] = net_now(&net) + 90 * SECOND;
    for (uint64_t i = 1; i < 10; i++)
        send_one(0, 1, i, 1000);
    run_for(80 * SECOND);
    ck_assert_uint_eq(downs, 0);
    ck_assert_uint_eq(received[1][0], 1);
    /* Its agent was asked, and only the oldest frame was sent again, less and less often. */
    ck_assert_uint_ge(net_counter(net.am[0], "wire_agent_probes_sent"), 10);
    ck_assert_uint_le(net_counter(net.am[0], "wire_frames_resent"), 100);
    settle();
    run_for(MILLISECOND);
    ck_assert_uint_eq(received[1][0], 10);
    ck_assert_uint_eq(downs, 0);
    net_close(&net);
}
END_TEST

START_TEST(who_comes_back_from_computing_is_not_quick_to_judge)
{
    open_net((struct net_options){.size = 2, .seed = 1, .timeout = 2 * SECOND});
    send_one(0, 1, 0, 10);
    settle();
    /* Both away, one with a frame under way; the network eats everything meanwhile. */
    sim_cut(net.sim, net_mac(0), NULL, net_now(&net) + 59 * SECOND);
    send_one(0, 1, 1, 10);
    run_for(500 * MILLISECOND);
    net.away[0] = net.away[1] = net_now(&net) + 60 * SECOND;
    run_for(70 * SECOND);
    ck_assert_uint_eq(downs, 0);
    ck_assert_uint_eq(received[1][0], 2);
    net_close(&net);
}
END_TEST

START_TEST(an_unplugged_node_is_declared_down_by_name)
{
    uint64_t start;

    open_net((struct net_options){.size = 3, .seed = 1, .timeout = 4 * SECOND});
    for (unsigned i = 0; i < 3; i++)
        send_one(i, (i + 1) % 3, 0, 10);
    settle();
    net.nap = SECOND;
    sim_cut(net.sim, net_mac(1), NULL, UINT64_MAX);
    send_one(0, 1, 1, 10);
    start = net_now(&net);
    while (!downs) {
        net_round(&net);
        ck_assert_uint_lt(net_now(&net) - start, 10 * SECOND);
    }
    ck_assert_uint_ge(net_now(&net) - start, 4 * SECOND);
    ck_assert_ptr_nonnull(strstr(reason_told, "process 1 on node1 (02:00:00:00:00:01)"));
    ck_assert_ptr_nonnull(strstr(reason_told, "4294963201")); /* the sequence number */
    ck_assert_int_eq(try_send(0, 1, 2, 10), -EHOSTDOWN);
    /* The others go on. */
    send_one(0, 2, 0, 10);
    send_one(2, 0, 1, 10);
    settle();
    ck_assert_uint_eq(downs, 1);
    net_close(&net);
}
END_TEST

START_TEST(a_node_whose_agent_is_dead_is_declared_down_only_if_it_is_silent)
{
    open_net((struct net_options){.size = 2, .seed = 1, .timeout = 2 * SECOND});
    net.agent[1].dead = true;
    for (uint64_t i = 0; i < 10; i++) {
        send_one(0, 1, i, 10);
        run_for(SECOND);
    }
    ck_assert_uint_eq(downs, 0);
    net.away[1] = AM_FOREVER;
    send_one(0, 1, 10, 10);
    run_for(10 * SECOND);
    ck_assert_uint_eq(downs, 1);
    net_close(&net);
}
END_TEST

/* ---- leaving ------------------------------------------------------------------------------------------------ */

START_TEST(a_peer_that_left_is_told_apart_from_one_that_broke)
{
    open_net((struct net_options){.size = 2, .seed = 1});
    send_one(0, 1, 0, 10);
    send_one(1, 0, 0, 10);
    settle();
    ck_assert_int_eq(am_close(net.am[1]), 0);
    net.am[1] = NULL;
    run_for(MILLISECOND);
    ck_assert_uint_eq(downs, 0); /* that was its right */
    ck_assert_int_eq(try_send(0, 1, 1, 10), -EHOSTDOWN);
    ck_assert_ptr_nonnull(strstr(reason_told, "has left the job"));
    net_close(&net);
}
END_TEST

START_TEST(a_peer_that_declared_us_down_says_so)
{
    open_net((struct net_options){.size = 2, .seed = 1});
    send_one(0, 1, 0, 10);
    settle();
    am_report_down(net.am[1], 0, "because the test says so");
    ck_assert_uint_eq(downs, 1);
    send_one(0, 1, 1, 10);
    run_for(SECOND);
    ck_assert_uint_eq(downs, 2);
    ck_assert_ptr_nonnull(strstr(reason_told, "has reset the link"));
    net_close(&net);
}
END_TEST

/* ---- delivery -------------------------------------------------------------------------------------------------- */

static uint64_t late;

static void on_late(struct am *am, const struct am_message *message, void *context)
{
    ck_assert_uint_eq(message->args[0], late);
    late++;
}

START_TEST(messages_wait_for_their_handler)
{
    late = 0;
    open_net((struct net_options){.size = 2, .seed = 1});
    for (uint64_t i = 0; i < 40; i++) {
        int result;

        while ((result = am_request(net.am[0], 1, LATE_HANDLER, &i, 1, NULL, 0)) == -EAGAIN)
            net_round(&net);
        ck_assert_int_eq(result, 0);
        send_one(0, 1, i, 100);
    }
    run_for(SECOND);
    ck_assert_uint_eq(received[1][0], 0);
    am_set_handler(net.am[1], LATE_HANDLER, on_late, NULL);
    settle();
    run_for(MILLISECOND);
    ck_assert_uint_eq(late, 40);
    ck_assert_uint_eq(received[1][0], 40);
    net_close(&net);
}
END_TEST

static int done_status;
static unsigned dones;

static void on_done(struct am *am, void *context, int status)
{
    done_status = status;
    dones++;
}

START_TEST(transfers_of_all_sizes_are_whole)
{
    static uint8_t source[200000], target[200000];
    struct sim_faults faults = {.delay = 20000,
                                .loss = 20000,
                                .reorder = 100000,
                                .reorder_delay = 100000,
                                .duplicate = 20000,
                                .damage = 5000};
    struct am_memory memory;

    open_net((struct net_options){.size = 2, .seed = 5, .faults = &faults});
    for (size_t i = 0; i < sizeof(source); i++)
        source[i] = (uint8_t)random();
    ck_assert_int_eq(am_expose(net.am[1], 0, source, sizeof(source), AM_READ, &memory), 0);
    for (size_t length = 1; length < sizeof(source); length += length < 20     ? 1
                                                               : length < 4500 ? 131
                                                                               : 20011) {
        unsigned before = dones;
        int result;

        memset(target, 0, sizeof(target));
        while ((result = am_get(net.am[0], 1, &memory, sizeof(source) - length, target, length,
                                HANDLER, (uint64_t[]){received[1][0]}, 1, on_done, NULL)) ==
               -EAGAIN)
            net_round(&net);
        ck_assert_int_eq(result, 0);
        while (dones == before)
            net_round(&net);
        ck_assert_int_eq(done_status, 0);
        ck_assert_mem_eq(target, source + sizeof(source) - length, length);
        ck_assert_uint_eq(target[length], 0);
        settle();
    }
    net_close(&net);
}
END_TEST

/* The packed byte i is at 3 i. */
static void pack_thirds(void *data, size_t offset, void *packed, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)packed)[i] = ((uint8_t *)data)[3 * (offset + i)];
}

static void unpack_thirds(void *data, size_t offset, const void *packed, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)data)[3 * (offset + i)] = ((const uint8_t *)packed)[i];
}

START_TEST(transfers_with_gaps_are_whole)
{
    static uint8_t source[90000], target[90000];
    struct sim_faults faults = {.delay = 20000, .loss = 20000, .duplicate = 20000};
    const size_t length = sizeof(source) / 3 - 1;
    struct am_memory memory;

    open_net((struct net_options){.size = 2, .seed = 6, .faults = &faults});
    memset(source, 0xff, sizeof(source)); /* what lies between never arrives */
    for (size_t i = 0; i <= length; i++)
        source[3 * i] = (uint8_t)(random() & 0x7f);
    ck_assert_int_eq(am_expose_packed(net.am[1], 0, pack_thirds, NULL, source, sizeof(source) / 3,
                                      AM_READ, &memory),
                     0);
    dones = 0;
    while (am_get_unpacked(net.am[0], 1, &memory, 1, unpack_thirds, NULL, target, length, HANDLER,
                           (uint64_t[]){received[1][0]}, 1, on_done, NULL) == -EAGAIN)
        net_round(&net);
    while (dones == 0)
        net_round(&net);
    ck_assert_int_eq(done_status, 0);
    for (size_t i = 0; i < sizeof(target); i++)
        ck_assert_uint_eq(target[i], i % 3 == 0 && i / 3 < length ? source[i + 3] : 0);
    settle();
    am_conceal(net.am[1], &memory);
    net_close(&net);
}
END_TEST

/* A clock whose every look takes a microsecond, in which the other side works. */
static uint64_t busy_clock(void *context)
{
    pass(1000);
    am_poll(net.am[0]);
    return net_now(&net);
}

START_TEST(nobody_sleeps_in_the_midst_of_a_transfer)
{
    static uint8_t source[400000], target[400000];
    struct sim_faults faults = {.delay = 20000};
    struct am_memory memory;
    uint64_t began;

    open_net((struct net_options){.size = 2, .seed = 6, .faults = &faults});
    send_one(0, 1, 0, 0); /* they meet */
    settle();
    memset(source, 7, sizeof(source));
    ck_assert_int_eq(am_expose(net.am[0], 1, source, sizeof(source), AM_READ, &memory), 0);
    began = net_now(&net);
    net.am[1]->job.clock = busy_clock;
    ck_assert_int_eq(am_get(net.am[1], 0, &memory, 0, target, sizeof(source), HANDLER,
                            (uint64_t[]){0}, 1, on_done, NULL),
                     0);
    for (unsigned before = dones; dones == before;)
        ck_assert_int_ge(am_wait(net.am[1], net_now(&net) + SECOND), 0);
    ck_assert_mem_eq(target, source, sizeof(source));
    ck_assert_uint_gt(net_now(&net) - began, 2 * (uint64_t)AM_SPIN);
    ck_assert_uint_eq(net_counter(net.am[1], "sleeps"), 0);
    net_close(&net);
}
END_TEST

static void on_done_unmap(struct am *am, void *context, int status)
{
    ck_assert_int_eq(status, 0);
    munmap(context, 50000);
    dones++;
}

static void on_any(struct am *am, const struct am_message *message, void *context)
{
}

/* Once `done` has run, no frame is made from the source any more. */
START_TEST(a_source_is_let_alone_after_done)
{
    static uint8_t window[50000];
    struct sim_faults faults = {
        .delay = 20000, .loss = 150000, .reorder = 200000, .reorder_delay = 200000};
    struct am_memory memory;
    uint64_t number = 0;

    open_net((struct net_options){.size = 2, .seed = 7, .faults = &faults});
    am_set_handler(net.am[1], LATE_HANDLER, on_any, NULL);
    ck_assert_int_eq(am_expose(net.am[1], 0, window, sizeof(window), AM_WRITE, &memory), 0);
    for (unsigned i = 0; i < 200; i++) {
        unsigned before = dones;
        void *source = mmap(NULL, 50000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                            0);

        while (am_put(net.am[0], 1, &memory, 0, source, 50000, LATE_HANDLER, NULL, 0, on_done_unmap,
                      source) == -EAGAIN)
            net_round(&net);
        while (dones == before) {
            if (try_send(0, 1, number, 2000) == 0)
                number++;
            net_round(&net);
        }
    }
    settle();
    run_for(MILLISECOND);
    ck_assert_uint_eq(received[1][0], number);
    net_close(&net);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *cases = tcase_create("wire");
    SRunner *runner;
    int failed;

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, damaged_foreign_and_replayed_frames_are_counted_and_dropped);
    tcase_add_test(cases, frames_of_an_earlier_life_never_pass);
    tcase_add_test(cases, a_retransmission_overtakes_a_late_frame);
    tcase_add_test(cases, only_what_is_missing_is_sent_again);
    tcase_add_test(cases, reordering_is_not_loss);
    tcase_add_test(cases,
                   what_leaves_and_is_acknowledged_within_one_poll_has_no_negative_round_trip);
    tcase_add_test(cases, a_needless_resend_restores_the_window);
    tcase_add_test(cases, incast_overruns_nothing);
    tcase_add_test(cases, the_sum_of_grants_stays_below_the_slots);
    tcase_add_test(cases, the_size_of_frames_is_found_at_the_start);
    tcase_add_test(cases, a_peer_that_starts_late_is_met);
    tcase_add_test(cases, a_peer_that_was_not_there_gets_large_frames);
    tcase_add_test(cases, a_greeting_that_heard_too_much_is_dropped);
    tcase_add_test(cases, a_frame_longer_than_ours_is_dropped);
    tcase_add_test(cases, who_computes_is_not_dead);
    tcase_add_test(cases, who_comes_back_from_computing_is_not_quick_to_judge);
    tcase_add_test(cases, an_unplugged_node_is_declared_down_by_name);
    tcase_add_test(cases, a_node_whose_agent_is_dead_is_declared_down_only_if_it_is_silent);
    tcase_add_test(cases, a_peer_that_left_is_told_apart_from_one_that_broke);
    tcase_add_test(cases, a_peer_that_declared_us_down_says_so);
    tcase_add_test(cases, messages_wait_for_their_handler);
    tcase_add_test(cases, transfers_of_all_sizes_are_whole);
    tcase_add_test(cases, transfers_with_gaps_are_whole);
    tcase_add_test(cases, nobody_sleeps_in_the_midst_of_a_transfer);
    tcase_add_test(cases, a_source_is_let_alone_after_done);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
