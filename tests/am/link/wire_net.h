/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Endpoints on a simulated Ethernet, each a node of its own with its agent, in one thread and in virtual time.
 */
#ifndef CARAVAN_WIRE_NET_H
#define CARAVAN_WIRE_NET_H

#include "am/core.h"
#include "am/link/beacon.h"
#include "am/port/sim.h"

enum { NET_MOST = 80 };

struct net {
    struct sim *sim;
    unsigned size;
    struct am *am[NET_MOST];
    struct am_port *port[NET_MOST];
    struct beacon *beacon[NET_MOST];
    struct net_agent {
        struct net *net;
        unsigned node;
        bool dead; /* leaves probes unanswered */
    } agent[NET_MOST];
    uint64_t away[NET_MOST]; /* computes until then and makes no call */
    uint64_t nap;            /* how far time may jump when nothing is going on */
    bool hasty;              /* goes by small steps of time, and never says that it sleeps */
};

struct net_options {
    unsigned size;
    uint64_t seed;
    const struct sim_faults *faults;
    uint16_t mtu;      /* 0: 1500 */
    uint32_t rx_slots; /* 0: 256 */
    uint64_t timeout;  /* ns; 0: 10 s */
    uint64_t life;     /* makes the incarnations; 0: from the seed */
};

void net_open(struct net *net, const struct net_options *options);
/* Ends the endpoints without a word to their peers, and the network. */
void net_close(struct net *net);

/* What am_job of process `index` says; the caller's. */
struct am_job net_job(struct net *net, const struct net_options *options, unsigned index);

/* Poll everybody who is not away once; returns what was handled. Then let time pass: to the next event, if nothing was. */
int net_round(struct net *net);

const uint8_t *net_mac(unsigned index);
uint64_t net_counter(struct am *am, const char *name);
static inline uint64_t net_now(struct net *net)
{
    return sim_now(net->sim);
}

#endif
