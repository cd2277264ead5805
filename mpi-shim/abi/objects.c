/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/objects.c: the data objects that programs import from libmpi.so.40.
 *
 * Their addresses are the predefined handles. A program that was not compiled with -fPIC owns its copy of each one it
 * names (a copy relocation); the library then must use that copy too. So: default visibility, never an alias, never
 * -Bsymbolic, and no contents before MPI_Init (fill.c), which writes through the GOT like everybody else.
 */
#include "objects.h"

#define DATATYPE(object, element, name) struct ompi_predefined_datatype_t object;
#define OP(object, operation, name)     struct ompi_predefined_op_t object;
#define COMMUNICATOR(object)            struct ompi_predefined_communicator_t object;
#define GROUP(object)                   struct ompi_predefined_group_t object;
#define ERRHANDLER(object)              struct ompi_predefined_errhandler_t object;
#define INFO(object)                    struct ompi_predefined_info_t object;
#define MESSAGE(object)                 struct ompi_predefined_message_t object;

/* clang-format off */
FOR_EACH_DATATYPE(DATATYPE)
FOR_EACH_OP(OP)
FOR_EACH_COMMUNICATOR(COMMUNICATOR)
FOR_EACH_GROUP(GROUP)
FOR_EACH_ERRHANDLER(ERRHANDLER)
FOR_EACH_INFO(INFO)
FOR_EACH_MESSAGE(MESSAGE)
/* clang-format on */

struct ompi_predefined_request_t ompi_request_null;
struct ompi_predefined_win_t ompi_mpi_win_null;
struct ompi_predefined_file_t ompi_mpi_file_null;

/* The Fortran constants that are compared by address: COMMON blocks in programs, whose definition ld.so merges
 * with ours. The sizes are Open MPI's. */
MPI_VISIBLE char mpi_fortran_argv_null_;
MPI_VISIBLE char mpi_fortran_argvs_null_;
MPI_VISIBLE MPI_Fint mpi_fortran_bottom_;
MPI_VISIBLE MPI_Fint mpi_fortran_errcodes_ignore_;
MPI_VISIBLE MPI_Fint mpi_fortran_in_place_;
MPI_VISIBLE MPI_Fint mpi_fortran_unweighted_;
MPI_VISIBLE MPI_Fint mpi_fortran_weights_empty_;
MPI_VISIBLE MPI_Fint *mpi_fortran_status_ignore_;
MPI_VISIBLE MPI_Fint *mpi_fortran_statuses_ignore_;

/* What C calls MPI_STATUS_IGNORE of Fortran: the addresses of two of the above, known when the program runs. */
MPI_Fint *MPI_F_STATUS_IGNORE = (MPI_Fint *)&mpi_fortran_status_ignore_;
MPI_Fint *MPI_F_STATUSES_IGNORE = (MPI_Fint *)&mpi_fortran_statuses_ignore_;
