/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/tool.c: the tool information interface (MPI 3.1 section 14.3), with no variable in it.
 *
 * An implementation decides which control and performance variables it has, and Caravan has none: every number is 0, so
 * every index, handle and name is invalid. It works before MPI_Init, and returns its errors; no error handler sees them.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "abi.h"

static atomic_int users;

/* A function whose index, handle or name argument cannot be valid. */
#define NOTHING(name, error, ...)                                                                  \
    int P##name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        return atomic_load(&users) > 0 ? error : MPI_T_ERR_NOT_INITIALIZED;                        \
    }                                                                                              \
    EXPORT(name)

/* How many there are. */
#define NONE(name)                                                                                 \
    int P##name(int *number)                                                                       \
    {                                                                                              \
        if (atomic_load(&users) == 0)                                                              \
            return MPI_T_ERR_NOT_INITIALIZED;                                                      \
        if (!number)                                                                               \
            return MPI_T_ERR_INVALID;                                                              \
        *number = 0;                                                                               \
        return MPI_SUCCESS;                                                                        \
    }                                                                                              \
    EXPORT(name)

int PMPI_T_init_thread(int required, int *provided)
{
    if (!provided)
        return MPI_T_ERR_INVALID;
    atomic_fetch_add(&users, 1);
    *provided = MPI_THREAD_MULTIPLE;
    return MPI_SUCCESS;
}
EXPORT(MPI_T_init_thread);

int PMPI_T_finalize(void)
{
    if (atomic_fetch_sub(&users, 1) > 0)
        return MPI_SUCCESS;
    atomic_fetch_add(&users, 1);
    return MPI_T_ERR_NOT_INITIALIZED;
}
EXPORT(MPI_T_finalize);

NONE(MPI_T_cvar_get_num);
NONE(MPI_T_pvar_get_num);
NONE(MPI_T_category_get_num);
NONE(MPI_T_category_changed);

/* ---- control variables ------------------------------------------------------------------------------ */

NOTHING(MPI_T_cvar_get_info, MPI_T_ERR_INVALID_INDEX, int index, char *name, int *name_length,
        int *verbosity, MPI_Datatype *type, MPI_T_enum *enumeration, char *text, int *text_length,
        int *bind, int *scope);
NOTHING(MPI_T_cvar_get_index, MPI_T_ERR_INVALID_NAME, const char *name, int *index);
NOTHING(MPI_T_cvar_handle_alloc, MPI_T_ERR_INVALID_INDEX, int index, void *object,
        MPI_T_cvar_handle *handle, int *count);
NOTHING(MPI_T_cvar_handle_free, MPI_T_ERR_INVALID_HANDLE, MPI_T_cvar_handle *handle);
NOTHING(MPI_T_cvar_read, MPI_T_ERR_INVALID_HANDLE, MPI_T_cvar_handle handle, void *buffer);
NOTHING(MPI_T_cvar_write, MPI_T_ERR_INVALID_HANDLE, MPI_T_cvar_handle handle, const void *buffer);

/* ---- performance variables -------------------------------------------------------------------------- */

NOTHING(MPI_T_pvar_get_info, MPI_T_ERR_INVALID_INDEX, int index, char *name, int *name_length,
        int *verbosity, int *class, MPI_Datatype *type, MPI_T_enum *enumeration, char *text,
        int *text_length, int *bind, int *read_only, int *continuous, int *atomic);
NOTHING(MPI_T_pvar_get_index, MPI_T_ERR_INVALID_NAME, const char *name, int class, int *index);

/* A session is an address of its own and nothing else. */
int PMPI_T_pvar_session_create(MPI_T_pvar_session *session)
{
    if (atomic_load(&users) == 0)
        return MPI_T_ERR_NOT_INITIALIZED;
    if (!session)
        return MPI_T_ERR_INVALID;
    *session = malloc(1);
    return *session ? MPI_SUCCESS : MPI_T_ERR_OUT_OF_SESSIONS;
}
EXPORT(MPI_T_pvar_session_create);

int PMPI_T_pvar_session_free(MPI_T_pvar_session *session)
{
    if (atomic_load(&users) == 0)
        return MPI_T_ERR_NOT_INITIALIZED;
    if (!session || *session == MPI_T_PVAR_SESSION_NULL)
        return MPI_T_ERR_INVALID_SESSION;
    free(*session);
    *session = MPI_T_PVAR_SESSION_NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_T_pvar_session_free);

NOTHING(MPI_T_pvar_handle_alloc, MPI_T_ERR_INVALID_INDEX, MPI_T_pvar_session session, int index,
        void *object, MPI_T_pvar_handle *handle, int *count);
NOTHING(MPI_T_pvar_handle_free, MPI_T_ERR_INVALID_HANDLE, MPI_T_pvar_session session,
        MPI_T_pvar_handle *handle);
NOTHING(MPI_T_pvar_read, MPI_T_ERR_INVALID_HANDLE, MPI_T_pvar_session session,
        MPI_T_pvar_handle handle, void *buffer);
NOTHING(MPI_T_pvar_write, MPI_T_ERR_INVALID_HANDLE, MPI_T_pvar_session session,
        MPI_T_pvar_handle handle, const void *buffer);
NOTHING(MPI_T_pvar_readreset, MPI_T_ERR_INVALID_HANDLE, MPI_T_pvar_session session,
        MPI_T_pvar_handle handle, void *buffer);

/* MPI_T_PVAR_ALL_HANDLES names all the handles of a session, of which there is none. */
#define ON_HANDLES(name)                                                                           \
    int P##name(MPI_T_pvar_session session, MPI_T_pvar_handle handle)                              \
    {                                                                                              \
        if (atomic_load(&users) == 0)                                                              \
            return MPI_T_ERR_NOT_INITIALIZED;                                                      \
        return handle == MPI_T_PVAR_ALL_HANDLES ? MPI_SUCCESS : MPI_T_ERR_INVALID_HANDLE;          \
    }                                                                                              \
    EXPORT(name)

ON_HANDLES(MPI_T_pvar_start);
ON_HANDLES(MPI_T_pvar_stop);
ON_HANDLES(MPI_T_pvar_reset);

/* ---- enumerations and categories -------------------------------------------------------------------- */

NOTHING(MPI_T_enum_get_info, MPI_T_ERR_INVALID_HANDLE, MPI_T_enum enumeration, int *number,
        char *name, int *name_length);
NOTHING(MPI_T_enum_get_item, MPI_T_ERR_INVALID_HANDLE, MPI_T_enum enumeration, int index,
        int *value, char *name, int *name_length);
NOTHING(MPI_T_category_get_info, MPI_T_ERR_INVALID_INDEX, int category, char *name,
        int *name_length, char *text, int *text_length, int *cvars, int *pvars, int *categories);
NOTHING(MPI_T_category_get_index, MPI_T_ERR_INVALID_NAME, const char *name, int *index);
NOTHING(MPI_T_category_get_cvars, MPI_T_ERR_INVALID_INDEX, int category, int length, int indices[]);
NOTHING(MPI_T_category_get_pvars, MPI_T_ERR_INVALID_INDEX, int category, int length, int indices[]);
NOTHING(MPI_T_category_get_categories, MPI_T_ERR_INVALID_INDEX, int category, int length,
        int indices[]);
