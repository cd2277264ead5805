/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Who is where, in a job that a foreign launcher started.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "am/pmi.h"

/* Ranks that can reach each other's abstract sockets have the same: boot, network namespace, user. */
static void describe_place(char place[PMI_PLACE])
{
    char boot[64] = "";
    struct stat namespace = {0};
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (file) {
        if (fscanf(file, "%63s", boot) != 1)
            boot[0] = '\0';
        fclose(file);
    }
    stat("/proc/self/ns/net", &namespace);
    snprintf(place, PMI_PLACE, "%s/%llu/%u", boot, (unsigned long long)namespace.st_ino,
             (unsigned)geteuid());
}

int nodes_introduce(struct am_job *job, struct pmi_value *own)
{
    char key[32], text[PMI_VALUE];

    own->name = job->pmi->own;
    gethostname(own->host, sizeof(own->host) - 1);
    describe_place(own->place);
    snprintf(key, sizeof(key), "caravan-%u", job->process);
    pmi_value_write(own, text);
    return pmi_put(job, key, text);
}

static int get_value(struct am_job *job, uint32_t process, struct pmi_value *value)
{
    char key[32], text[PMI_VALUE];
    int result;

    snprintf(key, sizeof(key), "caravan-%u", process);
    result = pmi_get(job, key, text, sizeof(text));
    return result < 0 ? result : pmi_value_read(text, value);
}

/* ---- nodes -------------------------------------------------------------------------------------- */

/* The first rank of each node. */
struct first {
    uint32_t rank;
    uint32_t was; /* its node's number before */
    char place[PMI_PLACE];
};

/* Number the nodes from 0, in the order of their first ranks; job->nodes is how many there are. */
static void renumber(struct am_job *job, struct first *first)
{
    job->nodes = 0;
    for (uint32_t i = 0; i < job->size; i++) {
        uint32_t node = 0;

        while (node < job->nodes && first[node].was != job->node_of[i])
            node++;
        if (node == job->nodes) {
            first[node].rank = i;
            first[node].was = job->node_of[i];
            job->nodes++;
        }
        job->node_of[i] = node;
    }
}

/* Ranks at the same place are one node, whatever the launcher calls it: frames do not pass between them. */
static int merge(struct am_job *job, struct first *first)
{
    uint32_t nodes = job->nodes;
    uint32_t *same = calloc(nodes, sizeof(*same));
    int result = same ? 0 : -ENOMEM;

    for (uint32_t node = 0; node < nodes && result == 0; node++) {
        struct pmi_value value;

        result = get_value(job, first[node].rank, &value);
        if (result < 0)
            break;
        memcpy(first[node].place, value.place, sizeof(value.place));
        while (strcmp(first[same[node]].place, value.place) != 0)
            same[node]++;
    }
    for (uint32_t i = 0; i < job->size && result == 0; i++)
        job->node_of[i] = same[job->node_of[i]];
    if (result == 0)
        renumber(job, first);
    free(same);
    return result;
}

static int find_nodes(struct am_job *job, struct first *first)
{
    char mapping[CONTROL_MAX_LINE];
    int result = pmi_get(job, "PMI_process_mapping", mapping, sizeof(mapping));

    if (result == 0)
        result = pmi_mapping_read(mapping, job->size, job->node_of);
    /* Where the launcher does not say, each rank is a node of its own before they are merged. */
    if (result == -ENOENT || result == -EPROTO) {
        for (uint32_t i = 0; i < job->size; i++)
            job->node_of[i] = i;
        result = 0;
    }
    if (result == 0) {
        renumber(job, first);
        result = merge(job, first);
    }
    return result;
}

/* ---- the others --------------------------------------------------------------------------------- */

static int read_other(struct am_job *job, uint32_t process, const struct pmi_value *own)
{
    struct pmi_value value;
    int result = get_value(job, process, &value);

    if (result < 0)
        return result;
    if (strcmp(value.place, own->place) != 0) {
        fprintf(stderr,
                "caravan: the launcher says that processes %u and %u are on one node, but they run"
                " as different users, on different machines or in different network namespaces\n",
                job->process, process);
        return -EXDEV;
    }
    job->pmi->names[process] = value.name;
    job->ranks++;
    return 0;
}

static int read_host(struct am_job *job, uint32_t node, uint32_t process)
{
    struct pmi_value value;
    int result = get_value(job, process, &value);

    memcpy(job->table[node].host, value.host, sizeof(value.host));
    return result;
}

/* Each rank of a node has chosen the same interface there, by the same rules: one of them speaks for all. */
static int read_port(struct am_job *job, uint32_t node, uint32_t process)
{
    struct am_node *entry = &job->table[node];
    char key[48], text[PMI_VALUE];
    struct pmi_port port;
    int result;

    snprintf(key, sizeof(key), "caravan-port-%u", process);
    result = pmi_get(job, key, text, sizeof(text));
    if (result == 0)
        result = pmi_port_read(text, &port);
    if (result < 0)
        return result;
    if (port.ethertype != job->ethertype) {
        fprintf(stderr,
                "caravan: processes %u and %u have different ether types, 0x%04x and 0x%04x: is"
                " CARAVAN_ETHERTYPE set on one node only?\n",
                job->process, process, job->ethertype, port.ethertype);
        return -EPROTO;
    }
    memcpy(entry->mac, port.mac, sizeof(entry->mac));
    entry->mtu = port.mtu;
    entry->agent = true;
    return 0;
}

static int find_ways(struct am_job *job, const struct first *first)
{
    struct pmi_port own;
    char key[48], text[PMI_VALUE];
    int result = wire_open_pmi(job, first[job->node].rank == job->process, &own);

    if (result == 0) {
        snprintf(key, sizeof(key), "caravan-port-%u", job->process);
        pmi_port_write(&own, text);
        result = pmi_put(job, key, text);
    }
    if (result == 0)
        result = pmi_barrier(job);
    for (uint32_t node = 0; node < job->nodes && result == 0; node++)
        result = read_port(job, node, first[node].rank);
    return result;
}

int nodes_learn(struct am_job *job, const struct pmi_value *own)
{
    struct first *first = calloc(job->size, sizeof(*first));
    int result = first ? find_nodes(job, first) : -ENOMEM;

    if (result == 0) {
        job->node = job->node_of[job->process];
        job->table = calloc(job->nodes, sizeof(*job->table));
        if (!job->table)
            result = -ENOMEM;
    }
    for (uint32_t node = 0; node < job->nodes && result == 0; node++)
        result = read_host(job, node, first[node].rank);
    for (uint32_t i = 0; i < job->size && result == 0; i++)
        if (job->node_of[i] == job->node)
            result = read_other(job, i, own);
    if (result == 0 && job->nodes > 1)
        result = find_ways(job, first);
    free(first);
    return result;
}
