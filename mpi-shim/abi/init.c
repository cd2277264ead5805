/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/init.c: beginning and end, and what a program may ask about its surroundings (MPI 3.1 chapter 8).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"

#ifndef CARAVAN_VERSION
#error "the build defines CARAVAN_VERSION"
#endif

static pthread_t main_thread;

static int init(const char *call, int required, int *provided)
{
    struct core_predefined predefined;

    if (core.initialized || core.finalized) {
        if (core.finalized)
            require_initialized(call);
        return raise_world(call, error_note(MPI_ERR_OTHER, "MPI is initialised already"));
    }
    fill_predefined();
    fill_core_predefined(&predefined);
    if (core_init(&predefined, required, provided) != 0)
        exit(EXIT_FAILURE);
    main_thread = pthread_self();
    attributes_predefine();
    leaks_begin();
    return MPI_SUCCESS;
}

int PMPI_Init(int *argc, char ***argv)
{
    int provided;

    return init(CALL, MPI_THREAD_SINGLE, &provided);
}
EXPORT(MPI_Init);

int PMPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    int level;

    return init(CALL, required, provided ? provided : &level);
}
EXPORT(MPI_Init_thread);

/* The delete functions of MPI_COMM_SELF's attributes run while MPI still works (MPI 3.1 section 8.7.1). */
int PMPI_Finalize(void)
{
    const struct errhandler *handler;
    int error;

    require_initialized(CALL);
    error = attributes_delete(OBJECT_COMM, MPI_COMM_SELF, &MPI_COMM_SELF->attributes);
    if (!error)
        error = attributes_delete(OBJECT_COMM, MPI_COMM_WORLD, &MPI_COMM_WORLD->attributes);
    if (error)
        return raise_world(CALL, error);
    if (leaks_wanted)
        leaks_report();
    handler = MPI_COMM_WORLD->errhandler;
    error = core_finalize();
    if (error)
        return raise_at_end(handler, CALL, error);
    clear_predefined();
    return MPI_SUCCESS;
}
EXPORT(MPI_Finalize);

int PMPI_Initialized(int *flag)
{
    *flag = core.initialized || core.finalized;
    return MPI_SUCCESS;
}
EXPORT(MPI_Initialized);

int PMPI_Finalized(int *flag)
{
    *flag = core.finalized;
    return MPI_SUCCESS;
}
EXPORT(MPI_Finalized);

int PMPI_Abort(MPI_Comm comm, int code)
{
    require_initialized(CALL);
    /* A job that fails with 256 must not seem to succeed. */
    core_abort(code != 0 && (code & 0xff) == 0 ? EXIT_FAILURE : code,
               "MPI_Abort(%s, %d) was called by rank %d", comm_ok(comm) ? comm_label(comm) : "?",
               code, core.predefined.world->rank);
}
EXPORT(MPI_Abort);

int PMPI_Query_thread(int *provided)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(provided);
    *provided = core.thread_level;
    return MPI_SUCCESS;
}
EXPORT(MPI_Query_thread);

int PMPI_Is_thread_main(int *flag)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(flag);
    *flag = pthread_equal(pthread_self(), main_thread) != 0;
    return MPI_SUCCESS;
}
EXPORT(MPI_Is_thread_main);

/* ---- versions, time, place ------------------------------------------------------------------------ */

int PMPI_Get_version(int *version, int *subversion)
{
    *version = MPI_VERSION;
    *subversion = MPI_SUBVERSION;
    return MPI_SUCCESS;
}
EXPORT(MPI_Get_version);

int PMPI_Get_library_version(char *version, int *length)
{
    *length = snprintf(version, MPI_MAX_LIBRARY_VERSION_STRING, "Caravan %s, Open MPI 4.1 ABI",
                       CARAVAN_VERSION);
    return MPI_SUCCESS;
}
EXPORT(MPI_Get_library_version);

int PMPI_Get_processor_name(char *name, int *length)
{
    require_initialized(CALL);
    CHECK_NOT_NULL(name);
    CHECK_NOT_NULL(length);
    *length = snprintf(name, MPI_MAX_PROCESSOR_NAME, "%s", am_host(core.am, core.self));
    return MPI_SUCCESS;
}
EXPORT(MPI_Get_processor_name);

double PMPI_Wtime(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
EXPORT(MPI_Wtime);

double PMPI_Wtick(void)
{
    struct timespec tick;

    clock_getres(CLOCK_MONOTONIC, &tick);
    return (double)tick.tv_sec + 1e-9 * (double)tick.tv_nsec;
}
EXPORT(MPI_Wtick);

/* For profiling libraries (MPI 3.1 section 14.2.4): here it does nothing. */
int PMPI_Pcontrol(const int level, ...)
{
    return MPI_SUCCESS;
}
EXPORT(MPI_Pcontrol);

/* Not a question of MPI: this MPI knows nothing of GPUs. */
int MPIX_Query_cuda_support(void)
{
    return 0;
}

/* ---- memory --------------------------------------------------------------------------------------- */

/* Any memory will do: nothing is registered. A cache line's alignment helps copies. */
int PMPI_Alloc_mem(MPI_Aint size, MPI_Info info, void *base)
{
    void *memory;

    require_initialized(CALL);
    CHECK_NOT_NULL(base);
    if (size < 0)
        return FAIL(MPI_ERR_ARG, "the size is %td", size);
    if (info != MPI_INFO_NULL)
        CHECK_INFO(info);
    if (posix_memalign(&memory, 64, size > 0 ? (size_t)size : 1) != 0)
        return FAIL(MPI_ERR_NO_MEM, "no memory of %td bytes", size);
    *(void **)base = memory;
    return MPI_SUCCESS;
}
EXPORT(MPI_Alloc_mem);

int PMPI_Free_mem(void *base)
{
    free(base);
    return MPI_SUCCESS;
}
EXPORT(MPI_Free_mem);

int PMPI_Get_address(const void *location, MPI_Aint *address)
{
    CHECK_NOT_NULL(address);
    *address = (MPI_Aint)location;
    return MPI_SUCCESS;
}
EXPORT(MPI_Get_address);
