/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a random program, the same on every rank from its seed, of derived types nested in any way, communicators made
 * by dup, split and create, every mode of sending and every form of receiving, and collectives. What a type means is
 * known from a second, naive model (the list of its bytes), which its extents are compared with; every byte that arrives
 * is checked, and every byte of a gap is untouched. Each phase is legal, so each must end.
 * Usage: stress_types [seed [phases]]; a failure names both.
 */
#include "mpi_test.h"

enum {
    MOST = 24,      /* messages of a phase */
    RANKS = 16,     /* at most */
    BYTES = 2000,   /* of one element of a type, at most */
    FAMILIES = 4,   /* communicators at a time */
    ROOM = 1 << 22, /* for buffered sends */
    UNTOUCHED = 0xcd,
};

static uint64_t state;
static unsigned long seed;
static int phases, now;

static int below(int bound)
{
    return (int)(random_next(&state) % (uint32_t)bound);
}

static void claim(int right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "rank %d: %s; to see it again: mpirun -n %d stress_types %lu %d\n", world_rank,
            what, world_size, seed, now + 1);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* ---- types ------------------------------------------------------------------------------------- */

/* A type, and where its bytes are, in the order of packing. Elements one extent apart never overlap. */
struct model {
    MPI_Datatype type;
    long lb, ub;
    int bounded; /* lb and ub were set: what has none of its own beside it does not count (MPI 3.1 section 4.1) */
    int size;
    int at[BYTES];
};

static void place(struct model *made, const struct model *old, long displacement)
{
    long lb = displacement + old->lb, ub = displacement + old->ub;

    for (int i = 0; i < old->size; i++)
        made->at[made->size + i] = (int)displacement + old->at[i];
    if (made->size == 0 || lb < made->lb)
        made->lb = lb;
    if (made->size == 0 || ub > made->ub)
        made->ub = ub;
    made->size += old->size;
}

static void make_vector(struct model *made, const struct model *old, int bytes)
{
    int extent = (int)(old->ub - old->lb), count = 1 + below(4), length = 1 + below(3);
    int stride = length + below(3), sign = below(2) ? 1 : -1;
    long step = bytes ? sign * (stride * (long)extent + below(9)) : sign * stride * (long)extent;

    if (bytes)
        MPI_Type_create_hvector(count, length, step, old->type, &made->type);
    else
        MPI_Type_vector(count, length, sign * stride, old->type, &made->type);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < length; k++)
            place(made, old, i * step + (long)k * extent);
}

/* Blocks in any order, some of them empty, with `bytes` at displacements that are no multiples of the extent. */
static void make_indexed(struct model *made, const struct model *old, int bytes)
{
    int extent = (int)(old->ub - old->lb), count = 1 + below(4), lengths[4], at[4];
    MPI_Aint where[4], next = -(MPI_Aint)below(3) * extent;

    for (int i = 0; i < count; i++) {
        lengths[i] = below(4);
        where[i] = next + (bytes ? below(7) : 0);
        next = where[i] + (lengths[i] + below(2)) * (MPI_Aint)extent;
    }
    for (int i = count - 1; i > 0; i--) {
        int k = below(i + 1), length = lengths[i];
        MPI_Aint other = where[i];

        lengths[i] = lengths[k], lengths[k] = length;
        where[i] = where[k], where[k] = other;
    }
    for (int i = 0; i < count; i++) {
        at[i] = (int)(where[i] / extent);
        for (int k = 0; k < lengths[i]; k++)
            place(made, old, where[i] + (long)k * extent);
    }
    if (bytes)
        MPI_Type_create_hindexed(count, lengths, where, old->type, &made->type);
    else
        MPI_Type_indexed(count, lengths, at, old->type, &made->type);
}

static void make_struct(struct model *made, const struct model *old)
{
    struct model byte = {.type = MPI_BYTE, .ub = 1, .size = 1};
    int lengths[] = {1 + below(20), 1 + below(2)};
    MPI_Aint where[] = {below(5), 0};
    MPI_Datatype types[] = {MPI_BYTE, old->type};

    if (old->bounded)
        MPI_Type_create_resized(MPI_BYTE, 0, 1, &types[0]);
    where[1] = where[0] + lengths[0] + below(9) - old->lb;
    MPI_Type_create_struct(2, lengths, where, types, &made->type);
    if (old->bounded)
        MPI_Type_free(&types[0]);
    for (int k = 0; k < lengths[0]; k++)
        place(made, &byte, where[0] + k);
    for (int k = 0; k < lengths[1]; k++)
        place(made, old, where[1] + k * (old->ub - old->lb));
}

static void make_resized(struct model *made, const struct model *old)
{
    long lb = old->lb - below(5), extent = old->ub - lb + below(9);

    MPI_Type_create_resized(old->type, lb, extent, &made->type);
    place(made, old, 0);
    made->lb = lb;
    made->ub = lb + extent;
    made->bounded = 1;
}

static void make_subarray(struct model *made, const struct model *old)
{
    int sizes[2], parts[2], starts[2], fortran = below(2);
    int fast = fortran ? 0 : 1, slow = 1 - fast;
    long extent = old->ub - old->lb;

    for (int i = 0; i < 2; i++) {
        sizes[i] = 1 + below(4);
        parts[i] = 1 + below(sizes[i]);
        starts[i] = below(sizes[i] - parts[i] + 1);
    }
    MPI_Type_create_subarray(2, sizes, parts, starts, fortran ? MPI_ORDER_FORTRAN : MPI_ORDER_C,
                             old->type, &made->type);
    for (int i = 0; i < parts[slow]; i++)
        for (int k = 0; k < parts[fast]; k++)
            place(made, old, ((long)(starts[slow] + i) * sizes[fast] + starts[fast] + k) * extent);
    made->lb = 0;
    made->ub = (long)sizes[0] * sizes[1] * extent;
    made->bounded = 1;
}

/* The type's own answers are those of the model. */
static void compare(const struct model *model)
{
    MPI_Aint lb, extent, true_lb, true_extent;
    int low = model->at[0], high = model->at[0], size;

    for (int i = 0; i < model->size; i++) {
        low = model->at[i] < low ? model->at[i] : low;
        high = model->at[i] > high ? model->at[i] : high;
    }
    MPI_Type_size(model->type, &size);
    MPI_Type_get_extent(model->type, &lb, &extent);
    MPI_Type_get_true_extent(model->type, &true_lb, &true_extent);
    claim(size == model->size && lb == model->lb && extent == model->ub - model->lb,
          "size or extent of a type is wrong");
    claim(true_lb == low && true_extent == high + 1 - low, "the true extent of a type is wrong");
}

static void make(struct model *model)
{
    static struct model old;
    int depth = below(5);

    *model = (struct model){.type = MPI_BYTE, .ub = 1, .size = 1};
    MPI_Type_contiguous(1 + below(12), MPI_BYTE, &old.type);
    MPI_Type_size(old.type, &old.size);
    model->type = old.type;
    model->size = old.size;
    model->ub = old.size;
    for (int i = 0; i < model->size; i++)
        model->at[i] = i;
    /* A level repeats what is below it at most 16 times. */
    while (depth-- > 0 && 16 * model->size + 20 < BYTES && model->ub - model->lb < 4000) {
        int kind = below(7);

        if (kind == 6 && model->lb != 0)
            kind = 4;
        old = *model;
        model->size = 0;
        if (kind < 2)
            make_vector(model, &old, kind);
        else if (kind < 4)
            make_indexed(model, &old, kind - 2);
        else if (kind == 4)
            make_struct(model, &old);
        else if (kind == 5)
            make_resized(model, &old);
        else
            make_subarray(model, &old);
        if (model->size == 0) { /* all blocks were empty */
            MPI_Type_free(&model->type);
            *model = old;
            continue;
        }
        MPI_Type_free(&old.type);
    }
    MPI_Type_commit(&model->type);
    compare(model);
}

/* ---- data -------------------------------------------------------------------------------------- */

/* Memory for `count` elements: it begins at `memory`; MPI is told of `buffer`. */
struct data {
    const struct model *model;
    int count;
    unsigned char *memory, *buffer;
    size_t length;
};

static void data_open(struct data *data, const struct model *model, int count)
{
    int low = 0, high = 0;

    for (int i = 0; i < model->size; i++) {
        low = model->at[i] < low ? model->at[i] : low;
        high = model->at[i] > high ? model->at[i] : high;
    }
    data->model = model;
    data->count = count;
    data->length = (size_t)(high + 1 - low) + (size_t)count * (size_t)(model->ub - model->lb);
    data->memory = malloc(data->length);
    memset(data->memory, UNTOUCHED, data->length);
    data->buffer = data->memory - low;
}

static unsigned char *data_byte(const struct data *data, int place)
{
    const struct model *model = data->model;

    return data->buffer + place / model->size * (model->ub - model->lb) +
           model->at[place % model->size];
}

static void data_write(struct data *data, int bytes, uint32_t message)
{
    for (int i = 0; i < bytes; i++)
        *data_byte(data, i) = pattern(message, (size_t)i);
}

/* The first `bytes` bytes are the message's and nothing else was touched. Spoils the data. */
static void data_check(struct data *data, int bytes, uint32_t message)
{
    for (int i = 0; i < bytes; i++) {
        unsigned char *byte = data_byte(data, i);

        claim(*byte == pattern(message, (size_t)i), "a byte is wrong");
        *byte = UNTOUCHED;
    }
    claim(untouched(data->memory, data->length, UNTOUCHED), "a byte outside was touched");
}

static void data_close(struct data *data)
{
    free(data->memory);
    data->memory = NULL;
}

/* ---- communicators ------------------------------------------------------------------------------- */

/* Disjoint communicators made at once: every rank's colour, and this one's communicator, which knows those of its
 * colour. A colour of -1 has none. */
static struct family {
    MPI_Comm comm;
    int color[RANKS], rank[RANKS];
} families[FAMILIES];

static void family_make(struct family *family)
{
    int kind = below(3), key[RANKS], members[RANKS], count = 0, every[RANKS];
    MPI_Group world, group;

    for (int i = 0; i < world_size; i++) {
        every[i] = i;
        family->color[i] = kind == 0 ? 0 : kind == 1 ? below(2) : below(3) - 1 < 0 ? -1 : 0;
        key[i] = below(5);
        if (family->color[i] == 0)
            members[count++] = i;
    }
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    if (kind == 0) {
        MPI_Comm_dup(MPI_COMM_WORLD, &family->comm);
    } else if (kind == 1) {
        MPI_Comm_split(MPI_COMM_WORLD, family->color[world_rank], key[world_rank], &family->comm);
    } else {
        MPI_Group_incl(world, count, members, &group);
        MPI_Comm_create(MPI_COMM_WORLD, group, &family->comm);
        MPI_Group_free(&group);
    }
    if (family->comm != MPI_COMM_NULL) {
        MPI_Comm_group(family->comm, &group);
        MPI_Group_translate_ranks(world, world_size, every, group, family->rank);
        MPI_Group_free(&group);
    }
    MPI_Group_free(&world);
}

/* ---- messages ------------------------------------------------------------------------------------ */

enum { STANDARD, SYNCHRONOUS, BUFFERED, READY, MODES };
enum { POSTED, MPROBED, PROBED, IPROBED, FORMS };

struct plan {
    int from, to, family, mode, form, persistent, wild, bytes;
    struct data out, in;
};

static void start_send(struct plan *plan, int tag, MPI_Request *request)
{
    typedef int send(const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);
    static send *const once[] = {MPI_Isend, MPI_Issend, MPI_Ibsend, MPI_Irsend};
    static send *const many[] = {MPI_Send_init, MPI_Ssend_init, MPI_Bsend_init, MPI_Rsend_init};
    const struct family *family = &families[plan->family];

    (plan->persistent ? many : once)[plan->mode](plan->out.buffer, plan->out.count,
                                                 plan->out.model->type, family->rank[plan->to], tag,
                                                 family->comm, request);
    if (plan->persistent)
        MPI_Start(request);
}

static void start_receive(struct plan *plan, int tag, MPI_Request *request)
{
    const struct family *family = &families[plan->family];
    int source = plan->wild ? MPI_ANY_SOURCE : family->rank[plan->from], there = 0;
    MPI_Datatype type = plan->in.model->type;
    MPI_Status status;
    MPI_Message message;

    switch (plan->form) {
    case MPROBED:
        MPI_Mprobe(source, tag, family->comm, &message, &status);
        MPI_Imrecv(plan->in.buffer, plan->in.count, type, &message, request);
        return;
    case PROBED:
        MPI_Probe(source, tag, family->comm, &status);
        break;
    case IPROBED:
        while (!there)
            MPI_Iprobe(source, tag, family->comm, &there, &status);
        break;
    default:
        if (!plan->persistent) {
            MPI_Irecv(plan->in.buffer, plan->in.count, type, source, tag, family->comm, request);
            return;
        }
        MPI_Recv_init(plan->in.buffer, plan->in.count, type, source, tag, family->comm, request);
        MPI_Start(request);
        return;
    }
    MPI_Get_count(&status, MPI_BYTE, &there);
    claim(there == plan->bytes && status.MPI_SOURCE == family->rank[plan->from],
          "a probe tells the wrong length or source");
    MPI_Recv(plan->in.buffer, plan->in.count, type, source, tag, family->comm, &status);
}

static int random_bytes(void)
{
    int kind = below(8);

    return kind == 0 ? below(200000) : kind < 3 ? 8000 + below(400) : below(2000);
}

static void messages(const struct model *models, int count_models)
{
    struct plan plan[MOST];
    MPI_Request request[2 * MOST];
    MPI_Status status[2 * MOST];
    int count = 1 + below(MOST);

    for (int i = 0; i < count; i++) {
        const struct model *out = &models[below(count_models)], *in = &models[below(count_models)];
        int elements = random_bytes() / out->size, spare = below(3);
        int from = below(world_size), to = below(world_size), family = below(FAMILIES);

        if (families[family].color[from] < 0 ||
            families[family].color[from] != families[family].color[to])
            to = from, family = 0; /* family 0 is all of world */
        plan[i] = (struct plan){.from = from,
                                .to = to,
                                .family = family,
                                .mode = below(MODES),
                                .form = below(FORMS),
                                .persistent = below(3) == 0,
                                .wild = below(2),
                                .bytes = elements * out->size};
        if (plan[i].mode == READY || from == to)
            plan[i].form = POSTED;
        if (plan[i].mode == BUFFERED && plan[i].bytes > ROOM / (2 * MOST))
            plan[i].mode = SYNCHRONOUS;
        request[2 * i] = request[2 * i + 1] = MPI_REQUEST_NULL;
        if (from == world_rank) {
            data_open(&plan[i].out, out, elements);
            data_write(&plan[i].out, plan[i].bytes, (uint32_t)(now * MOST + i));
        }
        if (to == world_rank)
            data_open(&plan[i].in, in, (plan[i].bytes + in->size - 1) / in->size + spare);
    }
    /* What is posted, before anything is sent if it must be and by chance otherwise. */
    for (int i = 0; i < count; i++)
        if (plan[i].to == world_rank && plan[i].form == POSTED)
            start_receive(&plan[i], i, &request[2 * i]);
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < count; i++)
        if (plan[i].from == world_rank)
            start_send(&plan[i], i, &request[2 * i + 1]);
    for (int i = count - 1; i >= 0; i--)
        if (plan[i].to == world_rank && plan[i].form != POSTED)
            start_receive(&plan[i], i, &request[2 * i]);
    MPI_Waitall(2 * count, request, status);
    for (int i = 0; i < count; i++) {
        int bytes;

        if (plan[i].to == world_rank && plan[i].form < PROBED) {
            MPI_Get_elements(&status[2 * i], plan[i].in.model->type, &bytes);
            claim(bytes == plan[i].bytes, "a status tells the wrong number of elements");
        }
        if (plan[i].to == world_rank) {
            data_check(&plan[i].in, plan[i].bytes, (uint32_t)(now * MOST + i));
            data_close(&plan[i].in);
        }
        if (plan[i].from == world_rank) {
            data_check(&plan[i].out, plan[i].bytes, (uint32_t)(now * MOST + i));
            data_close(&plan[i].out);
        }
        for (int k = 2 * i; k < 2 * i + 2; k++)
            if (request[k] != MPI_REQUEST_NULL)
                MPI_Request_free(&request[k]);
    }
}

/* ---- collectives --------------------------------------------------------------------------------- */

/* x -> ax + b modulo 2^32, in the order of ranks: associative, and not commutative. */
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

static struct affine affine_of(int rank, int place)
{
    return (struct affine){2u * pattern((uint32_t)now, (size_t)(rank * 64 + place)) + 1,
                           (uint32_t)(rank * 1000 + place)};
}

static void reductions(MPI_Comm comm, int root, int kind, int length)
{
    struct affine *in = malloc((size_t)length * 8), *out = malloc((size_t)length * 8);
    int size, rank, one = 1, upto;
    MPI_Datatype type;
    MPI_Op op;

    MPI_Comm_size(comm, &size);
    MPI_Comm_rank(comm, &rank);
    MPI_Type_contiguous(2, MPI_UINT32_T, &type);
    MPI_Type_commit(&type);
    MPI_Op_create(compose, 0, &op);
    for (int i = 0; i < length; i++)
        in[i] = affine_of(rank, i);
    upto = size;
    if (kind == 0) {
        MPI_Allreduce(in, out, length, type, op, comm);
    } else if (kind == 1) {
        MPI_Reduce(in, out, length, type, op, root, comm);
        one = rank == root;
    } else {
        MPI_Scan(in, out, length, type, op, comm);
        upto = rank + 1;
    }
    for (int i = 0; one && i < length; i++) {
        struct affine result = affine_of(0, i);

        for (int k = 1; k < upto; k++) {
            struct affine next = affine_of(k, i);

            compose(&result, &next, &one, &type);
            result = next;
        }
        claim(memcmp(&result, &out[i], sizeof(result)) == 0, "a reduction is wrong");
    }
    MPI_Op_free(&op);
    MPI_Type_free(&type);
    free(in);
    free(out);
}

/* Blocks of one model from each rank to another model's blocks: the k-th of rank r is message r * RANKS + k. */
static void exchange(MPI_Comm comm, int root, int kind, const struct model *model, int count)
{
    int size, rank, bytes = count * model->size;
    struct data in[RANKS], out[RANKS];
    MPI_Datatype packed, block;
    unsigned char *all_in, *all_out;
    size_t length;

    MPI_Comm_size(comm, &size);
    MPI_Comm_rank(comm, &rank);
    for (int i = 0; i < size; i++) {
        data_open(&in[i], model, count);
        data_open(&out[i], model, count);
    }
    /* One array of all the blocks: each a contiguous piece as long as a block's memory. */
    length = out[0].length;
    all_in = malloc((size_t)size * length);
    all_out = malloc((size_t)size * length);
    memset(all_in, UNTOUCHED, (size_t)size * length);
    memset(all_out, UNTOUCHED, (size_t)size * length);
    for (int i = 0; i < size; i++) {
        ptrdiff_t shift = out[i].buffer - out[i].memory;

        free(in[i].memory);
        free(out[i].memory);
        in[i].memory = all_in + (size_t)i * length;
        out[i].memory = all_out + (size_t)i * length;
        in[i].buffer = in[i].memory + shift;
        out[i].buffer = out[i].memory + shift;
        data_write(&out[i], bytes, (uint32_t)(rank * RANKS + (kind == 1 ? i : 0)));
    }
    MPI_Type_contiguous(count, model->type, &packed);
    MPI_Type_create_resized(packed, 0, (MPI_Aint)length, &block);
    MPI_Type_free(&packed);
    MPI_Type_commit(&block);
    if (kind == 0)
        MPI_Allgather(out[0].buffer, 1, block, in[0].buffer, 1, block, comm);
    else if (kind == 1)
        MPI_Alltoall(out[0].buffer, 1, block, in[0].buffer, 1, block, comm);
    else if (kind == 2)
        MPI_Gather(out[0].buffer, 1, block, in[0].buffer, 1, block, root, comm);
    else
        MPI_Scatter(out[0].buffer, 1, block, in[0].buffer, 1, block, root, comm);
    for (int i = 0; i < size; i++) {
        if (kind == 3)
            data_check(&in[i], i == 0 ? bytes : 0, (uint32_t)(root * RANKS));
        else if (kind == 2 && rank != root)
            data_check(&in[i], 0, 0);
        else
            data_check(&in[i], bytes, (uint32_t)(i * RANKS + (kind == 1 ? rank : 0)));
    }
    MPI_Type_free(&block);
    free(all_in);
    free(all_out);
}

static void collective(const struct model *models, int count_models)
{
    const struct family *family = &families[below(FAMILIES)];
    const struct model *model = &models[below(count_models)], *other = &models[below(count_models)];
    int kind = below(8), root = below(RANKS), count = 1 + random_bytes() / model->size / 4, size,
        rank;

    if (family->comm == MPI_COMM_NULL)
        return;
    MPI_Comm_size(family->comm, &size);
    MPI_Comm_rank(family->comm, &rank);
    root %= size;
    if (kind < 3) {
        reductions(family->comm, root, kind, 1 + count % 2000);
    } else if (kind < 7) {
        exchange(family->comm, root, kind - 3, model, count);
    } else {
        /* Each rank has its own type, of as many bytes. */
        const struct model *mine = rank == root ? model : other;
        int common = count * model->size * other->size;
        struct data data;

        if (common > 400000)
            common = model->size * other->size;
        data_open(&data, mine, common / mine->size);
        if (rank == root)
            data_write(&data, common, (uint32_t)now);
        MPI_Bcast(data.buffer, data.count, mine->type, root, family->comm);
        data_check(&data, common, (uint32_t)now);
        data_close(&data);
    }
}

int main(int argc, char **argv)
{
    enum { MODELS = 4 };
    static struct model models[MODELS];
    void *room = malloc(ROOM + MOST * MPI_BSEND_OVERHEAD);
    int size = ROOM;

    seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    phases = argc > 2 ? atoi(argv[2]) : 100;
    test_start(&argc, &argv);
    require(world_size <= RANKS);
    state = seed * 0x9e3779b97f4a7c15u + 1;
    MPI_Buffer_attach(room, ROOM + MOST * MPI_BSEND_OVERHEAD);
    MPI_Comm_dup(MPI_COMM_WORLD, &families[0].comm);
    for (int i = 0; i < world_size; i++)
        families[0].rank[i] = i;
    for (int i = 1; i < FAMILIES; i++)
        family_make(&families[i]);
    for (now = 0; now < phases; now++) {
        int renewed = 1 + below(FAMILIES - 1);

        for (int i = 0; i < MODELS; i++)
            make(&models[i]);
        messages(models, MODELS);
        for (int i = below(4); i > 0; i--)
            collective(models, MODELS);
        for (int i = 0; i < MODELS; i++)
            MPI_Type_free(&models[i].type);
        if (families[renewed].comm != MPI_COMM_NULL)
            MPI_Comm_free(&families[renewed].comm);
        family_make(&families[renewed]);
    }
    for (int i = 0; i < FAMILIES; i++)
        if (families[i].comm != MPI_COMM_NULL)
            MPI_Comm_free(&families[i].comm);
    MPI_Buffer_detach(&room, &size);
    free(room);
    return test_end();
}
