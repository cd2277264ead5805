/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/objects.h: the predefined objects, each list written once.
 *
 * A list has one line an object, in the order of the Fortran handles (mpif-handles.h): from it come the exported
 * object itself (objects.c), its contents (fill.c) and its Fortran index (handles.c).
 */
#ifndef CARAVAN_ABI_OBJECTS_H
#define CARAVAN_ABI_OBJECTS_H

#include "abi.h"

/* What Debian's libmpi.so.40 (Open MPI 4.1.4) reserves for an object. Programs hold copies of that size
 * (R_X86_64_COPY), so neither more nor less will do; their linker chose the alignment, so assume no more than a
 * pointer's. */
#define OBJECT(kind, bytes)                                                                        \
    struct ompi_predefined_##kind##_t {                                                            \
        _Alignas(8) unsigned char space[bytes];                                                    \
    }

OBJECT(communicator, 512);
OBJECT(group, 256);
OBJECT(request, 256);
OBJECT(message, 256);
OBJECT(op, 2048);
OBJECT(datatype, 512);
OBJECT(errhandler, 1024);
OBJECT(win, 512);
OBJECT(file, 1536);
OBJECT(info, 256);

#undef OBJECT

/* clang-format off */

/* X(object, element, name that MPI_Type_get_name tells) */
#define FOR_EACH_DATATYPE(X) \
    X(ompi_mpi_datatype_null,         NONE,          "MPI_DATATYPE_NULL") \
    X(ompi_mpi_byte,                  BYTE,          "MPI_BYTE") \
    X(ompi_mpi_packed,                PACKED,        "MPI_PACKED") \
    X(ompi_mpi_ub,                    NONE,          "MPI_UB") \
    X(ompi_mpi_lb,                    NONE,          "MPI_LB") \
    X(ompi_mpi_character,             INT8,          "MPI_CHARACTER") \
    X(ompi_mpi_logical,               LOGICAL4,      "MPI_LOGICAL") \
    X(ompi_mpi_integer,               INT32,         "MPI_INTEGER") \
    X(ompi_mpi_integer1,              INT8,          "MPI_INTEGER1") \
    X(ompi_mpi_integer2,              INT16,         "MPI_INTEGER2") \
    X(ompi_mpi_integer4,              INT32,         "MPI_INTEGER4") \
    X(ompi_mpi_integer8,              INT64,         "MPI_INTEGER8") \
    X(ompi_mpi_integer16,             NONE,          "MPI_INTEGER16") \
    X(ompi_mpi_real,                  FLOAT,         "MPI_REAL") \
    X(ompi_mpi_real4,                 FLOAT,         "MPI_REAL4") \
    X(ompi_mpi_real8,                 DOUBLE,        "MPI_REAL8") \
    X(ompi_mpi_real16,                QUAD,          "MPI_REAL16") \
    X(ompi_mpi_dblprec,               DOUBLE,        "MPI_DOUBLE_PRECISION") \
    X(ompi_mpi_cplex,                 COMPLEX,       "MPI_COMPLEX") \
    X(ompi_mpi_complex8,              COMPLEX,       "MPI_COMPLEX8") \
    X(ompi_mpi_complex16,             DOUBLE_COMPLEX, "MPI_COMPLEX16") \
    X(ompi_mpi_complex32,             QUAD_COMPLEX,  "MPI_COMPLEX32") \
    X(ompi_mpi_dblcplex,              DOUBLE_COMPLEX, "MPI_DOUBLE_COMPLEX") \
    X(ompi_mpi_2real,                 FLOAT_FLOAT,   "MPI_2REAL") \
    X(ompi_mpi_2dblprec,              DOUBLE_DOUBLE, "MPI_2DOUBLE_PRECISION") \
    X(ompi_mpi_2integer,              INT_INT,       "MPI_2INTEGER") \
    X(ompi_mpi_2cplex,                COMPLEX_COMPLEX, "MPI_2COMPLEX") \
    X(ompi_mpi_2dblcplex,             DOUBLE_COMPLEX_DOUBLE_COMPLEX, "MPI_2DOUBLE_COMPLEX") \
    X(ompi_mpi_real2,                 NONE,          "MPI_REAL2") \
    X(ompi_mpi_logical1,              LOGICAL1,      "MPI_LOGICAL1") \
    X(ompi_mpi_logical2,              LOGICAL2,      "MPI_LOGICAL2") \
    X(ompi_mpi_logical4,              LOGICAL4,      "MPI_LOGICAL4") \
    X(ompi_mpi_logical8,              LOGICAL8,      "MPI_LOGICAL8") \
    X(ompi_mpi_wchar,                 WCHAR,         "MPI_WCHAR") \
    X(ompi_mpi_char,                  INT8,          "MPI_CHAR") \
    X(ompi_mpi_unsigned_char,         UINT8,         "MPI_UNSIGNED_CHAR") \
    X(ompi_mpi_signed_char,           INT8,          "MPI_SIGNED_CHAR") \
    X(ompi_mpi_short,                 INT16,         "MPI_SHORT") \
    X(ompi_mpi_unsigned_short,        UINT16,        "MPI_UNSIGNED_SHORT") \
    X(ompi_mpi_int,                   INT32,         "MPI_INT") \
    X(ompi_mpi_unsigned,              UINT32,        "MPI_UNSIGNED") \
    X(ompi_mpi_long,                  INT64,         "MPI_LONG") \
    X(ompi_mpi_unsigned_long,         UINT64,        "MPI_UNSIGNED_LONG") \
    X(ompi_mpi_long_long_int,         INT64,         "MPI_LONG_LONG_INT") \
    X(ompi_mpi_unsigned_long_long,    UINT64,        "MPI_UNSIGNED_LONG_LONG") \
    X(ompi_mpi_float,                 FLOAT,         "MPI_FLOAT") \
    X(ompi_mpi_double,                DOUBLE,        "MPI_DOUBLE") \
    X(ompi_mpi_long_double,           LONG_DOUBLE,   "MPI_LONG_DOUBLE") \
    X(ompi_mpi_float_int,             FLOAT_INT,     "MPI_FLOAT_INT") \
    X(ompi_mpi_double_int,            DOUBLE_INT,    "MPI_DOUBLE_INT") \
    X(ompi_mpi_longdbl_int,           LONG_DOUBLE_INT, "MPI_LONG_DOUBLE_INT") \
    X(ompi_mpi_long_int,              LONG_INT,      "MPI_LONG_INT") \
    X(ompi_mpi_2int,                  INT_INT,       "MPI_2INT") \
    X(ompi_mpi_short_int,             SHORT_INT,     "MPI_SHORT_INT") \
    X(ompi_mpi_cxx_bool,              LOGICAL1,      "MPI_CXX_BOOL") \
    X(ompi_mpi_cxx_cplex,             COMPLEX,       "MPI_CXX_FLOAT_COMPLEX") \
    X(ompi_mpi_cxx_dblcplex,          DOUBLE_COMPLEX, "MPI_CXX_DOUBLE_COMPLEX") \
    X(ompi_mpi_cxx_ldblcplex,         LONG_DOUBLE_COMPLEX, "MPI_CXX_LONG_DOUBLE_COMPLEX") \
    X(ompi_mpi_int8_t,                INT8,          "MPI_INT8_T") \
    X(ompi_mpi_uint8_t,               UINT8,         "MPI_UINT8_T") \
    X(ompi_mpi_int16_t,               INT16,         "MPI_INT16_T") \
    X(ompi_mpi_uint16_t,              UINT16,        "MPI_UINT16_T") \
    X(ompi_mpi_int32_t,               INT32,         "MPI_INT32_T") \
    X(ompi_mpi_uint32_t,              UINT32,        "MPI_UINT32_T") \
    X(ompi_mpi_int64_t,               INT64,         "MPI_INT64_T") \
    X(ompi_mpi_uint64_t,              UINT64,        "MPI_UINT64_T") \
    X(ompi_mpi_aint,                  INT64,         "MPI_AINT") \
    X(ompi_mpi_offset,                INT64,         "MPI_OFFSET") \
    X(ompi_mpi_c_bool,                LOGICAL1,      "MPI_C_BOOL") \
    X(ompi_mpi_c_float_complex,       COMPLEX,       "MPI_C_COMPLEX") \
    X(ompi_mpi_c_double_complex,      DOUBLE_COMPLEX, "MPI_C_DOUBLE_COMPLEX") \
    X(ompi_mpi_c_long_double_complex, LONG_DOUBLE_COMPLEX, "MPI_C_LONG_DOUBLE_COMPLEX") \
    X(ompi_mpi_count,                 INT64,         "MPI_COUNT") \
    X(ompi_mpi_ldblcplex,             LONG_DOUBLE_COMPLEX, "MPI_LONG_DOUBLE_COMPLEX")

/* X(object, operation, name) */
#define FOR_EACH_OP(X) \
    X(ompi_mpi_op_null,    NONE,    "MPI_OP_NULL") \
    X(ompi_mpi_op_max,     MAX,     "MPI_MAX") \
    X(ompi_mpi_op_min,     MIN,     "MPI_MIN") \
    X(ompi_mpi_op_sum,     SUM,     "MPI_SUM") \
    X(ompi_mpi_op_prod,    PROD,    "MPI_PROD") \
    X(ompi_mpi_op_land,    LAND,    "MPI_LAND") \
    X(ompi_mpi_op_band,    BAND,    "MPI_BAND") \
    X(ompi_mpi_op_lor,     LOR,     "MPI_LOR") \
    X(ompi_mpi_op_bor,     BOR,     "MPI_BOR") \
    X(ompi_mpi_op_lxor,    LXOR,    "MPI_LXOR") \
    X(ompi_mpi_op_bxor,    BXOR,    "MPI_BXOR") \
    X(ompi_mpi_op_maxloc,  MAXLOC,  "MPI_MAXLOC") \
    X(ompi_mpi_op_minloc,  MINLOC,  "MPI_MINLOC") \
    X(ompi_mpi_op_replace, REPLACE, "MPI_REPLACE") \
    X(ompi_mpi_op_no_op,   NO_OP,   "MPI_NO_OP")

/* X(object) */
#define FOR_EACH_COMMUNICATOR(X) X(ompi_mpi_comm_world) X(ompi_mpi_comm_self) X(ompi_mpi_comm_null)
#define FOR_EACH_GROUP(X)        X(ompi_mpi_group_null) X(ompi_mpi_group_empty)
#define FOR_EACH_ERRHANDLER(X)   X(ompi_mpi_errhandler_null) X(ompi_mpi_errors_are_fatal) X(ompi_mpi_errors_return)
#define FOR_EACH_INFO(X)         X(ompi_mpi_info_null) X(ompi_mpi_info_env)
#define FOR_EACH_MESSAGE(X)      X(ompi_message_null) X(ompi_message_no_proc)

/* clang-format on */

/* Old objects that mpi.h declares only for programs of MPI-1. */
extern struct ompi_predefined_datatype_t ompi_mpi_lb MPI_VISIBLE, ompi_mpi_ub MPI_VISIBLE;

#endif
