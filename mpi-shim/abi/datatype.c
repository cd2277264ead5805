/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/datatype.c: datatypes (MPI 3.1 chapter 4).
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static void retain(struct datatype *type)
{
    core_lock();
    datatype_retain(type);
    core_unlock();
}

static void release(struct datatype *type)
{
    core_lock();
    datatype_release(type);
    core_unlock();
}

/* ---- constructors ----------------------------------------------------------------------------------- */

/* `made` gets it. References to its parts are counted under the lock. */
#define MAKE(constructor)                                                                          \
    do {                                                                                           \
        int make_error_;                                                                           \
                                                                                                   \
        core_lock();                                                                               \
        make_error_ = constructor;                                                                 \
        core_unlock();                                                                             \
        FINISH_GIVEN(HANDLE_DATATYPE, make_error_, made);                                          \
    } while (0)

#define CHECK_COUNT(count)                                                                         \
    do {                                                                                           \
        if ((count) < 0)                                                                           \
            return FAIL(MPI_ERR_COUNT, "the count is %d", count);                                  \
    } while (0)

#define CHECK_LENGTH(name, length)                                                                 \
    do {                                                                                           \
        if ((length) < 0)                                                                          \
            return FAIL(MPI_ERR_ARG, "%s is %d", name, length);                                    \
    } while (0)

#define CHECK_LIST(count, list)                                                                    \
    do {                                                                                           \
        if ((count) > 0)                                                                           \
            CHECK_NOT_NULL(list);                                                                  \
    } while (0)

#define CHECK_LENGTHS(count, lengths)                                                              \
    do {                                                                                           \
        CHECK_LIST(count, lengths);                                                                \
        for (int i = 0; i < (count); i++)                                                          \
            CHECK_LENGTH("a block's length", (lengths)[i]);                                        \
    } while (0)

int PMPI_Type_contiguous(int count, MPI_Datatype old, MPI_Datatype *made)
{
    CHECK_COUNT(count);
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_contiguous(count, old, made));
}
EXPORT(MPI_Type_contiguous);

int PMPI_Type_vector(int count, int length, int stride, MPI_Datatype old, MPI_Datatype *made)
{
    CHECK_COUNT(count);
    CHECK_LENGTH("the blocks' length", length);
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_vector(count, length, stride, old, made));
}
EXPORT(MPI_Type_vector);

int PMPI_Type_create_hvector(int count, int length, MPI_Aint stride, MPI_Datatype old,
                             MPI_Datatype *made)
{
    CHECK_COUNT(count);
    CHECK_LENGTH("the blocks' length", length);
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_hvector(count, length, stride, old, made));
}
EXPORT(MPI_Type_create_hvector);

int PMPI_Type_indexed(int count, const int lengths[], const int displacements[], MPI_Datatype old,
                      MPI_Datatype *made)
{
    CHECK_COUNT(count);
    CHECK_LENGTHS(count, lengths);
    CHECK_LIST(count, displacements);
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_indexed(count, lengths, displacements, old, made));
}
EXPORT(MPI_Type_indexed);

int PMPI_Type_create_hindexed(int count, const int lengths[], const MPI_Aint displacements[],
                              MPI_Datatype old, MPI_Datatype *made)
{
    CHECK_COUNT(count);
    CHECK_LENGTHS(count, lengths);
    CHECK_LIST(count, displacements);
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_hindexed(count, lengths, displacements, old, made));
}
EXPORT(MPI_Type_create_hindexed);

int PMPI_Type_create_indexed_block(int count, int length, const int displacements[],
                                   MPI_Datatype old, MPI_Datatype *made)
{
    CHECK_COUNT(count);
    CHECK_LENGTH("the blocks' length", length);
    CHECK_LIST(count, displacements);
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_indexed_block(count, length, displacements, old, made));
}
EXPORT(MPI_Type_create_indexed_block);

int PMPI_Type_create_hindexed_block(int count, int length, const MPI_Aint displacements[],
                                    MPI_Datatype old, MPI_Datatype *made)
{
    CHECK_COUNT(count);
    CHECK_LENGTH("the blocks' length", length);
    CHECK_LIST(count, displacements);
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_hindexed_block(count, length, displacements, old, made));
}
EXPORT(MPI_Type_create_hindexed_block);

int PMPI_Type_create_struct(int count, const int lengths[], const MPI_Aint displacements[],
                            const MPI_Datatype types[], MPI_Datatype *made)
{
    CHECK_COUNT(count);
    CHECK_LENGTHS(count, lengths);
    CHECK_LIST(count, displacements);
    CHECK_LIST(count, types);
    for (int i = 0; i < count; i++)
        CHECK_TYPE(types[i]);
    CHECK_NOT_NULL(made);
    MAKE(datatype_struct(count, lengths, displacements, types, made));
}
EXPORT(MPI_Type_create_struct);

int PMPI_Type_create_resized(MPI_Datatype old, MPI_Aint lb, MPI_Aint extent, MPI_Datatype *made)
{
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_resized(old, lb, extent, made));
}
EXPORT(MPI_Type_create_resized);

int PMPI_Type_create_subarray(int dimensions, const int sizes[], const int subsizes[],
                              const int starts[], int order, MPI_Datatype old, MPI_Datatype *made)
{
    if (dimensions < 1)
        return FAIL(MPI_ERR_ARG, "the number of dimensions is %d", dimensions);
    CHECK_NOT_NULL(sizes);
    CHECK_NOT_NULL(subsizes);
    CHECK_NOT_NULL(starts);
    for (int i = 0; i < dimensions; i++) {
        if (sizes[i] < 1 || subsizes[i] < 1 || subsizes[i] > sizes[i] || starts[i] < 0 ||
            starts[i] > sizes[i] - subsizes[i])
            return FAIL(MPI_ERR_ARG, "dimension %d: %d from %d on are not within %d", i,
                        subsizes[i], starts[i], sizes[i]);
    }
    if (order != MPI_ORDER_C && order != MPI_ORDER_FORTRAN)
        return FAIL(MPI_ERR_ARG, "the order is %d", order);
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_subarray(dimensions, sizes, subsizes, starts, order, old, made));
}
EXPORT(MPI_Type_create_subarray);

int PMPI_Type_create_darray(int size, int rank, int dimensions, const int sizes[],
                            const int distributions[], const int arguments[], const int grid[],
                            int order, MPI_Datatype old, MPI_Datatype *made)
{
    long long processes = 1;

    if (dimensions < 1 || size < 1)
        return FAIL(MPI_ERR_ARG, "there are %d dimensions and %d processes", dimensions, size);
    if (rank < 0 || rank >= size)
        return FAIL(MPI_ERR_ARG, "rank %d is not among %d processes", rank, size);
    CHECK_NOT_NULL(sizes);
    CHECK_NOT_NULL(distributions);
    CHECK_NOT_NULL(arguments);
    CHECK_NOT_NULL(grid);
    for (int i = 0; i < dimensions; i++) {
        int argument = arguments[i];

        if (sizes[i] < 1 || grid[i] < 1)
            return FAIL(MPI_ERR_ARG, "dimension %d: %d elements on %d processes", i, sizes[i],
                        grid[i]);
        if (distributions[i] != MPI_DISTRIBUTE_BLOCK && distributions[i] != MPI_DISTRIBUTE_CYCLIC &&
            distributions[i] != MPI_DISTRIBUTE_NONE)
            return FAIL(MPI_ERR_ARG, "dimension %d: the distribution is %d", i, distributions[i]);
        if (distributions[i] == MPI_DISTRIBUTE_NONE && grid[i] != 1)
            return FAIL(MPI_ERR_ARG, "dimension %d is not distributed, and on %d processes", i,
                        grid[i]);
        if (distributions[i] != MPI_DISTRIBUTE_NONE && argument != MPI_DISTRIBUTE_DFLT_DARG &&
            (argument < 1 || (distributions[i] == MPI_DISTRIBUTE_BLOCK &&
                              (long long)argument * grid[i] < sizes[i])))
            return FAIL(MPI_ERR_ARG, "dimension %d: blocks of %d on %d processes for %d elements",
                        i, argument, grid[i], sizes[i]);
        processes *= grid[i];
        if (processes > size)
            break;
    }
    if (processes != size)
        return FAIL(MPI_ERR_ARG, "the grid is not of %d processes", size);
    if (order != MPI_ORDER_C && order != MPI_ORDER_FORTRAN)
        return FAIL(MPI_ERR_ARG, "the order is %d", order);
    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    MAKE(datatype_darray(size, rank, dimensions, sizes, distributions, arguments, grid, order, old,
                         made));
}
EXPORT(MPI_Type_create_darray);

#define F90(name, combiner, parameters, precision, range)                                          \
    int P##name parameters                                                                         \
    {                                                                                              \
        require_initialized(CALL);                                                                 \
        CHECK_NOT_NULL(made);                                                                      \
        MAKE(datatype_f90(combiner, precision, range, made));                                      \
    }                                                                                              \
    EXPORT(name)

F90(MPI_Type_create_f90_real, COMBINER_F90_REAL, (int p, int r, MPI_Datatype *made), p, r);
F90(MPI_Type_create_f90_complex, COMBINER_F90_COMPLEX, (int p, int r, MPI_Datatype *made), p, r);
F90(MPI_Type_create_f90_integer, COMBINER_F90_INTEGER, (int r, MPI_Datatype *made), 0, r);

int PMPI_Type_dup(MPI_Datatype old, MPI_Datatype *made)
{
    struct datatype *type;
    int error;

    CHECK_TYPE(old);
    CHECK_NOT_NULL(made);
    core_lock();
    error = datatype_dup(old, &type);
    core_unlock();
    if (error)
        return raise_world(CALL, error);
    error = attributes_copy(OBJECT_DATATYPE, old, old->attributes, type, &type->attributes);
    if (error) {
        release(type);
        return raise_world(CALL, error);
    }
    *made = type;
    handle_given(HANDLE_DATATYPE, type, CALL);
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_dup);

/* The layout was compiled as the type was made. */
int PMPI_Type_commit(MPI_Datatype *type)
{
    CHECK_NOT_NULL(type);
    CHECK_TYPE(*type);
    (*type)->committed = true;
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_commit);

int PMPI_Type_free(MPI_Datatype *type)
{
    int error;

    CHECK_NOT_NULL(type);
    CHECK_TYPE(*type);
    if ((*type)->predefined)
        return FAIL(MPI_ERR_TYPE, "%s is predefined and cannot be freed", (*type)->name);
    error = attributes_delete(OBJECT_DATATYPE, *type, &(*type)->attributes);
    if (error)
        return raise_world(CALL, error);
    handle_forget(HANDLE_DATATYPE, *type);
    handle_returned(HANDLE_DATATYPE, *type);
    release(*type);
    *type = MPI_DATATYPE_NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_free);

/* ---- questions -------------------------------------------------------------------------------------- */

int PMPI_Type_size_x(MPI_Datatype type, MPI_Count *size)
{
    CHECK_TYPE(type);
    CHECK_NOT_NULL(size);
    *size = (MPI_Count)type->size;
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_size_x);

int PMPI_Type_size(MPI_Datatype type, int *size)
{
    CHECK_TYPE(type);
    CHECK_NOT_NULL(size);
    *size = type->size <= INT_MAX ? (int)type->size : MPI_UNDEFINED;
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_size);

#define EXTENT(name, integer, lower, span)                                                         \
    int P##name(MPI_Datatype type, integer *lb, integer *extent)                                   \
    {                                                                                              \
        CHECK_TYPE(type);                                                                          \
        CHECK_NOT_NULL(lb);                                                                        \
        CHECK_NOT_NULL(extent);                                                                    \
        *lb = type->lower;                                                                         \
        *extent = type->span;                                                                      \
        return MPI_SUCCESS;                                                                        \
    }                                                                                              \
    EXPORT(name)

EXTENT(MPI_Type_get_extent, MPI_Aint, lb, extent);
EXTENT(MPI_Type_get_extent_x, MPI_Count, lb, extent);
EXTENT(MPI_Type_get_true_extent, MPI_Aint, true_lb, true_extent);
EXTENT(MPI_Type_get_true_extent_x, MPI_Count, true_lb, true_extent);

int PMPI_Type_get_envelope(MPI_Datatype type, int *integers, int *addresses, int *datatypes,
                           int *combiner)
{
    CHECK_TYPE(type);
    CHECK_NOT_NULL(integers);
    CHECK_NOT_NULL(addresses);
    CHECK_NOT_NULL(datatypes);
    CHECK_NOT_NULL(combiner);
    *combiner = type->combiner;
    *integers = type->contents ? type->contents->integers : 0;
    *addresses = type->contents ? type->contents->addresses : 0;
    *datatypes = type->contents ? type->contents->datatypes - type->contents->hidden : 0;
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_get_envelope);

int PMPI_Type_get_contents(MPI_Datatype type, int max_integers, int max_addresses,
                           int max_datatypes, int integers[], MPI_Aint addresses[],
                           MPI_Datatype datatypes[])
{
    const struct datatype_contents *contents;
    int told;

    CHECK_TYPE(type);
    contents = type->contents;
    if (!contents)
        return FAIL(MPI_ERR_TYPE, "%s is predefined: it was not made from anything", type->name);
    told = contents->datatypes - contents->hidden;
    if (max_integers < contents->integers || max_addresses < contents->addresses ||
        max_datatypes < told)
        return FAIL(MPI_ERR_ARG, "there are %d integers, %d addresses and %d datatypes to return",
                    contents->integers, contents->addresses, told);
    CHECK_LIST(contents->integers, integers);
    CHECK_LIST(contents->addresses, addresses);
    CHECK_LIST(told, datatypes);
    for (int i = 0; i < contents->integers; i++)
        integers[i] = contents->integer[i];
    for (int i = 0; i < contents->addresses; i++)
        addresses[i] = contents->address[i];
    for (int i = 0; i < told; i++) {
        datatypes[i] = contents->datatype[i];
        retain(datatypes[i]);
        handle_given(HANDLE_DATATYPE, datatypes[i], CALL);
    }
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_get_contents);

int PMPI_Type_set_name(MPI_Datatype type, const char *name)
{
    CHECK_TYPE(type);
    CHECK_NOT_NULL(name);
    snprintf(type->name, sizeof(type->name), "%s", name);
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_set_name);

int PMPI_Type_get_name(MPI_Datatype type, char *name, int *length)
{
    CHECK_NOT_NULL(name);
    CHECK_NOT_NULL(length);
    if (type != MPI_DATATYPE_NULL)
        CHECK_TYPE(type);
    *length = snprintf(name, MPI_MAX_OBJECT_NAME, "%s", type->name);
    return MPI_SUCCESS;
}
EXPORT(MPI_Type_get_name);

/* The type of a class (MPI 3.1 section 17.2.6) with `size` bytes. */
int PMPI_Type_match_size(int class, int size, MPI_Datatype *type)
{
    static const struct {
        int class, size;
        MPI_Datatype type;
    } types[] = {
        {MPI_TYPECLASS_INTEGER, 1, MPI_INTEGER1},   {MPI_TYPECLASS_INTEGER, 2, MPI_INTEGER2},
        {MPI_TYPECLASS_INTEGER, 4, MPI_INTEGER4},   {MPI_TYPECLASS_INTEGER, 8, MPI_INTEGER8},
        {MPI_TYPECLASS_REAL, 4, MPI_REAL4},         {MPI_TYPECLASS_REAL, 8, MPI_REAL8},
        {MPI_TYPECLASS_REAL, 16, MPI_REAL16},       {MPI_TYPECLASS_COMPLEX, 8, MPI_COMPLEX8},
        {MPI_TYPECLASS_COMPLEX, 16, MPI_COMPLEX16}, {MPI_TYPECLASS_COMPLEX, 32, MPI_COMPLEX32},
    };

    require_initialized(CALL);
    CHECK_NOT_NULL(type);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].class == class && types[i].size == size) {
            *type = types[i].type;
            return MPI_SUCCESS;
        }
    }
    return FAIL(MPI_ERR_ARG, "there is no type of class %d with %d bytes", class, size);
}
EXPORT(MPI_Type_match_size);

/* ---- packing ---------------------------------------------------------------------------------------- */

int PMPI_Pack(const void *in, int count, MPI_Datatype type, void *out, int size, int *position,
              MPI_Comm comm)
{
    size_t bytes;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, position);
    if (!data_ok(in, count, type))
        return raise_comm(comm, CALL, data_bad(in, count, type));
    bytes = (size_t)count * type->size;
    if (size < 0 || *position < 0 || *position > size || bytes > (size_t)(size - *position))
        return FAIL_COMM(comm, MPI_ERR_TRUNCATE, "%zu bytes do not fit at position %d of %d", bytes,
                         *position, size);
    if (bytes > 0) {
        CHECK_NOT_NULL_COMM(comm, out);
        datatype_pack(type, in, (size_t)count, 0, (char *)out + *position, bytes);
    }
    *position += (int)bytes;
    return MPI_SUCCESS;
}
EXPORT(MPI_Pack);

int PMPI_Unpack(const void *in, int size, int *position, void *out, int count, MPI_Datatype type,
                MPI_Comm comm)
{
    size_t bytes;

    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, position);
    if (!data_ok(out, count, type))
        return raise_comm(comm, CALL, data_bad(out, count, type));
    bytes = (size_t)count * type->size;
    if (size < 0 || *position < 0 || *position > size || bytes > (size_t)(size - *position))
        return FAIL_COMM(comm, MPI_ERR_TRUNCATE, "there are not %zu bytes at position %d of %d",
                         bytes, *position, size);
    if (bytes > 0) {
        CHECK_NOT_NULL_COMM(comm, in);
        datatype_unpack(type, out, (size_t)count, 0, (const char *)in + *position, bytes);
    }
    *position += (int)bytes;
    return MPI_SUCCESS;
}
EXPORT(MPI_Unpack);

int PMPI_Pack_size(int count, MPI_Datatype type, MPI_Comm comm, int *size)
{
    CHECK_COMM(comm);
    CHECK_NOT_NULL_COMM(comm, size);
    if (count < 0 || !type_ok(type))
        return raise_comm(comm, CALL, data_bad(NULL, count, type));
    if ((size_t)count * type->size > INT_MAX)
        return FAIL_COMM(comm, MPI_ERR_COUNT, "%d elements are more bytes than an int holds",
                         count);
    *size = (int)((size_t)count * type->size);
    return MPI_SUCCESS;
}
EXPORT(MPI_Pack_size);

/* ---- external32 ------------------------------------------------------------------------------------- */

static int datarep_check(const char *datarep)
{
    if (!datarep)
        return argument_null("datarep");
    if (strcmp(datarep, "external32") != 0)
        return error_note(MPI_ERR_UNSUPPORTED_DATAREP,
                          "the data representation is \"%.40s\"; there is \"external32\"", datarep);
    return 0;
}

/* What goes between `buffer` and [*position, size) of the external form, in bytes. */
static int external_check(const char *datarep, const void *buffer, int count,
                          const struct datatype *type, const void *external, MPI_Aint size,
                          const MPI_Aint *position, size_t *bytes)
{
    int error = datarep_check(datarep);

    if (error)
        return error;
    if (!position)
        return argument_null("position");
    if (!data_ok(buffer, count, type))
        return data_bad(buffer, count, type);
    *bytes = datatype_external_size(type, (size_t)count);
    if (*bytes > 0 && !external)
        return argument_null("the buffer of external32");
    if (size < 0 || *position < 0 || *position > size || *bytes > (size_t)(size - *position))
        return error_note(MPI_ERR_TRUNCATE, "%zu bytes do not fit at position %td of %td", *bytes,
                          *position, size);
    return 0;
}

int PMPI_Pack_external(const char datarep[], const void *in, int count, MPI_Datatype type,
                       void *out, MPI_Aint size, MPI_Aint *position)
{
    size_t bytes = 0;
    int error = external_check(datarep, in, count, type, out, size, position, &bytes);

    if (error)
        return raise_world(CALL, error);
    datatype_pack_external(type, in, (size_t)count, (char *)out + *position);
    *position += (MPI_Aint)bytes;
    return MPI_SUCCESS;
}
EXPORT(MPI_Pack_external);

int PMPI_Unpack_external(const char datarep[], const void *in, MPI_Aint size, MPI_Aint *position,
                         void *out, int count, MPI_Datatype type)
{
    size_t bytes = 0;
    int error = external_check(datarep, out, count, type, in, size, position, &bytes);

    if (error)
        return raise_world(CALL, error);
    datatype_unpack_external(type, out, (size_t)count, (const char *)in + *position);
    *position += (MPI_Aint)bytes;
    return MPI_SUCCESS;
}
EXPORT(MPI_Unpack_external);

int PMPI_Pack_external_size(const char datarep[], int count, MPI_Datatype type, MPI_Aint *size)
{
    int error = datarep_check(datarep);

    if (error)
        return raise_world(CALL, error);
    CHECK_NOT_NULL(size);
    if (count < 0 || !type_ok(type))
        return raise_world(CALL, data_bad(NULL, count, type));
    *size = (MPI_Aint)datatype_external_size(type, (size_t)count);
    return MPI_SUCCESS;
}
EXPORT(MPI_Pack_external_size);
