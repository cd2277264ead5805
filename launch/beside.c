/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/beside.c: agents of the job that are in other domains of this Xen host.
 *
 * An agent that may speak to Xen's store writes a random number into its own domain's part of it, where all domains of the host may
 * read it, and tells mpirun its domain's and that number. mpirun tells the others; each looks in its own host's store. What it finds
 * there, only that domain (or dom0) can have written: a claim from another host, whose domain has a number that one here has too,
 * does not find its random number.
 */
#include "launch/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "launch/xenbus.h"

enum { TOKEN_BYTES = 16, FIRST_RESERVED = 0x7ff0 /* DOMID_FIRST_RESERVED, xen.h */ };

/* Below a domain's own directory, in what libxl lets it write. */
static void name_entry(char *text, size_t size, const struct agent *agent, uint32_t node)
{
    snprintf(text, size, "data/caravan-%08x-%u", agent->job, node);
}

static int read_own_domain(int bus, int *domain)
{
    char text[16], *end;
    int result = xenbus_read(bus, "domid", text, sizeof(text));
    long number;

    if (result < 0)
        return result;
    number = strtol(text, &end, 10);
    if (result == 0 || *end || number < 0 || number >= FIRST_RESERVED)
        return -EPROTO;
    *domain = (int)number;
    return 0;
}

void beside_open(struct agent *agent)
{
    struct agent_beside *beside = &agent->beside;
    uint8_t token[TOKEN_BYTES];
    char entry[64];
    int result;

    beside->bus = beside->wanted ? xenbus_open() : -1;
    if (beside->bus < 0)
        return;
    name_entry(entry, sizeof(entry), agent, agent->node);
    result = read_own_domain(beside->bus, &beside->domain);
    if (result == 0 && getrandom(token, sizeof(token), 0) != sizeof(token))
        result = -EIO;
    control_write_bytes(beside->token, token, sizeof(token));
    if (result == 0) {
        beside->shown = true; /* or may be, after an error */
        result = xenbus_write(beside->bus, entry, beside->token);
    }
    if (result == 0)
        result = xenbus_show(beside->bus, entry, beside->domain);
    /* Nothing is lost but speed: frames reach everybody. */
    if (result < 0) {
        beside_close(agent);
        return;
    }
    for (unsigned i = 0; i < agent->rank_count; i++)
        if (!agent->ranks[i].program->domu)
            agent->ranks[i].domain = beside->domain;
}

int beside_describe(const struct agent *agent, char *text, size_t size)
{
    return agent->beside.bus < 0 ? 0
                                 : snprintf(text, size, " domain=%d token=%s", agent->beside.domain,
                                            agent->beside.token);
}

int beside_take(struct agent *agent, const struct control_message *message)
{
    struct agent_beside *beside = &agent->beside;
    const char *token = control_get(message, "token");
    uint64_t node, nodes, domain;
    char path[128], entry[64], found[2 * TOKEN_BYTES + 1];
    int length;

    if (agent->nodes == 0 || control_get_number(message, "node", agent->nodes - 1, &node) < 0 ||
        control_get_number(message, "nodes", agent->nodes - node, &nodes) < 0 ||
        control_get_number(message, "domain", FIRST_RESERVED - 1, &domain) < 0 || !token ||
        agent->started)
        return -EPROTO;
    /* Two agents of one domain are two hosts, as `--host` has it. */
    if (beside->bus < 0 || beside->silent || (int)domain == beside->domain)
        return 0;
    name_entry(entry, sizeof(entry), agent, (uint32_t)node);
    snprintf(path, sizeof(path), "/local/domain/%u/%s", (unsigned)domain, entry);
    length = xenbus_read(beside->bus, path, found, sizeof(found));
    beside->silent = length == -ETIMEDOUT;
    if (length != 2 * TOKEN_BYTES || strcmp(found, token) != 0)
        return 0;
    if (!beside->nodes)
        beside->nodes = memory_zeroed(agent->nodes, sizeof(*beside->nodes));
    for (uint64_t i = 0; i < nodes; i++)
        beside->nodes[node + i] = true;
    return 0;
}

bool beside_has(const struct agent *agent, uint32_t process)
{
    return agent->beside.nodes && agent->beside.nodes[agent->node_of[process]];
}

void beside_hide(struct agent *agent)
{
    char entry[64];

    if (!agent->beside.shown)
        return;
    agent->beside.shown = false;
    name_entry(entry, sizeof(entry), agent, agent->node);
    xenbus_remove(agent->beside.bus, entry);
}

void beside_close(struct agent *agent)
{
    beside_hide(agent);
    if (agent->beside.bus >= 0)
        close(agent->beside.bus);
    agent->beside.bus = -1;
    free(agent->beside.nodes);
    agent->beside.nodes = NULL;
}
