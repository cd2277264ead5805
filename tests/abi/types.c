/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: derived datatypes mean the same here and in Open MPI. Types are nested at random from a seed; printed are
 * bounds, sizes, how they were made, what packing and unpacking moves, and how elements are counted. same.py compares.
 * Displacements keep every type aligned: Open MPI's padding of what is not depends on the order of the
 * blocks. Blocks of a vector do not touch backwards: there its packing is wrong (vector 3 1 -1 of MPI_BYTE, say).
 *
 * usage: types FIRST_SEED LAST_SEED
 */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPACE = 1 << 20, MIDDLE = SPACE / 2, LIMIT = 8000 };

static unsigned char source[SPACE], target[SPACE], packed[SPACE];
static uint64_t state;

static int below(int n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (uint64_t)n);
}

static uint64_t hash(const unsigned char *bytes, size_t length)
{
    uint64_t sum = 14695981039346656037u;

    for (size_t i = 0; i < length; i++)
        sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

static MPI_Datatype basic(void)
{
    static const MPI_Datatype types[] = {MPI_BYTE,        MPI_CHAR,  MPI_SHORT, MPI_INT,
                                         MPI_DOUBLE,      MPI_FLOAT, MPI_LONG,  MPI_SHORT_INT,
                                         MPI_LONG_DOUBLE, MPI_2INT,  MPI_INT};
    return types[below(sizeof(types) / sizeof(types[0]))];
}

static MPI_Datatype construct_distributed(MPI_Datatype part, int dimensions)
{
    int sizes[3], distributions[3], arguments[3], grid[3], processes = 1;
    MPI_Datatype made;

    for (int i = 0; i < dimensions; i++) {
        sizes[i] = 1 + below(7);
        grid[i] = 1 + below(3);
        distributions[i] = below(3);
        if (distributions[i] == MPI_DISTRIBUTE_NONE)
            grid[i] = 1;
        arguments[i] = distributions[i] == MPI_DISTRIBUTE_CYCLIC
                           ? 1 + below(3)
                           : (sizes[i] + grid[i] - 1) / grid[i] + below(2);
        if (below(3) == 0)
            arguments[i] = MPI_DISTRIBUTE_DFLT_DARG;
        processes *= grid[i];
    }
    MPI_Type_create_darray(processes, below(processes), dimensions, sizes, distributions, arguments,
                           grid, below(2) ? MPI_ORDER_C : MPI_ORDER_FORTRAN, part, &made);
    return made;
}

/* One constructor over `part`, or over `part` and basic types. */
static MPI_Datatype construct(MPI_Datatype part)
{
    MPI_Datatype made, types[4];
    MPI_Aint lb, extent, displacements[4];
    int lengths[4], places[4], sizes[3], subsizes[3], starts[3];
    int count = 1 + below(4), length = below(4), dimensions = 1 + below(3);

    MPI_Type_get_extent(part, &lb, &extent);
    for (int i = 0; i < count; i++) {
        lengths[i] = below(4);
        places[i] = below(12) - 2;
        displacements[i] = below(10) * 16 - 32;
        types[i] = below(2) ? part : basic();
    }
    for (int i = 0; i < dimensions; i++) {
        sizes[i] = 1 + below(4);
        subsizes[i] = 1 + below(sizes[i]);
        starts[i] = below(sizes[i] - subsizes[i] + 1);
    }
    switch (below(12)) {
    case 0:
        MPI_Type_contiguous(below(5), part, &made);
        break;
    case 1:
        MPI_Type_vector(count, length, below(2) ? length + below(4) : -length - 1 - below(3), part,
                        &made);
        break;
    case 2:
        MPI_Type_create_hvector(count, below(4), below(12) * 16 - 32, part, &made);
        break;
    case 3:
        MPI_Type_indexed(count, lengths, places, part, &made);
        break;
    case 4:
        MPI_Type_create_hindexed(count, lengths, displacements, part, &made);
        break;
    case 5:
        MPI_Type_create_indexed_block(count, 1 + below(3), places, part, &made);
        break;
    case 6:
        MPI_Type_create_hindexed_block(count, 1 + below(3), displacements, part, &made);
        break;
    case 7:
        MPI_Type_create_struct(count, lengths, displacements, types, &made);
        break;
    case 8:
        MPI_Type_create_resized(part, lb - below(3) * 4, extent + below(5) * 4, &made);
        break;
    case 9:
        MPI_Type_create_subarray(dimensions, sizes, subsizes, starts,
                                 below(2) ? MPI_ORDER_C : MPI_ORDER_FORTRAN, part, &made);
        break;
    case 10:
        made = construct_distributed(part, dimensions);
        break;
    default:
        MPI_Type_dup(part, &made);
    }
    return made;
}

static void show_contents(MPI_Datatype type)
{
    int ni, na, nd, combiner, integers[32];
    MPI_Aint addresses[32];
    MPI_Datatype types[8];

    MPI_Type_get_envelope(type, &ni, &na, &nd, &combiner);
    printf("  made by %d:", combiner);
    if (combiner != MPI_COMBINER_NAMED) {
        MPI_Type_get_contents(type, ni, na, nd, integers, addresses, types);
        for (int i = 0; i < ni; i++)
            printf(" %d", integers[i]);
        for (int i = 0; i < na; i++)
            printf(" a%td", addresses[i]);
        for (int i = 0; i < nd; i++) {
            int of, none, size;

            MPI_Type_get_envelope(types[i], &none, &none, &none, &of);
            MPI_Type_size(types[i], &size);
            printf(" of %d size %d", of, size);
            if (of != MPI_COMBINER_NAMED)
                MPI_Type_free(&types[i]);
        }
    }
    printf("\n");
}

static void show(MPI_Datatype type)
{
    MPI_Aint lb, extent, true_lb, true_extent;
    int size, count = 1 + below(3), position = 0;

    MPI_Type_size(type, &size);
    MPI_Type_get_extent(type, &lb, &extent);
    MPI_Type_get_true_extent(type, &true_lb, &true_extent);
    printf("  size %d bounds %td %td", size, lb, extent);
    if (size > 0)
        printf(" true %td %td", true_lb, true_extent);
    printf("\n");
    show_contents(type);

    memset(target, 0, sizeof(target));
    MPI_Pack(source + MIDDLE, count, type, packed, SPACE, &position, MPI_COMM_SELF);
    printf("  packed %d %016llx", position, (unsigned long long)hash(packed, (size_t)position));
    position = 0;
    MPI_Unpack(packed, SPACE, &position, target + MIDDLE, count, type, MPI_COMM_SELF);
    printf(" unpacked %d %016llx\n", position, (unsigned long long)hash(target, SPACE));
    printf("  elements:");
    for (int bytes = 0; bytes <= 2 * size && bytes < 60; bytes++) {
        MPI_Status status;
        int elements, whole;

        memset(&status, 0, sizeof(status));
        MPI_Status_set_elements(&status, MPI_BYTE, bytes);
        MPI_Get_elements(&status, type, &elements);
        MPI_Get_count(&status, type, &whole);
        printf(" %d/%d", elements, whole);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length, first = argc > 1 ? atoi(argv[1]) : 1, last = argc > 2 ? atoi(argv[2]) : 100;

    MPI_Get_library_version(text, &length);
    printf("%s\n", text);
    MPI_Init(&argc, &argv);
    for (size_t i = 0; i < SPACE; i++)
        source[i] = (unsigned char)(i * 2654435761u >> 11);
    for (int seed = first; seed <= last; seed++) {
        MPI_Datatype type;
        int depth, size;
        MPI_Aint lb, extent;

        state = (uint64_t)seed * 0x9e3779b97f4a7c15u;
        type = basic();
        depth = 1 + below(4);
        for (int i = 0; i < depth; i++) {
            MPI_Datatype next = construct(type);

            if (i > 0)
                MPI_Type_free(&type); /* its parts must survive in what was made from it */
            type = next;
            MPI_Type_size(type, &size);
            MPI_Type_get_extent(type, &lb, &extent);
            if (size == 0 || size > LIMIT || extent > LIMIT || extent < -LIMIT || lb > LIMIT ||
                lb < -LIMIT)
                break;
        }
        if (size == 0) { /* Open MPI forgets the bounds of what has no bytes */
            MPI_Type_free(&type);
            continue;
        }
        MPI_Type_commit(&type);
        printf("seed %d depth %d\n", seed, depth);
        show(type);
        MPI_Type_free(&type);
    }
    MPI_Finalize();
    return 0;
}
