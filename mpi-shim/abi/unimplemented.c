/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/unimplemented.c: functions that programs may link to and that Caravan does not have yet.
 *
 * Each raises MPI_ERR_UNSUPPORTED_OPERATION and names itself. To implement one, define PMPI_x in its own file and take
 * its line out of unimplemented.h (a line left there is a duplicate definition, which does not link).
 */
#include "abi.h"

static int not_yet(void)
{
    return error_note(MPI_ERR_UNSUPPORTED_OPERATION, "not implemented yet by Caravan");
}

#define COMM(name, comm, ...)                                                                      \
    int P##name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        return raise_comm(comm, CALL, not_yet());                                                  \
    }                                                                                              \
    EXPORT(name);

#define WIN(name, win, ...)                                                                        \
    int P##name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        return raise_win(win, CALL, not_yet());                                                    \
    }                                                                                              \
    EXPORT(name);

#define FILE(name, file, ...)                                                                      \
    int P##name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        return raise_file(file, CALL, not_yet());                                                  \
    }                                                                                              \
    EXPORT(name);

#define NONE(name, ...)                                                                            \
    int P##name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        return raise_world(CALL, not_yet());                                                       \
    }                                                                                              \
    EXPORT(name);

#include "unimplemented.h"
