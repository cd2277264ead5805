/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/mm/table.h"
#include "guest/mm/page.h"
#include "guest/xen/hypercall.h"

#define ENTRIES     512
#define BATCH       128
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

static const pte_t *kernel_l4, *user_l4;
static struct mmu_update queue[BATCH];
static unsigned queued;

/* The level 1 table that was found last: neighbouring entries are asked for one after the other. */
static const pte_t *cached_l1;
static uint64_t cached_base = 1;

uint64_t table_entry_machine(const pte_t *entry)
{
    return page_mfn(entry) << PAGE_SHIFT | ((uint64_t)entry & (PAGE_SIZE - 1));
}

void *table_page(pte_t value)
{
    return page_of_mfn((value & PTE_FRAME) >> PAGE_SHIFT);
}

pte_t table_value(const void *page, bool write, bool execute)
{
    return page_mfn(page) << PAGE_SHIFT | PTE_PRESENT | PTE_USER | PTE_ACCESSED |
           (write ? PTE_WRITE | PTE_DIRTY : 0) | (execute ? 0 : PTE_NOEXEC);
}

static void queue_flush(void)
{
    if (!queued)
        return;

    int error = xen_mmu_update(queue, queued);

    if (error)
        panic("Xen refuses %u page table changes, the first 0x%lx: error %d", queued, queue[0].val,
              error);
    queued = 0;
}

void table_set(const pte_t *entry, pte_t value)
{
    if (queued == BATCH)
        queue_flush();
    queue[queued++] = (struct mmu_update){
        .ptr = table_entry_machine(entry) | MMU_NORMAL_PT_UPDATE,
        .val = value,
    };
}

void table_commit(bool flush)
{
    queue_flush();
    if (flush) {
        struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

        if (xen_mmuext_op(&op, 1))
            panic("Xen does not flush the TLB");
    }
}

static const pte_t *table_create(void)
{
    void *page = page_alloc_zeroed();

    if (page) {
        page_protect(page, false); /* Xen takes no page that is writable somewhere */
        page_count_table(1);
    }
    return page;
}

static const pte_t *table_below(const pte_t *entry, bool create)
{
    if (*entry & PTE_PRESENT)
        return table_page(*entry);
    if (!create)
        return NULL;

    const pte_t *table = table_create();

    if (table) {
        table_set(entry, page_mfn(table) << PAGE_SHIFT | TABLE_FLAGS);
        queue_flush();
    }
    return table;
}

const pte_t *table_entry(uint64_t va, bool create)
{
    if (va >> 21 != cached_base) {
        const pte_t *l4_entry = &kernel_l4[va >> 39 & (ENTRIES - 1)];
        bool new_l3 = !(*l4_entry & PTE_PRESENT);
        const pte_t *l3 = table_below(l4_entry, create);

        if (!l3)
            return NULL;
        if (new_l3) {
            table_set(&user_l4[va >> 39 & (ENTRIES - 1)], *l4_entry);
            queue_flush();
        }

        const pte_t *l2 = table_below(&l3[va >> 30 & (ENTRIES - 1)], create);
        const pte_t *l1 = l2 ? table_below(&l2[va >> 21 & (ENTRIES - 1)], create) : NULL;

        if (!l1)
            return NULL;
        cached_base = va >> 21;
        cached_l1 = l1;
    }
    return &cached_l1[va >> 12 & (ENTRIES - 1)];
}

void table_release(uint64_t from, uint64_t to)
{
    from = (from + 0x1fffff) & ~UINT64_C(0x1fffff);
    queue_flush();
    cached_base = 1;
    for (uint64_t va = from; va + 0x200000 <= to; va += 0x200000) {
        const pte_t *l4_entry = &kernel_l4[va >> 39 & (ENTRIES - 1)];
        const pte_t *l3_entry, *l2_entry;

        if (!(*l4_entry & PTE_PRESENT)) {
            va = ((va | ((UINT64_C(1) << 39) - 1)) + 1) - 0x200000;
            continue;
        }
        l3_entry = (const pte_t *)table_page(*l4_entry) + (va >> 30 & (ENTRIES - 1));
        if (!(*l3_entry & PTE_PRESENT)) {
            va = ((va | ((UINT64_C(1) << 30) - 1)) + 1) - 0x200000;
            continue;
        }
        l2_entry = (const pte_t *)table_page(*l3_entry) + (va >> 21 & (ENTRIES - 1));
        if (!(*l2_entry & PTE_PRESENT))
            continue;

        void *l1 = table_page(*l2_entry);

        table_set(l2_entry, 0);
        table_commit(true);
        page_protect(l1, true);
        page_count_table(-1);
        page_put(l1);
    }
}

void table_init(const struct start_info *info)
{
    struct mmuext_op op = {.cmd = MMUEXT_NEW_USER_BASEPTR};

    kernel_l4 = page_address(page_pfn((const void *)info->pt_base));
    user_l4 = table_create();
    if (!user_l4)
        panic("no memory for the page tables");
    op.arg1.mfn = page_mfn(user_l4);
    if (xen_mmuext_op(&op, 1))
        panic("Xen refuses the user page table");
}
