/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/attribute.c: key values, and the sets of attributes that objects carry.
 *
 * Objects have few attributes, so a set is an array in the order of setting. A callback may change the very set that is
 * being walked; so nothing that was read before a callback is used after it, except through the set's address.
 */
#include <stdlib.h>
#include <string.h>

#include "mpi-shim/core/core.h"

struct keyval {
    enum object_kind kind;
    int references; /* 1 until it is freed, and 1 for each attribute */
    bool freed;
    bool into; /* the copy function wants the new object too */
    attribute_copy *copy;
    attribute_delete *delete_;
    enum attribute_form form; /* of values, for its functions */
    void *extra_state;
    void *owned; /* freed with it */
};

/* A Fortran integer, at an address of its own: C has a pointer to it. */
union integer {
    int integer;
    intptr_t address;
};

struct attribute {
    int keyval;
    enum attribute_form form;
    union {
        void *pointer;
        union integer *fortran;
    };
};

struct attributes {
    int count, room;
    struct attribute attribute[];
};

static struct keyval **keyvals; /* by number - KEYVAL_FIRST; NULL where free */
static int keyvals_room;

static struct keyval *keyval_find(enum object_kind kind, int number)
{
    struct keyval *keyval = NULL;

    if (number >= KEYVAL_FIRST && number < KEYVAL_FIRST + keyvals_room)
        keyval = keyvals[number - KEYVAL_FIRST];
    return keyval && keyval->kind == kind ? keyval : NULL;
}

/* ---- values ------------------------------------------------------------------------------------- */

/* Fill in a value of this form. */
static int value_make(struct attribute *attribute, enum attribute_form form, void *value)
{
    attribute->form = form;
    attribute->pointer = value;
    if (form == ATTRIBUTE_POINTER)
        return 0;
    attribute->fortran = malloc(sizeof(*attribute->fortran));
    if (!attribute->fortran)
        return error_note(ERR_NO_MEM, "no memory for an attribute");
    if (form == ATTRIBUTE_INTEGER)
        attribute->fortran->integer = (int)(intptr_t)value;
    else
        attribute->fortran->address = (intptr_t)value;
    return 0;
}

static void value_drop(struct attribute *attribute)
{
    if (attribute->form != ATTRIBUTE_POINTER)
        free(attribute->fortran);
}

static void *value_as(const struct attribute *attribute, enum attribute_form form)
{
    if (attribute->form == ATTRIBUTE_POINTER || form == ATTRIBUTE_POINTER)
        return attribute->pointer;
    return (void *)(attribute->form == ATTRIBUTE_INTEGER ? attribute->fortran->integer
                                                         : attribute->fortran->address);
}

/* ---- key values --------------------------------------------------------------------------------- */

static int keyval_bad(int number)
{
    if (number == KEYVAL_INVALID)
        return error_note(ERR_KEYVAL, "the key value is MPI_KEYVAL_INVALID");
    if (number >= 0 && number < KEYVAL_FIRST)
        return error_note(ERR_KEYVAL, "key value %d is predefined and cannot be changed", number);
    return error_note(ERR_KEYVAL, "%d is not a key value for objects of this kind", number);
}

int keyval_create(enum object_kind kind, attribute_copy *copy, attribute_delete *delete_,
                  void *extra_state, int *number)
{
    struct keyval *keyval = malloc(sizeof(*keyval));
    int error = 0, i = 0;

    if (!keyval)
        return error_note(ERR_NO_MEM, "no memory for a key value");
    *keyval = (struct keyval){.kind = kind,
                              .references = 1,
                              .copy = copy,
                              .delete_ = delete_,
                              .extra_state = extra_state};
    core_lock();
    while (i < keyvals_room && keyvals[i])
        i++;
    if (i == keyvals_room) {
        int room = keyvals_room ? 2 * keyvals_room : 16;
        struct keyval **more = realloc(keyvals, (size_t)room * sizeof(*more));

        if (more) {
            memset(more + keyvals_room, 0, (size_t)(room - keyvals_room) * sizeof(*more));
            keyvals = more;
            keyvals_room = room;
        } else {
            error = error_note(ERR_NO_MEM, "no memory for a key value");
        }
    }
    if (!error) {
        keyvals[i] = keyval;
        *number = KEYVAL_FIRST + i;
    }
    core_unlock();
    if (error)
        free(keyval);
    return error;
}

void keyval_copies_into(int number)
{
    core_lock();
    keyvals[number - KEYVAL_FIRST]->into = true;
    core_unlock();
}

void keyval_takes(int number, enum attribute_form form)
{
    core_lock();
    keyvals[number - KEYVAL_FIRST]->form = form;
    core_unlock();
}

void keyval_owns(int number, void *memory)
{
    core_lock();
    keyvals[number - KEYVAL_FIRST]->owned = memory;
    core_unlock();
}

/* The caller holds core_lock. */
static void keyval_release(int number)
{
    struct keyval *keyval = keyvals[number - KEYVAL_FIRST];

    if (--keyval->references > 0)
        return;
    keyvals[number - KEYVAL_FIRST] = NULL;
    free(keyval->owned);
    free(keyval);
}

int keyval_free(enum object_kind kind, int number)
{
    struct keyval *keyval;
    int error = 0;

    core_lock();
    keyval = keyval_find(kind, number);
    if (!keyval || keyval->freed) {
        error = keyval_bad(number);
    } else {
        keyval->freed = true;
        keyval_release(number);
    }
    core_unlock();
    return error;
}

/* ---- sets --------------------------------------------------------------------------------------- */

static int find(const struct attributes *set, int number)
{
    for (int i = 0; set && i < set->count; i++) {
        if (set->attribute[i].keyval == number)
            return i;
    }
    return -1;
}

/* The caller holds core_lock; the keyval's reference and the value are the new attribute's. */
static int append(struct attributes **set, struct attribute made)
{
    struct attributes *old = *set;

    if (!old || old->count == old->room) {
        int room = old ? 2 * old->room : 4;
        struct attributes *more = realloc(old, sizeof(*more) +
                                                   (size_t)room * sizeof(more->attribute[0]));

        if (!more)
            return error_note(ERR_NO_MEM, "no memory for an attribute");
        if (!old)
            more->count = 0;
        more->room = room;
        *set = more;
    }
    (*set)->attribute[(*set)->count++] = made;
    return 0;
}

/* Call the delete function for one attribute's value; the caller's reference keeps the key value. */
static int run_delete(const struct keyval *keyval, void *object, struct attribute old)
{
    void *value = value_as(&old, keyval->form);
    int error = keyval->delete_ ? keyval->delete_(object, old.keyval, value, keyval->extra_state)
                                : 0;

    if (error)
        return error_note(error, "the delete function of key value %d returned %d", old.keyval,
                          error);
    return 0;
}

int attribute_set(enum object_kind kind, void *object, struct attributes **set, int number,
                  enum attribute_form form, void *value)
{
    struct attribute made = {.keyval = number};
    struct keyval *keyval;
    int error = value_make(&made, form, value), i;

    if (error)
        return error;
    core_lock();
    keyval = keyval_find(kind, number);
    if (!keyval || keyval->freed) {
        core_unlock();
        value_drop(&made);
        return keyval_bad(number);
    }
    keyval->references++;
    i = find(*set, number);
    if (i >= 0) {
        struct attribute old = (*set)->attribute[i];

        core_unlock();
        error = run_delete(keyval, object, old);
        core_lock();
        i = find(*set, number);
    }
    if (!error && i >= 0) {
        value_drop(&(*set)->attribute[i]);
        (*set)->attribute[i] = made;
        keyval_release(number);
    } else {
        if (!error)
            error = append(set, made);
        if (error) {
            keyval_release(number);
            value_drop(&made);
        }
    }
    core_unlock();
    return error;
}

int attribute_remove(enum object_kind kind, void *object, struct attributes **set, int number)
{
    struct keyval *keyval;
    struct attribute old;
    int error, i;

    core_lock();
    keyval = keyval_find(kind, number);
    i = keyval ? find(*set, number) : -1;
    if (i < 0) {
        core_unlock();
        return keyval
                   ? error_note(ERR_KEYVAL, "the object has no attribute of key value %d", number)
                   : keyval_bad(number);
    }
    old = (*set)->attribute[i];
    keyval->references++;
    core_unlock();
    error = run_delete(keyval, object, old);
    core_lock();
    i = find(*set, number);
    if (!error && i >= 0) {
        value_drop(&(*set)->attribute[i]);
        (*set)->count--;
        memmove(&(*set)->attribute[i], &(*set)->attribute[i + 1],
                (size_t)((*set)->count - i) * sizeof((*set)->attribute[0]));
        keyval_release(number);
    }
    keyval_release(number);
    core_unlock();
    return error;
}

int attribute_get(enum object_kind kind, const struct attributes *set, int number,
                  enum attribute_form form, void **value, bool *found)
{
    int i, error = 0;

    core_lock();
    if (!keyval_find(kind, number))
        error = keyval_bad(number);
    i = error ? -1 : find(set, number);
    *found = i >= 0;
    if (*found)
        *value = value_as(&set->attribute[i], form);
    core_unlock();
    return error;
}

static int run_copy(const struct keyval *keyval, void *from, struct attribute old, void *to,
                    void **value, int *flag)
{
    int (*into)(void *from, int keyval, void *state, void *in, void *out, int *flag,
                void *to) = (void *)keyval->copy;
    void *in = value_as(&old, keyval->form);

    if (keyval->into)
        return into(from, old.keyval, keyval->extra_state, in, value, flag, to);
    return keyval->copy(from, old.keyval, keyval->extra_state, in, value, flag);
}

int attributes_copy(enum object_kind kind, void *from, const struct attributes *set, void *to,
                    struct attributes **made)
{
    int error = 0;

    *made = NULL;
    for (int i = 0; set && i < set->count && !error; i++) {
        struct attribute old = set->attribute[i], copied = {.keyval = old.keyval};
        struct keyval *keyval;
        void *value = NULL;
        int flag = 0;

        core_lock();
        keyval = keyval_find(kind, old.keyval);
        keyval->references++;
        core_unlock();
        if (keyval->copy)
            error = run_copy(keyval, from, old, to, &value, &flag);
        if (error)
            error_note(error, "the copy function of key value %d returned %d", old.keyval, error);
        core_lock();
        if (!error && flag)
            error = value_make(&copied, keyval->form, value);
        if (!error && flag) {
            error = append(made, copied);
            if (error)
                value_drop(&copied);
        }
        if (error || !flag)
            keyval_release(old.keyval);
        core_unlock();
    }
    if (error)
        attributes_delete(kind, to, made);
    return error;
}

int attributes_delete(enum object_kind kind, void *object, struct attributes **set)
{
    while (*set && (*set)->count > 0) {
        int error = attribute_remove(kind, object, set,
                                     (*set)->attribute[(*set)->count - 1].keyval);

        if (error)
            return error;
    }
    free(*set);
    *set = NULL;
    return 0;
}
