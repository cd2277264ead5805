/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: collective operations of every kind under way at once, the same random program on every rank from its seed: blocking,
 * nonblocking, persistent and with neighbours; rooted anywhere, with and without varying counts, types with gaps, an operation that
 * does not commute; on communicators made by split, on grids and on inter-communicators, several at once, some freed
 * before their operations have ended; among messages of the program, and ended in any order. Every byte that arrives is
 * checked, and every byte of a gap is untouched. All of it is legal, so each phase must end.
 * Usage: stress_coll [seed [phases]]; a failure names both.
 */
#include "mpi_test.h"

#include <mpi-ext.h>

enum {
    MOST = 14, /* operations of a phase */
    TALK = 8,  /* messages of a phase */
    RANKS = 16,
    BLOCKS = RANKS,
    COMMS = 4,
    UNTOUCHED = 0xcd,
};

static uint64_t shared, own; /* what all ranks draw from, and what each does for itself */
static unsigned long seed;
static int phases, now;

static int below(int bound)
{
    return (int)(random_next(&shared) % (uint32_t)bound);
}

static void claim(int right, const char *what, const char *where)
{
    if (right)
        return;
    fprintf(stderr, "rank %d: %s: %s; to see it again: mpirun -n %d stress_coll %lu %d\n",
            world_rank, where, what, world_size, seed, now + 1);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* ---- communicators ------------------------------------------------------------------------------- */

enum shape { FLAT, GRID, INTER };

/* Disjoint ones made at once have one shape; an inter-communicator's two groups are its sides, others have side 0 only. */
static struct comm {
    MPI_Comm comm;
    enum shape shape;
    int side, rank;
    int size[2];            /* of each side */
    int member[2][RANKS];   /* ranks in world */
    int color[RANKS];       /* of each rank of world, -1 for none */
    int around[4], borders; /* a grid's neighbours in their order */
} comms[COMMS];

static void comm_make_random(struct comm *comm)
{
    int periodic[2] = {1, below(2)}, dims[2] = {0, 0}, key[RANKS];
    MPI_Group world, group;
    MPI_Comm half;

    memset(comm, 0, sizeof(*comm));
    comm->shape = world_size > 1 ? (enum shape)below(3) : (enum shape)below(2);
    for (int i = 0; i < world_size; i++) {
        comm->color[i] = below(2);
        key[i] = below(5);
    }
    if (comm->shape == INTER)
        comm->color[0] = 0, comm->color[world_size - 1] = 1;
    MPI_Comm_split(MPI_COMM_WORLD, comm->color[world_rank], key[world_rank], &half);
    MPI_Comm_rank(half, &comm->rank);
    MPI_Comm_size(half, &comm->size[0]);
    if (comm->shape == INTER) {
        int leader[2] = {-1, -1};

        for (int side = 0; side < 2; side++)
            for (int i = 0; i < world_size; i++)
                if (comm->color[i] == side && (leader[side] < 0 || key[i] < key[leader[side]]))
                    leader[side] = i;
        comm->side = comm->color[world_rank];
        MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, leader[!comm->side], 7, &comm->comm);
        MPI_Comm_free(&half);
        MPI_Comm_size(comm->comm, &comm->size[comm->side]);
        MPI_Comm_remote_size(comm->comm, &comm->size[!comm->side]);
    } else if (comm->shape == GRID) {
        MPI_Dims_create(comm->size[0], 2, dims);
        MPI_Cart_create(half, 2, dims, periodic, 0, &comm->comm);
        MPI_Comm_free(&half);
        comm->borders = 4;
        for (int i = 0; i < 2; i++)
            MPI_Cart_shift(comm->comm, i, 1, &comm->around[2 * i], &comm->around[2 * i + 1]);
    } else {
        comm->comm = half;
    }
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    for (int side = 0; side < 1 + (comm->shape == INTER); side++) {
        int ranks[RANKS];

        for (int i = 0; i < comm->size[side]; i++)
            ranks[i] = i;
        if (side == comm->side)
            MPI_Comm_group(comm->comm, &group);
        else
            MPI_Comm_remote_group(comm->comm, &group);
        MPI_Group_translate_ranks(group, comm->size[side], ranks, world, comm->member[side]);
        MPI_Group_free(&group);
    }
    MPI_Group_free(&world);
}

/* The side that messages come from and go to. */
static int other(const struct comm *comm)
{
    return comm->shape == INTER ? !comm->side : 0;
}

/* ---- operations ---------------------------------------------------------------------------------- */

enum kind {
    BARRIER,
    BCAST,
    GATHER,
    GATHERV,
    SCATTER,
    SCATTERV,
    ALLGATHER,
    ALLGATHERV,
    ALLTOALL,
    ALLTOALLV,
    ALLTOALLW,
    REDUCE,
    ALLREDUCE,
    REDUCE_SCATTER,
    REDUCE_SCATTER_BLOCK,
    IDUP,
    SCAN, /* from here on not between groups */
    EXSCAN,
    NEIGHBOR_ALLGATHER, /* from here on on grids */
    NEIGHBOR_ALLGATHERV,
    NEIGHBOR_ALLTOALL,
    NEIGHBOR_ALLTOALLV,
    NEIGHBOR_ALLTOALLW,
    KINDS,
};

static const char *const names[KINDS] = {
    "barrier",
    "bcast",
    "gather",
    "gatherv",
    "scatter",
    "scatterv",
    "allgather",
    "allgatherv",
    "alltoall",
    "alltoallv",
    "alltoallw",
    "reduce",
    "allreduce",
    "reduce_scatter",
    "reduce_scatter_block",
    "idup",
    "scan",
    "exscan",
    "neighbor_allgather",
    "neighbor_allgatherv",
    "neighbor_alltoall",
    "neighbor_alltoallv",
    "neighbor_alltoallw",
};

enum form { NONBLOCKING, BLOCKING, PERSISTENT };

/* Blocks of elements in one buffer; each has bytes of its own. */
struct blocks {
    int blocks;
    int count[BLOCKS], place[BLOCKS], offset[BLOCKS]; /* in elements, and in bytes */
    uint32_t message[BLOCKS];
    MPI_Aint address[BLOCKS];
    MPI_Datatype type[BLOCKS];
    unsigned char *buffer;
    size_t length;
};

struct operation {
    enum kind kind;
    enum form form;
    struct comm comm;    /* MPI_COMM_NULL in it: freed */
    int root_side, root; /* a rank of that side */
    int base, gapped, number, again;
    struct blocks out, in;
    MPI_Request request;
    MPI_Comm made;
};

static MPI_Datatype dense,
    gapped; /* 3 bytes; 3 bytes, 5 apart, the middle one last in the order of packing */
static MPI_Datatype affine;
static MPI_Op composition;

static size_t extent_of(const struct operation *o)
{
    return o->gapped ? 5 : 3;
}

static uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

/* What rank `from` of a side has for rank `to`; where everyone gets the same, `to` is 0. */
static uint32_t message_of(const struct operation *o, int side, int from, int to)
{
    uint32_t place = (uint32_t)((side * RANKS + from) * RANKS + to);

    return mix(mix((uint32_t)(now * 64 + o->number * 2 + o->again) * 8191u) + place) | 1;
}

static int count_of_block(const struct operation *o, int side, int from, int to)
{
    uint32_t place = (uint32_t)((side * RANKS + from) * RANKS + to);

    switch (o->kind) {
    case GATHERV:
    case SCATTERV:
    case ALLGATHERV:
    case ALLTOALLV:
    case ALLTOALLW:
    case NEIGHBOR_ALLGATHERV:
    case NEIGHBOR_ALLTOALLV:
    case NEIGHBOR_ALLTOALLW:
        return (int)(mix((uint32_t)(now * 64 + o->number) + place * 977u) % 3) * o->base;
    default:
        return o->base;
    }
}

static void add(struct blocks *blocks, int count, uint32_t message)
{
    blocks->count[blocks->blocks] = count;
    blocks->message[blocks->blocks++] = message;
}

static int is_root(const struct operation *o)
{
    return o->comm.side == o->root_side && o->comm.rank == o->root;
}

/* Do the root's messages come from, or go to, the side of this rank? */
static int takes_part(const struct operation *o)
{
    return o->comm.shape != INTER || o->comm.side != o->root_side;
}

static void plan(struct operation *o)
{
    const struct comm *comm = &o->comm;
    int side = comm->side, from = other(comm), me = comm->rank;
    struct blocks *in = &o->in, *out = &o->out;

    in->blocks = out->blocks = 0;
    switch (o->kind) {
    case BCAST:
        if (is_root(o))
            add(out, o->base, message_of(o, o->root_side, o->root, 0));
        else if (takes_part(o))
            add(in, o->base, message_of(o, o->root_side, o->root, 0));
        break;
    case GATHER:
    case GATHERV:
        if (takes_part(o))
            add(out, count_of_block(o, side, me, 0), message_of(o, side, me, 0));
        for (int i = 0; is_root(o) && i < comm->size[from]; i++)
            add(in, count_of_block(o, from, i, 0), message_of(o, from, i, 0));
        break;
    case SCATTER:
    case SCATTERV:
        for (int i = 0; is_root(o) && i < comm->size[from]; i++)
            add(out, count_of_block(o, side, me, i), message_of(o, side, me, i));
        if (takes_part(o))
            add(in, count_of_block(o, o->root_side, o->root, me),
                message_of(o, o->root_side, o->root, me));
        break;
    case ALLGATHER:
    case ALLGATHERV:
        add(out, count_of_block(o, side, me, 0), message_of(o, side, me, 0));
        for (int i = 0; i < comm->size[from]; i++)
            add(in, count_of_block(o, from, i, 0), message_of(o, from, i, 0));
        break;
    case ALLTOALL:
    case ALLTOALLV:
    case ALLTOALLW:
        for (int i = 0; i < comm->size[from]; i++) {
            add(out, count_of_block(o, side, me, i), message_of(o, side, me, i));
            add(in, count_of_block(o, from, i, me), message_of(o, from, i, me));
        }
        break;
    case NEIGHBOR_ALLGATHER:
    case NEIGHBOR_ALLGATHERV:
        add(out, count_of_block(o, 0, me, 0), message_of(o, 0, me, 0));
        for (int i = 0; i < comm->borders; i++) {
            int n = comm->around[i];

            /* What is not there keeps its place and is left alone. */
            add(in, n < 0 ? o->base : count_of_block(o, 0, n, 0),
                n < 0 ? 0 : message_of(o, 0, n, 0));
        }
        break;
    case NEIGHBOR_ALLTOALL:
    case NEIGHBOR_ALLTOALLV:
    case NEIGHBOR_ALLTOALLW:
        /* What leaves by one border comes in by the opposite one: that is how two blocks of one neighbour are told apart. */
        for (int i = 0; i < comm->borders; i++) {
            int n = comm->around[i];

            add(out, count_of_block(o, 0, me, i), message_of(o, 0, me, i));
            add(in, n < 0 ? o->base : count_of_block(o, 0, n, i ^ 1),
                n < 0 ? 0 : message_of(o, 0, n, i ^ 1));
        }
        break;
    default:
        break;
    }
}

/* Blocks stand in any distance where the call can say so, and close together otherwise. */
static void place(struct operation *o, struct blocks *blocks)
{
    int spread = o->kind == GATHERV || o->kind == SCATTERV || o->kind == ALLGATHERV ||
                 o->kind == ALLTOALLV || o->kind == ALLTOALLW || o->kind == NEIGHBOR_ALLGATHERV ||
                 o->kind == NEIGHBOR_ALLTOALLV || o->kind == NEIGHBOR_ALLTOALLW;
    int next = 0;

    for (int i = 0; i < blocks->blocks; i++) {
        if (spread && blocks->blocks > 1)
            next += (int)(random_next(&own) % 3);
        blocks->place[i] = next;
        blocks->offset[i] = next * (int)extent_of(o);
        blocks->address[i] = blocks->offset[i];
        blocks->type[i] = o->gapped ? gapped : dense;
        next += blocks->count[i];
    }
    blocks->length = (size_t)next * extent_of(o) + 8;
    blocks->buffer = malloc(blocks->length);
    memset(blocks->buffer, UNTOUCHED, blocks->length);
}

static unsigned char *byte_of(const struct operation *o, const struct blocks *blocks, int block,
                              size_t i)
{
    static const int order[] = {0, 4, 2};
    unsigned char *element = blocks->buffer + ((size_t)blocks->place[block] + i / 3) * extent_of(o);

    return element + (o->gapped ? order[i % 3] : (int)(i % 3));
}

static void blocks_write(const struct operation *o, struct blocks *blocks)
{
    for (int k = 0; k < blocks->blocks; k++)
        for (size_t i = 0; i < 3 * (size_t)blocks->count[k]; i++)
            *byte_of(o, blocks, k, i) = pattern(blocks->message[k], i);
}

/* Spoils them. */
static void blocks_check(const struct operation *o, struct blocks *blocks)
{
    for (int k = 0; k < blocks->blocks; k++) {
        for (size_t i = 0; blocks->message[k] && i < 3 * (size_t)blocks->count[k]; i++) {
            unsigned char *byte = byte_of(o, blocks, k, i);

            claim(*byte == pattern(blocks->message[k], i), "a byte is wrong", names[o->kind]);
            *byte = UNTOUCHED;
        }
    }
    claim(untouched(blocks->buffer, blocks->length, UNTOUCHED), "a byte outside was touched",
          names[o->kind]);
}

/* ---- reductions: x -> ax + b modulo 2^32, in the order of ranks ---------------------------------- */

struct affine {
    uint32_t a, b;
};

static void compose(void *in, void *inout, int *length, MPI_Datatype *type)
{
    struct affine *first = in, *then = inout;

    (void)type;
    for (int i = 0; i < *length; i++)
        then[i] = (struct affine){first[i].a * then[i].a, first[i].b * then[i].a + then[i].b};
}

static struct affine value_of(const struct operation *o, int side, int rank, int i)
{
    uint32_t word = mix(message_of(o, side, rank, 0) + (uint32_t)i);

    return (struct affine){word | 1, mix(word)};
}

static int reduces(const struct operation *o)
{
    return (o->kind >= REDUCE && o->kind <= REDUCE_SCATTER_BLOCK) || o->kind == SCAN ||
           o->kind == EXSCAN;
}

static int scatters(const struct operation *o)
{
    return o->kind == REDUCE_SCATTER || o->kind == REDUCE_SCATTER_BLOCK;
}

/* As many elements for each rank of one side, and the same number in all for each side. */
static int scattered(const struct operation *o)
{
    const struct comm *comm = &o->comm;

    return comm->shape == INTER ? (o->base % 40) * comm->size[!comm->side] : o->base % 700;
}

static int reduced(const struct operation *o)
{
    return scatters(o) ? scattered(o) * o->comm.size[o->comm.side] : o->base % 3000;
}

static void reduction_open(struct operation *o)
{
    o->in.length = o->out.length = (size_t)reduced(o) * sizeof(struct affine) + 8;
    o->in.buffer = malloc(o->in.length);
    o->out.buffer = malloc(o->out.length);
    memset(o->in.buffer, UNTOUCHED, o->in.length);
    for (int i = 0; scatters(o) && i < o->comm.size[o->comm.side]; i++)
        o->in.count[i] = scattered(o);
}

static void reduction_write(struct operation *o)
{
    struct affine *values = (struct affine *)(void *)o->out.buffer;

    for (int i = 0; i < reduced(o); i++)
        values[i] = value_of(o, o->comm.side, o->comm.rank, i);
}

static void reduction_check(struct operation *o)
{
    const struct comm *comm = &o->comm;
    struct affine *got = (struct affine *)(void *)o->in.buffer;
    int side = other(comm), ranks = comm->size[side], count = reduced(o), first = 0, one = 1;

    if (o->kind == SCAN || o->kind == EXSCAN)
        ranks = comm->rank + (o->kind == SCAN);
    if ((o->kind == REDUCE && !is_root(o)) || ranks == 0)
        count = 0;
    if (scatters(o)) {
        count = scattered(o);
        first = comm->rank * count;
    }
    for (int i = 0; i < count; i++) {
        struct affine result = value_of(o, side, 0, first + i);

        for (int k = 1; k < ranks; k++) {
            struct affine next = value_of(o, side, k, first + i);

            compose(&result, &next, &one, NULL);
            result = next;
        }
        claim(memcmp(&result, &got[i], sizeof(result)) == 0, "a reduction is wrong",
              names[o->kind]);
    }
    /* Of an exclusive scan rank 0's result is undefined. */
    if (o->kind != EXSCAN || comm->rank > 0)
        claim(untouched(got + count, o->in.length - (size_t)count * sizeof(*got), UNTOUCHED),
              "a byte outside was touched", names[o->kind]);
    memset(o->in.buffer, UNTOUCHED, o->in.length);
}

/* ---- starting, ending ---------------------------------------------------------------------------- */

/* Its three forms. */
#define CALL(upper, lower, ...)                                                                    \
    do {                                                                                           \
        if (o->form == BLOCKING)                                                                   \
            MPI_##upper(__VA_ARGS__, comm);                                                        \
        else if (o->form == PERSISTENT)                                                            \
            MPIX_##upper##_init(__VA_ARGS__, comm, MPI_INFO_NULL, &o->request);                    \
        else                                                                                       \
            MPI_I##lower(__VA_ARGS__, comm, &o->request);                                          \
    } while (0)

static void start_rooted(struct operation *o, int root)
{
    MPI_Comm comm = o->comm.comm;
    struct blocks *in = &o->in, *out = &o->out;
    MPI_Datatype type = o->gapped ? gapped : dense;

    switch (o->kind) {
    case BCAST:
        CALL(Bcast, bcast, is_root(o) ? out->buffer : in->buffer, o->base, type, root);
        break;
    case GATHER:
        CALL(Gather, gather, out->buffer, o->base, type, in->buffer, o->base, type, root);
        break;
    case GATHERV:
        CALL(Gatherv, gatherv, out->buffer, out->count[0], type, in->buffer, in->count, in->place,
             type, root);
        break;
    case SCATTER:
        CALL(Scatter, scatter, out->buffer, o->base, type, in->buffer, o->base, type, root);
        break;
    case SCATTERV:
        CALL(Scatterv, scatterv, out->buffer, out->count, out->place, type, in->buffer,
             in->count[0], type, root);
        break;
    default:
        CALL(Reduce, reduce, out->buffer, in->buffer, reduced(o), affine, composition, root);
        break;
    }
}

static void start_reduction(struct operation *o)
{
    MPI_Comm comm = o->comm.comm;
    void *send = o->out.buffer, *recv = o->in.buffer;
    int count = reduced(o);

    switch (o->kind) {
    case ALLREDUCE:
        CALL(Allreduce, allreduce, send, recv, count, affine, composition);
        break;
    case REDUCE_SCATTER:
        CALL(Reduce_scatter, reduce_scatter, send, recv, o->in.count, affine, composition);
        break;
    case REDUCE_SCATTER_BLOCK:
        CALL(Reduce_scatter_block, reduce_scatter_block, send, recv, scattered(o), affine,
             composition);
        break;
    case SCAN:
        CALL(Scan, scan, send, recv, count, affine, composition);
        break;
    default:
        CALL(Exscan, exscan, send, recv, count, affine, composition);
        break;
    }
}

static void start_neighbours(struct operation *o)
{
    MPI_Comm comm = o->comm.comm;
    struct blocks *in = &o->in, *out = &o->out;
    void *send = out->buffer, *recv = in->buffer;
    MPI_Datatype type = o->gapped ? gapped : dense;

    switch (o->kind) {
    case NEIGHBOR_ALLGATHER:
        CALL(Neighbor_allgather, neighbor_allgather, send, o->base, type, recv, o->base, type);
        break;
    case NEIGHBOR_ALLGATHERV:
        CALL(Neighbor_allgatherv, neighbor_allgatherv, send, out->count[0], type, recv, in->count,
             in->place, type);
        break;
    case NEIGHBOR_ALLTOALL:
        CALL(Neighbor_alltoall, neighbor_alltoall, send, o->base, type, recv, o->base, type);
        break;
    case NEIGHBOR_ALLTOALLV:
        CALL(Neighbor_alltoallv, neighbor_alltoallv, send, out->count, out->place, type, recv,
             in->count, in->place, type);
        break;
    default:
        CALL(Neighbor_alltoallw, neighbor_alltoallw, send, out->count, out->address, out->type,
             recv, in->count, in->address, in->type);
        break;
    }
}

static void start_all_to_all(struct operation *o)
{
    MPI_Comm comm = o->comm.comm;
    struct blocks *in = &o->in, *out = &o->out;
    void *send = out->buffer, *recv = in->buffer;
    MPI_Datatype type = o->gapped ? gapped : dense;

    switch (o->kind) {
    case ALLGATHER:
        CALL(Allgather, allgather, send, o->base, type, recv, o->base, type);
        break;
    case ALLGATHERV:
        CALL(Allgatherv, allgatherv, send, out->count[0], type, recv, in->count, in->place, type);
        break;
    case ALLTOALL:
        CALL(Alltoall, alltoall, send, o->base, type, recv, o->base, type);
        break;
    case ALLTOALLV:
        CALL(Alltoallv, alltoallv, send, out->count, out->place, type, recv, in->count, in->place,
             type);
        break;
    default:
        CALL(Alltoallw, alltoallw, send, out->count, out->offset, out->type, recv, in->count,
             in->offset, in->type);
        break;
    }
}

static void fill(struct operation *o)
{
    plan(o);
    if (reduces(o))
        reduction_write(o);
    else
        blocks_write(o, &o->out);
}

static void start(struct operation *o)
{
    const struct comm *comm = &o->comm;
    int root = o->root;

    if (comm->shape == INTER && comm->side == o->root_side)
        root = is_root(o) ? MPI_ROOT : MPI_PROC_NULL;
    if (o->kind == BARRIER && o->form == BLOCKING)
        MPI_Barrier(comm->comm);
    else if (o->kind == BARRIER && o->form == PERSISTENT)
        MPIX_Barrier_init(comm->comm, MPI_INFO_NULL, &o->request);
    else if (o->kind == BARRIER)
        MPI_Ibarrier(comm->comm, &o->request);
    else if (o->kind == IDUP)
        MPI_Comm_idup(comm->comm, &o->made, &o->request);
    else if (o->kind <= SCATTERV || o->kind == REDUCE)
        start_rooted(o, root);
    else if (reduces(o))
        start_reduction(o);
    else if (o->kind >= NEIGHBOR_ALLGATHER)
        start_neighbours(o);
    else
        start_all_to_all(o);
    if (o->form == PERSISTENT)
        MPI_Start(&o->request);
}

static void begin(struct operation *o)
{
    o->request = MPI_REQUEST_NULL;
    plan(o);
    if (reduces(o)) {
        reduction_open(o);
    } else {
        place(o, &o->in);
        place(o, &o->out);
    }
    fill(o);
    start(o);
}

static void check(struct operation *o)
{
    int result;

    if (o->kind == IDUP) {
        if (o->comm.comm != MPI_COMM_NULL) {
            MPI_Comm_compare(o->comm.comm, o->made, &result);
            claim(result == MPI_CONGRUENT, "a duplicate is none", names[o->kind]);
        }
        MPI_Barrier(o->made);
        MPI_Comm_free(&o->made);
    } else if (reduces(o)) {
        reduction_check(o);
    } else {
        blocks_check(o, &o->in);
        blocks_check(o, &o->out);
    }
}

static void end(struct operation *o)
{
    if (o->form == PERSISTENT)
        MPI_Request_free(&o->request);
    free(o->in.buffer);
    free(o->out.buffer);
}

/* Each rank ends what it has in a way of its own. */
static void complete(int count, MPI_Request *requests)
{
    int left = count, done, indices[MOST + 2 * TALK], way = (int)(random_next(&own) % 4);

    if (way == 0) {
        MPI_Waitall(count, requests, MPI_STATUSES_IGNORE);
    } else if (way == 1) {
        do
            MPI_Waitany(count, requests, &done, MPI_STATUS_IGNORE);
        while (done != MPI_UNDEFINED);
    } else if (way == 2) {
        do
            MPI_Testsome(count, requests, &done, indices, MPI_STATUSES_IGNORE);
        while (done != MPI_UNDEFINED);
    } else {
        while (left-- > 0)
            MPI_Wait(&requests[left], MPI_STATUS_IGNORE);
    }
}

/* ---- messages of the program --------------------------------------------------------------------- */

struct talk {
    int from_side, from, to, bytes, wild, synchronous, tag;
    struct comm comm;
    unsigned char *out, *in;
};

static int speaks(const struct talk *t)
{
    return t->comm.side == t->from_side && t->comm.rank == t->from;
}

static int listens(const struct talk *t)
{
    return t->comm.rank == t->to && (t->comm.shape != INTER || t->comm.side != t->from_side);
}

static void talk_begin(struct talk *t, MPI_Request *requests)
{
    requests[0] = requests[1] = MPI_REQUEST_NULL;
    t->in = t->out = NULL;
    if (listens(t)) {
        t->in = malloc((size_t)t->bytes + 1);
        MPI_Irecv(t->in, t->bytes, MPI_BYTE, t->wild ? MPI_ANY_SOURCE : t->from, t->tag,
                  t->comm.comm, &requests[0]);
    }
    if (speaks(t)) {
        t->out = malloc((size_t)t->bytes + 1);
        pattern_write(t->out, (size_t)t->bytes, (uint32_t)t->tag);
        (t->synchronous ? MPI_Issend : MPI_Isend)(t->out, t->bytes, MPI_BYTE, t->to, t->tag,
                                                  t->comm.comm, &requests[1]);
    }
}

static void talk_end(struct talk *t)
{
    claim(!t->in || pattern_is(t->in, (size_t)t->bytes, (uint32_t)t->tag), "a byte is wrong",
          "a message");
    free(t->in);
    free(t->out);
}

/* ---- a phase ------------------------------------------------------------------------------------- */

static int random_count(void)
{
    int kind = below(10);

    return kind == 0 ? below(20000) : kind < 4 ? below(4) : below(400);
}

static void operation_draw(struct operation *o, int number)
{
    int side, root;

    memset(o, 0, sizeof(*o));
    o->comm = comms[below(COMMS)];
    o->kind = (enum kind)below(KINDS);
    if (o->kind >= NEIGHBOR_ALLGATHER && o->comm.shape != GRID)
        o->kind = (enum kind)below(NEIGHBOR_ALLGATHER);
    if (o->kind >= SCAN && o->comm.shape == INTER)
        o->kind = (enum kind)below(SCAN);
    o->form = (enum form)(below(5) % 3);
    if (o->form == PERSISTENT && o->comm.shape == INTER)
        o->form = NONBLOCKING;
    if (o->kind == IDUP)
        o->form = NONBLOCKING;
    o->base = random_count();
    o->gapped = below(2);
    o->number = number;
    side = below(2), root = below(RANKS);
    o->root_side = o->comm.shape == INTER ? side : 0;
    o->root = root % o->comm.size[o->root_side];
}

static void talk_draw(struct talk *t, int tag)
{
    int side, from, to;

    *t = (struct talk){.tag = tag};
    t->comm = comms[below(COMMS)];
    side = below(2), from = below(RANKS), to = below(RANKS);
    t->from_side = t->comm.shape == INTER ? side : 0;
    t->from = from % t->comm.size[t->from_side];
    t->to = to % t->comm.size[t->comm.shape == INTER ? !side : 0];
    t->bytes = below(5) ? below(3000) : below(150000);
    t->wild = below(2);
    t->synchronous = below(3) == 0;
}

static void phase(void)
{
    static struct operation operations[MOST];
    static struct talk talks[TALK];
    MPI_Request requests[MOST + 2 * TALK];
    int count = 1 + below(MOST), talking = below(TALK + 1), renewed = below(COMMS),
        early = below(2);
    int when = below(MOST), kept = 0;

    for (int i = 0; i < count; i++)
        operation_draw(&operations[i], i);
    for (int i = 0; i < talking; i++)
        talk_draw(&talks[i], now * TALK + i); /* no other phase has it: nobody waits between them */
    for (int i = 0; i < count; i++)
        early &= operations[i].form != PERSISTENT;
    for (int i = 0; i < count; i++) {
        if (i < talking)
            talk_begin(&talks[i], &requests[MOST + 2 * i]);
        begin(&operations[i]);
    }
    for (int i = count; i < talking; i++)
        talk_begin(&talks[i], &requests[MOST + 2 * i]);
    /* The communicator goes, and others come, while all this is under way. */
    if (early) {
        MPI_Comm gone = comms[renewed].comm;

        MPI_Comm_free(&comms[renewed].comm);
        for (int i = 0; i < count; i++)
            if (operations[i].comm.comm == gone)
                operations[i].comm.comm = MPI_COMM_NULL;
        comm_make_random(&comms[renewed]);
    }
    for (int i = 0; i < count; i++)
        requests[i] = operations[i].request;
    for (int i = count; i < MOST; i++)
        requests[i] = MPI_REQUEST_NULL;
    complete(MOST + 2 * talking, requests);
    for (int i = 0; i < talking; i++)
        talk_end(&talks[i]);
    for (int i = 0; i < count; i++)
        check(&operations[i]);
    /* Once more what is persistent, with other data. */
    for (int i = 0; i < count; i++) {
        if (operations[i].form != PERSISTENT)
            continue;
        operations[i].again = 1;
        fill(&operations[i]);
        requests[kept++] = operations[i].request;
    }
    MPI_Startall(kept, requests);
    complete(kept, requests);
    for (int i = 0; i < count; i++) {
        if (operations[i].form == PERSISTENT)
            check(&operations[i]);
        end(&operations[i]);
    }
    if (!early && when < MOST / 2) {
        MPI_Comm_free(&comms[renewed].comm);
        comm_make_random(&comms[renewed]);
    }
}

int main(int argc, char **argv)
{
    int one[] = {1, 1, 1}, at[] = {0, 4, 2};
    MPI_Datatype packed;

    seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    phases = argc > 2 ? atoi(argv[2]) : 100;
    test_start(&argc, &argv);
    require(world_size <= RANKS);
    shared = seed * 0x9e3779b97f4a7c15u + 1;
    own = shared + (uint64_t)world_rank;
    MPI_Type_contiguous(3, MPI_BYTE, &dense);
    MPI_Type_indexed(3, one, at, MPI_BYTE, &packed);
    MPI_Type_create_resized(packed, 0, 5, &gapped);
    MPI_Type_free(&packed);
    MPI_Type_contiguous(2, MPI_UINT32_T, &affine);
    MPI_Type_commit(&dense);
    MPI_Type_commit(&gapped);
    MPI_Type_commit(&affine);
    MPI_Op_create(compose, 0, &composition);
    for (int i = 0; i < COMMS; i++)
        comm_make_random(&comms[i]);
    for (now = 0; now < phases; now++)
        phase();
    for (int i = 0; i < COMMS; i++)
        MPI_Comm_free(&comms[i].comm);
    MPI_Op_free(&composition);
    MPI_Type_free(&dense);
    MPI_Type_free(&gapped);
    MPI_Type_free(&affine);
    return test_end();
}
