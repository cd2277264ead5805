/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/unimplemented.c: functions that programs may link to and that Caravan does not have yet.
 *
 * Each raises MPI_ERR_UNSUPPORTED_OPERATION and names itself. To implement one, define PMPI_x in its own file and take
 * its line out of unimplemented.h (a line left there is a duplicate definition, which does not link).
 */
#include "abi.h"

static const char not_yet[] = "not implemented yet by Caravan";

#define COMM(name, comm, ...)                                                                      \
    int P##name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        return COMM_ERROR(comm, MPI_ERR_UNSUPPORTED_OPERATION, "%s", not_yet);                     \
    }                                                                                              \
    EXPORT(name);

#define WIN(name, win, ...)                                                                        \
    int P##name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        return WIN_ERROR(win, MPI_ERR_UNSUPPORTED_OPERATION, "%s", not_yet);                       \
    }                                                                                              \
    EXPORT(name);

#define FILE(name, file, ...)                                                                      \
    int P##name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        return FILE_ERROR(file, MPI_ERR_UNSUPPORTED_OPERATION, "%s", not_yet);                     \
    }                                                                                              \
    EXPORT(name);

#define NONE(name, ...)                                                                            \
    int P##name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        return MPI_ERROR_IN_NOTHING(MPI_ERR_UNSUPPORTED_OPERATION, "%s", not_yet);                 \
    }                                                                                              \
    EXPORT(name);

#include "unimplemented.h"
