/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/mm/table.h: the process's page tables.
 *
 * Xen owns the page tables: they are read-only to us and changed by hypercalls. Two top levels exist:
 * the kernel's, and the user's, which holds the lower half only, so that a program cannot reach the
 * kernel, which runs in the same ring. Both share the lower half's tables.
 *
 * Changes are queued and made in batches (an entry costs 360 instructions in a batch of 128, 920 alone):
 * they hold after table_commit.
 */
#ifndef GUEST_MM_TABLE_H
#define GUEST_MM_TABLE_H

#include "guest/kernel.h"

#include <xen/xen.h>

typedef uint64_t pte_t;

#define PTE_PRESENT  (UINT64_C(1) << 0)
#define PTE_WRITE    (UINT64_C(1) << 1)
#define PTE_USER     (UINT64_C(1) << 2)
#define PTE_ACCESSED (UINT64_C(1) << 5)
#define PTE_DIRTY    (UINT64_C(1) << 6)
#define PTE_FOREIGN  (UINT64_C(1) << 9) /* ours to use: the frame is not counted in mm/page.h */
#define PTE_NOEXEC   (UINT64_C(1) << 63)
#define PTE_FRAME    UINT64_C(0x000ffffffffff000)

void table_init(const struct start_info *info);

/* The level 1 entry for `va`, to read. NULL while no table covers it; with `create`, only when the domain
 * is out of memory. */
const pte_t *table_entry(uint64_t va, bool create);

/* The first address above `va` that another level 1 table would cover. */
static inline uint64_t table_next(uint64_t va)
{
    return (va | 0x1fffff) + 1;
}

/* Queue a new value for an entry. */
void table_set(const pte_t *entry, pte_t value);

/* Make the queued changes. `flush`: a present entry was changed, forget cached translations. */
void table_commit(bool flush);

/* Give back the level 1 tables that lie wholly in [from, to), whose entries are all 0. */
void table_release(uint64_t from, uint64_t to);

/* The machine address of an entry, for grant operations. */
uint64_t table_entry_machine(const pte_t *entry);

/* The entry for `page`. */
pte_t table_value(const void *page, bool write, bool execute);

/* The page behind a present entry that is not PTE_FOREIGN. */
void *table_page(pte_t value);

/* Make a page of this kernel read-only (it becomes a page table) or writable again. */
void page_protect(const void *page, bool writable);

#endif
