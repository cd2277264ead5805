/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: every predefined operation on every predefined type is computed where MPI 3.1 section 5.9.2 defines it, and where Open MPI
 * computes it all the same (`beyond`: bytes and characters as small integers, truth of any integer); elsewhere it is refused with
 * MPI_ERR_OP. Computed: MPI_Reduce_local agrees with this program's own arithmetic, for vectors of several lengths and
 * alignments; then MPI_Allreduce, MPI_Reduce and MPI_Iallreduce agree with the same fold over all ranks.
 *
 * Linked with Open MPI, so that its library may be asked as well: `list` prints what comes of each combination on one
 * rank, and nothing of it is a failure. docs/conformance.md says where Open MPI's answers differ.
 */
#include <complex.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum op { MAX, MIN, SUM, PROD, LAND, BAND, LOR, BOR, LXOR, BXOR, MAXLOC, MINLOC, OPS };

enum { MOST = 67, WIDEST = 32 };

static int rank, ranks, failures;
static bool list;

/* ---- the standard ------------------------------------------------------------------------------- */

/* MPI 3.1 section 5.9.2 and, for pairs, 5.9.4. */
enum class {
    C_INTEGER = 1 << 0,
    FORTRAN_INTEGER = 1 << 1,
    FLOATING_POINT = 1 << 2,
    LOGICAL = 1 << 3,
    COMPLEX = 1 << 4,
    BYTE = 1 << 5,
    MULTI_LANGUAGE = 1 << 6,
    PAIR = 1 << 7,
    CHARACTER = 1 << 8,
    OTHER = 1 << 9,
};

static const struct {
    const char *name;
    MPI_Op op;
    int classes;
    int beyond; /* where it is computed all the same */
} ops[OPS] = {
#define OP(name, classes, beyond) [name] = {"MPI_" #name, MPI_##name, classes, beyond}
#define ORDERED                   (C_INTEGER | FORTRAN_INTEGER | FLOATING_POINT | MULTI_LANGUAGE)
#define ARITHMETIC                (ORDERED | COMPLEX)
#define TRUTH                     (C_INTEGER | LOGICAL)
#define BITS                      (C_INTEGER | FORTRAN_INTEGER | BYTE | MULTI_LANGUAGE)
#define NUMBERS                   (BYTE | CHARACTER)
#define WHOLE                     (FORTRAN_INTEGER | MULTI_LANGUAGE | BYTE | CHARACTER)
    OP(MAX, ORDERED, NUMBERS),     OP(MIN, ORDERED, NUMBERS), OP(SUM, ARITHMETIC, NUMBERS),
    OP(PROD, ARITHMETIC, NUMBERS), OP(LAND, TRUTH, WHOLE),    OP(LOR, TRUTH, WHOLE),
    OP(LXOR, TRUTH, WHOLE),        OP(BAND, BITS, CHARACTER), OP(BOR, BITS, CHARACTER),
    OP(BXOR, BITS, CHARACTER),     OP(MAXLOC, PAIR, 0),       OP(MINLOC, PAIR, 0),
};

/* ---- arithmetic --------------------------------------------------------------------------------- */

struct kind {
    const char *name;
    MPI_Datatype type;
    int class;
    size_t size; /* of an element as C has it */
    void (*make)(void *place, enum op op, uint32_t random);
    void (*apply)(enum op op, const void *in, void *inout);
    bool (*equal)(const void *a, const void *b);
};

static bool sums(enum op op)
{
    return op == SUM || op == PROD;
}

/* Operands that sums and products of eight keep exact, and any bits for other operations. Zero and equal ones are frequent. */
#define INTEGER(kind, c)                                                                           \
    static void make_##kind(void *place, enum op op, uint32_t random)                              \
    {                                                                                              \
        uint64_t wide = random * UINT64_C(0x9e3779b97f4a7c15);                                     \
        c value = sums(op)          ? (c)(random >> 8 & 1 ? 1 : random >> 9 & 3)                   \
                  : random % 4 == 0 ? (c)0                                                         \
                                    : (c)(wide ^ wide >> 29);                                      \
                                                                                                   \
        if (op == PROD)                                                                            \
            value = (c)(random >> 8 & 7 ? 1 : random >> 11 & 3);                                   \
        memcpy(place, &value, sizeof(value));                                                      \
    }                                                                                              \
    static void apply_##kind(enum op op, const void *in, void *inout)                              \
    {                                                                                              \
        c a, b;                                                                                    \
                                                                                                   \
        memcpy(&a, in, sizeof(a));                                                                 \
        memcpy(&b, inout, sizeof(b));                                                              \
        switch (op) {                                                                              \
        case MAX:                                                                                  \
            b = a < b ? b : a;                                                                     \
            break;                                                                                 \
        case MIN:                                                                                  \
            b = a < b ? a : b;                                                                     \
            break;                                                                                 \
        case SUM:                                                                                  \
            b = (c)(b + a);                                                                        \
            break;                                                                                 \
        case PROD:                                                                                 \
            b = (c)(b * a);                                                                        \
            break;                                                                                 \
        case LAND:                                                                                 \
            b = a != 0 && b != 0;                                                                  \
            break;                                                                                 \
        case LOR:                                                                                  \
            b = a != 0 || b != 0;                                                                  \
            break;                                                                                 \
        case LXOR:                                                                                 \
            b = (a != 0) != (b != 0);                                                              \
            break;                                                                                 \
        case BAND:                                                                                 \
            b = (c)(a & b);                                                                        \
            break;                                                                                 \
        case BOR:                                                                                  \
            b = (c)(a | b);                                                                        \
            break;                                                                                 \
        case BXOR:                                                                                 \
            b = (c)(a ^ b);                                                                        \
            break;                                                                                 \
        default:                                                                                   \
            break;                                                                                 \
        }                                                                                          \
        memcpy(inout, &b, sizeof(b));                                                              \
    }                                                                                              \
    EQUAL(kind, c)

#define EQUAL(kind, c)                                                                             \
    static bool equal_##kind(const void *a, const void *b)                                         \
    {                                                                                              \
        c x, y;                                                                                    \
                                                                                                   \
        memcpy(&x, a, sizeof(x));                                                                  \
        memcpy(&y, b, sizeof(y));                                                                  \
        return x == y;                                                                             \
    }

/* .TRUE. is 1, as C's true is. */
#define TRUTH_VALUE(kind, c)                                                                       \
    static void make_##kind(void *place, enum op op, uint32_t random)                              \
    {                                                                                              \
        c value = (c)(random >> 8 & 1);                                                            \
                                                                                                   \
        memcpy(place, &value, sizeof(value));                                                      \
    }                                                                                              \
    static void apply_##kind(enum op op, const void *in, void *inout)                              \
    {                                                                                              \
        c a, b;                                                                                    \
                                                                                                   \
        memcpy(&a, in, sizeof(a));                                                                 \
        memcpy(&b, inout, sizeof(b));                                                              \
        b = (c)(op == LAND ? a && b : op == LOR ? a || b : a != b);                                \
        memcpy(inout, &b, sizeof(b));                                                              \
    }                                                                                              \
    EQUAL(kind, c)

/* Halves and quarters, of both signs. */
#define REAL(kind, c)                                                                              \
    static void make_##kind(void *place, enum op op, uint32_t random)                              \
    {                                                                                              \
        c value = op == PROD ? (c)(random >> 8 & 1 ? -2 : 0.5)                                     \
                             : (c)((int)(random >> 8 & 0xff) - 128) / 4;                           \
                                                                                                   \
        memcpy(place, &value, sizeof(value));                                                      \
    }                                                                                              \
    static void apply_##kind(enum op op, const void *in, void *inout)                              \
    {                                                                                              \
        c a, b;                                                                                    \
                                                                                                   \
        memcpy(&a, in, sizeof(a));                                                                 \
        memcpy(&b, inout, sizeof(b));                                                              \
        b = op == MAX ? (a < b ? b : a) : op == MIN ? (a < b ? a : b) : op == SUM ? b + a : b * a; \
        memcpy(inout, &b, sizeof(b));                                                              \
    }                                                                                              \
    EQUAL(kind, c)

#define IMAGINARY(kind, c, real)                                                                   \
    static void make_##kind(void *place, enum op op, uint32_t random)                              \
    {                                                                                              \
        real value[2] = {(real)((int)(random >> 8 & 7) - 3), (real)((int)(random >> 11 & 7) - 4)}; \
                                                                                                   \
        if (op == PROD) {                                                                          \
            value[0] = (real)(random >> 8 & 1);                                                    \
            value[1] = random >> 9 & 1 ? 1 : -1;                                                   \
        }                                                                                          \
        memcpy(place, value, sizeof(value));                                                       \
    }                                                                                              \
    static void apply_##kind(enum op op, const void *in, void *inout)                              \
    {                                                                                              \
        real a[2], b[2], result[2];                                                                \
                                                                                                   \
        memcpy(a, in, sizeof(a));                                                                  \
        memcpy(b, inout, sizeof(b));                                                               \
        result[0] = op == SUM ? a[0] + b[0] : a[0] * b[0] - a[1] * b[1];                           \
        result[1] = op == SUM ? a[1] + b[1] : a[0] * b[1] + a[1] * b[0];                           \
        memcpy(inout, result, sizeof(result));                                                     \
    }                                                                                              \
    EQUAL(kind, c)

/* Few values, so that many are equal and the index decides. */
#define VALUE_AND_INDEX(kind, first, second)                                                       \
    struct kind {                                                                                  \
        first value;                                                                               \
        second index;                                                                              \
    };                                                                                             \
    static void make_##kind(void *place, enum op op, uint32_t random)                              \
    {                                                                                              \
        struct kind pair;                                                                          \
                                                                                                   \
        memset(&pair, (int)random, sizeof(pair));                                                  \
        pair.value = (first)((int)(random >> 8 & 3) - 2);                                          \
        pair.index = (second)((int)(random >> 10 & 31) - 5);                                       \
        memcpy(place, &pair, sizeof(pair));                                                        \
    }                                                                                              \
    static void apply_##kind(enum op op, const void *in, void *inout)                              \
    {                                                                                              \
        struct kind a, b;                                                                          \
        bool wins;                                                                                 \
                                                                                                   \
        memcpy(&a, in, sizeof(a));                                                                 \
        memcpy(&b, inout, sizeof(b));                                                              \
        wins = op == MAXLOC ? a.value > b.value : a.value < b.value;                               \
        if (wins || (a.value == b.value && a.index < b.index)) {                                   \
            b.value = a.value;                                                                     \
            b.index = a.index;                                                                     \
        }                                                                                          \
        memcpy(inout, &b, sizeof(b));                                                              \
    }                                                                                              \
    static bool equal_##kind(const void *a, const void *b)                                         \
    {                                                                                              \
        struct kind x, y;                                                                          \
                                                                                                   \
        memcpy(&x, a, sizeof(x));                                                                  \
        memcpy(&y, b, sizeof(y));                                                                  \
        return x.value == y.value && x.index == y.index;                                           \
    }

typedef __float128 quad;
typedef _Complex float __attribute__((mode(TC))) quad_complex;

INTEGER(char, char)
INTEGER(signed_char, signed char)
INTEGER(unsigned_char, unsigned char)
INTEGER(short, short)
INTEGER(unsigned_short, unsigned short)
INTEGER(int, int)
INTEGER(unsigned, unsigned)
INTEGER(long, long)
INTEGER(unsigned_long, unsigned long)
INTEGER(long_long, long long)
INTEGER(unsigned_long_long, unsigned long long)
INTEGER(int8_t, int8_t)
INTEGER(uint8_t, uint8_t)
INTEGER(int16_t, int16_t)
INTEGER(uint16_t, uint16_t)
INTEGER(int32_t, int32_t)
INTEGER(uint32_t, uint32_t)
INTEGER(int64_t, int64_t)
INTEGER(uint64_t, uint64_t)
INTEGER(MPI_Aint, MPI_Aint)
INTEGER(MPI_Offset, MPI_Offset)
INTEGER(MPI_Count, MPI_Count)
TRUTH_VALUE(c_bool, _Bool)
TRUTH_VALUE(logical1, int8_t)
TRUTH_VALUE(logical2, int16_t)
TRUTH_VALUE(logical4, int32_t)
TRUTH_VALUE(logical8, int64_t)
REAL(float, float)
REAL(double, double)
REAL(long_double, long double)
REAL(quad, quad)
IMAGINARY(float_complex, float _Complex, float)
IMAGINARY(double_complex, double _Complex, double)
IMAGINARY(long_double_complex, long double _Complex, long double)
IMAGINARY(quad_complex, quad_complex, quad)
VALUE_AND_INDEX(float_int, float, int)
VALUE_AND_INDEX(double_int, double, int)
VALUE_AND_INDEX(long_double_int, long double, int)
VALUE_AND_INDEX(long_int, long, int)
VALUE_AND_INDEX(short_int, short, int)
VALUE_AND_INDEX(two_ints, int, int)
VALUE_AND_INDEX(two_floats, float, float)
VALUE_AND_INDEX(two_doubles, double, double)

/* ---- the types ---------------------------------------------------------------------------------- */

enum { KINDS_MOST = 96 };
static struct kind kinds[KINDS_MOST];
static int kinds_known;

#define KIND(type, class, arithmetic, c)                                                           \
    kinds[kinds_known++] = (struct kind)                                                           \
    {                                                                                              \
#type, type, class, sizeof(c), make_##arithmetic, apply_##arithmetic, equal_##arithmetic   \
    }
/* One that no operation is defined for. */
#define NO_KIND(type)                                                                              \
    kinds[kinds_known++] = (struct kind)                                                           \
    {                                                                                              \
#type, type, OTHER, 0, NULL, NULL, NULL                                                    \
    }

static MPI_Datatype f90_integer(int range)
{
    MPI_Datatype type;

    MPI_Type_create_f90_integer(range, &type);
    return type;
}

static MPI_Datatype f90_real(int precision)
{
    MPI_Datatype type;

    MPI_Type_create_f90_real(precision, MPI_UNDEFINED, &type);
    return type;
}

static MPI_Datatype f90_complex(int precision)
{
    MPI_Datatype type;

    MPI_Type_create_f90_complex(precision, MPI_UNDEFINED, &type);
    return type;
}

static void kinds_list(void)
{
    KIND(MPI_INT, C_INTEGER, int, int);
    KIND(MPI_LONG, C_INTEGER, long, long);
    KIND(MPI_SHORT, C_INTEGER, short, short);
    KIND(MPI_UNSIGNED_SHORT, C_INTEGER, unsigned_short, unsigned short);
    KIND(MPI_UNSIGNED, C_INTEGER, unsigned, unsigned);
    KIND(MPI_UNSIGNED_LONG, C_INTEGER, unsigned_long, unsigned long);
    KIND(MPI_LONG_LONG_INT, C_INTEGER, long_long, long long);
    KIND(MPI_LONG_LONG, C_INTEGER, long_long, long long);
    KIND(MPI_UNSIGNED_LONG_LONG, C_INTEGER, unsigned_long_long, unsigned long long);
    KIND(MPI_SIGNED_CHAR, C_INTEGER, signed_char, signed char);
    KIND(MPI_UNSIGNED_CHAR, C_INTEGER, unsigned_char, unsigned char);
    KIND(MPI_INT8_T, C_INTEGER, int8_t, int8_t);
    KIND(MPI_INT16_T, C_INTEGER, int16_t, int16_t);
    KIND(MPI_INT32_T, C_INTEGER, int32_t, int32_t);
    KIND(MPI_INT64_T, C_INTEGER, int64_t, int64_t);
    KIND(MPI_UINT8_T, C_INTEGER, uint8_t, uint8_t);
    KIND(MPI_UINT16_T, C_INTEGER, uint16_t, uint16_t);
    KIND(MPI_UINT32_T, C_INTEGER, uint32_t, uint32_t);
    KIND(MPI_UINT64_T, C_INTEGER, uint64_t, uint64_t);

    KIND(MPI_INTEGER, FORTRAN_INTEGER, int32_t, int32_t);
    KIND(MPI_INTEGER1, FORTRAN_INTEGER, int8_t, int8_t);
    KIND(MPI_INTEGER2, FORTRAN_INTEGER, int16_t, int16_t);
    KIND(MPI_INTEGER4, FORTRAN_INTEGER, int32_t, int32_t);
    KIND(MPI_INTEGER8, FORTRAN_INTEGER, int64_t, int64_t);
    KIND(f90_integer(2), FORTRAN_INTEGER, int8_t, int8_t);
    KIND(f90_integer(4), FORTRAN_INTEGER, int16_t, int16_t);
    KIND(f90_integer(9), FORTRAN_INTEGER, int32_t, int32_t);
    KIND(f90_integer(18), FORTRAN_INTEGER, int64_t, int64_t);

    KIND(MPI_FLOAT, FLOATING_POINT, float, float);
    KIND(MPI_DOUBLE, FLOATING_POINT, double, double);
    KIND(MPI_REAL, FLOATING_POINT, float, float);
    KIND(MPI_DOUBLE_PRECISION, FLOATING_POINT, double, double);
    KIND(MPI_LONG_DOUBLE, FLOATING_POINT, long_double, long double);
    KIND(MPI_REAL4, FLOATING_POINT, float, float);
    KIND(MPI_REAL8, FLOATING_POINT, double, double);
    KIND(MPI_REAL16, FLOATING_POINT, quad, quad);
    KIND(f90_real(6), FLOATING_POINT, float, float);
    KIND(f90_real(15), FLOATING_POINT, double, double);
    KIND(f90_real(18), FLOATING_POINT, long_double, long double);

    KIND(MPI_LOGICAL, LOGICAL, logical4, int32_t);
    KIND(MPI_C_BOOL, LOGICAL, c_bool, _Bool);
    KIND(MPI_CXX_BOOL, LOGICAL, c_bool, _Bool);
    KIND(MPI_LOGICAL1, LOGICAL, logical1, int8_t);
    KIND(MPI_LOGICAL2, LOGICAL, logical2, int16_t);
    KIND(MPI_LOGICAL4, LOGICAL, logical4, int32_t);
    KIND(MPI_LOGICAL8, LOGICAL, logical8, int64_t);

    KIND(MPI_COMPLEX, COMPLEX, float_complex, float _Complex);
    KIND(MPI_C_COMPLEX, COMPLEX, float_complex, float _Complex);
    KIND(MPI_C_FLOAT_COMPLEX, COMPLEX, float_complex, float _Complex);
    KIND(MPI_C_DOUBLE_COMPLEX, COMPLEX, double_complex, double _Complex);
    KIND(MPI_C_LONG_DOUBLE_COMPLEX, COMPLEX, long_double_complex, long double _Complex);
    KIND(MPI_CXX_FLOAT_COMPLEX, COMPLEX, float_complex, float _Complex);
    KIND(MPI_CXX_DOUBLE_COMPLEX, COMPLEX, double_complex, double _Complex);
    KIND(MPI_CXX_LONG_DOUBLE_COMPLEX, COMPLEX, long_double_complex, long double _Complex);
    KIND(MPI_DOUBLE_COMPLEX, COMPLEX, double_complex, double _Complex);
    KIND(MPI_COMPLEX8, COMPLEX, float_complex, float _Complex);
    KIND(MPI_COMPLEX16, COMPLEX, double_complex, double _Complex);
    KIND(MPI_COMPLEX32, COMPLEX, quad_complex, quad_complex);
    KIND(f90_complex(6), COMPLEX, float_complex, float _Complex);
    KIND(f90_complex(15), COMPLEX, double_complex, double _Complex);
    KIND(f90_complex(18), COMPLEX, long_double_complex, long double _Complex);

    KIND(MPI_BYTE, BYTE, uint8_t, uint8_t);
    KIND(MPI_AINT, MULTI_LANGUAGE, MPI_Aint, MPI_Aint);
    KIND(MPI_OFFSET, MULTI_LANGUAGE, MPI_Offset, MPI_Offset);
    KIND(MPI_COUNT, MULTI_LANGUAGE, MPI_Count, MPI_Count);

    KIND(MPI_FLOAT_INT, PAIR, float_int, struct float_int);
    KIND(MPI_DOUBLE_INT, PAIR, double_int, struct double_int);
    KIND(MPI_LONG_DOUBLE_INT, PAIR, long_double_int, struct long_double_int);
    KIND(MPI_LONG_INT, PAIR, long_int, struct long_int);
    KIND(MPI_SHORT_INT, PAIR, short_int, struct short_int);
    KIND(MPI_2INT, PAIR, two_ints, struct two_ints);
    KIND(MPI_2INTEGER, PAIR, two_ints, struct two_ints);
    KIND(MPI_2REAL, PAIR, two_floats, struct two_floats);
    KIND(MPI_2DOUBLE_PRECISION, PAIR, two_doubles, struct two_doubles);

    KIND(MPI_CHAR, CHARACTER, char, char);
    KIND(MPI_CHARACTER, CHARACTER, char, char);
    NO_KIND(MPI_PACKED);
    NO_KIND(MPI_WCHAR);
    NO_KIND(MPI_2COMPLEX);
    NO_KIND(MPI_2DOUBLE_COMPLEX);
}

/* ---- one operation on one type ------------------------------------------------------------------ */

static void complain(const struct kind *kind, enum op op, const char *what, int count)
{
    if (list)
        return;
    fprintf(stderr, "rank %d: %s on %s: %s (%d elements)\n", rank, ops[op].name, kind->name, what,
            count);
    failures++;
}

static uint32_t random_of(int source, enum op op, int count, int place)
{
    uint32_t x = (uint32_t)source * 0x9e3779b9u ^ (uint32_t)op * 0x85ebca6bu ^
                 (uint32_t)count * 0xc2b2ae35u ^ (uint32_t)place * 0x27d4eb2fu;

    x = (x ^ x >> 15) * 0x2c1b3c6du;
    x = (x ^ x >> 12) * 0x297a2d39u;
    return x ^ x >> 15;
}

static void operands(const struct kind *kind, enum op op, int source, int count, char *place)
{
    for (int i = 0; i < count; i++)
        kind->make(place + (size_t)i * kind->size, op, random_of(source, op, count, i));
}

static bool same(const struct kind *kind, int count, const char *a, const char *b)
{
    for (int i = 0; i < count; i++) {
        if (!kind->equal(a + (size_t)i * kind->size, b + (size_t)i * kind->size))
            return false;
    }
    return true;
}

static bool computed_here(const struct kind *kind, enum op op, int count, int skipped)
{
    static _Alignas(32) char in[(MOST + 1) * WIDEST], inout[(MOST + 2) * WIDEST],
        expected[(MOST + 1) * WIDEST];
    char *x = in + (size_t)skipped * kind->size, *y = inout + (size_t)skipped * kind->size;
    char *end = y + (size_t)count * kind->size;

    memset(inout, 0x5a, sizeof(inout));
    operands(kind, op, 0, count, x);
    operands(kind, op, 1, count, y);
    memcpy(expected, y, (size_t)count * kind->size);
    for (int i = 0; i < count; i++)
        kind->apply(op, x + (size_t)i * kind->size, expected + (size_t)i * kind->size);
    if (MPI_Reduce_local(x, y, count, kind->type, ops[op].op) != MPI_SUCCESS ||
        !same(kind, count, y, expected))
        return false;
    for (int i = 0; i < WIDEST; i++) {
        if (end[i] != 0x5a)
            return false;
    }
    return true;
}

static bool computed_together(const struct kind *kind, enum op op, int count)
{
    static _Alignas(32) char mine[MOST * WIDEST], theirs[MOST * WIDEST], expected[MOST * WIDEST],
        result[3][MOST * WIDEST];
    MPI_Datatype type = kind->type;
    MPI_Request request;

    operands(kind, op, 0, count, expected);
    for (int source = 1; source < ranks; source++) {
        operands(kind, op, source, count, theirs);
        for (int i = 0; i < count; i++)
            kind->apply(op, theirs + (size_t)i * kind->size, expected + (size_t)i * kind->size);
    }
    operands(kind, op, rank, count, mine);
    if (MPI_Iallreduce(mine, result[0], count, type, ops[op].op, MPI_COMM_WORLD, &request) ||
        MPI_Allreduce(mine, result[1], count, type, ops[op].op, MPI_COMM_WORLD) ||
        MPI_Reduce(mine, result[2], count, type, ops[op].op, ranks - 1, MPI_COMM_WORLD) ||
        MPI_Wait(&request, MPI_STATUS_IGNORE))
        return false;
    return same(kind, count, result[0], expected) && same(kind, count, result[1], expected) &&
           (rank != ranks - 1 || same(kind, count, result[2], expected));
}

static bool is_op_error(int error)
{
    int class = MPI_SUCCESS;

    if (error != MPI_SUCCESS)
        MPI_Error_class(error, &class);
    return class == MPI_ERR_OP;
}

static bool refused(MPI_Datatype type, MPI_Op op)
{
    static _Alignas(32) char in[2 * WIDEST], inout[2 * WIDEST];
    MPI_Request request = MPI_REQUEST_NULL;

    return is_op_error(MPI_Reduce_local(in, inout, 1, type, op)) &&
           is_op_error(MPI_Allreduce(in, inout, 1, type, op, MPI_COMM_WORLD)) &&
           is_op_error(MPI_Reduce(in, inout, 1, type, op, 0, MPI_COMM_WORLD)) &&
           is_op_error(MPI_Scan(in, inout, 1, type, op, MPI_COMM_WORLD)) &&
           is_op_error(MPI_Iallreduce(in, inout, 1, type, op, MPI_COMM_WORLD, &request));
}

static void combination(const struct kind *kind, enum op op)
{
    static const int counts[] = {1, 2, 3, 8, 17, MOST};
    bool defined = kind->class & (ops[op].classes | ops[op].beyond);

    if (list) {
        const char *found = refused(kind->type, ops[op].op)                  ? "refused"
                            : kind->make && computed_here(kind, op, MOST, 0) ? "computed"
                                                                             : "wrong";

        printf("%s %s: %s%s\n", ops[op].name, kind->name, found,
               kind->class & ops[op].classes ? "" : ", and not defined");
        return;
    }
    if (!defined) {
        if (!refused(kind->type, ops[op].op))
            complain(kind, op, "is not refused", 1);
        return;
    }
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        for (int skipped = 0; skipped < 2; skipped++) {
            if (!computed_here(kind, op, counts[i], skipped))
                complain(kind, op, "MPI_Reduce_local is wrong", counts[i]);
        }
        if (!computed_together(kind, op, counts[i]))
            complain(kind, op, "over all ranks it is wrong", counts[i]);
    }
}

/* Neither operations of MPI_Accumulate alone, nor types of the program's own. */
static void the_rest(void)
{
    MPI_Datatype row, copy;

    MPI_Type_contiguous(2, MPI_INT, &row);
    MPI_Type_commit(&row);
    MPI_Type_dup(MPI_INT, &copy);
    for (enum op op = 0; op < OPS; op++) {
        if (!refused(row, ops[op].op) || !refused(copy, ops[op].op)) {
            fprintf(stderr, "%s is not refused for a derived type\n", ops[op].name);
            failures++;
        }
    }
    if (!refused(MPI_INT, MPI_REPLACE) || !refused(MPI_INT, MPI_NO_OP)) {
        fprintf(stderr, "an operation of MPI_Accumulate is not refused\n");
        failures++;
    }
    MPI_Type_free(&row);
    MPI_Type_free(&copy);
}

int main(int argc, char **argv)
{
    list = argc > 1 && strcmp(argv[1], "list") == 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    kinds_list();
    for (int i = 0; i < kinds_known; i++) {
        for (enum op op = 0; op < OPS; op++)
            combination(&kinds[i], op);
    }
    if (!list)
        the_rest();
    MPI_Finalize();
    return failures != 0;
}
