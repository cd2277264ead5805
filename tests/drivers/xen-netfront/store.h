/* SPDX-License-Identifier: BSD-2-Clause */
/* store.h: a xenstore, a toolstack and a netback in memory, for the handshake.
 *
 * The netback follows the frontend's state as Linux's does (drivers/net/xen-netback/xenbus.c,
 * frontend_changed); the toolstack attaches and detaches devices as libxl does. Every call of the
 * frontend is numbered, and any one of them can be made to fail.
 */
#ifndef TEST_STORE_H
#define TEST_STORE_H

#include "netfront.h"

#define STORE_NODES 128
#define STORE_PAGES (2 + ETHQ_TX_BUFFERS + ETHQ_RX_BUFFERS)

struct store_node {
    char path[128];
    char value[128];
};

struct store {
    struct store_node node[STORE_NODES];
    int nodes;
    uint32_t transaction; /* open, 0: none */
    struct store_node saved[STORE_NODES];
    int saved_nodes;
    bool interfered; /* somebody wrote during the transaction */
    int conflicts;   /* the next that many commits fail */

    int calls, fail_at, fail_with; /* call number `fail_at` returns `fail_with` */
    int watches;
    int grants, grants_made, grants_left; /* live, ever, and how many more the table takes */
    int busy;                             /* so many grants cannot be ended */
    int ports, ports_made;
    char log[4096];
    int messages;
    struct ethq *queue;
    int device; /* device/vif/<n> that the netback serves, -1: none */
    int backend_domain;
    bool stubborn; /* the netback answers Connected with Closing */
};

extern const struct netfront_ops store_ops;

void store_init(struct store *store, struct ethq *queue);
const char *store_get(struct store *store, const char *path); /* "" if absent */
bool store_has(struct store *store, const char *path);
void store_set(struct store *store, const char *path, const char *value);
void store_remove(struct store *store, const char *path); /* and all below */

/* libxl: a device appears; a device goes, in two halves with the netback and the frontend
 * between. */
void toolstack_attach(struct store *store, int number, int backend_domain);
void toolstack_detach_begin(struct store *store);
/* True when the netback has closed, and the nodes are gone. */
bool toolstack_detach_end(struct store *store);

/* netback looks at the frontend's state. */
void netback_step(struct store *store);

/* netback and frontend take turns until nothing changes. */
void store_settle(struct store *store, struct netfront *nf);

#endif
