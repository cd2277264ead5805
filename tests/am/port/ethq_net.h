/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Two domains' Ethernet queue pairs, each with its backend, joined by a cable: what stands for Xen and dom0 in tests of the
 * netfront port. A backend sleeps until its doorbell is rung, then takes all that is there, and drops what the other side has no
 * buffer for.
 */
#ifndef CARAVAN_ETHQ_NET_H
#define CARAVAN_ETHQ_NET_H

#include "am/port/netfront.h"
#include "tests/drivers/xen-netfront/backend.h"

struct am_port;

struct ethq_end {
    struct netfront_device device; /* first */
    struct ethq_net *net;
    struct ethq *queue;
    struct backend backend;
    unsigned doorbells; /* rung */
    unsigned calls;     /* to let the handshake go on */
    int failure;        /* 0, or the error that every call to the kernel ends with */
    bool reconnects;    /* at the next such call */
};

struct ethq_net {
    struct ethq_end end[2];
    bool deaf; /* doorbells are counted, and nothing is done */
};

/* Two connected ports with the addresses 02:00:00:00:00:00 and :01, of frames of at most `mtu`. */
void ethq_net_open(struct ethq_net *net, struct am_port *port[2], uint16_t mtu);
/* After the ports were closed. */
void ethq_net_close(struct ethq_net *net);

/* The backend of an end awakes and does what there is to do. */
void ethq_net_run(struct ethq_end *end);
/* As the kernel finds when dom0 closes the interface, and opens it again. */
void ethq_net_disconnect(struct ethq_end *end);
void ethq_net_connect(struct ethq_end *end);

#endif
