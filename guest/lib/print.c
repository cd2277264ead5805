/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted text and the kernel's messages. */
#include "guest/kernel.h"
#include "guest/linux/channel.h"
#include "guest/xen/console.h"

enum log_level log_level = LOG_WARNING;

struct sink {
    char *buffer;
    size_t size;
    size_t used; /* what the whole text needs; may exceed size */
};

static void sink_put(struct sink *sink, char byte)
{
    if (sink->used < sink->size)
        sink->buffer[sink->used] = byte;
    sink->used++;
}

static void sink_text(struct sink *sink, const char *text, size_t length, int width, bool left)
{
    int padding = width > (int)length ? width - (int)length : 0;

    if (!left)
        for (; padding > 0; padding--)
            sink_put(sink, ' ');
    for (size_t i = 0; i < length; i++)
        sink_put(sink, text[i]);
    for (; padding > 0; padding--)
        sink_put(sink, ' ');
}

static void sink_number(struct sink *sink, uint64_t value, bool negative, unsigned base, int width,
                        char pad, bool left)
{
    char digits[24];
    size_t count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (pad == '0')
        while ((int)count + negative < width && count < sizeof digits - 1)
            digits[count++] = '0';
    if (negative)
        digits[count++] = '-';

    char text[sizeof digits];

    for (size_t i = 0; i < count; i++)
        text[i] = digits[count - 1 - i];
    sink_text(sink, text, count, width, left);
}

int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct sink sink = {.buffer = buffer, .size = size};

    for (; *format; format++) {
        bool left = false, is_long = false;
        char pad = ' ';
        int width = 0, precision = -1;

        if (*format != '%') {
            sink_put(&sink, *format);
            continue;
        }
        for (format++; *format == '0' || *format == '-'; format++) {
            if (*format == '0')
                pad = '0';
            else
                left = true;
        }
        if (*format == '*') {
            width = va_arg(arguments, int);
            format++;
        }
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + *format - '0';
        if (*format == '.') {
            format++;
            precision = 0;
            if (*format == '*') {
                precision = va_arg(arguments, int);
                format++;
            }
            for (; *format >= '0' && *format <= '9'; format++)
                precision = precision * 10 + *format - '0';
        }
        for (; *format == 'l' || *format == 'z'; format++)
            is_long = true;

        switch (*format) {
        case 'd':
        case 'i': {
            int64_t value = is_long ? va_arg(arguments, long) : va_arg(arguments, int);
            bool negative = value < 0;

            sink_number(&sink, negative ? -(uint64_t)value : (uint64_t)value, negative, 10, width,
                        pad, left);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = is_long ? va_arg(arguments, unsigned long)
                                     : va_arg(arguments, unsigned);

            sink_number(&sink, value, false, *format == 'u' ? 10 : 16, width, pad, left);
            break;
        }
        case 'p':
            sink_text(&sink, "0x", 2, 0, false);
            sink_number(&sink, (uintptr_t)va_arg(arguments, void *), false, 16, width, pad, left);
            break;
        case 's': {
            const char *text = va_arg(arguments, const char *);

            if (!text)
                text = "(null)";
            sink_text(&sink, text, strnlen(text, precision < 0 ? SIZE_MAX : (size_t)precision),
                      width, left);
            break;
        }
        case 'c':
            sink_put(&sink, (char)va_arg(arguments, int));
            break;
        default:
            sink_put(&sink, *format);
        }
        if (!*format)
            break;
    }
    if (size)
        buffer[MIN(sink.used, size - 1)] = '\0';
    return (int)sink.used;
}

int snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

void log_print(enum log_level level, const char *format, ...)
{
    static const char prefix[] = "caravan: ";
    char line[512];
    size_t used = sizeof prefix - 1;
    va_list arguments;

    if (level > log_level)
        return;
    memcpy(line, prefix, used);
    va_start(arguments, format);
    used += (size_t)vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);
    used = MIN(used, sizeof line - 2);
    line[used++] = '\n';
    if (channel_log(line, used))
        return;
    console_line_start();
    console_write(line, used);
}
