/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: files are served as system calls would do it, a write is whole or an error, no request can block the server or reach
 * what its process may not, and nonsense is refused.
 */
#include "launch/files.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];
static struct files *files;
static _Alignas(8) char answer[FILES_MAX_DATA];
static size_t size;

static void set_up(void)
{
    strcpy(root, "/tmp/caravan-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    files = files_new(root);
    ck_assert_ptr_nonnull(files);
}

static void tear_down(void)
{
    char command[128];

    files_free(files);
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

#define serve(...) files_serve(files, &(struct file_request){__VA_ARGS__}, answer, &size)
#define WRITE(h, text, at)                                                                         \
    serve(.operation = FILE_WRITE, .handle = (h), .data = (text), .data_size = strlen(text),       \
          .offset = (at))
#define READ(h, n, at) serve(.operation = FILE_READ, .handle = (h), .length = (n), .offset = (at))

static uint32_t open_file(const char *path, int flags)
{
    int64_t handle = serve(.operation = FILE_OPEN, .path = path, .flags = (uint32_t)flags,
                           .mode = 0644);

    ck_assert_int_ge(handle, 0);
    return (uint32_t)handle;
}

static bool answered(const char *text)
{
    return size == strlen(text) && memcmp(answer, text, size) == 0;
}

START_TEST(reading_and_writing)
{
    struct stat status;
    uint32_t h = open_file("f", O_RDWR | O_CREAT | O_EXCL);

    ck_assert_int_eq(WRITE(h, "hello world", -1), 11);
    ck_assert_int_eq(READ(h, 100, -1), 0);
    ck_assert_int_eq(serve(.operation = FILE_SEEK, .handle = h, .offset = 6, .flags = SEEK_SET), 6);
    ck_assert_int_eq(READ(h, 3, -1), 3);
    ck_assert(answered("wor"));
    ck_assert_int_eq(READ(h, 100, -1), 2);
    ck_assert_int_eq(READ(h, 5, 0), 5); /* which does not move it */
    ck_assert(answered("hello"));
    ck_assert_int_eq(WRITE(h, "J", 0), 1);
    ck_assert_int_eq(serve(.operation = FILE_SEEK, .handle = h, .flags = SEEK_CUR), 11);
    ck_assert_int_eq(serve(.operation = FILE_STAT, .handle = h), 0);
    ck_assert_uint_eq(size, sizeof(status));
    memcpy(&status, answer, size);
    ck_assert_int_eq(status.st_size, 11);
    ck_assert_int_eq(serve(.operation = FILE_TRUNCATE, .handle = h, .offset = 4), 0);
    ck_assert_int_eq(READ(h, 100, 0), 4);
    ck_assert(answered("Jell"));
    ck_assert_int_eq(serve(.operation = FILE_SYNC, .handle = h), 0);
    ck_assert_int_eq(serve(.operation = FILE_SYNC, .handle = h, .flags = 1), 0);
    ck_assert_int_eq(serve(.operation = FILE_CLOSE, .handle = h), 0);
    ck_assert_int_eq(serve(.operation = FILE_CLOSE, .handle = h), -EBADF);
    ck_assert_int_eq(READ(h, 1, 0), -EBADF);
    /* Its number is used again. */
    ck_assert_uint_eq(open_file("f", O_RDONLY), h);
    ck_assert_int_eq(WRITE(h, "x", -1), -EBADF);
}
END_TEST

START_TEST(open_flags)
{
    uint32_t a = open_file("f", O_WRONLY | O_CREAT | O_APPEND), b = open_file("f", O_WRONLY);

    ck_assert_int_eq(WRITE(a, "one", -1), 3);
    ck_assert_int_eq(WRITE(b, "T", -1), 1);
    ck_assert_int_eq(WRITE(a, "two", -1), 3); /* at the end, whatever others do */
    b = open_file("f", O_RDONLY);
    ck_assert_int_eq(READ(b, 100, -1), 6);
    ck_assert(answered("Tnetwo"));
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "f", .flags = O_CREAT | O_EXCL),
                     -EEXIST);
    open_file("f", O_WRONLY | O_TRUNC);
    ck_assert_int_eq(READ(b, 100, 0), 0);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "absent"), -ENOENT);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "f/x"), -ENOTDIR);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "f", .flags = O_DIRECTORY), -ENOTDIR);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "f", .flags = O_PATH), -EINVAL);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "f", .flags = O_ASYNC), -EINVAL);
    ck_assert_int_eq(serve(.operation = FILE_SYMLINK, .path = "f", .second = "l"), 0);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "l", .flags = O_NOFOLLOW), -ELOOP);
    open_file("l", O_RDONLY);
}
END_TEST

START_TEST(nothing_that_blocks)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/fifo", root);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "fifo"), -ENXIO);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "fifo", .flags = O_WRONLY), -ENXIO);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "fifo", .flags = O_RDWR), -ENXIO);
    ck_assert_int_eq(serve(.operation = FILE_TRUNCATE, .path = "fifo"), -EINVAL);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "/dev/tty"), -ENXIO);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "/dev/zero"), -ENXIO);
}
END_TEST

START_TEST(names)
{
    struct stat status;
    uint32_t h;

    ck_assert_int_eq(serve(.operation = FILE_MKDIR, .path = "d", .mode = 0755), 0);
    ck_assert_int_eq(serve(.operation = FILE_MKDIR, .path = "d", .mode = 0755), -EEXIST);
    h = open_file("d/f", O_WRONLY | O_CREAT);
    ck_assert_int_eq(serve(.operation = FILE_UNLINK, .path = "d", .flags = AT_REMOVEDIR),
                     -ENOTEMPTY);
    ck_assert_int_eq(serve(.operation = FILE_UNLINK, .path = "d"), -EISDIR);
    ck_assert_int_eq(serve(.operation = FILE_RENAME, .path = "d/f", .second = "g"), 0);
    ck_assert_int_eq(serve(.operation = FILE_LINK, .path = "g", .second = "d/h"), 0);
    ck_assert_int_eq(serve(.operation = FILE_STAT, .path = "d/h"), 0);
    memcpy(&status, answer, sizeof(status));
    ck_assert_uint_eq(status.st_nlink, 2);
    ck_assert_int_eq(serve(.operation = FILE_SYMLINK, .path = "over/there", .second = "l"), 0);
    ck_assert_int_eq(serve(.operation = FILE_READLINK, .path = "l", .length = 100), 10);
    ck_assert(answered("over/there"));
    ck_assert_int_eq(serve(.operation = FILE_STAT, .path = "l"), -ENOENT);
    ck_assert_int_eq(serve(.operation = FILE_STAT, .path = "l", .flags = AT_SYMLINK_NOFOLLOW), 0);
    memcpy(&status, answer, sizeof(status));
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_int_eq(serve(.operation = FILE_MODE, .path = "g", .mode = 0600), 0);
    ck_assert_int_eq(serve(.operation = FILE_MODE, .handle = h, .mode = 0444), 0);
    ck_assert_int_eq(serve(.operation = FILE_ACCESS, .path = "g", .mode = R_OK), 0);
    ck_assert_int_eq(serve(.operation = FILE_ACCESS, .path = "absent", .mode = F_OK), -ENOENT);

    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};

    ck_assert_int_eq(
        serve(.operation = FILE_TIMES, .path = "g", .data = times, .data_size = sizeof(times)), 0);
    ck_assert_int_eq(serve(.operation = FILE_STAT, .handle = h), 0);
    memcpy(&status, answer, sizeof(status));
    ck_assert_int_eq(status.st_mtime, 2000);
    ck_assert_int_eq(serve(.operation = FILE_TIMES, .path = "g", .data = times, .data_size = 5),
                     -EINVAL);
    ck_assert_int_eq(serve(.operation = FILE_STATFS, .path = "."), 0);
    ck_assert_uint_eq(size, sizeof(struct statfs));
    ck_assert_int_eq(serve(.operation = FILE_STATFS, .handle = h), 0);
}
END_TEST

START_TEST(listing)
{
    bool seen[300] = {false};
    unsigned total = 0;
    uint32_t h;

    for (int i = 0; i < 300; i++) {
        char name[32];

        snprintf(name, sizeof(name), "file-%d", i);
        serve(.operation = FILE_CLOSE, .handle = open_file(name, O_WRONLY | O_CREAT));
    }
    h = open_file(".", O_RDONLY | O_DIRECTORY);
    while (serve(.operation = FILE_LIST, .handle = h, .length = 1000) > 0)
        for (size_t at = 0; at < size;) {
            unsigned short length;
            int number;

            memcpy(&length, answer + at + 16, 2);
            if (sscanf(answer + at + 19, "file-%d", &number) == 1) {
                ck_assert(!seen[number]);
                seen[number] = true;
                total++;
            }
            at += length;
        }
    ck_assert_uint_eq(total, 300);
    ck_assert_int_lt(READ(h, 10, -1), 0);
}
END_TEST

START_TEST(locks)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
    char path[128];
    uint32_t h = open_file("f", O_RDWR | O_CREAT);
    int status, told[2], held[2];
    char byte;

    ck_assert_int_eq(pipe(told) | pipe(held), 0);
    snprintf(path, sizeof(path), "%s/f", root);
    if (fork() == 0) { /* somebody else has it */
        int fd = open(path, O_RDWR);

        close(told[1]);
        if (fcntl(fd, F_SETLK, &lock) < 0 || flock(fd, LOCK_EX) < 0 || write(held[1], "", 1) != 1)
            _exit(1);
        _exit(read(told[0], &byte, 1) != 0);
    }
    ck_assert_int_eq(read(held[0], &byte, 1), 1);
#define LOCK(how)                                                                                  \
    serve(.operation = FILE_LOCK, .handle = h, .flags = (how), .data = &lock,                      \
          .data_size = sizeof(lock))
    ck_assert_int_eq(LOCK(F_SETLK), -EAGAIN);
    ck_assert_int_eq(LOCK(F_SETLKW), -EAGAIN);
    ck_assert_int_eq(LOCK(F_GETLK), 0);
    memcpy(&lock, answer, sizeof(lock));
    ck_assert_int_eq(lock.l_type, F_WRLCK);
    ck_assert_int_gt(lock.l_pid, 0);
    ck_assert_int_eq(serve(.operation = FILE_FLOCK, .handle = h, .flags = LOCK_SH), -EWOULDBLOCK);
    ck_assert_int_eq(serve(.operation = FILE_FLOCK, .handle = h, .flags = 77), -EINVAL);
    ck_assert_int_eq(LOCK(F_SETLEASE), -EINVAL);
    close(told[1]);
    wait(&status);
    ck_assert_int_eq(status, 0);
    lock.l_pid = 0;
    ck_assert_int_eq(LOCK(F_SETLKW), 0);
    ck_assert_int_eq(serve(.operation = FILE_FLOCK, .handle = h, .flags = LOCK_EX), 0);
}
END_TEST

START_TEST(a_write_is_whole_or_an_error)
{
    struct rlimit limit = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
    uint32_t h = open_file("f", O_RDWR | O_CREAT);
    static char bytes[200];

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    /* The kernel takes 100 of them, and no more. */
    ck_assert_int_eq(serve(.operation = FILE_WRITE, .handle = h, .data = bytes,
                           .data_size = sizeof(bytes), .offset = -1),
                     -EFBIG);
    ck_assert_int_eq(serve(.operation = FILE_WRITE, .handle = h, .data = bytes,
                           .data_size = sizeof(bytes), .offset = 0),
                     -EFBIG);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
}
END_TEST

START_TEST(nonsense)
{
    uint32_t last = 0;

    for (uint32_t operation = 0; operation < FILE_OPERATIONS + 3; operation++) {
        /* No path, no handle, no data. */
        ck_assert_int_lt(serve(.operation = operation, .handle = 77), 0);
        ck_assert_int_lt(serve(.operation = operation, .handle = UINT32_MAX, .path = "x/y/z"), 0);
        ck_assert_uint_eq(size, 0);
    }
    ck_assert_int_eq(serve(.operation = UINT32_MAX, .path = "x"), -ENOSYS);
    ck_assert_int_eq(serve(.operation = FILE_STAT, .path = ".", .flags = AT_EMPTY_PATH), -EINVAL);
    for (uint32_t i = 0; i < FILES_MAX_OPEN; i++) {
        int64_t handle = serve(.operation = FILE_OPEN, .path = ".");

        if (handle == -EMFILE)
            break;
        last = (uint32_t)handle;
    }
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "."), -EMFILE);
    ck_assert_int_eq(serve(.operation = FILE_CLOSE, .handle = last), 0);
    ck_assert_int_eq(serve(.operation = FILE_OPEN, .path = "."), last);
}
END_TEST

START_TEST(only_what_the_user_may)
{
    char path[128];
    int status;
    pid_t pid;

    snprintf(path, sizeof(path), "%s/secret", root);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    ck_assert_int_eq(chmod(root, 0755), 0);
    pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(1);
        if (geteuid() != 65534)
            _exit(0); /* who is not root cannot try */
        if (serve(.operation = FILE_OPEN, .path = "secret") != -EACCES ||
            serve(.operation = FILE_OPEN, .path = "new", .flags = O_CREAT | O_WRONLY) != -EACCES ||
            serve(.operation = FILE_UNLINK, .path = "secret") != -EACCES)
            _exit(2);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch files");
    TCase *tests = tcase_create("files");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, reading_and_writing);
    tcase_add_test(tests, open_flags);
    tcase_add_test(tests, nothing_that_blocks);
    tcase_add_test(tests, names);
    tcase_add_test(tests, listing);
    tcase_add_test(tests, locks);
    tcase_add_test(tests, a_write_is_whole_or_an_error);
    tcase_add_test(tests, nonsense);
    tcase_add_test(tests, only_what_the_user_may);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
