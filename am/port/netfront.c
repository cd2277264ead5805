/* SPDX-License-Identifier: BSD-2-Clause
 *
 * An Ethernet queue pair over the rings of a Xen network interface (drivers/xen-netfront/ethq.h), which the guest kernel maps
 * into the program.
 *
 * Frames are written and read in place. The one system call is the doorbell, when the backend asked for one: it sleeps after it
 * has taken everything, and a busy one finds what comes meanwhile. While there is no connection frames go nowhere, as on a cable
 * that is out, and the links above send them again.
 *
 * Hot: everything above the line that says otherwise.
 */
#include "am/port/netfront.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "am/port/port.h"
#include "drivers/xen-netfront/ethq.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define DEVICE "/dev/ethq0"

enum {
    /* The kernel looks after the connection in a system call only, and a program that is busy makes none. So it has one after so
     * many polls that found nothing, or flushes: at most every some tens of milliseconds. */
    POLLS_PER_CALL = 1 << 20,
    POLLS_PER_FLUSH = POLLS_PER_CALL / 256,
};

struct netfront_port {
    struct am_port port; /* first */
    struct ethq *queue;
    struct netfront_device *device;
    uint32_t generation; /* of the connection that was looked at */
    int32_t polls;       /* before the kernel is called */
    bool released;       /* buffers, since the backend was told of them */
    uint64_t doorbells;  /* rung, */
    uint64_t turns;      /* and other calls, which gave the kernel its turn at the handshake */
    uint8_t *lost;       /* where frames go while there is no connection */

    struct netfront_device own; /* of netfront_open */
};

static inline struct netfront_port *netfront_of(struct am_port *port)
{
    return (struct netfront_port *)port;
}

static void ring_doorbell(struct netfront_port *port);
static void call_kernel(struct netfront_port *port);
static void look_at_connection(struct netfront_port *port);
static void fail_broken(struct netfront_port *port);

/* ---- out ------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void *reserve_nowhere(struct netfront_port *port)
{
    if (port->queue->link.up && !ethq_broken(port->queue))
        return NULL; /* all buffers are on their way */
    call_kernel(port);
    return port->lost;
}

static void *netfront_tx_reserve(struct am_port *am_port)
{
    struct netfront_port *port = netfront_of(am_port);
    void *frame;

    if (unlikely(port->queue->link.generation != port->generation))
        look_at_connection(port);
    frame = ethq_tx_reserve(port->queue);
    return likely(frame != NULL) ? frame : reserve_nowhere(port);
}

static void netfront_tx_commit(struct am_port *am_port, size_t length)
{
    /* It knows of no reservation for a frame that goes nowhere, nor for one made before the connection was lost. */
    ethq_tx_commit(netfront_of(am_port)->queue, length);
}

static inline void flush(struct netfront_port *port)
{
    port->released = false;
    if (ethq_flush(port->queue))
        ring_doorbell(port);
    if (unlikely(ethq_broken(port->queue)))
        fail_broken(port);
}

static int netfront_tx_flush(struct am_port *am_port)
{
    struct netfront_port *port = netfront_of(am_port);

    flush(port);
    port->polls -= POLLS_PER_FLUSH;
    if (unlikely(port->polls <= 0))
        call_kernel(port);
    return am_port->error;
}

/* ---- in -------------------------------------------------------------------------------------------- */

/* Nothing is there (any more). */
static inline void rx_ended(struct netfront_port *port)
{
    /* A backend that ran out of buffers waits to hear of those that are free again. */
    if (port->released)
        flush(port);
    if (unlikely(ethq_broken(port->queue)))
        fail_broken(port);
    if (unlikely(--port->polls <= 0))
        call_kernel(port);
}

static const void *netfront_rx_next(struct am_port *am_port, size_t *length)
{
    struct netfront_port *port = netfront_of(am_port);
    const void *frame;

    if (unlikely(port->queue->link.generation != port->generation))
        look_at_connection(port);
    while (likely((frame = ethq_rx_next(port->queue, length)) != NULL)) {
        if (likely(*length <= (size_t)PORT_HEADER + am_port->mtu))
            return frame;
        ethq_rx_release(port->queue); /* no frame of ours */
        port->released = true;
    }
    rx_ended(port);
    return NULL;
}

static void netfront_rx_release(struct am_port *am_port)
{
    struct netfront_port *port = netfront_of(am_port);

    ethq_rx_release(port->queue);
    port->released = true;
}

/* ---- not hot: the kernel, and the connection -------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void fail(struct netfront_port *port, int error,
                                                       const char *format, ...)
{
    char text[256];
    va_list list;

    if (port->port.error)
        return;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    fprintf(stderr, "caravan: " DEVICE ": %s\n", text);
    port->port.error = error;
}

static void fail_broken(struct netfront_port *port)
{
    uint32_t value, limit;
    const char *text = ethq_report(port->queue, &value, &limit);

    if (text)
        fail(port, -EPROTO, "%s (%u, held against %u)", text, value, limit);
    else
        fail(port, -EPROTO, "the backend has broken the protocol (the kernel has said how)");
}

static int wait_call(struct netfront_port *port, struct ethq_wait wait)
{
    int result = port->device->wait(port->device, &wait);

    return result < 0 ? -errno : result;
}

static void ring_doorbell(struct netfront_port *port)
{
    uint32_t channel = port->queue->link.port;
    int result;

    port->doorbells++;
    result = wait_call(port, (struct ethq_wait){.ring = (uintptr_t)&channel, .rings = 1});

    /* A backend that was not woken would never be again. */
    if (unlikely(result < 0))
        fail(port, result, "the doorbell cannot be rung: %s", strerror(-result));
}

/* Have the handshake take its next steps, if there are any; no waiting. */
static void call_kernel(struct netfront_port *port)
{
    int result;

    port->polls = POLLS_PER_CALL;
    if (port->port.error)
        return;
    port->turns++;
    result = wait_call(port, (struct ethq_wait){.deadline = 1});
    if (result < 0 && result != -EINTR)
        fail(port, result, "the interface cannot be used any more: %s (the kernel has said why)",
             strerror(-result));
}

/* Another one than before. */
static void look_at_connection(struct netfront_port *port)
{
    const struct ethq_link *link = &port->queue->link;
    const uint8_t *mac = link->mac;

    port->generation = link->generation;
    if (link->mtu < port->port.mtu)
        fail(port, -EMSGSIZE, "it came back with frames of %u bytes, and this job's have %u",
             link->mtu, port->port.mtu);
    if (memcmp(mac, port->port.mac, sizeof(port->port.mac)) != 0)
        fail(port, -EADDRNOTAVAIL,
             "its address is %02x:%02x:%02x:%02x:%02x:%02x, which the other processes do not know",
             mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* The kernel arms the queue when this is polled, and looks once more. */
static int netfront_descriptor(struct am_port *am_port)
{
    return am_port->error ? -1 : netfront_of(am_port)->device->fd;
}

static uint64_t netfront_counter(const struct am_port *am_port, unsigned index, const char **name)
{
    const struct netfront_port *port = (const struct netfront_port *)am_port;
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"netfront_doorbells", port->doorbells},
        {"netfront_turns", port->turns},
    };
    bool known = index < sizeof(counters) / sizeof(counters[0]);

    *name = known ? counters[index].name : NULL;
    return known ? counters[index].value : 0;
}

/* ---- beginning and end -------------------------------------------------------------------------------- */

static void netfront_close(struct am_port *am_port)
{
    struct netfront_port *port = netfront_of(am_port);

    if (port->device == &port->own) {
        munmap(port->queue, sizeof(*port->queue));
        close(port->own.fd);
    }
    free(port->lost);
    free(port);
}

static const struct am_port_ops netfront_ops = {
    .name = "netfront",
    .tx_reserve = netfront_tx_reserve,
    .tx_commit = netfront_tx_commit,
    .tx_flush = netfront_tx_flush,
    .rx_next = netfront_rx_next,
    .rx_release = netfront_rx_release,
    .descriptor = netfront_descriptor,
    .counter = netfront_counter,
    .close = netfront_close,
};

int netfront_attach(struct am_port **result, struct ethq *queue, struct netfront_device *device,
                    const uint8_t mac[6], uint16_t mtu)
{
    struct netfront_port *port = calloc(1, sizeof(*port));
    int error = port ? 0 : -ENOMEM;

    *result = NULL;
    if (port) {
        *port = (struct netfront_port){
            .port = {.ops = &netfront_ops,
                     .mtu = queue->link.mtu < mtu ? (uint16_t)queue->link.mtu : mtu,
                     .rx_slots = ETHQ_RX_BUFFERS,
                     .tx_slots = ETHQ_TX_BUFFERS},
            .queue = queue,
            .device = device,
            .polls = POLLS_PER_CALL,
            .lost = malloc((size_t)PORT_HEADER + mtu),
        };
        memcpy(port->port.mac, mac, sizeof(port->port.mac));
        if (!port->lost)
            error = -ENOMEM;
        look_at_connection(port);
        if (error == 0)
            error = port->port.error;
    }
    if (error == 0)
        *result = &port->port;
    else if (port)
        netfront_close(&port->port);
    return error;
}

static int device_wait(struct netfront_device *device, struct ethq_wait *wait)
{
    return ioctl(device->fd, ETHQ_WAIT, wait);
}

int netfront_open(struct am_port **port, const uint8_t mac[6], uint16_t mtu)
{
    struct netfront_device device = {.fd = open(DEVICE, O_RDWR | O_CLOEXEC), .wait = device_wait};
    struct ethq *queue = MAP_FAILED;
    int error = 0;

    *port = NULL;
    if (device.fd >= 0)
        queue = mmap(NULL, sizeof(*queue), PROT_READ | PROT_WRITE, MAP_SHARED, device.fd, 0);
    if (queue == MAP_FAILED)
        error = -errno;
    else if (queue->link.magic != ETHQ_MAGIC)
        error = -EPROTO;
    if (error < 0) {
        fprintf(stderr, "caravan: cannot use the domain's network interface " DEVICE ": %s\n",
                strerror(-error));
    } else {
        error = netfront_attach(port, queue, &device, mac, mtu);
        if (error == -ENOMEM)
            fprintf(stderr, "caravan: no memory to use " DEVICE "\n");
    }
    if (error < 0) {
        if (queue != MAP_FAILED)
            munmap(queue, sizeof(*queue));
        if (device.fd >= 0)
            close(device.fd);
        return error;
    }
    netfront_of(*port)->own = device;
    netfront_of(*port)->device = &netfront_of(*port)->own;
    return 0;
}
