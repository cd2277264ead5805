/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/linux/user.h: reading and writing the process's memory. A bad address is -EFAULT. */
#ifndef GUEST_LINUX_USER_H
#define GUEST_LINUX_USER_H

#include "guest/boot/trap.h"
#include "guest/kernel.h"

static inline bool user_range(const void *address, size_t length)
{
    return (uint64_t)address <= USER_TOP && length <= USER_TOP - (uint64_t)address;
}

static inline int user_read(void *to, const void *from, size_t length)
{
    return user_range(from, length) && user_copy(to, from, length) == 0 ? 0 : -EFAULT;
}

static inline int user_write(void *to, const void *from, size_t length)
{
    return user_range(to, length) && user_copy(to, from, length) == 0 ? 0 : -EFAULT;
}

/* A string of the process, at most size - 1 bytes: its length, -ENAMETOOLONG, -EFAULT. */
static inline ssize_t user_text(char *to, const char *from, size_t size)
{
    ssize_t length;

    if (!user_range(from, 1))
        return -EFAULT;
    length = user_string(to, from, MIN(size, USER_TOP - (uint64_t)from));
    return length >= 0 && (size_t)length == size ? -ENAMETOOLONG : length;
}

#endif
