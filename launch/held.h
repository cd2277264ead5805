/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/held.h: a domain in the hands of its keeper: how it is made, reached and destroyed.
 *
 *   held_xl.c     by this process, which is root: xl and Xen's libraries
 *   root/client.c by the node's root agent, for users who are not root (docs/root-agent.md)
 */
#ifndef CARAVAN_HELD_H
#define CARAVAN_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "launch/domain.h"

enum held_state {
    HELD_BOOTS,
    HELD_SERVES, /* its control channel is there */
    HELD_ENDED,  /* the domain has gone */
    HELD_FAILED, /* it is of no use: `error` says why */
};

struct held {
    const struct held_ops *ops;
    char name[DOMAIN_MAX_NAME];
    bool shutdown; /* `look` has found that somebody wants its end: xl shutdown, xl reboot */
};

struct held_ops {
    /* Make it. False with one line in `error`. */
    bool (*make)(struct held *held, const struct domain *domain, char *error, size_t size);
    /* Its number; -1: none, or it has gone already. */
    int (*number)(const struct held *held);

    /* Readable when its state may have changed: then look. */
    int (*fd)(const struct held *held);
    enum held_state (*look)(struct held *held, char *error, size_t size);

    /* Once it serves: a descriptor that is readable when either direction may go on, taken note of by `clear`; and some
     * bytes, 0 when there are none (or no room) now, -ECONNRESET when the other end has closed and all was read. */
    int (*channel_fd)(const struct held *held);
    void (*clear)(struct held *held);
    ssize_t (*read)(struct held *held, void *bytes, size_t size);
    ssize_t (*write)(struct held *held, const void *bytes, size_t size);

    /* Destroy what was made. True: nothing of it is left. False: something may be, which is for others to find; a line in
     * `error` where there is something to say. */
    bool (*destroy)(struct held *held, char *error, size_t size);
    void (*close)(struct held *held);
};

/* Through xl and Xen's libraries. `connect`: open the channel as well, once it is served. NULL with one line in `error`. */
struct held *held_by_xl(bool connect, char *error, size_t size);

/* Where its channel is in the store. */
#define HELD_CHANNEL_PATH "/local/domain/%d/" CHANNEL_STORE_PATH
enum { HELD_MAX_PATH = 128 };

/* Through the root agent. The domain's initrd is `ramdisk`, a sealed memory file. NULL with one line in `error`. */
struct held *held_by_root_agent(int ramdisk, char *error, size_t size);

#endif
