/* SPDX-License-Identifier: BSD-2-Clause
 *
 * topo/dist_graph.c: distributed graphs: a process knows its own neighbours only (MPI 3.1 section 7.5.4).
 */
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/coll/coll.h"
#include "mpi-shim/core/memory.h"
#include "mpi-shim/topo/topo.h"

static int ranks_check(const struct comm *comm, int count, const int *ranks, const int *weights,
                       const char *what)
{
    for (int i = 0; i < count; i++) {
        if (ranks[i] < 0 || ranks[i] >= comm->size)
            return error_note(ERR_RANK, "%s[%d] is %d; the communicator has %d ranks", what, i,
                              ranks[i], comm->size);
        if (weights && weights[i] < 0)
            return error_note(ERR_ARG, "the weight of %s[%d] is %d", what, i, weights[i]);
    }
    return 0;
}

/* All of `comm` gets the graph; the topology is taken over. */
static int graph_attach(struct comm *comm, struct topology *topology, struct comm **made)
{
    int error = topology_comm(comm, comm->size, made);

    if (error) {
        core_lock();
        topology_release(topology);
        core_unlock();
        return error;
    }
    (*made)->topology = topology;
    return 0;
}

int dist_graph_create_adjacent(struct comm *comm, int sources, const int *source,
                               const int *source_weight, int destinations, const int *destination,
                               const int *destination_weight, struct comm **made)
{
    int error = ranks_check(comm, sources, source, source_weight, "sources");
    struct topology *topology;

    if (!error)
        error = ranks_check(comm, destinations, destination, destination_weight, "destinations");
    if (error)
        return error;
    topology = topology_make(TOPOLOGY_DIST_GRAPH);
    topology->in.count = sources;
    topology->in.rank = ints_copy(sources, source);
    topology->out.count = destinations;
    topology->out.rank = ints_copy(destinations, destination);
    if (source_weight && destination_weight) {
        topology->in.weight = ints_copy(sources, source_weight);
        topology->out.weight = ints_copy(destinations, destination_weight);
    }
    return graph_attach(comm, topology, made);
}

/* ---- edges told by anyone --------------------------------------------------------------------------- */

struct edge {
    int from;
    int to;
    int weight;
};

enum edge_end { END_FROM, END_TO };

static int edge_rank(const struct edge *edge, enum edge_end end)
{
    return end == END_FROM ? edge->from : edge->to;
}

/* Give each edge to the rank at its `end`; collective. Whoever told them, an edge's two ends hear of equal ones in the same
 * order: by the teller's rank, then as it told them. */
static int edges_deliver(struct comm *comm, const struct edge *edges, int count, enum edge_end end,
                         struct edge **received, int *received_count)
{
    size_t ranks = (size_t)comm->size;
    int *table = memory_get(5 * ranks * sizeof(*table)); /* in bytes, as MPI_Alltoallv has them */
    int *send = table, *send_at = send + ranks, *recv = send_at + ranks, *recv_at = recv + ranks;
    int *next = recv_at + ranks, total = 0, error;
    struct edge *sorted = memory_get(((size_t)count + 1) * sizeof(*sorted));

    for (int i = 0; i < count; i++)
        send[edge_rank(&edges[i], end)] += (int)sizeof(*edges);
    for (int i = 1; i < comm->size; i++)
        next[i] = send_at[i] = send_at[i - 1] + send[i - 1];
    for (int i = 0; i < count; i++) {
        int *at = &next[edge_rank(&edges[i], end)];

        memcpy((char *)sorted + *at, &edges[i], sizeof(*edges));
        *at += (int)sizeof(*edges);
    }
    error = coll_alltoall(send, sizeof(int), &datatype_bytes, recv, sizeof(int), &datatype_bytes,
                          comm);
    for (int i = 0; i < comm->size && !error; i++) {
        recv_at[i] = total;
        total += recv[i];
    }
    if (!error) {
        *received = memory_get((size_t)total + 1);
        *received_count = total / (int)sizeof(*edges);
        error = coll_alltoallv(sorted, send, send_at, &datatype_bytes, *received, recv, recv_at,
                               &datatype_bytes, comm);
    }
    free(sorted);
    free(table);
    return error;
}

/* The other ends of the edges that arrived. */
static void neighbours_fill(struct neighbours *neighbours, const struct edge *edges, int count,
                            enum edge_end other, bool weighted)
{
    neighbours->count = count;
    neighbours->rank = memory_get(((size_t)count + 1) * sizeof(int));
    if (weighted)
        neighbours->weight = memory_get(((size_t)count + 1) * sizeof(int));
    for (int i = 0; i < count; i++) {
        neighbours->rank[i] = edge_rank(&edges[i], other);
        if (weighted)
            neighbours->weight[i] = edges[i].weight;
    }
}

int dist_graph_create(struct comm *comm, int n, const int *nodes, const int *degrees,
                      const int *targets, const int *weights, struct comm **made)
{
    struct edge *edges, *in = NULL, *out = NULL;
    int count = 0, ins = 0, outs = 0;
    int error = ranks_check(comm, n, nodes, NULL, "sources");
    bool weighted = weights != NULL;
    struct topology *topology;
    char *flags;

    for (int i = 0; i < n && !error; i++) {
        if (degrees[i] < 0)
            error = error_note(ERR_ARG, "degrees[%d] is %d", i, degrees[i]);
        count += degrees[i];
    }
    if (!error)
        error = ranks_check(comm, count, targets, weights, "destinations");
    if (error)
        return error;

    edges = memory_get(((size_t)count + 1) * sizeof(*edges));
    for (int i = 0, next = 0; i < n; i++) {
        for (int j = 0; j < degrees[i]; j++, next++)
            edges[next] = (struct edge){nodes[i], targets[next], weights ? weights[next] : 0};
    }
    /* A process without edges may not have said whether they have weights. */
    flags = memory_get((size_t)comm->size);
    flags[comm->rank] = weighted;
    error = coll_allgather(IN_PLACE, 0, &datatype_bytes, flags, 1, &datatype_bytes, comm);
    for (int i = 0; i < comm->size; i++)
        weighted |= flags[i] != 0;
    free(flags);
    if (!error)
        error = edges_deliver(comm, edges, count, END_TO, &in, &ins);
    if (!error)
        error = edges_deliver(comm, edges, count, END_FROM, &out, &outs);
    if (!error) {
        topology = topology_make(TOPOLOGY_DIST_GRAPH);
        neighbours_fill(&topology->in, in, ins, END_FROM, weighted);
        neighbours_fill(&topology->out, out, outs, END_TO, weighted);
        error = graph_attach(comm, topology, made);
    }
    free(edges);
    free(in);
    free(out);
    return error;
}

const struct topology *dist_graph_of(const struct comm *comm)
{
    if (topology_kind(comm) == TOPOLOGY_DIST_GRAPH)
        return comm->topology;
    error_note(ERR_TOPOLOGY, "the communicator has no distributed graph topology");
    return NULL;
}
