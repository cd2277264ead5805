/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/attribute.h: attributes cached on communicators, datatypes and windows (MPI 3.1 section 6.7).
 *
 * Callbacks are the program's: they run without core_lock, and may call MPI.
 */
#ifndef CORE_ATTRIBUTE_H
#define CORE_ATTRIBUTE_H

#include <stdbool.h>
#include <stdint.h>

enum object_kind {
    OBJECT_COMM,
    OBJECT_DATATYPE,
    OBJECT_WIN,
    OBJECT_FILE,
};

/* Key values below this are predefined; those of programs follow. */
enum { KEYVAL_FIRST = 16, KEYVAL_INVALID = -1 };

struct attributes;

/* What a value is in the language that sets it, or wants it (MPI 3.1 section 17.2.7): a pointer in C; an integer of Fortran, by
 * MPI-1's functions or later ones. What Fortran has set is in C a pointer to that integer; what C has set is in Fortran the pointer
 * as an integer. In an interface a Fortran integer stands in the pointer's place. */
enum attribute_form { ATTRIBUTE_POINTER, ATTRIBUTE_INTEGER, ATTRIBUTE_ADDRESS };

/* As MPI_Comm_copy_attr_function and its relatives, with the handle as the object's address. */
typedef int attribute_copy(void *object, int keyval, void *extra_state, void *value_in,
                           void *value_out, int *flag);
typedef int attribute_delete(void *object, int keyval, void *value, void *extra_state);

/* Its copy function takes the new object as a last argument (C++'s bindings). */
void keyval_copies_into(int keyval);
/* `memory`, of malloc or NULL, is freed with the key value. */
void keyval_owns(int keyval, void *memory);

/* Its functions take values in this form; else as pointers. */
void keyval_takes(int keyval, enum attribute_form form);

/* A new key value for objects of a kind. 0 or ERR_NO_MEM. */
int keyval_create(enum object_kind kind, attribute_copy *copy, attribute_delete *delete_,
                  void *extra_state, int *keyval);
/* It stays usable through objects that have an attribute of it. 0 or ERR_KEYVAL. */
int keyval_free(enum object_kind kind, int keyval);

/* 0, ERR_KEYVAL, ERR_NO_MEM, or what the delete function of an attribute that is replaced or deleted returned; the
 * attribute then stays as it was. `set` is the object's, NULL while it has none. */
int attribute_set(enum object_kind kind, void *object, struct attributes **set, int keyval,
                  enum attribute_form form, void *value);
int attribute_remove(enum object_kind kind, void *object, struct attributes **set, int keyval);
int attribute_get(enum object_kind kind, const struct attributes *set, int keyval,
                  enum attribute_form form, void **value, bool *found);

/* Run the copy functions of `from`'s attributes for a duplicate, `to`: *made is the duplicate's set. 0, or the error that
 * a copy function returned, in which case *made is NULL. */
int attributes_copy(enum object_kind kind, void *from, const struct attributes *set, void *to,
                    struct attributes **made);

/* Run the delete functions, the last attribute set first, and free the set. On an error nothing more is deleted and
 * *set remains. */
int attributes_delete(enum object_kind kind, void *object, struct attributes **set);

#endif
