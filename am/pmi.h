/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/pmi.h: a job that a foreign launcher started, which speaks PMI-1 and passes no descriptors. For pmi.c and pmi_peers.c.
 *
 * What the ranks must know of each other they put into the launcher's key-value space: whoever may read that is trusted with
 * the job's key. Rings and bells go from rank to rank over abstract sockets, whose names are there too.
 */
#ifndef CARAVAN_PMI_H
#define CARAVAN_PMI_H

#include <sys/socket.h>
#include <sys/un.h>

#include "am/core.h"
#include "control/control.h"

enum { PMI_NAME = 32 }; /* of an abstract socket that the kernel named: a NUL and five digits */

struct pmi_name {
    unsigned char bytes[PMI_NAME];
    size_t length; /* 0: not on this node */
};

/* A stream between two ranks of a node. Who has a ring to offer opens one; there may be two between a pair. */
struct connection {
    struct connection *next;
    struct control_stream *stream;
    uint32_t peer;  /* UINT32_MAX: it has not said yet, or not proved, who it is */
    bool ours;      /* we opened it */
    bool left;      /* the peer has said goodbye */
    uint64_t since; /* by am_now */
};

struct pmi {
    char space[256]; /* the name of the key-value space */
    int events; /* an epoll descriptor of the launcher's stream, the listener and all connections */
    int listener;
    struct pmi_name own;
    struct pmi_name *names; /* `size` of them */
    struct connection *connections;
    unsigned strangers; /* of them, that have not said who they are */
};

/* Open the listener and name it. 0 or an error. */
int peers_open(struct pmi *pmi);
void peers_close(struct pmi *pmi);
/* Let in who has knocked. It may forget other connections. */
void peers_accept(struct am *am);
/* Take what has come on one that is ready. How much happened, or an error. */
int peers_serve(struct am *am, struct connection *connection);
int peers_offer(struct am *am, uint32_t peer, int fd, size_t bytes);
/* Say goodbye to all. */
void peers_leave(struct am *am);

#endif
