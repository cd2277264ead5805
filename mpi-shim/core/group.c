/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/group.c: groups: ordered sets of processes (MPI 3.1 section 6.3).
 *
 * Questions over two groups are answered with a table from process to rank, so that they take time in proportion to
 * the groups' sizes.
 */
#include <stdlib.h>

#include "mpi-shim/core/p2p.h"

static struct group *group_make(int size)
{
    struct group *group = memory_get(sizeof(*group));

    group->magic = GROUP_MAGIC;
    group->references = 1;
    group->size = size;
    group->rank = UNDEFINED;
    group->process = memory_get((size_t)size * sizeof(*group->process));
    return group;
}

/* The process numbers are filled in: find out the rest. */
static struct group *group_finish(struct group *group, int size)
{
    group->size = size;
    if (size == 0) {
        free(group->process);
        free(group);
        return core.predefined.group_empty;
    }
    group->identity = true;
    for (int i = 0; i < size; i++) {
        if (group->process[i] == core.self)
            group->rank = i;
        group->identity &= group->process[i] == (uint32_t)i;
    }
    return group;
}

int group_of_processes(int size, const uint32_t *processes, struct group **made)
{
    struct group *group = group_make(size);

    if (size > 0)
        memcpy(group->process, processes, (size_t)size * sizeof(*processes));
    *made = group_finish(group, size);
    return 0;
}

struct group *group_retain(struct group *group)
{
    core_lock();
    if (!group->predefined)
        group->references++;
    core_unlock();
    return group;
}

void group_release(struct group *group)
{
    bool last;

    core_lock();
    last = !group->predefined && --group->references == 0;
    core_unlock();
    if (last) {
        group->magic = FREED_MAGIC;
        free(group->process);
        free(group);
    }
}

/* rank + 1 of each process in `group`, 0 for those that are not in it. To be freed. */
static int *group_table(const struct group *group)
{
    int *table = memory_get(core.processes * sizeof(*table));

    for (int i = 0; i < group->size; i++)
        table[group->process[i]] = i + 1;
    return table;
}

/* ---- subsets by rank -------------------------------------------------------------------------- */

/* Mark the ranks; ERR_RANK for one that is not in the group or comes twice. */
static int ranks_mark(const struct group *group, int n, const int *ranks, char *marks)
{
    for (int i = 0; i < n; i++) {
        if (ranks[i] < 0 || ranks[i] >= group->size)
            return error_note(ERR_RANK, "ranks[%d] is %d, the group has %d processes", i, ranks[i],
                              group->size);
        if (marks[ranks[i]]++)
            return error_note(ERR_RANK, "ranks[%d] is %d, which was named before", i, ranks[i]);
    }
    return 0;
}

static int group_subset(const struct group *group, int n, const int *ranks, bool include,
                        struct group **made)
{
    char *marks = memory_get((size_t)group->size + 1);
    int error = ranks_mark(group, n, ranks, marks);
    struct group *subset;
    int size = 0;

    if (error) {
        free(marks);
        return error;
    }
    subset = group_make(include ? n : group->size - n);
    if (include) {
        for (; size < n; size++)
            subset->process[size] = group->process[ranks[size]];
    } else {
        for (int i = 0; i < group->size; i++) {
            if (!marks[i])
                subset->process[size++] = group->process[i];
        }
    }
    free(marks);
    *made = group_finish(subset, size);
    return 0;
}

int group_incl(const struct group *group, int n, const int *ranks, struct group **made)
{
    return group_subset(group, n, ranks, true, made);
}

int group_excl(const struct group *group, int n, const int *ranks, struct group **made)
{
    return group_subset(group, n, ranks, false, made);
}

/* Write the ranges out as ranks. A range names at most as many ranks as the group has, or it is wrong. */
static int ranges_expand(const struct group *group, int n, const int (*ranges)[3], int **ranks,
                         int *count)
{
    int *all = memory_get(((size_t)group->size + 1) * sizeof(*all));
    int size = 0;

    for (int i = 0; i < n; i++) {
        long first = ranges[i][0], last = ranges[i][1], stride = ranges[i][2];

        if (stride == 0) {
            free(all);
            return error_note(ERR_ARG, "ranges[%d] has a stride of 0", i);
        }
        for (long rank = first; stride > 0 ? rank <= last : rank >= last; rank += stride) {
            if (rank < 0 || rank >= group->size || size == group->size) {
                free(all);
                return error_note(ERR_RANK,
                                  "ranges[%d] has rank %ld, which is not in the group or was "
                                  "named before",
                                  i, rank);
            }
            all[size++] = (int)rank;
        }
    }
    *ranks = all;
    *count = size;
    return 0;
}

static int group_ranges(const struct group *group, int n, const int (*ranges)[3], bool include,
                        struct group **made)
{
    int *ranks = NULL, count = 0;
    int error = ranges_expand(group, n, ranges, &ranks, &count);

    if (error)
        return error;
    error = group_subset(group, count, ranks, include, made);
    free(ranks);
    return error;
}

int group_range_incl(const struct group *group, int n, const int (*ranges)[3], struct group **made)
{
    return group_ranges(group, n, ranges, true, made);
}

int group_range_excl(const struct group *group, int n, const int (*ranges)[3], struct group **made)
{
    return group_ranges(group, n, ranges, false, made);
}

/* ---- sets ----------------------------------------------------------------------------------------- */

/* Those of `first` whose being in `table` is `in`. */
static int group_filter(const struct group *first, const int *table, bool in, uint32_t *processes)
{
    int size = 0;

    for (int i = 0; i < first->size; i++) {
        if ((table[first->process[i]] != 0) == in)
            processes[size++] = first->process[i];
    }
    return size;
}

int group_union(const struct group *a, const struct group *b, struct group **made)
{
    struct group *group = group_make(a->size + b->size);
    int *table = group_table(a);

    for (int i = 0; i < a->size; i++)
        group->process[i] = a->process[i];
    *made = group_finish(group, a->size + group_filter(b, table, false, group->process + a->size));
    free(table);
    return 0;
}

int group_intersection(const struct group *a, const struct group *b, struct group **made)
{
    struct group *group = group_make(a->size);
    int *table = group_table(b);

    *made = group_finish(group, group_filter(a, table, true, group->process));
    free(table);
    return 0;
}

int group_difference(const struct group *a, const struct group *b, struct group **made)
{
    struct group *group = group_make(a->size);
    int *table = group_table(b);

    *made = group_finish(group, group_filter(a, table, false, group->process));
    free(table);
    return 0;
}

int group_translate(const struct group *from, int n, const int *ranks, const struct group *to,
                    int *translated)
{
    int *table = n > 4 ? group_table(to) : NULL;
    int error = 0;

    for (int i = 0; i < n && !error; i++) {
        uint32_t process;

        translated[i] = UNDEFINED;
        if (ranks[i] == PROC_NULL) {
            translated[i] = PROC_NULL;
            continue;
        }
        if (ranks[i] < 0 || ranks[i] >= from->size) {
            error = error_note(ERR_RANK, "ranks[%d] is %d, the group has %d processes", i, ranks[i],
                               from->size);
            continue;
        }
        process = from->process[ranks[i]];
        if (table) {
            translated[i] = table[process] ? table[process] - 1 : UNDEFINED;
            continue;
        }
        for (int j = 0; j < to->size; j++) {
            if (to->process[j] == process) {
                translated[i] = j;
                break;
            }
        }
    }
    free(table);
    return error;
}

int group_compare(const struct group *a, const struct group *b, int *result)
{
    int *table;

    *result = COMPARE_UNEQUAL;
    if (a->size != b->size)
        return 0;
    if (memcmp(a->process, b->process, (size_t)a->size * sizeof(*a->process)) == 0) {
        *result = COMPARE_IDENT;
        return 0;
    }
    table = group_table(a);
    *result = COMPARE_SIMILAR;
    for (int i = 0; i < b->size; i++) {
        if (table[b->process[i]] == 0)
            *result = COMPARE_UNEQUAL;
    }
    free(table);
    return 0;
}
