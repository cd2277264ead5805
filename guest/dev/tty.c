/* SPDX-License-Identifier: BSD-2-Clause */
/* The console as a file: /dev/tty is a terminal; /dev/console, which the standard streams are, behaves like
 * a pipe, so that programs buffer as they do under a launcher. */
#include "guest/dev/device.h"
#include "guest/linux/signal.h"
#include "guest/linux/syscall.h"
#include "guest/linux/user.h"
#include "guest/xen/console.h"
#include "guest/xen/time.h"

#include <asm/poll.h>
#include <asm/termbits.h>
#include <asm/termios.h>

#define DOM0_POLL (TIME_SECOND / 100) /* dom0's console tells nobody that a key was pressed */

static char input[256]; /* read, and not yet taken by the program */
static size_t input_start, input_end;

static bool input_ready(void)
{
    if (input_start == input_end) {
        input_start = 0;
        input_end = console_read(input, sizeof input);
    }
    return input_start < input_end;
}

static ssize_t tty_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    evtchn_port_t port = console_port();
    size_t part, left;

    if (!count)
        return 0;
    while (!input_ready()) {
        int result;

        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        result = process_wait(&port, port != 0, port ? TIME_NEVER : time_now() + DOM0_POLL);
        if (result == -EINTR)
            return -RESTART_CALL;
    }
    part = MIN(count, input_end - input_start);
    left = user_copy(bytes, input + input_start, part);
    if (left == part)
        return -EFAULT;
    input_start += part - left;
    return (ssize_t)(part - left);
}

static ssize_t tty_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    char chunk[1024];

    for (size_t done = 0; done < count;) {
        size_t part = MIN(count - done, sizeof chunk), left;

        left = user_copy(chunk, (const char *)bytes + done, part);
        console_write_stream(chunk, part - left);
        done += part - left;
        if (left)
            return done ? (ssize_t)done : -EFAULT;
    }
    return (ssize_t)count;
}

static long tty_ioctl(struct file *file, unsigned command, void *argument)
{
    static struct termios settings = {
        .c_iflag = ICRNL | IXON,
        .c_oflag = OPOST | ONLCR,
        .c_cflag = B38400 | CS8 | CREAD,
        .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | IEXTEN,
    };
    struct winsize window = {.ws_row = 24, .ws_col = 80};

    switch (command) {
    case TCGETS:
        return user_write(argument, &settings, sizeof settings);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return user_read(&settings, argument, sizeof settings);
    case TIOCGWINSZ:
        return user_write(argument, &window, sizeof window);
    default:
        return -ENOTTY;
    }
}

static unsigned tty_poll(struct file *file)
{
    return POLLOUT | POLLWRNORM | (input_ready() ? POLLIN | POLLRDNORM : 0);
}

static unsigned tty_ports(struct file *file, evtchn_port_t *ports, unsigned room)
{
    if (!console_port() || !room)
        return 0;
    ports[0] = console_port();
    return 1;
}

const struct file_ops device_tty_ops = {
    .read = tty_read,
    .write = tty_write,
    .ioctl = tty_ioctl,
    .poll = tty_poll,
    .ports = tty_ports,
    .stream = true,
};

const struct file_ops device_stream_ops = {
    .read = tty_read,
    .write = tty_write,
    .poll = tty_poll,
    .ports = tty_ports,
    .stream = true,
};
