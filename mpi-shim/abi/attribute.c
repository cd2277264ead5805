/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/attribute.c: attributes and key values (MPI 3.1 sections 6.7 and 8.1.2).
 *
 * The value of a predefined attribute is a pointer to an int that lives as long as MPI does. The standard attaches
 * them to MPI_COMM_WORLD; here every communicator has them.
 */
#include <stdlib.h>

#include "check.h"
#include "fortran.h"

/* By key value; NULL where the attribute has no value. MPI_LASTUSEDCODE is error_last_used. */
static struct {
    int tag_ub, host, io, wtime_is_global, appnum, universe_size;
} values;

static int *predefined[KEYVAL_FIRST];

/* How many processes the job may grow to: what the launcher says, or what there are. */
static int universe_size(void)
{
    const char *text = getenv("OMPI_UNIVERSE_SIZE");
    int size = text ? atoi(text) : 0;

    return size > (int)am_size(core.am) ? size : (int)am_size(core.am);
}

void attributes_predefine(void)
{
    values.tag_ub = TAG_UB;
    values.host = MPI_PROC_NULL;
    values.io = MPI_ANY_SOURCE; /* every process can read and write files */
    values.wtime_is_global = 0;
    values.appnum = (int)am_program(core.am);
    values.universe_size = universe_size();
    predefined[MPI_TAG_UB] = &values.tag_ub;
    predefined[MPI_HOST] = &values.host;
    predefined[MPI_IO] = &values.io;
    predefined[MPI_WTIME_IS_GLOBAL] = &values.wtime_is_global;
    predefined[MPI_APPNUM] = &values.appnum;
    predefined[MPI_UNIVERSE_SIZE] = &values.universe_size;
    predefined[MPI_LASTUSEDCODE] = &error_last_used;
}

static int create(const char *call, enum object_kind kind, attribute_copy *copy,
                  attribute_delete *delete_, void *state, int *keyval)
{
    int error;

    require_initialized(call);
    error = keyval ? keyval_create(kind, copy, delete_, state, keyval) : argument_null("keyval");
    return error ? raise_world(call, error) : MPI_SUCCESS;
}

static int release(const char *call, enum object_kind kind, int *keyval)
{
    int error;

    require_initialized(call);
    error = keyval ? keyval_free(kind, *keyval) : argument_null("keyval");
    if (error)
        return raise_world(call, error);
    *keyval = MPI_KEYVAL_INVALID;
    return MPI_SUCCESS;
}

/* ---- communicators ---------------------------------------------------------------------------------- */

static int comm_get(const char *call, struct comm *comm, int keyval, enum attribute_form form,
                    void *value, int *flag)
{
    bool found = false;
    int error;

    if (!comm_ok(comm))
        return raise_comm(comm, call, comm_bad(comm));
    if (!value || !flag)
        return raise_comm(comm, call, argument_null(value ? "flag" : "attribute_val"));
    if (keyval >= 0 && keyval <= MPI_UNIVERSE_SIZE) {
        *(int **)value = predefined[keyval];
        *flag = 1;
        return MPI_SUCCESS;
    }
    error = attribute_get(OBJECT_COMM, comm->attributes, keyval, form, value, &found);
    if (error)
        return raise_comm(comm, call, error);
    *flag = found;
    return MPI_SUCCESS;
}

static int comm_set(const char *call, struct comm *comm, int keyval, enum attribute_form form,
                    void *value)
{
    int error;

    if (!comm_ok(comm))
        return raise_comm(comm, call, comm_bad(comm));
    error = attribute_set(OBJECT_COMM, comm, &comm->attributes, keyval, form, value);
    return error ? raise_comm(comm, call, error) : MPI_SUCCESS;
}

static int comm_delete(const char *call, struct comm *comm, int keyval)
{
    int error;

    if (!comm_ok(comm))
        return raise_comm(comm, call, comm_bad(comm));
    error = attribute_remove(OBJECT_COMM, comm, &comm->attributes, keyval);
    return error ? raise_comm(comm, call, error) : MPI_SUCCESS;
}

int PMPI_Comm_create_keyval(MPI_Comm_copy_attr_function *copy,
                            MPI_Comm_delete_attr_function *delete_, int *keyval, void *state)
{
    return create(CALL, OBJECT_COMM, (attribute_copy *)copy, (attribute_delete *)delete_, state,
                  keyval);
}
EXPORT(MPI_Comm_create_keyval);

int PMPI_Comm_free_keyval(int *keyval)
{
    return release(CALL, OBJECT_COMM, keyval);
}
EXPORT(MPI_Comm_free_keyval);

int PMPI_Comm_set_attr(MPI_Comm comm, int keyval, void *value)
{
    return comm_set(CALL, comm, keyval, ATTRIBUTE_POINTER, value);
}
EXPORT(MPI_Comm_set_attr);

int PMPI_Comm_get_attr(MPI_Comm comm, int keyval, void *value, int *flag)
{
    return comm_get(CALL, comm, keyval, ATTRIBUTE_POINTER, value, flag);
}
EXPORT(MPI_Comm_get_attr);

int PMPI_Comm_delete_attr(MPI_Comm comm, int keyval)
{
    return comm_delete(CALL, comm, keyval);
}
EXPORT(MPI_Comm_delete_attr);

/* The names of MPI-1. */
int PMPI_Keyval_create(MPI_Copy_function *copy, MPI_Delete_function *delete_, int *keyval,
                       void *state)
{
    return create(CALL, OBJECT_COMM, (attribute_copy *)copy, (attribute_delete *)delete_, state,
                  keyval);
}
EXPORT(MPI_Keyval_create);

int PMPI_Keyval_free(int *keyval)
{
    return release(CALL, OBJECT_COMM, keyval);
}
EXPORT(MPI_Keyval_free);

int PMPI_Attr_put(MPI_Comm comm, int keyval, void *value)
{
    return comm_set(CALL, comm, keyval, ATTRIBUTE_POINTER, value);
}
EXPORT(MPI_Attr_put);

int PMPI_Attr_get(MPI_Comm comm, int keyval, void *value, int *flag)
{
    return comm_get(CALL, comm, keyval, ATTRIBUTE_POINTER, value, flag);
}
EXPORT(MPI_Attr_get);

int PMPI_Attr_delete(MPI_Comm comm, int keyval)
{
    return comm_delete(CALL, comm, keyval);
}
EXPORT(MPI_Attr_delete);

/* ---- datatypes -------------------------------------------------------------------------------------- */

int PMPI_Type_create_keyval(MPI_Type_copy_attr_function *copy,
                            MPI_Type_delete_attr_function *delete_, int *keyval, void *state)
{
    return create(CALL, OBJECT_DATATYPE, (attribute_copy *)copy, (attribute_delete *)delete_, state,
                  keyval);
}
EXPORT(MPI_Type_create_keyval);

int PMPI_Type_free_keyval(int *keyval)
{
    return release(CALL, OBJECT_DATATYPE, keyval);
}
EXPORT(MPI_Type_free_keyval);

static int type_set(const char *call, struct datatype *type, int keyval, enum attribute_form form,
                    void *value)
{
    int error;

    if (!type_ok(type))
        return raise_world(call, type_bad(type));
    error = attribute_set(OBJECT_DATATYPE, type, &type->attributes, keyval, form, value);
    return error ? raise_world(call, error) : MPI_SUCCESS;
}

static int type_get(const char *call, struct datatype *type, int keyval, enum attribute_form form,
                    void *value, int *flag)
{
    bool found = false;
    int error;

    if (!type_ok(type))
        return raise_world(call, type_bad(type));
    if (!value || !flag)
        return raise_world(call, argument_null(value ? "flag" : "attribute_val"));
    error = attribute_get(OBJECT_DATATYPE, type->attributes, keyval, form, value, &found);
    if (error)
        return raise_world(call, error);
    *flag = found;
    return MPI_SUCCESS;
}

int PMPI_Type_set_attr(MPI_Datatype type, int keyval, void *value)
{
    return type_set(CALL, type, keyval, ATTRIBUTE_POINTER, value);
}
EXPORT(MPI_Type_set_attr);

int PMPI_Type_get_attr(MPI_Datatype type, int keyval, void *value, int *flag)
{
    return type_get(CALL, type, keyval, ATTRIBUTE_POINTER, value, flag);
}
EXPORT(MPI_Type_get_attr);

int PMPI_Type_delete_attr(MPI_Datatype type, int keyval)
{
    CHECK_TYPE(type);
    FINISH(attribute_remove(OBJECT_DATATYPE, type, &type->attributes, keyval));
}
EXPORT(MPI_Type_delete_attr);

/* ---- in Fortran's forms ----------------------------------------------------------------------------- */

static int set(int kind, void *object, int keyval, enum attribute_form form, MPI_Aint value)
{
    if (kind == OBJECT_KIND_TYPE)
        return type_set("MPI_Type_set_attr", object, keyval, form, (void *)value);
    return comm_set("MPI_Comm_set_attr", object, keyval, form, (void *)value);
}

int ompi_attr_set_fint(int kind, void *object, int keyval, MPI_Fint value)
{
    return set(kind, object, keyval, ATTRIBUTE_INTEGER, value);
}

int ompi_attr_set_aint(int kind, void *object, int keyval, MPI_Aint value)
{
    return set(kind, object, keyval, ATTRIBUTE_ADDRESS, value);
}

int ompi_attr_get_aint(int kind, void *object, int keyval, MPI_Aint *value, int *flag)
{
    bool type = kind == OBJECT_KIND_TYPE;
    void *found = NULL;
    int error = type
                    ? type_get("MPI_Type_get_attr", object, keyval, ATTRIBUTE_ADDRESS, &found, flag)
                    : comm_get("MPI_Comm_get_attr", object, keyval, ATTRIBUTE_ADDRESS, &found,
                               flag);

    if (error != MPI_SUCCESS || !*flag)
        return error;
    *value = !type && keyval >= 0 && keyval < KEYVAL_FIRST ? *(int *)found : (MPI_Aint)found;
    return MPI_SUCCESS;
}

/* ---- windows: key values can be made before there is one ------------------------------------------------ */

int PMPI_Win_create_keyval(MPI_Win_copy_attr_function *copy, MPI_Win_delete_attr_function *delete_,
                           int *keyval, void *state)
{
    return create(CALL, OBJECT_WIN, (attribute_copy *)copy, (attribute_delete *)delete_, state,
                  keyval);
}
EXPORT(MPI_Win_create_keyval);

int PMPI_Win_free_keyval(int *keyval)
{
    return release(CALL, OBJECT_WIN, keyval);
}
EXPORT(MPI_Win_free_keyval);
