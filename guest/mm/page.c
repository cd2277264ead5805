/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator and the linear map.
 *
 * Free pages are of two kinds: those that were used before hang on a list through their first word; those
 * from `fresh` to `mapped` were never touched. At `mapped` the linear map ends; linear_extend moves it on
 * by one level 1 table when the free pages run low, taking the tables from the last free pages.
 */
#include "guest/mm/page.h"
#include "guest/mm/table.h"
#include "guest/xen/hypercall.h"

#define ENTRIES       512
#define RESERVE       4 /* free pages that linear_extend may need: one L1, one L2; twice that */
#define OWNERS_PINNED UINT16_MAX
#define TABLE_FLAGS   (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define LINEAR_FLAGS  (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)

const uint64_t *page_p2m;

static const uint64_t *const m2p = (const uint64_t *)MACH2PHYS_VIRT_START;

struct free_page {
    struct free_page *next;
};

static uint64_t pages, fresh, mapped; /* pfns */
static struct free_page *free_list;
static uint64_t free_listed;
static uint16_t *owners;
static const pte_t *linear_l3; /* level 3 of L4 slot 511 */
static uint64_t kernel_pages, table_pages;

void *page_of_mfn(uint64_t mfn)
{
    return page_address(m2p[mfn]);
}

static uint64_t free_mapped(void)
{
    return free_listed + (mapped - fresh);
}

static void *page_take(void)
{
    void *page;

    if (free_list) {
        page = free_list;
        free_list = free_list->next;
        free_listed--;
    } else if (fresh < mapped) {
        page = page_address(fresh++);
    } else {
        return NULL;
    }
    if (owners)
        owners[page_pfn(page)] = 1;
    return page;
}

void page_protect(const void *page, bool writable)
{
    pte_t value = page_mfn(page) << PAGE_SHIFT |
                  (LINEAR_FLAGS & ~(writable ? 0 : PTE_WRITE | PTE_DIRTY));
    int error = xen_update_va_mapping((unsigned long)page, value, UVMF_INVLPG);

    if (error)
        panic("the page at %p cannot be made %s: error %d", page,
              writable ? "writable" : "read-only", error);
}

static void entry_write(const pte_t *entry, pte_t value)
{
    struct mmu_update update = {
        .ptr = table_entry_machine(entry) | MMU_NORMAL_PT_UPDATE,
        .val = value,
    };
    int error = xen_mmu_update(&update, 1);

    if (error)
        panic("page table entry %p cannot become 0x%lx: error %d", entry, value, error);
}

static const pte_t *entry_table(pte_t entry)
{
    return (const pte_t *)(PAGE_IMAGE + (m2p[(entry & PTE_FRAME) >> PAGE_SHIFT] << PAGE_SHIFT));
}

/* Map the rest of the 2 MiB that begin at or hold `mapped`. */
static bool linear_extend(void)
{
    uint64_t first = mapped, end = MIN((first | (ENTRIES - 1)) + 1, pages);

    if (first >= pages)
        return false;

    const pte_t *l3_entry = linear_l3 + first / ENTRIES / ENTRIES;

    if (!(*l3_entry & PTE_PRESENT)) {
        void *l2 = page_take();

        if (!l2)
            return false;
        memset(l2, 0, PAGE_SIZE);
        page_protect(l2, false);
        entry_write(l3_entry, page_mfn(l2) << PAGE_SHIFT | TABLE_FLAGS);
    }

    const pte_t *l2_table = page_of_mfn((*l3_entry & PTE_FRAME) >> PAGE_SHIFT);
    const pte_t *l2_entry = l2_table + first / ENTRIES % ENTRIES;

    if (*l2_entry & PTE_PRESENT) { /* the builder stopped half-way through this table */
        const pte_t *l1 = page_of_mfn((*l2_entry & PTE_FRAME) >> PAGE_SHIFT);

        for (uint64_t pfn = first; pfn < end; pfn++)
            entry_write(&l1[pfn % ENTRIES], page_p2m[pfn] << PAGE_SHIFT | LINEAR_FLAGS);
    } else {
        pte_t *l1 = page_take();

        if (!l1)
            return false;
        memset(l1, 0, PAGE_SIZE);
        for (uint64_t pfn = first; pfn < end; pfn++)
            l1[pfn % ENTRIES] = page_p2m[pfn] << PAGE_SHIFT | LINEAR_FLAGS;
        page_protect(l1, false);
        entry_write(l2_entry, page_mfn(l1) << PAGE_SHIFT | TABLE_FLAGS);
    }
    mapped = end;
    page_count_table(1);
    return true;
}

void *page_alloc(void)
{
    if (free_mapped() <= RESERVE)
        linear_extend();
    return page_take();
}

void *page_alloc_zeroed(void)
{
    uint64_t *page = page_alloc();

    if (page) {
        uint64_t *cursor = page;
        size_t count = PAGE_SIZE / 8;

        asm volatile("rep stosq" : "+D"(cursor), "+c"(count) : "a"(0ul) : "memory");
    }
    return page;
}

void page_ref(void *page)
{
    uint16_t *count = &owners[page_pfn(page)];

    if (*count != OWNERS_PINNED) /* 65,534 owners: such a page stays for ever */
        ++*count;
}

void page_put(void *page)
{
    uint64_t pfn = page_pfn(page);

    assert(pfn < pages && owners[pfn]);
    if (owners[pfn] == OWNERS_PINNED || --owners[pfn])
        return;

    struct free_page *free_page = page_address(pfn);

    free_page->next = free_list;
    free_list = free_page;
    free_listed++;
}

unsigned page_owners(const void *page)
{
    return owners[page_pfn(page)];
}

void page_count(struct page_counts *counts)
{
    counts->total = pages;
    counts->free = free_mapped() + (pages - mapped);
    counts->kernel = kernel_pages;
    counts->tables = table_pages;
}

void page_count_table(int change)
{
    table_pages += (uint64_t)change;
}

void *page_alloc_row(size_t count)
{
    void *first;

    while (mapped - fresh < count + RESERVE)
        if (!linear_extend())
            return NULL;
    first = page_address(fresh);
    for (size_t i = 0; i < count; i++)
        owners[fresh + i] = 1;
    fresh += count;
    return memset(first, 0, count << PAGE_SHIFT);
}

void page_adopt(const void *first, size_t count)
{
    uint64_t pfn = page_pfn(first);

    assert(pfn + count <= fresh);
    for (size_t i = 0; i < count; i++) {
        assert(owners[pfn + i] == OWNERS_PINNED);
        owners[pfn + i] = 1;
    }
    kernel_pages -= count;
}

void page_init(const struct start_info *info, uint64_t boot_stack)
{
    const pte_t *l4 = (const pte_t *)info->pt_base;
    uint64_t needed;

    pages = info->nr_pages;
    page_p2m = (const uint64_t *)info->mfn_list;
    fresh = page_pfn((const void *)page_up(boot_stack));

    /* The linear map begins as an alias of what the builder mapped at PAGE_IMAGE: the same level 2
     * tables, so that an entry (a page made read-only) is changed for both at once. */
    linear_l3 = entry_table(l4[ENTRIES - 1]);
    mapped = fresh;
    for (unsigned i = 0; i < 2; i++) {
        pte_t l2_entry = linear_l3[ENTRIES - 2 + i];

        if (!(l2_entry & PTE_PRESENT))
            break;
        entry_write(&linear_l3[i], l2_entry);
    }
    for (; mapped < pages; mapped++) {
        const pte_t *l2 = entry_table(linear_l3[mapped / ENTRIES / ENTRIES]);
        pte_t l1_entry = l2[mapped / ENTRIES % ENTRIES];

        if (!(l1_entry & PTE_PRESENT) || !(entry_table(l1_entry)[mapped % ENTRIES] & PTE_PRESENT))
            break;
    }

    /* The owner counters: contiguous, 2 bytes a page. */
    needed = page_up(pages * sizeof *owners) >> PAGE_SHIFT;
    while (mapped - fresh < needed + RESERVE)
        if (!linear_extend())
            panic("%lu KiB of memory are too few to start", pages * 4);
    owners = page_address(fresh);
    fresh += needed;
    memset(owners, 0, needed << PAGE_SHIFT);
    for (uint64_t pfn = 0; pfn < fresh; pfn++)
        owners[pfn] = OWNERS_PINNED;
    kernel_pages = fresh;
}
