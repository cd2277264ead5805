/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting: for descriptors, for time, for anything. */
#include "guest/linux/calls.h"
#include "guest/linux/channel.h"
#include "guest/linux/file.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"
#include "guest/linux/user.h"
#include "guest/xen/event.h"
#include "guest/xen/hypercall.h"
#include "guest/xen/time.h"

#include <asm/poll.h>
#include <asm/signal.h>
#include <linux/posix_types.h>
#include <linux/time.h>
#include <xen/sched.h>

#define POLL_MAX   FILE_COUNT
#define READABLE   (POLLIN | POLLRDNORM)
#define WRITABLE   (POLLOUT | POLLWRNORM)
#define SELECT_IN  (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_OUT (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)

static bool any_pending(const evtchn_port_t *ports, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (event_pending(ports[i]))
            return true;
    return false;
}

/* Sleep with the control channel among what can wake us: a signal may come over it. Like event_wait, but for 0, which is also
 * the answer when nothing but the channel has rung. */
static int wait_with_channel(const evtchn_port_t *ports, unsigned count, uint64_t until)
{
    evtchn_port_t all[EVENT_WAIT_MAX];

    assert(count < EVENT_WAIT_MAX);
    memcpy(all, ports, count * sizeof *ports);
    all[count] = channel_port();
    return event_wait(all, count + 1, until);
}

static bool waits_for_channel(const evtchn_port_t *ports, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (ports[i] == channel_port())
            return true;
    return false;
}

int process_wait(const uint32_t *ports, unsigned count, uint64_t deadline)
{
    bool for_channel = channel_on && waits_for_channel(ports, count);

    for (;;) {
        uint64_t timer = signal_timer(), until = MIN(deadline, timer);
        int result;

        if (channel_on && channel_receive() && for_channel)
            return 0;
        if (signal_due())
            return -EINTR;
        if (until == TIME_NEVER && !count && !channel_on) {
            log_error("%s waits for ever: no timer runs and no event can come", process.name);
            process_killed(SIGKILL);
        }
        result = channel_on ? wait_with_channel(ports, count, until)
                            : event_wait(ports, count, until);
        if (result == 0 && channel_on && !any_pending(ports, count))
            continue;
        if (result == 0)
            return 0;
        if (result != -ETIMEDOUT)
            return result;
        if (time_now() >= deadline && !signal_due())
            return -ETIMEDOUT;
    }
}

static unsigned file_events(struct file *file)
{
    /* Files are always ready, as on Linux. */
    return file->ops->poll ? file->ops->poll(file) : READABLE | WRITABLE;
}

/* What one look finds: how many descriptors have answers, and the ports to wait for if none. */
static int poll_look(struct pollfd *polls, unsigned count, evtchn_port_t *ports,
                     unsigned *port_count)
{
    int ready = 0;

    *port_count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct file *file;

        polls[i].revents = 0;
        if (polls[i].fd < 0)
            continue;
        file = file_of(polls[i].fd);
        if (!file) {
            polls[i].revents = POLLNVAL;
        } else {
            unsigned wanted = (unsigned short)polls[i].events | POLLERR | POLLHUP;

            polls[i].revents = (short)(file_events(file) & wanted);
            if (file->ops->ports)
                *port_count += file->ops->ports(file, ports + *port_count,
                                                PROCESS_WAIT_MAX - *port_count);
        }
        ready += polls[i].revents != 0;
    }
    return ready;
}

static long poll_wait(struct pollfd *polls, unsigned count, uint64_t deadline)
{
    for (;;) {
        evtchn_port_t ports[PROCESS_WAIT_MAX];
        unsigned port_count;
        int result = poll_look(polls, count, ports, &port_count);

        if (result)
            return result;
        if (deadline <= time_now())
            return 0;
        result = process_wait(ports, port_count, deadline);
        if (result == -ETIMEDOUT)
            return 0;
        if (result)
            return result;
    }
}

static long poll_until(struct pollfd *user_polls, unsigned count, uint64_t deadline)
{
    static struct pollfd polls[POLL_MAX];
    long result;

    if (count > POLL_MAX)
        return -EINVAL;
    if (user_read(polls, user_polls, count * sizeof *polls))
        return -EFAULT;
    result = poll_wait(polls, count, deadline);
    if (result >= 0 && user_write(user_polls, polls, count * sizeof *polls))
        return -EFAULT;
    return result;
}

long sys_poll(struct pollfd *polls, unsigned count, int milliseconds)
{
    uint64_t deadline = milliseconds < 0 ? TIME_NEVER
                                         : time_now() + (uint64_t)milliseconds * 1000000;

    return poll_until(polls, count, deadline);
}

static int mask_begin(const uint64_t *mask, size_t size, bool *masked)
{
    uint64_t value;

    *masked = false;
    if (!mask)
        return 0;
    if (size != 8)
        return -EINVAL;
    if (user_read(&value, mask, sizeof value))
        return -EFAULT;
    signal_mask_enter(value);
    *masked = true;
    return 0;
}

long sys_ppoll(struct pollfd *polls, unsigned count, const struct timespec *timeout,
               const uint64_t *mask, size_t size)
{
    uint64_t deadline = TIME_NEVER;
    bool masked;
    long result = timeout ? clock_deadline(timeout, &deadline) : 0;

    if (!result)
        result = mask_begin(mask, size, &masked);
    if (result)
        return result;
    result = poll_until(polls, count, deadline);
    if (masked)
        signal_mask_leave(result == -EINTR);
    return result;
}

/* select is poll with three bitmaps. */
static long select_until(int count, __kernel_fd_set *sets[3], uint64_t deadline)
{
    static const unsigned events[3] = {SELECT_IN, SELECT_OUT, POLLPRI};
    static __kernel_fd_set given[3], found[3];
    static struct pollfd polls[POLL_MAX];
    unsigned polled = 0;
    size_t bytes;
    long result;

    if (count < 0)
        return -EINVAL;
    count = MIN(count, FILE_COUNT);
    bytes = (size_t)(count + 63) / 64 * 8;
    memset(given, 0, sizeof given);
    memset(found, 0, sizeof found);
    for (int s = 0; s < 3; s++)
        if (sets[s] && user_read(&given[s], sets[s], bytes))
            return -EFAULT;
    for (int i = 0; i < count; i++) {
        unsigned wanted = 0;

        for (int s = 0; s < 3; s++)
            if (given[s].fds_bits[i / 64] >> i % 64 & 1)
                wanted |= events[s];
        if (!wanted)
            continue;
        if (!file_of(i))
            return -EBADF;
        polls[polled++] = (struct pollfd){.fd = i, .events = (short)wanted};
    }
    result = poll_wait(polls, polled, deadline);
    if (result < 0)
        return result;
    result = 0;
    for (unsigned p = 0; p < polled; p++)
        for (int s = 0; s < 3; s++) {
            int i = polls[p].fd;

            if (given[s].fds_bits[i / 64] >> i % 64 & 1 && (unsigned)polls[p].revents & events[s]) {
                found[s].fds_bits[i / 64] |= 1ul << i % 64;
                result++;
            }
        }
    for (int s = 0; s < 3; s++)
        if (sets[s] && user_write(sets[s], &found[s], bytes))
            return -EFAULT;
    return result;
}

long sys_select(int count, void *in, void *out, void *exceptional, struct timeval *timeout)
{
    uint64_t deadline = TIME_NEVER;
    struct timeval value;
    long result;

    if (timeout) {
        if (user_read(&value, timeout, sizeof value))
            return -EFAULT;
        if (value.tv_sec < 0 || value.tv_usec < 0)
            return -EINVAL;
        deadline = time_now() + (uint64_t)MIN(value.tv_sec, 1l << 32) * TIME_SECOND +
                   (uint64_t)value.tv_usec * 1000;
    }
    result = select_until(count, (__kernel_fd_set *[3]){in, out, exceptional}, deadline);
    if (timeout) { /* Linux tells what is left */
        uint64_t now = time_now(), left = deadline > now ? deadline - now : 0;

        value = (struct timeval){.tv_sec = (long)(left / TIME_SECOND),
                                 .tv_usec = (long)(left % TIME_SECOND / 1000)};
        user_write(timeout, &value, sizeof value);
    }
    return result;
}

long sys_pselect6(int count, void *in, void *out, void *exceptional, const struct timespec *timeout,
                  const void *mask_argument)
{
    struct {
        const uint64_t *mask;
        size_t size;
    } mask = {0};
    uint64_t deadline = TIME_NEVER;
    bool masked;
    long result = timeout ? clock_deadline(timeout, &deadline) : 0;

    if (result)
        return result;
    if (mask_argument && user_read(&mask, mask_argument, sizeof mask))
        return -EFAULT;
    result = mask_begin(mask.mask, mask.size, &masked);
    if (result)
        return result;
    result = select_until(count, (__kernel_fd_set *[3]){in, out, exceptional}, deadline);
    if (masked)
        signal_mask_leave(result == -EINTR);
    return result;
}

/* Nobody else runs in this domain, but others may wait for its processor. */
long sys_sched_yield(void)
{
    return xen_sched_op(SCHEDOP_yield, NULL);
}
