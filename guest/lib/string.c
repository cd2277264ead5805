/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and strings. The kernel is built without SSE (the registers are the program's), so the
 * copies use the string instructions, which processors of this century run at cache-line speed. */
#include "guest/kernel.h"

void *memcpy(void *to, const void *from, size_t length)
{
    void *cursor = to;

    asm volatile("rep movsb" : "+D"(cursor), "+S"(from), "+c"(length) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    if ((uintptr_t)to - (uintptr_t)from >= length)
        return memcpy(to, from, length);

    char *last_to = (char *)to + length - 1;
    const char *last_from = (const char *)from + length - 1;

    asm volatile("std; rep movsb; cld" : "+D"(last_to), "+S"(last_from), "+c"(length) : : "memory");
    return to;
}

void *memset(void *to, int byte, size_t length)
{
    void *cursor = to;

    asm volatile("rep stosb" : "+D"(cursor), "+c"(length) : "a"(byte) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const unsigned char *left = a, *right = b;

    for (size_t i = 0; i < length; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}

void *memchr(const void *bytes, int byte, size_t length)
{
    const unsigned char *cursor = bytes;

    for (size_t i = 0; i < length; i++)
        if (cursor[i] == (unsigned char)byte)
            return (void *)(cursor + i);
    return NULL;
}

size_t strlen(const char *string)
{
    size_t length = 0;

    while (string[length])
        length++;
    return length;
}

size_t strnlen(const char *string, size_t limit)
{
    size_t length = 0;

    while (length < limit && string[length])
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (size_t i = 0; i < limit; i++)
        if (a[i] != b[i] || !a[i])
            return (unsigned char)a[i] - (unsigned char)b[i];
    return 0;
}

char *strchr(const char *string, int byte)
{
    for (;; string++) {
        if (*string == (char)byte)
            return (char *)string;
        if (!*string)
            return NULL;
    }
}

char *strrchr(const char *string, int byte)
{
    const char *found = NULL;

    for (;; string++) {
        if (*string == (char)byte)
            found = string;
        if (!*string)
            return (char *)found;
    }
}

char *strstr(const char *string, const char *part)
{
    size_t length = strlen(part);

    for (; *string; string++)
        if (strncmp(string, part, length) == 0)
            return (char *)string;
    return length == 0 ? (char *)string : NULL;
}

uint64_t string_number(const char *text, const char **end)
{
    unsigned base = 10;
    uint64_t value = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    for (;; text++) {
        unsigned digit;

        if (*text >= '0' && *text <= '9')
            digit = *text - '0';
        else if (base == 16 && (*text | 32) >= 'a' && (*text | 32) <= 'f')
            digit = (*text | 32) - 'a' + 10;
        else
            break;
        value = value * base + digit;
    }
    if (end)
        *end = text;
    return value;
}
