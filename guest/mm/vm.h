/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/mm/vm.h: the process's address space.
 *
 * A sorted list of areas, each with one protection and one origin: anonymous memory, a file, or a device,
 * which fills in its page table entries itself. Pages appear when they are first touched, in batches
 * that grow while a program walks through memory; small anonymous mappings are filled at once. A
 * reservation (PROT_NONE) costs its list element.
 *
 * Results are 0 or an address, or a negative errno, as Linux's system calls of the same names give.
 */
#ifndef GUEST_MM_VM_H
#define GUEST_MM_VM_H

#include "guest/kernel.h"
#include "guest/mm/table.h"

struct file;
struct inode;

/* The layout of Linux without address randomisation. */
#define VM_PIE_BASE  0x0000555555554000ul
#define VM_MMAP_TOP  0x00007ffff7fff000ul
#define VM_STACK_TOP 0x00007ffffffff000ul
#define VM_MIN       0x10000ul /* vm.mmap_min_addr */

struct area {
    struct area *next, *previous;
    uint64_t start, end;
    unsigned prot;     /* PROT_READ and so on */
    bool shared;       /* stores reach the file */
    bool device;       /* the file's owner fills and empties the entries */
    bool stack;        /* for /proc/self/maps */
    const char *name;  /* likewise, when there is no file: [heap], [vdso] */
    struct file *file; /* held; NULL: anonymous */
    uint64_t offset;   /* of `start` in the file */
};

/* mmap(2). A device's mmap operation runs with the new area. */
int64_t vm_map(uint64_t address, uint64_t length, unsigned prot, unsigned flags, struct file *file,
               uint64_t offset);
int vm_unmap(uint64_t address, uint64_t length);
int vm_protect(uint64_t address, uint64_t length, unsigned prot);
int64_t vm_remap(uint64_t address, uint64_t old_length, uint64_t new_length, unsigned flags,
                 uint64_t new_address);
int vm_advise(uint64_t address, uint64_t length, int advice);

/* Name an area just made (its start address), for /proc/self/maps. */
void vm_name(uint64_t start, const char *name, bool stack);

/* The heap begins at `start`. vm_brk moves its end and returns it, unchanged where it cannot be. */
void vm_brk_init(uint64_t start);
uint64_t vm_brk(uint64_t end);

/* Resolve a page fault. 0: go on. -EFAULT: nothing is mapped there; -EACCES: not with this protection;
 * -ENXIO: beyond the end of the file; -ENOMEM. */
int vm_fault(uint64_t address, bool write, bool fetch);

/* The area that holds `address`, else the next one above it, or NULL. */
struct area *vm_find(uint64_t address);
struct area *vm_first(void);

/* For devices: enter a page table entry into an area; the count of an own page goes with it. */
int area_enter(struct area *area, uint64_t address, pte_t value);

/* The file was cut: forget its pages from `first` on. */
void vm_truncate(const struct inode *inode, uint64_t first);

/* What the process has now, and the most it ever had, in pages. */
extern uint64_t vm_resident, vm_resident_peak, vm_reserved;

#endif
