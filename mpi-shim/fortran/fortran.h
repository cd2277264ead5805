/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/fortran/fortran.h: Fortran's face of MPI: libmpi_mpifh.so.40, above libmpi.so.40.
 *
 * Fortran passes everything by address, handles as INTEGERs (MPI_Comm_f2c and its like), MPI_STATUSes as six INTEGERs, and the length
 * of each CHARACTER argument by value behind the last argument (gfortran 8 and later: as size_t). Sentinels such as MPI_BOTTOM are
 * COMMON blocks of the program, told by their addresses.
 *
 * What most functions need is made from a table (functions.txt, generate.py); the rest is in the files beside this, each about
 * one kind of trouble. They call PMPI_ names: a profiling library sees a Fortran program's calls by Fortran's names.
 */
#ifndef CARAVAN_FORTRAN_H
#define CARAVAN_FORTRAN_H

#include <stddef.h>
#include <string.h>

#define OMPI_OMIT_MPI1_COMPAT_DECLS     0
#define OMPI_WANT_MPI_INTERFACE_WARNING 0
#include <mpi.h>
#include <mpi-ext.h>

enum { FORTRAN_STRING = MPI_MAX_PORT_NAME + 1 }; /* the longest string that comes out */

/* ---- names -------------------------------------------------------------------------------------- */

/* `function` under every name that a compiler may make of `lower`: as it is, in upper case, and with one or two underscores; the same
 * with P for profiling libraries; and the name by which Open MPI's module mpi_f08 calls it. P-names too are weak, as Open MPI's. */
#define FORTRAN_NAME(function, name)                                                               \
    extern __typeof__(function) name __attribute__((weak, visibility("default"), alias(#function)))
#define FORTRAN_SPELLINGS(function, lower, upper)                                                  \
    FORTRAN_NAME(function, lower);                                                                 \
    FORTRAN_NAME(function, lower##_);                                                              \
    FORTRAN_NAME(function, lower##__);                                                             \
    FORTRAN_NAME(function, upper)
#define FORTRAN_NAMES(function, lower, upper, module)                                              \
    FORTRAN_SPELLINGS(function, lower, upper);                                                     \
    FORTRAN_SPELLINGS(function, p##lower, P##upper);                                               \
    FORTRAN_NAME(function, module)

/* ---- sentinels ---------------------------------------------------------------------------------- */

extern MPI_Fint mpi_fortran_bottom_, mpi_fortran_in_place_, mpi_fortran_unweighted_,
    mpi_fortran_weights_empty_, mpi_fortran_errcodes_ignore_;
extern char mpi_fortran_argv_null_, mpi_fortran_argvs_null_;

static inline void *fortran_buffer(void *buffer)
{
    if (buffer == &mpi_fortran_bottom_)
        return MPI_BOTTOM;
    if (buffer == &mpi_fortran_in_place_)
        return MPI_IN_PLACE;
    return buffer;
}

static inline int *fortran_weights(MPI_Fint *weights)
{
    if (weights == &mpi_fortran_unweighted_)
        return MPI_UNWEIGHTED;
    if (weights == &mpi_fortran_weights_empty_)
        return MPI_WEIGHTS_EMPTY;
    return weights;
}

/* ---- statuses ----------------------------------------------------------------------------------- */

/* Six INTEGERs are an MPI_Status, but need not be as well aligned. */
_Static_assert(sizeof(MPI_Status) == 6 * sizeof(MPI_Fint), "as mpif-config.h has MPI_STATUS_SIZE");

static inline void fortran_status_in(const MPI_Fint *from, MPI_Status *status)
{
    memcpy(status, from, sizeof(*status));
}

/* Where C is to put the status. What it leaves alone stays as it was. */
static inline MPI_Status *fortran_status(const MPI_Fint *to, MPI_Status *status)
{
    if (to == MPI_F_STATUS_IGNORE)
        return MPI_STATUS_IGNORE;
    fortran_status_in(to, status);
    return status;
}

static inline void fortran_status_out(MPI_Fint *to, const MPI_Status *status)
{
    if (to != MPI_F_STATUS_IGNORE)
        memcpy(to, status, sizeof(*status));
}

/* ---- what has to be copied (convert.c) ------------------------------------------------------------ */

/* In new memory, or NULL where there is none. */
char *fortran_string_in(const char *string, size_t length);
char *fortran_word_in(const char *string, size_t length);
MPI_Datatype *fortran_types(const MPI_Fint *types, int count);
MPI_Request *fortran_requests(const MPI_Fint *requests, int count);

/* How many datatypes such a call takes: one for each process at the other side (none where `buffer` is MPI_IN_PLACE), for each neighbour
 * that sends, or that receives. */
int fortran_peers(MPI_Comm comm, const void *buffer);
int fortran_sources(MPI_Comm comm);
int fortran_destinations(MPI_Comm comm);

/* Into `length` bytes, cut or padded with blanks. */
void fortran_string_out(char *string, size_t length, const char *text);

/* Raise MPI_ERR_NO_MEM on MPI_COMM_WORLD; returns it. */
int fortran_no_memory(void);

#endif
