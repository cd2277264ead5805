/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes: a page ring between two open files of the one process. Whoever would wait for the other end waits
 * for itself: process_wait says so and ends the job, unless a signal can come. */
#include "guest/linux/calls.h"
#include "guest/linux/file.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/xen/time.h"

#include <asm/poll.h>
#include <linux/fcntl.h>

#define PAGES    16 /* as Linux: 64 KiB */
#define CAPACITY (PAGES * PAGE_SIZE)
#define ATOMIC   PAGE_SIZE /* PIPE_BUF: such a write is whole or not at all */

struct pipe {
    unsigned readers, writers;
    size_t start, count;
    char *pages[PAGES]; /* made when first written */
};

/* The number of bytes at `at` that lie in one page and one turn of the ring. */
static size_t piece(size_t at, size_t wanted)
{
    return MIN(wanted, PAGE_SIZE - at % PAGE_SIZE);
}

static ssize_t pipe_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    struct pipe *pipe = file->state;
    size_t done = 0;

    if (!count)
        return 0;
    while (!pipe->count) {
        if (!pipe->writers)
            return 0;
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        if (process_wait(NULL, 0, TIME_NEVER) == -EINTR)
            return -RESTART_CALL;
    }
    count = MIN(count, pipe->count);
    while (done < count) {
        size_t part = piece(pipe->start, count - done);
        size_t left = user_copy((char *)bytes + done,
                                pipe->pages[pipe->start / PAGE_SIZE] + pipe->start % PAGE_SIZE,
                                part);

        done += part - left;
        pipe->start = (pipe->start + part - left) % CAPACITY;
        pipe->count -= part - left;
        if (left)
            return done ? (ssize_t)done : -EFAULT;
    }
    return (ssize_t)done;
}

static ssize_t pipe_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    struct pipe *pipe = file->state;
    size_t done = 0;

    while (done < count) {
        size_t space = CAPACITY - pipe->count, at = (pipe->start + pipe->count) % CAPACITY, part,
               left;
        char **page = &pipe->pages[at / PAGE_SIZE];

        if (!pipe->readers) {
            signal_raise(SIGPIPE, SI_TKILL, PROCESS_ID);
            return done ? (ssize_t)done : -EPIPE;
        }
        if (!space || (count <= ATOMIC && space < count - done)) {
            if (file->flags & O_NONBLOCK)
                return done ? (ssize_t)done : -EAGAIN;
            if (process_wait(NULL, 0, TIME_NEVER) == -EINTR)
                return done ? (ssize_t)done : -RESTART_CALL;
            continue;
        }
        if (!*page && !(*page = page_alloc()))
            return done ? (ssize_t)done : -ENOMEM;
        part = piece(at, MIN(space, count - done));
        left = user_copy(*page + at % PAGE_SIZE, (const char *)bytes + done, part);
        done += part - left;
        pipe->count += part - left;
        if (left)
            return done ? (ssize_t)done : -EFAULT;
    }
    return (ssize_t)done;
}

static unsigned pipe_poll(struct file *file)
{
    struct pipe *pipe = file->state;

    if ((file->flags & O_ACCMODE) == O_WRONLY)
        return !pipe->readers ? POLLERR | POLLOUT
                              : (CAPACITY - pipe->count >= ATOMIC ? POLLOUT | POLLWRNORM : 0);
    return (pipe->count ? POLLIN | POLLRDNORM : 0) | (pipe->writers ? 0 : POLLHUP);
}

static void pipe_release(struct file *file)
{
    struct pipe *pipe = file->state;

    if ((file->flags & O_ACCMODE) == O_WRONLY)
        pipe->writers--;
    else
        pipe->readers--;
    if (pipe->readers || pipe->writers)
        return;
    for (unsigned i = 0; i < PAGES; i++)
        if (pipe->pages[i])
            page_put(pipe->pages[i]);
    heap_free(pipe);
}

static const struct file_ops pipe_ops = {
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .release = pipe_release,
    .stream = true,
};

static struct file *end_open(struct inode *inode, unsigned flags, struct pipe *pipe)
{
    int error;
    struct file *file = file_open(inode, flags, &error);

    if (file)
        file->state = pipe;
    return file;
}

long sys_pipe2(int *descriptors, unsigned flags)
{
    struct inode *inode;
    struct pipe *pipe;
    struct file *reader, *writer;
    int ends[2];

    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    inode = inode_create(S_IFIFO | 0600);
    pipe = heap_alloc(sizeof *pipe);
    if (!inode || !pipe) {
        heap_free(inode);
        heap_free(pipe);
        return -ENOMEM;
    }
    inode->ops = &pipe_ops;
    inode_hold(inode); /* over the failures below */
    pipe->readers = pipe->writers = 1;
    reader = end_open(inode, O_RDONLY | (flags & O_NONBLOCK), pipe);
    writer = reader ? end_open(inode, O_WRONLY | (flags & O_NONBLOCK), pipe) : NULL;
    inode_put(inode);
    if (!writer) {
        pipe->writers = 0;
        if (reader)
            file_put(reader);
        else
            heap_free(pipe);
        return -ENOMEM;
    }
    ends[0] = descriptor_install(reader, 0, flags & O_CLOEXEC);
    ends[1] = ends[0] < 0 ? ends[0] : descriptor_install(writer, 0, flags & O_CLOEXEC);
    if (ends[1] < 0) {
        if (ends[0] >= 0)
            descriptor_replace(ends[0], NULL);
        else
            file_put(reader);
        file_put(writer);
        return ends[1];
    }
    if (user_write(descriptors, ends, sizeof ends)) {
        descriptor_replace(ends[0], NULL);
        descriptor_replace(ends[1], NULL);
        return -EFAULT;
    }
    return 0;
}

long sys_pipe(int *descriptors)
{
    return sys_pipe2(descriptors, 0);
}
