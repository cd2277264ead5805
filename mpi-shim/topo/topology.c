/* SPDX-License-Identifier: BSD-2-Clause
 *
 * topo/topology.c: what all topologies have in common.
 */
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/memory.h"
#include "mpi-shim/topo/topo.h"

int *ints_copy(int count, const int *from)
{
    int *copy = memory_get(((size_t)count + 1) * sizeof(*copy));

    if (count > 0)
        memcpy(copy, from, (size_t)count * sizeof(*copy));
    return copy;
}

struct topology *topology_make(enum topology_kind kind)
{
    struct topology *topology = memory_get(sizeof(*topology));

    topology->kind = kind;
    topology->references = 1;
    return topology;
}

struct topology *topology_retain(struct topology *topology)
{
    core_lock();
    topology->references++;
    core_unlock();
    return topology;
}

static void neighbours_free(struct neighbours *neighbours)
{
    free(neighbours->rank);
    free(neighbours->weight);
}

void topology_release(struct topology *topology)
{
    if (!topology || --topology->references > 0)
        return;
    switch (topology->kind) {
    case TOPOLOGY_CART:
        free(topology->cart.dims);
        free(topology->cart.periods);
        free(topology->cart.coords);
        break;
    case TOPOLOGY_GRAPH:
        free(topology->graph.index);
        free(topology->graph.edges);
        break;
    case TOPOLOGY_DIST_GRAPH:
        neighbours_free(&topology->out);
        break;
    }
    neighbours_free(&topology->in);
    free(topology);
}

int topology_kind(const struct comm *comm)
{
    return comm->topology ? (int)comm->topology->kind : UNDEFINED;
}

int topology_neighbours(const struct comm *comm, int *sources, const int **source,
                        int *destinations, const int **destination)
{
    const struct topology *topology = comm->topology;

    if (!topology)
        return error_note(ERR_TOPOLOGY, "the communicator has no topology");
    for (int i = 0; topology->kind == TOPOLOGY_GRAPH && i < topology->in.count; i++) {
        if (topology->in.rank[i] >= comm->size)
            return error_note(ERR_TOPOLOGY, "an edge leads to rank %d, and the graph has %d nodes",
                              topology->in.rank[i], comm->size);
    }
    *sources = topology->in.count;
    *source = topology->in.rank;
    *destinations = topology->out.count;
    *destination = topology->out.rank;
    return 0;
}

int topology_comm(struct comm *comm, int size, struct comm **made)
{
    const int all[1][3] = {{0, size - 1, 1}};
    struct group *group;
    int error;

    *made = NULL;
    if (size == 0)
        return 0;
    error = group_range_incl(comm->group, 1, all, &group);
    if (error)
        return error;
    error = comm_create(comm, group, made);
    group_release(group);
    return error;
}
