// SPDX-License-Identifier: BSD-2-Clause
/* The handshake of io/netif.h and io/xenbus.h, as a state machine that looks at the store and does
 * what is due: a watch may fire late, twice or for nothing, so no step depends on which one did. */
#include "netfront.h"
#include "text.h"

#include <errno.h>
#include <string.h>

#include <xen/io/xenbus.h>

/* Transactions fail with EAGAIN when somebody else wrote; dom0's tools do so a few times in a
 * row. */
#define TRANSACTION_TRIES 32
/* A backend that closes again and again while it connects is given up on. */
#define CONNECT_TRIES     8

#define MTU_DEFAULT 1500

/* --- The store ------------------------------------------------------------------- */

static int read_at(struct netfront *nf, uint32_t transaction, const char *base, const char *key,
                   char value[NETFRONT_VALUE_MAX])
{
    char path[2 * NETFRONT_PATH_MAX];
    int error = text_join(path, sizeof path, base, "/", key, NULL);

    return error ? error : nf->ops->read(nf->host, transaction, path, value, NETFRONT_VALUE_MAX);
}

static int write_at(struct netfront *nf, uint32_t transaction, const char *key, const char *value)
{
    char path[2 * NETFRONT_PATH_MAX];
    int error = text_join(path, sizeof path, nf->device, "/", key, NULL);

    return error ? error : nf->ops->write(nf->host, transaction, path, value);
}

/* A number that the toolstack or the backend wrote; `fallback` if it is absent. */
static int read_number(struct netfront *nf, const char *base, const char *key, uint32_t max,
                       uint32_t fallback, uint32_t *value)
{
    char text[NETFRONT_VALUE_MAX];
    int error = read_at(nf, 0, base, key, text);

    if (error == -ENOENT) {
        *value = fallback;
        return 0;
    }
    return error ? error : text_number(text, max, value);
}

/* One end's state; XenbusStateUnknown where there is none to read. */
static enum xenbus_state state_read(struct netfront *nf, uint32_t transaction, const char *base)
{
    char text[NETFRONT_VALUE_MAX];
    uint32_t state;

    if (read_at(nf, transaction, base, "state", text) ||
        text_number(text, XenbusStateReconfigured, &state))
        return XenbusStateUnknown;
    return state;
}

/* Runs `body` in a transaction, again for as long as others interfere. */
static int transact(struct netfront *nf, int (*body)(struct netfront *nf, uint32_t transaction))
{
    int error = -EAGAIN;

    for (int tries = 0; error == -EAGAIN && tries < TRANSACTION_TRIES; tries++) {
        uint32_t transaction;

        error = nf->ops->transaction_start(nf->host, &transaction);
        if (error)
            break;
        error = body(nf, transaction);
        if (error)
            nf->ops->transaction_end(nf->host, transaction, false);
        else
            error = nf->ops->transaction_end(nf->host, transaction, true);
    }
    return error;
}

/* Writing into a directory that the toolstack has removed would create it again, as a ghost of a
 * device; hence each switch of our state first reads the old one in the same transaction. */
static int state_write(struct netfront *nf, uint32_t transaction, enum xenbus_state state)
{
    char old[NETFRONT_VALUE_MAX], text[TEXT_DECIMAL_MAX];
    int error = read_at(nf, transaction, nf->device, "state", old);

    return error ? error : write_at(nf, transaction, "state", text_decimal(text, state));
}

static int body_initialising(struct netfront *nf, uint32_t transaction)
{
    return state_write(nf, transaction, XenbusStateInitialising);
}

static int body_closing(struct netfront *nf, uint32_t transaction)
{
    return state_write(nf, transaction, XenbusStateClosing);
}

static int body_closed(struct netfront *nf, uint32_t transaction)
{
    return state_write(nf, transaction, XenbusStateClosed);
}

/* All that a backend needs to know (io/netif.h, "Feature negotiation"), and Connected. */
static int body_connected(struct netfront *nf, uint32_t transaction)
{
    char tx_ring[TEXT_DECIMAL_MAX], rx_ring[TEXT_DECIMAL_MAX], port[TEXT_DECIMAL_MAX];
    const char *const keys[][2] = {
        {"tx-ring-ref", text_decimal(tx_ring, nf->tx_ring_grant)},
        {"rx-ring-ref", text_decimal(rx_ring, nf->rx_ring_grant)},
        {"event-channel", text_decimal(port, nf->port)},
        {"request-rx-copy", "1"},
        {"feature-rx-notify", "1"},
        {"feature-sg", "1"}, /* netback keeps to an MTU of 1500 without */
        {"feature-no-csum-offload", "1"},
    };
    int error = 0;

    for (size_t i = 0; !error && i < sizeof keys / sizeof keys[0]; i++)
        error = write_at(nf, transaction, keys[i][0], keys[i][1]);
    return error ? error : state_write(nf, transaction, XenbusStateConnected);
}

/* The device may have vanished meanwhile: the next look finds out. */
static int state_switch(struct netfront *nf, int (*body)(struct netfront *nf, uint32_t transaction))
{
    int error = transact(nf, body);

    return error == -ENOENT ? 0 : error;
}

/* --- Messages -------------------------------------------------------------------- */

static void say(struct netfront *nf, const char *what, const char *detail)
{
    char message[512];

    if (text_join(message, sizeof message, "netfront ", nf->device, ": ", what, detail, NULL) == 0)
        nf->ops->log(nf->host, message);
}

static void say_fault(struct netfront *nf)
{
    char numbers[128], value_text[TEXT_DECIMAL_MAX], limit_text[TEXT_DECIMAL_MAX];
    uint32_t value, limit;
    const char *fault = ethq_report(nf->queue, &value, &limit);

    if (!fault)
        return;
    text_join(numbers, sizeof numbers, " (", text_decimal(value_text, value), ", held against ",
              text_decimal(limit_text, limit), "); detach and attach the interface to use it again",
              NULL);
    say(nf, fault, numbers);
}

/* --- Grants: the pages of the queue, in the order of their addresses ------------- */

#define GRANTED_PAGES (2 + ETHQ_TX_BUFFERS + ETHQ_RX_BUFFERS)

static grant_ref_t *grant_of(struct netfront *nf, unsigned page)
{
    if (page == 0)
        return &nf->tx_ring_grant;
    if (page == 1)
        return &nf->rx_ring_grant;
    page -= 2;
    return page < ETHQ_TX_BUFFERS ? &nf->queue->tx.grant[page]
                                  : &nf->queue->rx.grant[page - ETHQ_TX_BUFFERS];
}

/* A page that the old backend's domain still maps is its for ever, and so the queue is lost. */
static int grants_end(struct netfront *nf)
{
    unsigned busy = 0;

    while (nf->granted)
        busy += nf->ops->grant_end(nf->host, *grant_of(nf, --nf->granted)) != 0;
    nf->lost |= busy != 0;
    return nf->lost ? -EBUSY : 0;
}

static int grants_make(struct netfront *nf)
{
    int error = 0;

    if (nf->granted && nf->granted_to != nf->backend_domain)
        error = grants_end(nf);
    nf->granted_to = nf->backend_domain;
    while (!error && nf->granted < GRANTED_PAGES) {
        uint8_t *page = nf->queue->tx_ring_page + (size_t)nf->granted * ETHQ_PAGE;
        bool readonly = nf->granted >= 2 && nf->granted < 2 + ETHQ_TX_BUFFERS;

        error = nf->ops->grant(nf->host, nf->backend_domain, page, readonly,
                               grant_of(nf, nf->granted));
        if (!error)
            nf->granted++;
    }
    return error;
}

/* --- The steps ------------------------------------------------------------------- */

/* Let go of the connection, if there is one. */
static void disconnect(struct netfront *nf)
{
    ethq_link_down(nf->queue);
    if (nf->port)
        nf->ops->port_close(nf->host, nf->port);
    nf->port = 0;
}

/* The device is of no use, and why is said here and nowhere else. It is left Closed, so that the
 * toolstack can remove it. */
static int fail(struct netfront *nf, const char *what, int error)
{
    char detail[32], text[TEXT_DECIMAL_MAX];

    text_join(detail, sizeof detail, " (error ", text_decimal(text, -error), ")", NULL);
    say(nf, what, detail);
    disconnect(nf);
    nf->phase = NETFRONT_FAILED;
    transact(nf, body_closed);
    return error;
}

static void vanish(struct netfront *nf)
{
    char path[2 * NETFRONT_PATH_MAX];

    disconnect(nf);
    if (nf->backend[0] && text_join(path, sizeof path, nf->backend, "/state", NULL) == 0)
        nf->ops->unwatch(nf->host, path);
    nf->device[0] = nf->backend[0] = 0;
    nf->attempts = 0;
    nf->phase = NETFRONT_ABSENT;
}

static void lowest_number(void *arg, const char *name)
{
    uint32_t *lowest = arg, number;

    if (text_number(name, UINT32_MAX - 1, &number) == 0 && number < *lowest)
        *lowest = number;
}

/* ABSENT: look for a device. The toolstack makes its directory in one transaction. */
static int find(struct netfront *nf)
{
    uint32_t lowest = UINT32_MAX, domain;
    char text[TEXT_DECIMAL_MAX], path[2 * NETFRONT_PATH_MAX];
    int error = nf->ops->list(nf->host, "device/vif", lowest_number, &lowest);

    if (error == -ENOENT || lowest == UINT32_MAX)
        return 0;
    if (error)
        return fail(nf, "cannot list the interfaces", error);
    text_join(nf->device, sizeof nf->device, "device/vif/", text_decimal(text, lowest), NULL);
    error = read_at(nf, 0, nf->device, "backend", nf->backend);
    if (!error)
        error = read_number(nf, nf->device, "backend-id", DOMID_FIRST_RESERVED - 1, 0, &domain);
    if (error || nf->backend[0] != '/') {
        nf->backend[0] = 0;
        return fail(nf, "no sensible backend is named", error ? error : -EINVAL);
    }
    nf->backend_domain = domain;
    error = text_join(path, sizeof path, nf->backend, "/state", NULL);
    if (!error)
        error = nf->ops->watch(nf->host, path);
    if (error) {
        nf->backend[0] = 0;
        return fail(nf, "cannot watch the backend", error);
    }
    error = state_switch(nf, body_initialising);
    if (error)
        return fail(nf, "cannot begin", error);
    nf->phase = NETFRONT_WAITING;
    return 0;
}

static int identity_read(struct netfront *nf)
{
    char text[NETFRONT_VALUE_MAX];
    uint32_t mtu;
    int error = read_at(nf, 0, nf->device, "mac", text);

    if (!error)
        error = text_mac(text, nf->queue->link.mac);
    if (error)
        return fail(nf, "the interface has no valid MAC address", error);
    error = read_number(nf, nf->device, "mtu", 65535, MTU_DEFAULT, &mtu);
    if (error || mtu < 68)
        return fail(nf, "the interface has no valid MTU", error ? error : -EINVAL);
    /* One slot a frame: no more than a page with its Ethernet header and a VLAN tag. */
    if (mtu > ETHQ_PAGE - ETHQ_FRAME_MIN - 4)
        mtu = ETHQ_PAGE - ETHQ_FRAME_MIN - 4;
    nf->queue->link.mtu = mtu;
    return 0;
}

static int connect_backend(struct netfront *nf)
{
    uint32_t copies;
    int error;

    if (nf->lost)
        return fail(nf, "another domain still maps the buffers", -EBUSY);
    error = read_number(nf, nf->backend, "feature-rx-copy", 1, 0, &copies);
    if (error || !copies)
        return fail(nf, "the backend cannot copy into granted buffers (feature-rx-copy)",
                    error ? error : -EOPNOTSUPP);
    error = identity_read(nf);
    if (error)
        return error;
    error = grants_make(nf);
    if (error)
        return fail(nf, "cannot grant the buffers to the backend", error);
    error = nf->ops->port_open(nf->host, nf->backend_domain, &nf->port);
    if (error)
        return fail(nf, "no event channel to the backend", error);
    ethq_reset(nf->queue);
    error = state_switch(nf, body_connected);
    if (error)
        return fail(nf, "cannot tell the backend where the rings are", error);
    nf->phase = NETFRONT_CONNECTING;
    return 0;
}

/* The backend went away, in order or not. */
static int close_down(struct netfront *nf)
{
    int error;

    disconnect(nf);
    nf->phase = NETFRONT_CLOSED;
    error = state_switch(nf, body_closed);
    return error ? fail(nf, "cannot close", error) : 0;
}

/* Will the backend be there again without our device being made anew? */
static bool online(struct netfront *nf)
{
    uint32_t value;

    return read_number(nf, nf->backend, "online", 1, 0, &value) == 0 && value;
}

static int reopen(struct netfront *nf)
{
    int error;

    if (nf->attempts++ == CONNECT_TRIES)
        return fail(nf, "the backend closes whenever it is asked to connect", -ECONNABORTED);
    error = state_switch(nf, body_initialising);
    if (error)
        return fail(nf, "cannot open again", error);
    nf->phase = NETFRONT_WAITING;
    return 0;
}

static int advance(struct netfront *nf)
{
    char text[NETFRONT_VALUE_MAX];
    enum xenbus_state back;

    if (nf->phase == NETFRONT_ABSENT)
        return find(nf);
    if (read_at(nf, 0, nf->device, "state", text) == -ENOENT) {
        vanish(nf);
        return 0;
    }
    back = state_read(nf, 0, nf->backend);

    switch (nf->phase) {
    case NETFRONT_WAITING:
        if (back == XenbusStateInitWait)
            return connect_backend(nf);
        if ((back == XenbusStateClosed || back == XenbusStateClosing) && !online(nf))
            return close_down(nf);
        return 0;
    case NETFRONT_CONNECTING:
        if (back == XenbusStateConnected) {
            nf->attempts = 0;
            nf->phase = NETFRONT_UP;
            ethq_link_up(nf->queue, nf->port);
            return 0;
        }
        return back == XenbusStateInitWait ? 0 : close_down(nf);
    case NETFRONT_UP:
        if (ethq_broken(nf->queue)) {
            say_fault(nf);
            disconnect(nf);
            nf->phase = NETFRONT_FAILED;
            transact(nf, body_closing);
            transact(nf, body_closed);
            return -EPROTO;
        }
        return back == XenbusStateConnected ? 0 : close_down(nf);
    case NETFRONT_CLOSED:
        if (state_read(nf, 0, nf->device) != XenbusStateClosed)
            return close_down(nf);
        if (back == XenbusStateInitWait || (back == XenbusStateClosed && online(nf)))
            return reopen(nf);
        return 0;
    case NETFRONT_FAILED:
        if (state_read(nf, 0, nf->device) != XenbusStateClosed)
            transact(nf, body_closed);
        return 0;
    case NETFRONT_ABSENT:
        return 0;
    }
    return 0;
}

int netfront_step(struct netfront *nf)
{
    /* Several things may be due: a device that was removed and is there again, say. The bound is
     * more than the longest way through the phases. */
    for (int moves = 0; moves < 8; moves++) {
        enum netfront_phase before = nf->phase;
        int error = advance(nf);

        if (error || nf->phase == before)
            return error;
    }
    return 0;
}

int netfront_start(struct netfront *nf, const struct netfront_ops *ops, void *host,
                   struct ethq *queue)
{
    memset(nf, 0, sizeof *nf);
    nf->ops = ops;
    nf->host = host;
    nf->queue = queue;
    ethq_init(queue);
    return ops->watch(host, "device/vif");
}

int netfront_stop(struct netfront *nf)
{
    int error;

    if (nf->phase == NETFRONT_ABSENT || nf->phase == NETFRONT_FAILED)
        return 0;
    disconnect(nf);
    nf->phase = NETFRONT_FAILED;
    error = state_switch(nf, body_closing);
    return error ? error : state_switch(nf, body_closed);
}
