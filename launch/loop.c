/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/loop.c: see loop.h.
 */
#include "launch/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct loop {
    int fd;
    bool stop;
    struct timer *timers; /* by time */
};

struct loop *loop_open(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return NULL;
    loop->fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->fd < 0) {
        free(loop);
        return NULL;
    }
    return loop;
}

void loop_close(struct loop *loop)
{
    if (!loop)
        return;
    close(loop->fd);
    free(loop);
}

int loop_watch(struct loop *loop, struct watch *watch, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (epoll_ctl(loop->fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        watch->fd = -1;
        return -errno;
    }
    watch->fd = fd;
    watch->events = events;
    return 0;
}

void loop_change(struct loop *loop, struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (watch->fd < 0 || watch->events == events)
        return;
    epoll_ctl(loop->fd, EPOLL_CTL_MOD, watch->fd, &event);
    watch->events = events;
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
    if (watch->fd < 0)
        return;
    epoll_ctl(loop->fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
}

uint64_t loop_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void loop_cancel_timer(struct loop *loop, struct timer *timer)
{
    struct timer **at = &loop->timers;

    if (!timer->set)
        return;
    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
    timer->set = false;
}

void loop_set_timer(struct loop *loop, struct timer *timer, uint64_t nanoseconds)
{
    struct timer **at = &loop->timers;

    loop_cancel_timer(loop, timer);
    timer->due = loop_now() + nanoseconds;
    while (*at && (*at)->due <= timer->due)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    timer->set = true;
}

/* Run what is due. Milliseconds until the next one, rounded up; -1: none. */
static int run_timers(struct loop *loop)
{
    while (loop->timers && !loop->stop) {
        struct timer *timer = loop->timers;
        uint64_t now = loop_now();

        if (timer->due > now) {
            uint64_t left = (timer->due - now + 999999) / 1000000;

            return left > 1000000 ? 1000000 : (int)left;
        }
        loop_cancel_timer(loop, timer);
        timer->run(timer->context);
    }
    return -1;
}

int loop_run(struct loop *loop)
{
    loop->stop = false;
    for (;;) {
        struct epoll_event event;
        int timeout = run_timers(loop);

        if (loop->stop)
            return 0;

        int count = epoll_wait(loop->fd, &event, 1, timeout);

        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0) {
            struct watch *watch = event.data.ptr;

            watch->ready(watch->context, event.events);
        }
    }
}

void loop_stop(struct loop *loop)
{
    loop->stop = true;
}
