// SPDX-License-Identifier: BSD-2-Clause
#include "store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

static struct store_node *find(struct store *store, const char *path)
{
    for (int i = 0; i < store->nodes; i++)
        if (strcmp(store->node[i].path, path) == 0)
            return &store->node[i];
    return NULL;
}

bool store_has(struct store *store, const char *path)
{
    return find(store, path) != NULL;
}

const char *store_get(struct store *store, const char *path)
{
    struct store_node *node = find(store, path);

    return node ? node->value : "";
}

void store_set(struct store *store, const char *path, const char *value)
{
    struct store_node *node = find(store, path);

    if (!node) {
        assert(store->nodes < STORE_NODES);
        node = &store->node[store->nodes++];
        snprintf(node->path, sizeof node->path, "%s", path);
    }
    snprintf(node->value, sizeof node->value, "%s", value);
    store->interfered = true;
}

void store_remove(struct store *store, const char *path)
{
    size_t length = strlen(path);

    for (int i = 0; i < store->nodes;) {
        char *at = store->node[i].path;

        if (strncmp(at, path, length) == 0 && (at[length] == 0 || at[length] == '/'))
            store->node[i] = store->node[--store->nodes];
        else
            i++;
    }
    store->interfered = true;
}

/* --- What the frontend calls ----------------------------------------------------- */

static int call(struct store *store)
{
    return ++store->calls == store->fail_at ? store->fail_with : 0;
}

static int op_read(void *host, uint32_t transaction, const char *path, char *value, size_t size)
{
    struct store *store = host;
    struct store_node *node = find(store, path);
    int error = call(store);

    assert(transaction == store->transaction);
    if (error)
        return error;
    if (!node)
        return -ENOENT;
    if (strlen(node->value) >= size)
        return -ERANGE;
    strcpy(value, node->value);
    return 0;
}

static int op_write(void *host, uint32_t transaction, const char *path, const char *value)
{
    struct store *store = host;
    int error = call(store);
    bool interfered = store->interfered;

    assert(transaction == store->transaction);
    if (error)
        return error;
    store_set(store, path, value);
    store->interfered = interfered;
    return 0;
}

static int op_list(void *host, const char *path, void (*each)(void *arg, const char *name),
                   void *arg)
{
    struct store *store = host;
    int error = call(store);
    size_t length = strlen(path);
    char name[128];

    if (error)
        return error;
    error = -ENOENT;
    for (int i = 0; i < store->nodes; i++) {
        const char *at = store->node[i].path;

        if (strncmp(at, path, length) || at[length] != '/')
            continue;
        snprintf(name, sizeof name, "%s", at + length + 1);
        name[strcspn(name, "/")] = 0;
        each(arg, name);
        error = 0;
    }
    return error;
}

static int op_transaction_start(void *host, uint32_t *transaction)
{
    struct store *store = host;
    int error = call(store);

    assert(!store->transaction);
    if (error)
        return error;
    *transaction = store->transaction = 1 + rand() % 1000;
    memcpy(store->saved, store->node, sizeof store->node);
    store->saved_nodes = store->nodes;
    store->interfered = false;
    return 0;
}

static int op_transaction_end(void *host, uint32_t transaction, bool commit)
{
    struct store *store = host;
    int error = call(store);

    assert(transaction && transaction == store->transaction);
    store->transaction = 0;
    if (!error && commit && (store->interfered || store->conflicts > 0)) {
        store->conflicts--;
        error = -EAGAIN;
    }
    if (!commit || error) {
        memcpy(store->node, store->saved, sizeof store->node);
        store->nodes = store->saved_nodes;
    }
    return error;
}

static int op_watch(void *host, const char *path)
{
    struct store *store = host;
    int error = call(store);

    store->watches += !error;
    return error;
}

static int op_unwatch(void *host, const char *path)
{
    struct store *store = host;

    call(store);
    store->watches--;
    return 0;
}

/* Grants are numbered from 8, in the order of pages: number 8 + n is page n of the queue's. */
static int op_grant(void *host, domid_t domain, void *page, bool readonly, grant_ref_t *grant)
{
    struct store *store = host;
    int error = call(store);
    uint8_t *queue = (uint8_t *)store->queue, *at = page;

    assert(at >= queue + ETHQ_PAGE && at < queue + sizeof *store->queue);
    assert((at - queue) % ETHQ_PAGE == 0);
    assert(readonly == (at >= store->queue->tx_buffer[0] && at < store->queue->rx_buffer[0]));
    assert(domain == store->backend_domain);
    if (error)
        return error;
    if (!store->grants_left)
        return -ENOSPC;
    store->grants_left--;
    store->grants++;
    *grant = 8 + store->grants_made++;
    return 0;
}

static int op_grant_end(void *host, grant_ref_t grant)
{
    struct store *store = host;

    assert(grant >= 8);
    if (store->busy) {
        store->busy--;
        return -EBUSY;
    }
    store->grants--;
    store->grants_left++;
    return 0;
}

static int op_port_open(void *host, domid_t domain, uint32_t *port)
{
    struct store *store = host;
    int error = call(store);

    assert(domain == store->backend_domain);
    if (error)
        return error;
    store->ports++;
    *port = 10 + store->ports_made++;
    return 0;
}

static void op_port_close(void *host, uint32_t port)
{
    struct store *store = host;

    assert(port);
    store->ports--;
}

static void op_log(void *host, const char *message)
{
    struct store *store = host;
    size_t length = strlen(store->log);

    snprintf(store->log + length, sizeof store->log - length, "%s\n", message);
    store->messages++;
}

const struct netfront_ops store_ops = {
    .read = op_read,
    .write = op_write,
    .list = op_list,
    .transaction_start = op_transaction_start,
    .transaction_end = op_transaction_end,
    .watch = op_watch,
    .unwatch = op_unwatch,
    .grant = op_grant,
    .grant_end = op_grant_end,
    .port_open = op_port_open,
    .port_close = op_port_close,
    .log = op_log,
};

void store_init(struct store *store, struct ethq *queue)
{
    memset(store, 0, sizeof *store);
    store->queue = queue;
    store->device = -1;
    store->grants_left = 2 * STORE_PAGES;
}

/* --- The other side -------------------------------------------------------------- */

static const char *front(struct store *store, const char *key)
{
    static char path[128];

    snprintf(path, sizeof path, "device/vif/%d/%s", store->device, key);
    return path;
}

static const char *back(struct store *store, const char *key)
{
    static char path[128];

    snprintf(path, sizeof path, "/local/domain/%d/backend/vif/7/%d/%s", store->backend_domain,
             store->device, key);
    return path;
}

static void set_number(struct store *store, const char *path, int value)
{
    char text[16];

    snprintf(text, sizeof text, "%d", value);
    store_set(store, path, text);
}

void toolstack_attach(struct store *store, int number, int backend_domain)
{
    char path[128];

    store->device = number;
    store->backend_domain = backend_domain;
    snprintf(path, sizeof path, "/local/domain/%d/backend/vif/7/%d", backend_domain, number);
    store_set(store, front(store, "backend"), path);
    set_number(store, front(store, "backend-id"), backend_domain);
    set_number(store, front(store, "state"), XenbusStateInitialising);
    store_set(store, front(store, "mac"), "00:16:3e:0a:bC:ff");
    store_set(store, front(store, "mtu"), "4000");
    set_number(store, back(store, "online"), 1);
    set_number(store, back(store, "state"), XenbusStateInitialising);
}

void toolstack_detach_begin(struct store *store)
{
    set_number(store, back(store, "online"), 0);
    set_number(store, back(store, "state"), XenbusStateClosing);
}

bool toolstack_detach_end(struct store *store)
{
    char path[128];

    if (atoi(store_get(store, back(store, "state"))) != XenbusStateClosed)
        return false;
    snprintf(path, sizeof path, "device/vif/%d", store->device);
    store_remove(store, path);
    snprintf(path, sizeof path, "/local/domain/%d/backend/vif/7/%d", store->backend_domain,
             store->device);
    store_remove(store, path);
    store->device = -1;
    return true;
}

void netback_step(struct store *store)
{
    int ours, theirs, next;

    if (store->device < 0)
        return;
    ours = atoi(store_get(store, back(store, "state")));
    theirs = atoi(store_get(store, front(store, "state")));
    next = ours;
    switch (theirs) {
    case XenbusStateInitialising:
        if (ours == XenbusStateInitialising || ours == XenbusStateClosed)
            next = XenbusStateInitWait;
        store_set(store, back(store, "feature-rx-copy"), "1");
        break;
    case XenbusStateConnected:
        if (ours == XenbusStateInitWait) {
            assert(strcmp(store_get(store, front(store, "request-rx-copy")), "1") == 0);
            next = store->stubborn ? XenbusStateClosing : XenbusStateConnected;
        }
        break;
    case XenbusStateClosing:
        next = XenbusStateClosing;
        break;
    case XenbusStateClosed:
        next = XenbusStateClosed;
        break;
    }
    if (next != ours)
        set_number(store, back(store, "state"), next);
}

void store_settle(struct store *store, struct netfront *nf)
{
    for (int turn = 0; turn < 40; turn++) {
        netback_step(store);
        netfront_step(nf);
    }
}
