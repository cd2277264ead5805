/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: am_get and am_put move every byte and no other, in both ways a ring has (one copy by the kernel, and mediums),
 * also where they are not in a row, run `done` once here and the handler once there, refuse memory that was not exposed that way, and end with
 * -EHOSTDOWN when the peer goes down. Each test runs both ways.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "am/link/ring_private.h"
#include "am/way.h"
#include "tests/am/job_fixture.h"

enum { BIG = 300000, EDGE = 64 };

static struct fixture_job job;
static uint8_t *far,
    *near; /* process 1's memory, process 0's; with an edge that nobody may touch on both sides */

static unsigned handled, done_count;
static int done_status;

static void on_finish(struct am *am, const struct am_message *message, void *context)
{
    ck_assert_uint_eq(am_self(am), 1);
    ck_assert_uint_eq(message->source, 0);
    ck_assert_uint_eq(message->nargs, 2);
    ck_assert_uint_eq(message->args[1], 99);
    handled++;
}

static void on_done(struct am *am, void *context, int status)
{
    ck_assert_ptr_eq(context, &done_count);
    done_count++;
    done_status = status;
}

static void fill(uint8_t *memory, unsigned seed)
{
    for (size_t i = 0; i < BIG + 2 * EDGE; i++)
        memory[i] = (uint8_t)(i * 31 + i / 256 + seed);
}

static void may_write(unsigned process, int writes)
{
    struct am_link *link;

    ck_assert_int_eq(am_link_to(job.am[process], 1 - process, &link), 0);
    ((struct ring_link *)(void *)link)->writes = writes;
}

static void open_pair(bool one_copy)
{
    fixture_open(&job, 2, one_copy);
    far = malloc(BIG + 2 * EDGE);
    near = malloc(BIG + 2 * EDGE);
    fill(far, 1);
    fill(near, 2);
    handled = done_count = 0;
    for (unsigned i = 0; i < 2; i++) {
        am_set_handler(job.am[i], 9, on_finish, NULL);
        may_write(i, WRITES); /* though all is one process */
    }
}

static const uint64_t ping_args[2] = {0, 99};

/* A link copies by itself only after the peer has introduced itself: exchange a message first. */
static void introduce(void)
{
    ck_assert_int_eq(am_request(job.am[0], 1, 9, ping_args, 2, NULL, 0), 0);
    am_set_handler(job.am[0], 8, on_finish, NULL);
    fixture_settle(&job);
    ck_assert_uint_eq(handled, 1);
    handled = 0;
}

static void on_nothing(struct am *am, const struct am_message *message, void *context)
{
}

static void open_with(bool one_copy)
{
    open_pair(one_copy);
    introduce();
    am_set_handler(job.am[0], 8, on_nothing, NULL);
    ck_assert_int_eq(am_request(job.am[1], 0, 8, NULL, 0, NULL, 0), 0);
    fixture_settle(&job);
}

static void open_one_copy(void)
{
    open_with(true);
}

static void open_mediums(void)
{
    open_with(false);
}

static void close_pair(void)
{
    fixture_close(&job);
    free(far);
    free(near);
}

/* How often a process has copied by itself. */
static uint64_t copies_of(struct am *am)
{
    const char *name;

    for (unsigned i = 0;; i++) {
        uint64_t value = am_counter(am, i, &name);

        ck_assert_ptr_nonnull(name);
        if (strcmp(name, "ring_one_copy") == 0)
            return value;
    }
}

static uint64_t copies(void)
{
    return copies_of(job.am[0]);
}

/* Move `length` bytes and look at everything around them. */
static void move(size_t length, size_t offset, bool put)
{
    struct am_memory memory;
    uint8_t *expected = malloc(BIG + 2 * EDGE);
    uint8_t *target = put ? far : near;
    const uint8_t *source = put ? near : far;
    int result;

    fill(far, 1);
    fill(near, 2);
    memcpy(expected, target, BIG + 2 * EDGE);
    memcpy(expected + EDGE + (put ? offset : 0), source + EDGE + (put ? 0 : offset), length);
    handled = done_count = 0;
    ck_assert_int_eq(am_expose(job.am[1], 0, far + EDGE, BIG, put ? AM_WRITE : AM_READ, &memory),
                     0);
    do {
        result = put ? am_put(job.am[0], 1, &memory, offset, near + EDGE, length, 9, ping_args, 2,
                              on_done, &done_count)
                     : am_get(job.am[0], 1, &memory, offset, near + EDGE, length, 9, ping_args, 2,
                              on_done, &done_count);
        fixture_poll(&job);
    } while (result == -EAGAIN);
    ck_assert_int_eq(result, 0);
    fixture_settle(&job);
    am_conceal(job.am[1], &memory);
    ck_assert_uint_eq(done_count, 1);
    ck_assert_int_eq(done_status, 0);
    ck_assert_uint_eq(handled, 1);
    ck_assert_int_eq(memcmp(expected, target, BIG + 2 * EDGE), 0);
    free(expected);
}

static const size_t lengths[] = {0, 1, 8191, 8192, 8193, 100001, BIG};

START_TEST(get_moves_exactly_these_bytes)
{
    move(lengths[_i], 0, false);
    if (lengths[_i] < BIG)
        move(lengths[_i], BIG - lengths[_i], false);
}
END_TEST

/* Every second byte of what there is: the packed byte i is at 2 i. */
static void pack_halves(void *data, size_t offset, void *packed, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)packed)[i] = ((uint8_t *)data)[2 * (offset + i)];
}

static void unpack_halves(void *data, size_t offset, const void *packed, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)data)[2 * (offset + i)] = ((const uint8_t *)packed)[i];
}

/* _i: bit 0, the source has gaps; bit 1, the target; the rest is the length. */
START_TEST(get_packs_and_unpacks)
{
    const size_t length = lengths[_i / 4] / 2, offset = 3;
    const unsigned out = _i & 1 ? 2 : 1, in = _i & 2 ? 2 : 1;
    struct am_memory memory;
    uint8_t *expected = malloc(BIG + 2 * EDGE);
    int result;

    memcpy(expected, near, BIG + 2 * EDGE);
    for (size_t i = 0; i < length; i++)
        expected[EDGE + in * i] = far[EDGE + out * (offset + i)];
    if (out == 2)
        result = am_expose_packed(job.am[1], 0, pack_halves, NULL, far + EDGE, length + offset,
                                  AM_READ, &memory);
    else
        result = am_expose(job.am[1], 0, far + EDGE, length + offset, AM_READ, &memory);
    ck_assert_int_eq(result, 0);
    do {
        if (in == 2)
            result = am_get_unpacked(job.am[0], 1, &memory, offset, unpack_halves, NULL,
                                     near + EDGE, length, 9, ping_args, 2, on_done, &done_count);
        else
            result = am_get(job.am[0], 1, &memory, offset, near + EDGE, length, 9, ping_args, 2,
                            on_done, &done_count);
        fixture_poll(&job);
    } while (result == -EAGAIN);
    ck_assert_int_eq(result, 0);
    fixture_settle(&job);
    am_conceal(job.am[1], &memory);
    ck_assert_uint_eq(done_count, 1);
    ck_assert_int_eq(done_status, 0);
    ck_assert_uint_eq(handled, 1);
    ck_assert_int_eq(memcmp(expected, near, BIG + 2 * EDGE), 0);
    free(expected);
}
END_TEST

/* Nobody packs or reads what was concealed, though a peer had begun to get it. _i: in a row? */
START_TEST(concealed_while_it_is_got)
{
    uint8_t *gone = malloc(2 * BIG);
    struct am_memory memory;

    memset(gone, 1, 2 * BIG);
    ck_assert_int_eq(
        _i ? am_expose(job.am[1], 0, gone, BIG, AM_READ, &memory)
           : am_expose_packed(job.am[1], 0, pack_halves, NULL, gone, BIG, AM_READ, &memory),
        0);
    ck_assert_int_eq(
        am_get(job.am[0], 1, &memory, 0, near, BIG, 9, ping_args, 2, on_done, &done_count), 0);
    am_poll(job.am[1]);
    am_conceal(job.am[1], &memory);
    free(gone);
    for (unsigned i = 0; i < 100; i++)
        fixture_poll(&job);
    ck_assert_uint_eq(done_count, 0);
    am_report_down(job.am[0], 1, "killed");
    ck_assert_int_eq(done_status, -EHOSTDOWN);
}
END_TEST

START_TEST(put_moves_exactly_these_bytes)
{
    move(lengths[_i], 0, true);
    if (lengths[_i] < BIG)
        move(lengths[_i], BIG - lengths[_i], true);
}
END_TEST

START_TEST(many_at_once)
{
    struct am_memory memory[40];

    for (unsigned i = 0; i < 40; i++) {
        int result;

        ck_assert_int_eq(am_expose(job.am[1], 0, far + EDGE + i * 7000, 7000, AM_READ, &memory[i]),
                         0);
        while ((result = am_get(job.am[0], 1, &memory[i], 0, near + EDGE + i * 7000, 7000, 9,
                                ping_args, 2, on_done, &done_count)) == -EAGAIN)
            fixture_poll(&job);
        ck_assert_int_eq(result, 0);
    }
    fixture_settle(&job);
    ck_assert_uint_eq(copies(), strcmp(getenv("CARAVAN_SINGLE_COPY"), "yes") == 0 ? 40 : 0);
    ck_assert_uint_eq(done_count, 40);
    ck_assert_uint_eq(handled, 40);
    ck_assert_int_eq(memcmp(near + EDGE, far + EDGE, 40 * 7000), 0);
    for (unsigned i = 0; i < 40; i++)
        am_conceal(job.am[1], &memory[i]);
}
END_TEST

/* Get `length` bytes of an exposure of `all`, and tell whether they were copied in one go, without the owner. */
static bool gets_alone(size_t all, size_t length, unsigned access)
{
    uint64_t before = copies();
    uint8_t *source = malloc(all);
    struct am_memory memory;

    for (size_t i = 0; i < length; i++)
        source[i] = (uint8_t)(i * 7 + i / 256 + access);
    handled = done_count = 0;
    ck_assert_int_eq(am_expose(job.am[1], 0, source, all, access, &memory), 0);
    ck_assert_int_eq(am_get(job.am[0], 1, &memory, 0, near + EDGE, length, 9, ping_args, 2, on_done,
                            &done_count),
                     0);
    fixture_settle(&job);
    am_conceal(job.am[1], &memory);
    ck_assert_uint_eq(done_count, 1);
    ck_assert_int_eq(done_status, 0);
    ck_assert_uint_eq(handled, 1);
    ck_assert_int_eq(memcmp(source, near + EDGE, length), 0);
    free(source);
    return copies() > before;
}

/* Attended memory comes the faster way, unless it is very much or the user wants one; any other is copied, where it may be. */
START_TEST(attended_memory_comes_the_faster_way)
{
    bool one_copy = strcmp(getenv("CARAVAN_SINGLE_COPY"), "yes") == 0;
    struct am *am = job.am[0];
    struct am_memory memory;
    struct ways *ways;

    ck_assert(gets_alone(BIG, BIG, AM_READ) == one_copy);
    ck_assert(gets_alone(BIG, BIG, AM_READ | AM_ATTENDED) == one_copy);
    am->always_copies = false;
    am->slow_clock = true;
    ck_assert(!gets_alone(BIG, BIG, AM_READ | AM_ATTENDED));
    am->slow_clock = false;
    for (int i = 0; i < 12; i++) /* each way is tried in turn, */
        ck_assert(gets_alone(BIG, 70000, AM_READ | AM_ATTENDED) == (one_copy && i % 3));
    ways = am->peers[1].ways;
    if (one_copy) {
        struct way_class *like = &ways[1].of[5]; /* in a row, 64 KiB to 128 */
        uint64_t writes;

        for (enum way way = WAY_STREAM; way < WAYS; way++) {
            ck_assert_uint_eq(like->tried[way], 4);
            ck_assert_uint_gt(like->cost[way], 0); /* and measured; */
        }
        for (int i = 0; i < 6; i++) { /* then the fastest one taken. */
            for (enum way way = WAY_STREAM; way < WAYS; way++) {
                like->cost[way] = (int)way == i % 3 ? 1000 : 1000000;
                like->since[way] = 0;
            }
            writes = copies_of(job.am[1]);
            ck_assert(gets_alone(BIG, 70000, AM_READ | AM_ATTENDED) == (i % 3 != WAY_STREAM));
            ck_assert_uint_eq(copies_of(job.am[1]) - writes, i % 3 == WAY_BOTH);
            for (enum way way = WAY_STREAM; way < WAYS; way++)
                ck_assert_uint_eq(like->since[way], (int)way != i % 3);
        }
        /* Ranks that share cores have nothing of two who copy, nor is it worth it for little. */
        like->cost[WAY_BOTH] = 1;
        am->job.ranks = am->job.cores + 1;
        writes = copies_of(job.am[1]);
        gets_alone(BIG, 70000, AM_READ | AM_ATTENDED);
        am->job.ranks = 2;
        for (int i = 0; i < 20; i++)
            gets_alone(BIG, 30000, AM_READ | AM_ATTENDED);
        ck_assert_uint_eq(copies_of(job.am[1]), writes);
    } else {
        ck_assert_ptr_null(ways);
    }
    ck_assert(gets_alone(5 << 20, 1000, AM_READ | AM_ATTENDED) == one_copy);
    /* It is not for puts. */
    ck_assert_int_eq(am_expose(job.am[1], 0, far, 100, AM_READ | AM_WRITE | AM_ATTENDED, &memory),
                     -EINVAL);
    ck_assert_int_eq(am_expose(job.am[1], 0, far, 100, AM_WRITE | AM_ATTENDED, &memory), -EINVAL);
    ck_assert_int_eq(am_expose(job.am[1], 0, far, 100, AM_ATTENDED, &memory), -EINVAL);
}
END_TEST

/* ---- memory in runs -------------------------------------------------------------------------------------- */

/* `block` bytes, a gap of GAP, and so on; a block of 0: everything in a row. */
enum { GAP = 24 };

struct blocks {
    uint8_t *base;
    size_t block;
};

static uint8_t *block_byte(const struct blocks *blocks, size_t i)
{
    return blocks->base + i + (blocks->block ? i / blocks->block * GAP : 0);
}

static void pack_blocks(void *data, size_t offset, void *packed, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)packed)[i] = *block_byte(data, offset + i);
}

static void unpack_blocks(void *data, size_t offset, const void *packed, size_t length)
{
    for (size_t i = 0; i < length; i++)
        *block_byte(data, offset + i) = ((const uint8_t *)packed)[i];
}

static void *run_of_blocks(void *data, size_t offset, size_t *length)
{
    const struct blocks *blocks = data;

    *length = blocks->block - offset % blocks->block;
    return block_byte(data, offset);
}

static const size_t blocks_of[] = {0, 100, 4096, 5000, 40000, 70000},
                    runs_length[] = {1000, 20000, 64000, 190000}, runs_offset[] = {0, 4999, 45001};

/* Is it in so few and so long runs that a peer copies it? */
static bool copied_in_runs(size_t block, size_t length)
{
    return block == 0 || length <= block || (block >= 4096 && (length + block - 1) / block <= 16);
}

static void expose_blocks(struct blocks *there, size_t length, unsigned access,
                          struct am_memory *memory)
{
    ck_assert_int_eq(there->block ? am_expose_packed(job.am[1], 0, pack_blocks, run_of_blocks,
                                                     there, length, access, memory)
                                  : am_expose(job.am[1], 0, there->base, length, access, memory),
                     0);
}

static void get_blocks(const struct am_memory *memory, size_t offset, struct blocks *here,
                       size_t length)
{
    handled = done_count = 0;
    ck_assert_int_eq(here->block ? am_get_unpacked(job.am[0], 1, memory, offset, unpack_blocks,
                                                   run_of_blocks, here, length, 9, ping_args, 2,
                                                   on_done, &done_count)
                                 : am_get(job.am[0], 1, memory, offset, here->base, length, 9,
                                          ping_args, 2, on_done, &done_count),
                     0);
}

/* From runs, or a row, into others: `length` bytes from `offset` on. */
static void move_runs(struct blocks there, struct blocks here, size_t length, size_t offset)
{
    bool one_copy = strcmp(getenv("CARAVAN_SINGLE_COPY"), "yes") == 0;
    uint8_t *expected = malloc(BIG + 2 * EDGE);
    uint64_t before = copies();
    struct blocks wanted = {expected + EDGE, here.block};
    struct am_memory memory;

    fill(near, 2);
    memcpy(expected, near, BIG + 2 * EDGE);
    for (size_t i = 0; i < length; i++)
        *block_byte(&wanted, i) = *block_byte(&there, offset + i);
    expose_blocks(&there, offset + length, AM_READ, &memory);
    get_blocks(&memory, offset, &here, length);
    ck_assert((copies() > before) == (one_copy && copied_in_runs(there.block, offset + length)));
    fixture_settle(&job);
    am_conceal(job.am[1], &memory);
    ck_assert_uint_eq(job.am[1]->lent, 0);
    ck_assert_uint_eq(done_count, 1);
    ck_assert_int_eq(done_status, 0);
    ck_assert_uint_eq(handled, 1);
    ck_assert_int_eq(memcmp(expected, near, BIG + 2 * EDGE), 0);
    free(expected);
}

/* _i: how it lies there and here. */
START_TEST(runs_are_copied_into_runs)
{
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 3; j++)
            move_runs((struct blocks){far + EDGE, blocks_of[_i % 6]},
                      (struct blocks){near + EDGE, blocks_of[_i / 6]}, runs_length[i],
                      runs_offset[j]);
}
END_TEST

/* What cannot be copied the owner is asked for; it knows nothing of this. */
static void get_refused(const struct am_memory *memory)
{
    done_count = 0;
    ck_assert_int_eq(
        am_get(job.am[0], 1, memory, 0, near, 10000, 9, ping_args, 2, on_done, &done_count), 0);
    fixture_settle(&job);
    ck_assert_uint_eq(done_count, 1);
    ck_assert_int_eq(done_status, -EFAULT);
}

/* A peer that lists what it has not, or too little, or too much. */
START_TEST(a_list_of_runs_may_lie)
{
    struct iovec list[16] = {{far, 0}, {far, 5000}, {far + 5000, 4999}};
    uint64_t key = 5; /* the name does not matter */
    const struct {
        uint64_t base, runs;
    } cases[] = {
        {(uintptr_t)list, 3},   {(uintptr_t)list, 2},       {(uintptr_t)list, 17},
        {(uintptr_t)list, 127}, {(uintptr_t)list, 1 << 30}, {1, 3},
        {UINT64_MAX - 8, 16},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        get_refused(&(struct am_memory){cases[i].base, key | cases[i].runs << 33});
    for (unsigned i = 0; i < 3; i++) { /* the right length, of what is not there */
        struct iovec wild[] = {{far, 5000},
                               {i == 0   ? NULL
                                : i == 1 ? (void *)UINTPTR_MAX
                                         : (void *)1,
                                5000}};

        get_refused(&(struct am_memory){(uintptr_t)wild, key | UINT64_C(2) << 33});
    }
    fixture_settle(&job);
    ck_assert_uint_eq(handled, 0);
}
END_TEST

/* What the kernel does not let us copy, or not any more, the owner streams. _i: nothing at the address that it names; nobody of its process
 * number. Then a row, or runs. */
START_TEST(what_cannot_be_copied_is_streamed)
{
    size_t block = _i & 2 ? 5000 : 0;
    struct blocks there = {far + EDGE, block}, here = {near + EDGE, block};
    struct am_memory memory;

    expose_blocks(&there, 20000, AM_READ, &memory);
    if (_i & 1)
        ((struct ring_link *)(void *)job.am[0]->peers[1].link)->pid = 0x3fffffff;
    else
        memory.base = 4096;
    get_blocks(&memory, 0, &here, 20000);
    ck_assert_uint_eq(done_count, 0);
    fixture_settle(&job);
    ck_assert_uint_eq(done_count, 1);
    ck_assert_int_eq(done_status, 0);
    for (size_t i = 0; i < 20000; i++)
        ck_assert(*block_byte(&here, i) == *block_byte(&there, i));
    am_conceal(job.am[1], &memory);
}
END_TEST

static int send_into_nothing(struct am_link *link, const struct am_outgoing *message)
{
    am_report_down(link->am, link->peer, "found dead");
    return -EHOSTDOWN;
}

/* Who finds the peer dead as he asks it is told by the call alone. */
START_TEST(a_peer_that_is_found_dead)
{
    struct am *am = job.am[0];
    struct am_link *link = am->peers[1].link;
    static struct am_link_ops ops;
    struct am_memory memory;

    ck_assert_int_eq(am_expose(job.am[1], 0, far, 20000, _i ? AM_WRITE : AM_READ, &memory), 0);
    ops = *link->ops;
    ops.send = send_into_nothing;
    link->ops = &ops;
    ck_assert_int_eq(_i ? am_put(am, 1, &memory, 0, near, 20000, 9, ping_args, 2, on_done, NULL)
                        : am_get(am, 1, &memory, 0, near, 20000, 9, ping_args, 2, on_done, NULL),
                     -EHOSTDOWN);
    ck_assert_uint_eq(done_count, 0);
    ck_assert_uint_eq(am->gets, 0);
    ck_assert_uint_eq(am->lent, 0);
}
END_TEST

/* ---- which way -------------------------------------------------------------------------------------------- */

static uint64_t now, look_takes;

static uint64_t fake_clock(void *unused)
{
    return now += look_takes;
}

/* How it lies there and here: in a row, or in blocks of so many bytes; and has the getter memory for all in a row besides? */
static const struct {
    size_t there, here;
    bool beside;
} lies[] = {{0, 0},        {0, 20000},         {20000, 0},          {20000, 50000},
            {50000, 4096}, {4096, 4096, true}, {20000, 50000, true}};

/* Each copies half. _i: nothing goes wrong; the getter cannot read, by address or by process; the owner cannot write. */
START_TEST(two_copy_half_each)
{
    static const size_t halved[] = {32768, 50001, 65000, 190000};
    struct am *am = job.am[0], *owner = job.am[1];
    int fails = _i % 4;
    struct blocks there = {far + EDGE, lies[_i / 4].there}, here = {near + EDGE, lies[_i / 4].here};
    bool row = there.block == 0 && here.block == 0;

    am->always_copies = am->slow_clock = false;
    if (lies[_i / 4].beside) {
        am->job.beside = calloc(2, sizeof(*am->job.beside));
        am->job.beside[1] = true;
    }
    gets_alone(BIG, 70000, AM_READ | AM_ATTENDED);
    fill(far, 1);
    for (unsigned i = 0; i < 2 * sizeof(halved) / sizeof(*halved); i++) {
        size_t length = halved[i / 2], offset = i % 2 ? 333 : 0;
        bool fits = copied_in_runs(there.block, offset + length) &&
                    copied_in_runs(here.block, length);
        bool measured = !am->peers[1].no_read;
        uint64_t reads = copies(), writes = copies_of(owner);
        uint8_t *expected = malloc(BIG + 2 * EDGE);
        struct blocks wanted = {expected + EDGE, here.block};
        struct am_memory memory;

        for (unsigned class = 0; class < WAY_CLASSES; class ++)
            am->peers[1].ways[row].of[class] = (struct way_class){.tried = {4, 4, 4},
                                                                  .cost = {1000, 2000, 1}};
        memset(near, 2, BIG + 2 * EDGE);
        memset(expected, 2, BIG + 2 * EDGE);
        for (size_t byte = 0; byte < length; byte++)
            *block_byte(&wanted, byte) = *block_byte(&there, offset + byte);
        expose_blocks(&there, offset + length, AM_READ | AM_ATTENDED, &memory);
        measured = measured && memory.base != 0;
        if (fails == 1 && memory.base)
            memory.base = 4096;
        if (fails > 1)
            ((struct ring_link *)(void *)(fails == 2 ? am : owner)->peers[fails == 2].link)->pid =
                0x3fffffff;
        get_blocks(&memory, offset, &here, length);
        ck_assert_uint_eq(done_count, 0);
        ck_assert_uint_eq(am->streams, measured);
        fixture_settle(&job);
        ck_assert_uint_eq(done_count, 1);
        ck_assert_int_eq(done_status, 0);
        ck_assert_uint_eq(handled, 1);
        ck_assert_uint_eq(am->streams, 0);
        ck_assert_uint_eq(am->gets, 0);
        ck_assert_int_eq(memcmp(expected, near, BIG + 2 * EDGE), 0);
        if (fails < 2)
            ck_assert_uint_eq(copies_of(owner), writes + fits);
        if (fails == 0) /* the peer's list and its bytes */
            ck_assert_uint_eq(copies(), reads + (fits ? there.block ? 2 : 1 : 0));
        am_conceal(owner, &memory);
        free(expected);
    }
}
END_TEST

/* The owner writes a MiB at a time; what it cannot write any more it streams, from the beginning. */
START_TEST(a_write_may_fail_in_the_midst)
{
    enum { ALL = 4 << 20 };
    struct am *am = job.am[0], *owner = job.am[1];
    uint8_t *source = malloc(ALL);
    uint8_t *target = mmap(NULL, ALL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct am_memory memory;

    am->always_copies = am->slow_clock = false;
    gets_alone(BIG, 70000, AM_READ | AM_ATTENDED);
    am->peers[1].ways[1].of[WAY_CLASSES - 1] = (struct way_class){.tried = {4, 4, 4},
                                                                  .cost = {1000, 1000, 1}};
    for (size_t i = 0; i < ALL; i++)
        source[i] = (uint8_t)(i * 7 + i / 4096);
    handled = done_count = 0;
    am_expose(owner, 0, source, ALL, AM_READ | AM_ATTENDED, &memory);
    am_get(am, 1, &memory, 0, target, ALL, 9, ping_args, 2, on_done, &done_count);
    am_poll(owner);
    ck_assert_int_eq(memcmp(source, target, 3 << 20), 0);
    ck_assert_uint_eq(target[3 << 20], 0);
    memset(target + (2 << 20), 0, 1 << 20);
    mprotect(target + (2 << 20), 2 << 20, PROT_READ);
    am_poll(owner);
    mprotect(target + (2 << 20), 2 << 20, PROT_READ | PROT_WRITE);
    fixture_settle(&job);
    ck_assert_uint_eq(done_count, 1);
    ck_assert_int_eq(done_status, 0);
    ck_assert_uint_eq(handled, 1);
    ck_assert_int_eq(memcmp(source, target, ALL), 0);
    munmap(target, ALL);
    free(source);
}
END_TEST

/* The owner may refuse, die, or lie about what it has written. */
START_TEST(half_a_copy_ends_with_its_owner)
{
    struct am *am = job.am[0];
    struct am_header written = {.handler = CORE_WRITTEN, .flags = 2};
    struct am_memory memory;

    am->always_copies = am->slow_clock = false;
    gets_alone(BIG, 70000, AM_READ | AM_ATTENDED);
    for (int i = 0; i < 3; i++) {
        uint64_t lie[] = {0, 35000 + 4096};

        am->peers[1].ways[1].of[5] = (struct way_class){.tried = {4, 4, 4},
                                                        .cost = {1000, 1000, 1}};
        ck_assert_int_eq(am_expose(job.am[1], 0, far + EDGE, 70000, AM_READ | AM_ATTENDED, &memory),
                         0);
        if (i == 0)
            am_conceal(job.am[1], &memory);
        done_count = handled = 0;
        ck_assert_int_eq(
            am_get(am, 1, &memory, 0, near + EDGE, 70000, 9, ping_args, 2, on_done, &done_count),
            0);
        ck_assert_uint_eq(am->streams, 1);
        if (i == 1) {
            /* Of this get, whose name is among these, and of any other. */
            for (uint64_t index = 0; index < 64; index++)
                for (uint64_t generation = 0; generation < 64; generation++) {
                    lie[0] = index | generation << 20;
                    ck_assert_int_eq(transfer_deliver(am, 1, written, lie, NULL), -EPROTO);
                }
            lie[0] = UINT64_MAX;
            ck_assert_int_eq(transfer_deliver(am, 1, written, lie, NULL), -EPROTO);
            ck_assert_uint_eq(done_count, 0);
        }
        if (i == 2) {
            ((struct ring_link *)(void *)am->peers[1].link)->pid = 0x3fffffff;
            am_report_down(am, 1, "killed");
        } else {
            fixture_settle(&job);
        }
        ck_assert_uint_eq(done_count, 1);
        ck_assert_int_eq(done_status, i == 0 ? -EFAULT : i == 1 ? 0 : -EHOSTDOWN);
        ck_assert_uint_eq(handled, i == 1);
        ck_assert_uint_eq(am->streams, 0);
        ck_assert_uint_eq(am->gets, 0);
    }
}
END_TEST

/* Who may still write into our memory is not down. _i: though he names memory that he has not. */
START_TEST(an_owner_that_is_still_there)
{
    struct am *am = job.am[0];
    struct am_memory memory;

    am->always_copies = am->slow_clock = false;
    gets_alone(BIG, 70000, AM_READ | AM_ATTENDED);
    am->peers[1].ways[1].of[5] = (struct way_class){.tried = {4, 4, 4}, .cost = {1000, 1000, 1}};
    am_expose(job.am[1], 0, far + EDGE, 70000, AM_READ | AM_ATTENDED, &memory);
    if (_i)
        memory.base = 4096;
    am_get(am, 1, &memory, 0, near + EDGE, 70000, 9, ping_args, 2, on_done, &done_count);
    am_report_down(am, 1, "so it seems");
}
END_TEST

/* A peer whose process number leads to our own memory has us write nowhere; and what it may have us write is what it gets streamed. */
START_TEST(nobody_has_us_write_where_he_likes)
{
    struct am *am = job.am[0], *owner = job.am[1];
    struct am_memory memory;

    am->always_copies = am->slow_clock = false;
    gets_alone(BIG, 70000, AM_READ | AM_ATTENDED);
    for (int i = 0; i < 3; i++) {
        unsigned access = i == 1 ? AM_READ : AM_READ | AM_ATTENDED;
        uint64_t args[] = {0, 0, 40000, UINT32_MAX};
        struct iovec run = {near, 40000};
        struct am_header header = {.length = sizeof(run), .handler = CORE_GET, .flags = 4};

        memset(near, 2, BIG);
        may_write(1, i == 0 ? WRITES_UNKNOWN : WRITES);
        owner->peers[0].no_write = false;
        ck_assert_int_eq(am_expose(owner, 0, far, i == 2 ? 5 << 20 : 40000, access, &memory), 0);
        args[0] = (uint32_t)memory.key;
        ck_assert_int_eq(transfer_deliver(owner, 0, header, args, &run), 0);
        am_poll(owner);
        for (size_t byte = 0; byte < 40000; byte++)
            ck_assert_uint_eq(near[byte], 2);
        am_conceal(owner, &memory);
    }
    am_report_down(owner, 0, "it asks for what it has no name for");
    am_poll(owner);
}
END_TEST

/* A list of where to write may lie; its bytes come by a stream then, and what it does not name stays as it is. */
START_TEST(a_list_of_where_to_write_may_lie)
{
    struct am *am = job.am[0], *owner = job.am[1];
    struct blocks there = {far + EDGE, 20000};
    const struct {
        struct iovec runs[3];
        size_t first, second; /* bytes that are written in either */
    } cases[] = {
        {{{near, 20000}, {near + 30000, 19999}}, 0, 0},            /* too little */
        {{{near, 20000}, {(void *)4096, 20000}}, 20000, 0},        /* not there */
        {{{(void *)UINTPTR_MAX, SIZE_MAX}}, 0, 0},                 /* more than there can be, */
        {{{near, 0}, {NULL, SIZE_MAX}, {near, 1}}, 0, 0},          /* and nothing */
        {{{near, 20000}, {near + 30000, SIZE_MAX}}, 20000, 20000}, /* the rest is not wanted */
    };
    uint8_t *expected = malloc(BIG);

    am->always_copies = am->slow_clock = false;
    gets_alone(BIG, 70000, AM_READ | AM_ATTENDED);
    for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t args[] = {0, 333, 40000, UINT32_MAX};
        struct am_header header = {
            .length = sizeof(cases[0].runs), .handler = CORE_GET, .flags = 4};
        struct am_memory memory;

        there.block = i % 2 ? 20000 : 0;
        memset(near, 2, BIG);
        memset(expected, 2, BIG);
        for (size_t byte = 0; byte < cases[i / 2].first; byte++)
            expected[byte] = *block_byte(&there, 333 + byte);
        for (size_t byte = 0; byte < cases[i / 2].second; byte++)
            expected[30000 + byte] = *block_byte(&there, 20333 + byte);
        expose_blocks(&there, 333 + 40000, AM_READ | AM_ATTENDED, &memory);
        args[0] = (uint32_t)memory.key;
        ck_assert_int_eq(transfer_deliver(owner, 0, header, args, cases[i / 2].runs), 0);
        am_poll(owner);
        ck_assert_int_eq(memcmp(expected, near, BIG), 0);
        am_conceal(owner, &memory);
    }
    free(expected);
    for (uint16_t length = 1; length <= 17 * sizeof(struct iovec); length++) {
        struct am_header header = {.length = length, .handler = CORE_GET, .flags = 4};
        static const uint8_t nothing[17 * sizeof(struct iovec)];
        bool list = length % sizeof(struct iovec) == 0 && length <= 16 * sizeof(struct iovec);

        ck_assert_int_eq(transfer_deliver(owner, 0, header, (uint64_t[]){5, 0, 1, 1}, nothing),
                         list ? 0 : -EPROTO);
    }
    am_report_down(owner, 0, "it asks for what it has no name for");
    am_poll(owner);
}
END_TEST

/* Of streams that come at the same time each is told its part of the time; where ranks share cores, what taking it and sending it takes of
 * them. */
START_TEST(streams_at_once_share_the_time)
{
    struct am *am = job.am[0];
    struct am_memory memory[2];
    struct way_class *like;

    am->always_copies = am->slow_clock = false;
    am->job.clock = fake_clock;
    gets_alone(BIG, 70000, AM_READ | AM_ATTENDED);
    like = &am->peers[1].ways[1].of[5];
    for (uint32_t ranks = 1; ranks <= 4; ranks *= 4) {
        am->job.ranks = ranks; /* on 2 cores */
        look_takes = ranks == 1 ? 0 : 1000;
        *like = (struct way_class){.tried = {4, 4, 4}, .cost = {0, 0, UINT32_MAX}};
        done_count = 0;
        for (unsigned i = 0; i < 2; i++) {
            now += 1000000;
            ck_assert_int_eq(am_expose(job.am[1], 0, far, 70000, AM_READ | AM_ATTENDED, &memory[i]),
                             0);
            ck_assert_int_eq(am_get(am, 1, &memory[i], 0, near + EDGE + i * 70000, 70000, 9,
                                    ping_args, 2, on_done, &done_count),
                             0);
        }
        now += 2000000;
        fixture_settle(&job);
        ck_assert_uint_eq(done_count, 2);
        ck_assert_uint_eq(am->streams, 0);
        /* ps a byte: 2 ms and then 1 ms; or 5 pieces, for each of us two, from look to look */
        ck_assert_uint_eq(like->cost[WAY_STREAM],
                          ranks == 1 ? (3 * 28571 + 14285) / 4 : 2 * 5 * 1000000 / 70000);
        for (unsigned i = 0; i < 2; i++)
            am_conceal(job.am[1], &memory[i]);
    }
    am->job.clock = NULL;
    *like = (struct way_class){0};
    ck_assert_int_eq(
        am_get(am, 1, &memory[0], 0, near, 70000, 9, ping_args, 2, on_done, &done_count), 0);
    ck_assert_uint_eq(am->streams, 1);
    fixture_settle(&job);
    ck_assert_int_eq(done_status, -EFAULT); /* it was concealed */
    ck_assert_uint_eq(am->streams, 0);
}
END_TEST

/* Only the way through mediums asks the owner. */
START_TEST(the_owner_refuses)
{
    struct am_memory memory, wrong;

    ck_assert_int_eq(am_expose(job.am[1], 0, far + EDGE, 1000, AM_READ, &memory), 0);
    /* Past its end. */
    ck_assert_int_eq(
        am_get(job.am[0], 1, &memory, 999, near, 2, 9, ping_args, 2, on_done, &done_count), 0);
    fixture_settle(&job);
    ck_assert_uint_eq(done_count, 1);
    ck_assert_int_eq(done_status, -EFAULT);
    /* Written, though exposed for reading. */
    ck_assert_int_eq(
        am_put(job.am[0], 1, &memory, 0, near, 100, 9, ping_args, 2, on_done, &done_count), 0);
    fixture_settle(&job);
    ck_assert_uint_eq(done_count, 2);
    ck_assert_int_eq(done_status, -EFAULT);
    /* A name that never was. */
    wrong = memory;
    wrong.key += 5;
    ck_assert_int_eq(
        am_get(job.am[0], 1, &wrong, 0, near, 100, 9, ping_args, 2, on_done, &done_count), 0);
    fixture_settle(&job);
    ck_assert_int_eq(done_status, -EFAULT);
    /* Concealed. */
    am_conceal(job.am[1], &memory);
    done_status = 0;
    ck_assert_int_eq(
        am_get(job.am[0], 1, &memory, 0, near, 100, 9, ping_args, 2, on_done, &done_count), 0);
    fixture_settle(&job);
    ck_assert_int_eq(done_status, -EFAULT);
    ck_assert_uint_eq(handled, 0);
}
END_TEST

START_TEST(a_peer_that_goes_down_ends_them)
{
    struct am_memory memory;

    ck_assert_int_eq(am_expose(job.am[1], 0, far + EDGE, BIG, AM_READ | AM_WRITE, &memory), 0);
    ck_assert_int_eq(
        am_get(job.am[0], 1, &memory, 0, near, BIG, 9, ping_args, 2, on_done, &done_count), 0);
    ck_assert_int_eq(
        am_put(job.am[0], 1, &memory, 0, near, BIG, 9, ping_args, 2, on_done, &done_count), 0);
    ck_assert_uint_eq(done_count, 0);
    am_report_down(job.am[0], 1, "killed");
    ck_assert_uint_eq(done_count, 2);
    ck_assert_int_eq(done_status, -EHOSTDOWN);
    /* And on the side that streams, in the middle of it. */
    fixture_poll(&job);
    am_report_down(job.am[1], 0, "killed");
    am_poll(job.am[1]);
    am_poll(job.am[1]);
    am_conceal(job.am[1], &memory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("am transfers");
    TCase *one_copy = tcase_create("one copy");
    TCase *mediums = tcase_create("mediums");
    TCase *both[] = {one_copy, mediums};
    SRunner *runner;
    int failed;

    tcase_set_timeout(one_copy, 60);
    tcase_set_timeout(mediums, 60);
    tcase_add_checked_fixture(one_copy, open_one_copy, close_pair);
    tcase_add_checked_fixture(mediums, open_mediums, close_pair);
    for (unsigned i = 0; i < 2; i++) {
        const int count = sizeof(lengths) / sizeof(lengths[0]);

        tcase_add_loop_test(both[i], get_moves_exactly_these_bytes, 0, count);
        tcase_add_loop_test(both[i], put_moves_exactly_these_bytes, 0, count);
        tcase_add_loop_test(both[i], get_packs_and_unpacks, 0, 4 * count);
        tcase_add_loop_test(both[i], runs_are_copied_into_runs, 0, 6 * 6);
        tcase_add_test(both[i], many_at_once);
        tcase_add_test(both[i], attended_memory_comes_the_faster_way);
        suite_add_tcase(suite, both[i]);
    }
    tcase_add_test(one_copy, a_list_of_runs_may_lie);
    tcase_add_loop_test(one_copy, what_cannot_be_copied_is_streamed, 0, 4);
    tcase_add_loop_test(one_copy, two_copy_half_each, 0, (int)(4 * sizeof(lies) / sizeof(lies[0])));
    tcase_add_test(one_copy, a_write_may_fail_in_the_midst);
    tcase_add_test(one_copy, half_a_copy_ends_with_its_owner);
    tcase_add_loop_exit_test(one_copy, an_owner_that_is_still_there, 1, 0, 2);
    tcase_add_test(one_copy, nobody_has_us_write_where_he_likes);
    tcase_add_test(one_copy, a_list_of_where_to_write_may_lie);
    tcase_add_test(one_copy, streams_at_once_share_the_time);
    tcase_add_test(mediums, the_owner_refuses);
    tcase_add_loop_test(mediums, a_peer_that_is_found_dead, 0, 2);
    tcase_add_loop_test(mediums, concealed_while_it_is_got, 0, 2);
    tcase_add_test(mediums, a_peer_that_goes_down_ends_them);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
