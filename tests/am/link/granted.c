/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a pair of domains changes from frames to granted memory, and nothing is lost, doubled or overtaken, whatever happens to
 * the frames; whoever offers what cannot be is refused; a sleeper is woken once; nothing is left.
 *
 * Endpoints on a simulated Ethernet, in virtual time, each the only process of a domain; Xen and the agent are played.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "am/link/ring_private.h"
#include "am/link/wire_private.h"
#include "control/control.h"
#include "tests/am/link/fake_grants.h"
#include "tests/am/link/wire_net.h"

enum { HANDLER = 1, REPLY, LATE, GOT, DOMAIN = 10, BYTES = 100000 };

static struct net net;
static struct control_stream *agent[NET_MOST];
static uint64_t received[NET_MOST][NET_MOST]; /* by receiver and sender */
static uint64_t replies[NET_MOST], gots;
static unsigned downs;
static char reason_told[512];
static bool deaf; /* the agent passes nothing on */

static uint32_t domain_of(unsigned process)
{
    return DOMAIN + process;
}

static struct ring_transport *rings_of(unsigned process)
{
    return ring_transport(net.am[process]->ring);
}

static void on_message(struct am *am, const struct am_message *message, void *context)
{
    uint64_t *count = &received[am_self(am)][message->source];

    ck_assert_uint_eq(message->args[0], *count);
    for (size_t i = 0; i < message->length; i++)
        if (((const uint8_t *)message->payload)[i] != (uint8_t)(message->args[0] + i))
            ck_abort_msg("byte %zu of message %llu is wrong", i,
                         (unsigned long long)message->args[0]);
    (*count)++;
    if (message->token)
        ck_assert_int_eq(am_reply(am, message->source, message->token, REPLY, message->args, 1,
                                  message->payload, message->length % AM_MAX_REPLY),
                         0);
}

static void on_reply(struct am *am, const struct am_message *message, void *context)
{
    replies[am_self(am)]++;
}

static void on_got(struct am *am, const struct am_message *message, void *context)
{
    gots++;
}

static void on_down(struct am *am, uint32_t process, const char *reason, void *context)
{
    downs++;
    snprintf(reason_told, sizeof(reason_told), "%s", reason);
}

static void open_job(unsigned size, uint64_t seed, const struct sim_faults *faults)
{
    struct net_options options = {.size = size, .seed = seed, .faults = faults};

    memset(received, 0, sizeof(received));
    memset(replies, 0, sizeof(replies));
    gots = downs = 0;
    reason_told[0] = '\0';
    deaf = false;
    fake_grants_limit(UINT32_MAX);
    fake_grants_absent(0);
    net_open(&net, &options);
    for (unsigned i = 0; i < size; i++) {
        struct am_job *job = &net.am[i]->job;
        int ends[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        job->control = control_open(ends[0]);
        agent[i] = control_open(ends[1]);
        job->grant_system = &fake_grants;
        job->domu = true;
        job->beside = calloc(size, sizeof(*job->beside));
        for (unsigned j = 0; j < size; j++)
            job->beside[j] = j != i;
        am_set_handler(net.am[i], HANDLER, on_message, NULL);
        am_set_handler(net.am[i], REPLY, on_reply, NULL);
        am_set_handler(net.am[i], GOT, on_got, NULL);
        am_on_peer_down(net.am[i], on_down, NULL);
    }
}

/* All that was granted, mapped and bound has been given back. */
static void close_job(void)
{
    struct fake_grants_counts left;

    net_close(&net);
    for (unsigned i = 0; i < net.size; i++)
        control_close(agent[i]);
    left = fake_grants_count();
    ck_assert_uint_eq(left.pages, 0);
    ck_assert_uint_eq(left.mapped, 0);
    ck_assert_uint_eq(left.kept, 0);
    ck_assert_uint_eq(left.ports, 0);
    ck_assert_uint_eq(left.open, 0);
}

/* The agent's part. It knows whose line that is, and which domain he is in. */
static void relay(unsigned from, struct control_message *message)
{
    const char *refs = control_get(message, "refs");
    uint64_t peer, lines, port, error;
    int result;

    ck_assert_int_eq(control_get_number(message, "peer", net.size - 1, &peer), 0);
    if (strcmp(message->command, "caravan_meet") == 0) {
        result = control_send(agent[from], NULL, 0, "cmd=caravan_domain peer=%u domain=%u",
                              (unsigned)peer, domain_of((unsigned)peer));
    } else if (strcmp(message->command, "caravan_grant") == 0) {
        ck_assert_int_eq(control_get_number(message, "lines", UINT32_MAX, &lines), 0);
        ck_assert_int_eq(control_get_number(message, "port", UINT32_MAX, &port), 0);
        result = control_send(agent[peer], NULL, 0,
                              "cmd=caravan_grant peer=%u domain=%u lines=%u port=%u refs=%s", from,
                              domain_of(from), (unsigned)lines, (unsigned)port, refs);
    } else {
        ck_assert_str_eq(message->command, "caravan_taken");
        ck_assert_int_eq(control_get_number(message, "error", INT32_MAX, &error), 0);
        result = control_send(agent[peer], NULL, 0, "cmd=caravan_taken peer=%u error=%u", from,
                              (unsigned)error);
    }
    ck_assert_int_eq(result, 0);
}

static int poll_one(unsigned i)
{
    int handled;

    fake_grants_as(domain_of(i));
    net.am[i]->polls_to_control = 1;
    handled = am_poll(net.am[i]);
    ck_assert_int_ge(handled, 0);
    return handled;
}

static void round_of_all(void)
{
    struct control_message message;
    uint64_t until = net_now(&net) + 200000;
    int handled = 0;

    for (unsigned i = 0; i < net.size; i++)
        handled += poll_one(i);
    for (unsigned i = 0; i < net.size && !deaf; i++)
        while (control_receive(agent[i], &message) > 0)
            relay(i, &message);
    sim_step(net.sim, handled ? net_now(&net) + 1000 : until);
}

static void rounds(unsigned count)
{
    while (count-- > 0)
        round_of_all();
}

static int try_send(unsigned from, unsigned to, uint64_t number, size_t length, bool wants_reply)
{
    uint8_t bytes[AM_MAX_MEDIUM];

    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(number + i);
    fake_grants_as(domain_of(from));
    return (wants_reply ? am_request_reply : am_request)(net.am[from], to, HANDLER, &number, 1,
                                                         bytes, length);
}

static void send_one(unsigned from, unsigned to, uint64_t number, size_t length)
{
    int result;

    for (unsigned i = 0; (result = try_send(from, to, number, length, false)) == -EAGAIN; i++) {
        ck_assert_uint_lt(i, 100000);
        round_of_all();
    }
    ck_assert_int_eq(result, 0);
}

static bool has_ring(unsigned from, unsigned to)
{
    struct am_link *link = net.am[from]->peers[to].link;

    return link && strcmp(link->ops->name, "granted ring") == 0;
}

/* Two that have a ring each way. */
static void open_pair(void)
{
    open_job(2, 1, NULL);
    send_one(0, 1, 0, 10);
    send_one(1, 0, 0, 10);
    for (unsigned i = 0; !has_ring(0, 1) || !has_ring(1, 0) || rings_of(0)->chores ||
                         rings_of(1)->chores || received[0][1] != 1 || received[1][0] != 1;
         i++) {
        ck_assert_uint_lt(i, 10000);
        round_of_all();
    }
}

/* ---- references ----------------------------------------------------------------------------------------- */

START_TEST(references_are_written_and_read)
{
    uint32_t refs[] = {9, 10, 11, 40, 8, 7, 4294967294}, read[7];
    char text[64];

    ck_assert_int_gt(grant_refs_write(text, sizeof(text), refs, 7), 0);
    ck_assert_str_eq(text, "9+3,40,8,7,4294967294");
    ck_assert_int_eq(grant_refs_read(text, read, 7), 7);
    ck_assert_mem_eq(refs, read, sizeof(refs));
    ck_assert_int_eq(grant_refs_read(text, read, 6), -EPROTO);
    ck_assert_int_eq(grant_refs_write(text, 10, refs, 7), -EMSGSIZE);
    for (unsigned i = 1; i < 22; i++)
        ck_assert_int_eq(grant_refs_write(text, i, refs, 7), -EMSGSIZE);
}
END_TEST

START_TEST(references_that_cannot_be)
{
    static const char *const texts[] = {
        "",
        ",",
        "1,",
        ",1",
        "1,,2",
        "1+",
        "1+0",
        "+1",
        "-1",
        "1-",
        " 1",
        "1 ",
        "4294967296",
        "4294967295+2",
        "1+9",
        "1+4294967297",
        "a",
        "1a",
        "0x10",
        "1+2+3",
        "99999999999999999999999",
    };
    uint32_t refs[8];

    ck_assert_int_eq(grant_refs_read(texts[_i], refs, 8), -EPROTO);
}
END_TEST

/* ---- the change -------------------------------------------------------------------------------------------- */

static uint8_t source[BYTES], target[2][BYTES];

/* Both send for all they are worth, in all sizes, with replies and long messages, while a ring each way comes to be. */
static void change_under(const struct sim_faults *faults, uint64_t seed)
{
    enum { MESSAGES = 3000 };
    struct am_memory memory[2];
    uint64_t sent[2] = {0, 0}, asked[2] = {0, 0};
    unsigned chance = (unsigned)seed, started = 0;

    open_job(2, seed, faults);
    deaf = true;
    for (size_t i = 0; i < BYTES; i++)
        source[i] = (uint8_t)(i * 7 + seed);
    memset(target, 0, sizeof(target));
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(am_expose(net.am[i], !i, source, BYTES, AM_READ, &memory[i]), 0);
    for (unsigned round = 0; sent[0] < MESSAGES || sent[1] < MESSAGES || started < 2 || gots < 2 ||
                             received[0][1] < MESSAGES || received[1][0] < MESSAGES ||
                             replies[0] < asked[0] || replies[1] < asked[1];
         round++) {
        ck_assert_msg(round < 400000, "seed %llu: no end", (unsigned long long)seed);
        if (round == seed % 97)
            deaf = false; /* some frames are under way when the ring comes */
        for (unsigned i = 0; i < 2; i++) {
            while (sent[i] < MESSAGES) {
                size_t length = rand_r(&chance) % 8 ? (size_t)rand_r(&chance) % 200
                                                    : (size_t)rand_r(&chance) % AM_MAX_MEDIUM;
                bool reply = rand_r(&chance) % 4 == 0;

                if (try_send(i, !i, sent[i], length, reply) < 0)
                    break;
                sent[i]++;
                asked[i] += reply;
            }
        }
        if (started < 2 && round >= started * 5 + seed % 11 &&
            am_get(net.am[started], !started, &memory[!started], 0, target[started], BYTES, GOT,
                   NULL, 0, NULL, NULL) == 0)
            started++;
        round_of_all();
    }
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(has_ring(i, !i));
        ck_assert_mem_eq(target[i], source, BYTES);
    }
    rounds(5);
    ck_assert_uint_eq(received[0][1] + received[1][0], 2 * MESSAGES);
    ck_assert_uint_eq(downs, 0);
    for (unsigned i = 0;
         i < 2000 && !net.am[0]->peers[1].link->ops->drained(net.am[0]->peers[1].link); i++)
        round_of_all();
    ck_assert(net.am[0]->peers[1].link->ops->drained(net.am[0]->peers[1].link));
    close_job();
}

START_TEST(the_change_loses_doubles_and_overtakes_nothing)
{
    struct sim_faults faults = {.loss = 50000,
                                .duplicate = 20000,
                                .reorder = 100000,
                                .damage = 5000,
                                .full = 10000,
                                .delay = 20000,
                                .jitter = 20000,
                                .reorder_delay = 300000};

    change_under(_i % 2 ? &faults : NULL, (uint64_t)_i + 1);
}
END_TEST

/* A frame that is lost comes again long after the ring was filled; what is in the ring waits for it. */
START_TEST(the_ring_waits_for_a_lost_frame)
{
    struct sim_faults all_lost = {.loss = 1000000}, none = {0};

    open_job(2, 3, NULL);
    send_one(1, 0, 0, 10); /* they have met */
    for (unsigned i = 0; received[0][1] < 1; i++)
        round_of_all();
    deaf = true;
    for (unsigned i = 0; !wire_of(net.am[0]->wire)->peers[1]->open; i++)
        round_of_all();
    sim_set_faults(net.sim, &all_lost);
    send_one(0, 1, 0, 100);
    send_one(0, 1, 1, 100);
    deaf = false;
    for (unsigned i = 0; !has_ring(0, 1); i++) {
        ck_assert_uint_lt(i, 1000);
        round_of_all();
    }
    for (uint64_t i = 2; i < 20; i++)
        send_one(0, 1, i, 100);
    rounds(50);
    ck_assert_uint_eq(received[1][0], 0);
    ck_assert(!net.am[0]->peers[1].link->ops->drained(net.am[0]->peers[1].link));
    sim_set_faults(net.sim, &none);
    for (unsigned i = 0; received[1][0] < 20; i++) {
        ck_assert_uint_lt(i, 100000);
        round_of_all();
    }
    ck_assert_uint_eq(downs, 0);
    close_job();
}
END_TEST

/* Nobody knows its handler yet: it stays in its frame, and what is in the ring behind it. */
START_TEST(the_ring_waits_for_a_handler)
{
    uint64_t zero = 0;

    open_job(2, 4, NULL);
    fake_grants_as(domain_of(0));
    for (unsigned i = 0; am_request(net.am[0], 1, LATE, &zero, 1, NULL, 0) == -EAGAIN; i++)
        round_of_all();
    for (unsigned i = 0; !has_ring(0, 1); i++) {
        ck_assert_uint_lt(i, 1000);
        round_of_all();
    }
    zero = 1;
    send_one(0, 1, 1, 10);
    rounds(50);
    ck_assert_uint_eq(received[1][0], 0);
    am_set_handler(net.am[1], LATE, on_message, NULL);
    rounds(50);
    ck_assert_uint_eq(received[1][0], 2);
    close_job();
}
END_TEST

static void unpack_halves(void *data, size_t offset, const void *packed, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)data)[2 * (offset + i)] = ((const uint8_t *)packed)[i];
}

/* We have changed to a ring, the peer has not: what we get from it comes in bulk frames, also where it has gaps. */
START_TEST(a_get_with_gaps_while_one_direction_has_changed)
{
    static uint8_t gaps[2 * BYTES];
    struct am_memory memory;

    open_job(2, 9, NULL);
    send_one(0, 1, 0, 10);
    for (unsigned i = 0; !has_ring(0, 1); i++) {
        ck_assert_uint_lt(i, 1000);
        round_of_all();
    }
    ck_assert(!has_ring(1, 0));
    for (size_t i = 0; i < BYTES; i++)
        source[i] = (uint8_t)(i * 7);
    ck_assert_int_eq(am_expose(net.am[1], 0, source, BYTES, AM_READ, &memory), 0);
    fake_grants_as(domain_of(0));
    for (unsigned i = 0; am_get_unpacked(net.am[0], 1, &memory, 0, unpack_halves, NULL, gaps, BYTES,
                                         GOT, NULL, 0, NULL, NULL) == -EAGAIN;
         i++) {
        ck_assert_uint_lt(i, 1000);
        round_of_all();
    }
    for (unsigned i = 0; gots < 1; i++) {
        ck_assert_uint_lt(i, 10000);
        round_of_all();
    }
    for (size_t i = 0; i < BYTES; i++)
        ck_assert_uint_eq(gaps[2 * i], source[i]);
    close_job();
}
END_TEST

/* ---- sleeping ------------------------------------------------------------------------------------------------ */

START_TEST(a_sleeper_is_woken_once_and_nobody_else_at_all)
{
    uint64_t deadline = AM_FOREVER;
    unsigned calls, events;
    int fd;

    open_pair();
    ck_assert(rings_of(0)->by_peer[1]->bell.fence); /* or a wake-up may get lost: tests/am/wait.c */
    calls = fake_grants_count().calls;
    events = fake_grants_count().events;
    for (uint64_t i = 1; i < 100; i++) {
        send_one(0, 1, i, 100);
        poll_one(1);
    }
    ck_assert_uint_eq(fake_grants_count().calls, calls); /* none for a message */

    for (uint64_t sleep = 0; sleep < 3; sleep++) {
        ck_assert(!net.am[1]->ring->ops->sleep(net.am[1]->ring, &fd, &deadline));
        ck_assert_int_ge(ring_descriptor(net.am[1]->ring), 0);
        for (uint64_t i = 0; i < 10; i++)
            send_one(0, 1, 100 + sleep * 10 + i, 10);
        ck_assert_uint_eq(fake_grants_count().events, ++events);
        net.am[1]->ring->ops->wake(net.am[1]->ring);
        ring_rung(net.am[1]->ring);
        while (poll_one(1) > 0)
            ;
        ck_assert_uint_eq(received[1][0], 110 + sleep * 10);
    }
    /* What came before it said that it sleeps needs no event. */
    send_one(0, 1, 130, 10);
    ck_assert(net.am[1]->ring->ops->sleep(net.am[1]->ring, &fd, &deadline));
    net.am[1]->ring->ops->wake(net.am[1]->ring);
    ck_assert_uint_eq(fake_grants_count().events, events);
    close_job();
}
END_TEST

/* ---- what there is not enough of -------------------------------------------------------------------------------- */

static unsigned pages(uint32_t lines)
{
    return (unsigned)((ring_bytes(lines) + GRANT_PAGE - 1) / GRANT_PAGE);
}

START_TEST(rings_are_smaller_and_then_there_are_none)
{
    unsigned used;

    open_job(4, 5, NULL);
    fake_grants_limit(pages(RING_LINES) + pages(RING_MIN_LINES));
    for (uint64_t i = 0; i < 100; i++) {
        for (unsigned to = 1; to < 4; to++)
            send_one(0, to, i, 1000);
        rounds(10);
    }
    for (unsigned i = 0; received[1][0] + received[2][0] + received[3][0] < 300; i++) {
        ck_assert_uint_lt(i, 10000);
        round_of_all();
    }
    used = (unsigned)has_ring(0, 1) + has_ring(0, 2) + has_ring(0, 3);
    ck_assert_uint_eq(used, 2);
    ck_assert_uint_eq(rings_of(0)->granted_lines, RING_MIN_LINES);
    ck_assert(rings_of(0)->shortage_told);
    ck_assert_uint_eq(downs, 0);
    close_job();
}
END_TEST

START_TEST(without_the_devices_there_are_frames)
{
    open_job(2, 6, NULL);
    fake_grants_absent(_i ? EACCES : ENOENT);
    for (uint64_t i = 0; i < 100; i++)
        send_one(0, 1, i, 100);
    for (unsigned i = 0; received[1][0] < 100; i++) {
        ck_assert_uint_lt(i, 10000);
        round_of_all();
    }
    ck_assert(!has_ring(0, 1));
    close_job();
}
END_TEST

/* ---- who cannot be trusted ------------------------------------------------------------------------------------------- */

static void agent_says(unsigned to, const char *line)
{
    ck_assert_int_eq(control_send(agent[to], NULL, 0, "%s", line), 0);
    rounds(3);
}

START_TEST(offers_that_cannot_be_are_refused)
{
    static const char *const lines[] = {
        "cmd=caravan_grant peer=1 domain=11 lines=2048 port=1 refs=1+33", /* nobody granted that */
        "cmd=caravan_grant peer=1 domain=11 lines=2048 port=1 refs=1+32", /* too few */
        "cmd=caravan_grant peer=1 domain=11 lines=2047 port=1 refs=1+33",
        "cmd=caravan_grant peer=1 domain=11 lines=0 port=1 refs=1",
        "cmd=caravan_grant peer=1 domain=11 lines=512 port=1 refs=1+9",
        "cmd=caravan_grant peer=1 domain=11 lines=2147483648 port=1 refs=1+1000",
        "cmd=caravan_grant peer=1 domain=11 lines=2048 port=1 refs=1+4294967295",
        "cmd=caravan_grant peer=0 domain=10 lines=2048 port=1 refs=1+33",
        "cmd=caravan_taken peer=1 error=0",
        "cmd=caravan_taken peer=1 error=12",
        "cmd=caravan_domain peer=1 domain=11",
    };

    open_job(2, 7, NULL);
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        agent_says(0, lines[i]);
    ck_assert_uint_eq(fake_grants_count().mapped, 0);
    ck_assert_uint_eq(fake_grants_count().pages, 0);
    /* And all goes its way after that. */
    send_one(0, 1, 0, 10);
    for (unsigned i = 0; !has_ring(0, 1); i++) {
        ck_assert_uint_lt(i, 1000);
        round_of_all();
    }
    /* There is one ring a direction. */
    agent_says(1, "cmd=caravan_grant peer=0 domain=10 lines=2048 port=1 refs=1+33");
    agent_says(0, "cmd=caravan_taken peer=1 error=12");
    send_one(0, 1, 1, 10);
    rounds(3);
    ck_assert_uint_eq(received[1][0], 2);
    ck_assert_uint_eq(downs, 0);
    close_job();
}
END_TEST

/* An event channel that was not made for us: the offer is refused, and its pages are let go. */
START_TEST(an_offer_with_a_wrong_event_channel_is_refused)
{
    struct grants *other;
    struct granted granted;
    uint32_t refs[64];
    char text[128], line[256];

    open_job(2, 8, NULL);
    fake_grants_as(domain_of(1));
    ck_assert_int_eq(grants_open(&other, &fake_grants), 0);
    ck_assert_int_eq(granted_create(other, domain_of(0), pages(RING_LINES), &granted, refs), 0);
    ck_assert_int_gt(grant_refs_write(text, sizeof(text), refs, pages(RING_LINES)), 0);
    snprintf(line, sizeof(line), "cmd=caravan_grant peer=1 domain=11 lines=2048 port=77 refs=%s",
             text);
    agent_says(0, line);
    ck_assert_uint_eq(fake_grants_count().mapped, 0);
    /* Another domain's pages are not ours to map, whoever names them. */
    fake_grants_as(domain_of(1));
    granted_release(other, &granted);
    ck_assert_int_eq(granted_create(other, 99, pages(RING_LINES), &granted, refs), 0);
    ck_assert_int_gt(grant_refs_write(text, sizeof(text), refs, pages(RING_LINES)), 0);
    snprintf(line, sizeof(line), "cmd=caravan_grant peer=1 domain=11 lines=2048 port=1 refs=%s",
             text);
    agent_says(0, line);
    ck_assert_uint_eq(fake_grants_count().mapped, 0);
    granted_release(other, &granted);
    grants_close(other);
    close_job();
}
END_TEST

/* Garbage where the peer may write: we go on, or it is down, by name. What it maps of ours is given back at once, and its own too. */
START_TEST(garbage_in_shared_pages_is_the_end_of_the_pair_alone)
{
    unsigned chance = (unsigned)_i + 1;
    struct ring_link *ring;
    uint8_t *out, *in;
    uint64_t number = 1;

    open_job(3, 9, NULL);
    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < 3; j++)
            if (i != j)
                send_one(i, j, 0, 10);
    for (unsigned i = 0; !has_ring(0, 1) || !has_ring(1, 0) || !has_ring(0, 2) || !has_ring(2, 0) ||
                         rings_of(0)->chores;
         i++)
        round_of_all();
    /* Process 1 stops being one of ours. */
    ring = rings_of(1)->by_peer[0];
    out = (uint8_t *)ring->out;
    in = (uint8_t *)ring->in;
    for (unsigned i = 0; i < 3000 && downs == 0; i++) {
        uint8_t *at = rand_r(&chance) % 4 ? out : in;
        size_t where = (size_t)rand_r(&chance) %
                       (rand_r(&chance) % 2 ? 1024 : ring_bytes(RING_LINES));

        if (rand_r(&chance) % 3 == 0)
            *(uint64_t *)(at + where / 64 * 64) = ring_turn(rings_of(0)->by_peer[1]->taken) |
                                                  (uint64_t)rand_r(&chance) << 33;
        else
            at[where] = (uint8_t)rand_r(&chance);
        fake_grants_as(domain_of(0));
        if (am_request(net.am[0], 1, HANDLER, &number, 1, NULL, 0) == 0)
            number++;
        am_set_handler(net.am[0], HANDLER, NULL, NULL); /* it would not like what it hears */
        poll_one(0);
        am_set_handler(net.am[0], HANDLER, on_message, NULL);
        poll_one(2);
    }
    if (downs > 0)
        ck_assert_ptr_nonnull(strstr(reason_told, "process 1 on "));
    else
        am_report_down(net.am[0], 1, "the end of it");
    poll_one(0);
    ck_assert_ptr_null(rings_of(0)->by_peer[1]->in);
    ck_assert_ptr_null(rings_of(0)->by_peer[1]->out);
    ck_assert_uint_eq(grants_used(rings_of(0)->grants), pages(RING_LINES)); /* for process 2 */
    /* Our pages are still mapped there: they are nobody's until it lets go. */
    ck_assert_uint_eq(fake_grants_count().kept, pages(RING_LINES));
    ck_assert_int_eq(am_request(net.am[0], 1, HANDLER, &number, 1, NULL, 0), -EHOSTDOWN);
    send_one(2, 0, 1, 10);
    send_one(0, 2, 1, 10);
    for (unsigned i = 0; i < 10; i++) {
        poll_one(0);
        poll_one(2);
    }
    ck_assert_uint_eq(received[0][2], 2);
    ck_assert_uint_eq(received[2][0], 2);
    close_job();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("granted memory");
    TCase *tests = tcase_create("granted memory");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, references_are_written_and_read);
    tcase_add_loop_test(tests, references_that_cannot_be, 0, 21);
    tcase_add_loop_test(tests, the_change_loses_doubles_and_overtakes_nothing, 0, 16);
    tcase_add_test(tests, the_ring_waits_for_a_lost_frame);
    tcase_add_test(tests, the_ring_waits_for_a_handler);
    tcase_add_test(tests, a_get_with_gaps_while_one_direction_has_changed);
    tcase_add_test(tests, a_sleeper_is_woken_once_and_nobody_else_at_all);
    tcase_add_test(tests, rings_are_smaller_and_then_there_are_none);
    tcase_add_loop_test(tests, without_the_devices_there_are_frames, 0, 2);
    tcase_add_test(tests, offers_that_cannot_be_are_refused);
    tcase_add_test(tests, an_offer_with_a_wrong_event_channel_is_refused);
    tcase_add_loop_test(tests, garbage_in_shared_pages_is_the_end_of_the_pair_alone, 0, 8);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
