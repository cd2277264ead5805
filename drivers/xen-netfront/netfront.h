/* SPDX-License-Identifier: BSD-2-Clause */
/* netfront.h: the frontend's side of the xenbus handshake for one network interface.
 *
 * It finds the domain's first interface (the lowest number under device/vif), grants the queue pair
 * to the backend's domain once and for life, tells the backend where the rings are, and follows it
 * through disconnection, removal and return. It waits for nothing: netfront_step does what can be
 * done now. The kernel gives it xenstore, grants and event channels through an operations table, so
 * it runs against a fake store in a test.
 *
 *              device appears      backend InitWait       backend Connected
 *    ABSENT ------------------> WAITING ----------> CONNECTING ----------> UP
 *       ^                          ^                                        |
 *       |      device vanishes     | backend InitWait, or Closed and online | backend closes,
 *       +----------------------- CLOSED <-----------------------------------+ goes, breaks
 *
 * Paths are relative to the domain's own directory unless they start with '/'
 * (docs/misc/xenstore.txt). All functions return 0 or a negative errno.
 */
#ifndef CARAVAN_NETFRONT_H
#define CARAVAN_NETFRONT_H

#include "ethq.h"

#define NETFRONT_PATH_MAX  128
#define NETFRONT_VALUE_MAX 128

struct netfront_ops {
    /* The value at `path`, at most `size` - 1 bytes and a terminator. -ENOENT, -ERANGE if it does
     * not fit. Transaction 0 is none. */
    int (*read)(void *host, uint32_t transaction, const char *path, char *value, size_t size);
    int (*write)(void *host, uint32_t transaction, const char *path, const char *value);
    /* Calls `each` with the name of every entry of a directory. -ENOENT. */
    int (*list)(void *host, const char *path, void (*each)(void *arg, const char *name), void *arg);
    int (*transaction_start)(void *host, uint32_t *transaction);
    /* -EAGAIN: somebody else changed what it read; do it again. */
    int (*transaction_end)(void *host, uint32_t transaction, bool commit);
    /* After any change at or below `path`, netfront_step is to be called (again). */
    int (*watch)(void *host, const char *path);
    int (*unwatch)(void *host, const char *path);

    /* Grant `domain` the page at `page` (an address in the queue pair). */
    int (*grant)(void *host, domid_t domain, void *page, bool readonly, grant_ref_t *grant);
    /* End a grant by one atomic step: -EBUSY if the other domain still maps it, and then neither
     * the grant nor the page may ever be used for anything else (XSA-396). */
    int (*grant_end)(void *host, grant_ref_t grant);
    int (*port_open)(void *host, domid_t domain, uint32_t *port);
    void (*port_close)(void *host, uint32_t port);

    /* One message for the user. */
    void (*log)(void *host, const char *message);
};

enum netfront_phase {
    NETFRONT_ABSENT,
    NETFRONT_WAITING,
    NETFRONT_CONNECTING,
    NETFRONT_UP,
    NETFRONT_CLOSED,
    NETFRONT_FAILED, /* said why; stays so until the device vanishes */
};

struct netfront {
    const struct netfront_ops *ops;
    void *host;
    struct ethq *queue;
    enum netfront_phase phase;
    domid_t backend_domain;
    domid_t granted_to;
    unsigned granted; /* pages of the queue, from the transmit ring on */
    bool lost;        /* some are still mapped by a domain that is not our backend any more */
    grant_ref_t tx_ring_grant, rx_ring_grant;
    uint32_t port;                   /* 0: none */
    unsigned attempts;               /* to connect, since the link was last up */
    char device[NETFRONT_PATH_MAX];  /* device/vif/0 */
    char backend[NETFRONT_PATH_MAX]; /* /local/domain/0/backend/vif/7/0 */
};

/* Start: zero the queue and watch for interfaces. `queue` must stay where it is for life. */
int netfront_start(struct netfront *nf, const struct netfront_ops *ops, void *host,
                   struct ethq *queue);

/* Do what can be done now. Call it after every watch event, and when the queue turned out broken.
 * An error has been logged, and is returned once. */
int netfront_step(struct netfront *nf);

/* Orderly close, as a domain does before it ends: leaves the backend, which needs no answer. Steps
 * no more afterwards. */
int netfront_stop(struct netfront *nf);

#endif
