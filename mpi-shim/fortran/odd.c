/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/fortran/odd.c: functions of which each is unlike every other.
 */
#include <stdlib.h>

#include "mpi-shim/fortran/fortran.h"

static void init(MPI_Fint *ierror)
{
    *ierror = PMPI_Init(NULL, NULL);
}
FORTRAN_NAMES(init, mpi_init, MPI_INIT, ompi_init_f);

static void init_thread(MPI_Fint *required, MPI_Fint *provided, MPI_Fint *ierror)
{
    *ierror = PMPI_Init_thread(NULL, NULL, *required, provided);
}
FORTRAN_NAMES(init_thread, mpi_init_thread, MPI_INIT_THREAD, ompi_init_thread_f);

static double wtime(void)
{
    return PMPI_Wtime();
}
FORTRAN_NAMES(wtime, mpi_wtime, MPI_WTIME, ompi_wtime_f);

static double wtick(void)
{
    return PMPI_Wtick();
}
FORTRAN_NAMES(wtick, mpi_wtick, MPI_WTICK, ompi_wtick_f);

static void pcontrol(MPI_Fint *level)
{
    PMPI_Pcontrol(*level);
}
FORTRAN_NAMES(pcontrol, mpi_pcontrol, MPI_PCONTROL, ompi_pcontrol_f);

/* For the compiler's eyes only: it must believe that the buffer changes here. */
static void f_sync_reg(void *buffer)
{
}
FORTRAN_NAMES(f_sync_reg, mpi_f_sync_reg, MPI_F_SYNC_REG, ompi_f_sync_reg_f);

/* The value is shorter than MPI_MAX_INFO_VAL, and C wants a byte more for its end. */
static void info_get(MPI_Fint *info, char *key, MPI_Fint *length, char *value, MPI_Fint *flag,
                     MPI_Fint *ierror, size_t key_length, size_t value_length)
{
    size_t room = *length > 0 ? (size_t)*length : 0;
    char *name = fortran_word_in(key, key_length), *text = calloc(1, room + 1);
    int found = 0;

    *ierror = name && text ? PMPI_Info_get(PMPI_Info_f2c(*info), name, *length, text, &found)
                           : fortran_no_memory();
    *flag = found != 0;
    if (*ierror == MPI_SUCCESS && found)
        fortran_string_out(value, value_length, text);
    free(text);
    free(name);
}
FORTRAN_NAMES(info_get, mpi_info_get, MPI_INFO_GET, ompi_info_get_f);

static MPI_Aint aint_add(MPI_Aint *base, MPI_Aint *distance)
{
    return PMPI_Aint_add(*base, *distance);
}
FORTRAN_NAMES(aint_add, mpi_aint_add, MPI_AINT_ADD, ompi_aint_add_f);

static MPI_Aint aint_diff(MPI_Aint *from, MPI_Aint *subtracted)
{
    return PMPI_Aint_diff(*from, *subtracted);
}
FORTRAN_NAMES(aint_diff, mpi_aint_diff, MPI_AINT_DIFF, ompi_aint_diff_f);

/* ---- memory: a pointer comes out, to an INTEGER of its size or to a TYPE(C_PTR) --------------------- */

static void alloc_mem(MPI_Aint *size, MPI_Fint *info, void **memory, MPI_Fint *ierror)
{
    *ierror = PMPI_Alloc_mem(*size, PMPI_Info_f2c(*info), memory);
}
FORTRAN_NAMES(alloc_mem, mpi_alloc_mem, MPI_ALLOC_MEM, ompi_alloc_mem_f);
FORTRAN_NAMES(alloc_mem, mpi_alloc_mem_cptr, MPI_ALLOC_MEM_CPTR, ompi_alloc_mem_cptr_f);

/* Fortran has its buffer; its address does not come out. */
static void buffer_detach(void *ignored, MPI_Fint *size, MPI_Fint *ierror)
{
    void *buffer;

    *ierror = PMPI_Buffer_detach(&buffer, size);
}
FORTRAN_NAMES(buffer_detach, mpi_buffer_detach, MPI_BUFFER_DETACH, ompi_buffer_detach_f);

static void win_allocate(MPI_Aint *size, MPI_Fint *unit, MPI_Fint *info, MPI_Fint *comm,
                         void **memory, MPI_Fint *made, MPI_Fint *ierror)
{
    MPI_Win win = MPI_WIN_NULL;

    *ierror = PMPI_Win_allocate(*size, *unit, PMPI_Info_f2c(*info), PMPI_Comm_f2c(*comm), memory,
                                &win);
    if (*ierror == MPI_SUCCESS)
        *made = PMPI_Win_c2f(win);
}
FORTRAN_NAMES(win_allocate, mpi_win_allocate, MPI_WIN_ALLOCATE, ompi_win_allocate_f);
FORTRAN_NAMES(win_allocate, mpi_win_allocate_cptr, MPI_WIN_ALLOCATE_CPTR, ompi_win_allocate_cptr_f);

static void win_allocate_shared(MPI_Aint *size, MPI_Fint *unit, MPI_Fint *info, MPI_Fint *comm,
                                void **memory, MPI_Fint *made, MPI_Fint *ierror)
{
    MPI_Win win = MPI_WIN_NULL;

    *ierror = PMPI_Win_allocate_shared(*size, *unit, PMPI_Info_f2c(*info), PMPI_Comm_f2c(*comm),
                                       memory, &win);
    if (*ierror == MPI_SUCCESS)
        *made = PMPI_Win_c2f(win);
}
FORTRAN_NAMES(win_allocate_shared, mpi_win_allocate_shared, MPI_WIN_ALLOCATE_SHARED,
              ompi_win_allocate_shared_f);
FORTRAN_NAMES(win_allocate_shared, mpi_win_allocate_shared_cptr, MPI_WIN_ALLOCATE_SHARED_CPTR,
              ompi_win_allocate_shared_cptr_f);

static void win_shared_query(MPI_Fint *win, MPI_Fint *rank, MPI_Aint *size, MPI_Fint *unit,
                             void **memory, MPI_Fint *ierror)
{
    *ierror = PMPI_Win_shared_query(PMPI_Win_f2c(*win), *rank, size, unit, memory);
}
FORTRAN_NAMES(win_shared_query, mpi_win_shared_query, MPI_WIN_SHARED_QUERY,
              ompi_win_shared_query_f);
FORTRAN_NAMES(win_shared_query, mpi_win_shared_query_cptr, MPI_WIN_SHARED_QUERY_CPTR,
              ompi_win_shared_query_cptr_f);

/* ---- what the C function does not do yet: it says so ---------------------------------------------- */

static void comm_spawn(char *command, char *arguments, MPI_Fint *processes, MPI_Fint *info,
                       MPI_Fint *root, MPI_Fint *comm, MPI_Fint *made, MPI_Fint *errors,
                       MPI_Fint *ierror)
{
    MPI_Comm spawned;

    *ierror = PMPI_Comm_spawn("", MPI_ARGV_NULL, *processes, PMPI_Info_f2c(*info), *root,
                              PMPI_Comm_f2c(*comm), &spawned, MPI_ERRCODES_IGNORE);
}
FORTRAN_NAMES(comm_spawn, mpi_comm_spawn, MPI_COMM_SPAWN, ompi_comm_spawn_f);

static void comm_spawn_multiple(MPI_Fint *count, char *commands, char *arguments,
                                MPI_Fint *processes, MPI_Fint *infos, MPI_Fint *root,
                                MPI_Fint *comm, MPI_Fint *made, MPI_Fint *errors, MPI_Fint *ierror)
{
    MPI_Comm spawned;

    *ierror = PMPI_Comm_spawn_multiple(*count, NULL, MPI_ARGVS_NULL, processes, NULL, *root,
                                       PMPI_Comm_f2c(*comm), &spawned, MPI_ERRCODES_IGNORE);
}
FORTRAN_NAMES(comm_spawn_multiple, mpi_comm_spawn_multiple, MPI_COMM_SPAWN_MULTIPLE,
              ompi_comm_spawn_multiple_f);

static void register_datarep(char *name, void *read, void *write, void *extent, MPI_Aint *state,
                             MPI_Fint *ierror)
{
    *ierror = PMPI_Register_datarep("", NULL, NULL, NULL, NULL);
}
FORTRAN_NAMES(register_datarep, mpi_register_datarep, MPI_REGISTER_DATAREP,
              ompi_register_datarep_f);
