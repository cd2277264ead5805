/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: messages of types with gaps arrive as they were sent and leave the gaps alone,
 * types outlive the handles that they were made from, handles of Fortran are found again, and external32 has the sizes and
 * bytes of MPI 3.1 section 13.5.2.
 */
#include <check.h>
#include <mpi.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Send to oneself what has gaps: the library cuts it as it likes. */
START_TEST(through_messages)
{
    enum { ROWS = 300, COLUMNS = 70 };
    static double from[ROWS][COLUMNS], to[ROWS][COLUMNS];
    MPI_Datatype column, block, parts[2] = {MPI_INT, MPI_DOUBLE}, record, resized;
    MPI_Request request;
    MPI_Status status;
    MPI_Aint places[2] = {0, 8};
    int lengths[2] = {1, 1}, count;
    struct {
        int key;
        double value;
        char note[8];
    } records[50], copies[50];

    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++)
            from[i][j] = i * 1000 + j;
    }
    MPI_Type_vector(ROWS, 1, COLUMNS, MPI_DOUBLE, &column);
    MPI_Type_create_resized(column, 0, sizeof(double), &block);
    MPI_Type_free(&column);
    MPI_Type_commit(&block);
    MPI_Irecv(to, COLUMNS, block, 0, 1, MPI_COMM_SELF, &request);
    MPI_Send(from, COLUMNS, block, 0, 1, MPI_COMM_SELF);
    MPI_Wait(&request, &status);
    ck_assert(memcmp(from, to, sizeof(from)) == 0);
    MPI_Get_count(&status, block, &count);
    ck_assert_int_eq(count, COLUMNS);
    MPI_Get_elements(&status, block, &count);
    ck_assert_int_eq(count, ROWS * COLUMNS);

    /* A transposition: columns out, rows in. */
    MPI_Irecv(to, ROWS * COLUMNS, MPI_DOUBLE, 0, 1, MPI_COMM_SELF, &request);
    MPI_Send(from, COLUMNS, block, 0, 1, MPI_COMM_SELF);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    for (int n = 0; n < ROWS * COLUMNS; n++)
        ck_assert((&to[0][0])[n] == from[n % ROWS][n / ROWS]);
    MPI_Type_free(&block);

    memset(copies, 'z', sizeof(copies));
    for (int i = 0; i < 50; i++) {
        records[i].key = i;
        records[i].value = i / 4.0;
        memset(records[i].note, 'a', sizeof(records[i].note));
    }
    MPI_Type_create_struct(2, lengths, places, parts, &record);
    MPI_Type_create_resized(record, 0, sizeof(records[0]), &resized);
    MPI_Type_commit(&resized);
    MPI_Type_free(&record);
    MPI_Irecv(copies, 50, resized, 0, 1, MPI_COMM_SELF, &request);
    MPI_Send(records, 50, resized, 0, 1, MPI_COMM_SELF);
    MPI_Wait(&request, &status);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(copies[i].key, i);
        ck_assert(copies[i].value == i / 4.0);
        ck_assert_int_eq(copies[i].note[3], 'z'); /* gaps are not touched */
    }
    MPI_Get_elements(&status, resized, &count);
    ck_assert_int_eq(count, 100);
    MPI_Type_free(&resized);
}
END_TEST

/* Packing element by element at positions is packing all. */
START_TEST(pack_positions)
{
    int values[20], out[20], position = 0, size;
    char packed[200];
    MPI_Datatype every_second;

    for (int i = 0; i < 20; i++)
        values[i] = i;
    MPI_Type_vector(5, 1, 2, MPI_INT, &every_second);
    MPI_Type_commit(&every_second);
    MPI_Pack_size(2, every_second, MPI_COMM_WORLD, &size);
    ck_assert_int_eq(size, 40);
    MPI_Pack(values, 1, every_second, packed, sizeof(packed), &position, MPI_COMM_WORLD);
    MPI_Pack(values + 10, 1, every_second, packed, sizeof(packed), &position, MPI_COMM_WORLD);
    ck_assert_int_eq(position, 40);
    ck_assert_int_eq(MPI_Pack(values, 5, every_second, packed, 60, &position, MPI_COMM_WORLD),
                     MPI_ERR_TRUNCATE);
    ck_assert_int_eq(position, 40);
    position = 0;
    MPI_Unpack(packed, 40, &position, out, 10, MPI_INT, MPI_COMM_WORLD);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(out[i], 2 * i);
    MPI_Type_free(&every_second);
}
END_TEST

static void longest(void *in, void *inout, int *count, MPI_Datatype *type)
{
    int(*x)[2] = in, (*y)[2] = inout;

    for (int i = 0; i < *count; i++) {
        if (x[i][1] - x[i][0] > y[i][1] - y[i][0])
            memcpy(y[i], x[i], sizeof(y[i]));
    }
}

START_TEST(user_operation)
{
    int in[2][2] = {{0, 10}, {5, 6}}, inout[2][2] = {{3, 5}, {1, 9}}, commutes;
    MPI_Datatype pair;
    MPI_Op op;

    MPI_Type_contiguous(2, MPI_INT, &pair);
    MPI_Type_commit(&pair);
    MPI_Op_create(longest, 0, &op);
    MPI_Op_commutative(op, &commutes);
    ck_assert(!commutes);
    MPI_Reduce_local(in, inout, 2, pair, op);
    ck_assert_int_eq(inout[0][1], 10);
    ck_assert_int_eq(inout[1][1], 9);
    ck_assert_int_eq(MPI_Reduce_local(in, inout, 2, pair, MPI_SUM), MPI_ERR_OP);
    MPI_Op_free(&op);
    ck_assert(op == MPI_OP_NULL);
    MPI_Type_free(&pair);
}
END_TEST

/* An index for each handle, the same when asked again, free for others after the object is freed. */
START_TEST(fortran_handles)
{
    enum { COUNT = 1000 };
    static MPI_Datatype types[COUNT];
    static MPI_Fint index[COUNT];
    MPI_Comm comm;
    MPI_Fint number;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            MPI_Type_contiguous(i + 1, MPI_INT, &types[i]);
            index[i] = MPI_Type_c2f(types[i]);
            ck_assert_int_gt(index[i], 73);
            ck_assert_int_lt(index[i], 74 + COUNT);
        }
        for (int i = 0; i < COUNT; i++) {
            ck_assert_int_eq(MPI_Type_c2f(types[i]), index[i]);
            ck_assert(MPI_Type_f2c(index[i]) == types[i]);
        }
        for (int i = 0; i < COUNT; i++) {
            MPI_Type_free(&types[i]);
            ck_assert(MPI_Type_f2c(index[i]) == MPI_DATATYPE_NULL);
        }
    }
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    number = MPI_Comm_c2f(comm);
    ck_assert_int_ge(number, 3);
    ck_assert(MPI_Comm_f2c(number) == comm);
    MPI_Comm_free(&comm);
    ck_assert(MPI_Comm_f2c(number) == MPI_COMM_NULL);
    ck_assert(MPI_Comm_f2c(-7) == MPI_COMM_NULL);
    ck_assert(MPI_Comm_f2c(1 << 30) == MPI_COMM_NULL);
}
END_TEST

/* What `count` elements are in external32, and that they come back. */
static void external_is(const void *in, int count, MPI_Datatype type, const char *bytes,
                        MPI_Aint length)
{
    static char out[256], back[256];
    MPI_Aint size, position = 3, extent, lb;

    MPI_Pack_external_size("external32", count, type, &size);
    ck_assert_int_eq(size, length);
    memset(out, 0x55, sizeof(out));
    ck_assert_int_eq(MPI_Pack_external("external32", in, count, type, out, 3 + length, &position),
                     MPI_SUCCESS);
    ck_assert_int_eq(position, 3 + length);
    ck_assert_mem_eq(out + 3, bytes, (size_t)length);
    ck_assert(out[2] == 0x55 && out[3 + length] == 0x55);
    MPI_Type_get_extent(type, &lb, &extent);
    memset(back, 0, sizeof(back));
    position = 3;
    MPI_Unpack_external("external32", out, 3 + length, &position, back, count, type);
    ck_assert_int_eq(position, 3 + length);
    ck_assert_mem_eq(back, in, (size_t)(count * extent));
}

START_TEST(external32)
{
    const short shorts[2] = {0x1234, -2};
    const long longs[2] = {0x12345678, -3};
    const unsigned long unsigned_long = 0xfedcba98;
    const long long long_long = -4;
    const wchar_t wide = 0xfffe;
    const float number = -1.5F;
    const double complex_number[2] = {1, -2};
    long double wide_numbers[2];
    struct {
        char letter;
        int gap;
        long integer;
        short last;
    } record;
    MPI_Datatype type, parts[3] = {MPI_CHAR, MPI_LONG, MPI_SHORT}, resized;
    MPI_Aint places[3] = {0, 8, 16}, size;
    const int lengths[3] = {1, 1, 1};
    struct {
        double value;
        int index;
    } pair;

    external_is(shorts, 2, MPI_SHORT, "\x12\x34\xff\xfe", 4);
    external_is(longs, 2, MPI_LONG, "\x12\x34\x56\x78\xff\xff\xff\xfd", 8);
    external_is(&unsigned_long, 1, MPI_UNSIGNED_LONG, "\xfe\xdc\xba\x98", 4);
    external_is(&long_long, 1, MPI_LONG_LONG, "\xff\xff\xff\xff\xff\xff\xff\xfc", 8);
    external_is(&long_long, 1, MPI_AINT, "\xff\xff\xff\xff\xff\xff\xff\xfc", 8);
    external_is(&wide, 1, MPI_WCHAR, "\xff\xfe", 2);
    external_is("ab", 2, MPI_CHAR, "ab", 2);
    external_is(&number, 1, MPI_FLOAT, "\xbf\xc0\0\0", 4);
    external_is(complex_number, 1, MPI_C_DOUBLE_COMPLEX, "\x3f\xf0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0",
                16);
    memset(wide_numbers, 0, sizeof(wide_numbers));
    /* Their padding is to be zero. */
    memcpy(&wide_numbers[0], &(long double){-1.5L}, 10);
    memcpy(&wide_numbers[1], &(long double){0x1.0000000000000002p+1L}, 10);
    external_is(wide_numbers, 2, MPI_LONG_DOUBLE,
                "\xbf\xff\x80\0\0\0\0\0\0\0\0\0\0\0\0\0"
                "\x40\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0",
                32);
    memset(&pair, 0, sizeof(pair));
    pair.value = 1;
    pair.index = -1;
    external_is(&pair, 1, MPI_DOUBLE_INT, "\x3f\xf0\0\0\0\0\0\0\xff\xff\xff\xff", 12);

    /* A struct is the sequence of its parts. */
    memset(&record, 0, sizeof(record));
    record.letter = 'x';
    record.integer = -5;
    record.last = 7;
    MPI_Type_create_struct(3, lengths, places, parts, &type);
    MPI_Type_create_resized(type, 0, sizeof(record), &resized);
    MPI_Type_commit(&resized);
    external_is(&record, 1, resized, "x\xff\xff\xff\xfb\0\x07", 7);
    MPI_Type_free(&type);
    MPI_Type_free(&resized);

    size = 0;
    ck_assert_int_eq(MPI_Pack_external("external32", shorts, 2, MPI_SHORT, &record, 3, &size),
                     MPI_ERR_TRUNCATE);
    ck_assert_int_eq(MPI_Pack_external_size("native", 1, MPI_INT, &size),
                     MPI_ERR_UNSUPPORTED_DATAREP);
}
END_TEST

/* MPI-1's markers, which old binaries import though mpi.h no longer declares them. */
extern struct ompi_predefined_datatype_t ompi_mpi_lb, ompi_mpi_ub;

START_TEST(markers)
{
    const int lengths[3] = {1, 1, 1};
    const MPI_Aint places[3] = {-3, 0, 10}, inner[2] = {0, 20};
    MPI_Datatype parts[3] = {(MPI_Datatype)(void *)&ompi_mpi_lb, MPI_INT,
                             (MPI_Datatype)(void *)&ompi_mpi_ub};
    MPI_Datatype type, two, mixed, lower;
    MPI_Aint lb, extent;
    int size;

    MPI_Type_create_struct(3, lengths, places, parts, &type);
    MPI_Type_get_extent(type, &lb, &extent);
    MPI_Type_size(type, &size);
    ck_assert_int_eq(lb, -3);
    ck_assert_int_eq(extent, 13);
    ck_assert_int_eq(size, 4);
    MPI_Type_contiguous(2, type, &two);
    MPI_Type_get_extent(two, &lb, &extent);
    ck_assert_int_eq(lb, -3);
    ck_assert_int_eq(extent, 26);
    /* Bounds that were said stay, whatever data lie beyond. */
    MPI_Type_create_struct(2, lengths, inner, (MPI_Datatype[2]){type, MPI_DOUBLE}, &mixed);
    MPI_Type_get_extent(mixed, &lb, &extent);
    ck_assert_int_eq(lb, -3);
    ck_assert_int_eq(extent, 13);
    /* Only one of them: the other one is that of the data. */
    MPI_Type_create_struct(2, lengths, places, parts, &lower);
    MPI_Type_get_extent(lower, &lb, &extent);
    ck_assert_int_eq(lb, -3);
    ck_assert_int_eq(lb + extent, 5); /* 4, and up to a multiple of an int's alignment */
    MPI_Type_free(&lower);
    MPI_Type_free(&mixed);
    MPI_Type_free(&two);
    MPI_Type_free(&type);
}
END_TEST

/* Sizes beyond an int, and bytes that are there in one of many. */
START_TEST(huge)
{
    enum { MANY = INT32_MAX };
    const MPI_Count bytes = 8 * (MPI_Count)MANY * 3;
    int whole[1] = {MANY}, cyclic[1] = {MPI_DISTRIBUTE_CYCLIC}, block[1] = {MANY - 1},
        grid[1] = {3};
    MPI_Datatype row, type, part;
    MPI_Count lb, extent, size;
    MPI_Status status;
    int count, small;

    MPI_Type_contiguous(MANY, MPI_DOUBLE, &row);
    MPI_Type_create_hvector(3, 1, (MPI_Aint)1 << 40, row, &type);
    MPI_Type_size(type, &small);
    ck_assert_int_eq(small, MPI_UNDEFINED);
    MPI_Type_size_x(type, &size);
    ck_assert(size == bytes);
    MPI_Type_get_extent_x(type, &lb, &extent);
    ck_assert(lb == 0 && extent == ((MPI_Count)2 << 40) + 8 * (MPI_Count)MANY);
    MPI_Type_get_true_extent_x(type, &lb, &extent);
    ck_assert(lb == 0 && extent == ((MPI_Count)2 << 40) + 8 * (MPI_Count)MANY);
    ck_assert_int_eq(MPI_Pack_size(1, type, MPI_COMM_WORLD, &small), MPI_ERR_COUNT);
    MPI_Status_set_elements_x(&status, type, bytes / 8 - 1);
    MPI_Get_elements_x(&status, type, &size);
    ck_assert(size == bytes / 8 - 1);
    MPI_Get_elements(&status, type, &count);
    ck_assert_int_eq(count, MPI_UNDEFINED);
    MPI_Get_count(&status, type, &count);
    ck_assert_int_eq(count, MPI_UNDEFINED);
    MPI_Type_free(&type);
    MPI_Type_free(&row);

    /* Blocks of all but one: one process has the rest, and the last one nothing. */
    for (int rank = 0; rank < 3; rank++) {
        static const MPI_Count mine[3] = {MANY - 1, 1, 0};

        MPI_Type_create_darray(3, rank, 1, whole, cyclic, block, grid, MPI_ORDER_C, MPI_DOUBLE,
                               &part);
        MPI_Type_size_x(part, &size);
        ck_assert(size == 8 * mine[rank]);
        MPI_Type_get_extent_x(part, &lb, &extent);
        ck_assert(lb == 0 && extent == 8 * (MPI_Count)MANY);
        MPI_Type_get_true_extent_x(part, &lb, &extent);
        if (mine[rank])
            ck_assert(lb == (rank ? 8 * (MPI_Count)(MANY - 1) : 0) && extent == 8 * mine[rank]);
        MPI_Type_free(&part);
    }
}
END_TEST

/* Each level is two of the one before: what it comes to is asked for at once, and the last that fits is far away. */
START_TEST(deep)
{
    MPI_Datatype type, next;
    MPI_Count size, elements;
    MPI_Aint external;
    int lengths[2] = {1, 1}, level, whole;
    MPI_Aint places[2] = {0, 0};
    MPI_Status status;

    MPI_Type_contiguous(1, MPI_LONG, &type); /* 4 bytes in external32 */
    for (level = 0; level < 70; level++) {
        MPI_Datatype types[2] = {type, type};
        int error, class;

        MPI_Type_size_x(type, &size);
        ck_assert_int_eq(size, (MPI_Count)8 << level);
        MPI_Type_size(type, &whole);
        ck_assert_int_eq(whole, size > INT32_MAX ? MPI_UNDEFINED : (int)size);
        MPI_Pack_external_size("external32", 1, type, &external);
        ck_assert_int_eq(external, (MPI_Aint)4 << level);
        MPI_Type_commit(&type);
        MPI_Status_set_elements_x(&status, MPI_BYTE, size);
        MPI_Get_elements_x(&status, type, &elements);
        ck_assert_int_eq(elements, (MPI_Count)1 << level);
        MPI_Status_set_elements_x(&status, MPI_BYTE, 24);
        MPI_Get_elements_x(&status, type, &elements);
        ck_assert_int_eq(elements, 3);
        error = MPI_Type_create_struct(2, lengths, places, types, &next);
        if (error) {
            MPI_Error_class(error, &class);
            ck_assert_int_eq(class, MPI_ERR_ARG);
            break;
        }
        MPI_Type_free(&type);
        type = next;
    }
    ck_assert(level > 50 && level < 62);
    MPI_Type_free(&type);
}
END_TEST

/* A count below 0 is an error of the count, the length of a block one of an argument, as in Open MPI. */
START_TEST(negative)
{
    const int one[1] = {1}, below[1] = {-1};
    const MPI_Aint place[1] = {0};
    const MPI_Datatype types[1] = {MPI_INT};
    MPI_Datatype made;

#define CLASS(call, wanted)                                                                        \
    do {                                                                                           \
        int error_ = (call), class_;                                                               \
                                                                                                   \
        MPI_Error_class(error_, &class_);                                                          \
        ck_assert_int_eq(class_, wanted);                                                          \
    } while (0)

    CLASS(MPI_Type_contiguous(-1, MPI_INT, &made), MPI_ERR_COUNT);
    CLASS(MPI_Type_vector(-1, 1, 1, MPI_INT, &made), MPI_ERR_COUNT);
    CLASS(MPI_Type_vector(1, -1, 1, MPI_INT, &made), MPI_ERR_ARG);
    CLASS(MPI_Type_create_hvector(-1, 1, 1, MPI_INT, &made), MPI_ERR_COUNT);
    CLASS(MPI_Type_create_hvector(1, -1, 1, MPI_INT, &made), MPI_ERR_ARG);
    CLASS(MPI_Type_indexed(-1, one, one, MPI_INT, &made), MPI_ERR_COUNT);
    CLASS(MPI_Type_indexed(1, below, one, MPI_INT, &made), MPI_ERR_ARG);
    CLASS(MPI_Type_create_hindexed(-1, one, place, MPI_INT, &made), MPI_ERR_COUNT);
    CLASS(MPI_Type_create_hindexed(1, below, place, MPI_INT, &made), MPI_ERR_ARG);
    CLASS(MPI_Type_create_indexed_block(-1, 1, one, MPI_INT, &made), MPI_ERR_COUNT);
    CLASS(MPI_Type_create_indexed_block(1, -1, one, MPI_INT, &made), MPI_ERR_ARG);
    CLASS(MPI_Type_create_hindexed_block(-1, 1, place, MPI_INT, &made), MPI_ERR_COUNT);
    CLASS(MPI_Type_create_hindexed_block(1, -1, place, MPI_INT, &made), MPI_ERR_ARG);
    CLASS(MPI_Type_create_struct(-1, one, place, types, &made), MPI_ERR_COUNT);
    CLASS(MPI_Type_create_struct(1, below, place, types, &made), MPI_ERR_ARG);
#undef CLASS
}
END_TEST

/* What no address reaches is refused, and nothing wraps. */
START_TEST(too_large)
{
    const int most = INT32_MAX, many[4] = {most, most, most, most}, none[4] = {0, 0, 0, 0};
    const int one[4] = {1, 1, 1, 1},
              cyclic[3] = {MPI_DISTRIBUTE_CYCLIC, MPI_DISTRIBUTE_CYCLIC, MPI_DISTRIBUTE_CYCLIC};
    const int block[3] = {1, 1, 1};
    MPI_Datatype giga, tera, made;
    MPI_Aint far = (MPI_Aint)1 << 62, lb, extent;

#define REFUSED(call)                                                                              \
    do {                                                                                           \
        int error_ = (call), class_;                                                               \
                                                                                                   \
        MPI_Error_class(error_, &class_);                                                          \
        ck_assert_int_eq(class_, MPI_ERR_ARG);                                                     \
    } while (0)

    MPI_Type_contiguous(most, MPI_INT, &giga);
    MPI_Type_contiguous(1000, giga, &tera);
    MPI_Type_get_extent(tera, &lb, &extent);
    ck_assert_int_eq(extent, 4000 * (MPI_Aint)most);
    REFUSED(MPI_Type_contiguous(most, tera, &made));
    REFUSED(MPI_Type_vector(2, 1, most, tera, &made));
    REFUSED(MPI_Type_vector(2, 1, -most, tera, &made));
    REFUSED(MPI_Type_vector(most, most, 1, giga, &made));
    REFUSED(MPI_Type_create_hvector(3, 1, far, MPI_INT, &made));
    REFUSED(MPI_Type_create_hvector(3, 1, -far, MPI_INT, &made));
    REFUSED(MPI_Type_indexed(1, one, &most, tera, &made));
    REFUSED(MPI_Type_indexed(1, &most, none, tera, &made));
    REFUSED(MPI_Type_create_indexed_block(1, 1, &most, tera, &made));
    REFUSED(MPI_Type_create_hindexed(1, one, &far, MPI_INT, &made));
    REFUSED(MPI_Type_create_hindexed_block(1, 1, &far, MPI_INT, &made));
    REFUSED(MPI_Type_create_struct(1, one, &far, &giga, &made));
    REFUSED(MPI_Type_create_subarray(4, many, one, none, MPI_ORDER_C, MPI_INT, &made));
    REFUSED(MPI_Type_create_subarray(4, many, many, none, MPI_ORDER_FORTRAN, MPI_INT, &made));
    REFUSED(MPI_Type_create_darray(1, 0, 3, many, cyclic, block, one, MPI_ORDER_C, tera, &made));
    REFUSED(MPI_Type_create_resized(MPI_INT, PTRDIFF_MAX, 1, &made));
    /* These bounds can be said, but no further type reaches that far. */
    MPI_Type_create_resized(MPI_INT, 0, PTRDIFF_MAX, &made);
    MPI_Type_get_extent(made, &lb, &extent);
    ck_assert(lb == 0 && extent == PTRDIFF_MAX);
    MPI_Type_free(&tera);
    REFUSED(MPI_Type_contiguous(2, made, &tera));
    MPI_Type_free(&made);
    MPI_Type_free(&giga);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("datatypes");
    TCase *test = tcase_create("datatypes");
    SRunner *runner;
    int failed, provided;

    MPI_Init_thread(&argc, &argv, getenv("THREADS") ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE,
                    &provided);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    tcase_add_test(test, through_messages);
    tcase_add_test(test, pack_positions);
    tcase_add_test(test, user_operation);
    tcase_add_test(test, fortran_handles);
    tcase_add_test(test, external32);
    tcase_add_test(test, markers);
    tcase_add_test(test, negative);
    tcase_add_test(test, huge);
    tcase_add_test(test, deep);
    tcase_add_test(test, too_large);
    suite_add_tcase(suite, test);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    MPI_Finalize();
    return failed != 0;
}
