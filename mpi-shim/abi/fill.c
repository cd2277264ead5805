/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/fill.c: the contents of the predefined objects, written at MPI_Init.
 *
 * The addresses used here go through the GOT: where the program has a copy of an object, it is the copy that is filled.
 */
#include <string.h>

#include "objects.h"

#define FITS(core_type, face)                                                                      \
    _Static_assert(sizeof(struct core_type) <= sizeof(struct ompi_predefined_##face##_t),          \
                   "the core's object must fit Open MPI's")
FITS(comm, communicator);
FITS(group, group);
FITS(request, request);
FITS(message, message);
FITS(op, op);
FITS(datatype, datatype);
FITS(errhandler, errhandler);
FITS(info, info);

void fill_predefined(void)
{
#define DATATYPE(object, element, name)                                                            \
    datatype_predefine((struct datatype *)&object, ELEMENT_##element, name);
#define OP(object, operation, name) op_predefine((struct op *)&object, OPERATION_##operation, name);
    FOR_EACH_DATATYPE(DATATYPE)
    FOR_EACH_OP(OP)
#undef DATATYPE
#undef OP
    ((struct datatype *)&ompi_mpi_lb)->lower_set = true;
    ((struct datatype *)&ompi_mpi_ub)->upper_set = true;
    MPI_LONG->narrow = true;
    MPI_UNSIGNED_LONG->narrow = true;
    /* Addresses to compare with, not types and operations. */
    MPI_DATATYPE_NULL->magic = 0;
    MPI_OP_NULL->magic = 0;
    errhandler_predefine(MPI_ERRORS_ARE_FATAL, ERRHANDLER_FATAL);
    errhandler_predefine(MPI_ERRORS_RETURN, ERRHANDLER_RETURN);
    cxx_fill_predefined();
    file_errhandler = MPI_ERRORS_RETURN; /* MPI 3.1 section 13.7 */
    *MPI_INFO_ENV = (struct info){.magic = INFO_MAGIC, .predefined = true};
}

void fill_core_predefined(struct core_predefined *predefined)
{
    *predefined = (struct core_predefined){
        .world = MPI_COMM_WORLD,
        .self = MPI_COMM_SELF,
        .comm_null = MPI_COMM_NULL,
        .group_empty = MPI_GROUP_EMPTY,
        .group_null = MPI_GROUP_NULL,
        .request_null = MPI_REQUEST_NULL,
        .message_null = MPI_MESSAGE_NULL,
        .message_none = MPI_MESSAGE_NO_PROC,
        .fatal = MPI_ERRORS_ARE_FATAL,
    };
}

/* What a program may still name after MPI_Finalize is nothing of these. */
void clear_predefined(void)
{
#define CLEAR_DATATYPE(object, element, name) ((struct datatype *)&object)->magic = 0;
#define CLEAR_OP(object, operation, name)     ((struct op *)&object)->magic = 0;
    FOR_EACH_DATATYPE(CLEAR_DATATYPE)
    FOR_EACH_OP(CLEAR_OP)
    MPI_COMM_WORLD->magic = 0;
    MPI_COMM_SELF->magic = 0;
    MPI_GROUP_EMPTY->magic = 0;
    MPI_REQUEST_NULL->magic = 0;
}
