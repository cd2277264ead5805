/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls on the address space: the checks here, the work in mm/vm.c. */
#include "guest/linux/calls.h"
#include "guest/linux/file.h"
#include "guest/linux/host.h"
#include "guest/linux/user.h"
#include "guest/mm/vm.h"

#include <linux/fcntl.h>
#include <linux/mman.h>

long sys_brk(uint64_t end)
{
    return (long)vm_brk(end);
}

long sys_mmap(uint64_t address, uint64_t length, unsigned prot, unsigned flags, int descriptor,
              uint64_t offset)
{
    struct file *file = NULL;

    if (!(flags & MAP_ANONYMOUS)) {
        file = file_of(descriptor);
        if (!file || file->flags & O_PATH)
            return -EBADF;
        if (file->ops == &host_file_ops) {
            long error = host_map(file, offset, length, flags & MAP_SHARED && prot & PROT_WRITE);

            if (error)
                return error;
        }
    } else {
        offset = 0;
    }
    return vm_map(address, length, prot, flags, file, offset);
}

long sys_munmap(uint64_t address, uint64_t length)
{
    return vm_unmap(address, length);
}

long sys_mprotect(uint64_t address, uint64_t length, unsigned prot)
{
    return vm_protect(address, length, prot);
}

long sys_mremap(uint64_t address, uint64_t old_length, uint64_t new_length, unsigned flags,
                uint64_t new_address)
{
    return vm_remap(address, old_length, new_length, flags, new_address);
}

long sys_madvise(uint64_t address, uint64_t length, int advice)
{
    return vm_advise(address, length, advice);
}

/* Whether all of a range is mapped. */
static long range_mapped(uint64_t address, uint64_t length)
{
    uint64_t at = address;

    if (address & ~PAGE_MASK)
        return -EINVAL;
    if (address > USER_TOP || length > USER_TOP - address)
        return -ENOMEM;
    while (at < address + length) {
        struct area *area = vm_find(at);

        if (!area || area->start > at)
            return -ENOMEM;
        at = area->end;
    }
    return 0;
}

/* A shared mapping is the file's own pages: there is nothing to write back. */
long sys_msync(uint64_t address, uint64_t length, int flags)
{
    if (flags & ~(MS_ASYNC | MS_SYNC | MS_INVALIDATE) ||
        (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    return range_mapped(address, length);
}

long sys_mincore(uint64_t address, uint64_t length, unsigned char *vector)
{
    long error = range_mapped(address, length);

    for (uint64_t at = 0; at < length && !error; at += PAGE_SIZE) {
        const pte_t *entry = table_entry(address + at, false);
        unsigned char present = entry && *entry & PTE_PRESENT;

        error = user_write(&vector[at >> PAGE_SHIFT], &present, 1);
    }
    return error;
}

/* Nothing is ever paged out. */
long sys_mlock(uint64_t address, uint64_t length)
{
    return range_mapped(page_down(address), length);
}

long sys_munlock(uint64_t address, uint64_t length)
{
    return range_mapped(page_down(address), length);
}

long sys_mlockall(int flags)
{
    return 0;
}

long sys_munlockall(void)
{
    return 0;
}
