/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/job.h: what the launcher tells an endpoint of its job, and how an endpoint is made from that.
 *
 * am_open reads this from the control stream; tests write it by hand and give the endpoint a sim port and a
 * virtual clock.
 */
#ifndef CARAVAN_JOB_H
#define CARAVAN_JOB_H

#include <stdbool.h>
#include <stdint.h>

struct am;
struct am_port;
struct control_stream;
struct grant_system;
struct pmi;

#define AM_AGENT(node) (0x80000000u + (node)) /* the number of a node's agent in a frame */

struct am_node {
    char host[64];
    uint8_t mac[6];
    uint16_t mtu;
    bool agent; /* its agent answers probe frames */
};

enum am_link_choice {
    AM_LINK_AUTO,
    AM_LINK_RING,
    AM_LINK_WIRE, /* frames even within a node (tests on the sim port only: a packet socket does not see its own host's) */
};

struct am_job {
    uint32_t job;    /* random per mpirun */
    uint8_t key[16]; /* secret of this job */
    uint32_t process;
    uint32_t size;
    uint32_t node;
    uint32_t nodes;
    uint32_t ranks; /* on this node */
    uint32_t cores; /* that they share */
    uint32_t program;
    enum am_link_choice link;
    bool domu;             /* in a Xen domain: no descriptor can be passed, and no thread made */
    uint32_t *node_of;     /* `size` of them */
    struct am_node *table; /* `nodes` of them */

    /* Processes in other domains of this Xen host, `size` of them; NULL: none. And Xen's devices; NULL: the kernel's. */
    bool *beside;
    const struct grant_system *grant_system;

    struct am_port *port; /* NULL where the job uses no frames */
    uint16_t ethertype;
    uint64_t timeout; /* nanoseconds until an unreachable node is declared down */

    struct control_stream *control; /* to the launcher; NULL: a singleton, or a test */
    struct pmi *pmi;                /* NULL: the launcher is mpirun */

    /* Virtual time, and an incarnation that a test can foresee; NULL and 0: the real ones. */
    uint64_t (*clock)(void *context);
    void *clock_context;
    uint64_t incarnation;
};

/* Make an endpoint of `job`, whose memory (node_of, table, port, control) it takes over. `flags` as am_open. */
int am_create(struct am **am, const struct am_job *job, unsigned flags);

#endif
