/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/loop.h: wait for descriptors and times, one event at a time.
 *
 * A watch or timer is the caller's memory and may be removed, closed or freed from any callback, its own included:
 * one event is taken from the kernel at a time, so none is ever delivered late.
 */
#ifndef CARAVAN_LOOP_H
#define CARAVAN_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

struct watch {
    void (*ready)(void *context, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, ... */
    void *context;
    int fd; /* -1: not watched */
    uint32_t events;
};

struct timer {
    void (*run)(void *context);
    void *context;
    uint64_t due; /* nanoseconds of CLOCK_MONOTONIC */
    struct timer *next;
    bool set;
};

/* NULL without memory or descriptors. */
struct loop *loop_open(void);
void loop_close(struct loop *loop);

/* Watch `fd` for `events` (0: for its end alone). -EPERM: it is a file that is always ready. */
int loop_watch(struct loop *loop, struct watch *watch, int fd, uint32_t events);
void loop_change(struct loop *loop, struct watch *watch, uint32_t events);
/* Before its descriptor is closed. Nothing when it is not watched. */
void loop_unwatch(struct loop *loop, struct watch *watch);

/* Run once, `nanoseconds` from now; sets it anew when it was set. */
void loop_set_timer(struct loop *loop, struct timer *timer, uint64_t nanoseconds);
void loop_cancel_timer(struct loop *loop, struct timer *timer);

/* Until loop_stop. 0, or what epoll said. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

uint64_t loop_now(void);

#endif
