/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: everything that a program can ask about predefined handles, printed. same.py compares what Open MPI says.
 *
 * What is printed of operations is which types they are defined for, and the result on two operands. Where we define
 * an operation for a type and Open MPI's answer is an artefact of its C (Fortran's LOGICAL*1 as an integer) nothing is
 * printed.
 */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#define TYPES(X) \
    X(MPI_BYTE) X(MPI_PACKED) X(MPI_CHAR) X(MPI_SHORT) X(MPI_INT) X(MPI_LONG) X(MPI_FLOAT) \
    X(MPI_DOUBLE) X(MPI_LONG_DOUBLE) X(MPI_UNSIGNED_CHAR) X(MPI_SIGNED_CHAR) \
    X(MPI_UNSIGNED_SHORT) X(MPI_UNSIGNED_LONG) X(MPI_UNSIGNED) X(MPI_FLOAT_INT) \
    X(MPI_DOUBLE_INT) X(MPI_LONG_DOUBLE_INT) X(MPI_LONG_INT) X(MPI_SHORT_INT) X(MPI_2INT) \
    X(MPI_WCHAR) X(MPI_LONG_LONG_INT) X(MPI_UNSIGNED_LONG_LONG) X(MPI_2COMPLEX) \
    X(MPI_2DOUBLE_COMPLEX) X(MPI_CHARACTER) X(MPI_LOGICAL) X(MPI_LOGICAL4) X(MPI_INTEGER) \
    X(MPI_INTEGER1) X(MPI_INTEGER2) X(MPI_INTEGER4) X(MPI_INTEGER8) X(MPI_REAL) X(MPI_REAL4) \
    X(MPI_REAL8) X(MPI_REAL16) X(MPI_DOUBLE_PRECISION) X(MPI_COMPLEX) X(MPI_COMPLEX8) \
    X(MPI_COMPLEX16) X(MPI_COMPLEX32) X(MPI_DOUBLE_COMPLEX) X(MPI_2REAL) \
    X(MPI_2DOUBLE_PRECISION) X(MPI_2INTEGER) X(MPI_INT8_T) X(MPI_UINT8_T) X(MPI_INT16_T) \
    X(MPI_UINT16_T) X(MPI_INT32_T) X(MPI_UINT32_T) X(MPI_INT64_T) X(MPI_UINT64_T) X(MPI_AINT) \
    X(MPI_OFFSET) X(MPI_C_BOOL) X(MPI_C_FLOAT_COMPLEX) X(MPI_C_DOUBLE_COMPLEX) \
    X(MPI_C_LONG_DOUBLE_COMPLEX) X(MPI_CXX_BOOL) X(MPI_CXX_FLOAT_COMPLEX) \
    X(MPI_CXX_DOUBLE_COMPLEX) X(MPI_CXX_LONG_DOUBLE_COMPLEX) X(MPI_COUNT) X(MPI_LOGICAL1) \
    X(MPI_LOGICAL2) X(MPI_LOGICAL8)

#define OPS(X) \
    X(MPI_MAX) X(MPI_MIN) X(MPI_SUM) X(MPI_PROD) X(MPI_LAND) X(MPI_BAND) X(MPI_LOR) X(MPI_BOR) \
    X(MPI_LXOR) X(MPI_BXOR) X(MPI_MAXLOC) X(MPI_MINLOC)
/* clang-format on */

static void show_type(const char *name, MPI_Datatype type)
{
    int size, length, integers, addresses, datatypes, combiner, elements, count;
    MPI_Aint lb, extent, true_lb, true_extent;
    MPI_Count size_x;
    MPI_Status status;
    char text[MPI_MAX_OBJECT_NAME];

    MPI_Type_size(type, &size);
    MPI_Type_size_x(type, &size_x);
    MPI_Type_get_extent(type, &lb, &extent);
    MPI_Type_get_true_extent(type, &true_lb, &true_extent);
    MPI_Type_get_name(type, text, &length);
    MPI_Type_get_envelope(type, &integers, &addresses, &datatypes, &combiner);
    printf("%s %d: %s (%d), size %d %lld, extent %td %td, true %td %td, envelope %d %d %d %d\n",
           name, MPI_Type_c2f(type), text, length, size, (long long)size_x, lb, extent, true_lb,
           true_extent, integers, addresses, datatypes, combiner);

    memset(&status, 0, sizeof(status));
    MPI_Status_set_elements(&status, type, 6);
    MPI_Get_elements(&status, type, &elements);
    MPI_Get_count(&status, type, &count);
    if (strstr(name, "_INT") == NULL &&
        name[4] != '2') /* Open MPI sets elements of pairs otherwise */
        printf("  6 elements: %d elements, count %d\n", elements, count);
    printf("  same handle: %d\n", MPI_Type_f2c(MPI_Type_c2f(type)) == type);
}

/* Small numbers in the representation of `type`, so that results are exact. */
static void fill(void *place, MPI_Datatype type, int value)
{
    unsigned char *byte = place;

    memset(place, 0, 64);
    if (type == MPI_FLOAT || type == MPI_REAL || type == MPI_REAL4 || type == MPI_COMPLEX ||
        type == MPI_COMPLEX8 || type == MPI_C_FLOAT_COMPLEX || type == MPI_CXX_FLOAT_COMPLEX ||
        type == MPI_2REAL) {
        ((float *)place)[0] = (float)value;
        ((float *)place)[1] = (float)(value + 1);
    } else if (type == MPI_DOUBLE || type == MPI_DOUBLE_PRECISION || type == MPI_REAL8 ||
               type == MPI_DOUBLE_COMPLEX || type == MPI_COMPLEX16 ||
               type == MPI_C_DOUBLE_COMPLEX || type == MPI_CXX_DOUBLE_COMPLEX ||
               type == MPI_2DOUBLE_PRECISION) {
        ((double *)place)[0] = value;
        ((double *)place)[1] = value + 1;
    } else if (type == MPI_LONG_DOUBLE || type == MPI_C_LONG_DOUBLE_COMPLEX ||
               type == MPI_CXX_LONG_DOUBLE_COMPLEX || type == MPI_LONG_DOUBLE_INT) {
        ((long double *)place)[0] = value;
        if (type == MPI_LONG_DOUBLE_INT)
            ((int *)place)[4] = value + 1;
        else
            ((long double *)place)[1] = value + 1;
    } else if (type == MPI_FLOAT_INT) {
        ((float *)place)[0] = (float)value;
        ((int *)place)[1] = value + 1;
    } else if (type == MPI_DOUBLE_INT) {
        ((double *)place)[0] = value;
        ((int *)place)[2] = value + 1;
    } else if (type == MPI_REAL16 || type == MPI_COMPLEX32) {
        ((__float128 *)place)[0] = value;
        ((__float128 *)place)[1] = value + 1;
    } else {
        byte[0] = (unsigned char)value;
        byte[4] = byte[8] = (unsigned char)(value + 1);
    }
}

static void show_op(const char *op_name, MPI_Op op, const char *type_name, MPI_Datatype type)
{
    _Alignas(16) unsigned char in[64], inout[64];
    static const int values[][2] = {{3, 5}, {5, 3}, {0, 1}, {1, 1}, {0, 0}};
    int size;
    int boolean = type == MPI_C_BOOL || type == MPI_CXX_BOOL;

    MPI_Type_size(type, &size);
    for (unsigned i = boolean ? 2 : 0; i < sizeof(values) / sizeof(values[0]); i++) {
        fill(in, type, values[i][0]);
        fill(inout, type, values[i][1]);
        if (MPI_Reduce_local(in, inout, 1, type, op) != MPI_SUCCESS)
            return;
        printf("%s %s %d %d:", op_name, type_name, values[i][0], values[i][1]);
        /* Of an 80-bit number 6 bytes are padding. */
        for (int n = 0; n < size; n++)
            printf("%02x", strstr(type_name, "LONG_DOUBLE") && n % 16 >= 10 ? 0 : inout[n]);
        printf("\n");
    }
}

/* Beyond Open MPI, we define logical operations on Fortran's default integers. Its arithmetic on REAL*16 is that of C's long
 * double, which is another format. */
static int differs(MPI_Datatype type, MPI_Op op)
{
    if (type == MPI_REAL16 || type == MPI_COMPLEX32)
        return 1;
    return (op == MPI_LAND || op == MPI_LOR || op == MPI_LXOR) &&
           (type == MPI_INTEGER || type == MPI_INTEGER4);
}

static void show_ops(const char *name, MPI_Datatype type)
{
    if (type == MPI_LOGICAL1 || type == MPI_LOGICAL2 || type == MPI_LOGICAL8)
        return;
#define SHOW(op)                                                                                   \
    if (!differs(type, op))                                                                        \
        show_op(#op, op, name, type);
    OPS(SHOW)
}

/* The types of Fortran's selected_real_kind and selected_int_kind. */
static void show_f90(void)
{
    static const int numbers[] = {1, 2, 4, 6, 7, 9, 10, 15, 16, 18, 37, 38, 307, 308, 4931};
    int size, integers, addresses, datatypes, combiner, told[2] = {0, 0};
    MPI_Datatype type, again;

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int n = numbers[i];

        if (n <= 18) {
            MPI_Type_create_f90_integer(n, &type);
            MPI_Type_create_f90_integer(n, &again);
            MPI_Type_size(type, &size);
            MPI_Type_get_envelope(type, &integers, &addresses, &datatypes, &combiner);
            MPI_Type_get_contents(type, integers, addresses, datatypes, told, NULL, NULL);
            printf("f90 integer %d: %d bytes, same %d, %d %d %d %d, %d\n", n, size, type == again,
                   integers, addresses, datatypes, combiner, told[0]);
        }
        for (int precision = 3; precision <= 18; precision += 5) {
            MPI_Type_create_f90_real(precision, n, &type);
            MPI_Type_create_f90_real(precision, n, &again);
            MPI_Type_size(type, &size);
            MPI_Type_get_envelope(type, &integers, &addresses, &datatypes, &combiner);
            MPI_Type_get_contents(type, integers, addresses, datatypes, told, NULL, NULL);
            printf("f90 real %d %d: %d bytes, same %d, %d %d %d %d, %d %d\n", precision, n, size,
                   type == again, integers, addresses, datatypes, combiner, told[0], told[1]);
            MPI_Type_create_f90_complex(precision, n, &type);
            MPI_Type_size(type, &size);
            printf("f90 complex %d %d: %d bytes\n", precision, n, size);
        }
    }
}

int main(int argc, char **argv)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length, version, subversion, flag, *value;

    MPI_Get_library_version(text, &length);
    printf("%s\n", text);
    MPI_Init(&argc, &argv);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    MPI_Get_version(&version, &subversion);
    printf("MPI %d.%d\n", version, subversion);

#define SHOW_TYPE(type) show_type(#type, type);
    TYPES(SHOW_TYPE)
#define SHOW_OPS(type) show_ops(#type, type);
    TYPES(SHOW_OPS)
#define SHOW_OP(op)                                                                                \
    MPI_Op_commutative(op, &flag);                                                                 \
    printf("%s %d commutative %d\n", #op, MPI_Op_c2f(op), flag);
    OPS(SHOW_OP)

    show_f90();
    printf("world %d self %d null %d\n", MPI_Comm_c2f(MPI_COMM_WORLD), MPI_Comm_c2f(MPI_COMM_SELF),
           MPI_Comm_c2f(MPI_COMM_NULL));
    printf("groups %d %d\n", MPI_Group_c2f(MPI_GROUP_NULL), MPI_Group_c2f(MPI_GROUP_EMPTY));
    printf("errhandlers %d %d %d\n", MPI_Errhandler_c2f(MPI_ERRHANDLER_NULL),
           MPI_Errhandler_c2f(MPI_ERRORS_ARE_FATAL), MPI_Errhandler_c2f(MPI_ERRORS_RETURN));
    printf("infos %d %d\n", MPI_Info_c2f(MPI_INFO_NULL), MPI_Info_c2f(MPI_INFO_ENV));
    printf("messages %d %d\n", MPI_Message_c2f(MPI_MESSAGE_NULL),
           MPI_Message_c2f(MPI_MESSAGE_NO_PROC));
    printf("request %d op %d win %d file %d\n", MPI_Request_c2f(MPI_REQUEST_NULL),
           MPI_Op_c2f(MPI_OP_NULL), MPI_Win_c2f(MPI_WIN_NULL), MPI_File_c2f(MPI_FILE_NULL));

    MPI_Comm_get_name(MPI_COMM_WORLD, text, &length);
    printf("%s %d\n", text, length);
    MPI_Comm_get_name(MPI_COMM_SELF, text, &length);
    printf("%s %d\n", text, length);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &value, &flag);
    printf("tag_ub %d %d\n", flag, *value);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_WTIME_IS_GLOBAL, &value, &flag);
    printf("wtime_is_global %d %d\n", flag, *value);

    for (int code = 0; code <= MPI_ERR_RMA_SHARED; code++) {
        int class;

        if (MPI_Error_class(code, &class) == MPI_SUCCESS)
            printf("error %d class %d\n", code, class);
    }
    MPI_Finalize();
    return 0;
}
