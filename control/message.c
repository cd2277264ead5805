/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control/message.c: one line of the control stream, taken apart and put together.
 */
#include "control/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Replace every %XX of `text` by its byte, in place. */
static int decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }

        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);

        if (low < 0 || (high == 0 && low == 0))
            return -EPROTO;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return 0;
}

/* PMI-1 has no escapes: a program's own `put value=100%25` must come back as it was. */
static bool is_escaped(const char *command)
{
    return strncmp(command, "caravan_", 8) == 0 || strncmp(command, "packet_", 7) == 0 ||
           strcmp(command, "abort") == 0;
}

int control_parse(char *line, struct control_message *message)
{
    char *next = line;

    message->command = NULL;
    message->words = 0;
    message->fds = 0;

    for (;;) {
        next += strspn(next, " ");
        if (!*next)
            break;

        char *key = next;

        next += strcspn(next, " ");
        if (*next)
            *next++ = '\0';

        char *value = strchr(key, '=');

        if (!value || value == key)
            return -EPROTO;
        *value++ = '\0';

        if (!message->command) {
            if (strcmp(key, "cmd") != 0 && strcmp(key, "mcmd") != 0)
                return -EPROTO;
            message->command = value;
            continue;
        }
        if (message->words == CONTROL_MAX_WORDS)
            return -EPROTO;
        if (is_escaped(message->command) && decode(value) < 0)
            return -EPROTO;
        message->word[message->words].key = key;
        message->word[message->words].value = value;
        message->words++;
    }
    return message->command ? 0 : -EPROTO;
}

const char *control_get(const struct control_message *message, const char *key)
{
    for (unsigned i = 0; i < message->words; i++)
        if (strcmp(message->word[i].key, key) == 0)
            return message->word[i].value;
    return NULL;
}

int control_get_number(const struct control_message *message, const char *key, uint64_t most,
                       uint64_t *number)
{
    const char *text = control_get(message, key);
    unsigned base = 10;
    uint64_t sum = 0;

    if (!text)
        return -ENOENT;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (!*text)
        return -EPROTO;
    for (; *text; text++) {
        int digit = hex_digit(*text);

        if (digit < 0 || (unsigned)digit >= base || __builtin_mul_overflow(sum, base, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)digit, &sum))
            return -EPROTO;
    }
    if (sum > most)
        return -EPROTO;
    *number = sum;
    return 0;
}

int control_get_bytes(const struct control_message *message, const char *key, void *bytes,
                      size_t size)
{
    const char *text = control_get(message, key);
    unsigned char *to = bytes;

    if (!text || strlen(text) != 2 * size)
        return -EPROTO;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -EPROTO;
        to[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

void control_write_bytes(char *text, const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;

    for (size_t i = 0; i < size; i++) {
        *text++ = digits[from[i] >> 4];
        *text++ = digits[from[i] & 15];
    }
    *text = '\0';
}

int control_take_fd(struct control_message *message, unsigned index)
{
    if (index >= message->fds)
        return -1;

    int fd = message->fd[index];

    message->fd[index] = -1;
    return fd;
}

void control_close_fds(struct control_message *message)
{
    for (unsigned i = 0; i < message->fds; i++) {
        if (message->fd[i] >= 0)
            close(message->fd[i]);
        message->fd[i] = -1;
    }
    message->fds = 0;
}

int control_escape(char *text, size_t size, const char *value)
{
    size_t length = 0;

    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        bool plain = c > ' ' && c != '=' && c != '%' && c != 0x7f;
        size_t width = plain ? 1 : 3;

        if (length + width >= size)
            return -EMSGSIZE;
        if (plain) {
            text[length] = (char)c;
        } else {
            text[length] = '%';
            control_write_bytes(text + length + 1, &c, 1);
        }
        length += width;
    }
    if (length >= size)
        return -EMSGSIZE;
    text[length] = '\0';
    return (int)length;
}
