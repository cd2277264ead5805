/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: nonblocking and persistent collectives give what their definition says, from every root, for counts from 0 to
 * long, in place, for a type with gaps, and for an operation that does not commute; many at once on one communicator, in
 * whatever order they are waited for, among blocking collectives and messages of the program, and after their types,
 * operations and communicators were freed. Argument: a seed. Any number of ranks.
 */
#include "mpi_test.h"

#include <mpi-ext.h>

enum { MOST = 70000, GAP = -7 };

static uint64_t state;

/* 2x2 matrices modulo a prime: products show their order. */
static void multiply(void *in, void *inout, int *length, MPI_Datatype *type)
{
    for (int i = 0; i < *length; i++) {
        const int *x = (int *)in + 4 * i;
        int *y = (int *)inout + 4 * i, z[4];

        z[0] = (x[0] * y[0] + x[1] * y[2]) % 10007;
        z[1] = (x[0] * y[1] + x[1] * y[3]) % 10007;
        z[2] = (x[2] * y[0] + x[3] * y[2]) % 10007;
        z[3] = (x[2] * y[1] + x[3] * y[3]) % 10007;
        memcpy(y, z, sizeof(z));
    }
}

/* ---- one operation, checked against its definition ----------------------------------------------- */

enum kind {
    BARRIER,
    BCAST,
    REDUCE,
    ALLREDUCE,
    SCAN,
    EXSCAN,
    PRODUCT, /* allreduce, in the order of ranks */
    GATHER,
    GATHERV,
    SCATTER,
    SCATTERV,
    ALLGATHER,
    ALLGATHERV,
    ALLTOALL,
    ALLTOALLV,
    ALLTOALLW,
    REDUCE_SCATTER,
    REDUCE_SCATTER_BLOCK,
    KINDS,
};

struct operation {
    enum kind kind;
    int count, root, number;
    int in_place;
    int gaps; /* blocks of ints with a gap behind each */
    int *send, *recv;
    int *counts, *places, *bytes;
    MPI_Datatype *types, type;
    MPI_Op op;
    MPI_Request request;
};

/* Element `i` of what rank `from` has for rank `to`. */
static int value(const struct operation *o, int from, int to, int i)
{
    return (o->number * 31 + from * 1009 + to * 9176 + i * 7) % 100003;
}

/* Elements that rank `from` has for rank `to` in the v forms. */
static int varying(const struct operation *o, int from, int to)
{
    return o->count * ((from + 2 * to) % 3);
}

static int stride(const struct operation *o)
{
    return o->gaps ? 2 : 1;
}

static int *ints(size_t count)
{
    int *made = malloc((count + 1) * sizeof(int));

    for (size_t i = 0; i <= count; i++)
        made[i] = GAP;
    return made;
}

static int is_target(const struct operation *o)
{
    return o->kind != REDUCE && o->kind != GATHER && o->kind != GATHERV ? 1 : world_rank == o->root;
}

static void put(const struct operation *o, int *at, int from, int to, int count)
{
    for (int i = 0; i < count; i++)
        at[i * stride(o)] = value(o, from, to, i);
}

static void check_block(const struct operation *o, const int *at, int from, int to, int count)
{
    for (int i = 0; i < count; i++) {
        require(at[i * stride(o)] == value(o, from, to, i));
        require(!o->gaps || at[i * 2 + 1] == GAP);
    }
}

static void prepare(struct operation *o, enum kind kind, int count, int root, int number)
{
    size_t each = 3 * (size_t)count + 4, all = 2 * each * (size_t)(world_size + 1);

    memset(o, 0, sizeof(*o));
    o->kind = kind;
    o->count = count;
    o->root = root;
    o->number = number;
    o->in_place = (int)(random_next(&state) % 2);
    o->gaps = (int)(random_next(&state) % 3) == 0;
    if (kind == REDUCE || kind == ALLREDUCE || kind == SCAN || kind == EXSCAN || kind == PRODUCT ||
        kind >= REDUCE_SCATTER)
        o->gaps = 0;
    if ((kind == SCATTER || kind == SCATTERV || kind == REDUCE || kind == GATHER ||
         kind == GATHERV) &&
        world_rank != root)
        o->in_place = 0;
    if (kind == ALLTOALLV || kind == ALLTOALLW) /* blocks differ in the two directions */
        o->in_place = 0;
    o->send = ints(all);
    o->recv = ints(all);
    o->counts = ints((size_t)world_size * 2);
    o->places = ints((size_t)world_size * 2);
    o->bytes = ints((size_t)world_size * 2);
    o->types = malloc((size_t)world_size * sizeof(MPI_Datatype));
    if (o->gaps) {
        MPI_Type_create_resized(MPI_INT, 0, 2 * sizeof(int), &o->type);
        MPI_Type_commit(&o->type);
    } else if (kind == PRODUCT) {
        MPI_Type_contiguous(4, MPI_INT, &o->type);
        MPI_Type_commit(&o->type);
    } else {
        MPI_Type_dup(MPI_INT, &o->type);
    }
    if (kind == PRODUCT)
        MPI_Op_create(multiply, 0, &o->op);
    for (int i = 0; i < world_size; i++)
        o->types[i] = o->type;
}

static void matrix_of(const struct operation *o, int rank, int i, int *m)
{
    m[0] = rank + 2;
    m[1] = (i + o->number) % 100 + 1;
    m[2] = 2 * rank + 1;
    m[3] = i % 7 + 3;
}

/* Where block i of a v form begins, in elements; a gap of one element behind each. */
static int place_of(const struct operation *o, int gathered, int i)
{
    int place = 0;

    for (int j = 0; j < i; j++)
        place += (gathered ? varying(o, j, world_rank) : varying(o, world_rank, j)) + 1;
    return place;
}

static void fill(struct operation *o)
{
    int s = stride(o), n = o->count;

    switch (o->kind) {
    case BARRIER:
        break;
    case BCAST:
        if (world_rank == o->root)
            put(o, o->recv, o->root, 0, n);
        break;
    case PRODUCT:
        for (int i = 0; i < n; i++)
            matrix_of(o, world_rank, i, (o->in_place ? o->recv : o->send) + 4 * i);
        break;
    case REDUCE:
    case ALLREDUCE:
    case SCAN:
    case EXSCAN:
        put(o, o->in_place ? o->recv : o->send, world_rank, 0, n);
        break;
    case GATHER:
    case ALLGATHER:
        put(o, o->in_place ? o->recv + world_rank * n * s : o->send, world_rank, 0, n);
        break;
    case GATHERV:
    case ALLGATHERV:
        for (int i = 0, place = 0; i < world_size; i++) {
            o->counts[i] = varying(o, i, o->root);
            o->places[i] = place;
            place += o->counts[i] + 1;
        }
        put(o, o->in_place ? o->recv + o->places[world_rank] * s : o->send, world_rank, 0,
            o->counts[world_rank]);
        break;
    case SCATTER:
        for (int i = 0; i < world_size && world_rank == o->root; i++)
            put(o, o->send + i * n * s, o->root, i, n);
        break;
    case SCATTERV:
        for (int i = 0; i < world_size; i++) {
            o->counts[i] = varying(o, o->root, i);
            o->places[i] = i ? o->places[i - 1] + o->counts[i - 1] + 1 : 0;
            if (world_rank == o->root)
                put(o, o->send + o->places[i] * s, o->root, i, o->counts[i]);
        }
        break;
    case ALLTOALL:
        for (int i = 0; i < world_size; i++)
            put(o, (o->in_place ? o->recv : o->send) + i * n * s, world_rank, i, n);
        break;
    case ALLTOALLV:
    case ALLTOALLW:
        for (int i = 0; i < world_size; i++) {
            o->counts[i] = varying(o, world_rank, i);
            o->counts[world_size + i] = varying(o, i, world_rank);
            o->places[i] = place_of(o, 0, i);
            o->places[world_size + i] = place_of(o, 1, i);
            o->bytes[i] = o->places[i] * s * (int)sizeof(int);
            o->bytes[world_size + i] = o->places[world_size + i] * s * (int)sizeof(int);
            put(o, o->send + o->places[i] * s, world_rank, i, o->counts[i]);
        }
        break;
    case REDUCE_SCATTER:
    case REDUCE_SCATTER_BLOCK:
        for (int i = 0, place = 0; i < world_size; i++) {
            o->counts[i] = o->kind == REDUCE_SCATTER ? varying(o, 0, i) : n;
            o->places[i] = place;
            put(o, (o->in_place ? o->recv : o->send) + place, world_rank, i, o->counts[i]);
            place += o->counts[i];
        }
        break;
    default:
        break;
    }
}

static void begin(struct operation *o, int keep, MPI_Comm comm)
{
    int n = o->count;
    int *recv = o->recv;
    MPI_Datatype type = o->type;
    const void *send = o->in_place ? MPI_IN_PLACE : o->send;
    MPI_Request *request = &o->request;
    MPI_Op op = o->op ? o->op : MPI_SUM;

#define BEGIN(name, kept, ...)                                                                     \
    do {                                                                                           \
        if (keep)                                                                                  \
            MPIX_##kept(__VA_ARGS__, comm, MPI_INFO_NULL, request);                                \
        else                                                                                       \
            MPI_##name(__VA_ARGS__, comm, request);                                                \
    } while (0)

    if (o->kind == REDUCE || o->kind == ALLREDUCE || o->kind == SCAN || o->kind == EXSCAN ||
        o->kind >= REDUCE_SCATTER)
        type = MPI_INT;
    switch (o->kind) {
    case BARRIER:
        if (keep)
            MPIX_Barrier_init(comm, MPI_INFO_NULL, request);
        else
            MPI_Ibarrier(comm, request);
        break;
    case BCAST:
        BEGIN(Ibcast, Bcast_init, recv, n, type, o->root);
        break;
    case REDUCE:
        BEGIN(Ireduce, Reduce_init, send, recv, n, type, op, o->root);
        break;
    case ALLREDUCE:
    case PRODUCT:
        BEGIN(Iallreduce, Allreduce_init, send, recv, n, type, op);
        break;
    case SCAN:
        BEGIN(Iscan, Scan_init, send, recv, n, type, op);
        break;
    case EXSCAN:
        BEGIN(Iexscan, Exscan_init, send, recv, n, type, op);
        break;
    case GATHER:
        BEGIN(Igather, Gather_init, send, n, type, recv, n, type, o->root);
        break;
    case GATHERV:
        BEGIN(Igatherv, Gatherv_init, send, o->counts[world_rank], type, recv, o->counts, o->places,
              type, o->root);
        break;
    case SCATTER:
        BEGIN(Iscatter, Scatter_init, o->send, n, type, o->in_place ? MPI_IN_PLACE : recv, n, type,
              o->root);
        break;
    case SCATTERV:
        BEGIN(Iscatterv, Scatterv_init, o->send, o->counts, o->places, type,
              o->in_place ? MPI_IN_PLACE : recv, o->counts[world_rank], type, o->root);
        break;
    case ALLGATHER:
        BEGIN(Iallgather, Allgather_init, send, n, type, recv, n, type);
        break;
    case ALLGATHERV:
        BEGIN(Iallgatherv, Allgatherv_init, send, o->counts[world_rank], type, recv, o->counts,
              o->places, type);
        break;
    case ALLTOALL:
        BEGIN(Ialltoall, Alltoall_init, send, n, type, recv, n, type);
        break;
    case ALLTOALLV:
        BEGIN(Ialltoallv, Alltoallv_init, send, o->counts, o->places, type, recv,
              o->counts + world_size, o->places + world_size, type);
        break;
    case ALLTOALLW:
        BEGIN(Ialltoallw, Alltoallw_init, send, o->counts, o->bytes, o->types, recv,
              o->counts + world_size, o->bytes + world_size, o->types);
        break;
    case REDUCE_SCATTER:
        BEGIN(Ireduce_scatter, Reduce_scatter_init, send, recv, o->counts, type, op);
        break;
    case REDUCE_SCATTER_BLOCK:
        BEGIN(Ireduce_scatter_block, Reduce_scatter_block_init, send, recv, n, type, op);
        break;
    default:
        break;
    }
    /* In use, and yet the program is done with them. */
    MPI_Type_free(&o->type);
    if (o->op)
        MPI_Op_free(&o->op);
}

static void check_sum(const struct operation *o, int first, int last, int to, int count)
{
    for (int i = 0; i < count; i++) {
        int sum = 0;

        for (int rank = first; rank <= last; rank++)
            sum += value(o, rank, to, i);
        require(o->recv[i] == sum);
    }
}

static void check_products(const struct operation *o)
{
    int one = 1;

    for (int i = 0; i < o->count; i++) {
        int product[4], next[4];

        matrix_of(o, world_size - 1, i, product);
        for (int rank = world_size - 2; rank >= 0; rank--) {
            matrix_of(o, rank, i, next);
            multiply(next, product, &one, NULL);
        }
        require(memcmp(o->recv + 4 * i, product, sizeof(product)) == 0);
    }
}

static void check(const struct operation *o)
{
    int n = o->count, s = stride(o);

    if (!is_target(o))
        return;
    switch (o->kind) {
    case BCAST:
        check_block(o, o->recv, o->root, 0, n);
        break;
    case REDUCE:
    case ALLREDUCE:
        check_sum(o, 0, world_size - 1, 0, n);
        break;
    case SCAN:
        check_sum(o, 0, world_rank, 0, n);
        break;
    case EXSCAN:
        if (world_rank > 0)
            check_sum(o, 0, world_rank - 1, 0, n);
        break;
    case PRODUCT:
        check_products(o);
        break;
    case GATHER:
    case ALLGATHER:
        for (int i = 0; i < world_size; i++)
            check_block(o, o->recv + i * n * s, i, 0, n);
        break;
    case GATHERV:
    case ALLGATHERV:
        for (int i = 0; i < world_size; i++) {
            check_block(o, o->recv + o->places[i] * s, i, 0, o->counts[i]);
            require(o->recv[(o->places[i] + o->counts[i]) * s] == GAP);
        }
        break;
    case SCATTER:
        if (!o->in_place)
            check_block(o, o->recv, o->root, world_rank, n);
        break;
    case SCATTERV:
        if (!o->in_place)
            check_block(o, o->recv, o->root, world_rank, o->counts[world_rank]);
        break;
    case ALLTOALL:
        for (int i = 0; i < world_size; i++)
            check_block(o, o->recv + i * n * s, i, world_rank, n);
        break;
    case ALLTOALLV:
    case ALLTOALLW:
        for (int i = 0; i < world_size; i++) {
            check_block(o, o->recv + o->places[world_size + i] * s, i, world_rank,
                        o->counts[world_size + i]);
            require(o->recv[(o->places[world_size + i] + o->counts[world_size + i]) * s] == GAP);
        }
        break;
    case REDUCE_SCATTER:
    case REDUCE_SCATTER_BLOCK:
        check_sum(o, 0, world_size - 1, world_rank, o->counts[world_rank]);
        break;
    default:
        break;
    }
}

static void end(struct operation *o)
{
    free(o->send);
    free(o->recv);
    free(o->counts);
    free(o->places);
    free(o->bytes);
    free(o->types);
}

/* ---- one at a time ------------------------------------------------------------------------------- */

static void each_alone(void)
{
    static const int counts[] = {0, 1, 5, 700, 9000};

    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            for (int root = 0; root<world_size; root += world_size> 5 ? world_size - 1 : 1) {
                for (int keep = 0; keep < 2; keep++) {
                    struct operation o;

                    prepare(&o, (enum kind)kind, counts[i], root, root);
                    fill(&o);
                    begin(&o, keep, MPI_COMM_WORLD);
                    if (keep)
                        MPI_Start(&o.request);
                    MPI_Wait(&o.request, MPI_STATUS_IGNORE);
                    check(&o);
                    if (keep)
                        MPI_Request_free(&o.request);
                    require(o.request == MPI_REQUEST_NULL);
                    end(&o);
                }
            }
        }
    }
}

/* What is longer than a message, and dealt out. */
static void long_bcast(void)
{
    for (int gaps = 0; gaps < 2; gaps++) {
        for (int root = 0; root < world_size; root++) {
            struct operation o;

            prepare(&o, BCAST, MOST, root, gaps);
            fill(&o);
            begin(&o, 0, MPI_COMM_WORLD);
            MPI_Wait(&o.request, MPI_STATUS_IGNORE);
            check(&o);
            end(&o);
        }
    }
}

/* ---- many at once ---------------------------------------------------------------------------------- */

enum { AT_ONCE = 24, ROUNDS = 12 };

/* Each rank has its own order of completion, and its own way. */
static void complete(struct operation *operations, uint64_t *own)
{
    MPI_Request requests[AT_ONCE];
    int indices[AT_ONCE], done = 0, some, flag, index;

    for (int i = 0; i < AT_ONCE; i++)
        requests[i] = operations[i].request;
    while (done < AT_ONCE) {
        int i = (int)(random_next(own) % AT_ONCE);

        switch (random_next(own) % 5) {
        case 0:
            if (requests[i] == MPI_REQUEST_NULL)
                break;
            MPI_Wait(&requests[i], MPI_STATUS_IGNORE);
            check(&operations[i]);
            done++;
            break;
        case 1:
            if (requests[i] == MPI_REQUEST_NULL)
                break;
            MPI_Request_get_status(requests[i], &flag, MPI_STATUS_IGNORE);
            if (flag)
                check(&operations[i]);
            MPI_Test(&requests[i], &flag, MPI_STATUS_IGNORE);
            if (flag)
                check(&operations[i]);
            done += flag;
            break;
        case 2:
            MPI_Waitany(AT_ONCE, requests, &index, MPI_STATUS_IGNORE);
            check(&operations[index]);
            done++;
            break;
        case 3:
            MPI_Testsome(AT_ONCE, requests, &some, indices, MPI_STATUSES_IGNORE);
            for (int j = 0; j < some; j++)
                check(&operations[indices[j]]);
            done += some;
            break;
        default:
            if (done < AT_ONCE / 2)
                break;
            MPI_Waitall(AT_ONCE, requests, MPI_STATUSES_IGNORE);
            for (int j = 0; j < AT_ONCE; j++)
                check(&operations[j]);
            done = AT_ONCE;
            break;
        }
    }
}

static void many_at_once(void)
{
    uint64_t own = state + 77u * (uint64_t)world_rank + 1;

    for (int round = 0; round < ROUNDS; round++) {
        struct operation operations[AT_ONCE];
        int sent = round, got = -1, sum = 0, next = (world_rank + 1) % world_size;
        MPI_Request message[2];
        MPI_Comm comm;

        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        MPI_Irecv(&got, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &message[0]);
        for (int i = 0; i < AT_ONCE; i++) {
            enum kind kind = (enum kind)(random_next(&state) % KINDS);
            int count = (int)(random_next(&state) % (i % 6 == 0 ? 3000 : 20));
            int root = (int)(random_next(&state) % (uint32_t)world_size);

            prepare(&operations[i], kind, count, root, i);
            fill(&operations[i]);
            begin(&operations[i], 0, comm);
            if (i % 8 == 5) {
                MPI_Allreduce(&i, &sum, 1, MPI_INT, MPI_SUM, comm);
                require(sum == i * world_size);
            }
        }
        MPI_Isend(&sent, 1, MPI_INT, next, round, comm, &message[1]);
        if (round % 2) {
            MPI_Waitall(2, message, MPI_STATUSES_IGNORE);
            MPI_Comm_free(&comm);
        }
        complete(operations, &own);
        if (comm != MPI_COMM_NULL) {
            MPI_Waitall(2, message, MPI_STATUSES_IGNORE);
            MPI_Comm_free(&comm);
        }
        require(got == round);
        for (int i = 0; i < AT_ONCE; i++)
            end(&operations[i]);
    }
}

/* ---- again and again ------------------------------------------------------------------------------- */

/* Started in an order of its own by each rank. */
static void restarts(void)
{
    struct operation operations[KINDS];
    MPI_Request requests[KINDS];

    for (int kind = 0; kind < KINDS; kind++) {
        prepare(&operations[kind], (enum kind)kind, 50 * (kind % 4), kind % world_size, kind);
        fill(&operations[kind]);
        begin(&operations[kind], 1, MPI_COMM_WORLD);
    }
    for (int time = 0; time < 5; time++) {
        for (int i = 0; i < KINDS; i++) {
            struct operation *o = &operations[(i + world_rank * 5) % KINDS];

            o->number = (int)(o->kind) + 100 * time;
            fill(o);
            if (time % 2)
                MPI_Start(&o->request);
        }
        for (int i = 0; i < KINDS; i++)
            requests[i] = operations[i].request;
        if (time % 2 == 0)
            MPI_Startall(KINDS, requests);
        MPI_Waitall(KINDS, requests, MPI_STATUSES_IGNORE);
        for (int i = 0; i < KINDS; i++) {
            require(requests[i] == operations[i].request);
            check(&operations[i]);
        }
    }
    for (int kind = 0; kind < KINDS; kind++) {
        MPI_Request_free(&operations[kind].request);
        end(&operations[kind]);
    }
}

/* ---- what nobody may wait for -------------------------------------------------------------------- */

/* A barrier that the last rank enters late: the others compute, and may look, and are not let through. */
static void late(void)
{
    MPI_Request request;
    int flag, word = 1, last = world_size - 1;

    if (world_size == 1)
        return;
    if (world_rank == last) {
        for (int i = 0; i < last; i++)
            MPI_Recv(&word, 1, MPI_INT, i, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Ibarrier(MPI_COMM_WORLD, &request);
    } else {
        MPI_Ibarrier(MPI_COMM_WORLD, &request);
        for (int i = 0; i < 20; i++) {
            MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
            require(!flag);
        }
        MPI_Send(&word, 1, MPI_INT, last, 3, MPI_COMM_WORLD);
    }
    MPI_Wait(&request, MPI_STATUS_IGNORE);
}

static int copies;

static int copy(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag)
{
    copies++;
    *(void **)out = (char *)in + 1;
    *flag = 1;
    return MPI_SUCCESS;
}

/* Duplicates of two communicators, agreed on at once, in the way of one another and of a blocking one. */
static void duplicates(void)
{
    enum { EACH = 4 };
    MPI_Comm half, made[2 * EACH], other;
    MPI_Request requests[2 * EACH];
    int keyval, flag, rank, result;
    void *value;
    char place[2];

    MPI_Comm_create_keyval(copy, MPI_COMM_NULL_DELETE_FN, &keyval, NULL);
    MPI_Comm_set_attr(MPI_COMM_WORLD, keyval, place);
    MPI_Comm_split(MPI_COMM_WORLD, world_rank / 2, 0, &half);
    for (int i = 0; i < EACH; i++) {
        if ((world_rank / 2 + i) % 2) {
            MPI_Comm_idup(MPI_COMM_WORLD, &made[2 * i], &requests[2 * i]);
            MPI_Comm_idup(half, &made[2 * i + 1], &requests[2 * i + 1]);
        } else {
            MPI_Comm_idup(half, &made[2 * i + 1], &requests[2 * i + 1]);
            MPI_Comm_idup(MPI_COMM_WORLD, &made[2 * i], &requests[2 * i]);
        }
        if (i == 1)
            MPI_Comm_dup(half, &other);
    }
    require(copies == EACH);
    MPI_Waitall(2 * EACH, requests, MPI_STATUSES_IGNORE);
    MPI_Comm_free(&half);
    for (int i = 0; i < 2 * EACH; i++) {
        int sum = 0, one = 1, size;

        MPI_Comm_size(made[i], &size);
        MPI_Comm_rank(made[i], &rank);
        MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, made[i]);
        require(sum == size);
        MPI_Comm_get_attr(made[i], keyval, &value, &flag);
        require(flag == (i % 2 == 0) && (!flag || value == place + 1));
    }
    MPI_Comm_compare(made[0], MPI_COMM_WORLD, &result);
    require(result == MPI_CONGRUENT || world_size == 0);
    for (int i = 0; i < 2 * EACH; i++)
        MPI_Comm_free(&made[i]);
    MPI_Comm_free(&other);
    MPI_Comm_delete_attr(MPI_COMM_WORLD, keyval);
    MPI_Comm_free_keyval(&keyval);
}

/* ---- neighbours ------------------------------------------------------------------------------------ */

/* A periodic grid: also of one or two processes, where both neighbours are the same. */
static void neighbours(void)
{
    int dims[2] = {0, 0}, periods[2] = {1, 1}, rank, size, around[4];
    int send[4], recv[4], counts[4] = {1, 1, 1, 1}, places[4] = {0, 1, 2, 3};
    MPI_Aint addresses[4] = {0, 4, 8, 12};
    MPI_Datatype types[4] = {MPI_INT, MPI_INT, MPI_INT, MPI_INT};
    MPI_Request request;
    MPI_Comm grid;

    MPI_Dims_create(world_size, 2, dims);
    for (int periodic = 0; periodic < 2; periodic++) {
        periods[1] = periodic;
        MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &grid);
        MPI_Comm_rank(grid, &rank);
        MPI_Comm_size(grid, &size);
        MPI_Cart_shift(grid, 0, 1, &around[0], &around[1]);
        MPI_Cart_shift(grid, 1, 1, &around[2], &around[3]);
        for (int way = 0; way < 11; way++) {
            int gathers = way < 4;

            for (int i = 0; i < 4; i++) {
                send[i] = gathers ? rank : 10 * rank + i;
                recv[i] = GAP;
            }
            request = MPI_REQUEST_NULL;
            switch (way) {
            case 0:
                MPI_Neighbor_allgather(send, 1, MPI_INT, recv, 1, MPI_INT, grid);
                break;
            case 1:
                MPI_Neighbor_allgatherv(send, 1, MPI_INT, recv, counts, places, MPI_INT, grid);
                break;
            case 2:
                MPI_Ineighbor_allgather(send, 1, MPI_INT, recv, 1, MPI_INT, grid, &request);
                break;
            case 3:
                MPI_Ineighbor_allgatherv(send, 1, MPI_INT, recv, counts, places, MPI_INT, grid,
                                         &request);
                break;
            case 4:
                MPI_Neighbor_alltoall(send, 1, MPI_INT, recv, 1, MPI_INT, grid);
                break;
            case 5:
                MPI_Neighbor_alltoallv(send, counts, places, MPI_INT, recv, counts, places, MPI_INT,
                                       grid);
                break;
            case 6:
                MPI_Neighbor_alltoallw(send, counts, addresses, types, recv, counts, addresses,
                                       types, grid);
                break;
            case 7:
                MPI_Ineighbor_alltoall(send, 1, MPI_INT, recv, 1, MPI_INT, grid, &request);
                break;
            case 8:
                MPI_Ineighbor_alltoallv(send, counts, places, MPI_INT, recv, counts, places,
                                        MPI_INT, grid, &request);
                break;
            case 9:
                MPI_Ineighbor_alltoallw(send, counts, addresses, types, recv, counts, addresses,
                                        types, grid, &request);
                break;
            default:
                MPIX_Neighbor_alltoall_init(send, 1, MPI_INT, recv, 1, MPI_INT, grid, MPI_INFO_NULL,
                                            &request);
                MPI_Start(&request);
                break;
            }
            MPI_Wait(&request, MPI_STATUS_IGNORE);
            if (way == 10)
                MPI_Request_free(&request);
            for (int i = 0; i < 4; i++) {
                if (around[i] == MPI_PROC_NULL)
                    require(recv[i] == GAP);
                else /* what it sent towards us lies on its other side */
                    require(recv[i] == (gathers ? around[i] : 10 * around[i] + (i ^ 1)));
            }
        }
        MPI_Comm_free(&grid);
    }
}

/* Two edges from each process to the next, and none back. */
static void edges(void)
{
    int next[2], before[2], send[2] = {2 * world_rank, 2 * world_rank + 1}, recv[2] = {GAP, GAP};
    MPI_Comm graph;

    next[0] = next[1] = (world_rank + 1) % world_size;
    before[0] = before[1] = (world_rank + world_size - 1) % world_size;
    MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 2, before, before, 2, next, next, MPI_INFO_NULL,
                                   0, &graph);
    MPI_Neighbor_alltoall(send, 1, MPI_INT, recv, 1, MPI_INT, graph);
    require(recv[0] == 2 * before[0] && recv[1] == 2 * before[0] + 1);
    MPI_Comm_free(&graph);
}

/* ---- two groups ------------------------------------------------------------------------------------ */

static void between_groups(void)
{
    int high = world_rank % 2, ours, theirs, mine = world_rank + 1, sum = 0, *all, *block;
    int root, expected = 0;
    MPI_Comm local, both, copied;
    MPI_Request requests[6];

    if (world_size < 2)
        return;
    MPI_Comm_split(MPI_COMM_WORLD, high, 0, &local);
    MPI_Intercomm_create(local, 0, MPI_COMM_WORLD, !high, 5, &both);
    MPI_Comm_idup(both, &copied, &requests[0]);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    MPI_Comm_size(copied, &ours);
    MPI_Comm_remote_size(copied, &theirs);
    all = ints((size_t)theirs);
    block = ints((size_t)theirs);
    for (int i = !high; i < world_size; i += 2)
        expected += i + 1;
    root = high ? 0 : world_rank == 0 ? MPI_ROOT : MPI_PROC_NULL;
    int word = world_rank == 0 ? 4711 : 0, reduced = 0;

    MPI_Ibarrier(copied, &requests[0]);
    MPI_Iallreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, copied, &requests[1]);
    MPI_Iallgather(&mine, 1, MPI_INT, all, 1, MPI_INT, copied, &requests[2]);
    MPI_Ibcast(&word, 1, MPI_INT, root, copied, &requests[3]);
    MPI_Ireduce(&mine, &reduced, 1, MPI_INT, MPI_SUM, root, copied, &requests[4]);
    MPI_Igather(&mine, 1, MPI_INT, block, 1, MPI_INT, root, copied, &requests[5]);
    MPI_Comm_free(&copied);
    MPI_Waitall(6, requests, MPI_STATUSES_IGNORE);
    require(sum == expected);
    require(word == (high || world_rank == 0 ? 4711 : 0));
    require(reduced == (world_rank == 0 ? expected : 0));
    for (int i = 0; i < theirs; i++) {
        require(all[i] == 2 * i + !high + 1);
        require(block[i] == (world_rank == 0 ? 2 * i + 2 : GAP));
    }
    free(all);
    free(block);
    MPI_Comm_free(&local);
    MPI_Comm_free(&both);
}

/* ---- errors ---------------------------------------------------------------------------------------- */

static void errors(void)
{
    MPI_Request request;
    MPI_Comm comm;
    int class, buffer[8] = {0}, code;

    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Ibarrier(comm, &request);
    MPI_Error_class(MPI_Cancel(&request), &class);
    require(class == MPI_ERR_REQUEST);
    MPI_Error_class(MPI_Request_free(&request), &class);
    require(class == MPI_ERR_REQUEST && request != MPI_REQUEST_NULL);
    require(MPI_Wait(&request, MPI_STATUS_IGNORE) == MPI_SUCCESS);
    /* The root sends more than the others have room for. */
    MPI_Ibcast(buffer, world_rank == 0 ? 8 : 4, MPI_INT, 0, comm, &request);
    code = MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Error_class(code, &class);
    /* Who has it from one that has room for four has no more to complain of. */
    require(world_rank == 0 || world_rank == 3 || class == MPI_ERR_TRUNCATE);
    require(request == MPI_REQUEST_NULL);
    MPI_Error_class(MPI_Neighbor_alltoall(buffer, 1, MPI_INT, buffer + 4, 1, MPI_INT, comm),
                    &class);
    require(class == MPI_ERR_TOPOLOGY);
    MPI_Comm_free(&comm);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    state = state * 0x9e3779b97f4a7c15u + 1;
    each_alone();
    long_bcast();
    many_at_once();
    restarts();
    late();
    duplicates();
    neighbours();
    edges();
    between_groups();
    if (world_size <= 4)
        errors();
    return test_end();
}
