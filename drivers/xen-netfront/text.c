// SPDX-License-Identifier: BSD-2-Clause
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int text_join(char *to, size_t size, ...)
{
    size_t length = 0;
    const char *part;
    va_list parts;

    va_start(parts, size);
    while ((part = va_arg(parts, const char *)) != NULL) {
        size_t more = strlen(part);

        if (length + more >= size) {
            va_end(parts);
            to[0] = 0;
            return -ENAMETOOLONG;
        }
        memcpy(to + length, part, more);
        length += more;
    }
    va_end(parts);
    to[length] = 0;
    return 0;
}

const char *text_decimal(char *to, uint32_t value)
{
    char digits[11];
    int count = 0, length = 0;

    do
        digits[count++] = '0' + value % 10;
    while (value /= 10);
    while (count)
        to[length++] = digits[--count];
    to[length] = 0;
    return to;
}

int text_number(const char *text, uint32_t max, uint32_t *value)
{
    uint64_t number = 0;

    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        number = number * 10 + (*text - '0');
        if (number > max)
            return -EINVAL;
    }
    *value = number;
    return 0;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_mac(const char *text, uint8_t mac[6])
{
    for (int i = 0; i < 6; i++, text += 3) {
        int high = nibble(text[0]), low = high < 0 ? -1 : nibble(text[1]);

        if (low < 0 || text[2] != (i < 5 ? ':' : 0))
            return -EINVAL;
        mac[i] = high << 4 | low;
    }
    return 0;
}
