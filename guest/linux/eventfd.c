/* SPDX-License-Identifier: BSD-2-Clause */
/* eventfd(2): a counter behind a descriptor. The one process is reader and writer, so whoever would wait waits for itself, as at a
 * pipe (pipe.c). */
#include "guest/linux/calls.h"
#include "guest/linux/file.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/xen/time.h"

#include <asm/poll.h>
#include <linux/fcntl.h>

#define EFD_SEMAPHORE 1 /* <sys/eventfd.h>; the others are O_ flags */
#define COUNT_MAX     (UINT64_MAX - 1)

struct counter {
    uint64_t count;
    bool semaphore;
};

/* 0 to look again, or why not. */
static ssize_t counter_wait(const struct file *file)
{
    if (file->flags & O_NONBLOCK)
        return -EAGAIN;
    return process_wait(NULL, 0, TIME_NEVER) == -EINTR ? -RESTART_CALL : 0;
}

static ssize_t counter_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    struct counter *counter = file->state;
    uint64_t value;
    ssize_t result;

    if (count < sizeof value)
        return -EINVAL;
    while (!counter->count)
        if ((result = counter_wait(file)))
            return result;
    value = counter->semaphore ? 1 : counter->count;
    counter->count -= value;
    return user_copy(bytes, &value, sizeof value) ? -EFAULT : (ssize_t)sizeof value;
}

static ssize_t counter_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    struct counter *counter = file->state;
    uint64_t value;
    ssize_t result;

    if (count < sizeof value)
        return -EINVAL;
    if (user_copy(&value, bytes, sizeof value))
        return -EFAULT;
    if (value == UINT64_MAX)
        return -EINVAL;
    while (value > COUNT_MAX - counter->count)
        if ((result = counter_wait(file)))
            return result;
    counter->count += value;
    return sizeof value;
}

static unsigned counter_poll(struct file *file)
{
    const struct counter *counter = file->state;

    return (counter->count ? POLLIN : 0) | (counter->count < COUNT_MAX ? POLLOUT : 0);
}

static void counter_release(struct file *file)
{
    heap_free(file->state);
}

static const struct file_ops counter_ops = {
    .read = counter_read,
    .write = counter_write,
    .poll = counter_poll,
    .release = counter_release,
    .stream = true,
};

long sys_eventfd2(unsigned count, unsigned flags)
{
    struct inode *inode;
    struct counter *counter;
    struct file *file;
    int error, descriptor;

    if (flags & ~(unsigned)(EFD_SEMAPHORE | O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    inode = inode_create(0600);
    counter = heap_alloc(sizeof *counter);
    if (!inode || !counter) {
        heap_free(inode);
        heap_free(counter);
        return -ENOMEM;
    }
    inode->ops = &counter_ops;
    inode_hold(inode); /* over the failure below */
    file = file_open(inode, O_RDWR | (flags & O_NONBLOCK), &error);
    inode_put(inode);
    if (!file) {
        heap_free(counter);
        return error;
    }
    *counter = (struct counter){.count = count, .semaphore = flags & EFD_SEMAPHORE};
    file->state = counter;
    descriptor = descriptor_install(file, 0, flags & O_CLOEXEC);
    if (descriptor < 0)
        file_put(file);
    return descriptor;
}

long sys_eventfd(unsigned count)
{
    return sys_eventfd2(count, 0);
}
