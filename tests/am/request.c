/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: requests and replies of every size arrive exactly once, in order and intact over rings; a full ring says
 * -EAGAIN and loses nothing; what an idle sender clears for later messages is free, and enough; replies find their reserved room in a ring that requests have filled; what am.h calls an
 * error is one.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "am/link/ring_private.h"
#include "tests/am/job_fixture.h"

static struct fixture_job job;

/* What the handler expects next from each source; the payload is made from the number. */
static struct {
    uint64_t next[16];
} received;

static uint8_t byte_of(uint64_t number, size_t at)
{
    return (uint8_t)(number * 167 + at * 13 + 5);
}

static size_t length_of(uint64_t number)
{
    static const size_t some[] = {0, 1, 7, 8, 40, 41, 56, 57, 64, 100, 1000, 4096, 8191, 8192};

    return some[number * 5 % (sizeof(some) / sizeof(some[0]))];
}

static void on_number(struct am *am, const struct am_message *message, void *context)
{
    const uint8_t *bytes = message->payload;
    uint64_t number = message->args[0];

    ck_assert_ptr_eq(context, &received);
    ck_assert_uint_eq(number, received.next[message->source]);
    received.next[message->source]++;
    ck_assert_uint_eq(message->nargs, 1 + number % AM_MAX_ARGS);
    for (unsigned i = 1; i < message->nargs; i++)
        ck_assert_uint_eq(message->args[i], number * i);
    ck_assert_uint_eq(message->length, length_of(number));
    ck_assert_uint_eq((uintptr_t)bytes % 8, 0);
    for (size_t i = 0; i < message->length; i++)
        if (bytes[i] != byte_of(number, i))
            ck_abort_msg("message %llu: byte %zu is wrong", (unsigned long long)number, i);
}

static int send_number(struct am *am, uint32_t peer, uint64_t number)
{
    static uint8_t payload[8192];
    uint64_t args[AM_MAX_ARGS] = {number};
    size_t length = length_of(number);

    for (unsigned i = 1; i < AM_MAX_ARGS; i++)
        args[i] = number * i;
    for (size_t i = 0; i < length; i++)
        payload[i] = byte_of(number, i);
    return am_request2(am, peer, 3, args, 1 + number % AM_MAX_ARGS, payload, length / 3,
                       payload + length / 3, length - length / 3);
}

static void open_two(void)
{
    memset(&received, 0, sizeof(received));
    fixture_open(&job, 2, true);
    for (unsigned i = 0; i < job.size; i++)
        am_set_handler(job.am[i], 3, on_number, &received);
}

static void close_all(void)
{
    fixture_close(&job);
}

START_TEST(every_size_in_order)
{
    /* Several times round the ring, so that messages skip its end at many places. */
    for (uint64_t number = 0; number < 2000; number++) {
        while (send_number(job.am[0], 1, number) == -EAGAIN)
            fixture_poll(&job);
        if (number % 3 == 0)
            fixture_poll(&job);
    }
    fixture_settle(&job);
    ck_assert_uint_eq(received.next[0], 2000);
}
END_TEST

START_TEST(full_ring_is_eagain)
{
    uint64_t number = 0;

    fixture_settle(&job);
    while (send_number(job.am[0], 1, number) == 0)
        ck_assert_uint_lt(number++, 10000);
    ck_assert_int_eq(send_number(job.am[0], 1, number), -EAGAIN);
    fixture_settle(&job);
    ck_assert_uint_eq(received.next[0], number);
    ck_assert_int_eq(send_number(job.am[0], 1, number), 0);
    fixture_settle(&job);
    ck_assert_uint_eq(received.next[0], number + 1);
}
END_TEST

static uint64_t word_at(const struct ring_link *ring, uint32_t position)
{
    return *(const uint64_t *)ring->out->line[position & (ring->lines - 1)];
}

/* The sender polls in vain, for as long as it likes, with any part of the ring unread. */
START_TEST(an_idle_sender_clears_what_is_free)
{
    unsigned seed = 1;
    uint64_t number = 0;
    const struct ring_link *ring;
    bool was_full = false;

    ck_assert_int_eq(send_number(job.am[0], 1, number++), 0);
    fixture_settle(&job);
    ring = ring_transport(job.am[0]->ring)->by_peer[1];
    for (unsigned round = 0; round < 2000; round++) {
        uint32_t free_to, enough;
        int sends = rand_r(&seed) % 8 ? rand_r(&seed) % 6 : 1000, polls;

        for (; sends > 0 && send_number(job.am[0], 1, number) == 0; sends--)
            number++;
        was_full |= sends > 0;
        polls = rand_r(&seed) % 2 ? 200 : rand_r(&seed) % 8;
        for (int i = 0; i < polls; i++)
            ck_assert_int_eq(am_poll(job.am[0]), 0);
        for (uint32_t at = ring->head; at != ring->cleared; at++)
            ck_assert_uint_eq(word_at(ring, at), 0);
        free_to = ring->tail + ring->lines;
        ck_assert_int_le((int32_t)(ring->cleared - free_to), 0);
        enough = ring->head + 16 + ring->last; /* lines */
        if ((int32_t)(enough - free_to) > 0)
            enough = free_to;
        if (polls == 200)
            ck_assert_int_ge((int32_t)(ring->cleared - enough), 0);
        if (rand_r(&seed) % 3 == 0)
            am_poll(job.am[1]);
    }
    fixture_settle(&job);
    ck_assert_uint_eq(received.next[0], number);
    ck_assert(was_full);
}
END_TEST

START_TEST(to_oneself)
{
    for (uint64_t number = 0; number < 500; number++) {
        while (send_number(job.am[1], 1, number) == -EAGAIN)
            am_poll(job.am[1]);
    }
    fixture_settle(&job);
    ck_assert_uint_eq(received.next[1], 500);
}
END_TEST

/* Replies: handler 4 asks, handler 5 takes the answer. */
static unsigned asked, answered;

static void on_question(struct am *am, const struct am_message *message, void *context)
{
    uint8_t answer[AM_MAX_REPLY];

    ck_assert_uint_ne(message->token, 0);
    memset(answer, (int)message->args[0], sizeof(answer));
    asked++;
    ck_assert_int_eq(
        am_reply(am, message->source, message->token, 5, message->args, 1, answer, sizeof(answer)),
        0);
}

static void on_answer(struct am *am, const struct am_message *message, void *context)
{
    const uint8_t *bytes = message->payload;

    ck_assert_uint_eq(message->length, AM_MAX_REPLY);
    ck_assert_uint_eq(message->args[0], answered);
    for (size_t i = 0; i < message->length; i++)
        ck_assert_uint_eq(bytes[i], (uint8_t)answered);
    answered++;
}

START_TEST(replies_have_room_in_a_full_ring)
{
    uint64_t number = 0;
    uint64_t question = 0;

    asked = answered = 0;
    am_set_handler(job.am[1], 4, on_question, NULL);
    am_set_handler(job.am[0], 5, on_answer, NULL);
    for (int round = 0; round < 50; round++) {
        /* Process 1 fills its ring to process 0, which takes nothing for now ... */
        while (send_number(job.am[1], 0, number) == 0)
            number++;
        /* ... and asks as much as it may. */
        while (am_request_reply(job.am[0], 1, 4, &question, 1, NULL, 0) == 0)
            question++;
        ck_assert_uint_eq(question, AM_REPLIES * (unsigned)(round + 1));
        fixture_relay(&job);
        am_poll(job.am[1]);
        ck_assert_uint_eq(asked, question);
        /* Nothing is left to do, and no line to clear for later. */
        for (int i = 0; i < 200; i++)
            ck_assert_int_eq(am_poll(job.am[1]), 0);
        fixture_settle(&job);
        ck_assert_uint_eq(answered, question);
        ck_assert_uint_eq(received.next[1], number);
    }
}
END_TEST

START_TEST(without_a_handler_it_waits)
{
    am_set_handler(job.am[1], 3, NULL, NULL);
    for (uint64_t number = 0; number < 10; number++)
        ck_assert_int_eq(send_number(job.am[0], 1, number), 0);
    fixture_settle(&job);
    ck_assert_uint_eq(received.next[0], 0);
    am_set_handler(job.am[1], 3, on_number, &received);
    fixture_settle(&job);
    ck_assert_uint_eq(received.next[0], 10);
}
END_TEST

START_TEST(errors)
{
    static const uint8_t payload[8193];
    uint64_t args[AM_MAX_ARGS + 1] = {0};

    ck_assert_uint_eq(am_max_medium(job.am[0]), 8192);
    ck_assert_int_eq(am_request(job.am[0], 2, 3, args, 1, NULL, 0), -EINVAL);
    ck_assert_int_eq(am_request(job.am[0], 1, AM_HANDLERS, args, 1, NULL, 0), -EINVAL);
    ck_assert_int_eq(am_request(job.am[0], 1, 3, args, AM_MAX_ARGS + 1, NULL, 0), -EINVAL);
    ck_assert_int_eq(am_request(job.am[0], 1, 3, args, 1, payload, 8193), -EMSGSIZE);
    ck_assert_int_eq(am_reply(job.am[0], 1, 1, 3, args, 1, NULL, 0), -EINVAL);
    ck_assert_int_eq(am_set_handler(job.am[0], AM_HANDLERS, on_number, NULL), -EINVAL);
}
END_TEST

/* Deferred work. */
struct counted_work {
    struct am_work work;
    int tries; /* -EAGAIN so many times */
    unsigned place;
};
static unsigned finished;

static int counted_run(struct am *am, struct am_work *work)
{
    struct counted_work *counted = (struct counted_work *)work;

    if (counted->tries-- > 0)
        return -EAGAIN;
    counted->place = finished++;
    return 0;
}

START_TEST(deferred_work_keeps_its_order)
{
    struct counted_work work[] = {
        {.work.run = counted_run, .tries = 2},
        {.work.run = counted_run, .tries = 0},
        {.work.run = counted_run, .tries = 2},
    };

    finished = 0;
    for (unsigned i = 0; i < 3; i++)
        am_defer(job.am[0], &work[i].work);
    am_poll(job.am[0]);
    ck_assert_uint_eq(finished, 1);
    ck_assert_uint_eq(work[1].place, 0);
    am_poll(job.am[0]);
    ck_assert_uint_eq(finished, 1);
    am_poll(job.am[0]);
    ck_assert_uint_eq(finished, 3);
    ck_assert_uint_eq(work[0].place, 1);
    ck_assert_uint_eq(work[2].place, 2);
}
END_TEST

static unsigned downs;

static void on_down(struct am *am, uint32_t process, const char *reason, void *context)
{
    ck_assert_uint_eq(process, 1);
    ck_assert_ptr_nonnull(strstr(reason, "killed"));
    downs++;
}

START_TEST(a_peer_is_down_once)
{
    downs = 0;
    am_on_peer_down(job.am[0], on_down, NULL);
    ck_assert_int_eq(send_number(job.am[0], 1, 0), 0);
    am_report_down(job.am[0], 1, "killed");
    am_report_down(job.am[0], 1, "killed again");
    ck_assert_uint_eq(downs, 1);
    ck_assert_int_eq(send_number(job.am[0], 1, 1), -EHOSTDOWN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("am requests");
    TCase *two = tcase_create("two processes");
    SRunner *runner;
    int failed;

    tcase_set_timeout(two, 60);
    tcase_add_checked_fixture(two, open_two, close_all);
    tcase_add_test(two, every_size_in_order);
    tcase_add_test(two, full_ring_is_eagain);
    tcase_add_test(two, an_idle_sender_clears_what_is_free);
    tcase_add_test(two, to_oneself);
    tcase_add_test(two, replies_have_room_in_a_full_ring);
    tcase_add_test(two, without_a_handler_it_waits);
    tcase_add_test(two, errors);
    tcase_add_test(two, deferred_work_keeps_its_order);
    tcase_add_test(two, a_peer_is_down_once);
    suite_add_tcase(suite, two);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
