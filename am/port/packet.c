/* SPDX-License-Identifier: BSD-2-Clause
 *
 * An Ethernet queue pair over AF_PACKET (packet(7), Documentation/networking/packet_mmap.rst).
 *
 * Frames come through a ring that the kernel fills and we poll without a system call. They leave by sendmmsg: one call for
 * all that is committed between two flushes. Hot: everything but packet_open and packet_close.
 */
#include "am/port/packet.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "am/port/port.h"

enum {
    RX_BYTES = 8 << 20, /* of the ring, about */
    RX_MOST_SLOTS = 4096,
    RX_BLOCK = 1 << 16, /* allocated in one piece by the kernel, which may have no larger ones */
    TX_SLOTS = 64,
    TX_ALIGN = 64,
    TX_SHIFT =
        2, /* a frame begins 2 bytes before an aligned address, so that what follows its header is aligned */
};

struct packet_port {
    struct am_port port; /* first */
    int fd;

    uint8_t *rx; /* the mapped ring */
    size_t rx_bytes;
    uint32_t rx_frame; /* bytes of a slot */
    uint32_t rx_block_slots;
    uint32_t rx_blocks;
    uint32_t rx_block, rx_in_block;
    struct tpacket2_hdr *rx_head; /* the next slot */

    uint8_t *tx; /* TX_SLOTS frames */
    size_t tx_frame;
    uint32_t tx_count;
    struct mmsghdr message[TX_SLOTS];
    struct iovec vector[TX_SLOTS];
};

static inline struct packet_port *packet_of(struct am_port *port)
{
    return (struct packet_port *)port;
}

/* ---- out ------------------------------------------------------------------------------------------- */

/* What an error of sending means: -EAGAIN, the socket's buffer is full; 0, frames are lost, as frames may be (an interface
 * that is down, a device that is busy), and the links above send them again; or the error: the device is gone. */
static int judge(int error)
{
    if (error == EAGAIN || error == ENOBUFS)
        return -EAGAIN;
    return error == ENXIO || error == ENODEV || error == EBADF ? -error : 0;
}

/* `sent` frames are out; the others come first now. */
static void keep_rest(struct packet_port *port, uint32_t sent)
{
    uint32_t rest = port->tx_count - sent;

    for (uint32_t i = 0; i < rest && sent; i++) {
        struct iovec vector = port->vector[i];

        port->vector[i] = port->vector[sent + i];
        port->vector[sent + i] = vector;
    }
    port->tx_count = rest;
}

static int packet_tx_flush(struct am_port *am_port)
{
    struct packet_port *port = packet_of(am_port);
    uint32_t count = port->tx_count;
    uint32_t sent = 0;
    int result = 0;

    if (count == 1) {
        if (send(port->fd, port->vector[0].iov_base, port->vector[0].iov_len, MSG_DONTWAIT) < 0)
            result = judge(errno);
        port->tx_count = result == -EAGAIN;
        return result;
    }
    while (sent < count && result == 0) {
        int done = sendmmsg(port->fd, port->message + sent, count - sent, MSG_DONTWAIT);

        if (done > 0)
            sent += (uint32_t)done;
        if (done < 0 && errno != EINTR) {
            result = judge(errno);
            sent += result == 0; /* that one is lost */
        }
    }
    keep_rest(port, sent);
    return result;
}

static void *packet_tx_reserve(struct am_port *am_port)
{
    struct packet_port *port = packet_of(am_port);

    if (port->tx_count == TX_SLOTS) {
        packet_tx_flush(am_port);
        if (port->tx_count == TX_SLOTS)
            return NULL;
    }
    return port->vector[port->tx_count].iov_base;
}

static void packet_tx_commit(struct am_port *am_port, size_t length)
{
    struct packet_port *port = packet_of(am_port);

    port->vector[port->tx_count++].iov_len = length;
}

/* ---- in -------------------------------------------------------------------------------------------- */

static const void *packet_rx_next(struct am_port *am_port, size_t *length)
{
    struct packet_port *port = packet_of(am_port);
    struct tpacket2_hdr *head = port->rx_head;

    if (!(__atomic_load_n(&head->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
        return NULL;
    *length = head->tp_snaplen;
    return (uint8_t *)head + head->tp_mac;
}

static void packet_rx_release(struct am_port *am_port)
{
    struct packet_port *port = packet_of(am_port);

    __atomic_store_n(&port->rx_head->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    if (++port->rx_in_block == port->rx_block_slots) {
        port->rx_in_block = 0;
        if (++port->rx_block == port->rx_blocks)
            port->rx_block = 0;
        port->rx_head = (struct tpacket2_hdr *)(port->rx + (size_t)port->rx_block * RX_BLOCK);
    } else {
        port->rx_head = (struct tpacket2_hdr *)((uint8_t *)port->rx_head + port->rx_frame);
    }
}

static int packet_descriptor(struct am_port *am_port)
{
    return packet_of(am_port)->fd;
}

/* ---- beginning and end -------------------------------------------------------------------------------- */

static void packet_close(struct am_port *am_port)
{
    struct packet_port *port = packet_of(am_port);

    if (port->rx)
        munmap(port->rx, port->rx_bytes);
    close(port->fd);
    free(port->tx);
    free(port);
}

static const struct am_port_ops packet_ops = {
    .name = "packet",
    .tx_reserve = packet_tx_reserve,
    .tx_commit = packet_tx_commit,
    .tx_flush = packet_tx_flush,
    .rx_next = packet_rx_next,
    .rx_release = packet_rx_release,
    .descriptor = packet_descriptor,
    .close = packet_close,
};

static int open_rx(struct packet_port *port)
{
    int version = TPACKET_V2;
    uint32_t slots;
    struct tpacket_req request;

    if (setsockopt(port->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0)
        return -errno;
    /* The kernel puts the frame where what follows its Ethernet header is 16-byte aligned. */
    port->rx_frame = (uint32_t)TPACKET_ALIGN(TPACKET_ALIGN(TPACKET2_HDRLEN) + 16 + PORT_HEADER +
                                             port->port.mtu);
    port->rx_block_slots = RX_BLOCK / port->rx_frame;
    slots = RX_BYTES / port->rx_frame;
    if (slots > RX_MOST_SLOTS)
        slots = RX_MOST_SLOTS;
    port->rx_blocks = slots / port->rx_block_slots;
    port->rx_bytes = (size_t)port->rx_blocks * RX_BLOCK;
    port->port.rx_slots = port->rx_blocks * port->rx_block_slots;
    request = (struct tpacket_req){
        .tp_block_size = RX_BLOCK,
        .tp_block_nr = port->rx_blocks,
        .tp_frame_size = port->rx_frame,
        .tp_frame_nr = port->port.rx_slots,
    };
    if (setsockopt(port->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
        return -errno;
    port->rx = mmap(NULL, port->rx_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, port->fd, 0);
    if (port->rx == MAP_FAILED) {
        port->rx = NULL;
        return -errno;
    }
    port->rx_head = (struct tpacket2_hdr *)port->rx;
    return 0;
}

static int open_tx(struct packet_port *port)
{
    int yes = 1;
    int room = 4 << 20;

    port->tx_frame = (TX_SHIFT + PORT_HEADER + port->port.mtu + TX_ALIGN - 1) / TX_ALIGN * TX_ALIGN;
    port->tx = aligned_alloc(TX_ALIGN, TX_SLOTS * port->tx_frame);
    if (!port->tx)
        return -ENOMEM;
    for (int i = 0; i < TX_SLOTS; i++) {
        port->vector[i].iov_base = port->tx + (size_t)i * port->tx_frame + TX_SHIFT;
        port->message[i].msg_hdr = (struct msghdr){.msg_iov = &port->vector[i], .msg_iovlen = 1};
    }
    port->port.tx_slots = TX_SLOTS;
    /* Straight to the driver: our own windows keep queues short. Kernels and sandboxes without it work as well. */
    setsockopt(port->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes));
    setsockopt(port->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    return 0;
}

int packet_open(struct am_port **result, int fd, const char *interface, const uint8_t mac[6],
                uint16_t mtu)
{
    struct packet_port *port = calloc(1, sizeof(*port));
    int error;

    *result = NULL;
    if (!port) {
        close(fd);
        return -ENOMEM;
    }
    port->fd = fd;
    port->port.ops = &packet_ops;
    port->port.mtu = mtu;
    memcpy(port->port.mac, mac, sizeof(port->port.mac));
    error = open_rx(port);
    if (error == 0)
        error = open_tx(port);
    if (error < 0) {
        packet_close(&port->port);
        return error;
    }
    *result = &port->port;
    return 0;
}
