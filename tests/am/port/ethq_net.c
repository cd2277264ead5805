/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/am/port/ethq_net.h"

#include <errno.h>
#include <string.h>

#include "am/port/port.h"

void ethq_net_run(struct ethq_end *end)
{
    struct ethq_end *other = &end->net->end[end == &end->net->end[0]];

    if (!end->queue->link.up)
        return;
    do {
        const uint8_t *frame;
        size_t length;
        uint16_t id;

        while ((length = backend_tx_take(&end->backend, &frame, &id)) > 0) {
            if (other->queue->link.up && backend_rx_room(&other->backend))
                backend_rx_deliver(&other->backend, frame, length);
            backend_tx_answer(&end->backend, id, NETIF_RSP_OKAY);
        }
        backend_tx_push(&end->backend);
        if (other->queue->link.up)
            backend_rx_push(&other->backend);
    } while (!backend_tx_sleep(&end->backend));
}

void ethq_net_disconnect(struct ethq_end *end)
{
    ethq_link_down(end->queue);
}

void ethq_net_connect(struct ethq_end *end)
{
    backend_connect(&end->backend, end->queue);
    backend_tx_sleep(&end->backend);
}

static int net_wait(struct netfront_device *device, struct ethq_wait *wait)
{
    struct ethq_end *end = (struct ethq_end *)device;

    ck_assert_uint_eq(wait->waits, 0); /* the port never sleeps in there */
    if (end->failure) {
        errno = -end->failure;
        return -1;
    }
    if (wait->rings) {
        ck_assert_uint_eq(wait->rings, 1);
        ck_assert_uint_eq(*(uint32_t *)wait->ring, TEST_PORT);
        ck_assert_uint_eq(wait->deadline, 0);
        end->doorbells++;
        if (!end->net->deaf)
            ethq_net_run(end);
        return 0;
    }
    ck_assert_uint_eq(wait->deadline, 1);
    end->calls++;
    if (!end->reconnects)
        return 0;
    end->reconnects = false;
    ethq_net_connect(end);
    return 1;
}

void ethq_net_open(struct ethq_net *net, struct am_port *port[2], uint16_t mtu)
{
    memset(net, 0, sizeof(*net));
    for (uint8_t i = 0; i < 2; i++) {
        struct ethq_end *end = &net->end[i];
        uint8_t mac[6] = {2, 0, 0, 0, 0, i};

        *end = (struct ethq_end){
            .device = {.fd = -1, .wait = net_wait}, .net = net, .queue = queue_new()};
        end->queue->link.mtu = mtu;
        memcpy(end->queue->link.mac, mac, sizeof(mac));
        ethq_net_connect(end);
        ck_assert_int_eq(netfront_attach(&port[i], end->queue, &end->device, mac, mtu), 0);
    }
}

void ethq_net_close(struct ethq_net *net)
{
    for (int i = 0; i < 2; i++)
        queue_free(net->end[i].queue);
}
