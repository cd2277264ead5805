/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: several peers get the same bytes from a segment that they map, each by itself; there is one piece of at most a MiB, for nodes
 * of more than two ranks; whatever a peer says about its segment, nothing outside it is taken for a part of it, and what cannot
 * be mapped is copied as any other memory; nothing stays open.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "am/link/ring_private.h"
#include "tests/am/job_fixture.h"

enum { LENGTH = 100000, MOST = 1 << 20, HEAD = 4096 };

static struct fixture_job job;
static uint8_t got[LENGTH];
static unsigned done;
static int open_before;

static int open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    ck_assert_ptr_nonnull(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void on_message(struct am *am, const struct am_message *message, void *context)
{
}

static void on_done(struct am *am, void *context, int status)
{
    ck_assert_int_eq(status, 0);
    done++;
}

/* A link copies by itself only after the peer has introduced itself. */
static void introduce(unsigned one, unsigned other)
{
    ck_assert_int_eq(am_request(job.am[one], other, 9, NULL, 0, NULL, 0), 0);
    ck_assert_int_eq(am_request(job.am[other], one, 9, NULL, 0, NULL, 0), 0);
    fixture_settle(&job);
}

static void open_node(void)
{
    open_before = open_files();
    fixture_open(&job, 3, true);
    for (unsigned i = 0; i < 3; i++) {
        job.am[i]->job.ranks = 3;
        am_set_handler(job.am[i], 9, on_message, NULL);
    }
    introduce(0, 1);
}

static void close_node(void)
{
    fixture_close(&job);
    ck_assert_int_eq(open_files(), open_before);
}

static uint64_t counter(unsigned process, const char *wanted)
{
    const char *name;

    for (unsigned i = 0;; i++) {
        uint64_t value = am_counter(job.am[process], i, &name);

        ck_assert_ptr_nonnull(name);
        if (strcmp(name, wanted) == 0)
            return value;
    }
}

static struct ring_link *link_of(unsigned process, unsigned peer)
{
    return ring_transport(job.am[process]->ring)->by_peer[peer];
}

/* `process` gets what process 0 has at `from`, and does so from its segment, or not. */
static void gets(unsigned process, void *from, bool segment)
{
    uint64_t read = counter(process, "ring_segment_reads");
    uint64_t copied = counter(process, "ring_one_copy");
    struct am_memory memory;

    done = 0;
    memset(got, 0, sizeof(got));
    ck_assert_int_eq(am_expose(job.am[0], process, from, LENGTH, AM_READ, &memory), 0);
    ck_assert_int_eq(am_get(job.am[process], 0, &memory, 0, got, LENGTH, 9, NULL, 0, on_done, NULL),
                     0);
    fixture_settle(&job);
    am_conceal(job.am[0], &memory);
    ck_assert_uint_eq(done, 1);
    ck_assert_int_eq(memcmp(got, from, LENGTH), 0);
    ck_assert_uint_eq(counter(process, "ring_segment_reads") - read, segment);
    ck_assert_uint_eq(counter(process, "ring_one_copy") - copied, !segment);
}

static void fill(uint8_t *bytes, unsigned seed)
{
    for (unsigned i = 0; i < LENGTH; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256 + seed);
}

START_TEST(peers_read_it_by_themselves)
{
    uint8_t *other = malloc(LENGTH);

    for (unsigned seed = 0; seed < 3; seed++) {
        uint8_t *piece = am_segment_take(job.am[0], LENGTH);

        ck_assert_ptr_nonnull(piece);
        fill(piece, seed);
        gets(1, piece, true);
        if (seed == 1)
            introduce(0, 2); /* their rings are younger than the segment */
        if (seed > 0)
            gets(2, piece, true);
        am_segment_give(job.am[0]);
    }
    fill(other, 7);
    gets(1, other, false);
    free(other);
}
END_TEST

START_TEST(there_is_one_piece)
{
    ck_assert_ptr_null(am_segment_take(job.am[0], MOST + 1));
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(am_segment_take(job.am[0], MOST));
        ck_assert_ptr_null(am_segment_take(job.am[0], 1));
        am_segment_give(job.am[0]);
    }
    job.am[1]->job.ranks = 2;
    ck_assert_ptr_null(am_segment_take(job.am[1], 1));
}
END_TEST

/* The signal of a file that becomes too large would end the process. */
START_TEST(a_limit_of_file_size_is_minded)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = MOST;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_ptr_null(am_segment_take(job.am[0], 1));
}
END_TEST

START_TEST(nothing_beside_it_is_a_part)
{
    uint8_t *piece = am_segment_take(job.am[0], LENGTH);
    uint64_t at = (uintptr_t)piece, end = at + MOST;
    struct ring_link *link = link_of(1, 0);

    fill(piece, 1);
    gets(1, piece, true);
    ck_assert_ptr_nonnull(segment_find(link, at, MOST));
    ck_assert_ptr_nonnull(segment_find(link, end - 1, 1));
    ck_assert_ptr_null(segment_find(link, end - 1, 2));
    ck_assert_ptr_null(segment_find(link, end, 0));
    ck_assert_ptr_null(segment_find(link, end, 1));
    ck_assert_ptr_null(segment_find(link, at - HEAD - 1, 1));
    ck_assert_ptr_null(segment_find(link, at, SIZE_MAX));
    ck_assert_ptr_null(segment_find(link, at, SIZE_MAX - at));
    ck_assert_ptr_null(segment_find(link, 0, 1));
}
END_TEST

enum lie {
    LIE_CLOSED,
    LIE_NEGATIVE,
    LIE_DEVICE,
    LIE_PIPE,
    LIE_UNSEALED,
    LIE_NONCE,
    LIE_SIZE,
    LIE_SHORT,
    LIE_LONG,
    LIES
};

/* What process 0 says of its segment is not so. */
START_TEST(a_lie_is_copied_around)
{
    uint8_t *piece = am_segment_take(job.am[0], LENGTH);
    struct ring_memory *told = link_of(0, 1)->out;
    int ends[2], other = -1;

    ck_assert_int_eq(pipe(ends), 0);
    if (_i == LIE_CLOSED)
        told->segment_fd = 99999;
    if (_i == LIE_NEGATIVE)
        told->segment_fd = -1;
    if (_i == LIE_DEVICE)
        other = told->segment_fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
    if (_i == LIE_PIPE)
        told->segment_fd = ends[0];
    if (_i == LIE_UNSEALED) {
        other = told->segment_fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        ck_assert_int_eq(ftruncate(other, HEAD + MOST), 0);
        ck_assert_int_eq(pwrite(other, &told->nonce, sizeof(told->nonce), 0), sizeof(told->nonce));
    }
    if (_i == LIE_NONCE)
        *(uint64_t *)(void *)(piece - HEAD) += 1;
    if (_i == LIE_SIZE)
        told->segment_bytes = UINT32_MAX;
    if (_i == LIE_SHORT)
        told->segment_bytes = 1;
    if (_i == LIE_LONG) { /* we would have to find memory for all of it */
        other = told->segment_fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        told->segment_bytes = 64 << 20;
        ck_assert_int_eq(ftruncate(other, told->segment_bytes), 0);
        ck_assert_int_eq(pwrite(other, &told->nonce, sizeof(told->nonce), 0), sizeof(told->nonce));
        ck_assert_int_eq(fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    }
    fill(piece, (unsigned)_i);
    gets(1, piece, false);
    gets(1, piece, false);
    close(ends[0]);
    close(ends[1]);
    if (other >= 0)
        close(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("am segment");
    TCase *node = tcase_create("node");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(node, open_node, close_node);
    tcase_add_test(node, peers_read_it_by_themselves);
    tcase_add_test(node, there_is_one_piece);
    tcase_add_test(node, a_limit_of_file_size_is_minded);
    tcase_add_test(node, nothing_beside_it_is_a_part);
    tcase_add_loop_test(node, a_lie_is_copied_around, 0, LIES);
    suite_add_tcase(suite, node);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
