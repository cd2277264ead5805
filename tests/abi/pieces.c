/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: any piece of a message can be packed and unpacked at any time, in any order: what the pieces give is what
 * packing all at once gives, and that is what a list of bytes, written down for each type by brute force, says.
 *
 * A failure prints the seed; `pieces SEED` runs that one alone.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/core.h"

enum { SPACE = 1 << 16, MIDDLE = SPACE / 2, SEEDS = 3000, BYTES = 1 << 13 };

static uint64_t state;
static struct datatype predefined[5];

static int below(int n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (uint64_t)n);
}

/* A type, and by brute force the offset of each of its bytes in the order of packing. */
struct pair {
    struct datatype *type;
    int bytes;
    ptrdiff_t byte[BYTES];
};

static struct pair old, new;

static void list_add(struct pair *list, const struct pair *part, ptrdiff_t offset)
{
    for (int i = 0; i < part->bytes; i++)
        list->byte[list->bytes++] = part->byte[i] + offset;
}

static void pair_basic(struct pair *pair)
{
    static const enum element elements[] = {ELEMENT_BYTE, ELEMENT_INT32, ELEMENT_DOUBLE,
                                            ELEMENT_SHORT_INT, ELEMENT_LONG_DOUBLE_INT};
    int which = below(5);

    pair->type = &predefined[which];
    datatype_predefine(pair->type, elements[which], "basic");
    pair->bytes = 0;
    for (int i = 0; i < (int)pair->type->size; i++) {
        int gap = elements[which] == ELEMENT_SHORT_INT && i >= 2 ? 2 : 0;

        pair->byte[pair->bytes++] = i + gap;
    }
}

/* Any constructor but those that are made of others. False where it would get too large. */
static bool pair_construct(void)
{
    ptrdiff_t extent = old.type->extent, displacement[4];
    int count = 1 + below(4), length = below(4), stride = below(12) - 4;
    int lengths[4], kind = below(5), total = 0;
    struct datatype *types[4];
    int error;

    for (int i = 0; i < count; i++) {
        lengths[i] = below(4);
        displacement[i] = below(300) - 60;
        types[i] = old.type;
        total += lengths[i];
    }
    if ((total + count * length + 1) * old.bytes > BYTES)
        return false;
    new.bytes = 0;
    switch (kind) {
    case 0:
        error = datatype_vector(count, length, stride, old.type, &new.type);
        for (int i = 0; i < count; i++) {
            for (int j = 0; j < length; j++)
                list_add(&new, &old, (i * stride + j) * extent);
        }
        break;
    case 1:
        error = datatype_hindexed(count, lengths, displacement, old.type, &new.type);
        break;
    case 2:
        error = datatype_struct(count, lengths, displacement, types, &new.type);
        break;
    case 3:
        error = datatype_contiguous(length, old.type, &new.type);
        for (int j = 0; j < length; j++)
            list_add(&new, &old, j * extent);
        break;
    default:
        error = datatype_resized(old.type, -below(9), extent + below(40), &new.type);
        list_add(&new, &old, 0);
    }
    if (kind == 1 || kind == 2) {
        for (int i = 0; i < count; i++) {
            for (int j = 0; j < lengths[i]; j++)
                list_add(&new, &old, displacement[i] + j * extent);
        }
    }
    ck_assert_int_eq(error, 0);
    if (!old.type->predefined)
        datatype_release(old.type);
    memcpy(&old, &new, sizeof(old));
    return true;
}

static char source[SPACE], target[SPACE], expected[SPACE], packed[4 * BYTES], list[4 * BYTES];

/* Where byte `i` of the packed form is, from the buffer's address. */
static ptrdiff_t place_of(const struct datatype *type, size_t i)
{
    size_t bytes = (size_t)old.bytes;

    return old.byte[i % bytes] + (ptrdiff_t)(i / bytes) * type->extent;
}

static void check_seed(int seed)
{
    const struct datatype *type;
    size_t count, total;
    int depth;

    state = (uint64_t)seed * 0x9e3779b97f4a7c15u;
    pair_basic(&old);
    depth = 1 + below(4);
    while (depth-- > 0 && pair_construct())
        continue;
    type = old.type;
    count = (size_t)(1 + below(4));
    total = count * (size_t)old.bytes;
    ck_assert_int_eq((int)type->size, old.bytes);
    if (llabs(type->true_lb) + type->true_extent + (ptrdiff_t)count * llabs(type->extent) >= MIDDLE)
        goto release;

    for (size_t i = 0; i < total; i++)
        list[i] = source[MIDDLE + place_of(type, i)];
    memset(packed, 0, total);
    datatype_pack(type, source + MIDDLE, count, 0, packed, total);
    ck_assert_msg(memcmp(packed, list, total) == 0, "seed %d: packed", seed);

    /* Pieces, drawn at random, some of them twice. */
    memset(packed, 0, total);
    for (size_t at = 0; at < total;) {
        size_t length = (size_t)(1 + below(below(2) ? 9 : (int)total));
        size_t from = below(4) ? at : (size_t)below((int)at + 1);

        if (length > total - from)
            length = total - from;
        datatype_pack(type, source + MIDDLE, count, from, packed + from, length);
        if (from <= at && from + length > at)
            at = from + length;
    }
    ck_assert_msg(memcmp(packed, list, total) == 0, "seed %d: packed in pieces", seed);

    /* Run after run, and from within each. */
    for (size_t at = 0, length; at < total; at += length) {
        const char *run = datatype_run(type, source + MIDDLE, count, at, &length);
        size_t from, left;

        ck_assert_msg(length > 0 && length <= total - at, "seed %d: a run at %zu", seed, at);
        for (size_t i = 0; i < length; i++)
            ck_assert_msg(run + i == source + MIDDLE + place_of(type, at + i),
                          "seed %d: byte %zu of the run at %zu", seed, i, at);
        from = (size_t)below((int)length);
        ck_assert_msg(datatype_run(type, source + MIDDLE, count, at + from, &left) == run + from &&
                          left == length - from,
                      "seed %d: from byte %zu of the run at %zu", seed, from, at);
    }

    /* The last piece first, as frames may come. Where blocks overlap, a byte is written twice, with the same
     * byte of the source. */
    memset(target, '.', sizeof(target));
    memset(expected, '.', sizeof(expected));
    for (size_t i = 0; i < total; i++)
        expected[MIDDLE + place_of(type, i)] = list[i];
    for (size_t end = total; end > 0;) {
        size_t length = (size_t)(1 + below(40));

        if (length > end)
            length = end;
        end -= length;
        datatype_unpack(type, target + MIDDLE, count, end, packed + end, length);
    }
    ck_assert_msg(memcmp(target, expected, sizeof(target)) == 0, "seed %d: unpacked in pieces",
                  seed);

    memset(target, '.', sizeof(target));
    datatype_copy(type, target + MIDDLE, source + MIDDLE, count);
    ck_assert_msg(memcmp(target, expected, sizeof(target)) == 0, "seed %d: copied", seed);
release:
    if (!old.type->predefined)
        datatype_release(old.type);
}

static int only_seed;

START_TEST(pieces)
{
    for (int i = 0; i < SPACE; i++)
        source[i] = (char)('A' + i * 7919u % 57);
    for (int seed = only_seed ? only_seed : 1; seed <= (only_seed ? only_seed : SEEDS); seed++)
        check_seed(seed);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("pieces");
    TCase *test = tcase_create("pieces");
    SRunner *runner;
    int failed;

    only_seed = argc > 1 ? atoi(argv[1]) : 0;
    tcase_add_test(test, pieces);
    tcase_set_timeout(test, 120);
    suite_add_tcase(suite, test);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
