/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/pmi.h: a job that a foreign launcher started, which speaks PMI-1 and passes no descriptors.
 *
 *   pmi.c        joining, and the launcher while the job runs
 *   pmi_call.c   a launcher that wants to be called back
 *   pmi_nodes.c  who is where
 *   pmi_peers.c  rings and bells between the ranks of a node
 *   pmi_wire.c   frames between nodes
 *   pmi_values.c what is in the key-value space
 *
 * What the ranks must know of each other they put into the launcher's key-value space: whoever may read that is trusted with
 * the job's key. Rings and bells go from rank to rank over abstract sockets, whose names are there too.
 */
#ifndef CARAVAN_PMI_H
#define CARAVAN_PMI_H

#include <sys/socket.h>
#include <sys/un.h>

#include "am/core.h"
#include "am/pmi_values.h"
#include "control/control.h"

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
    struct pmi_answers
        *answers; /* to probes, in place of an agent; NULL: another rank gives them, or nobody */
};

/* pmi.c: the key-value space. 0; -ENOENT: there is none; or another error. */
int pmi_put(struct am_job *job, const char *key, const char *value);
int pmi_get(struct am_job *job, const char *key, char *value, size_t size);
/* Everybody has come here, however long that takes. */
int pmi_barrier(struct am_job *job);

/* pmi_nodes.c: describe this rank; learn of the others: nodes, their hosts, the sockets on ours, and, where there are several,
 * the way there. */
int nodes_introduce(struct am_job *job, struct pmi_value *own);
int nodes_learn(struct am_job *job, const struct pmi_value *own);

/* pmi_wire.c: open this rank's port, and say what others must know of it; the `first` rank of a node answers its probes as well. 0, or
 * an error that was printed. */
int wire_open_pmi(struct am_job *job, bool first, struct pmi_port *own);
void wire_close_pmi(struct pmi *pmi);

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
