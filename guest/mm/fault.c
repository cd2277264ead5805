/* SPDX-License-Identifier: BSD-2-Clause */
/* The pages of areas: bringing them in, on a fault or ahead of it, sharing, protecting and letting go.
 *
 * Each present entry that is not PTE_FOREIGN holds one count of its page. A page of a private area is
 * writable in place when that is the only count; otherwise the first store copies it (a file's page,
 * held by the file as well).
 *
 * Xen wants entries that are not present to be 0, so a page whose protection becomes PROT_NONE is set
 * aside in a tree, by address, until it is wanted again.
 */
#include "guest/linux/file.h"
#include "guest/mm/area.h"
#include "guest/mm/page.h"
#include "guest/mm/tree.h"

#include <linux/mman.h>

#define WINDOW_PAGES     16 /* a fault fills this much around it */
#define WINDOW_PAGES_MAX 64 /* and up to this much while faults follow one another */

uint64_t vm_resident, vm_resident_peak;

static struct page_tree aside; /* pages under PROT_NONE, by virtual page number */
static uint64_t aside_count;

static void resident_add(int64_t pages)
{
    vm_resident += (uint64_t)pages;
    vm_resident_peak = MAX(vm_resident_peak, vm_resident);
}

void pages_drop(uint64_t start, uint64_t end)
{
    bool flush = false;

    for (uint64_t va = start; va < end;) {
        const pte_t *entry = table_entry(va, false);

        if (!entry) {
            va = table_next(va);
            continue;
        }
        for (uint64_t stop = MIN(table_next(va), end); va < stop; va += PAGE_SIZE, entry++) {
            if (!(*entry & PTE_PRESENT))
                continue;
            if (!(*entry & PTE_FOREIGN)) {
                page_put(table_page(*entry));
                resident_add(-1);
            }
            table_set(entry, 0);
            flush = true;
        }
    }
    if (flush)
        table_commit(true);
    if (aside_count) {
        uint64_t dropped = page_tree_drop(&aside, start >> PAGE_SHIFT, (end >> PAGE_SHIFT) - 1);

        aside_count -= dropped;
        resident_add(-(int64_t)dropped);
    }
}

/* A page for `va` in `area`, with one count for the entry to come. 0, or as vm_fault. */
static int page_for(struct area *area, uint64_t va, bool write, void **page, bool *writable)
{
    *writable = area->prot & PROT_WRITE;
    if (!area->file) {
        *page = page_alloc_zeroed();
        return *page ? 0 : -ENOMEM;
    }

    struct inode *inode = area->file->inode;
    uint64_t offset = area->offset + (va - area->start);

    if (offset >= page_up(inode->size))
        return -ENXIO;

    void **slot = page_tree_slot(&inode->pages, offset >> PAGE_SHIFT, true);

    if (!slot || (!*slot && !(*slot = page_alloc_zeroed())))
        return -ENOMEM;
    if (area->shared || !write) {
        page_ref(*slot);
        *page = *slot;
        *writable = *writable && area->shared;
        return 0;
    }
    *page = page_alloc();
    if (!*page)
        return -ENOMEM;
    memcpy(*page, *slot, PAGE_SIZE);
    return 0;
}

int area_fill(struct area *area, uint64_t from, uint64_t to, bool write)
{
    int error = 0;

    for (uint64_t va = from; va < to && !error;) {
        const pte_t *entry = table_entry(va, true);

        if (!entry) {
            error = -ENOMEM;
            break;
        }
        for (uint64_t stop = MIN(table_next(va), to); va < stop; va += PAGE_SIZE, entry++) {
            void *page;
            bool writable;

            if (*entry & PTE_PRESENT)
                continue;
            error = page_for(area, va, write, &page, &writable);
            if (error)
                break;
            table_set(entry, table_value(page, writable, area->prot & PROT_EXEC));
            resident_add(1);
        }
    }
    table_commit(false);
    return error;
}

/* Bring back a page that PROT_NONE had set aside. */
static bool aside_restore(struct area *area, uint64_t va)
{
    void **slot = aside_count ? page_tree_slot(&aside, va >> PAGE_SHIFT, false) : NULL;
    const pte_t *entry;

    if (!slot || !*slot)
        return false;
    entry = table_entry(va, true);
    if (!entry)
        return false;
    bool writable = area->prot & PROT_WRITE && (area->shared || page_owners(*slot) == 1);

    table_set(entry, table_value(*slot, writable, area->prot & PROT_EXEC));
    *slot = NULL;
    aside_count--;
    return true;
}

int pages_protect(struct area *area, uint64_t start, uint64_t end)
{
    bool none = !(area->prot & (PROT_READ | PROT_WRITE | PROT_EXEC)), flush = false;

    for (uint64_t va = start; va < end;) {
        const pte_t *entry = table_entry(va, false);

        if (!entry) {
            va = table_next(va);
            continue;
        }
        for (uint64_t stop = MIN(table_next(va), end); va < stop; va += PAGE_SIZE, entry++) {
            void *page;

            if (!(*entry & PTE_PRESENT))
                continue;
            page = table_page(*entry);
            flush = true;
            if (none) {
                void **slot = page_tree_slot(&aside, va >> PAGE_SHIFT, true);

                if (!slot) {
                    table_commit(true);
                    return -ENOMEM;
                }
                *slot = page; /* the count moves from the entry to the tree */
                aside_count++;
                table_set(entry, 0);
                continue;
            }
            table_set(entry, table_value(page,
                                         area->prot & PROT_WRITE &&
                                             (area->shared || page_owners(page) == 1),
                                         area->prot & PROT_EXEC));
        }
    }
    if (flush)
        table_commit(true);
    if (!none && aside_count) {
        for (uint64_t va = start; va < end && aside_count; va += PAGE_SIZE)
            aside_restore(area, va);
        table_commit(false);
    }
    return 0;
}

int pages_move(uint64_t from, uint64_t to, uint64_t length)
{
    for (uint64_t at = 0; at < length; at += PAGE_SIZE) {
        const pte_t *source = table_entry(from + at, false);
        pte_t value;
        void *set_aside = aside_count ? page_tree_get(&aside, (from + at) >> PAGE_SHIFT) : NULL;

        if (set_aside) {
            void **slot = page_tree_slot(&aside, (to + at) >> PAGE_SHIFT, true);

            if (!slot)
                return -ENOMEM;
            *slot = set_aside;
            *page_tree_slot(&aside, (from + at) >> PAGE_SHIFT, false) = NULL;
        }
        if (!source) {
            at = table_next(from + at) - from - PAGE_SIZE;
            continue;
        }
        value = *source;
        if (!(value & PTE_PRESENT))
            continue;

        const pte_t *target = table_entry(to + at, true);

        if (!target)
            return -ENOMEM;
        table_set(target, value);
        table_set(source, 0);
    }
    return 0;
}

/* The first store to a page that is mapped read-only in a writable private area. */
static int page_unshare(struct area *area, uint64_t va, const pte_t *entry)
{
    void *page = table_page(*entry), *copy = page;

    if (!area->shared && page_owners(page) > 1) {
        copy = page_alloc();
        if (!copy)
            return -ENOMEM;
        memcpy(copy, page, PAGE_SIZE);
        page_put(page);
    }
    table_set(entry, table_value(copy, true, area->prot & PROT_EXEC));
    table_commit(true);
    return 0;
}

/* Where the file's last page lies in an area of it. */
static uint64_t area_file_end(const struct area *area)
{
    uint64_t size = page_up(area->file->inode->size);

    return area->start + (size > area->offset ? size - area->offset : 0);
}

int vm_fault(uint64_t address, bool write, bool fetch)
{
    static uint64_t window_end, window = WINDOW_PAGES;
    uint64_t va = page_down(address), from, to;
    struct area *area = vm_find(address);
    unsigned needed = write ? PROT_WRITE : fetch ? PROT_EXEC : PROT_READ | PROT_WRITE | PROT_EXEC;
    const pte_t *entry;
    int error;

    if (!area || area->start > address)
        return -EFAULT;
    if (!(area->prot & needed) || area->device)
        return -EACCES;
    entry = table_entry(va, false);
    if (entry && *entry & PTE_PRESENT)
        return write && !(*entry & PTE_WRITE) ? page_unshare(area, va, entry) : -EACCES;

    if (area->file && write && !area->shared)
        return area_fill(area, va, va + PAGE_SIZE, true);

    /* A walk through memory faults where the last window ended. */
    window = va == window_end ? MIN(2 * window, (uint64_t)WINDOW_PAGES_MAX) : WINDOW_PAGES;
    from = MAX(area->start, va & ~((WINDOW_PAGES << PAGE_SHIFT) - 1));
    to = MIN(area->end, from + (window << PAGE_SHIFT));
    if (area->file)
        to = MIN(to, MAX(va, area_file_end(area)));
    window_end = to;
    error = area_fill(area, va, va + PAGE_SIZE, write);
    if (!error) /* the neighbours are a guess: memory may run out over them */
        area_fill(area, from, to, write);
    return error;
}

void vm_truncate(const struct inode *inode, uint64_t first)
{
    for (struct area *area = vm_first(); area; area = area->next) {
        if (!area->file || area->device || area->file->inode != inode)
            continue;

        uint64_t at = first << PAGE_SHIFT;
        uint64_t start = at > area->offset ? area->start + (at - area->offset) : area->start;

        if (start < area->end)
            pages_drop(start, area->end);
    }
}

int area_enter(struct area *area, uint64_t address, pte_t value)
{
    const pte_t *entry = table_entry(address, true);

    assert(address >= area->start && address < area->end);
    if (!entry)
        return -ENOMEM;
    assert(!(*entry & PTE_PRESENT));
    table_set(entry, value);
    table_commit(false);
    if (!(value & PTE_FOREIGN))
        resident_add(1);
    return 0;
}
