/* SPDX-License-Identifier: BSD-2-Clause */
/* Areas: a sorted list, and the calls that change it. Their pages are the business of fault.c. */
#include "guest/mm/vm.h"
#include "guest/linux/file.h"
#include "guest/mm/area.h"
#include "guest/mm/page.h"

#include <linux/mman.h>

#define EAGER_PAGES 16 /* an anonymous mapping up to this size is filled at once */

uint64_t vm_reserved;

static struct area *first_area;
static struct area *last_found;
static uint64_t brk_start, brk_end;

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
    if (shared && !seals_allow_mapping(file, prot))
        return -EPERM;
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

int vm_protect(uint64_t address, uint64_t length, unsigned prot)
{
    uint64_t end, mapped_to = address;
    struct area *area;

    if (address & ~PAGE_MASK || prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC))
        return -EINVAL;
    if (!length)
        return 0;
    if (length > USER_TOP || range_bad(address, page_up(length)))
        return -ENOMEM;
    length = page_up(length);
    end = address + length;
    for (area = vm_find(address); area && area->start <= mapped_to && mapped_to < end;
         area = area->next) {
        if (area->device && prot & ~area->prot)
            return -EACCES;
        if (area->file && area->shared && prot & PROT_WRITE && !(area->prot & PROT_WRITE) &&
            ((area->file->flags & O_ACCMODE) != O_RDWR || !seals_allow_mapping(area->file, prot)))
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

    if (length > USER_TOP || range_bad(address, page_up(length)))
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

    if (end < brk_start || end > VM_MMAP_TOP)
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
