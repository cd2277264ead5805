/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/kernel.h: what every file of the kernel may use: types, strings, messages, small arithmetic. */
#ifndef GUEST_KERNEL_H
#define GUEST_KERNEL_H

/* libxen-dev's headers accept 0x00040e00 as the newest interface version. */
#define __XEN_INTERFACE_VERSION__ 0x00040e00

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/errno.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/* User space is the lower half, but for its last page (a return address there would be
 * non-canonical for sysret, as on Linux) and its first (NULL traps). */
#define USER_TOP 0x00007ffffffff000ul

typedef long ssize_t;
typedef long off_t;

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define ARRAY_SIZE(array)   (sizeof(array) / sizeof((array)[0]))
#define container_of(member_address, type, member)                                                 \
    ((type *)((char *)(member_address)-offsetof(type, member)))
#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        typeof(a) min_a_ = (a);                                                                    \
        typeof(b) min_b_ = (b);                                                                    \
        min_a_ < min_b_ ? min_a_ : min_b_;                                                         \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        typeof(a) max_a_ = (a);                                                                    \
        typeof(b) max_b_ = (b);                                                                    \
        max_a_ > max_b_ ? max_a_ : max_b_;                                                         \
    })

static inline uint64_t page_down(uint64_t value)
{
    return value & PAGE_MASK;
}

static inline uint64_t page_up(uint64_t value)
{
    return (value + PAGE_SIZE - 1) & PAGE_MASK;
}

#define READ_ONCE(object)         (*(const volatile typeof(object) *)&(object))
#define WRITE_ONCE(object, value) (*(volatile typeof(object) *)&(object) = (value))

static inline void barrier(void)
{
    asm volatile("" ::: "memory");
}

/* lib/string.c */
void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
void *memchr(const void *bytes, int byte, size_t length);
size_t strlen(const char *string);
size_t strnlen(const char *string, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);
char *strchr(const char *string, int byte);
char *strrchr(const char *string, int byte);
char *strstr(const char *string, const char *part);

static inline bool string_starts(const char *string, const char *prefix)
{
    return strncmp(string, prefix, strlen(prefix)) == 0;
}

/* A decimal or 0x number at the beginning of `text`; where it ends in `end` (may be NULL). */
uint64_t string_number(const char *text, const char **end);

/* lib/print.c: the usual conversions (d i u x p s c, l and z, width, precision, 0 and -). */
int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments);
int snprintf(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Messages of the kernel, on the console, one line each, behind "caravan: ". */
enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
extern enum log_level log_level;
void log_print(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...)   log_print(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_print(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_print(LOG_DEBUG, __VA_ARGS__)

/* lib/heap.c: objects of at most a page; zeroed. NULL when the domain has no more memory. */
void *heap_alloc(size_t size);
void heap_free(void *object);

/* boot/main.c: an invariant of the kernel's own is broken: say so and crash the domain. */
void panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define assert(condition)                                                                          \
    (likely(condition) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #condition))

#endif
