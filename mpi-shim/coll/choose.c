/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coll/choose.c: the table by which operations choose their algorithms, and CARAVAN_COLL, which overrides it:
 *
 *   CARAVAN_COLL=bcast=scatter_allgather,allreduce=ring
 */
#include "mpi-shim/coll/choose.h"
#include "mpi-shim/coll/coll.h"
#include "mpi-shim/coll/nodes.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const algorithm_names[ALGORITHMS] = {
    [ALGORITHM_BINOMIAL] = "binomial",
    [ALGORITHM_BRUCK] = "bruck",
    [ALGORITHM_DISSEMINATION] = "dissemination",
    [ALGORITHM_DOUBLING] = "doubling",
    [ALGORITHM_EXCHANGE] = "exchange",
    [ALGORITHM_HALVING] = "halving",
    [ALGORITHM_LINEAR] = "linear",
    [ALGORITHM_NODES] = "nodes",
    [ALGORITHM_PAIRWISE] = "pairwise",
    [ALGORITHM_PIPELINED] = "pipelined",
    [ALGORITHM_RING] = "ring",
    [ALGORITHM_SCATTER_ALLGATHER] = "scatter_allgather",
};

enum { ANY = INT_MAX };
#define HAS(name) (1u << ALGORITHM_##name)

/* For at most so many ranks and so many bytes, this one; the first line that fits counts. */
struct rule {
    int ranks;
    size_t bytes;
    enum coll_algorithm algorithm;
};

/* On one node the choices up to 8 ranks come from medians of 3 to 5 interleaved runs of bench/collective with each algorithm
 * forced, on 2 shared cores, at 8 B and 64 KiB on 4 and 8 ranks. With more ranks than cores a rank in between may have to
 * wait for one, and "linear", where few messages follow one another, wins nearly everywhere. Two nodes of 2 and of 4 ranks were measured
 * over a veth pair of MTU 9000. For more ranks and nodes nothing was measured: the choice is by the formulas, where the trees
 * bound what one rank has to do. */
static const struct {
    const char *name;
    unsigned has;
    struct rule node[6];   /* all ranks on one node */
    struct rule nodes[3];  /* on several */
    struct rule layers[4]; /* on several, of which some have more than one rank; none: as `nodes` */
} choices[COLL_OPERATIONS] = {
    [COLL_ALLGATHER] = {"allgather",
                        HAS(BRUCK) | HAS(LINEAR) | HAS(RING),
                        {{8, ANY, ALGORITHM_LINEAR},
                         {ANY, 4 << 10, ALGORITHM_BRUCK},
                         {ANY, ANY, ALGORITHM_RING}},
                        {{ANY, 4 << 10, ALGORITHM_BRUCK}, {ANY, ANY, ALGORITHM_RING}}},
    [COLL_ALLGATHERV] = {"allgatherv",
                         HAS(LINEAR) | HAS(RING),
                         {{8, ANY, ALGORITHM_LINEAR}, {ANY, ANY, ALGORITHM_RING}},
                         {{ANY, ANY, ALGORITHM_RING}}},
    [COLL_ALLREDUCE] = {"allreduce",
                        HAS(DOUBLING) | HAS(EXCHANGE) | HAS(HALVING) | HAS(LINEAR) | HAS(NODES) |
                            HAS(RING),
                        {{2, ANY, ALGORITHM_DOUBLING},
                         {4, 4 << 10, ALGORITHM_EXCHANGE},
                         {4, 16 << 10, ALGORITHM_DOUBLING},
                         {8, 1 << 20, ALGORITHM_LINEAR},
                         {ANY, 16 << 10, ALGORITHM_DOUBLING},
                         {ANY, ANY, ALGORITHM_HALVING}},
                        {{2, ANY, ALGORITHM_DOUBLING},
                         {ANY, 16 << 10, ALGORITHM_DOUBLING},
                         {ANY, ANY, ALGORITHM_HALVING}},
                        {{4, 16 << 10, ALGORITHM_DOUBLING},
                         {8, ANY, ALGORITHM_NODES},
                         {ANY, 16 << 10, ALGORITHM_NODES},
                         {ANY, ANY, ALGORITHM_HALVING}}},
    [COLL_ALLTOALL] = {"alltoall",
                       HAS(BRUCK) | HAS(LINEAR) | HAS(PAIRWISE),
                       {{2, ANY, ALGORITHM_PAIRWISE},
                        {8, ANY, ALGORITHM_LINEAR},
                        {ANY, ANY, ALGORITHM_PAIRWISE}},
                       {{ANY, 256, ALGORITHM_BRUCK}, {ANY, ANY, ALGORITHM_PAIRWISE}}},
    [COLL_BARRIER] = {"barrier",
                      HAS(DISSEMINATION) | HAS(LINEAR) | HAS(NODES),
                      {{2, ANY, ALGORITHM_DISSEMINATION},
                       {8, ANY, ALGORITHM_LINEAR},
                       {ANY, ANY, ALGORITHM_DISSEMINATION}},
                      {{ANY, ANY, ALGORITHM_DISSEMINATION}},
                      {{ANY, ANY, ALGORITHM_NODES}}},
    [COLL_BCAST] = {"bcast",
                    HAS(BINOMIAL) | HAS(LINEAR) | HAS(NODES) | HAS(SCATTER_ALLGATHER),
                    {{8, ANY, ALGORITHM_LINEAR},
                     {ANY, 256 << 10, ALGORITHM_BINOMIAL},
                     {ANY, ANY, ALGORITHM_SCATTER_ALLGATHER}},
                    {{3, ANY, ALGORITHM_BINOMIAL},
                     {ANY, 64 << 10, ALGORITHM_BINOMIAL},
                     {ANY, ANY, ALGORITHM_SCATTER_ALLGATHER}},
                    {{8, ANY, ALGORITHM_NODES},
                     {ANY, 64 << 10, ALGORITHM_NODES},
                     {ANY, ANY, ALGORITHM_SCATTER_ALLGATHER}}},
    [COLL_GATHER] = {"gather",
                     HAS(BINOMIAL) | HAS(LINEAR),
                     {{32, ANY, ALGORITHM_LINEAR},
                      {ANY, 1 << 10, ALGORITHM_BINOMIAL},
                      {ANY, ANY, ALGORITHM_LINEAR}},
                     {{8, ANY, ALGORITHM_LINEAR},
                      {ANY, 1 << 10, ALGORITHM_BINOMIAL},
                      {ANY, ANY, ALGORITHM_LINEAR}}},
    [COLL_REDUCE] = {"reduce",
                     HAS(BINOMIAL) | HAS(LINEAR) | HAS(NODES) | HAS(PIPELINED),
                     {{8, 8 << 10, ALGORITHM_LINEAR},
                      {2, 32 << 10, ALGORITHM_PIPELINED},
                      {2, ANY, ALGORITHM_LINEAR},
                      {8, 1 << 20, ALGORITHM_PIPELINED},
                      {8, ANY, ALGORITHM_LINEAR},
                      {ANY, ANY, ALGORITHM_BINOMIAL}},
                     {{ANY, ANY, ALGORITHM_BINOMIAL}},
                     {{ANY, ANY, ALGORITHM_NODES}}},
    [COLL_REDUCE_SCATTER] = {"reduce_scatter",
                             HAS(LINEAR) | HAS(BINOMIAL),
                             {{4, ANY, ALGORITHM_LINEAR},
                              {8, 4 << 10, ALGORITHM_LINEAR},
                              {ANY, ANY, ALGORITHM_BINOMIAL}},
                             {{8, ANY, ALGORITHM_LINEAR},
                              {ANY, 4 << 10, ALGORITHM_BINOMIAL},
                              {ANY, ANY, ALGORITHM_LINEAR}}},
    [COLL_SCATTER] = {"scatter",
                      HAS(BINOMIAL) | HAS(LINEAR),
                      {{32, ANY, ALGORITHM_LINEAR},
                       {ANY, 1 << 10, ALGORITHM_BINOMIAL},
                       {ANY, ANY, ALGORITHM_LINEAR}},
                      {{8, ANY, ALGORITHM_LINEAR},
                       {ANY, 1 << 10, ALGORITHM_BINOMIAL},
                       {ANY, ANY, ALGORITHM_LINEAR}}},
};

static int forced[COLL_OPERATIONS]; /* 1 + the algorithm, or 0 */

/* Several nodes with several ranks each. */
static bool layered(struct comm *comm)
{
    return !comm->one_node && nodes_of(comm)->leaders.size < comm->size;
}

enum coll_algorithm coll_choose(enum coll_operation operation, struct comm *comm, size_t bytes)
{
    const struct rule *rule = comm->one_node ? choices[operation].node : choices[operation].nodes;

    if (unlikely(forced[operation]))
        return (enum coll_algorithm)(forced[operation] - 1);
    if (choices[operation].layers[0].ranks && layered(comm))
        rule = choices[operation].layers;
    while (comm->size > rule->ranks || (bytes > rule->bytes && rule->bytes != ANY))
        rule++;
    return rule->algorithm;
}

/* The names of what is set in `known`, for an error. */
static const char *list(const char *const *names, int count, unsigned known)
{
    static char text[256];
    size_t length = 0;

    text[0] = 0;
    for (int i = 0; i < count; i++)
        if (known & 1u << i)
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
                                       length ? ", " : "", names[i]);
    return text;
}

static int named(const char *const *names, int count, unsigned known, const char *name,
                 size_t length)
{
    for (int i = 0; i < count; i++)
        if (known & 1u << i && strlen(names[i]) == length && !strncmp(names[i], name, length))
            return i;
    return -1;
}

void coll_configure(void)
{
    const char *at = getenv("CARAVAN_COLL");
    const char *operations[COLL_OPERATIONS];

    for (int i = 0; i < COLL_OPERATIONS; i++)
        operations[i] = choices[i].name;
    while (at && *at) {
        size_t length = strcspn(at, ","), name = strcspn(at, "=,");
        int operation = named(operations, COLL_OPERATIONS, ~0u, at, name), algorithm;

        if (operation < 0)
            core_abort(1, "CARAVAN_COLL: no operation '%.*s'; there are %s", (int)name, at,
                       list(operations, COLL_OPERATIONS, ~0u));
        if (name == length)
            core_abort(1, "CARAVAN_COLL: '%.*s' is not OPERATION=ALGORITHM", (int)length, at);
        algorithm = named(algorithm_names, ALGORITHMS, choices[operation].has, at + name + 1,
                          length - name - 1);
        if (algorithm < 0)
            core_abort(1, "CARAVAN_COLL: %s has no algorithm '%.*s'; it has %s",
                       operations[operation], (int)(length - name - 1), at + name + 1,
                       list(algorithm_names, ALGORITHMS, choices[operation].has));
        forced[operation] = 1 + algorithm;
        at += length + (at[length] == ',');
    }
}
