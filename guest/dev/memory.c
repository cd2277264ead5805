/* SPDX-License-Identifier: BSD-2-Clause */
/* /dev/null, zero, full, random and urandom. */
#include "guest/dev/device.h"
#include "guest/linux/process.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"

#include <linux/mman.h>

static ssize_t null_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    return 0;
}

static ssize_t null_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    return (ssize_t)count;
}

static ssize_t zero_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    size_t left = user_clear(bytes, count);

    return left && left == count ? -EFAULT : (ssize_t)(count - left);
}

static ssize_t full_write(struct file *file, const void *bytes, size_t count, uint64_t offset)
{
    return -ENOSPC;
}

static ssize_t random_read(struct file *file, void *bytes, size_t count, uint64_t offset)
{
    char chunk[256];

    for (size_t done = 0; done < count;) {
        size_t part = MIN(count - done, sizeof chunk);

        random_bytes(chunk, part);
        if (user_copy((char *)bytes + done, chunk, part))
            return done ? (ssize_t)done : -EFAULT;
        done += part;
    }
    return (ssize_t)count;
}

const struct file_ops device_null_ops = {.read = null_read, .write = null_write};
const struct file_ops device_full_ops = {.read = zero_read, .write = full_write};
const struct file_ops device_random_ops = {.read = random_read, .write = null_write};

/* A mapping of /dev/zero is anonymous memory: its pages are made at once. */
static int zero_map(struct file *file, struct area *area)
{
    for (uint64_t va = area->start; va < area->end; va += PAGE_SIZE) {
        void *page = page_alloc_zeroed();
        int error;

        if (!page)
            return -ENOMEM;
        error = area_enter(area, va,
                           table_value(page, area->prot & PROT_WRITE, area->prot & PROT_EXEC));
        if (error) {
            page_put(page);
            return error;
        }
    }
    return 0;
}

const struct file_ops device_zero_ops = {.read = zero_read, .write = null_write, .mmap = zero_map};
