/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Waiting: poll, spin for a bounded time, then sleep on everything that can wake us.
 *
 * The spin is always of one length. One that follows how long recent waits took has a trap: two ranks that have come to put each
 * other to sleep at every message wait for wake-ups, some 50 us a round trip here, which look too long to spin for; so
 * they never stop (measured: 26 us a message instead of 0.2).
 *
 * While peers copy from our memory, which takes them longer than the spin, it is longer by the time that this takes. The copier would
 * else wake us after each message: 1 MiB took 81 us in a window of nonblocking sends, and takes 68.
 *
 * With more ranks than cores each turn of the spin yields the core. That is much cheaper than to sleep at once: what a rank waits
 * for is most often in the hands of one that waits for a core, and a wake-up costs ten times a yield.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "am/core.h"
#include "control/control.h"

enum {
    WORK_NAP = 200000,      /* ns: between two attempts at what found no room */
    FENCE_LOOK = 250000000, /* ns: from one look for peers that are down to the next */

    /* Polls between two looks at the clock. Where a look is a system call (Linux under Xen, some clocks of real machines), two
     * ranks would otherwise keep each other looking: each is late by its own look, and so has the other look. Measured in the
     * pocket's dom0, where a look takes 14 us: 26 us a message, and 1 with as many polls as a look is worth. */
    POLLS_PER_CLOCK = 32,
    MOST_POLLS_PER_CLOCK = 1024,
    POLL = 25, /* ns: about what an empty one takes */
    CLOCK_TRIES = 4,

    LENT_MOST = 4 << 20, /* bytes for whose copies a wait spins longer, */
    LENT_PER_NS = 4,     /* at this many bytes a ns */
};

void wait_open(struct am *am)
{
    uint64_t least = UINT64_MAX, before = am_now(am), polls;

    for (unsigned i = 0; i < CLOCK_TRIES; i++) {
        uint64_t now = am_now(am);

        least = now - before < least ? now - before : least;
        before = now;
    }
    polls = least / POLL;
    am->slow_clock = polls > POLLS_PER_CLOCK;
    am->polls_per_clock = polls < POLLS_PER_CLOCK        ? POLLS_PER_CLOCK
                          : polls > MOST_POLLS_PER_CLOCK ? MOST_POLLS_PER_CLOCK
                                                         : (uint32_t)polls;
}

/* A poll that yields the core is a system call itself; and other threads want the lock. */
static uint32_t polls_per_clock(const struct am *am)
{
    return am->job.ranks > am->job.cores || am->threads ? POLLS_PER_CLOCK : am->polls_per_clock;
}

void am_lock(struct am *am)
{
    if (am->threads)
        pthread_mutex_lock(&am->lock);
}

void am_unlock(struct am *am)
{
    if (am->threads)
        pthread_mutex_unlock(&am->lock);
}

static struct timespec until(uint64_t now, uint64_t deadline)
{
    uint64_t left = deadline > now ? deadline - now : 0;

    return (struct timespec){.tv_sec = (time_t)(left / 1000000000u),
                             .tv_nsec = (long)(left % 1000000000u)};
}

/* Another thread sleeps on the descriptors already: wait for what it, or anybody, takes from them. */
static void sleep_behind(struct am *am, uint64_t deadline)
{
    struct timespec at = {.tv_sec = (time_t)(deadline / 1000000000u),
                          .tv_nsec = (long)(deadline % 1000000000u)};

    am->waiters++;
    if (deadline == AM_FOREVER)
        pthread_cond_wait(&am->progressed, &am->lock);
    else
        pthread_cond_timedwait(&am->progressed, &am->lock, &at);
    am->waiters--;
}

/* Sleep until something may have come, or `deadline`. 0, or -EINTR after a signal. */
static int sleep_on_all(struct am *am, uint64_t deadline)
{
    struct pollfd polled[4];
    nfds_t count = 0;
    int result = 0;
    int fd;
    bool come;

    come = am->ring->ops->sleep(am->ring, &fd, &deadline);
    polled[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    polled[count++] = (struct pollfd){.fd = ring_descriptor(am->ring), .events = POLLIN};
    if (am->wire) {
        come |= am->wire->ops->sleep(am->wire, &fd, &deadline);
        polled[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    if (am->job.control) {
        polled[count].fd = am->launcher->wait_on(am, &polled[count].events);
        count++;
    }
    if (!come) {
        uint64_t now = am_now(am);
        struct timespec left = until(now, deadline);

        am->sleeps++;
        am->sleeper = true;
        am->waiters++;
        am_unlock(am);
        if (ppoll(polled, count, deadline == AM_FOREVER ? NULL : &left, NULL) < 0 && errno == EINTR)
            result = -EINTR;
        am_lock(am);
        am->waiters--;
        am->sleeper = false;
        if (am->waiters)
            pthread_cond_signal(&am->progressed); /* one of them sleeps on the descriptors next */
    }
    am->ring->ops->wake(am->ring);
    if (polled[1].revents)
        ring_rung(am->ring);
    if (am->wire)
        am->wire->ops->wake(am->wire);
    am->polls_to_control = 1; /* it may have been the control stream */
    return result;
}

/* Let go of the core for a moment: to the core's other half, or to the ranks that share it. */
static inline void spin_pause(struct am *am)
{
    if (unlikely(am->job.ranks > am->job.cores)) {
        sched_yield();
        apart_yielded(am);
    }
#if defined(__x86_64__) || defined(__i386__)
    else
        __builtin_ia32_pause();
#endif
}

/* Poll until something comes, but for no longer than a budget in which no link moves: in the midst of a long transfer nothing
 * is handed up for a while. Returns what am_poll did; *now is the time at the end. */
static int spin(struct am *am, uint64_t start, uint64_t deadline, uint64_t *now)
{
    uint64_t stirs = am->wire ? am->wire->stirs : 0;
    uint32_t polls = polls_per_clock(am);
    uint64_t budget = am->spin + (am->lent < LENT_MOST ? am->lent : LENT_MOST) / LENT_PER_NS;

    while (true) {
        for (uint32_t i = 0; i < polls; i++) {
            int handled;

            spin_pause(am);
            handled = am_poll_inside(am);
            if (handled != 0) {
                *now = am_now(am);
                return handled;
            }
        }
        *now = am_now(am);
        if (am->wire && am->wire->stirs != stirs) {
            stirs = am->wire->stirs;
            start = *now;
        }
        if (*now - start >= budget || *now >= deadline)
            return 0;
        if (am->job.ranks <= am->job.cores)
            apart_look(am, start, *now);
        /* In the midst of a long message the other side has the next move, and may want this very core for it. A domain has its
         * own, or yields at every turn. */
        if ((am->work || am->gets) && !am->job.domu)
            sched_yield();
        if (am->threads) {
            uint64_t seen = am->events;

            am_unlock(am);
            am_lock(am);
            if (am->events != seen)
                return 1; /* another thread has handled something: perhaps what the caller waits for */
        }
    }
}

static int wait_inside(struct am *am, uint64_t deadline)
{
    uint64_t start, now;
    int handled = am_poll_inside(am);

    /* What comes at once needs no clock. */
    for (uint32_t i = 0; handled == 0 && am->spin && i < polls_per_clock(am); i++) {
        spin_pause(am);
        handled = am_poll_inside(am);
    }
    if (handled != 0) {
        am->quiet_since = 0;
        return handled;
    }

    start = now = am_now(am);
    if (deadline <= start)
        return 0;
    if (am->quiet_since == 0)
        am->quiet_since = start;
    if (am->spin)
        handled = spin(am, start, deadline, &now);
    while (handled == 0 && now < deadline) {
        /* Nobody tells us when there is room again for what waits to be sent. */
        uint64_t until_then = am->work && now + WORK_NAP < deadline ? now + WORK_NAP : deadline;
        int slept = 0;

        if (am->sleeper)
            sleep_behind(am, until_then);
        else
            slept = sleep_on_all(am, until_then);
        handled = am_poll_inside(am);
        now = am_now(am);
        if (slept == -EINTR || am->threads)
            break;
    }
    if (handled != 0)
        am->quiet_since = 0;
    return handled;
}

int am_wait(struct am *am, uint64_t deadline)
{
    int handled;

    am_enter(am); /* asleep too: what arrives then is ours to take */
    am_control_when_due(am);
    handled = wait_inside(am, deadline);
    am_leave(am);
    return handled;
}

static bool drained(struct am *am)
{
    bool all = am->work == NULL;

    am_enter(am);
    for (uint32_t peer = 0; all && peer < am->job.size; peer++) {
        struct am_link *link = am->peers[peer].link;

        all = !link || am->peers[peer].down || !link->ops->drained || link->ops->drained(link);
    }
    am_leave(am);
    return all;
}

int am_drain(struct am *am)
{
    while (!am->broken) {
        int result;

        if (drained(am))
            return 0;
        result = am_wait(am, am_now(am) + 1000000);
        if (result < 0)
            return result;
    }
    return am->broken;
}

/* A process that is down, or the number of processes. */
static uint32_t process_down(const struct am *am)
{
    uint32_t process = 0;

    while (process < am->job.size && !am->peers[process].down)
        process++;
    return process;
}

/* A launcher's fence that may never end: for as long as all are in reach, and then for the peers' timeout. */
static int fence_wait(struct am *am)
{
    uint64_t deadline = AM_FOREVER;
    int result = 0;

    while (result >= 0 && !am->fenced) {
        uint64_t now = am_now(am);
        uint32_t down = process_down(am);

        if (down < am->job.size && deadline == AM_FOREVER)
            deadline = now + am->job.timeout;
        if (now >= deadline) {
            am_complain(
                am,
                "process %u on %s is down, and the launcher's barrier has not ended for %.1f s "
                "since: leaving without the others",
                down, am_host(am, down), (double)am->job.timeout / 1e9);
            return -EHOSTDOWN;
        }
        result = am_wait(am, now + FENCE_LOOK < deadline ? now + FENCE_LOOK : deadline);
    }
    return result < 0 ? result : 0;
}

int am_fence(struct am *am)
{
    int result;

    if (am->broken || !am->job.control || am->job.size == 1)
        return am->broken;
    am->fenced = false;
    result = am->launcher->fence_enter(am);
    if (result >= 0 && am->launcher->fence_may_hang && am->wire)
        return fence_wait(am);
    while (result >= 0 && !am->fenced)
        result = am_wait(am, AM_FOREVER);
    return result < 0 ? result : 0;
}
