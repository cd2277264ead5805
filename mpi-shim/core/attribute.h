/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/attribute.h: attributes cached on communicators, datatypes and windows.
 */
#ifndef CORE_ATTRIBUTE_H
#define CORE_ATTRIBUTE_H

#include <stdint.h>

enum object_kind {
    OBJECT_COMM,
    OBJECT_DATATYPE,
    OBJECT_WIN,
    OBJECT_FILE,
};

struct attributes;

/* Run the copy functions of `from`'s attributes for a duplicate, `to`: *made is the duplicate's set. 0, or the error that
 * a copy function returned, in which case *made is NULL. */
int attributes_copy(enum object_kind kind, void *from, const struct attributes *set, void *to,
                    struct attributes **made);

/* Run the delete functions and free the set. On an error nothing more is deleted and *set remains. */
int attributes_delete(enum object_kind kind, void *object, struct attributes **set);

#endif
