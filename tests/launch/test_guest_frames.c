/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: frames of the control channel arrive whole and in order however they are cut, what a program is started with arrives as
 * it was, and a guest that sends nonsense is told apart from one that does not. Files are asked for over a socket pair.
 */
#include "launch/guest_frames.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct byte_queue queue;

static void tear_down(void)
{
    queue_clear(&queue);
}

START_TEST(one_byte_at_a_time)
{
    struct byte_queue sent = {0};
    struct channel_frame frame;
    char *payload;
    uint32_t number;
    unsigned frames = 0;

    ck_assert_int_eq(frame_put(&sent, FRAME_OUTPUT, 2, "hello", 5), 0);
    ck_assert_int_eq(frame_put(&sent, FRAME_OUTPUT, 1, NULL, 0), 0);
    ck_assert_int_eq(frame_put_number(&sent, FRAME_EXIT, 0, 256), 0);
    for (size_t i = sent.start; i < sent.end; i++) {
        ck_assert_int_eq(frame_next(&queue, &frame, &payload), 0);
        ck_assert_int_eq(queue_add(&queue, sent.bytes + i, 1), 0);
        if (frame_next(&queue, &frame, &payload) != 1)
            continue;
        switch (frames++) {
        case 0:
            ck_assert_uint_eq(frame.kind, FRAME_OUTPUT);
            ck_assert_uint_eq(frame.stream, 2);
            ck_assert_uint_eq(frame.length, 5);
            ck_assert_int_eq(memcmp(payload, "hello", 5), 0);
            ck_assert_int_eq(frame_number(&frame, payload, &number), -EPROTO);
            break;
        case 1:
            ck_assert_uint_eq(frame.length, 0);
            break;
        case 2:
            ck_assert_int_eq(frame_number(&frame, payload, &number), 0);
            ck_assert_uint_eq(number, 256);
        }
        frame_drop(&queue, &frame);
    }
    ck_assert_uint_eq(frames, 3);
    queue_clear(&sent);
}
END_TEST

START_TEST(what_is_no_frame)
{
    static const struct channel_frame wrong[] = {
        {.length = CHANNEL_FRAME_MAX + 1, .kind = FRAME_OUTPUT},
        {.length = UINT32_MAX, .kind = FRAME_FILE},
        {.kind = 0},
        {.kind = FRAME_EXIT + 1},
        {.kind = UINT16_MAX},
    };
    struct channel_frame frame;
    char *payload;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        queue_clear(&queue);
        queue_add(&queue, &wrong[i], sizeof(wrong[i]));
        ck_assert_int_eq(frame_next(&queue, &frame, &payload), -EPROTO);
    }
    ck_assert_int_eq(frame_put(&queue, FRAME_OUTPUT, 1, NULL, CHANNEL_FRAME_MAX + 1), -EMSGSIZE);
}
END_TEST

START_TEST(the_start)
{
    static char large[100000];
    char *arguments[] = {(char *)"name", (char *)"", (char *)"two words", NULL};
    char *environment[] = {(char *)"A=1", large, NULL};
    struct channel_start start = {.mask = 022, .control = 64};
    struct byte_queue whole = {0};
    struct channel_frame frame;
    char *payload;
    const char *text;

    memset(large, 'x', sizeof(large) - 1);
    large[0] = '=';
    ck_assert_int_eq(frame_put_start(&queue, &start, "/bin/p", "/home", arguments, environment), 0);
    while (frame_next(&queue, &frame, &payload) == 1) {
        ck_assert_uint_eq(frame.kind, FRAME_START);
        queue_add(&whole, payload, frame.length);
        frame_drop(&queue, &frame);
    }
    ck_assert_uint_eq(queue_length(&queue), 0);
    memcpy(&start, whole.bytes, sizeof(start));
    ck_assert_uint_eq(start.size, queue_length(&whole));
    ck_assert_uint_eq(start.arguments, 3);
    ck_assert_uint_eq(start.environment, 2);
    ck_assert_uint_eq(start.control, 64);
    text = whole.bytes + sizeof(start);
    for (unsigned i = 0; i < 7; i++, text += strlen(text) + 1) {
        const char *const wanted[] = {"/bin/p", "/home", "name", "", "two words", "A=1", large};

        ck_assert_str_eq(text, wanted[i]);
    }
    ck_assert_ptr_eq(text, whole.bytes + start.size);
    queue_clear(&whole);
}
END_TEST

/* ---- files ------------------------------------------------------------------------------------ */

static size_t make_request(char *to, struct channel_file head, const char *path, const char *second,
                           const void *data, size_t data_size)
{
    char *at = to + sizeof(head);

    head.path_size = path ? (uint32_t)strlen(path) + 1 : 0;
    head.second_size = second ? (uint32_t)strlen(second) + 1 : 0;
    head.data_size = (uint32_t)data_size;
    memcpy(to, &head, sizeof(head));
    if (path)
        at = stpcpy(at, path) + 1;
    if (second)
        at = stpcpy(at, second) + 1;
    if (data_size)
        memcpy(at, data, data_size);
    return (size_t)(at - to) + data_size;
}

START_TEST(requests_that_are_none)
{
    char bytes[512];
    struct file_request request;
    size_t size = make_request(bytes, (struct channel_file){.operation = FILE_RENAME}, "a", "b",
                               NULL, 0);
    struct channel_file head;

    ck_assert_int_eq(file_request_parse(bytes, size, &request), 0);
    ck_assert_str_eq(request.path, "a");
    ck_assert_str_eq(request.second, "b");
    for (size_t cut = 0; cut < size; cut++)
        ck_assert_int_eq(file_request_parse(bytes, cut, &request), -EPROTO);
    ck_assert_int_eq(file_request_parse(bytes, size + 1, &request), -EPROTO);
    bytes[sizeof(head) + 1] = 'x'; /* a path without its end */
    ck_assert_int_eq(file_request_parse(bytes, size, &request), -EPROTO);
    bytes[sizeof(head)] = bytes[sizeof(head) + 1] = '\0'; /* and with two */
    ck_assert_int_eq(file_request_parse(bytes, size, &request), -EPROTO);

    static const struct channel_file wrong[] = {
        {.path_size = CHANNEL_PATH + 1},
        {.second_size = UINT32_MAX},
        {.data_size = CHANNEL_FILE_DATA + 1},
        {.zero = 1},
        {.path_size = 100},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        memcpy(bytes, &wrong[i], sizeof(head));
        ck_assert_int_eq(file_request_parse(bytes, sizeof(head), &request), -EPROTO);
    }
}
END_TEST

/* A guest at the other end of a socket, with its own loop of requests. */
static int64_t ask(int fd, struct channel_file head, const char *path, const void *data,
                   size_t data_size, char *answer, size_t *size)
{
    static char bytes[CHANNEL_FRAME_MAX];
    struct channel_frame frame = {.kind = FRAME_FILE};
    struct channel_file_answer result;

    frame.length = (uint32_t)make_request(bytes, head, path, NULL, data, data_size);
    if (write(fd, &frame, sizeof(frame)) != sizeof(frame) ||
        write(fd, bytes, frame.length) != frame.length ||
        recv(fd, &frame, sizeof(frame), MSG_WAITALL) != sizeof(frame) ||
        recv(fd, &result, sizeof(result), MSG_WAITALL) != sizeof(result))
        _exit(10);
    *size = frame.length - sizeof(result);
    if (*size && recv(fd, answer, *size, MSG_WAITALL) != (ssize_t)*size)
        _exit(11);
    return result.result;
}

/* Writes two megabytes, reads them again, and compares. */
static void be_guest(int fd)
{
    static char data[CHANNEL_FILE_DATA], answer[CHANNEL_FILE_DATA];
    struct channel_file head = {.operation = FILE_OPEN, .flags = O_RDWR | O_CREAT, .mode = 0600};
    size_t size;

    head.handle = (uint32_t)ask(fd, head, "big", NULL, 0, answer, &size);
    for (int round = 0; round < 64; round++) {
        bool writing = round < 32;

        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = (char)(i * 31 + (size_t)(round % 32));
        head.operation = writing ? FILE_WRITE : FILE_READ;
        head.offset = writing ? -1 : (round % 32) * (int64_t)sizeof(data);
        head.length = sizeof(data);
        if (ask(fd, head, NULL, data, writing ? sizeof(data) : 0, answer, &size) != sizeof(data) ||
            (!writing && (size != sizeof(data) || memcmp(data, answer, size) != 0)))
            _exit(12);
    }
    _exit(0);
}

START_TEST(files_over_a_socket)
{
    char root[] = "/tmp/caravan-frames.XXXXXX", command[64];
    struct byte_queue in = {0};
    struct files *files;
    int fd[2], status;
    pid_t guest;

    ck_assert_ptr_nonnull(mkdtemp(root));
    files = files_new(root);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    guest = fork();
    if (guest == 0) {
        close(fd[0]);
        be_guest(fd[1]);
    }
    close(fd[1]);
    for (;;) {
        struct channel_frame frame;
        char *payload, *room = queue_room(&in, 5000);
        ssize_t got = read(fd[0], room, 5000);

        if (got <= 0)
            break;
        in.end += (size_t)got;
        while (frame_next(&in, &frame, &payload) == 1) {
            ck_assert_int_eq(file_request_serve(files, payload, frame.length, &queue), 0);
            frame_drop(&in, &frame);
            ck_assert_int_eq(write(fd[0], queue.bytes + queue.start, queue_length(&queue)),
                             (ssize_t)queue_length(&queue));
            queue_take(&queue, queue_length(&queue));
        }
    }
    ck_assert_int_eq(waitpid(guest, &status, 0), guest);
    ck_assert_int_eq(status, 0);
    queue_clear(&in);
    files_free(files);
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch guest frames");
    TCase *tests = tcase_create("frames");

    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, one_byte_at_a_time);
    tcase_add_test(tests, what_is_no_frame);
    tcase_add_test(tests, the_start);
    tcase_add_test(tests, requests_that_are_none);
    tcase_add_test(tests, files_over_a_socket);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
