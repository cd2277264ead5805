/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: long messages come the faster way, whichever that is, and however often it changes; to know it costs little; what
 * happens now and then, or with other lengths, misleads nobody.
 */
#include "am/way.h"

#include <check.h>
#include <stdbool.h>
#include <string.h>

static struct ways ways;

static enum way end_of(const uint64_t takes[WAYS])
{
    return takes[WAY_BOTH] ? WAYS : WAY_BOTH;
}

/* Messages of `length` bytes of which each takes so many ns by each way (0: that way is none). Returns what all took. */
static uint64_t run(unsigned messages, size_t length, const uint64_t takes[WAYS])
{
    uint64_t all = 0;

    for (unsigned i = 0; i < messages; i++) {
        enum way way = way_next(&ways, length, end_of(takes));

        way_took(&ways, length, way, takes[way]);
        all += takes[way];
    }
    return all;
}

/* As measured: cores that are near to each other, far, and very far. */
static const uint64_t near[WAYS] = {1900, 5900}, far[WAYS] = {9300, 6400},
                      very_far[WAYS] = {36000, 7000}, near_both[WAYS] = {1900, 5900, 4000},
                      far_both[WAYS] = {9300, 6400, 4600};

/* So many messages, after which this way is known to be the fastest. */
static void run_until(unsigned messages, const uint64_t takes[WAYS], enum way fastest)
{
    run(messages, 65536, takes);
    ck_assert_int_eq(way_fastest(&ways, 65536, WAYS), fastest);
}

START_TEST(a_stream_unless_a_copy_is_known_to_be_faster)
{
    memset(&ways, 0, sizeof(ways));
    ck_assert_int_eq(way_fastest(&ways, 65536, WAYS), WAY_STREAM);
    way_took(&ways, 65536, WAY_STREAM, 9300);
    ck_assert_int_eq(way_fastest(&ways, 65536, WAYS), WAY_STREAM);
    way_took(&ways, 65536, WAY_COPY, 6400);
    ck_assert_int_eq(way_fastest(&ways, 65536, WAYS), WAY_COPY);
    ck_assert_int_eq(way_fastest(&ways, 131072, WAYS), WAY_STREAM);
}
END_TEST

START_TEST(the_faster_way_is_found)
{
    memset(&ways, 0, sizeof(ways));
    run_until(8, near, WAY_STREAM);
    memset(&ways, 0, sizeof(ways));
    run_until(8, far, WAY_COPY);
    memset(&ways, 0, sizeof(ways));
    run_until(12, near_both, WAY_STREAM);
    memset(&ways, 0, sizeof(ways));
    run_until(12, far_both, WAY_BOTH);
    /* Where there are only two. */
    ck_assert_int_eq(way_fastest(&ways, 65536, WAY_BOTH), WAY_COPY);
    run_until(1000, far, WAY_BOTH);
}
END_TEST

/* Trying a slower one takes at most a 400th of the time. */
START_TEST(to_know_costs_little)
{
    const uint64_t *const cases[] = {
        near, far, very_far, (const uint64_t[WAYS]){500, 100000}, near_both, far_both};
    const uint64_t *takes = cases[_i];
    uint64_t least = UINT64_MAX, slower = 0, all = 0;

    for (enum way way = WAY_STREAM; way < end_of(takes); way++) {
        least = takes[way] < least ? takes[way] : least;
        slower++;
        all += takes[way];
    }
    slower--;
    memset(&ways, 0, sizeof(ways));
    run(12, 65536, takes);
    ck_assert_uint_le(run(100000, 65536, takes), (100000 + 250 * slower) * least + all);
}
END_TEST

/* When the cores come near, or go far, it is soon seen. */
START_TEST(a_change_is_seen)
{
    memset(&ways, 0, sizeof(ways));
    for (int round = 0; round < 10; round++) {
        run_until(1000, near, WAY_STREAM);
        run_until(20, very_far, WAY_COPY);
        run_until(1000, very_far, WAY_COPY);
        run_until(3000, near, WAY_STREAM);
        run_until(20, far, WAY_COPY);
    }
    memset(&ways, 0, sizeof(ways));
    for (int round = 0; round < 10; round++) {
        run_until(1000, near_both, WAY_STREAM);
        run_until(100, far_both, WAY_BOTH);
        run_until(1000, far_both, WAY_BOTH);
        run_until(3000, near_both, WAY_STREAM);
    }
    /* However slow it was. */
    memset(&ways, 0, sizeof(ways));
    run_until(2000, (const uint64_t[WAYS]){1000, 1000000}, WAY_STREAM);
    run_until(200000, (const uint64_t[WAYS]){1000, 500}, WAY_COPY);
}
END_TEST

/* A process that loses its core for a ms, at first or later. */
START_TEST(what_is_rare_misleads_nobody)
{
    memset(&ways, 0, sizeof(ways));
    way_took(&ways, 65536, way_next(&ways, 65536, WAY_BOTH), 4000000);
    way_took(&ways, 65536, way_next(&ways, 65536, WAY_BOTH), 4000000);
    run(6, 65536, near);
    ck_assert_int_eq(way_fastest(&ways, 65536, WAYS), WAY_STREAM);
    for (int i = 0; i < 100; i++) {
        run(20, 65536, near);
        way_took(&ways, 65536, WAY_STREAM, i % 2 ? UINT64_MAX / 1000 : 4000000);
        ck_assert_int_eq(way_fastest(&ways, 65536, WAYS), WAY_STREAM);
        way_took(&ways, 65536, WAY_COPY, 0);
        ck_assert_int_eq(way_fastest(&ways, 65536, WAYS), WAY_STREAM);
        run(2000, 65536, near);
    }
}
END_TEST

/* Short ones may be streamed, and long ones copied, and the other way round. */
START_TEST(lengths_are_told_apart)
{
    static const size_t lengths[] = {0, 1, 4095, 4096, 16384, 65536, 1 << 20, (size_t)1 << 40};

    memset(&ways, 0, sizeof(ways));
    for (unsigned i = 0; i < 8; i++) {
        uint64_t unit = lengths[i] / 1000 + 1;

        run(100, lengths[i],
            i % 2 ? (const uint64_t[WAYS]){unit * 2, unit}
                  : (const uint64_t[WAYS]){unit, unit * 2});
    }
    for (unsigned i = 3; i < 8; i++)
        ck_assert_int_eq(way_fastest(&ways, lengths[i], WAYS), i % 2 ? WAY_COPY : WAY_STREAM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("the faster way");
    TCase *way = tcase_create("way");
    SRunner *runner;
    int failed;

    tcase_add_test(way, a_stream_unless_a_copy_is_known_to_be_faster);
    tcase_add_test(way, the_faster_way_is_found);
    tcase_add_loop_test(way, to_know_costs_little, 0, 6);
    tcase_add_test(way, a_change_is_seen);
    tcase_add_test(way, what_is_rare_misleads_nobody);
    tcase_add_test(way, lengths_are_told_apart);
    suite_add_tcase(suite, way);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
