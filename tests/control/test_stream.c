/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: lines and their descriptors arrive whole and in order through a socket that takes them in pieces; a stream
 * that ends, or sends what is not a line, says so; no descriptor is lost or leaked.
 */
#include "control/control.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int raw; /* the far end, where a test writes bytes by hand */
static struct control_stream *near, *far;
static struct control_message message;
static int opened_before;

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void set_up(void)
{
    int fd[2];

    opened_before = count_descriptors();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    near = control_open(fd[0]);
    far = control_open(fd[1]);
    raw = fd[1];
}

static void tear_down(void)
{
    control_close_fds(&message);
    control_close(near);
    control_close(far);
    ck_assert_int_eq(count_descriptors(), opened_before);
}

static void write_raw(const char *text, size_t length)
{
    ck_assert_int_eq(send(raw, text, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* A descriptor that can be told from others by its size. */
static int make_file(off_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, size), 0);
    return fd;
}

static off_t size_of(int fd)
{
    struct stat status;

    ck_assert_int_eq(fstat(fd, &status), 0);
    return status.st_size;
}

START_TEST(joins_pieces_and_splits_bursts)
{
    static const char text[] = "cmd=init pmi_version=1\ncmd=a\ncmd=b x=1\n";

    ck_assert_int_eq(control_receive(near, &message), 0);
    for (size_t i = 0; i < 10; i++) {
        write_raw(text + i, 1);
        ck_assert_int_eq(control_receive(near, &message), 0);
    }
    write_raw(text + 10, sizeof(text) - 11);
    ck_assert_int_eq(control_receive(near, &message), 1);
    ck_assert_str_eq(message.command, "init");
    ck_assert_int_eq(control_receive(near, &message), 1);
    ck_assert_str_eq(message.command, "a");
    ck_assert_int_eq(control_receive(near, &message), 1);
    ck_assert_str_eq(control_get(&message, "x"), "1");
    ck_assert_int_eq(control_receive(near, &message), 0);
}
END_TEST

START_TEST(carries_descriptors)
{
    int two[2] = {make_file(1), make_file(2)}, one = make_file(3);

    ck_assert_int_eq(control_send(far, NULL, 0, "cmd=first"), 0);
    ck_assert_int_eq(control_send(far, two, 2, "cmd=caravan_hello version=1"), 0);
    ck_assert_int_eq(control_send(far, &one, 1, "cmd=caravan_ring peer=%u", 7u), 0);

    ck_assert_int_eq(control_receive(near, &message), 1);
    ck_assert_uint_eq(message.fds, 0);
    ck_assert_int_eq(control_receive(near, &message), 1);
    ck_assert_uint_eq(message.fds, 2);
    ck_assert_str_eq(control_get(&message, "fds"), "2");

    int taken = control_take_fd(&message, 1);

    ck_assert_int_eq(size_of(taken), 2);
    ck_assert_int_eq(control_take_fd(&message, 1), -1);
    ck_assert(fcntl(taken, F_GETFD) & FD_CLOEXEC);
    close(taken);
    control_close_fds(&message);
    ck_assert_int_eq(control_receive(near, &message), 1);
    ck_assert_int_eq(size_of(message.fd[0]), 3);
    close(two[0]);
    close(two[1]);
    close(one);
}
END_TEST

/* More than the socket holds, with a descriptor on every third line: all of it, in order, once it is read. */
START_TEST(queues_what_the_socket_does_not_take)
{
    enum { LINES = 3000 };
    char text[1000];
    int file = make_file(5), received = 0, result = 0;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < LINES; i++)
        ck_assert_int_eq(control_send(far, &file, i % 3 == 0, "cmd=line n=%d text=%s", i, text), 0);
    close(file);
    ck_assert_int_eq(control_flush(far), -EAGAIN);

    while (received < LINES) {
        uint64_t number;

        result = control_receive(near, &message);
        if (result == 0) {
            ck_assert(control_flush(far) <= 0);
            continue;
        }
        ck_assert_int_eq(result, 1);
        ck_assert_int_eq(control_get_number(&message, "n", LINES, &number), 0);
        ck_assert_uint_eq(number, (uint64_t)received);
        ck_assert_uint_eq(message.fds, received % 3 == 0);
        if (message.fds)
            ck_assert_int_eq(size_of(message.fd[0]), 5);
        control_close_fds(&message);
        received++;
    }
    ck_assert_int_eq(control_flush(far), 0);
}
END_TEST

START_TEST(bounds_the_queue)
{
    char text[8000];
    int error = 0;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 10000 && error == 0; i++)
        error = control_send(far, NULL, 0, "cmd=line text=%s", text);
    ck_assert_int_eq(error, -ENOMEM);
}
END_TEST

START_TEST(says_when_the_other_end_has_closed)
{
    write_raw("cmd=last\ncmd=half", 17);
    control_close(far);
    far = NULL;
    ck_assert_int_eq(control_receive(near, &message), 1);
    ck_assert_str_eq(message.command, "last");
    ck_assert_int_eq(control_receive(near, &message), -ECONNRESET);
    ck_assert_int_eq(control_receive(near, &message), -ECONNRESET);
    ck_assert_int_eq(control_send(near, NULL, 0, "cmd=x"), -EPIPE);
}
END_TEST

START_TEST(refuses_long_lines)
{
    char text[CONTROL_MAX_LINE + 2];

    memset(text, 'x', sizeof(text));
    memcpy(text, "cmd=", 4);
    text[CONTROL_MAX_LINE - 1] = '\n';
    write_raw(text, CONTROL_MAX_LINE);
    ck_assert_int_eq(control_receive(near, &message), 1);
    text[CONTROL_MAX_LINE - 1] = 'x';
    text[CONTROL_MAX_LINE] = '\n';
    write_raw(text, CONTROL_MAX_LINE + 1);
    ck_assert_int_eq(control_receive(near, &message), -EPROTO);
    ck_assert_int_eq(control_receive(near, &message), -EPROTO);
}
END_TEST

START_TEST(sends_no_long_or_double_line)
{
    char text[CONTROL_MAX_LINE];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(control_send(far, NULL, 0, "cmd=%s", text), -EMSGSIZE);
    text[CONTROL_MAX_LINE - 5] = '\0';
    ck_assert_int_eq(control_send(far, NULL, 0, "cmd=%s", text), 0);
    ck_assert_int_eq(control_receive(near, &message), 1);
    ck_assert_uint_eq(strlen(message.command), CONTROL_MAX_LINE - 5);
    ck_assert_int_eq(control_send(far, NULL, 0, "cmd=x text=a\ncmd=abort"), -EPROTO);
}
END_TEST

START_TEST(refuses_nul)
{
    write_raw("cmd=a\0b\n", 8);
    ck_assert_int_eq(control_receive(near, &message), -EPROTO);
}
END_TEST

START_TEST(refuses_descriptors_that_did_not_come)
{
    write_raw("cmd=caravan_ring peer=1 fds=1\n", 30);
    ck_assert_int_eq(control_receive(near, &message), -EPROTO);
    ck_assert_uint_eq(message.fds, 0);
}
END_TEST

/* A stranger sends descriptors with lines that do not speak of them: refused before they pile up. */
START_TEST(bounds_descriptors)
{
    char space[CMSG_SPACE(CONTROL_MAX_FDS * sizeof(int))] = {0};
    char text[] = "cmd=x\n";
    struct iovec vector = {.iov_base = text, .iov_len = 6};
    struct msghdr header = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    int fds[CONTROL_MAX_FDS] = {0, 0, 0, 0}, result = 0;

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(fds));
    memcpy(CMSG_DATA(rights), fds, sizeof(fds));
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(sendmsg(raw, &header, 0), 6);
    for (int i = 0; i < 8 && result >= 0; i++)
        result = control_receive(near, &message);
    ck_assert_int_eq(result, -EPROTO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control stream");
    TCase *tests = tcase_create("stream");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, joins_pieces_and_splits_bursts);
    tcase_add_test(tests, carries_descriptors);
    tcase_add_test(tests, queues_what_the_socket_does_not_take);
    tcase_add_test(tests, bounds_the_queue);
    tcase_add_test(tests, says_when_the_other_end_has_closed);
    tcase_add_test(tests, refuses_long_lines);
    tcase_add_test(tests, sends_no_long_or_double_line);
    tcase_add_test(tests, refuses_nul);
    tcase_add_test(tests, refuses_descriptors_that_did_not_come);
    tcase_add_test(tests, bounds_descriptors);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
