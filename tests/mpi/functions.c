/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: what no other test calls: splitting by node, comparing communicators of every relation, Info of communicators, generalized
 * requests, group differences, large extents, memory and thread queries.
 * Any number of ranks, on one node.
 */
#include "mpi_test.h"

static void split_by_node(void)
{
    MPI_Comm node, none;
    int result;

    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, -world_rank, MPI_INFO_NULL, &node);
    MPI_Comm_compare(MPI_COMM_WORLD, node, &result);
    require(result ==
            (world_size == 1 ? MPI_CONGRUENT : MPI_SIMILAR)); /* the order is turned round */
    MPI_Comm_rank(node, &result);
    require(result == world_size - 1 - world_rank);
    MPI_Comm_split_type(MPI_COMM_WORLD, world_rank == 0 ? MPI_UNDEFINED : MPI_COMM_TYPE_SHARED, 0,
                        MPI_INFO_NULL, &none);
    require((none == MPI_COMM_NULL) == (world_rank == 0));
    if (none != MPI_COMM_NULL) {
        MPI_Comm_compare(MPI_COMM_WORLD, none, &result);
        require(result == MPI_UNEQUAL);
        MPI_Comm_free(&none);
    }
    MPI_Comm_compare(MPI_COMM_WORLD, MPI_COMM_WORLD, &result);
    require(result == MPI_IDENT);
    MPI_Comm_free(&node);
}

static void infos(void)
{
    char value[MPI_MAX_INFO_VAL + 1] = "";
    MPI_Info info, got;
    MPI_Comm comm;
    int flag, result;

    MPI_Info_create(&info);
    MPI_Info_set(info, "mpi_assert_no_any_tag", "true");
    MPI_Comm_dup_with_info(MPI_COMM_WORLD, info, &comm);
    MPI_Comm_compare(MPI_COMM_WORLD, comm, &result);
    require(result == MPI_CONGRUENT);
    MPI_Comm_set_info(comm, info);
    MPI_Info_free(&info);
    /* What is not obeyed need not be told, but what is told is as it was set. */
    MPI_Comm_get_info(comm, &got);
    MPI_Info_get(got, "mpi_assert_no_any_tag", MPI_MAX_INFO_VAL, value, &flag);
    require(!flag || strcmp(value, "true") == 0);
    MPI_Info_free(&got);
    MPI_Comm_free(&comm);
}

static int queried, freed, cancelled;

static int query(void *state, MPI_Status *status)
{
    queried++;
    MPI_Status_set_elements_x(status, MPI_INT, *(int *)state);
    MPI_Status_set_cancelled(status, cancelled);
    status->MPI_SOURCE = 5;
    status->MPI_TAG = 6;
    return MPI_SUCCESS;
}

static int release(void *state)
{
    (void)state;
    freed++;
    return MPI_SUCCESS;
}

static int cancel(void *state, int complete)
{
    (void)state;
    require(!complete);
    cancelled = 1;
    return MPI_SUCCESS;
}

static void generalized(void)
{
    int elements = 3, flag;
    MPI_Request request, own;
    MPI_Status status;
    MPI_Count count;

    MPI_Grequest_start(query, release, cancel, &elements, &request);
    own = request;
    MPI_Test(&request, &flag, &status);
    require(!flag && queried == 0);
    MPI_Grequest_complete(own);
    MPI_Request_get_status(request, &flag, &status);
    require(flag && freed == 0);
    MPI_Wait(&request, &status);
    MPI_Get_elements_x(&status, MPI_INT, &count);
    require(request == MPI_REQUEST_NULL && freed == 1 && count == 3);
    require(status.MPI_SOURCE == 5 && status.MPI_TAG == 6);
    MPI_Grequest_start(query, release, cancel, &elements, &request);
    MPI_Cancel(&request);
    MPI_Grequest_complete(request);
    MPI_Waitall(1, &request, &status);
    MPI_Test_cancelled(&status, &flag);
    require(flag && freed == 2);
    /* Freed first: it goes when it is complete. */
    MPI_Grequest_start(query, release, cancel, &elements, &request);
    own = request;
    MPI_Request_free(&request);
    require(freed == 2);
    MPI_Grequest_complete(own);
    require(freed == 3);
}

static void groups(void)
{
    int range[1][3] = {{0, world_size - 1, 2}}, size, result;
    MPI_Group world, even, odd, difference;

    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Group_range_incl(world, 1, range, &even);
    MPI_Group_range_excl(world, 1, range, &odd);
    MPI_Group_difference(world, even, &difference);
    MPI_Group_size(odd, &size);
    require(size == world_size / 2);
    MPI_Group_compare(odd, difference, &result);
    require(result == MPI_IDENT);
    if (difference != MPI_GROUP_EMPTY)
        MPI_Group_free(&difference);
    MPI_Group_difference(even, world, &difference);
    require(difference == MPI_GROUP_EMPTY);
    MPI_Group_free(&world);
    MPI_Group_free(&even);
    if (odd != MPI_GROUP_EMPTY)
        MPI_Group_free(&odd);
}

static void types(void)
{
    char name[MPI_MAX_OBJECT_NAME];
    MPI_Count lb, extent;
    MPI_Datatype type;
    int length;

    MPI_Type_create_hvector(2, 1, (MPI_Aint)3 << 32, MPI_INT, &type);
    MPI_Type_get_extent_x(type, &lb, &extent);
    require(lb == 0 && extent == ((MPI_Count)3 << 32) + 4);
    MPI_Type_get_true_extent_x(type, &lb, &extent);
    require(lb == 0 && extent == ((MPI_Count)3 << 32) + 4);
    MPI_Type_set_name(type, "far apart");
    MPI_Type_get_name(type, name, &length);
    require(strcmp(name, "far apart") == 0 && length == 9);
    MPI_Type_free(&type);
}

static void surroundings(void)
{
    int main_thread, level, result;
    MPI_Fint words[6];
    MPI_Status status = {0}, again;
    char *memory;

    MPI_Is_thread_main(&main_thread);
    MPI_Query_thread(&level);
    require(main_thread && level >= MPI_THREAD_SINGLE);
    require(MPI_Pcontrol(1) == MPI_SUCCESS);
    MPI_Alloc_mem(1 << 20, MPI_INFO_NULL, &memory);
    memset(memory, 1, 1 << 20);
    require(MPI_Free_mem(memory) == MPI_SUCCESS);
    status.MPI_SOURCE = 3;
    status.MPI_TAG = 4;
    MPI_Status_c2f(&status, words);
    MPI_Status_f2c(words, &again);
    result = again.MPI_SOURCE == 3 && again.MPI_TAG == 4;
    require(result);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    split_by_node();
    infos();
    generalized();
    groups();
    types();
    surroundings();
    return test_end();
}
