/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/info.c: info objects (MPI 3.1 chapter 9).
 */
#include <stdio.h>
#include <string.h>

#include "check.h"

static int key_check(const char *key)
{
    if (!key)
        return argument_null("key");
    if (key[0] == '\0' || strlen(key) >= MPI_MAX_INFO_KEY)
        return error_note(MPI_ERR_INFO_KEY, "the key \"%s\" is empty or longer than %d characters",
                          key, MPI_MAX_INFO_KEY - 1);
    return 0;
}

#define CHECK_KEY(key)                                                                             \
    do {                                                                                           \
        int key_error_ = key_check(key);                                                           \
                                                                                                   \
        if (key_error_)                                                                            \
            return raise_world(CALL, key_error_);                                                  \
    } while (0)

int PMPI_Info_create(MPI_Info *info)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(info);
    FINISH_GIVEN(HANDLE_INFO, info_create(NULL, info), info);
}
EXPORT(MPI_Info_create);

int PMPI_Info_dup(MPI_Info info, MPI_Info *made)
{
    CHECK_INFO(info);
    CHECK_NOT_NULL(made);
    FINISH_GIVEN(HANDLE_INFO, info_create(info, made), made);
}
EXPORT(MPI_Info_dup);

int PMPI_Info_free(MPI_Info *info)
{
    CHECK_NOT_NULL(info);
    CHECK_INFO(*info);
    if ((*info)->predefined)
        return FAIL(MPI_ERR_INFO, "MPI_INFO_ENV is predefined and cannot be freed");
    handle_forget(HANDLE_INFO, *info);
    handle_returned(HANDLE_INFO, *info);
    info_free(*info);
    *info = MPI_INFO_NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Info_free);

int PMPI_Info_set(MPI_Info info, const char *key, const char *value)
{
    CHECK_INFO(info);
    CHECK_KEY(key);
    CHECK_NOT_NULL(value);
    if (strlen(value) >= MPI_MAX_INFO_VAL)
        return FAIL(MPI_ERR_INFO_VALUE, "the value of \"%s\" is longer than %d characters", key,
                    MPI_MAX_INFO_VAL - 1);
    FINISH(info_set(info, key, value));
}
EXPORT(MPI_Info_set);

int PMPI_Info_delete(MPI_Info info, const char *key)
{
    CHECK_INFO(info);
    CHECK_KEY(key);
    FINISH(info_delete(info, key));
}
EXPORT(MPI_Info_delete);

/* At most `length` characters and a null byte. */
int PMPI_Info_get(MPI_Info info, const char *key, int length, char *value, int *flag)
{
    const char *found;

    CHECK_INFO(info);
    CHECK_KEY(key);
    CHECK_NOT_NULL(value);
    CHECK_NOT_NULL(flag);
    if (length < 0)
        return FAIL(MPI_ERR_ARG, "the length is %d", length);
    found = info_get(info, key);
    if (found)
        snprintf(value, (size_t)length + 1, "%s", found);
    *flag = found != NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Info_get);

int PMPI_Info_get_valuelen(MPI_Info info, const char *key, int *length, int *flag)
{
    const char *found;

    CHECK_INFO(info);
    CHECK_KEY(key);
    CHECK_NOT_NULL(length);
    CHECK_NOT_NULL(flag);
    found = info_get(info, key);
    if (found)
        *length = (int)strlen(found);
    *flag = found != NULL;
    return MPI_SUCCESS;
}
EXPORT(MPI_Info_get_valuelen);

int PMPI_Info_get_nkeys(MPI_Info info, int *count)
{
    CHECK_INFO(info);
    CHECK_NOT_NULL(count);
    *count = info->count;
    return MPI_SUCCESS;
}
EXPORT(MPI_Info_get_nkeys);

int PMPI_Info_get_nthkey(MPI_Info info, int n, char *key)
{
    const char *found;

    CHECK_INFO(info);
    CHECK_NOT_NULL(key);
    if (n < 0)
        return FAIL(MPI_ERR_ARG, "n is %d", n);
    found = info_key(info, n);
    if (!found)
        return FAIL(MPI_ERR_INFO_KEY, "there is no key %d; the info object has %d", n, info->count);
    snprintf(key, MPI_MAX_INFO_KEY, "%s", found);
    return MPI_SUCCESS;
}
EXPORT(MPI_Info_get_nthkey);
