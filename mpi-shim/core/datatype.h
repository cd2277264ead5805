/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/datatype.h: what a datatype is, how one is made, and copying through one.
 *
 * A datatype is a layout: a short tree of strided blocks, however long the list of bytes that it stands for
 * (datatype_layout.c). Packing seeks in that tree, so any piece of a message can be packed or unpacked at any time and in
 * any order, without a state that lives between pieces (datatype_copy.c). Most data needs none of it: ask `dense` first.
 */
#ifndef CORE_DATATYPE_H
#define CORE_DATATYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATATYPE_MAGIC = 0x44545950 };

/* Elementary types, by representation: several names of MPI share one. */
enum element {
    ELEMENT_NONE, /* a derived type, or a name without a type on this machine */
    ELEMENT_BYTE,
    ELEMENT_PACKED,
    ELEMENT_WCHAR,
    ELEMENT_INT8,
    ELEMENT_INT16,
    ELEMENT_INT32,
    ELEMENT_INT64,
    ELEMENT_UINT8,
    ELEMENT_UINT16,
    ELEMENT_UINT32,
    ELEMENT_UINT64,
    ELEMENT_LOGICAL1,
    ELEMENT_LOGICAL2,
    ELEMENT_LOGICAL4,
    ELEMENT_LOGICAL8,
    ELEMENT_FLOAT,
    ELEMENT_DOUBLE,
    ELEMENT_LONG_DOUBLE,
    ELEMENT_QUAD,
    ELEMENT_COMPLEX,
    ELEMENT_DOUBLE_COMPLEX,
    ELEMENT_LONG_DOUBLE_COMPLEX,
    ELEMENT_QUAD_COMPLEX,
    /* A value and an index, for MINLOC and MAXLOC: two elements in MPI_Get_elements. */
    ELEMENT_SHORT_INT,
    ELEMENT_INT_INT,
    ELEMENT_LONG_INT,
    ELEMENT_FLOAT_INT,
    ELEMENT_DOUBLE_INT,
    ELEMENT_LONG_DOUBLE_INT,
    ELEMENT_FLOAT_FLOAT,
    ELEMENT_DOUBLE_DOUBLE,
    ELEMENT_COMPLEX_COMPLEX,
    ELEMENT_DOUBLE_COMPLEX_DOUBLE_COMPLEX,
    ELEMENTS,
};

/* How a type was made; the values of MPI_COMBINER_x in the Open MPI ABI. */
enum combiner {
    COMBINER_NAMED,
    COMBINER_DUP,
    COMBINER_CONTIGUOUS,
    COMBINER_VECTOR,
    COMBINER_HVECTOR_INTEGER,
    COMBINER_HVECTOR,
    COMBINER_INDEXED,
    COMBINER_HINDEXED_INTEGER,
    COMBINER_HINDEXED,
    COMBINER_INDEXED_BLOCK,
    COMBINER_STRUCT_INTEGER,
    COMBINER_STRUCT,
    COMBINER_SUBARRAY,
    COMBINER_DARRAY,
    COMBINER_F90_REAL,
    COMBINER_F90_COMPLEX,
    COMBINER_F90_INTEGER,
    COMBINER_RESIZED,
    COMBINER_HINDEXED_BLOCK,
};

enum { ORDER_C, ORDER_FORTRAN };

/* A complex of two quads. gcc calls it _Complex _Float128 as well, clang does not. */
typedef _Complex float quad_complex __attribute__((mode(TC)));

struct attributes;
struct layout;
struct datatype_contents;

/* The fields of the first cache line are what sending and receiving read. */
struct datatype {
    uint32_t magic;
    bool dense; /* `count` elements are count * size bytes without a gap, from true_lb on */
    bool committed;
    bool predefined; /* never freed, not counted */
    uint8_t basic;   /* of enum element */
    size_t size;     /* bytes of data in one element */
    ptrdiff_t extent;
    ptrdiff_t lb;
    ptrdiff_t true_lb;
    ptrdiff_t true_extent;
    int references; /* under core_lock */
    int combiner;
    struct attributes *attributes;
    struct layout *layout;
    struct datatype_contents *contents; /* NULL where the type is predefined */
    uint16_t align;                     /* of its widest element */
    int64_t elements;                   /* elementary types in one element, of a derived type */
    size_t external;                    /* and bytes of it in external32 */
    bool narrow;                        /* 8 bytes here and 4 in external32: MPI_LONG */
    /* Bounds that were said, by MPI_Type_create_resized or MPI-1's MPI_LB and MPI_UB, and not those of the data. */
    bool lower_set, upper_set;
    char name[64];
};

static inline void datatype_retain(struct datatype *type)
{
    if (!type->predefined)
        type->references++;
}

void datatype_destroy(struct datatype *type);

static inline void datatype_release(struct datatype *type)
{
    if (!type->predefined && --type->references == 0)
        datatype_destroy(type);
}

/* MPI_BYTE, for data whose type no longer matters. */
extern struct datatype datatype_bytes;

/* Fill in a predefined type. ELEMENT_NONE: a type of no bytes. */
void datatype_predefine(struct datatype *type, enum element element, const char *name);

/* ---- copying ------------------------------------------------------------------------------------ */

/* Copy bytes `offset` .. `offset + length` - 1 of the packed form of `count` elements at `buffer` out to
 * `packed`, or from there into place. The caller keeps them within count * size. */
void datatype_pack(const struct datatype *type, const void *buffer, size_t count, size_t offset,
                   void *packed, size_t length);
void datatype_unpack(const struct datatype *type, void *buffer, size_t count, size_t offset,
                     const void *packed, size_t length);

/* Copy `count` elements from one place to another, in the type's own layout; the places do not overlap. */
void datatype_copy(const struct datatype *type, void *to, const void *from, size_t count);
/* Where byte `offset` of the packed form of `count` elements lies, and how many bytes follow it there in a row: *length, at least 1. */
void *datatype_run(const struct datatype *type, void *buffer, size_t count, size_t offset,
                   size_t *length);

/* How many elementary types the first `bytes` bytes of a message of this type hold, or -1 where they end inside
 * one (MPI 3.1 section 4.1.11). */
int64_t datatype_elements(const struct datatype *type, size_t bytes);
/* How many bytes so many elementary types are. */
size_t datatype_bytes_of_elements(const struct datatype *type, uint64_t elements);

/* The same in "external32" (MPI 3.1 section 13.5.2), all at once: datatype_external_size bytes. (datatype_external.c) */
size_t datatype_external_size(const struct datatype *type, size_t count);
void datatype_pack_external(const struct datatype *type, const void *buffer, size_t count,
                            void *external);
void datatype_unpack_external(const struct datatype *type, void *buffer, size_t count,
                              const void *external);

/* ---- making ------------------------------------------------------------------------------------- */

/* The constructors of MPI 3.1 section 4.1, with displacements in bytes (h) or in extents of `old`. The new type has
 * one reference and keeps one on each of its parts. Arguments are checked by the face. 0, or ERR_NO_MEM; or ERR_ARG, where
 * size or bounds would not fit an address. */
int datatype_contiguous(int count, struct datatype *old, struct datatype **made);
int datatype_vector(int count, int length, int stride, struct datatype *old,
                    struct datatype **made);
int datatype_hvector(int count, int length, ptrdiff_t stride, struct datatype *old,
                     struct datatype **made);
int datatype_indexed(int count, const int *lengths, const int *displacements, struct datatype *old,
                     struct datatype **made);
int datatype_hindexed(int count, const int *lengths, const ptrdiff_t *displacements,
                      struct datatype *old, struct datatype **made);
int datatype_indexed_block(int count, int length, const int *displacements, struct datatype *old,
                           struct datatype **made);
int datatype_hindexed_block(int count, int length, const ptrdiff_t *displacements,
                            struct datatype *old, struct datatype **made);
int datatype_struct(int count, const int *lengths, const ptrdiff_t *displacements,
                    struct datatype *const *types, struct datatype **made);
int datatype_resized(struct datatype *old, ptrdiff_t lb, ptrdiff_t extent, struct datatype **made);
/* Without attributes, which the face copies. */
int datatype_dup(struct datatype *old, struct datatype **made);

/* Parts of arrays (datatype_array.c). `order` is ORDER_C or ORDER_FORTRAN; in a darray, of `size` processes in a grid of
 * `grid`, dimension i is distributed by distributions[i] with an argument of arguments[i]. */
int datatype_subarray(int dimensions, const int *sizes, const int *subsizes, const int *starts,
                      int order, struct datatype *old, struct datatype **made);
int datatype_darray(int size, int rank, int dimensions, const int *sizes, const int *distributions,
                    const int *arguments, const int *grid, int order, struct datatype *old,
                    struct datatype **made);

enum { DISTRIBUTE_BLOCK, DISTRIBUTE_CYCLIC, DISTRIBUTE_NONE, DISTRIBUTE_DEFAULT = -1 };

/* The type of Fortran's selected_real_kind(precision, range), its complex, or selected_int_kind(range): `combiner` is
 * COMBINER_F90_x; UNDEFINED leaves one open. The same one each time, predefined. 0, ERR_ARG where there is no such
 * type, or ERR_NO_MEM. (datatype_f90.c) The caller holds core_lock. */
int datatype_f90(int combiner, int precision, int range, struct datatype **made);

/* What the type was made from, in the order of MPI_Type_get_contents; the types are not retained. */
struct datatype_contents {
    int integers, addresses, datatypes;
    int hidden; /* of the datatypes, the last: for our own use, not told */
    int *integer;
    ptrdiff_t *address;
    struct datatype **datatype;
    struct layout *inner; /* a layout that `layout` refers to and that no datatype owns, or NULL */
};

#endif
