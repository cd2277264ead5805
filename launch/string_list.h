/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/string_list.h: a growing list of strings, NULL-terminated as execve wants it.
 *
 * A launcher without memory for a few strings cannot go on: these end the process with a message then.
 */
#ifndef CARAVAN_STRING_LIST_H
#define CARAVAN_STRING_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct strings {
    char **list; /* `count` of them and a NULL; NULL while empty */
    size_t count;
    size_t size;
};

void strings_add(struct strings *strings, const char *text);
/* Add `NAME=VALUE`, in place of an earlier NAME. */
void strings_set(struct strings *strings, const char *assignment);
void strings_setf(struct strings *strings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The value of NAME, or NULL. */
const char *strings_value(const struct strings *strings, const char *name);
bool strings_contain(const struct strings *strings, const char *text);
void strings_copy(struct strings *to, char *const *from);
void strings_clear(struct strings *strings);

/* These do not return NULL. */
char *text_copy(const char *text);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *memory_zeroed(size_t count, size_t size);

/* One line of explanation, in `error`, for the negative errno `code`, which is returned. */
int text_refuse(char *error, size_t size, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
