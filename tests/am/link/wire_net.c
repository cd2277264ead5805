/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/am/link/wire_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NET_JOB = 0x0ca7a7a1,
    NET_ETHERTYPE = 0x88b5,
};

static const uint8_t net_key[16] = "a secret of 16 b";

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

const uint8_t *net_mac(unsigned index)
{
    static uint8_t mac[NET_MOST][6];

    memcpy(mac[index], (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)index}, 6);
    return mac[index];
}

/* The agent hears a probe and answers it, unless it is dead. */
static void agent_hears(void *context, const void *frame, size_t length)
{
    struct net_agent *agent = context;
    uint8_t answer[64];
    size_t size;

    if (agent->dead || memcmp(frame, net_mac(agent->node), 6))
        return;
    size = beacon_answer(agent->net->beacon[agent->node], frame, length, answer);
    if (size)
        sim_send(agent->net->sim, answer, size);
}

struct am_job net_job(struct net *net, const struct net_options *options, unsigned index)
{
    struct am_job job = {
        .job = NET_JOB,
        .process = index,
        .size = options->size,
        .node = index,
        .nodes = options->size,
        .ranks = 1,
        .cores = 1,
        .link = AM_LINK_WIRE,
        .ethertype = NET_ETHERTYPE,
        .timeout = options->timeout ? options->timeout : 10000000000u,
        .clock = sim_now,
        .clock_context = net->sim,
        .incarnation = (options->life ? options->life : options->seed * 1000003 + 1) * 128 + index,
    };

    memcpy(job.key, net_key, sizeof(job.key));
    job.node_of = calloc(options->size, sizeof(*job.node_of));
    job.table = calloc(options->size, sizeof(*job.table));
    MUST(job.node_of && job.table);
    for (unsigned i = 0; i < options->size; i++) {
        job.node_of[i] = i;
        snprintf(job.table[i].host, sizeof(job.table[i].host), "node%u", i);
        memcpy(job.table[i].mac, net_mac(i), 6);
        job.table[i].mtu = options->mtu ? options->mtu : 1500;
        job.table[i].agent = true;
    }
    job.port = sim_port(net->sim, index, net_mac(index), options->mtu ? options->mtu : 1500,
                        options->rx_slots ? options->rx_slots : 256);
    MUST(job.port);
    return job;
}

void net_open(struct net *net, const struct net_options *options)
{
    memset(net, 0, sizeof(*net));
    net->size = options->size;
    net->nap = 20 * 1000000000ull;
    net->sim = sim_open(options->seed, options->faults);
    MUST(net->sim);
    for (unsigned i = 0; i < options->size; i++) {
        struct am_job job = net_job(net, options, i);

        net->port[i] = job.port;
        MUST(am_create(&net->am[i], &job, 0) == 0);
        net->agent[i] = (struct net_agent){.net = net, .node = i};
        net->beacon[i] = beacon_open(-1, net_mac(i), NET_ETHERTYPE, NET_JOB, net_key, i);
        MUST(net->beacon[i]);
        MUST(sim_listen(net->sim, AM_AGENT(i), agent_hears, &net->agent[i]) == 0);
    }
}

void net_close(struct net *net)
{
    for (unsigned i = 0; i < net->size; i++) {
        if (net->am[i]) {
            net->am[i]->broken = -ECANCELED; /* no draining: nobody polls the others any more */
            am_close(net->am[i]);
        }
        beacon_close(net->beacon[i]);
    }
    sim_close(net->sim);
}

int net_round(struct net *net)
{
    uint64_t now = net_now(net);
    uint64_t until = now + net->nap;
    bool come = false;
    int handled = 0;

    for (unsigned i = 0; i < net->size; i++)
        if (net->am[i] && net->away[i] <= now)
            handled += am_poll(net->am[i]);
    if (handled) {
        sim_step(net->sim, now + 1000); /* that took a while */
        return handled;
    }
    if (net->hasty) {
        sim_step(net->sim, now + 5000);
        return 0;
    }
    for (unsigned i = 0; i < net->size; i++) {
        int fd;

        if (!net->am[i])
            continue;
        if (net->away[i] > now) {
            until = until < net->away[i] ? until : net->away[i];
            continue;
        }
        come |= net->am[i]->wire->ops->sleep(net->am[i]->wire, &fd, &until);
        net->am[i]->wire->ops->wake(net->am[i]->wire);
        if (net->am[i]->work && until > now + 200000)
            until = now + 200000; /* it tries again and again, but not that often */
    }
    sim_step(net->sim, come || until < now + 1000 ? now + 1000 : until);
    return 0;
}

uint64_t net_counter(struct am *am, const char *wanted)
{
    const char *name;

    for (unsigned i = 0;; i++) {
        uint64_t value = am_counter(am, i, &name);

        MUST(name);
        if (strcmp(name, wanted) == 0)
            return value;
    }
}
