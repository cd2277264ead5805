/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/group.c: groups (MPI 3.1 section 6.3).
 */
#include <stdlib.h>

#include "check.h"

int PMPI_Group_size(MPI_Group group, int *size)
{
    CHECK_GROUP(group);
    CHECK_NOT_NULL(size);
    *size = group->size;
    return MPI_SUCCESS;
}
EXPORT(MPI_Group_size);

int PMPI_Group_rank(MPI_Group group, int *rank)
{
    CHECK_GROUP(group);
    CHECK_NOT_NULL(rank);
    *rank = group->rank;
    return MPI_SUCCESS;
}
EXPORT(MPI_Group_rank);

int PMPI_Group_compare(MPI_Group a, MPI_Group b, int *result)
{
    CHECK_GROUP(a);
    CHECK_GROUP(b);
    CHECK_NOT_NULL(result);
    FINISH(group_compare(a, b, result));
}
EXPORT(MPI_Group_compare);

/* Ranks that name members of a group; MPI_PROC_NULL only for MPI_Group_translate_ranks. */
static int ranks_check(const struct group *group, int n, const int *ranks, bool null_allowed)
{
    if (n < 0)
        return error_note(MPI_ERR_ARG, "the number of ranks is %d", n);
    if (n > 0 && !ranks)
        return argument_null("ranks");
    for (int i = 0; i < n; i++) {
        if ((ranks[i] < 0 || ranks[i] >= group->size) &&
            !(null_allowed && ranks[i] == MPI_PROC_NULL))
            return error_note(MPI_ERR_RANK, "rank %d is not in a group of %d", ranks[i],
                              group->size);
    }
    return 0;
}

int PMPI_Group_translate_ranks(MPI_Group from, int n, const int ranks[], MPI_Group to,
                               int translated[])
{
    int error;

    CHECK_GROUP(from);
    CHECK_GROUP(to);
    error = ranks_check(from, n, ranks, true);
    if (error)
        return raise_world(CALL, error);
    FINISH(group_translate(from, n, ranks, to, translated));
}
EXPORT(MPI_Group_translate_ranks);

#define SELECTION(name, function)                                                                  \
    int P##name(MPI_Group group, int n, const int ranks[], MPI_Group *made)                        \
    {                                                                                              \
        int error;                                                                                 \
                                                                                                   \
        CHECK_GROUP(group);                                                                        \
        CHECK_NOT_NULL(made);                                                                      \
        error = ranks_check(group, n, ranks, false);                                               \
        if (error)                                                                                 \
            return raise_world(CALL, error);                                                       \
        FINISH_GIVEN(HANDLE_GROUP, function(group, n, ranks, made), made);                         \
    }                                                                                              \
    EXPORT(name)

SELECTION(MPI_Group_incl, group_incl);
SELECTION(MPI_Group_excl, group_excl);

#define RANGES(name, function)                                                                     \
    int P##name(MPI_Group group, int n, int ranges[][3], MPI_Group *made)                          \
    {                                                                                              \
        CHECK_GROUP(group);                                                                        \
        CHECK_NOT_NULL(made);                                                                      \
        if (n < 0)                                                                                 \
            return FAIL(MPI_ERR_ARG, "the number of ranges is %d", n);                             \
        if (n > 0)                                                                                 \
            CHECK_NOT_NULL(ranges);                                                                \
        FINISH_GIVEN(HANDLE_GROUP, function(group, n, (const int(*)[3])ranges, made), made);       \
    }                                                                                              \
    EXPORT(name)

RANGES(MPI_Group_range_incl, group_range_incl);
RANGES(MPI_Group_range_excl, group_range_excl);

#define OF_TWO(name, function)                                                                     \
    int P##name(MPI_Group a, MPI_Group b, MPI_Group *made)                                         \
    {                                                                                              \
        CHECK_GROUP(a);                                                                            \
        CHECK_GROUP(b);                                                                            \
        CHECK_NOT_NULL(made);                                                                      \
        FINISH_GIVEN(HANDLE_GROUP, function(a, b, made), made);                                    \
    }                                                                                              \
    EXPORT(name)

OF_TWO(MPI_Group_union, group_union);
OF_TWO(MPI_Group_intersection, group_intersection);
OF_TWO(MPI_Group_difference, group_difference);

/* MPI_GROUP_EMPTY may be freed too: other functions return it as a result. */
int PMPI_Group_free(MPI_Group *group)
{
    CHECK_NOT_NULL(group);
    CHECK_GROUP(*group);
    if (!(*group)->predefined) {
        handle_forget(HANDLE_GROUP, *group);
        handle_returned(HANDLE_GROUP, *group);
        group_release(*group);
    }
    *group = MPI_GROUP_NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Group_free);
