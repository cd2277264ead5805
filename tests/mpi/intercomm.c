/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: inter-communicators of two groups of different sizes, whatever their leaders: point to point reaches the
 * other group's ranks, every collective has its two-group form from every root (MPI 3.1 section 5.2.3), and dup, split, create,
 * merge and disconnect give what sections 6.4 and 6.6 say. Reductions use an operation that does not commute where order
 * would show.
 */
#include "mpi_test.h"

enum { MOST = 64, LONG = 30000 };

static int rank, size, peers; /* in the communicator under test: own, and the other group's */
static int side;              /* 0 or 1 */

/* What rank `of` of `group` has at `place`. */
static int value(int group, int of, int place)
{
    return group * 1000000 + of * 1000 + place % 997;
}

static void look(MPI_Comm comm)
{
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    MPI_Comm_remote_size(comm, &peers);
}

/* ---- point to point --------------------------------------------------------------------------------- */

static void point_to_point(MPI_Comm comm)
{
    static int out[LONG], in[LONG];
    MPI_Request requests[MOST];
    MPI_Status status;

    for (int i = 0; i < LONG; i++)
        out[i] = value(side, rank, i);
    for (int length = 1; length <= LONG; length += LONG - 1) {
        for (int i = 0; i < peers; i++)
            MPI_Isend(out, length, MPI_INT, i, length, comm, &requests[i]);
        /* Each sender's in its turn, or whoever comes. */
        for (int i = 0; i < peers; i++) {
            MPI_Recv(in, LONG, MPI_INT, length > 1 ? i : MPI_ANY_SOURCE, length, comm, &status);
            require(length == 1 || status.MPI_SOURCE == i);
            require(in[0] == value(!side, status.MPI_SOURCE, 0));
            require(in[length - 1] == value(!side, status.MPI_SOURCE, length - 1));
        }
        MPI_Waitall(peers, requests, MPI_STATUSES_IGNORE);
    }
    require(MPI_Send(out, 1, MPI_INT, peers, 0, comm) == MPI_ERR_RANK);
    require(MPI_Sendrecv(out, 1, MPI_INT, MPI_PROC_NULL, 0, in, 1, MPI_INT, MPI_PROC_NULL, 0, comm,
                         &status) == MPI_SUCCESS);
}

/* ---- collectives ------------------------------------------------------------------------------------ */

static int a[MOST * MOST], b[MOST * MOST];

static void clear(void)
{
    memset(b, 0xff, sizeof(b));
}

/* Affine maps x -> m x + c modulo 2^32; composing them does not commute. */
struct map {
    unsigned m, c;
};

static void compose(void *in, void *inout, int *count, MPI_Datatype *type)
{
    struct map *left = in, *right = inout;

    for (int i = 0; i < *count; i++) {
        right[i].c = left[i].m * right[i].c + left[i].c;
        right[i].m = left[i].m * right[i].m;
    }
}

static struct map map_of(int group, int of, int place)
{
    return (struct map){(unsigned)value(group, of, place) | 1, (unsigned)(of + place)};
}

/* All of a group, in the order of ranks. */
static struct map composed(int group, int ranks, int place)
{
    struct map all = map_of(group, 0, place);

    for (int i = 1; i < ranks; i++) {
        struct map next = map_of(group, i, place);
        int one = 1;

        compose(&all, &next, &one, NULL);
        all = next;
    }
    return all;
}

/* `root` is MPI_ROOT, MPI_PROC_NULL or a rank of the other group. */
static void rooted(MPI_Comm comm, int root, int count)
{
    int from_root = root != MPI_ROOT && root != MPI_PROC_NULL;
    int counts[MOST], at[MOST], total = 0;

    for (int i = 0; i < count; i++)
        b[i] = root == MPI_ROOT ? value(side, rank, i) : -1;
    MPI_Bcast(b, count, MPI_INT, root, comm);
    for (int i = 0; i < count && from_root; i++)
        require(b[i] == value(!side, root, i));

    clear();
    for (int i = 0; i < count; i++)
        a[i] = value(side, rank, i);
    MPI_Gather(a, count, MPI_INT, b, count, MPI_INT, root, comm);
    for (int i = 0; i < count * peers && root == MPI_ROOT; i++)
        require(b[i] == value(!side, i / count, i % count));

    for (int i = 0; i < count * peers; i++)
        a[i] = value(side, i / count, i % count + rank);
    clear();
    MPI_Scatter(a, count, MPI_INT, b, count, MPI_INT, root, comm);
    for (int i = 0; i < count && from_root; i++)
        require(b[i] == value(!side, rank, i + root));

    /* Rank r has r + 1, with gaps of one. */
    for (int i = 0; i < peers; i++) {
        counts[i] = i + 1;
        at[i] = total + i;
        total += i + 1;
    }
    for (int i = 0; i <= rank; i++)
        a[i] = value(side, rank, i);
    clear();
    MPI_Gatherv(a, rank + 1, MPI_INT, b, counts, at, MPI_INT, root, comm);
    for (int i = 0; i < peers && root == MPI_ROOT; i++) {
        for (int j = 0; j <= i; j++)
            require(b[at[i] + j] == value(!side, i, j));
        require(b[at[i] + i + 1] == -1);
    }
    for (int i = 0; i < peers; i++) {
        for (int j = 0; j <= i; j++)
            a[at[i] + j] = value(side, i, j);
    }
    clear();
    MPI_Scatterv(a, counts, at, MPI_INT, b, rank + 1, MPI_INT, root, comm);
    for (int j = 0; j <= rank && from_root; j++)
        require(b[j] == value(!side, rank, j));
    require(!from_root || b[rank + 1] == -1);
}

static void reductions(MPI_Comm comm, int root)
{
    struct map in[3], out[3], *many = (struct map *)a, *some = (struct map *)b;
    MPI_Datatype type;
    int counts[MOST];
    MPI_Op op;

    MPI_Type_contiguous(2, MPI_UNSIGNED, &type);
    MPI_Type_commit(&type);
    MPI_Op_create(compose, 0, &op);
    for (int i = 0; i < 3; i++)
        in[i] = map_of(side, rank, i);
    memset(out, 0, sizeof(out));
    MPI_Reduce(in, out, 3, type, op, root, comm);
    for (int i = 0; i < 3 && root == MPI_ROOT; i++) {
        struct map all = composed(!side, peers, i);

        require(memcmp(&out[i], &all, sizeof(all)) == 0);
    }
    MPI_Allreduce(in, out, 3, type, op, comm);
    for (int i = 0; i < 3; i++) {
        struct map all = composed(!side, peers, i);

        require(memcmp(&out[i], &all, sizeof(all)) == 0);
    }
    /* size * peers elements in both groups. */
    for (int i = 0; i < size * peers; i++)
        many[i] = map_of(side, rank, i);
    for (int i = 0; i < size; i++)
        counts[i] = peers;
    memset(some, 0, sizeof(b));
    MPI_Reduce_scatter(many, some, counts, type, op, comm);
    for (int i = 0; i < peers; i++) {
        struct map all = composed(!side, peers, rank * peers + i);

        require(memcmp(&some[i], &all, sizeof(all)) == 0);
    }
    memset(some, 0, sizeof(b));
    MPI_Reduce_scatter_block(many, some, peers, type, op, comm);
    for (int i = 0; i < peers; i++) {
        struct map all = composed(!side, peers, rank * peers + i);

        require(memcmp(&some[i], &all, sizeof(all)) == 0);
    }
    MPI_Op_free(&op);
    MPI_Type_free(&type);
}

/* The groups send blocks of different lengths: `count` and twice that. */
static void all_to_all(MPI_Comm comm, int count)
{
    int mine = count * (1 + side), theirs = count * (1 + !side);
    int counts[MOST], at[MOST], one[MOST], bytes[MOST];
    MPI_Datatype types[MOST];

    for (int i = 0; i < mine; i++)
        a[i] = value(side, rank, i);
    clear();
    MPI_Allgather(a, mine, MPI_INT, b, theirs, MPI_INT, comm);
    for (int i = 0; i < theirs * peers; i++)
        require(b[i] == value(!side, i / theirs, i % theirs));

    for (int i = 0; i < peers; i++) {
        counts[i] = theirs;
        at[i] = (peers - 1 - i) * (theirs + 1);
    }
    clear();
    MPI_Allgatherv(a, mine, MPI_INT, b, counts, at, MPI_INT, comm);
    for (int i = 0; i < peers; i++) {
        for (int j = 0; j < theirs; j++)
            require(b[at[i] + j] == value(!side, i, j));
        require(b[at[i] + theirs] == -1);
    }

    for (int i = 0; i < (mine + 1) * peers; i++)
        a[i] = value(side, rank, i);
    clear();
    MPI_Alltoall(a, mine, MPI_INT, b, theirs, MPI_INT, comm);
    for (int i = 0; i < theirs * peers; i++)
        require(b[i] == value(!side, i / theirs, rank * theirs + i % theirs));

    /* One from me to each; what comes lands in reverse. */
    for (int i = 0; i < peers; i++) {
        one[i] = 1;
        counts[i] = i;
        at[i] = peers - 1 - i;
        types[i] = MPI_INT;
        bytes[i] = (peers - 1 - i) * 4;
    }
    clear();
    MPI_Alltoallv(a, one, counts, MPI_INT, b, one, at, MPI_INT, comm);
    for (int i = 0; i < peers; i++)
        require(b[peers - 1 - i] == value(!side, i, rank));
    for (int i = 0; i < peers; i++)
        counts[i] = 4 * i;
    clear();
    MPI_Alltoallw(a, one, counts, types, b, one, bytes, types, comm);
    for (int i = 0; i < peers; i++)
        require(b[peers - 1 - i] == value(!side, i, rank));
}

static void collectives(MPI_Comm comm)
{
    int in = 0;

    look(comm);
    MPI_Barrier(comm);
    for (int group = 0; group < 2; group++) {
        int roots = group == side ? size : peers;

        for (int i = 0; i < roots; i++) {
            int root = group != side ? i : i == rank ? MPI_ROOT : MPI_PROC_NULL;

            rooted(comm, root, 0);
            rooted(comm, root, 7);
            reductions(comm, root);
        }
    }
    all_to_all(comm, 0);
    all_to_all(comm, 5);
    require(MPI_Allreduce(MPI_IN_PLACE, &in, 1, MPI_INT, MPI_SUM, comm) == MPI_ERR_BUFFER);
    require(MPI_Scan(&rank, &in, 1, MPI_INT, MPI_SUM, comm) == MPI_ERR_COMM);
    require(MPI_Bcast(&in, 1, MPI_INT, peers, comm) == MPI_ERR_ROOT);
}

/* ---- making them ------------------------------------------------------------------------------------ */

/* The first `ranks` of the world on one side, the rest on the other. */
static MPI_Comm joined(int ranks, int leader, int remote_leader, int tag)
{
    MPI_Comm local, comm;
    int locals;

    side = world_rank >= ranks;
    MPI_Comm_split(MPI_COMM_WORLD, side, 0, &local);
    MPI_Comm_size(local, &locals);
    MPI_Intercomm_create(local, side ? remote_leader : leader, MPI_COMM_WORLD,
                         side ? leader : ranks + remote_leader, tag, &comm);
    MPI_Comm_free(&local);
    return comm;
}

static void merged(MPI_Comm comm)
{
    for (int high = 0; high < 3; high++) {
        int sum, all_rank, all_size, flag = high == 2 ? 1 : side == high, first = !flag;
        MPI_Comm all;

        MPI_Intercomm_merge(comm, flag, &all);
        MPI_Comm_rank(all, &all_rank);
        MPI_Comm_size(all, &all_size);
        require(all_size == size + peers);
        if (high < 2)
            require(all_rank == (first ? rank : peers + rank));
        MPI_Allreduce(&world_rank, &sum, 1, MPI_INT, MPI_SUM, all);
        require(sum == world_size * (world_size - 1) / 2);
        MPI_Comm_test_inter(all, &flag);
        require(!flag);
        MPI_Comm_free(&all);
    }
}

static void of_another(MPI_Comm comm)
{
    int result, flag;
    MPI_Comm copy, some;
    MPI_Group group, part, remote;

    MPI_Comm_dup(comm, &copy);
    MPI_Comm_compare(comm, copy, &result);
    require(result == MPI_CONGRUENT);
    MPI_Comm_test_inter(copy, &flag);
    require(flag);
    collectives(copy);
    MPI_Comm_disconnect(&copy);
    require(copy == MPI_COMM_NULL);

    /* By twos, in reverse: nobody has colour 1 where a group has one rank. */
    look(comm);
    MPI_Comm_split(comm, rank % 2, -rank, &some);
    require((some != MPI_COMM_NULL) == (rank % 2 == 0 || peers > 1));
    if (some != MPI_COMM_NULL) {
        int own_size = size, own_peers = peers, parity = rank % 2;

        collectives(some);
        require(size == (own_size + 1 - parity) / 2 && peers == (own_peers + 1 - parity) / 2);
        MPI_Comm_free(&some);
    }

    /* The last of one group and all of the other. */
    look(comm);
    MPI_Comm_group(comm, &group);
    MPI_Comm_remote_group(comm, &remote);
    MPI_Group_size(remote, &result);
    require(result == peers);
    result = size - 1;
    if (side)
        MPI_Group_incl(group, 1, &result, &part);
    else
        MPI_Group_union(group, MPI_GROUP_EMPTY, &part);
    MPI_Comm_create(comm, part, &some);
    require((some != MPI_COMM_NULL) == (!side || rank == size - 1));
    if (some != MPI_COMM_NULL) {
        collectives(some);
        MPI_Comm_free(&some);
    }
    MPI_Comm_create(comm, side ? MPI_GROUP_EMPTY : part, &some);
    require(some == MPI_COMM_NULL);
    MPI_Group_free(&part);
    MPI_Group_free(&remote);
    MPI_Group_free(&group);
    look(comm);
}

static void refused(MPI_Comm comm)
{
    const int dims[1] = {1}, periods[1] = {0};
    MPI_Comm other;
    MPI_Group group;
    int number;

    require(MPI_Cart_create(comm, 1, dims, periods, 0, &other) == MPI_ERR_COMM);
    require(MPI_Intercomm_create(comm, 0, MPI_COMM_WORLD, 0, 1, &other) == MPI_ERR_COMM);
    require(MPI_Intercomm_merge(MPI_COMM_WORLD, 0, &other) == MPI_ERR_COMM);
    require(MPI_Comm_remote_size(MPI_COMM_WORLD, &number) == MPI_ERR_COMM);
    require(MPI_Comm_remote_group(MPI_COMM_WORLD, &group) == MPI_ERR_COMM);
    /* A group with itself. */
    require(MPI_Intercomm_create(MPI_COMM_SELF, 0, MPI_COMM_WORLD, world_rank, 2, &other) ==
            MPI_ERR_COMM);
    require(MPI_Intercomm_create(MPI_COMM_SELF, 1, MPI_COMM_WORLD, 0, 2, &other) == MPI_ERR_RANK);
}

/* MPI_Comm_disconnect waits for a send that the program has let go. */
static void disconnected(MPI_Comm comm)
{
    static char data[1 << 20], in[1 << 20];
    MPI_Request request;

    if (rank == 0 && side == 0) {
        pattern_write(data, sizeof(data), 3);
        MPI_Isend(data, sizeof(data), MPI_BYTE, 0, 3, comm, &request);
        MPI_Request_free(&request);
    } else if (rank == 0) {
        MPI_Recv(in, sizeof(in), MPI_BYTE, 0, 3, comm, MPI_STATUS_IGNORE);
        require(pattern_is(in, sizeof(in), 3));
    }
    MPI_Comm_disconnect(&comm);
    if (rank == 0 && side == 0)
        memset(data, 0, sizeof(data));
    require(MPI_Comm_disconnect(&(MPI_Comm){MPI_COMM_WORLD}) == MPI_ERR_COMM);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    for (int ranks = 1; ranks < world_size; ranks++) {
        MPI_Comm comm = joined(ranks, ranks - 1, 0, ranks);

        collectives(comm);
        point_to_point(comm);
        merged(comm);
        of_another(comm);
        if (ranks == 1)
            refused(comm);
        disconnected(comm);
    }
    return test_end();
}
