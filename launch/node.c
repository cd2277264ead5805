/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/node.c: the node's network interface: packet sockets for its ranks, and the agent's own answers to probes.
 */
#include "launch/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "am/job.h"
#include "am/link/beacon.h"
#include "am/port/packet_run.h"
#include "launch/domain.h"
#include "launch/packet.h"

static int take_interface(struct agent *agent, const struct control_message *message)
{
    const char *name = control_get(message, "name");
    uint64_t mtu;

    if (!name || strlen(name) >= sizeof(agent->interface) ||
        control_get_bytes(message, "mac", agent->mac, sizeof(agent->mac)) < 0 ||
        control_get_number(message, "mtu", UINT32_MAX, &mtu) < 0)
        return -EPROTO;
    strcpy(agent->interface, name);
    agent->mtu = mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu;
    return 0;
}

static void probes_ready(void *context, uint32_t events)
{
    beacon_serve(context);
}

static int take_socket(struct agent *agent, struct control_message *message)
{
    uint64_t number;
    int fd = control_take_fd(message, 0);

    if (fd < 0)
        return -EPROTO;
    if (control_get_number(message, "number", UINT32_MAX, &number) < 0) {
        close(fd);
        return -EPROTO;
    }
    if (number == AM_AGENT(agent->node) && !agent->beacon) {
        agent->beacon = beacon_open(fd, agent->mac, agent->ethertype, agent->job, agent->key,
                                    agent->node);
        if (!agent->beacon) {
            close(fd);
            return -ENOMEM;
        }
        agent->beacon_watch = (struct watch){.ready = probes_ready, .context = agent->beacon};
        return loop_watch(agent->loop, &agent->beacon_watch, beacon_fd(agent->beacon), EPOLLIN);
    }

    struct rank *rank = agent_rank(agent, (uint32_t)number);

    if (!rank || rank->port >= 0) {
        close(fd);
        return -EPROTO;
    }
    rank->port = fd;
    return 0;
}

static int take(void *context, struct control_message *message)
{
    if (strcmp(message->command, "packet_interface") == 0)
        return take_interface(context, message);
    if (strcmp(message->command, "packet_socket") == 0)
        return take_socket(context, message);
    return -EPROTO;
}

void node_open(struct agent *agent)
{
    /* Processes beside domains are on the domains' bridge, which has no link before the first of them is up. */
    const char *interfaces = *agent->interfaces || agent->domains.count == 0
                                 ? agent->interfaces
                                 : agent->domains.bridge;
    struct strings ranges = {0};
    char error[512], range[32], *path = packet_path();

    for (unsigned i = 0; i < agent->rank_count;) {
        uint32_t first = agent->ranks[i].process, last = first;

        /* A domain has an interface of its own. */
        if (agent->ranks[i].program->domu) {
            i++;
            continue;
        }
        while (++i < agent->rank_count && agent->ranks[i].process == last + 1 &&
               !agent->ranks[i].program->domu)
            last++;
        snprintf(range, sizeof(range), "%u-%u", first, last);
        strings_add(&ranges, range);
    }
    struct packet_request request = {
        .path = path,
        .interfaces = interfaces,
        .ethertype = agent->ethertype,
        .job = agent->job,
        .node = agent->node,
        .ranges = ranges.list,
        .range_count = ranges.count,
    };

    /* A program that does not use frames is not in the way of it: told when a rank joins. */
    if (packet_run(&request, take, agent, error, sizeof(error)) < 0)
        agent->port_error = text_copy(error);
    free(path);
    strings_clear(&ranges);
}

void node_describe(const struct agent *agent, char *text, size_t size)
{
    char mac[2 * sizeof(agent->mac) + 1];
    size_t length = 0;

    text[0] = '\0';
    if (agent->domains.count > 0)
        length = (size_t)snprintf(text, size, " domain_mtu=%u pack=%llu", agent->domains.mtu,
                                  (unsigned long long)agent->domains.packing / 1000);
    if (agent->domains.count > 0 && geteuid() != 0)
        length += (size_t)snprintf(text + length, size - length, " domain_user=%u", geteuid());
    length += (size_t)beside_describe(agent, text + length, size - length);
    if (!agent->frames || agent->port_error)
        return;
    control_write_bytes(mac, agent->mac, sizeof(agent->mac));
    snprintf(text + length, size - length, " mac=%s mtu=%u agent=1", mac, agent->mtu);
}

/* A domain's: it opens the device itself. */
static int send_domain_port(struct rank *rank)
{
    const struct agent *agent = rank->agent;
    uint8_t mac[6];
    char text[2 * sizeof(mac) + 1];

    if (agent->nodes == 1)
        return 0;
    domain_mac(mac, agent->job, rank->process);
    control_write_bytes(text, mac, sizeof(mac));
    return control_send(
        rank->control, NULL, 0,
        "cmd=caravan_port interface=ethq0 mac=%s mtu=%u ethertype=0x%04x timeout=%u", text,
        agent->domains.mtu, agent->ethertype, agent->peer_timeout);
}

int node_send_port(struct rank *rank)
{
    const struct agent *agent = rank->agent;
    char mac[2 * sizeof(agent->mac) + 1];
    int result;

    if (rank->program->domu)
        return send_domain_port(rank);
    if (!agent->frames)
        return 0;
    if (agent->port_error) {
        agent_rank_failed(rank, "no way to the other nodes: %s", agent->port_error);
        return 0;
    }
    if (rank->port < 0)
        return -EBADF;
    control_write_bytes(mac, agent->mac, sizeof(agent->mac));
    result = control_send(rank->control, &rank->port, 1,
                          "cmd=caravan_port interface=%s mac=%s mtu=%u ethertype=0x%04x timeout=%u",
                          agent->interface, mac, agent->mtu, agent->ethertype, agent->peer_timeout);
    close(rank->port);
    rank->port = -1;
    return result;
}

void node_close(struct agent *agent)
{
    free(agent->port_error);
    if (!agent->beacon)
        return;
    loop_unwatch(agent->loop, &agent->beacon_watch);
    beacon_close(agent->beacon);
    agent->beacon = NULL;
}
