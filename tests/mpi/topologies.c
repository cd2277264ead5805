/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: grids, graphs and distributed graphs are those of MPI 3.1 chapter 7 on any number of ranks: who is in, who is
 * whose neighbour and in what order, what a duplicate and a sub-grid have, and what MPI_Dims_create calls balanced (compared
 * with all factorizations). What is wrong is refused with its class.
 */
#include "mpi_test.h"

/* MPI_UNWEIGHTED and MPI_WEIGHTS_EMPTY are addresses of nothing. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wstringop-overread"
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif

/* ---- MPI_Dims_create -------------------------------------------------------------------------------- */

/* The least difference of largest and smallest over all ways to write `left` as factors that do not increase. */
static int best_spread(int left, int count, int largest, int bound)
{
    int best = INT32_MAX;

    if (count == 1)
        return left <= bound ? largest - left : INT32_MAX;
    for (int factor = 1; factor <= bound && factor <= left; factor++) {
        int spread = left % factor ? INT32_MAX
                                   : best_spread(left / factor, count - 1,
                                                 largest ? largest : factor, factor);

        best = spread < best ? spread : best;
    }
    return best;
}

static void dims_balanced(void)
{
    for (int nodes = 1; nodes <= 400; nodes++) {
        for (int count = 2; count <= 4; count++) {
            int dims[4] = {0}, product = 1;

            MPI_Dims_create(nodes, count, dims);
            for (int i = 0; i < count; i++) {
                require(i == 0 || dims[i] <= dims[i - 1]);
                product *= dims[i];
            }
            require(product == nodes);
            require(dims[0] - dims[count - 1] == best_spread(nodes, count, 0, nodes));
        }
    }
}

static void dims_given(void)
{
    int dims[4] = {0, 3, 0, 2}, one[1] = {0}, full[2] = {2, 3}, many[31] = {0}, large[3] = {0};

    MPI_Dims_create(72, 4, dims);
    require(dims[0] == 4 && dims[1] == 3 && dims[2] == 3 && dims[3] == 2);
    MPI_Dims_create(7, 1, one);
    require(one[0] == 7);
    require(MPI_Dims_create(6, 2, full) == MPI_SUCCESS);
    MPI_Dims_create(1 << 30, 31, many);
    require(many[0] == 2 && many[29] == 2 && many[30] == 1);
    /* As many divisors as a number of 31 bits can have. */
    MPI_Dims_create(2095133040, 3, large);
    require((long)large[0] * large[1] * large[2] == 2095133040L && large[0] - large[2] < 100);
}

static void dims_wrong(void)
{
    int uneven[2] = {4, 0}, negative[2] = {-1, 0}, full[2] = {2, 2}, none[1] = {0};

    require(MPI_Dims_create(6, 2, uneven) == MPI_ERR_DIMS);
    require(MPI_Dims_create(6, 2, negative) == MPI_ERR_DIMS);
    require(MPI_Dims_create(8, 2, full) == MPI_ERR_DIMS);
    require(MPI_Dims_create(0, 1, none) == MPI_ERR_DIMS);
    require(MPI_Dims_create(4, -1, none) == MPI_ERR_DIMS);
}

/* ---- grids ------------------------------------------------------------------------------------------ */

static void grid_is(MPI_Comm grid, int rows, int columns)
{
    int kind, ndims, dims[2], periods[2], coords[2], rank, size, source, dest, twice[3] = {9, 9, 9};

    MPI_Topo_test(grid, &kind);
    require(kind == MPI_CART);
    MPI_Cartdim_get(grid, &ndims);
    require(ndims == 2);
    MPI_Comm_rank(grid, &rank);
    MPI_Comm_size(grid, &size);
    require(size == rows * columns);
    MPI_Cart_get(grid, 2, dims, periods, coords);
    require(dims[0] == rows && dims[1] == columns && periods[0] == 1 && periods[1] == 0);
    require(coords[0] == rank / columns && coords[1] == rank % columns);
    for (int i = 0; i < size; i++) {
        int at[2], back, far[2];

        MPI_Cart_coords(grid, i, 2, at);
        require(at[0] == i / columns && at[1] == i % columns);
        MPI_Cart_rank(grid, at, &back);
        require(back == i);
        far[0] = at[0] - 5 * rows;
        far[1] = at[1];
        MPI_Cart_rank(grid, far, &back);
        require(back == i);
    }
    MPI_Cart_shift(grid, 0, 1, &source, &dest);
    require(dest == (coords[0] + 1) % rows * columns + coords[1]);
    require(source == (coords[0] + rows - 1) % rows * columns + coords[1]);
    MPI_Cart_shift(grid, 0, INT32_MIN, &source, &dest);
    require(source >= 0 && source % columns == coords[1] && dest % columns == coords[1]);
    MPI_Cart_shift(grid, 1, -1, &source, &dest);
    require(dest == (coords[1] == 0 ? MPI_PROC_NULL : rank - 1));
    require(source == (coords[1] == columns - 1 ? MPI_PROC_NULL : rank + 1));
    MPI_Cart_shift(grid, 1, 0, &source, &dest);
    require(source == rank && dest == rank);
    /* Room for one coordinate only. */
    MPI_Cart_coords(grid, rank, 1, twice);
    require(twice[0] == coords[0] && twice[1] == 9);

    twice[0] = 0;
    twice[1] = columns;
    require(MPI_Cart_rank(grid, twice, &rank) == MPI_ERR_ARG);
    require(MPI_Cart_coords(grid, size, 2, twice) == MPI_ERR_RANK);
    require(MPI_Cart_shift(grid, 2, 1, &source, &dest) == MPI_ERR_DIMS);
    require(MPI_Graphdims_get(grid, &source, &dest) == MPI_ERR_TOPOLOGY);
}

static void grids(void)
{
    const int periods[2] = {7, 0}, remain[2] = {0, 1}, nothing[2] = {0, 0};
    int dims[2] = {world_size > 1 ? 2 : 1, world_size > 1 ? world_size / 2 : 1}, rank, kind, value;
    int inside = world_rank < dims[0] * dims[1];
    MPI_Comm grid, copy, row, point, split;

    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 1, &grid);
    MPI_Cart_map(MPI_COMM_WORLD, 2, dims, periods, &rank);
    require((rank != MPI_UNDEFINED) == inside);
    require((grid != MPI_COMM_NULL) == inside);
    if (!inside)
        return;
    grid_is(grid, dims[0], dims[1]);
    MPI_Comm_dup(grid, &copy);
    MPI_Comm_rank(grid, &rank);
    MPI_Comm_free(&grid);
    grid_is(copy, dims[0], dims[1]);

    MPI_Cart_sub(copy, remain, &row);
    MPI_Cartdim_get(row, &value);
    require(value == 1);
    MPI_Comm_size(row, &value);
    require(value == dims[1]);
    MPI_Comm_rank(row, &value);
    require(value == rank % dims[1]);
    MPI_Allreduce(MPI_IN_PLACE, &rank, 1, MPI_INT, MPI_MAX, row);
    require(rank % dims[1] == dims[1] - 1);

    MPI_Cart_sub(copy, nothing, &point);
    MPI_Cartdim_get(point, &value);
    require(value == 0);
    MPI_Comm_size(point, &value);
    require(value == 1);
    require(MPI_Cart_rank(point, NULL, &rank) == MPI_SUCCESS && rank == 0);
    require(MPI_Cart_shift(point, 0, 1, &rank, &value) == MPI_ERR_DIMS);

    MPI_Comm_split(copy, 0, 0, &split);
    MPI_Topo_test(split, &kind);
    require(kind == MPI_UNDEFINED);
    require(MPI_Cartdim_get(split, &value) == MPI_ERR_TOPOLOGY);
    MPI_Comm_free(&split);
    MPI_Comm_free(&point);
    MPI_Comm_free(&row);
    MPI_Comm_free(&copy);
}

/* No dimension: one process, rank 0. */
static void grid_of_nothing(void)
{
    MPI_Comm point;

    MPI_Cart_create(MPI_COMM_WORLD, 0, NULL, NULL, 0, &point);
    require((point != MPI_COMM_NULL) == (world_rank == 0));
    if (point != MPI_COMM_NULL)
        MPI_Comm_free(&point);
}

static void grids_wrong(void)
{
    int dims[2] = {world_size, 2}, zero[1] = {0}, periods[2] = {0}, huge[2] = {65536, 65536};
    MPI_Comm grid;

    require(MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &grid) == MPI_ERR_DIMS);
    require(MPI_Cart_create(MPI_COMM_WORLD, 2, huge, periods, 0, &grid) == MPI_ERR_DIMS);
    require(MPI_Cart_create(MPI_COMM_WORLD, 1, zero, periods, 0, &grid) == MPI_ERR_DIMS);
    require(MPI_Cart_create(MPI_COMM_WORLD, -1, dims, periods, 0, &grid) == MPI_ERR_DIMS);
}

/* ---- graphs ----------------------------------------------------------------------------------------- */

/* A star: rank 0 and all the others, which also point to themselves. */
static void graphs(void)
{
    int nodes = world_size, edges_count = (world_size - 1) * 3, index[64], edges[256], next = 0;
    int got_index[64], got_edges[256], got_nodes, got_count, count, neighbours[64];
    MPI_Comm graph, copy;

    for (int i = 1; i < nodes; i++)
        edges[next++] = i;
    index[0] = next;
    for (int i = 1; i < nodes; i++) {
        edges[next++] = i;
        edges[next++] = 0;
        index[i] = next;
    }
    MPI_Graph_create(MPI_COMM_WORLD, nodes, index, edges, 0, &graph);
    MPI_Comm_dup(graph, &copy);
    MPI_Comm_free(&graph);
    MPI_Topo_test(copy, &count);
    require(count == MPI_GRAPH);
    MPI_Graphdims_get(copy, &got_nodes, &got_count);
    require(got_nodes == nodes && got_count == edges_count);
    MPI_Graph_get(copy, nodes, edges_count, got_index, got_edges);
    require(memcmp(index, got_index, (size_t)nodes * sizeof(int)) == 0);
    require(memcmp(edges, got_edges, (size_t)edges_count * sizeof(int)) == 0);
    for (int i = 0; i < nodes; i++) {
        MPI_Graph_neighbors_count(copy, i, &count);
        require(count == (i ? 2 : nodes - 1));
        MPI_Graph_neighbors(copy, i, 64, neighbours);
        require(count == 0 || neighbours[0] == (i ? i : 1));
        require(i == 0 || neighbours[1] == 0);
    }
    MPI_Graph_map(MPI_COMM_WORLD, nodes, index, edges, &count);
    require(count == world_rank);
    require(MPI_Graph_neighbors_count(copy, nodes, &count) == MPI_ERR_RANK);
    MPI_Comm_free(&copy);

    MPI_Graph_create(MPI_COMM_WORLD, 0, NULL, NULL, 0, &graph);
    require(graph == MPI_COMM_NULL);
    index[0] = 1;
    edges[0] = world_size;
    require(MPI_Graph_create(MPI_COMM_WORLD, 1, index, edges, 0, &graph) == MPI_ERR_ARG);
    require(MPI_Graph_create(MPI_COMM_WORLD, world_size + 1, index, edges, 0, &graph) ==
            MPI_ERR_ARG);
}

/* ---- distributed graphs ----------------------------------------------------------------------------- */

/* Everyone has an edge to the next two and, by another rank's word, twice to itself. */
static void dist_graph_is(MPI_Comm graph, int weighted)
{
    int in, out, weights, from[4], to[4], in_weight[4] = {-1, -1, -1, -1}, out_weight[4] = {-1};
    int seen_self = 0;

    MPI_Dist_graph_neighbors_count(graph, &in, &out, &weights);
    require(in == 4 && out == 4 && !weights == !weighted);
    MPI_Dist_graph_neighbors(graph, 4, from, in_weight, 4, to, out_weight);
    for (int i = 0; i < 4; i++) {
        if (to[i] == world_rank && out_weight[i] != 1 && out_weight[i] != 2)
            seen_self++;
        else
            require(to[i] == (world_rank + 1) % world_size ||
                    to[i] == (world_rank + 2) % world_size);
        if (weighted)
            require(in_weight[i] == 1 ? from[i] == (world_rank + world_size - 1) % world_size
                    : in_weight[i] == 2
                        ? from[i] == (world_rank + 2 * world_size - 2) % world_size
                        : from[i] == world_rank && (in_weight[i] == 10 || in_weight[i] == 11));
    }
    require(!weighted || seen_self == 2);
}

static void dist_graphs(int weighted)
{
    int next = (world_rank + 1) % world_size;
    const int nodes[2] = {world_rank, next}, degrees[2] = {2, 2}, weights[4] = {1, 2, 10, 11};
    const int targets[4] = {next, (world_rank + 2) % world_size, next, next};
    int some[2] = {-1, -1}, kind;
    MPI_Comm graph, copy;

    MPI_Dist_graph_create(MPI_COMM_WORLD, 2, nodes, degrees, targets,
                          weighted ? weights : MPI_UNWEIGHTED, MPI_INFO_NULL, 1, &graph);
    MPI_Comm_dup(graph, &copy);
    MPI_Topo_test(graph, &kind);
    require(kind == MPI_DIST_GRAPH);
    dist_graph_is(graph, weighted);
    MPI_Comm_free(&graph);
    dist_graph_is(copy, weighted);
    /* No more than asked for. */
    MPI_Dist_graph_neighbors(copy, 1, some, MPI_UNWEIGHTED, 0, NULL, NULL);
    require(some[0] >= 0 && some[1] == -1);
    MPI_Comm_free(&copy);
}

/* All edges told by one rank; those who told none get theirs, with their weights. */
static void dist_graph_by_one(void)
{
    int nodes[64], degrees[64], targets[64], weights[64], in, out, weighted, from, weight;
    MPI_Comm graph;

    for (int i = 0; i < world_size; i++) {
        nodes[i] = i;
        degrees[i] = 1;
        targets[i] = world_size - 1 - i;
        weights[i] = 100 + i;
    }
    MPI_Dist_graph_create(MPI_COMM_WORLD, world_rank == world_size - 1 ? world_size : 0, nodes,
                          degrees, targets, weights, MPI_INFO_NULL, 0, &graph);
    MPI_Dist_graph_neighbors_count(graph, &in, &out, &weighted);
    require(in == 1 && out == 1 && weighted);
    MPI_Dist_graph_neighbors(graph, 1, &from, &weight, 0, NULL, NULL);
    require(from == world_size - 1 - world_rank && weight == 100 + from);
    MPI_Comm_free(&graph);
}

/* Neighbours keep the order in which they were given. */
static void dist_graph_adjacent(void)
{
    int previous = (world_rank + world_size - 1) % world_size, next = (world_rank + 1) % world_size;
    const int sources[3] = {previous, world_rank, previous}, source_weights[3] = {5, 6, 7};
    const int destinations[3] = {next, world_rank, next}, destination_weights[3] = {5, 6, 7};
    const int bad[1] = {world_size};
    int from[3], to[3], from_weight[3], to_weight[3];
    MPI_Comm graph;

    MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 3, sources, source_weights, 3, destinations,
                                   destination_weights, MPI_INFO_NULL, 0, &graph);
    MPI_Dist_graph_neighbors(graph, 3, from, from_weight, 3, to, to_weight);
    require(memcmp(from, sources, sizeof(from)) == 0 && memcmp(to, destinations, sizeof(to)) == 0);
    require(memcmp(from_weight, source_weights, sizeof(from_weight)) == 0);
    require(memcmp(to_weight, destination_weights, sizeof(to_weight)) == 0);
    MPI_Comm_free(&graph);

    MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 0, NULL, MPI_WEIGHTS_EMPTY, 0, NULL,
                                   MPI_WEIGHTS_EMPTY, MPI_INFO_NULL, 0, &graph);
    MPI_Dist_graph_neighbors_count(graph, &from[0], &from[1], &from[2]);
    require(from[0] == 0 && from[1] == 0 && from[2] == 1);
    MPI_Comm_free(&graph);

    require(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, bad, MPI_UNWEIGHTED, 0, NULL,
                                           MPI_UNWEIGHTED, MPI_INFO_NULL, 0,
                                           &graph) == MPI_ERR_RANK);
    require(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, &world_rank, MPI_WEIGHTS_EMPTY, 0,
                                           NULL, MPI_WEIGHTS_EMPTY, MPI_INFO_NULL, 0,
                                           &graph) == MPI_ERR_ARG);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (world_rank == 0)
        dims_balanced();
    dims_given();
    dims_wrong();
    grids();
    grid_of_nothing();
    grids_wrong();
    graphs();
    dist_graphs(0);
    dist_graphs(1);
    dist_graph_by_one();
    dist_graph_adjacent();
    return test_end();
}
