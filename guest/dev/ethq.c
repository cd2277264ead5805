// SPDX-License-Identifier: BSD-2-Clause
/* /dev/ethq0: the network interface as an Ethernet queue pair in the process's hands.
 *
 * The first open makes the queue pair and connects it; it stays connected until the domain ends.
 * mmap gives struct ethq (drivers/xen-netfront/ethq.h) to the process, which sends and receives
 * without us. ETHQ_WAIT rings doorbells and sleeps; the handshake goes on in it, and in poll, and
 * nowhere else, so that nothing changes under the process between two system calls.
 */
#include "guest/dev/device.h"
#include "guest/linux/process.h"
#include "guest/linux/syscall.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"
#include "guest/xen/event.h"
#include "guest/xen/grant.h"
#include "guest/xen/time.h"
#include "guest/xen/xenstore.h"

#include "drivers/xen-netfront/ethq.h"
#include "drivers/xen-netfront/netfront.h"

#include <asm/mman.h>
#include <asm/poll.h>

#define CONNECT_TIMEOUT (60 * TIME_SECOND) /* dom0 may be busy: emulated, it takes seconds */
#define DRAIN_TIMEOUT   (TIME_SECOND / 10)
#define DRAIN_LOOK      (TIME_SECOND / 5000)
#define WATCH_TOKEN     "ethq"

static struct ethq *queue;
static struct netfront front;
static bool started, opened;

/* --- What the handshake needs (netfront.h) --------------------------------------- */

static int store_read(void *host, uint32_t transaction, const char *path, char *value, size_t size)
{
    int length = xenstore_read(transaction, path, value, size);

    return length < 0 ? length : 0;
}

static int store_write(void *host, uint32_t transaction, const char *path, const char *value)
{
    return xenstore_write(transaction, path, value);
}

static int store_list(void *host, const char *path, void (*each)(void *arg, const char *name),
                      void *arg)
{
    char names[512];
    int length = xenstore_directory(0, path, names, sizeof names);

    for (int at = 0; at < length; at += strlen(names + at) + 1)
        each(arg, names + at);
    return length < 0 ? length : 0;
}

static int store_begin(void *host, uint32_t *transaction)
{
    return xenstore_begin(transaction);
}

static int store_end(void *host, uint32_t transaction, bool commit)
{
    return commit ? xenstore_commit(transaction) : xenstore_abort(transaction);
}

static int store_watch(void *host, const char *path)
{
    return xenstore_watch(path, WATCH_TOKEN);
}

static int store_unwatch(void *host, const char *path)
{
    return xenstore_unwatch(path, WATCH_TOKEN);
}

static int page_grant(void *host, domid_t domain, void *page, bool readonly, grant_ref_t *grant)
{
    int result = grant_access(domain, page, readonly);

    if (result < 0)
        return result;
    *grant = result;
    return 0;
}

static int page_grant_end(void *host, grant_ref_t grant)
{
    return grant_end(grant);
}

static int port_open(void *host, domid_t domain, uint32_t *port)
{
    int result = event_alloc_unbound(domain);

    if (result < 0)
        return result;
    *port = result;
    return 0;
}

static void port_close(void *host, uint32_t port)
{
    event_close(port);
}

static void message(void *host, const char *text)
{
    log_warning("%s", text);
}

static const struct netfront_ops front_ops = {
    .read = store_read,
    .write = store_write,
    .list = store_list,
    .transaction_start = store_begin,
    .transaction_end = store_end,
    .watch = store_watch,
    .unwatch = store_unwatch,
    .grant = page_grant,
    .grant_end = page_grant_end,
    .port_open = port_open,
    .port_close = port_close,
    .log = message,
};

/* --- The handshake --------------------------------------------------------------- */

/* Let the handshake take its next steps, if there are any to take. True: something changed. */
static bool front_service(void)
{
    enum netfront_phase before = front.phase;
    uint32_t generation = queue->link.generation;
    bool due = front.phase == NETFRONT_UP && ethq_broken(queue);

    while (xenstore_watch_next(NULL, 0, NULL, 0) != -EAGAIN)
        due = true;
    if (due)
        netfront_step(&front);
    return front.phase != before || queue->link.generation != generation;
}

static int front_connect(void)
{
    uint64_t deadline = time_now() + CONNECT_TIMEOUT;
    evtchn_port_t port = xenstore_port();

    netfront_step(&front);
    while (!queue->link.up) {
        int result;

        if (front.phase == NETFRONT_ABSENT)
            return -ENODEV;
        if (front.phase == NETFRONT_FAILED)
            return -EIO;
        result = process_wait(&port, 1, deadline);
        if (result == -ETIMEDOUT)
            log_error("%s: the backend %s does not connect within %lu s", front.device,
                      front.backend, CONNECT_TIMEOUT / TIME_SECOND);
        if (result)
            return result;
        front_service();
    }
    return 0;
}

/* --- The device ------------------------------------------------------------------ */

static int ethq_open(struct file *file)
{
    int error;

    if (opened)
        return -EBUSY;
    if (!xenstore_port())
        return -ENODEV;
    if (!queue)
        queue = page_alloc_row(sizeof *queue >> PAGE_SHIFT);
    if (!queue)
        return -ENOMEM;
    if (!started) {
        error = netfront_start(&front, &front_ops, NULL, queue);
        if (error)
            return error;
        started = true;
    }
    error = front_connect();
    opened = !error;
    return error;
}

static void ethq_release(struct file *file)
{
    opened = false;
}

/* The queue's pages belong to it for ever (the backend has them); the process holds them as
 * well. */
static int ethq_mmap(struct file *file, struct area *area)
{
    uint8_t *page = (uint8_t *)queue;

    if (area->offset || area->end - area->start != sizeof *queue || !area->shared)
        return -EINVAL;
    for (uint64_t va = area->start; va < area->end; va += PAGE_SIZE, page += PAGE_SIZE) {
        int error;

        page_ref(page);
        error = area_enter(area, va, table_value(page, area->prot & PROT_WRITE, false));
        if (error) {
            page_put(page);
            return error;
        }
    }
    return 0;
}

static int ports_ring(const uint32_t *user_ports, unsigned count)
{
    uint32_t ports[ETHQ_WAIT_PORTS];
    int error = user_read(ports, user_ports, count * sizeof *ports);

    for (unsigned i = 0; i < count && !error; i++)
        error = event_notify(ports[i]);
    return error;
}

static bool ports_take(const uint32_t *ports, unsigned count)
{
    bool taken = false;

    for (unsigned i = 0; i < count; i++)
        taken |= event_take(ports[i]);
    return taken;
}

static long wait_for_ports(const uint32_t *user_ports, unsigned count, uint64_t deadline)
{
    evtchn_port_t ports[ETHQ_WAIT_PORTS + 1];

    if (user_read(ports, user_ports, count * sizeof *ports))
        return -EFAULT;
    for (unsigned i = 0; i < count; i++)
        if (ports[i] >= EVTCHN_2L_NR_CHANNELS)
            return -EINVAL;
    ports[count] = xenstore_port();
    for (;;) {
        /* Look at all of them: an event that is not taken would end the next sleep at once. */
        bool changed = front_service(), taken = ports_take(ports, count);
        int result;

        if (front.phase == NETFRONT_FAILED)
            return -EIO;
        if (changed || taken)
            return 1;
        result = process_wait(ports, count + 1, deadline);
        if (result == -ETIMEDOUT)
            return 0;
        if (result)
            return result;
    }
}

static long ethq_ioctl(struct file *file, unsigned command, void *argument)
{
    struct ethq_wait wait;
    int error;

    if (command != ETHQ_WAIT)
        return -ENOTTY;
    if (user_read(&wait, argument, sizeof wait))
        return -EFAULT;
    if (wait.rings > ETHQ_WAIT_PORTS || wait.waits > ETHQ_WAIT_PORTS)
        return -EINVAL;
    error = ports_ring((const uint32_t *)wait.ring, wait.rings);
    if (error || !wait.deadline)
        return error;
    return wait_for_ports((const uint32_t *)wait.wait, wait.waits, wait.deadline);
}

static unsigned ethq_poll(struct file *file)
{
    front_service();
    if (front.phase == NETFRONT_FAILED)
        return POLLERR | POLLHUP;
    if (!queue->link.up)
        return 0; /* it may come back */
    event_take(queue->link.port);
    return POLLOUT | POLLWRNORM | (ethq_arm(queue) ? POLLIN | POLLRDNORM : 0);
}

static unsigned ethq_ports(struct file *file, evtchn_port_t *ports, unsigned room)
{
    unsigned count = 0;

    if (count < room)
        ports[count++] = xenstore_port();
    if (count < room && queue->link.up)
        ports[count++] = queue->link.port;
    return count;
}

/* A program that ends has sent its last frames, and closing would throw away what the backend has
 * not taken yet. */
static void drain(void)
{
    uint64_t deadline = time_now() + DRAIN_TIMEOUT;

    if (ethq_flush(queue))
        event_notify(queue->link.port);
    while (ethq_tx_pending(queue) && time_now() < deadline)
        event_wait(NULL, 0, time_now() + DRAIN_LOOK);
}

void device_ethq_stop(void)
{
    if (!started)
        return;
    drain();
    netfront_stop(&front);
}

const struct file_ops device_ethq_ops = {
    .open = ethq_open,
    .release = ethq_release,
    .mmap = ethq_mmap,
    .ioctl = ethq_ioctl,
    .poll = ethq_poll,
    .ports = ethq_ports,
};
