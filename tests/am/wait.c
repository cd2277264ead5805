/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: nobody sleeps while a message lies there. First every interleaving of the sleeper's and the sender's steps, with
 * store buffers as x86 has them, for both kinds of barrier (and without one, to see that the search finds the lost
 * wake-up); then the real code, two threads that make each other sleep at every message; then am_wait's deadlines, and
 * that whoever never waits for long hears of its agent; then whom a rank leaves a processor to.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/control.h"
#include "tests/am/job_fixture.h"

/* ---- every interleaving -------------------------------------------------------------------------------- */

enum barrier { NONE, FENCES, MEMBARRIER };

/* Two variables, two threads, each with a store buffer of one entry: all that these steps need. */
struct state {
    int sender, sleeper; /* how many steps each has done */
    int message, asleep; /* memory */
    int message_buffered, asleep_buffered;
    int event;  /* the bell was rung */
    int sleeps; /* 1: blocked on the event */
};

static unsigned long states, lost;

static void explore(struct state s, enum barrier barrier)
{
    bool ended = true;

    states++;
    /* A store buffer may drain at any time. */
    if (s.message_buffered) {
        struct state t = s;

        t.message = 1;
        t.message_buffered = 0;
        explore(t, barrier);
        ended = false;
    }
    if (s.asleep_buffered) {
        struct state t = s;

        t.asleep = 1;
        t.asleep_buffered = 0;
        explore(t, barrier);
        ended = false;
    }
    /* The sender: publish, (barrier), look whether the peer sleeps and ring. */
    if (s.sender == 0) {
        struct state t = s;

        t.message_buffered = 1;
        t.sender = 1;
        explore(t, barrier);
        ended = false;
    } else if (s.sender == 1 && !(barrier == FENCES && s.message_buffered)) {
        struct state t = s;

        if (t.asleep)
            t.event = 1;
        t.sender = 2;
        explore(t, barrier);
        ended = false;
    }
    /* The sleeper: declare itself asleep, barrier, look once more, sleep. */
    if (s.sleeper == 0) {
        struct state t = s;

        t.asleep_buffered = 1;
        t.sleeper = 1;
        explore(t, barrier);
        ended = false;
    } else if (s.sleeper == 1) {
        struct state t = s;
        bool may = barrier == NONE || !s.asleep_buffered; /* its own full barrier */

        /* membarrier runs a barrier on the sender's processor as well: its buffer drains. */
        if (barrier == MEMBARRIER && t.message_buffered) {
            t.message = 1;
            t.message_buffered = 0;
        }
        if (may) {
            t.sleeper = 2;
            explore(t, barrier);
            ended = false;
        }
    } else if (s.sleeper == 2) {
        struct state t = s;

        t.sleeps = !t.message;
        t.sleeper = 3;
        explore(t, barrier);
        ended = false;
    }
    if (ended && s.sleeps && !s.event)
        lost++;
}

static void explore_all(enum barrier barrier)
{
    struct state start = {0};

    states = lost = 0;
    explore(start, barrier);
    ck_assert_uint_gt(states, 100);
}

START_TEST(no_interleaving_loses_a_wakeup)
{
    explore_all(FENCES);
    ck_assert_uint_eq(lost, 0);
    explore_all(MEMBARRIER);
    ck_assert_uint_eq(lost, 0);
    explore_all(NONE);
    ck_assert_uint_gt(lost, 0);
}
END_TEST

/* ---- the real code ---------------------------------------------------------------------------------------- */

static struct fixture_job job;
static unsigned received[2]; /* each touched by its own thread only */

static void on_token(struct am *am, const struct am_message *message, void *context)
{
    received[am_self(am)]++;
}

static void open_sleepers(bool fence)
{
    memset(received, 0, sizeof(received));
    fixture_open(&job, 2, true);
    for (unsigned i = 0; i < 2; i++) {
        job.am[i]->spin = 0; /* always sleep */
        if (fence) {
            job.am[i]->bell.registered = false;
            job.am[i]->bell.page->fence = 1;
        }
        am_set_handler(job.am[i], 1, on_token, NULL);
    }
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(am_request(job.am[i], 1 - i, 1, NULL, 0, NULL, 0), 0);
    fixture_settle(&job);
    ck_assert_uint_eq(received[0], 1);
    ck_assert_uint_eq(received[1], 1);
}

enum { ROUNDS = 20000 };

static const char *play(unsigned self)
{
    struct am *am = job.am[self];
    uint64_t start = am_now(am);

    for (unsigned round = 0; round < ROUNDS; round++) {
        if (self == 0 && am_request(am, 1, 1, NULL, 0, NULL, 0) < 0)
            return "a request failed";
        while (received[self] < round + 2) {
            int result = am_wait(am, am_now(am) + 5000000000u);

            if (result < 0)
                return "a wait failed";
            if (result == 0 && am_now(am) - start > 60000000000u)
                return "a token was lost, or nobody woke us";
        }
        if (self == 1 && am_request(am, 0, 1, NULL, 0, NULL, 0) < 0)
            return "a request failed";
    }
    /* A single lost wake-up is five seconds. */
    return am_now(am) - start > 30000000000u ? "somebody overslept" : NULL;
}

static const char *complaint[2];

static void *play_thread(void *self)
{
    complaint[(uintptr_t)self] = play((unsigned)(uintptr_t)self);
    return NULL;
}

START_TEST(nobody_oversleeps)
{
    pthread_t threads[2];

    open_sleepers(_i == 1);
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, play_thread, (void *)i);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        if (complaint[i])
            ck_abort_msg("thread %u: %s", i, complaint[i]);
    }
    ck_assert_uint_gt(job.am[0]->sleeps, ROUNDS / 10);
    fixture_close(&job);
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline)
{
    uint64_t start;

    fixture_open(&job, 2, true);
    start = am_now(job.am[0]);
    ck_assert_int_eq(am_wait(job.am[0], start + 30000000), 0);
    ck_assert_uint_ge(am_now(job.am[0]) - start, 30000000);
    ck_assert_int_eq(am_wait(job.am[0], start), 0);
    fixture_close(&job);
}
END_TEST

/* What always finds a message waits for nothing: it must hear of its agent all the same, however long it takes for each. */
START_TEST(who_is_never_idle_hears_of_the_agent)
{
    enum { TIMES = 20 };
    bool by_poll = _i;

    fixture_open(&job, 2, true);
    for (unsigned i = 0; i < 2; i++)
        am_set_handler(job.am[i], 1, on_token, NULL);
    ck_assert_int_eq(am_request(job.am[1], 0, 1, NULL, 0, NULL, 0), 0);
    fixture_settle(&job); /* there is a ring */
    for (unsigned i = 0; i < TIMES; i++) {
        uint64_t looks = job.am[0]->looks;

        ck_assert_int_eq(am_request(job.am[1], 0, 1, NULL, 0, NULL, 0), 0);
        usleep(5000);
        ck_assert_int_eq(by_poll ? am_poll(job.am[0]) : am_wait(job.am[0], AM_FOREVER), 1);
        ck_assert_uint_eq(job.am[0]->looks, looks + 1);
    }
    fixture_close(&job);
}
END_TEST

static int fenced[2]; /* 1: has left the fence, or the error */

static void *enter_fence(void *self)
{
    int result = am_fence(job.am[(uintptr_t)self]);

    __atomic_store_n(&fenced[(uintptr_t)self], result < 0 ? result : 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Play the agent for a while. */
static void relay_for(unsigned milliseconds)
{
    for (unsigned i = 0; i < milliseconds; i++) {
        fixture_relay_lines(&job);
        usleep(1000);
    }
}

START_TEST(a_fence_waits_for_everybody)
{
    pthread_t threads[2];

    fenced[0] = fenced[1] = 0;
    fixture_open(&job, 2, true);
    pthread_create(&threads[0], NULL, enter_fence, (void *)0);
    relay_for(100);
    ck_assert_int_eq(__atomic_load_n(&fenced[0], __ATOMIC_SEQ_CST), 0);
    pthread_create(&threads[1], NULL, enter_fence, (void *)1);
    for (int i = 0; i < 100 && (!__atomic_load_n(&fenced[0], __ATOMIC_SEQ_CST) ||
                                !__atomic_load_n(&fenced[1], __ATOMIC_SEQ_CST));
         i++)
        relay_for(100);
    ck_assert_int_eq(fenced[0], 1);
    ck_assert_int_eq(fenced[1], 1);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    fixture_close(&job);
}
END_TEST

static int closed;
static int handled_late;

static void late(struct am *am, const struct am_message *message, void *context)
{
    __atomic_fetch_add(&handled_late, 1, __ATOMIC_SEQ_CST);
}

static void *close_first(void *unused)
{
    am_close(job.am[0]);
    __atomic_store_n(&closed, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Who closes stays until the others have come as far: it is still there for what they send meanwhile. */
START_TEST(closing_waits_for_everybody)
{
    pthread_t closing, fencing;

    closed = handled_late = fenced[1] = 0;
    fixture_open(&job, 2, true);
    ck_assert_int_eq(am_set_handler(job.am[0], 40, late, NULL), 0);
    pthread_create(&closing, NULL, close_first, NULL);
    for (int i = 0; i < 100 && job.fencing == 0; i++)
        relay_for(10);
    ck_assert_int_eq(job.fencing, 1);
    ck_assert_int_eq(am_request(job.am[1], 0, 40, NULL, 0, NULL, 0), 0);
    for (int i = 0; i < 100 && !__atomic_load_n(&handled_late, __ATOMIC_SEQ_CST); i++) {
        relay_for(10);
        ck_assert_int_ge(am_poll(job.am[1]), 0);
    }
    ck_assert_int_eq(handled_late, 1);
    ck_assert_int_eq(__atomic_load_n(&closed, __ATOMIC_SEQ_CST), 0);
    pthread_create(&fencing, NULL, enter_fence, (void *)1);
    for (int i = 0; i < 100 && !__atomic_load_n(&closed, __ATOMIC_SEQ_CST); i++)
        relay_for(10);
    ck_assert_int_eq(__atomic_load_n(&closed, __ATOMIC_SEQ_CST), 1);
    pthread_join(closing, NULL);
    pthread_join(fencing, NULL);
    job.am[0] = NULL;
    fixture_close(&job);
}
END_TEST

/* The agent's end closes: nobody would ever wake us. */
START_TEST(a_wait_ends_when_the_agent_dies)
{
    fixture_open(&job, 2, true);
    control_close(job.agent[0]);
    ck_assert_int_eq(am_wait(job.am[0], AM_FOREVER), -ECONNRESET);
    ck_assert_int_eq(am_fence(job.am[0]), -ECONNRESET);
    job.agent[0] = NULL;
    fixture_close(&job);
}
END_TEST

/* ---- a processor for each ------------------------------------------------------------------------------- */

/* Wait once, on a processor of `allowed`, while the peer's bell says that it is in this state on the same one (or, `away`, on
 * one that is none of these). Returns whether the rank left it, at least in one of some trials: the kernel may move us as well. */
static bool leaves(const cpu_set_t *allowed, enum bell_state state, bool away)
{
    struct am *am = job.am[0];
    bool left = false;

    ck_assert_int_eq(sched_setaffinity(0, sizeof(*allowed), allowed), 0);
    for (int trial = 0; trial < 200 && !left; trial++) {
        struct bell_page *peer = job.am[1]->bell.page;
        uint64_t moves = am->moves;
        cpu_set_t after;
        int here = sched_getcpu();

        am->apart_next = 0;
        peer->processor = (uint32_t)(away ? 1000 : here + 1);
        peer->asleep = state;
        ck_assert_int_eq(am_wait(am, am_now(am) + 100000), 0);
        ck_assert_uint_le(am->moves, moves + 1);
        /* Where it was when it had moved: a busy machine may have moved it again since. */
        left = am->moves > moves && am->bell.page->processor != (uint32_t)here + 1;
        ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
        ck_assert(CPU_EQUAL(&after, allowed));
    }
    return left;
}

/* Who will soon be told that a copy has ended does not sleep meanwhile. */
START_TEST(a_wait_is_awake_while_a_peer_copies)
{
    static uint8_t lent[4 << 20];
    struct am_memory memory;
    struct am *am;

    open_sleepers(false);
    am = job.am[0];
    while (am_poll(am) > 0)
        ;
    am->spin = 1000;
    ck_assert_int_eq(am_expose(am, 1, lent, sizeof(lent), AM_READ, &memory), 0);
    am->sleeps = 0;
    ck_assert_int_eq(am_wait(am, am_now(am) + 500000), 0);
    ck_assert_uint_eq(am->sleeps, 0);
    am_conceal(am, &memory);
    ck_assert_uint_eq(am->lent, 0);
    ck_assert_int_eq(am_wait(am, am_now(am) + 50000000), 0);
    ck_assert_uint_gt(am->sleeps, 0);
    ck_assert_int_eq(am_expose(am, 1, lent, sizeof(lent), AM_READ | AM_ATTENDED, &memory), 0);
    ck_assert_uint_eq(am->lent, sizeof(lent));
    am_conceal(am, &memory);
    ck_assert_uint_eq(am->lent, 0);
    /* Its own copies are over at once. */
    ck_assert_int_eq(am_expose(am, 0, lent, sizeof(lent), AM_READ, &memory), 0);
    ck_assert_uint_eq(am->lent, 0);
    am_conceal(am, &memory);
    fixture_close(&job);
}
END_TEST

START_TEST(two_ranks_do_not_share_a_processor)
{
    cpu_set_t all, one;
    bool several;

    ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
    several = CPU_COUNT(&all) > 1;
    CPU_ZERO(&one);
    for (size_t i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    open_sleepers(false);
    for (unsigned i = 0; i < 2; i++)
        job.am[i]->spin = 2 *
                          AM_SPIN; /* all of a wait: a look comes late in a build with sanitizers */
    /* With one to choose from there is no use in moving. */
    ck_assert(!leaves(&one, BELL_AWAKE, false));
    ck_assert(!leaves(&one, BELL_RUNG, false));
    ck_assert_uint_eq(job.am[0]->moves, 0);
    ck_assert(leaves(&all, BELL_AWAKE, false) == several);
    ck_assert(leaves(&all, BELL_RUNG, false) == several);
    ck_assert(!leaves(&all, BELL_ASLEEP, false));
    ck_assert(!leaves(&all, BELL_AWAKE, true));
    job.am[0]->job.ranks = job.am[0]->job.cores + 1;
    ck_assert(!leaves(&all, BELL_AWAKE, false));
    sched_setaffinity(0, sizeof(all), &all);
    fixture_close(&job);
}
END_TEST

/* ---- more ranks than cores --------------------------------------------------------------------------------- */

static cpu_set_t processors;      /* that the test may use */
static uint32_t last_move = 2000; /* yields ago */

static int other_than(int processor)
{
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (i != processor && CPU_ISSET((size_t)i, &processors))
            return i;
    return processor;
}

/* `self` waits long enough to count, while its peer's bell says that it is on processor `at`, and its own that it is `invited`
 * (-1: no word). Returns whether it moved; it may use the same processors as before. */
static bool moves(unsigned self, int at, int invited)
{
    struct am *am = job.am[self];
    struct bell_page *peer = job.am[1 - self]->bell.page;
    uint64_t before = am->moves;
    uint32_t yields = am->yields;
    cpu_set_t allowed, after;

    ck_assert_int_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    peer->processor = (uint32_t)(at + 1);
    am->bell.page->invited = (uint32_t)(invited + 1);
    am->moved_at = yields - last_move;
    for (int i = 0; i < 1000 && am->yields - yields < 300; i++)
        ck_assert_int_eq(am_wait(am, am_now(am) + 1000000), 0);
    ck_assert_uint_ge(am->yields - yields, 300);
    ck_assert_uint_eq(am->bell.page->invited, 0);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    ck_assert(CPU_EQUAL(&after, &allowed));
    return am->moves > before;
}

static void open_crowd(void)
{
    ck_assert_int_eq(sched_getaffinity(0, sizeof(processors), &processors), 0);
    open_sleepers(false);
    for (unsigned i = 0; i < 2; i++) {
        job.am[i]->spin = 10000000;
        job.am[i]->job.ranks = 2;
        job.am[i]->job.cores = 1;
    }
}

/* The last of those who share a processor moves, and is asked to by the others. */
START_TEST(a_crowd_disperses)
{
    struct bell_page *last;
    bool several, moved = false, invited = false;

    open_crowd();
    several = CPU_COUNT(&processors) > 1;
    last = job.am[1]->bell.page;
    /* The kernel may move us as well: so there are several trials. */
    for (int i = 0; i < 100 && !moved; i++)
        moved = moves(1, sched_getcpu(), -1);
    ck_assert(moved == several);
    for (int i = 0; i < 100 && !invited; i++) {
        int here = sched_getcpu();

        last->invited = 0;
        ck_assert(!moves(0, here, -1));
        invited = last->invited != 0;
        if (invited)
            ck_assert_int_eq((int)last->invited - 1, other_than(here));
    }
    ck_assert(invited == several);
    fixture_close(&job);
}
END_TEST

/* Who does not know where everybody is leaves things as they are; so does one who finds them even. */
START_TEST(who_cannot_count_stays)
{
    open_crowd();
    for (unsigned self = 0; self < 2; self++) {
        struct bell_page *peer = job.am[1 - self]->bell.page;

        peer->invited = 0;
        ck_assert(!moves(self, -1, -1));
        ck_assert(!moves(self, CPU_SETSIZE, -1));
        ck_assert(!moves(self, CPU_SETSIZE - 1, -1)); /* one here, one elsewhere */
        job.am[self]->job.ranks = 3;
        ck_assert(!moves(self, sched_getcpu(), -1));
        job.am[self]->job.ranks = 2;
        ck_assert_uint_eq(peer->invited, 0);
    }
    fixture_close(&job);
}
END_TEST

START_TEST(an_invitation_is_followed_where_it_may_be)
{
    cpu_set_t one;
    bool moved = false;
    int here;

    open_crowd();
    for (int i = 0; i < 100 && !moved; i++)
        moved = moves(0, CPU_SETSIZE - 1, other_than(sched_getcpu()));
    ck_assert(moved == (CPU_COUNT(&processors) > 1));
    ck_assert_uint_le(job.am[0]->moves, 1);
    last_move = 0; /* not twice in a row */
    for (int i = 0; i < 5; i++)
        ck_assert(!moves(0, CPU_SETSIZE - 1, other_than(sched_getcpu())) || !moved);
    last_move = 2000;
    ck_assert(!moves(0, CPU_SETSIZE - 1, CPU_SETSIZE - 1)); /* there is none, or it is not ours */
    ck_assert(!moves(0, CPU_SETSIZE - 1, CPU_SETSIZE));
    ck_assert(!moves(0, CPU_SETSIZE - 1, INT_MAX - 1));
    here = sched_getcpu();
    CPU_ZERO(&one);
    CPU_SET((size_t)here, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
    ck_assert(!moves(0, CPU_SETSIZE - 1, other_than(here)));
    ck_assert(!moves(1, here, -1)); /* nor is there anywhere to go */
    sched_setaffinity(0, sizeof(processors), &processors);
    fixture_close(&job);
}
END_TEST

/* ---- a clock that is slow ------------------------------------------------------------------------------ */

static uint64_t clock_now, clock_takes;

static uint64_t slow_clock(void *unused)
{
    return clock_now += clock_takes;
}

static uint32_t polls;

static int counted_poll(struct am_transport *transport)
{
    polls++;
    return 0;
}

/* How often a wait polls before it looks at a clock that takes so long. */
static uint32_t polls_before_clock(uint64_t nanoseconds)
{
    struct am *am = job.am[0];
    const struct am_transport_ops *ops = am->ring->ops;
    struct am_transport_ops counted = *ops;

    counted.poll = counted_poll;
    polls = 0;
    clock_takes = nanoseconds;
    am->job.clock = slow_clock;
    wait_open(am);
    am->ring->ops = &counted;
    ck_assert_int_eq(am_wait(am, clock_now), 0);
    am->ring->ops = ops;
    return polls - 1; /* the first is the caller's, whatever the clock takes */
}

/* Two ranks that wait for each other's looks at the clock would go on doing so. */
START_TEST(what_polls_looks_seldom_at_a_slow_clock)
{
    fixture_open(&job, 2, true);
    job.am[0]->job.cores = job.am[0]->job.ranks;
    ck_assert_uint_eq(polls_before_clock(0), 32);
    ck_assert_uint_eq(polls_before_clock(50), 32);
    ck_assert_uint_eq(polls_before_clock(10000), 400);
    ck_assert_uint_eq(polls_before_clock(1000000000), 1024);
    job.am[0]->job.cores = job.am[0]->job.ranks - 1; /* each poll is a system call */
    ck_assert_uint_eq(polls_before_clock(10000), 32);
    job.am[0]->job.clock = NULL;
    fixture_close(&job);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("am waiting");
    TCase *waiting = tcase_create("waiting");
    SRunner *runner;
    int failed;

    tcase_set_timeout(waiting, 60);
    tcase_add_test(waiting, no_interleaving_loses_a_wakeup);
    tcase_add_loop_test(waiting, nobody_oversleeps, 0, 2);
    tcase_add_test(waiting, a_wait_ends_at_its_deadline);
    tcase_add_loop_test(waiting, who_is_never_idle_hears_of_the_agent, 0, 2);
    tcase_add_test(waiting, a_fence_waits_for_everybody);
    tcase_add_test(waiting, closing_waits_for_everybody);
    tcase_add_test(waiting, a_wait_ends_when_the_agent_dies);
    tcase_add_test(waiting, a_wait_is_awake_while_a_peer_copies);
    tcase_add_test(waiting, two_ranks_do_not_share_a_processor);
    tcase_add_test(waiting, a_crowd_disperses);
    tcase_add_test(waiting, who_cannot_count_stays);
    tcase_add_test(waiting, an_invitation_is_followed_where_it_may_be);
    tcase_add_test(waiting, what_polls_looks_seldom_at_a_slow_clock);
    suite_add_tcase(suite, waiting);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
