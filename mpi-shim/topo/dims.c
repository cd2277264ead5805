/* SPDX-License-Identifier: BSD-2-Clause
 *
 * topo/dims.c: MPI_Dims_create: factors as close to each other as possible, in non-increasing order (MPI 3.1 section
 * 7.5.2).
 *
 * "Close" is taken exactly: the least difference between the largest and the smallest factor, and of those the least
 * largest one, then the least second one, and so on. The largest of some factors is not below their mean and the
 * smallest is not above it, which leaves little to search.
 */
#include <stdlib.h>

#include "mpi-shim/core/memory.h"
#include "mpi-shim/topo/topo.h"

enum { DIVISORS_MAX = 1600 }; /* of a number below 2^31: 2095133040 has so many */

struct search {
    int divisors;
    int divisor[DIVISORS_MAX]; /* of the product, ascending */
    int count;
    int *chosen;
    int *best;
    int spread; /* of `best` */
};

/* base ** exponent > limit, where base > 0 */
static bool power_exceeds(long base, int exponent, int limit)
{
    long power = 1;

    for (int i = 0; i < exponent && power <= limit; i++)
        power *= base;
    return power > limit;
}

/* Choose factors number `at` and later, whose product is `left`. */
static void search_factors(struct search *search, int at, int left)
{
    int remaining = search->count - at;
    int *chosen = search->chosen;

    if (remaining == 0) {
        search->spread = chosen[0] - chosen[at - 1];
        for (int i = 0; i < search->count; i++)
            search->best[i] = chosen[i];
        return;
    }
    for (int i = 0; i < search->divisors; i++) {
        int factor = search->divisor[i], largest = at > 0 ? chosen[0] : factor;
        /* What the smallest must be to improve on `best`. */
        int least = largest - search->spread + 1;

        if (least > 0 && power_exceeds(least, remaining, left))
            return;
        if (at > 0 && factor > chosen[at - 1])
            return;
        if (factor < least || left % factor != 0 || (remaining == 1 && factor != left) ||
            !power_exceeds(factor, remaining, left - 1))
            continue;
        chosen[at] = factor;
        search_factors(search, at + 1, left / factor);
    }
}

static void divisors_find(struct search *search, int product)
{
    int low = 0, high = DIVISORS_MAX;

    for (int i = 1; (long)i * i <= product; i++) {
        if (product % i != 0)
            continue;
        search->divisor[low++] = i;
        if (product / i != i)
            search->divisor[--high] = product / i;
    }
    while (high < DIVISORS_MAX)
        search->divisor[low++] = search->divisor[high++];
    search->divisors = low;
}

int dims_create(int nodes, int ndims, int *dims)
{
    int left = nodes, zeros = 0;
    struct search *search;

    if (nodes < 1)
        return error_note(ERR_DIMS, "a grid of %d processes", nodes);
    for (int i = 0; i < ndims; i++) {
        if (dims[i] == 0)
            zeros++;
        else if (dims[i] < 0 || left % dims[i] != 0)
            return error_note(ERR_DIMS, "dims[%d] is %d and %d processes are to be divided", i,
                              dims[i], left);
        else
            left /= dims[i];
    }
    if (zeros == 0)
        return left == 1 ? 0
                         : error_note(ERR_DIMS,
                                      "the dimensions are given and make %d processes, "
                                      "not %d",
                                      nodes / left, nodes);
    search = memory_get(sizeof(*search));
    search->count = zeros;
    search->chosen = memory_get(2 * (size_t)zeros * sizeof(int));
    search->best = search->chosen + zeros;
    search->spread = INT32_MAX;
    divisors_find(search, left);
    search_factors(search, 0, left);
    for (int i = 0, next = 0; i < ndims; i++) {
        if (dims[i] == 0)
            dims[i] = search->best[next++];
    }
    free(search->chosen);
    free(search);
    return 0;
}
