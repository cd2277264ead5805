/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/graph.c: graph topologies (MPI 3.1 section 7.5).
 */
#include <string.h>

#include "mpi-shim/topo/topo.h"

#include "check.h"

/* ---- known to all ----------------------------------------------------------------------------------- */

#define CHECK_GRAPH(comm, nodes, index, edges)                                                     \
    do {                                                                                           \
        CHECK_INTRA(comm);                                                                         \
        if (nodes < 0)                                                                             \
            return FAIL_COMM(comm, MPI_ERR_ARG, "a graph of %d nodes", nodes);                     \
        if (nodes > 0) {                                                                           \
            CHECK_NOT_NULL_COMM(comm, index);                                                      \
            if (nodes <= comm->size && index[nodes - 1] > 0)                                       \
                CHECK_NOT_NULL_COMM(comm, edges);                                                  \
        }                                                                                          \
    } while (0)

int PMPI_Graph_create(MPI_Comm comm, int nodes, const int index[], const int edges[], int reorder,
                      MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_GRAPH(comm, nodes, index, edges);
    CHECK_NOT_NULL_COMM(comm, out);
    call_enter(comm, CALL_GRAPH_CREATE, 0, 0);
    error = call_leave(comm, graph_create(comm, nodes, index, edges, &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Graph_create);

int PMPI_Graph_map(MPI_Comm comm, int nodes, const int index[], const int edges[], int *rank)
{
    CHECK_GRAPH(comm, nodes, index, edges);
    CHECK_NOT_NULL_COMM(comm, rank);
    FINISH_COMM(comm, graph_map(comm, nodes, index, edges, rank));
}
EXPORT(MPI_Graph_map);

int PMPI_Graphdims_get(MPI_Comm comm, int *nodes, int *edges)
{
    const struct topology *graph;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, nodes);
    CHECK_NOT_NULL_COMM(comm, edges);
    graph = graph_of(comm);
    if (!graph)
        return raise_comm(comm, CALL, MPI_ERR_TOPOLOGY);
    *nodes = graph->graph.nodes;
    *edges = graph->graph.index[*nodes - 1];
    return MPI_SUCCESS;
}
EXPORT(MPI_Graphdims_get);

/* Of `count` numbers those that fit `max`, as Open MPI does. */
static void ints_fill(int *to, int max, const int *from, int count)
{
    int some = count < max ? count : max;

    if (some > 0)
        memcpy(to, from, (size_t)some * sizeof(*to));
}

int PMPI_Graph_get(MPI_Comm comm, int max_index, int max_edges, int index[], int edges[])
{
    const struct topology *graph;
    int nodes;

    CHECK_COMM(comm);
    graph = graph_of(comm);
    if (!graph)
        return raise_comm(comm, CALL, MPI_ERR_TOPOLOGY);
    if (max_index < 0 || max_edges < 0)
        return FAIL_COMM(comm, MPI_ERR_ARG, "maxindex is %d, maxedges is %d", max_index, max_edges);
    if (max_index > 0)
        CHECK_NOT_NULL_COMM(comm, index);
    if (max_edges > 0)
        CHECK_NOT_NULL_COMM(comm, edges);
    nodes = graph->graph.nodes;
    ints_fill(index, max_index, graph->graph.index, nodes);
    ints_fill(edges, max_edges, graph->graph.edges, graph->graph.index[nodes - 1]);
    return MPI_SUCCESS;
}
EXPORT(MPI_Graph_get);

int PMPI_Graph_neighbors_count(MPI_Comm comm, int rank, int *count)
{
    const int *edges;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, count);
    FINISH_COMM(comm, graph_neighbours(comm, rank, count, &edges));
}
EXPORT(MPI_Graph_neighbors_count);

int PMPI_Graph_neighbors(MPI_Comm comm, int rank, int max, int neighbors[])
{
    const int *edges;
    int count, error;

    CHECK_COMM(comm);
    if (max < 0)
        return FAIL_COMM(comm, MPI_ERR_ARG, "maxneighbors is %d", max);
    if (max > 0)
        CHECK_NOT_NULL_COMM(comm, neighbors);
    error = graph_neighbours(comm, rank, &count, &edges);
    if (error)
        return raise_comm(comm, CALL, error);
    ints_fill(neighbors, max, edges, count);
    return MPI_SUCCESS;
}
EXPORT(MPI_Graph_neighbors);

/* ---- distributed ------------------------------------------------------------------------------------ */

/* Weights as the core has them: NULL for none. MPI_WEIGHTS_EMPTY says that there are weights, of no edge. */
static const int *weights_of(const int *weights)
{
    return weights == MPI_UNWEIGHTED ? NULL : weights;
}

/* An array of `count` and weights for it. */
#define CHECK_EDGES(comm, count, array, weights)                                                   \
    do {                                                                                           \
        if (count < 0)                                                                             \
            return FAIL_COMM(comm, MPI_ERR_ARG, "the number of %s is %d", #array, count);          \
        if (count > 0) {                                                                           \
            CHECK_NOT_NULL_COMM(comm, array);                                                      \
            CHECK_NOT_NULL_COMM(comm, weights);                                                    \
            if (weights == MPI_WEIGHTS_EMPTY)                                                      \
                return FAIL_COMM(comm, MPI_ERR_ARG, "MPI_WEIGHTS_EMPTY for %d %s", count, #array); \
        }                                                                                          \
    } while (0)

int PMPI_Dist_graph_create_adjacent(MPI_Comm comm, int indegree, const int sources[],
                                    const int source_weights[], int outdegree,
                                    const int destinations[], const int destination_weights[],
                                    MPI_Info info, int reorder, MPI_Comm *out)
{
    struct comm *new = NULL;
    int error;

    CHECK_INTRA(comm);
    CHECK_EDGES(comm, indegree, sources, source_weights);
    CHECK_EDGES(comm, outdegree, destinations, destination_weights);
    CHECK_NOT_NULL_COMM(comm, out);
    if (info != MPI_INFO_NULL && !info_ok(info))
        return raise_comm(comm, CALL, info_bad(info));
    if (indegree > 0 && outdegree > 0 &&
        (source_weights == MPI_UNWEIGHTED) != (destination_weights == MPI_UNWEIGHTED))
        return FAIL_COMM(comm, MPI_ERR_ARG, "only one of the weights is MPI_UNWEIGHTED");
    call_enter(comm, CALL_DIST_GRAPH_CREATE, 0, 0);
    error = call_leave(comm, dist_graph_create_adjacent(
                                 comm, indegree, sources, weights_of(source_weights), outdegree,
                                 destinations, weights_of(destination_weights), &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Dist_graph_create_adjacent);

int PMPI_Dist_graph_create(MPI_Comm comm, int n, const int nodes[], const int degrees[],
                           const int targets[], const int weights[], MPI_Info info, int reorder,
                           MPI_Comm *out)
{
    struct comm *new = NULL;
    int error, edges = 0;

    CHECK_INTRA(comm);
    if (n < 0)
        return FAIL_COMM(comm, MPI_ERR_ARG, "the number of sources is %d", n);
    if (n > 0) {
        CHECK_NOT_NULL_COMM(comm, nodes);
        CHECK_NOT_NULL_COMM(comm, degrees);
        for (int i = 0; i < n; i++)
            edges += degrees[i] > 0 ? degrees[i] : 0;
        CHECK_EDGES(comm, edges, targets, weights);
    }
    CHECK_NOT_NULL_COMM(comm, out);
    if (info != MPI_INFO_NULL && !info_ok(info))
        return raise_comm(comm, CALL, info_bad(info));
    call_enter(comm, CALL_DIST_GRAPH_CREATE, 0, 0);
    error = call_leave(
        comm, dist_graph_create(comm, n, nodes, degrees, targets, weights_of(weights), &new));
    return comm_made(comm, CALL, error, out, new);
}
EXPORT(MPI_Dist_graph_create);

int PMPI_Dist_graph_neighbors_count(MPI_Comm comm, int *indegree, int *outdegree, int *weighted)
{
    const struct topology *graph;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, indegree);
    CHECK_NOT_NULL_COMM(comm, outdegree);
    CHECK_NOT_NULL_COMM(comm, weighted);
    graph = dist_graph_of(comm);
    if (!graph)
        return raise_comm(comm, CALL, MPI_ERR_TOPOLOGY);
    *indegree = graph->in.count;
    *outdegree = graph->out.count;
    *weighted = graph->in.weight != NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Dist_graph_neighbors_count);

/* The first `max` of them; weights that the graph lacks or that nobody wants are left alone. */
static int neighbours_tell(const struct neighbours *neighbours, int max, int *ranks, int *weights)
{
    if (max < 0)
        return error_note(MPI_ERR_ARG, "a maximum of %d", max);
    if (max > 0 && neighbours->count > 0 && !ranks)
        return argument_null("sources or destinations");
    ints_fill(ranks, max, neighbours->rank, neighbours->count);
    if (neighbours->weight && weights && weights != MPI_UNWEIGHTED && weights != MPI_WEIGHTS_EMPTY)
        ints_fill(weights, max, neighbours->weight, neighbours->count);
    return 0;
}

int PMPI_Dist_graph_neighbors(MPI_Comm comm, int max_in, int sources[], int source_weights[],
                              int max_out, int destinations[], int destination_weights[])
{
    const struct topology *graph;
    int error;

    CHECK_COMM(comm);
    graph = dist_graph_of(comm);
    if (!graph)
        return raise_comm(comm, CALL, MPI_ERR_TOPOLOGY);
    error = neighbours_tell(&graph->in, max_in, sources, source_weights);
    if (!error)
        error = neighbours_tell(&graph->out, max_out, destinations, destination_weights);
    FINISH_COMM(comm, error);
}
EXPORT(MPI_Dist_graph_neighbors);
