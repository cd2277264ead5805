/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/string_list.c: see string_list.h.
 */
#include "launch/string_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *memory)
{
    if (!memory) {
        fputs("mpirun: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *memory_zeroed(size_t count, size_t size)
{
    return need(calloc(count ? count : 1, size));
}

char *text_copy(const char *text)
{
    return need(strdup(text));
}

static char *format_list(const char *format, va_list list)
{
    char *text;

    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    return need(text);
}

char *text_format(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    char *text = format_list(format, list);
    va_end(list);
    return text;
}

static void add_owned(struct strings *strings, char *text)
{
    if (strings->count + 2 > strings->size) {
        strings->size = strings->size ? 2 * strings->size : 16;
        strings->list = need(realloc(strings->list, strings->size * sizeof(char *)));
    }
    strings->list[strings->count++] = text;
    strings->list[strings->count] = NULL;
}

void strings_add(struct strings *strings, const char *text)
{
    add_owned(strings, text_copy(text));
}

static size_t find_name(const struct strings *strings, const char *name, size_t length)
{
    size_t i = 0;

    while (i < strings->count &&
           !(strncmp(strings->list[i], name, length) == 0 && strings->list[i][length] == '='))
        i++;
    return i;
}

static void set_owned(struct strings *strings, char *assignment)
{
    size_t at = find_name(strings, assignment, strcspn(assignment, "="));

    if (at == strings->count) {
        add_owned(strings, assignment);
    } else {
        free(strings->list[at]);
        strings->list[at] = assignment;
    }
}

void strings_set(struct strings *strings, const char *assignment)
{
    set_owned(strings, text_copy(assignment));
}

void strings_setf(struct strings *strings, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    set_owned(strings, format_list(format, list));
    va_end(list);
}

const char *strings_value(const struct strings *strings, const char *name)
{
    size_t length = strlen(name);
    size_t at = find_name(strings, name, length);

    return at == strings->count ? NULL : strings->list[at] + length + 1;
}

bool strings_contain(const struct strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->list[i], text) == 0)
            return true;
    return false;
}

void strings_copy(struct strings *to, char *const *from)
{
    for (; from && *from; from++)
        strings_add(to, *from);
}

void strings_clear(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->list[i]);
    free(strings->list);
    *strings = (struct strings){0};
}

int text_refuse(char *error, size_t size, int code, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(error, size, format, list);
    va_end(list);
    return code;
}
