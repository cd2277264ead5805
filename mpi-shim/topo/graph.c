/* SPDX-License-Identifier: BSD-2-Clause
 *
 * topo/graph.c: graph topologies, which every process knows as a whole (MPI 3.1 section 7.5.3).
 */
#include <stdlib.h>

#include "mpi-shim/topo/topo.h"

static int graph_check(const struct comm *comm, int nodes, const int *index, const int *edges)
{
    if (nodes > comm->size)
        return error_note(ERR_ARG, "a graph of %d nodes on a communicator of %d ranks", nodes,
                          comm->size);
    for (int i = 0; i < nodes; i++) {
        if (index[i] < (i ? index[i - 1] : 0))
            return error_note(ERR_ARG, "index[%d] is %d, less than the one before", i, index[i]);
    }
    /* An edge to a rank that gets no part in the graph is let pass, as Open MPI does: topology_neighbours refuses it. */
    for (int i = 0; nodes && i < index[nodes - 1]; i++) {
        if (edges[i] < 0 || edges[i] >= comm->size)
            return error_note(ERR_ARG, "edges[%d] is %d; the communicator has %d ranks", i,
                              edges[i], comm->size);
    }
    return 0;
}

static void edges_of(const struct topology *graph, int rank, int *count, int **edges)
{
    int first = rank ? graph->graph.index[rank - 1] : 0;

    *count = graph->graph.index[rank] - first;
    *edges = graph->graph.edges + first;
}

int graph_create(struct comm *comm, int nodes, const int *index, const int *edges,
                 struct comm **made)
{
    int error = graph_check(comm, nodes, index, edges), count;
    struct topology *topology;
    int *own;

    if (!error)
        error = topology_comm(comm, nodes, made);
    if (error || !*made)
        return error;
    topology = topology_make(TOPOLOGY_GRAPH);
    topology->graph.nodes = nodes;
    topology->graph.index = ints_copy(nodes, index);
    topology->graph.edges = ints_copy(index[nodes - 1], edges);
    edges_of(topology, (*made)->rank, &count, &own);
    topology->in.count = count;
    topology->in.rank = ints_copy(count, own);
    topology->out = topology->in;
    (*made)->topology = topology;
    return 0;
}

int graph_map(const struct comm *comm, int nodes, const int *index, const int *edges, int *rank)
{
    int error = graph_check(comm, nodes, index, edges);

    if (error)
        return error;
    *rank = comm->rank < nodes ? comm->rank : UNDEFINED;
    return 0;
}

const struct topology *graph_of(const struct comm *comm)
{
    if (topology_kind(comm) == TOPOLOGY_GRAPH)
        return comm->topology;
    error_note(ERR_TOPOLOGY, "the communicator has no graph topology");
    return NULL;
}

int graph_neighbours(const struct comm *comm, int rank, int *count, const int **edges)
{
    const struct topology *graph = graph_of(comm);
    int *first;

    if (!graph)
        return ERR_TOPOLOGY;
    if (rank < 0 || rank >= comm->size)
        return error_note(ERR_RANK, "rank %d is not in a graph of %d nodes", rank, comm->size);
    edges_of(graph, rank, count, &first);
    *edges = first;
    return 0;
}
