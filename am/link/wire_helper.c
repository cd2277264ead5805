/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The helper thread: what the wire owes its peers while the program computes.
 *
 * While nothing is under way or owed it sleeps without end. Otherwise it looks every millisecond, then less often, and when
 * it finds the program outside the endpoint it does what a poll does, but hands nothing up: messages wait in the wire until
 * the program comes.
 *
 * The program is inside most of the time that matters and must not pay for this: it says so with plain stores. The
 * helper, before it goes in, has the kernel run a full barrier on every processor that runs this process
 * (membarrier(2)); then either it sees that the program is inside, or the program sees that the helper is.
 */
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "am/link/wire_private.h"

#define TICK_SHORTEST (1 * MILLISECOND)
#define TICK_LONGEST  (8 * MILLISECOND)

enum {
    TICKS_IDLE = 16, /* with nothing to do, before it sleeps without end */
};

struct wire_helper {
    pthread_t thread;
    uint32_t stop;
};

static int membarrier(int command)
{
    return (int)syscall(SYS_membarrier, command, 0, 0);
}

static void futex_wait(uint32_t *word, uint32_t value, const struct timespec *timeout)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout, NULL, 0);
}

static void futex_wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void wire_enter_slow(struct wire_gate *gate)
{
    while (__atomic_load_n(&gate->helper, __ATOMIC_ACQUIRE))
        sched_yield();
}

/* True: the program is outside, and will wait at the gate. */
static bool gate_take(struct wire_gate *gate)
{
    if (__atomic_load_n(&gate->inside, __ATOMIC_RELAXED))
        return false;
    __atomic_store_n(&gate->helper, 1, __ATOMIC_SEQ_CST);
    if (gate->fenced)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    else
        membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    if (__atomic_load_n(&gate->inside, __ATOMIC_ACQUIRE) == 0)
        return true;
    __atomic_store_n(&gate->helper, 0, __ATOMIC_RELEASE);
    return false;
}

static void gate_give(struct wire_gate *gate)
{
    __atomic_store_n(&gate->helper, 0, __ATOMIC_RELEASE);
}

static void turn(struct wire *wire)
{
    wire->helper_turn = wire->in_poll = true;
    wire_frames(wire);
    wire->helper_turn = wire->in_poll = false;
    wire->count[COUNT_HELPER_TURNS]++;
}

static void *helper_main(void *argument)
{
    struct wire *wire = argument;
    struct wire_helper *helper = wire->helper;
    uint64_t tick = TICK_SHORTEST;
    uint32_t idle = 0;

    while (!__atomic_load_n(&helper->stop, __ATOMIC_ACQUIRE)) {
        struct timespec pause = {.tv_nsec = (long)tick};

        if (!__atomic_load_n(&wire->armed, __ATOMIC_ACQUIRE)) {
            futex_wait(&wire->armed, 0, NULL);
            tick = TICK_SHORTEST;
            idle = 0;
            continue;
        }
        futex_wait(&helper->stop, 0, &pause);
        tick = min64(2 * tick, TICK_LONGEST);
        if (__atomic_load_n(&helper->stop, __ATOMIC_ACQUIRE) || !gate_take(&wire->gate))
            continue;
        turn(wire);
        idle = wire->next_due == NEVER ? idle + 1 : 0;
        if (idle >= TICKS_IDLE)
            __atomic_store_n(&wire->armed, 0, __ATOMIC_RELAXED);
        gate_give(&wire->gate);
    }
    return NULL;
}

void wire_helper_wake(struct wire *wire)
{
    __atomic_store_n(&wire->armed, 1, __ATOMIC_RELEASE);
    if (wire->helper)
        futex_wake(&wire->armed);
}

void wire_helper_start(struct wire *wire)
{
    struct wire_helper *helper;
    sigset_t all, before;
    int error;

    /* Nobody computes for long in virtual time, and a guest has no threads. Without memory or threads, the program's own
     * calls must do. */
    wire->armed = 1;
    if (wire->job->clock || wire->job->domu)
        return;
    helper = calloc(1, sizeof(*helper));
    if (!helper)
        return;
    wire->gate.fenced = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) < 0;
    wire->helper = helper;
    wire->armed = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&helper->thread, NULL, helper_main, wire);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        free(helper);
        wire->helper = NULL;
        wire->armed = 1;
    }
}

void wire_helper_stop(struct wire *wire)
{
    struct wire_helper *helper = wire->helper;

    if (!helper)
        return;
    __atomic_store_n(&helper->stop, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&wire->armed, 1, __ATOMIC_SEQ_CST);
    futex_wake(&helper->stop);
    futex_wake(&wire->armed);
    pthread_join(helper->thread, NULL);
    free(helper);
    wire->helper = NULL;
}
