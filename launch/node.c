/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/node.c: the node's network interface, its packet sockets, the answers to probes.
 */
#include "launch/agent.h"

#include <errno.h>

int node_open(struct agent *agent, const char *interfaces, uint16_t ethertype, double timeout)
{
    agent_fail(agent, "frames need the packet helper");
    return -ENOSYS;
}

void node_describe(const struct agent *agent, char *text, size_t size)
{
    text[0] = '\0';
}

int node_send_port(struct rank *rank)
{
    return 0;
}

void node_close(struct agent *agent)
{
}
