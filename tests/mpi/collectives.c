/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: every collective gives what its definition says, from every root, for counts from 0 to long, with and without
 * MPI_IN_PLACE, for a type with gaps, and for an operation that does not commute (products of 2x2 matrices, whose
 * order shows), with any algorithm that CARAVAN_COLL names. Nobody leaves a barrier before everybody is in it. Any number of ranks.
 */
#include "mpi_test.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

static const int counts[] = {0, 1, 3, 1000, 5000, 70000};
enum { COUNTS = sizeof(counts) / sizeof(counts[0]), MOST = 70000 };

static int *a, *b, *c;

/* The same clock in every process of a machine. */
static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void barrier(void)
{
    for (int i = 0; i < 50; i++) {
        int late = i % world_size;
        int64_t entered, left;

        /* The late one comes when the others have been waiting for a while. */
        if (world_rank == late)
            usleep(1000);
        entered = now();
        MPI_Barrier(MPI_COMM_WORLD);
        left = now();
        if (world_rank == late) {
            for (int j = 0; j < world_size; j++)
                if (j != late)
                    MPI_Send(&entered, 1, MPI_INT64_T, j, 1, MPI_COMM_WORLD);
        } else {
            MPI_Recv(&entered, 1, MPI_INT64_T, late, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            require(left >= entered);
        }
    }
}

static void bcast(int count, int root)
{
    for (int i = 0; i < count; i++)
        a[i] = world_rank == root ? i * 3 + root : -1;
    MPI_Bcast(a, count, MPI_INT, root, MPI_COMM_WORLD);
    for (int i = 0; i < count; i++)
        require(a[i] == i * 3 + root);
}

static void reduce(int count, int root)
{
    int sum = world_size * (world_size - 1) / 2;

    for (int in_place = 0; in_place < 2; in_place++) {
        for (int i = 0; i < count; i++) {
            a[i] = i + world_rank;
            b[i] = in_place ? a[i] : -1;
        }
        MPI_Reduce(in_place && world_rank == root ? MPI_IN_PLACE : a, b, count, MPI_INT, MPI_SUM,
                   root, MPI_COMM_WORLD);
        for (int i = 0; i < count; i++) {
            require(a[i] == i + world_rank);
            if (world_rank == root)
                require(b[i] == world_size * i + sum);
            else
                require(b[i] == (in_place ? a[i] : -1));
        }
        for (int i = 0; i < count; i++)
            b[i] = in_place ? a[i] : -1;
        MPI_Allreduce(in_place ? MPI_IN_PLACE : a, b, count, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        for (int i = 0; i < count; i++)
            require(b[i] == i + world_size - 1);
        for (int i = 0; i < count; i++)
            b[i] = in_place ? a[i] : -1;
        MPI_Scan(in_place ? MPI_IN_PLACE : a, b, count, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        for (int i = 0; i < count; i++)
            require(b[i] == (world_rank + 1) * i + world_rank * (world_rank + 1) / 2);
        for (int i = 0; i < count; i++)
            b[i] = in_place ? a[i] : -1;
        MPI_Exscan(in_place ? MPI_IN_PLACE : a, b, count, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        for (int i = 0; i < count && world_rank > 0; i++)
            require(b[i] == world_rank * i + world_rank * (world_rank - 1) / 2);
    }
}

static void gather_scatter(int count, int root)
{
    count = count > 5000 ? 5000 : count;
    for (int in_place = 0; in_place < 2; in_place++) {
        int mine = in_place && world_rank == root;

        for (int i = 0; i < count; i++)
            a[i] = world_rank * 100000 + i;
        for (int i = 0; i < count * world_size; i++)
            b[i] = mine && i / (count ? count : 1) == root ? a[i % count] : -1;
        MPI_Gather(mine ? MPI_IN_PLACE : a, count, MPI_INT, b, count, MPI_INT, root,
                   MPI_COMM_WORLD);
        for (int i = 0; i < count * world_size; i++)
            require(b[i] == (world_rank == root ? i / count * 100000 + i % count : -1));

        memset(c, 0xff, (size_t)count * sizeof(int));
        MPI_Scatter(b, count, MPI_INT, mine ? MPI_IN_PLACE : c, count, MPI_INT, root,
                    MPI_COMM_WORLD);
        for (int i = 0; i < count; i++)
            require(c[i] == (mine ? -1 : world_rank * 100000 + i));

        for (int i = 0; i < count * world_size; i++)
            b[i] = in_place && i / (count ? count : 1) == world_rank ? a[i % count] : -1;
        MPI_Allgather(in_place ? MPI_IN_PLACE : a, count, MPI_INT, b, count, MPI_INT,
                      MPI_COMM_WORLD);
        for (int i = 0; i < count * world_size; i++)
            require(b[i] == i / count * 100000 + i % count);

        for (int i = 0; i < count * world_size; i++) {
            b[i] = world_rank * 1000000 + i;
            c[i] = in_place ? b[i] : -1;
        }
        MPI_Alltoall(in_place ? MPI_IN_PLACE : b, count, MPI_INT, c, count, MPI_INT,
                     MPI_COMM_WORLD);
        for (int i = 0; i < count * world_size; i++)
            require(c[i] == i / count * 1000000 + world_rank * count + i % count);
    }
}

/* Blocks of different sizes: rank r has 3r + 1 elements, with a gap of 2 behind each block. */
static void varying(int root)
{
    int *sizes = malloc((size_t)world_size * sizeof(int)),
        *places = malloc((size_t)world_size * sizeof(int));
    int total = 0;

    for (int i = 0; i < world_size; i++) {
        sizes[i] = 3 * i + 1;
        places[i] = total;
        total += sizes[i] + 2;
    }
    for (int i = 0; i < sizes[world_rank]; i++)
        a[i] = world_rank * 1000 + i;
    memset(b, 0xff, (size_t)total * sizeof(int));
    MPI_Gatherv(a, sizes[world_rank], MPI_INT, b, sizes, places, MPI_INT, root, MPI_COMM_WORLD);
    if (world_rank != root) {
        memset(b, 0xff, (size_t)total * sizeof(int));
        MPI_Allgatherv(a, sizes[world_rank], MPI_INT, b, sizes, places, MPI_INT, MPI_COMM_WORLD);
    } else {
        memcpy(c, b, (size_t)total * sizeof(int));
        memset(b, 0xff, (size_t)total * sizeof(int));
        MPI_Allgatherv(a, sizes[world_rank], MPI_INT, b, sizes, places, MPI_INT, MPI_COMM_WORLD);
        require(memcmp(b, c, (size_t)total * sizeof(int)) == 0);
    }
    for (int i = 0; i < world_size; i++) {
        for (int j = 0; j < sizes[i]; j++)
            require(b[places[i] + j] == i * 1000 + j);
        require(b[places[i] + sizes[i]] == -1 && b[places[i] + sizes[i] + 1] == -1);
    }
    memset(c, 0xff, (size_t)(sizes[world_rank] + 1) * sizeof(int));
    MPI_Scatterv(b, sizes, places, MPI_INT, c, sizes[world_rank], MPI_INT, root, MPI_COMM_WORLD);
    require(memcmp(a, c, (size_t)sizes[world_rank] * sizeof(int)) == 0);
    require(c[sizes[world_rank]] == -1);

    for (int i = 0; i < total + 5 * world_size; i++)
        b[i] = i;
    MPI_Reduce_scatter(b, c, sizes, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    for (int i = 0, before = places[world_rank] - 2 * world_rank; i < sizes[world_rank]; i++)
        require(c[i] == world_size * (before + i));
    MPI_Reduce_scatter_block(b, c, 5, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    for (int i = 0; i < 5; i++)
        require(c[i] == world_size * (world_rank * 5 + i));
    free(sizes);
    free(places);
}

/* 2x2 matrices modulo a prime. */
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

static void matrix_of(int rank, int i, int *m)
{
    m[0] = rank + 2;
    m[1] = i % 100 + 1;
    m[2] = 2 * rank + 1;
    m[3] = i % 7 + 3;
}

/* Reduce_scatter_block of the vector in `a`, which is left alone; then in place. */
static void scattered_in_order(int each, MPI_Datatype matrix, MPI_Op op)
{
    int one = 1;

    memcpy(b, a, (size_t)each * (size_t)world_size * 16);
    for (int in_place = 0; in_place < 2; in_place++) {
        int *result = in_place ? b : c;

        memset(c, 0, (size_t)each * 16);
        MPI_Reduce_scatter_block(in_place ? MPI_IN_PLACE : a, result, each, matrix, op,
                                 MPI_COMM_WORLD);
        for (int i = 0; i < each; i++) {
            int product[4], next[4], place = world_rank * each + i;

            matrix_of(world_size - 1, place, product);
            for (int rank = world_size - 2; rank >= 0; rank--) {
                matrix_of(rank, place, next);
                multiply(next, product, &one, &matrix);
            }
            require(memcmp(result + 4 * i, product, 16) == 0);
        }
    }
}

static void ordered(int count)
{
    MPI_Datatype matrix;
    MPI_Op op;
    int one = 1;

    MPI_Type_contiguous(4, MPI_INT, &matrix);
    MPI_Type_commit(&matrix);
    MPI_Op_create(multiply, 0, &op);
    for (int i = 0; i < count; i++)
        matrix_of(world_rank, i, a + 4 * i);
    for (int root = 0; root < world_size; root++) {
        memset(b, 0, (size_t)count * 16);
        MPI_Reduce(a, b, count, matrix, op, root, MPI_COMM_WORLD);
        MPI_Allreduce(a, c, count, matrix, op, MPI_COMM_WORLD);
        for (int i = 0; i < count; i++) {
            int product[4], next[4];

            matrix_of(world_size - 1, i, product);
            for (int rank = world_size - 2; rank >= 0; rank--) {
                matrix_of(rank, i, next);
                multiply(next, product, &one, &matrix);
            }
            require(memcmp(c + 4 * i, product, 16) == 0);
            require(world_rank != root || memcmp(b + 4 * i, product, 16) == 0);
        }
    }
    MPI_Scan(a, b, count, matrix, op, MPI_COMM_WORLD);
    for (int i = 0; i < count; i++) {
        int product[4], next[4];

        matrix_of(world_rank, i, product);
        for (int rank = world_rank - 1; rank >= 0; rank--) {
            matrix_of(rank, i, next);
            multiply(next, product, &one, &matrix);
        }
        require(memcmp(b + 4 * i, product, 16) == 0);
    }
    scattered_in_order(count / world_size, matrix, op);
    MPI_Op_free(&op);
    MPI_Type_free(&matrix);
}

/* Every second int; what lies between stays. */
/* The larger by amount; of equals the first, as BLACS has it. It says that it commutes. */
static void larger(void *in, void *inout, int *length, MPI_Datatype *type)
{
    double *from = in, *to = inout;

    for (int i = 0; i < *length; i++) {
        if (fabs(from[i]) >= fabs(to[i]))
            to[i] = from[i];
    }
}

/* Whatever the result is, it is the same everywhere, to the bit: programs branch by it. */
static void same_everywhere(int count, MPI_Op op, double first, double second)
{
    double *mine = (double *)a, *result = (double *)b, *all = (double *)c;
    MPI_Request request;

    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        for (int i = 0; i < count; i++)
            mine[i] = world_rank % 2 == i % 2 ? first : second;
        if (nonblocking) {
            MPI_Iallreduce(mine, result, count, MPI_DOUBLE, op, MPI_COMM_WORLD, &request);
            MPI_Wait(&request, MPI_STATUS_IGNORE);
        } else {
            MPI_Allreduce(mine, result, count, MPI_DOUBLE, op, MPI_COMM_WORLD);
        }
        MPI_Allgather(result, count, MPI_DOUBLE, all, count, MPI_DOUBLE, MPI_COMM_WORLD);
        for (int rank = 0; rank < world_size; rank++)
            require(memcmp(all + rank * count, result, (size_t)count * sizeof(double)) == 0);
    }
}

static void gaps(int root)
{
    enum { COUNT = 3000 };
    MPI_Datatype every_second, pair;

    MPI_Type_vector(2, 1, 2, MPI_INT, &pair);
    MPI_Type_create_resized(pair, 0, 4 * sizeof(int), &every_second);
    MPI_Type_commit(&every_second);
    for (int i = 0; i < 4 * COUNT; i++)
        a[i] = world_rank == root ? i : -i - 1;
    MPI_Bcast(a, COUNT, every_second, root, MPI_COMM_WORLD);
    for (int i = 0; i < 4 * COUNT; i++)
        require(a[i] == (world_rank == root || i % 2 == 0 ? i : -i - 1));
    for (int i = 0; i < 4 * COUNT * world_size; i++)
        b[i] = -1;
    for (int i = 0; i < 4 * COUNT; i++)
        a[i] = world_rank + i;
    MPI_Allgather(a, COUNT, every_second, b, COUNT, every_second, MPI_COMM_WORLD);
    for (int i = 0; i < 4 * COUNT * world_size; i++)
        require(b[i] == (i % 2 ? -1 : i / (4 * COUNT) + i % (4 * COUNT)));
    /* A gather and a scatter of it against plain ints. */
    for (int i = 0; i < 2 * COUNT * world_size; i++)
        b[i] = -1;
    MPI_Gather(a, COUNT, every_second, b, 2 * COUNT, MPI_INT, root, MPI_COMM_WORLD);
    for (int i = 0; i < 2 * COUNT * world_size && world_rank == root; i++)
        require(b[i] == i / (2 * COUNT) + 2 * (i % (2 * COUNT)));
    for (int i = 0; i < 4 * COUNT; i++)
        c[i] = -1;
    MPI_Scatter(b, 2 * COUNT, MPI_INT, c, COUNT, every_second, root, MPI_COMM_WORLD);
    for (int i = 0; i < 4 * COUNT; i++)
        require(c[i] == (i % 2 ? -1 : world_rank + i));
    for (int i = 0; i < 2 * COUNT * world_size; i++)
        b[i] = -1;
    for (int i = 0; i < 4 * COUNT * world_size; i++)
        c[i] = world_rank + i;
    MPI_Alltoall(c, COUNT, every_second, b, 2 * COUNT, MPI_INT, MPI_COMM_WORLD);
    for (int i = 0; i < 2 * COUNT * world_size; i++)
        require(b[i] == i / (2 * COUNT) + 4 * COUNT * world_rank + 2 * (i % (2 * COUNT)));
    MPI_Type_free(&pair);
    MPI_Type_free(&every_second);
}

/* What is sent and what is received begin at one address, and types tell them apart: even integers go, odd ones come. */
static void one_address(int count)
{
    int all = 2 * count * world_size;
    MPI_Datatype at, even, odd;

    MPI_Type_create_resized(MPI_INT, 0, 2 * sizeof(int), &even);
    MPI_Type_create_indexed_block(1, 1, (int[]){1}, MPI_INT, &at);
    MPI_Type_create_resized(at, 0, 2 * sizeof(int), &odd);
    MPI_Type_commit(&even);
    MPI_Type_commit(&odd);
    for (int operation = 0; operation < 4; operation++) {
        for (int i = 0; i < all; i++)
            a[i] = i % 2 ? -1 : world_rank * all + i;
        if (operation == 0)
            MPI_Alltoall(a, count, even, a, count, odd, MPI_COMM_WORLD);
        else if (operation == 1)
            MPI_Allgather(a, count, even, a, count, odd, MPI_COMM_WORLD);
        else if (operation == 2)
            MPI_Gather(a, count, even, a, count, odd, 0, MPI_COMM_WORLD);
        else
            MPI_Scatter(a, count, even, a, count, odd, 0, MPI_COMM_WORLD);
        for (int i = 0; i < all; i += 2) {
            int from = operation == 3 ? 0 : i / (2 * count);
            int part = operation == 0 || operation == 3 ? world_rank : 0;
            bool comes = operation == 2 ? world_rank == 0 : operation == 3 ? i < 2 * count : true;

            require(a[i] == world_rank * all + i);
            require(a[i + 1] == (comes ? from * all + 2 * count * part + i % (2 * count) : -1));
        }
    }
    MPI_Type_free(&at);
    MPI_Type_free(&even);
    MPI_Type_free(&odd);
}

/* Elements of two integers, the second FAR behind the first, and an extent of one integer: they lie in one another's gaps, and an operand
 * is longer than its extents say. */
enum { FAR = 4000 };

static void sum_far(void *in, void *inout, int *count, MPI_Datatype *type)
{
    const int *operand = in;
    int *sum = inout;

    for (int i = 0; i < *count; i++) {
        sum[i] += operand[i];
        sum[FAR + i] += operand[FAR + i];
    }
}

static void require_sum(const int *sum, int count, int first)
{
    for (int i = 0; i < count; i++) {
        int all = 1000 * world_size * (world_size + 1) / 2;

        require(sum[i] == all + world_size * (first + i));
        require(sum[FAR + i] == all + world_size * (FAR + first + i));
    }
}

static void interleaved(int count)
{
    int each = count / world_size;
    MPI_Datatype two, type;
    MPI_Op op;

    MPI_Type_vector(2, 1, FAR, MPI_INT, &two);
    MPI_Type_create_resized(two, 0, sizeof(int), &type);
    MPI_Type_commit(&type);
    MPI_Op_create(sum_far, 1, &op);
    for (int i = 0; i < 2 * FAR; i++)
        a[i] = 1000 * (world_rank + 1) + i;
    MPI_Allreduce(a, b, count, type, op, MPI_COMM_WORLD);
    require_sum(b, count, 0);
    for (int root = 0; root < world_size; root++) {
        MPI_Reduce(a, b, count, type, op, root, MPI_COMM_WORLD);
        if (world_rank == root)
            require_sum(b, count, 0);
    }
    MPI_Reduce_scatter_block(a, b, each, type, op, MPI_COMM_WORLD);
    require_sum(b, each, each * world_rank);
    MPI_Op_free(&op);
    MPI_Type_free(&type);
    MPI_Type_free(&two);
}

/* Time Warp's virtual time: a stream of tiny reductions. */
static void stream(void)
{
    for (int i = 0; i < 3000; i++) {
        double mine = i + (world_rank == i % world_size ? 0.25 : 0.5), least;

        MPI_Allreduce(&mine, &least, 1, MPI_DOUBLE, MPI_MIN, MPI_COMM_WORLD);
        require(least == i + 0.25);
    }
}

int main(int argc, char **argv)
{
    size_t bytes;
    MPI_Op op;

    test_start(&argc, &argv);
    bytes = ((size_t)MOST * 2 + 20000 * (size_t)world_size) * sizeof(int);
    a = malloc(bytes);
    b = malloc(bytes);
    c = malloc(bytes);
    barrier();
    for (int i = 0; i < COUNTS; i++) {
        for (int root = 0; root < world_size; root++) {
            bcast(counts[i], root);
            reduce(counts[i], root);
            gather_scatter(counts[i], root);
        }
    }
    for (int root = 0; root < world_size; root++) {
        varying(root);
        gaps(root);
    }
    one_address(1);
    one_address(9000);
    ordered(1);
    ordered(100);
    ordered(4000);
    interleaved(1);
    interleaved(40);
    interleaved(FAR);
    stream();
    MPI_Op_create(larger, 1, &op);
    for (int count = 1; count <= 1000; count *= 10) {
        same_everywhere(count, op, 1.0, -1.0);
        same_everywhere(count, MPI_MAX, 0.0, -0.0);
        same_everywhere(count, MPI_MIN, -0.0, 0.0);
    }
    MPI_Op_free(&op);
    free(a);
    free(b);
    free(c);
    return test_end();
}
