/* SPDX-License-Identifier: BSD-2-Clause */
/* /dev/xen/evtchn, with Linux's calls (xen/evtchn.h): ports of an open file; read tells which were
 * signalled and disables them, write enables them again. */
#include "guest/dev/device.h"
#include "guest/linux/signal.h"
#include "guest/linux/syscall.h"
#include "guest/linux/user.h"
#include "guest/xen/event.h"
#include "guest/xen/time.h"

#include <asm/poll.h>

/* Linux's header, by its path: libxen-dev has its own evtchn.h under the same name. */
#define IOCTL(number, type) ((unsigned)(sizeof(type) << 16 | 'E' << 8 | (number)))
#define IOCTL_BIND_VIRQ                                                                            \
    IOCTL(                                                                                         \
        0, struct { unsigned virq; })
#define IOCTL_BIND_INTERDOMAIN IOCTL(1, struct interdomain)
#define IOCTL_BIND_UNBOUND_PORT                                                                    \
    IOCTL(                                                                                         \
        2, struct { unsigned remote; })
#define IOCTL_UNBIND                                                                               \
    IOCTL(                                                                                         \
        3, struct { unsigned port; })
#define IOCTL_NOTIFY                                                                               \
    IOCTL(                                                                                         \
        4, struct { unsigned port; })
#define IOCTL_RESET ((unsigned)('E' << 8 | 5))

struct interdomain {
    unsigned domain, port;
};

struct port {
    struct port *next;
    evtchn_port_t number;
    bool enabled;
};

static struct port *port_find(struct file *file, evtchn_port_t number)
{
    struct port *port = file->state;

    while (port && port->number != number)
        port = port->next;
    return port;
}

static long port_add(struct file *file, int number)
{
    struct port *port;

    if (number < 0)
        return number;
    port = heap_alloc(sizeof *port);
    if (!port) {
        event_close((evtchn_port_t)number);
        return -ENOMEM;
    }
    port->number = (evtchn_port_t)number;
    port->enabled = true;
    port->next = file->state;
    file->state = port;
    return number;
}

static long port_remove(struct file *file, evtchn_port_t number)
{
    struct port **link = (struct port **)&file->state, *port;

    while (*link && (*link)->number != number)
        link = &(*link)->next;
    port = *link;
    if (!port)
        return -ENOTCONN;
    *link = port->next;
    event_close(number);
    heap_free(port);
    return 0;
}

static long evtchn_ioctl(struct file *file, unsigned command, void *argument)
{
    struct interdomain peer;
    unsigned word;

    if (command == IOCTL_RESET)
        return -EOPNOTSUPP;
    if (command == IOCTL_BIND_INTERDOMAIN) {
        if (user_read(&peer, argument, sizeof peer))
            return -EFAULT;
        return port_add(file, event_bind_interdomain((domid_t)peer.domain, peer.port));
    }
    if (command != IOCTL_BIND_VIRQ && command != IOCTL_BIND_UNBOUND_PORT &&
        command != IOCTL_UNBIND && command != IOCTL_NOTIFY)
        return -ENOTTY;
    if (user_read(&word, argument, sizeof word))
        return -EFAULT;
    switch (command) {
    case IOCTL_BIND_VIRQ:
        return port_add(file, event_bind_virq(word));
    case IOCTL_BIND_UNBOUND_PORT:
        return port_add(file, event_alloc_unbound((domid_t)word));
    case IOCTL_UNBIND:
        return port_remove(file, word);
    default: /* IOCTL_NOTIFY */
        return port_find(file, word) ? event_notify(word) : -ENOTCONN;
    }
}

static unsigned evtchn_ports(struct file *file, evtchn_port_t *ports, unsigned room)
{
    unsigned count = 0;

    for (struct port *port = file->state; port && count < room; port = port->next)
        if (port->enabled)
            ports[count++] = port->number;
    return count;
}

static ssize_t evtchn_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    size_t done = 0;

    if (count < sizeof(uint32_t))
        return count ? -EINVAL : 0;
    for (;;) {
        evtchn_port_t ports[PROCESS_WAIT_MAX];
        int result;

        for (struct port *port = file->state; port && count - done >= sizeof(uint32_t);
             port = port->next) {
            if (!port->enabled || !event_take(port->number))
                continue;
            if (user_copy((char *)bytes + done, &port->number, sizeof(uint32_t)))
                return done ? (ssize_t)done : -EFAULT;
            port->enabled = false;
            done += sizeof(uint32_t);
        }
        if (done)
            return (ssize_t)done;
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        result = process_wait(ports, evtchn_ports(file, ports, PROCESS_WAIT_MAX), TIME_NEVER);
        if (result == -EINTR)
            return -RESTART_CALL;
        if (result)
            return result;
    }
}

static ssize_t evtchn_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    for (size_t done = 0; done + sizeof(uint32_t) <= count; done += sizeof(uint32_t)) {
        uint32_t number;
        struct port *port;

        if (user_copy(&number, (const char *)bytes + done, sizeof number))
            return done ? (ssize_t)done : -EFAULT;
        port = port_find(file, number);
        if (port)
            port->enabled = true;
    }
    return (ssize_t)(count & ~(sizeof(uint32_t) - 1));
}

static unsigned evtchn_poll(struct file *file)
{
    unsigned events = POLLOUT | POLLWRNORM;

    for (struct port *port = file->state; port; port = port->next)
        if (port->enabled && event_pending(port->number))
            events |= POLLIN | POLLRDNORM;
    return events;
}

static void evtchn_release(struct file *file)
{
    while (file->state)
        port_remove(file, ((struct port *)file->state)->number);
}

const struct file_ops device_evtchn_ops = {
    .read = evtchn_read,
    .write = evtchn_write,
    .ioctl = evtchn_ioctl,
    .poll = evtchn_poll,
    .ports = evtchn_ports,
    .release = evtchn_release,
    .stream = true,
};
