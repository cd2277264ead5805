/* SPDX-License-Identifier: BSD-2-Clause */
/* Areas and their pages.
 *
 * Each present entry that is not PTE_FOREIGN holds one count of its page. A page of a private area is
 * writable in place when that is the only count; otherwise the first store copies it (a file's page,
 * held by the file as well).
 *
 * Xen wants entries that are not present to be 0, so a page whose protection becomes PROT_NONE is set
 * aside in a tree, by address, until it is wanted again.
 */
#include "guest/mm/vm.h"
#include "guest/linux/file.h"
#include "guest/mm/page.h"
#include "guest/mm/tree.h"

#include <linux/mman.h>

#define EAGER_PAGES      16 /* an anonymous mapping up to this size is filled at once */
#define WINDOW_PAGES     16 /* a fault fills this much around it */
#define WINDOW_PAGES_MAX 64 /* and up to this much while faults follow one another */

#ifndef PROT_READ
#error "linux/mman.h does not define the protections"
#endif

uint64_t vm_resident, vm_resident_peak, vm_reserved;

static struct area *first_area;
static struct area *last_found;
static uint64_t brk_start, brk_end;
static struct page_tree aside; /* pages under PROT_NONE, by virtual page number */
static uint64_t aside_count;

static void resident_add(int64_t pages)
{
    vm_resident += (uint64_t)pages;
    vm_resident_peak = MAX(vm_resident_peak, vm_resident);
}

struct area *vm_first(void)
{
    return first_area;
}

struct area *vm_find(uint64_t address)
{
    struct area *area = last_found;

    if (!area || (area->previous && area->previous->end > address))
        area = first_area;
    while (area && area->end <= address)
        area = area->next;
    if (area)
        last_found = area;
    return area;
}

static void area_link(struct area *area)
{
    struct area *next = vm_find(area->start);
    struct area *previous = next ? next->previous : NULL;

    if (!next)
        for (previous = first_area; previous && previous->next; previous = previous->next)
            ;
    area->next = next;
    area->previous = previous;
    if (next)
        next->previous = area;
    *(previous ? &previous->next : &first_area) = area;
    vm_reserved += (area->end - area->start) >> PAGE_SHIFT;
}

static void area_unlink(struct area *area)
{
    if (area->next)
        area->next->previous = area->previous;
    *(area->previous ? &area->previous->next : &first_area) = area->next;
    last_found = area->previous;
    vm_reserved -= (area->end - area->start) >> PAGE_SHIFT;
    if (area->file)
        file_put(area->file);
    heap_free(area);
}

/* Cut an area in two at `address`. */
static int area_split(struct area *area, uint64_t address)
{
    struct area *upper = heap_alloc(sizeof *upper);

    if (!upper)
        return -ENOMEM;
    *upper = *area;
    upper->start = address;
    upper->offset += address - area->start;
    if (upper->file)
        file_hold(upper->file);
    area->end = address;
    upper->previous = area;
    area->next = upper;
    if (upper->next)
        upper->next->previous = upper;
    return 0;
}

/* Make area borders at `start` and `end`. */
static int areas_cut(uint64_t start, uint64_t end)
{
    struct area *area = vm_find(start);

    if (area && area->start < start && area_split(area, start))
        return -ENOMEM;
    area = vm_find(end);
    if (area && area->start < end && area_split(area, end))
        return -ENOMEM;
    return 0;
}

/* Join an area with the one below where they have become the same thing. */
static void area_join(struct area *area)
{
    struct area *below = area ? area->previous : NULL;

    if (!below || below->end != area->start || below->prot != area->prot || below->file ||
        area->file || below->name != area->name || below->stack != area->stack ||
        below->shared != area->shared || below->device || area->device)
        return;

    uint64_t end = area->end;

    area_unlink(area);
    vm_reserved += (end - below->end) >> PAGE_SHIFT;
    below->end = end;
}

static bool range_bad(uint64_t address, uint64_t length)
{
    return address & ~PAGE_MASK || address > USER_TOP || length > USER_TOP - address;
}

/* Let go of the pages in [start, end). A page may go back to the allocator before its entry is gone:
 * nothing allocates, and the process does not run, until table_commit. */
static void pages_drop(uint64_t start, uint64_t end)
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

static void area_remove(struct area *area)
{
    if (area->device && area->file && area->file->ops->unmap)
        area->file->ops->unmap(area->file, area);
    pages_drop(area->start, area->end);
    area_unlink(area);
}

int vm_unmap(uint64_t address, uint64_t length)
{
    uint64_t end;
    struct area *area;

    length = page_up(length);
    if (!length || range_bad(address, length))
        return -EINVAL;
    end = address + length;
    if (areas_cut(address, end))
        return -ENOMEM;
    for (area = vm_find(address); area && area->start < end;) {
        struct area *next = area->next;

        area_remove(area);
        area = next;
    }
    table_release(address, end);
    return 0;
}

/* The highest gap of `length` bytes below `limit`, or 0. */
static uint64_t gap_find(uint64_t length, uint64_t limit)
{
    struct area *above = vm_find(limit - 1), *below;

    if (above) {
        limit = MIN(limit, above->start);
        below = above->previous;
    } else {
        for (below = first_area; below && below->next; below = below->next)
            ;
    }
    for (; below; below = below->previous) {
        if (below->end <= limit && limit - below->end >= length)
            return limit - length;
        limit = MIN(limit, below->start);
    }
    return limit >= length && limit - length >= VM_MIN ? limit - length : 0;
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

/* Give every page of [from, to) in `area` that has none its page. 0, or what the first failure was. */
static int area_fill(struct area *area, uint64_t from, uint64_t to, bool write)
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

static struct area *area_create(uint64_t start, uint64_t length, unsigned prot, struct file *file,
                                uint64_t offset)
{
    struct area *area = heap_alloc(sizeof *area);

    if (!area)
        return NULL;
    area->start = start;
    area->end = start + length;
    area->prot = prot;
    area->file = file;
    area->offset = offset;
    if (file)
        file_hold(file);
    area_link(area);
    return area;
}

static int map_check_file(struct file *file, unsigned prot, bool shared)
{
    unsigned access = file->flags & O_ACCMODE;

    if (access == O_WRONLY)
        return -EACCES;
    if (shared && prot & PROT_WRITE && access != O_RDWR)
        return -EACCES;
    if (!file->ops->mmap && !S_ISREG(file->inode->mode))
        return -ENODEV;
    return 0;
}

int64_t vm_map(uint64_t address, uint64_t length, unsigned prot, unsigned flags, struct file *file,
               uint64_t offset)
{
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    struct page_counts counts;
    struct area *area;
    int error;

    if ((flags & MAP_TYPE) == 0 || (flags & MAP_TYPE) > MAP_SHARED_VALIDATE || !length ||
        offset & ~PAGE_MASK)
        return -EINVAL;
    if (length > USER_TOP)
        return -ENOMEM;
    length = page_up(length);
    if (file && offset + length < offset)
        return -EOVERFLOW;
    if (file && (error = map_check_file(file, prot, shared)))
        return error;

    /* What could never be filled is refused now, as Linux's heuristic overcommit does. */
    page_count(&counts);
    if (!file && prot & PROT_WRITE && !(flags & MAP_NORESERVE) &&
        length >> PAGE_SHIFT > counts.total)
        return -ENOMEM;

    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (range_bad(address, length))
            return address & ~PAGE_MASK ? -EINVAL : -ENOMEM;
        if (address < VM_MIN)
            return -EPERM;
        area = vm_find(address);
        if (area && area->start < address + length) {
            if (flags & MAP_FIXED_NOREPLACE)
                return -EEXIST;
            error = vm_unmap(address, length);
            if (error)
                return error;
        }
    } else {
        address = page_down(address);
        area = vm_find(address);
        if (address < VM_MIN || range_bad(address, length) ||
            (area && area->start < address + length))
            address = gap_find(length, VM_MMAP_TOP);
        if (!address)
            return -ENOMEM;
    }

    bool device = file && file->ops->mmap;

    area = area_create(address, length, prot, file, offset);
    if (!area)
        return -ENOMEM;
    area->shared = shared;
    area->device = device;
    if (device) {
        error = file->ops->mmap(file, area);
        if (error) {
            pages_drop(area->start, area->end);
            area_unlink(area);
            return error;
        }
        return (int64_t)address;
    }
    if (!area->file && prot & (PROT_READ | PROT_WRITE) &&
        (length <= EAGER_PAGES << PAGE_SHIFT || flags & MAP_POPULATE))
        area_fill(area, address, address + length, true); /* what is missing faults */
    else if (flags & MAP_POPULATE && prot != PROT_NONE)
        area_fill(area, address, address + length, prot & PROT_WRITE);
    area_join(area->next);
    area_join(area);
    return (int64_t)address;
}

void vm_name(uint64_t start, const char *name, bool stack)
{
    struct area *area = vm_find(start);

    assert(area && area->start == start);
    area->name = name;
    area->stack = stack;
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

/* Change the entries of [start, end) to the area's protection. */
static int pages_protect(struct area *area, uint64_t start, uint64_t end)
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

int vm_protect(uint64_t address, uint64_t length, unsigned prot)
{
    uint64_t end, mapped_to = address;
    struct area *area;

    length = page_up(length);
    if (address & ~PAGE_MASK || prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC))
        return -EINVAL;
    if (!length)
        return 0;
    if (range_bad(address, length))
        return -ENOMEM;
    end = address + length;
    for (area = vm_find(address); area && area->start <= mapped_to && mapped_to < end;
         area = area->next) {
        if (area->device && prot & ~area->prot)
            return -EACCES;
        if (area->file && area->shared && prot & PROT_WRITE &&
            (area->file->flags & O_ACCMODE) != O_RDWR)
            return -EACCES;
        mapped_to = area->end;
    }
    if (mapped_to < end || areas_cut(address, end))
        return -ENOMEM;
    for (area = vm_find(address); area && area->start < end; area = area->next) {
        unsigned before = area->prot;
        int error;

        area->prot = prot;
        if (area->device || before == prot)
            continue; /* a device's entries keep the access they were made with */
        error = pages_protect(area, area->start, area->end);
        if (error)
            return error;
    }
    for (struct area *next = vm_find(address); next && next->start <= end;) {
        area = next;
        next = area->next;
        area_join(area);
    }
    return 0;
}

/* Move the entries of [from, from + length) to `to`, where nothing is mapped. */
static int pages_move(uint64_t from, uint64_t to, uint64_t length)
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

int64_t vm_remap(uint64_t address, uint64_t old_length, uint64_t new_length, unsigned flags,
                 uint64_t new_address)
{
    struct area *area, *moved;
    uint64_t end;
    int64_t target;
    int error;

    old_length = page_up(old_length);
    new_length = page_up(new_length);
    if (address & ~PAGE_MASK || !new_length || flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) ||
        (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)) || !old_length)
        return -EINVAL;
    if (flags & MREMAP_FIXED &&
        (range_bad(new_address, new_length) ||
         (new_address < address + old_length && address < new_address + new_length)))
        return -EINVAL;
    area = vm_find(address);
    if (!area || area->start > address || range_bad(address, old_length) ||
        area->end < address + old_length)
        return -EFAULT;
    if (area->device)
        return -EINVAL;
    end = address + old_length;

    if (!(flags & MREMAP_FIXED)) {
        if (new_length <= old_length) {
            if (new_length < old_length) {
                error = vm_unmap(address + new_length, old_length - new_length);
                if (error)
                    return error;
            }
            return (int64_t)address;
        }

        struct area *above = area->next;

        if (area->end == end && !range_bad(address, new_length) &&
            (!above || above->start >= address + new_length)) {
            vm_reserved += (address + new_length - area->end) >> PAGE_SHIFT;
            area->end = address + new_length;
            return (int64_t)address;
        }
        if (!(flags & MREMAP_MAYMOVE))
            return -ENOMEM;
        target = (int64_t)gap_find(new_length, VM_MMAP_TOP);
        if (!target)
            return -ENOMEM;
    } else {
        if (new_address < VM_MIN)
            return -EPERM;
        error = vm_unmap(new_address, new_length);
        if (error)
            return error;
        target = (int64_t)new_address;
        if (new_length < old_length) {
            error = vm_unmap(address + new_length, old_length - new_length);
            if (error)
                return error;
            old_length = new_length;
            end = address + old_length;
        }
    }

    if (areas_cut(address, end))
        return -ENOMEM;
    area = vm_find(address);
    moved = area_create((uint64_t)target, new_length, area->prot, area->file, area->offset);
    if (!moved)
        return -ENOMEM;
    moved->shared = area->shared;
    error = pages_move(address, (uint64_t)target, old_length);
    table_commit(true);
    if (error) { /* what has moved goes back: its tables exist */
        pages_move((uint64_t)target, address, old_length);
        table_commit(true);
        area_remove(moved);
        return error;
    }
    area_unlink(vm_find(address));
    table_release(address, end);
    return target;
}

int vm_advise(uint64_t address, uint64_t length, int advice)
{
    uint64_t end;
    struct area *area;

    if (range_bad(address, page_up(length)))
        return -EINVAL;
    end = address + page_up(length);
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_FREE:
        break;
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
        for (area = vm_find(address); area && area->start < end; area = area->next)
            if (!area->device && area->prot != PROT_NONE &&
                area_fill(area, MAX(area->start, address), MIN(area->end, end),
                          advice == MADV_POPULATE_WRITE))
                return -ENOMEM;
        return 0;
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_COLD:
    case MADV_PAGEOUT:
        return 0;
    default:
        return -EINVAL;
    }
    for (area = vm_find(address); area && area->start < end; area = area->next) {
        if (area->device)
            return -EINVAL;
        pages_drop(MAX(area->start, address), MIN(area->end, end));
    }
    return 0;
}

void vm_brk_init(uint64_t start)
{
    brk_start = brk_end = page_up(start);
}

uint64_t vm_brk(uint64_t end)
{
    uint64_t old = page_up(brk_end), new = page_up(end);
    struct area *above;

    if (end < brk_start || new > VM_MMAP_TOP)
        return brk_end;
    if (new < old) {
        vm_unmap(new, old - new);
    } else if (new > old) {
        above = vm_find(old);
        if (above && above->start < new + PAGE_SIZE)
            return brk_end;
        /* The heap is one area: entered without vm_map's eager filling, then named and joined. */
        struct page_counts counts;

        page_count(&counts);
        if ((new - old) >> PAGE_SHIFT > counts.total)
            return brk_end;

        struct area *area = area_create(old, new - old, PROT_READ | PROT_WRITE, NULL, 0);

        if (!area)
            return brk_end;
        area->name = "[heap]";
        area_join(area);
    }
    brk_end = end;
    return brk_end;
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
static uint64_t file_end(const struct area *area)
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
        to = MIN(to, MAX(va, file_end(area)));
    window_end = to;
    error = area_fill(area, va, va + PAGE_SIZE, write);
    if (!error) /* the neighbours are a guess: memory may run out over them */
        area_fill(area, from, to, write);
    return error;
}

void vm_truncate(const struct inode *inode, uint64_t first)
{
    for (struct area *area = first_area; area; area = area->next) {
        if (!area->file || area->device || area->file->inode != inode)
            continue;

        uint64_t at = first << PAGE_SHIFT;
        uint64_t start = at > area->offset ? area->start + (at - area->offset) : area->start;

        if (start < area->end)
            pages_drop(start, area->end);
    }
}
