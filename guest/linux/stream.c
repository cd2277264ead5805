/* SPDX-License-Identifier: BSD-2-Clause */
/* The program's streams where they travel on the control channel: standard input and output, and the control stream, which is
 * a socket to those who look (control/stream.c receives and sends messages on it). */
#include "guest/linux/calls.h"
#include "guest/linux/channel.h"
#include "guest/linux/file.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"
#include "guest/linux/user.h"
#include "guest/xen/time.h"

#include <asm/poll.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/uio.h>

#define IOV_MAX      1024
#define MSG_DONTWAIT 0x40

/* Standard input and output are known by number: a duplicate is the same stream. */
static unsigned stream_number(const struct file *file)
{
    return (unsigned)(uintptr_t)file->state;
}

static unsigned stream_ports(struct file *file, evtchn_port_t *ports, unsigned room)
{
    if (!room)
        return 0;
    ports[0] = channel_port();
    return 1;
}

/* Until something has come, or a signal. */
static int stream_wait(bool dont)
{
    evtchn_port_t port = channel_port();

    if (dont)
        return -EAGAIN;
    return process_wait(&port, 1, TIME_NEVER) == -EINTR ? -RESTART_CALL : 0;
}

static ssize_t source_read(enum channel_source source, bool dont_wait, void *bytes, size_t count)
{
    if (!count)
        return 0;
    channel_receive();
    while (!channel_waiting(source)) {
        int result;

        if (source == CHANNEL_INPUT && channel_input_ended())
            return 0;
        result = stream_wait(dont_wait);
        if (result)
            return result;
    }
    return channel_take(source, bytes, count);
}

/* Send what the program has at `bytes`, in frames. Output takes credit, and waits for it. */
static ssize_t source_write(enum channel_frame_kind kind, unsigned stream, bool dont_wait,
                            const void *bytes, size_t count)
{
    size_t done = 0;

    while (done < count) {
        size_t part = MIN(count - done, (size_t)CHANNEL_FILE_DATA), left;
        int result;

        if (kind == FRAME_OUTPUT) {
            channel_receive();
            part = MIN(part, channel_credit(stream));
        }
        if (!part) {
            result = stream_wait(dont_wait);
            if (result)
                return done ? (ssize_t)done : result;
            continue;
        }
        left = user_copy(channel_data, (const char *)bytes + done, part);
        part -= left;
        if (part)
            channel_put(kind, stream, NULL, 0, channel_data, part);
        done += part;
        if (left)
            return done ? (ssize_t)done : -EFAULT;
    }
    return (ssize_t)done;
}

static ssize_t input_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    return source_read(CHANNEL_INPUT, file->flags & O_NONBLOCK, bytes, count);
}

static unsigned input_poll(struct file *file)
{
    channel_receive();
    if (channel_waiting(CHANNEL_INPUT))
        return POLLIN | POLLRDNORM;
    return channel_input_ended() ? POLLHUP : 0;
}

static ssize_t output_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    return source_write(FRAME_OUTPUT, stream_number(file), file->flags & O_NONBLOCK, bytes, count);
}

static unsigned output_poll(struct file *file)
{
    channel_receive();
    return channel_credit(stream_number(file)) ? POLLOUT | POLLWRNORM : 0;
}

/* What a program asks that wants to know whether somebody looks on. The terminal is the launcher's: nothing can be set. */
static long output_ioctl(struct file *file, unsigned command, void *argument)
{
    struct termios settings = {
        .c_oflag = OPOST | ONLCR,
        .c_cflag = B38400 | CS8 | CREAD,
    };
    struct winsize window = {.ws_row = 24, .ws_col = 80};

    if (!(process.terminal >> stream_number(file) & 1))
        return -ENOTTY;
    switch (command) {
    case TCGETS:
        return user_write(argument, &settings, sizeof settings);
    case TIOCGWINSZ:
        return user_write(argument, &window, sizeof window);
    default:
        return -ENOTTY;
    }
}

/* The last of its descriptors is closed. */
static void output_release(struct file *file)
{
    channel_put(FRAME_OUTPUT, stream_number(file), NULL, 0, NULL, 0);
}

static ssize_t control_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    return source_read(CHANNEL_CONTROL, file->flags & O_NONBLOCK, bytes, count);
}

static ssize_t control_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    return source_write(FRAME_CONTROL, 0, false, bytes, count);
}

static unsigned control_poll(struct file *file)
{
    channel_receive();
    return POLLOUT | POLLWRNORM | (channel_waiting(CHANNEL_CONTROL) ? POLLIN | POLLRDNORM : 0);
}

static const struct file_ops input_ops = {
    .read = input_read,
    .poll = input_poll,
    .ports = stream_ports,
    .stream = true,
};

static const struct file_ops output_ops = {
    .release = output_release,
    .write = output_write,
    .ioctl = output_ioctl,
    .poll = output_poll,
    .ports = stream_ports,
    .stream = true,
};

static const struct file_ops control_ops = {
    .read = control_read,
    .write = control_write,
    .poll = control_poll,
    .ports = stream_ports,
    .stream = true,
};

static void stream_open(int descriptor, uint32_t mode, unsigned flags, const struct file_ops *ops)
{
    struct inode *inode = inode_create(mode);
    struct file *file;
    int error = 0;

    if (!inode)
        panic("no memory for descriptor %d", descriptor);
    inode->ops = ops;
    file = file_open(inode, flags, &error);
    if (!file)
        panic("descriptor %d cannot be opened: error %d", descriptor, error);
    file->state = (void *)(uintptr_t)descriptor;
    descriptor_replace(descriptor, file);
}

void channel_descriptors(void)
{
    stream_open(0, S_IFIFO | 0600, O_RDONLY, &input_ops);
    for (int i = 1; i <= 2; i++)
        stream_open(i, (process.terminal >> i & 1 ? S_IFCHR : S_IFIFO) | 0600, O_WRONLY,
                    &output_ops);
    if (process.control > 2 && process.control < FILE_COUNT)
        stream_open(process.control, S_IFSOCK | 0600, O_RDWR, &control_ops);
}

/* The control stream's messages: bytes, and never a descriptor. */

struct message { /* struct user_msghdr */
    void *name;
    int name_size;
    const struct iovec *vector;
    size_t count;
    void *control;
    size_t control_size;
    unsigned flags;
};

static struct file *socket_of(int descriptor, int *error)
{
    struct file *file = file_of(descriptor);

    *error = file ? -ENOTSOCK : -EBADF;
    return file && file->ops == &control_ops ? file : NULL;
}

static long message_read(struct message *message, const struct message *from)
{
    if (user_read(message, from, sizeof *message))
        return -EFAULT;
    return message->count > IOV_MAX ? -EMSGSIZE : 0;
}

/* Move what a message's vector describes: `move` until one part is not whole. */
static long message_move(struct file *file, const struct message *message, bool dont_wait,
                         bool receive)
{
    long total = 0;

    for (size_t i = 0; i < message->count; i++) {
        struct iovec part;
        ssize_t done;

        if (user_read(&part, &message->vector[i], sizeof part) ||
            !user_range(part.iov_base, part.iov_len))
            return total ? total : -EFAULT;
        done = receive
                   ? source_read(CHANNEL_CONTROL, dont_wait || total, part.iov_base, part.iov_len)
                   : control_write(file, part.iov_base, part.iov_len, 0);
        if (done < 0)
            return total ? total : done;
        total += done;
        if ((size_t)done < part.iov_len)
            break;
    }
    return total;
}

long sys_sendmsg(int descriptor, const struct message *from, unsigned flags)
{
    int error;
    struct file *file = socket_of(descriptor, &error);
    struct message message;
    long result = file ? message_read(&message, from) : error;

    if (result)
        return result;
    if (message.control_size)
        return -EINVAL; /* descriptors mean nothing at the other end */
    return message_move(file, &message, false, false);
}

long sys_recvmsg(int descriptor, struct message *to, unsigned flags)
{
    int error;
    struct file *file = socket_of(descriptor, &error);
    struct message message;
    long result = file ? message_read(&message, to) : error;

    if (result)
        return result;
    result = message_move(file, &message, flags & MSG_DONTWAIT || file->flags & O_NONBLOCK, true);
    if (result < 0)
        return result;
    message.name_size = 0;
    message.control_size = 0;
    message.flags = 0;
    return user_write(to, &message, sizeof message) ? -EFAULT : result;
}
