/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the matching engine gives every message to the receive that MPI 3.1 section 3.5 names, whatever the mixture
 * of wildcards, probes and cancellations. A million random operations are done side by side with a naive
 * matcher (two lists, searched from their beginning) and every answer is compared. The queues of
 * the common cases stay O(1): a test with 100,000 entries would not end in its time otherwise.
 */
#include <check.h>
#include <stdlib.h>

#include "mpi-shim/core/match.h"
#include "mpi-shim/core/memory.h"

void *memory_get(size_t size)
{
    void *memory = calloc(1, size);

    ck_assert_ptr_nonnull(memory);
    return memory;
}

/* Check's own assertions write to a pipe each time, too slow for a million steps. */
#define require(condition, seed, step)                                                             \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("seed %lu step %u: %s", (unsigned long)(seed), (step), #condition);       \
    } while (0)

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % bound;
}

enum { ENTRIES = 512 };

struct receive {
    struct match_posted posted;
    int source, tag;
    unsigned id;
    bool used;
};

struct message {
    struct match_message message;
    int source, tag;
    unsigned id;
    bool used;
};

/* The naive matcher keeps the identities of what waits, in order. */
struct naive {
    struct receive *receive[ENTRIES];
    struct message *message[ENTRIES];
    unsigned receives, messages;
};

static bool fits(int want_source, int want_tag, int source, int tag)
{
    return (want_source == MATCH_ANY || want_source == source) &&
           (want_tag == MATCH_ANY || want_tag == tag);
}

static int naive_message(const struct naive *naive, int source, int tag)
{
    for (unsigned i = 0; i < naive->messages; i++) {
        if (fits(source, tag, naive->message[i]->source, naive->message[i]->tag))
            return (int)i;
    }
    return -1;
}

static int naive_receive(const struct naive *naive, int source, int tag)
{
    for (unsigned i = 0; i < naive->receives; i++) {
        if (fits(naive->receive[i]->source, naive->receive[i]->tag, source, tag))
            return (int)i;
    }
    return -1;
}

static void drop(void **array, unsigned *count, unsigned index)
{
    for (unsigned i = index; i + 1 < *count; i++)
        array[i] = array[i + 1];
    (*count)--;
}

static bool count_message(struct match_message *message, void *context)
{
    (*(unsigned *)context)++;
    return false;
}

static bool count_posted(struct match_posted *posted, void *context)
{
    (*(unsigned *)context)++;
    return false;
}

static void compare_run(uint64_t seed, unsigned operations)
{
    static struct receive receives[ENTRIES];
    static struct message messages[ENTRIES];
    struct naive naive = {0};
    struct match *match = match_create();
    uint32_t sources, tags, wild, balance;

    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    sources = 1 + random_below(8);
    tags = 1 + random_below(random_below(2) ? 4 : 200);
    wild = random_below(4); /* 0: none; 3: most */
    balance = 20 + random_below(60);
    for (unsigned i = 0; i < ENTRIES; i++)
        receives[i].used = messages[i].used = false;

    for (unsigned n = 0; n < operations; n++) {
        int source = (int)random_below(sources), tag = (int)random_below(tags);
        uint32_t what = random_below(110);
        int want_source = random_below(4) < wild ? MATCH_ANY : source;
        int want_tag = random_below(4) < wild ? MATCH_ANY : tag;

        if (what < balance) { /* a receive */
            struct receive *receive = &receives[random_below(ENTRIES)];
            struct match_message *got;
            int expected;

            if (receive->used)
                continue;
            expected = naive_message(&naive, want_source, want_tag);
            got = match_receive(match, &receive->posted, want_source, want_tag);
            if (expected < 0) {
                require(!got, seed, n);
                *receive = (struct receive){receive->posted, want_source, want_tag, n, true};
                naive.receive[naive.receives++] = receive;
            } else {
                struct message *message = naive.message[expected];

                require(got == &message->message, seed, n);
                drop((void **)naive.message, &naive.messages, (unsigned)expected);
                if (random_below(8) == 0) { /* put back */
                    match_return(match, got);
                    for (unsigned i = naive.messages++; i > 0; i--)
                        naive.message[i] = naive.message[i - 1];
                    naive.message[0] = message;
                } else {
                    message->used = false;
                }
            }
        } else if (what < 100) { /* an arrival */
            struct message *message = &messages[random_below(ENTRIES)];
            struct match_posted *got;
            int expected;

            if (message->used)
                continue;
            expected = naive_receive(&naive, source, tag);
            got = match_arrive(match, source, tag);
            if (expected < 0) {
                require(!got, seed, n);
                match_store(match, &message->message, source, tag);
                *message = (struct message){message->message, source, tag, n, true};
                naive.message[naive.messages++] = message;
            } else {
                require(got == &naive.receive[expected]->posted, seed, n);
                naive.receive[expected]->used = false;
                drop((void **)naive.receive, &naive.receives, (unsigned)expected);
            }
        } else if (what < 105) { /* a probe, which takes the message half of the time */
            struct match_message *got = match_find(match, want_source, want_tag);
            int expected = naive_message(&naive, want_source, want_tag);

            ck_assert_msg(got == (expected < 0 ? NULL : &naive.message[expected]->message),
                          "seed %lu step %u", (unsigned long)seed, n);
            if (got && random_below(2)) {
                match_take(match, got);
                naive.message[expected]->used = false;
                drop((void **)naive.message, &naive.messages, (unsigned)expected);
            }
        } else if (naive.receives > 0) { /* a cancellation */
            unsigned index = random_below(naive.receives);

            match_cancel(match, &naive.receive[index]->posted);
            naive.receive[index]->used = false;
            drop((void **)naive.receive, &naive.receives, index);
        }
        require(match_unexpected(match) == naive.messages, seed, n);
        require(match_waiting(match) == naive.receives, seed, n);
        if (n % 1024 == 0) {
            unsigned seen = 0, posted = 0;

            match_each_message(match, count_message, &seen);
            match_each_posted(match, count_posted, &posted);
            ck_assert_uint_eq(seen, naive.messages);
            ck_assert_uint_eq(posted, naive.receives);
        }
    }
    match_destroy(match);
}

START_TEST(random_against_naive)
{
    for (uint64_t seed = 1; seed <= 200; seed++)
        compare_run(seed, 5000);
}
END_TEST

/* 100,000 receives from anyone are matched in the order of posting, each in constant time. */
START_TEST(homogeneous_any_source)
{
    enum { COUNT = 100000 };
    struct match *match = match_create();
    struct match_posted *posted = calloc(COUNT, sizeof(*posted));

    for (int i = 0; i < COUNT; i++)
        require(!match_receive(match, &posted[i], MATCH_ANY, 7), 0, i);
    ck_assert_ptr_null(match_arrive(match, 1, 8));
    for (int i = 0; i < COUNT; i++)
        require(match_arrive(match, i, 7) == &posted[i], 0, i);
    ck_assert_ptr_null(match_arrive(match, 1, 7));
    free(posted);
    match_destroy(match);
}
END_TEST

/* 100,000 unexpected messages of different tags are received in the opposite order, then others by wildcards. */
START_TEST(many_unexpected)
{
    enum { COUNT = 100000 };
    struct match *match = match_create();
    struct match_message *messages = calloc(COUNT, sizeof(*messages));
    struct match_posted posted;

    for (int i = 0; i < COUNT; i++)
        match_store(match, &messages[i], i & 3, i);
    for (int i = COUNT - 1; i >= COUNT / 2; i--)
        require(match_receive(match, &posted, i & 3, i) == &messages[i], 0, i);
    for (int i = 0; i < COUNT / 8; i += 4) {
        require(match_receive(match, &posted, 0, MATCH_ANY) == &messages[i], 0, i);
        require(match_receive(match, &posted, MATCH_ANY, i + 1) == &messages[i + 1], 0, i);
        require(match_receive(match, &posted, MATCH_ANY, MATCH_ANY) == &messages[i + 2], 0, i);
        require(match_receive(match, &posted, 3, i + 3) == &messages[i + 3], 0, i);
    }
    ck_assert_uint_eq(match_unexpected(match), COUNT / 2 - COUNT / 8);
    free(messages);
    match_destroy(match);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("match");
    TCase *tests = tcase_create("match");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, random_against_naive);
    tcase_add_test(tests, homogeneous_any_source);
    tcase_add_test(tests, many_unexpected);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
