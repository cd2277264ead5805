/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: frames arrive whole and in order through descriptors that take them in pieces, behind whatever a login shell
 * printed; what is no frame, and the end, are told once.
 */
#include "launch/channel.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct channel *near, *far;
static int raw; /* the far end, where a test writes bytes by hand */

static struct {
    unsigned frames;
    size_t bytes;
    enum channel_kind kind;
    char last[256];
    int ended;
    unsigned stop_after;
    bool close;
} seen;

static void take_frame(void *context, enum channel_kind kind, char *payload, size_t length)
{
    ck_assert_int_eq(payload[length], '\0');
    seen.frames++;
    seen.bytes += length;
    seen.kind = kind;
    snprintf(seen.last, sizeof(seen.last), "%s", payload);
    memset(payload, '#', length); /* it is ours to write to */
    if (seen.close) {
        channel_close(near);
        near = NULL;
    }
    if (seen.frames == seen.stop_after)
        loop_stop(loop);
}

static void take_end(void *context, int error)
{
    ck_assert_int_eq(seen.ended, 0);
    seen.ended = error;
    loop_stop(loop);
}

static void too_late(void *context)
{
    ck_abort_msg("nothing happened");
}

static struct timer limit = {.run = too_late};

static void run_until(unsigned frames)
{
    seen.stop_after = frames;
    loop_set_timer(loop, &limit, 5000000000u);
    loop_run(loop);
    loop_cancel_timer(loop, &limit);
}

static void open_channels(bool skip)
{
    struct channel_events events = {.frame = take_frame, .ended = take_end};
    int fd[2];

    memset(&seen, 0, sizeof(seen));
    loop = loop_open();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    near = channel_open(loop, fd[0], fd[0], &events, skip);
    far = channel_open(loop, fd[1], fd[1], &events, false);
    raw = fd[1];
}

static void set_up(void)
{
    open_channels(false);
}

static void tear_down(void)
{
    channel_close(near);
    channel_close(far);
    loop_close(loop);
}

START_TEST(lines_and_bytes)
{
    ck_assert_int_eq(channel_send_line(far, "cmd=caravan_x n=%d", 7), 0);
    run_until(1);
    ck_assert_int_eq(seen.kind, CHANNEL_LINE);
    ck_assert_str_eq(seen.last, "cmd=caravan_x n=7");
    ck_assert_int_eq(channel_send(far, CHANNEL_OUTPUT, "ab", 2, "cd", 2), 0);
    ck_assert_int_eq(channel_send(far, CHANNEL_STRING, NULL, 0, NULL, 0), 0);
    run_until(3);
    ck_assert_uint_eq(seen.bytes, 17 + 4);
    ck_assert_int_eq(seen.kind, CHANNEL_STRING);
    ck_assert_int_eq(seen.ended, 0);
}
END_TEST

START_TEST(more_than_the_socket_holds)
{
    enum { FRAMES = 60 };
    char *bytes = malloc(CHANNEL_MAX);

    memset(bytes, 'x', CHANNEL_MAX);
    for (int i = 0; i < FRAMES; i++)
        ck_assert_int_eq(channel_send(far, CHANNEL_OUTPUT, bytes, CHANNEL_MAX, NULL, 0), 0);
    ck_assert_uint_gt(channel_queued(far), 0);
    run_until(FRAMES);
    ck_assert_uint_eq(seen.bytes, (size_t)FRAMES * CHANNEL_MAX);
    ck_assert_uint_eq(channel_queued(far), 0);
    ck_assert_int_eq(channel_send(far, CHANNEL_OUTPUT, bytes, CHANNEL_MAX, "x", 1), -EMSGSIZE);
    free(bytes);
}
END_TEST

START_TEST(one_byte_at_a_time)
{
    static const unsigned char frame[] = {3, 0, 0, 0, CHANNEL_STRING, 0, 0, 0, 'a', 'b', 'c'};

    for (size_t i = 0; i < sizeof(frame); i++) {
        ck_assert_int_eq(write(raw, frame + i, 1), 1);
        if (i + 1 < sizeof(frame)) {
            struct timer soon = {.run = (void (*)(void *))loop_stop, .context = loop};

            loop_set_timer(loop, &soon, 1000000);
            loop_run(loop);
            ck_assert_uint_eq(seen.frames, 0);
        }
    }
    run_until(1);
    ck_assert_str_eq(seen.last, "abc");
}
END_TEST

START_TEST(noise_before_the_preamble)
{
    tear_down();
    open_channels(true);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(write(raw, "Welcome!\n\001caravan agent", 23), 23);
    ck_assert_int_eq(channel_send_preamble(far), 0);
    ck_assert_int_eq(channel_send_line(far, "cmd=caravan_agent"), 0);
    run_until(1);
    ck_assert_str_eq(seen.last, "cmd=caravan_agent");
    ck_assert_int_eq(seen.ended, 0);
}
END_TEST

START_TEST(noise_without_an_end)
{
    static char noise[1 << 16];

    tear_down();
    open_channels(true);
    memset(noise, 'y', sizeof(noise));
    for (int i = 0; i < 40 && !seen.ended; i++) {
        struct timer soon = {.run = (void (*)(void *))loop_stop, .context = loop};

        ck_assert_int_gt(write(raw, noise, sizeof(noise)), 0);
        loop_set_timer(loop, &soon, 2000000);
        loop_run(loop);
        loop_cancel_timer(loop, &soon);
    }
    ck_assert_int_eq(seen.ended, -EPROTO);
}
END_TEST

START_TEST(what_is_no_frame)
{
    static const unsigned char wrong[][8] = {
        {1, 0, 4, 0, CHANNEL_LINE, 0, 0, 0}, /* 256 KiB and one byte */
        {0xff, 0xff, 0xff, 0xff, CHANNEL_LINE, 0, 0, 0},
        {1, 0, 0, 0, 0, 0, 0, 0},
        {1, 0, 0, 0, 5, 0, 0, 0},
        {1, 0, 0, 0, CHANNEL_LINE, 0, 1, 0},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        tear_down();
        open_channels(false);
        ck_assert_int_eq(write(raw, wrong[i], 8), 8);
        run_until(0);
        ck_assert_int_eq(seen.ended, -EPROTO);
        ck_assert_uint_eq(seen.frames, 0);
    }
}
END_TEST

START_TEST(the_end)
{
    ck_assert_int_eq(channel_send_line(far, "cmd=last"), 0);
    channel_close(far);
    far = NULL;
    run_until(0);
    ck_assert_uint_eq(seen.frames, 1);
    ck_assert_int_eq(seen.ended, -ECONNRESET);
}
END_TEST

START_TEST(closed_by_its_callback)
{
    ck_assert_int_eq(channel_send_line(far, "cmd=first"), 0);
    ck_assert_int_eq(channel_send_line(far, "cmd=second"), 0);
    seen.close = true;
    run_until(1);
    ck_assert_uint_eq(seen.frames, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch channel");
    TCase *tests = tcase_create("channel");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, lines_and_bytes);
    tcase_add_test(tests, more_than_the_socket_holds);
    tcase_add_test(tests, one_byte_at_a_time);
    tcase_add_test(tests, noise_before_the_preamble);
    tcase_add_test(tests, noise_without_an_end);
    tcase_add_test(tests, what_is_no_frame);
    tcase_add_test(tests, the_end);
    tcase_add_test(tests, closed_by_its_callback);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
