/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/mm/page.h: pages of the domain and their names.
 *
 * Every page has a pfn (its index in the domain) and an mfn (its index in the machine, which page
 * tables and grants use), and a kernel address in the linear map at PAGE_LINEAR. The linear map is
 * made as pages are first needed, 2 MiB at a time: memory that nobody asked for costs nothing.
 * Pages are counted: several owners (a file, mappings of it) may hold one page.
 */
#ifndef GUEST_MM_PAGE_H
#define GUEST_MM_PAGE_H

#include "guest/kernel.h"

#include <xen/xen.h>

#define PAGE_LINEAR UINT64_C(0xffffff8000000000) /* L4 slot 511, L3 slots 0 to 509 */
#define PAGE_IMAGE                                                                                 \
    UINT64_C(0xffffffff80000000) /* where Xen's builder put kernel and start-up data */

/* The numbers behind the linear map. page_init sets them from start_info. */
extern const uint64_t *page_p2m;

static inline uint64_t page_pfn(const void *page)
{
    uint64_t va = (uint64_t)page;

    return (va >= PAGE_IMAGE ? va - PAGE_IMAGE : va - PAGE_LINEAR) >> PAGE_SHIFT;
}

static inline uint64_t page_mfn(const void *page)
{
    return page_p2m[page_pfn(page)];
}

static inline void *page_address(uint64_t pfn)
{
    return (void *)(PAGE_LINEAR + (pfn << PAGE_SHIFT));
}

/* The page of this domain with machine frame `mfn`. */
void *page_of_mfn(uint64_t mfn);

/* A page with one owner: contents undefined, or zero. NULL when the domain has no more. */
void *page_alloc(void);
void *page_alloc_zeroed(void);

/* `count` pages in a row that were never used, zeroed, with one owner each: what a driver maps as one piece.
 * Only memory that nobody touched yet is contiguous: NULL when too little of it is left. */
void *page_alloc_row(size_t count);

/* A page became a page table, or is none any more; for page_count. */
void page_count_table(int change);

/* One more owner; one owner less (the last one frees the page). */
void page_ref(void *page);
void page_put(void *page);
unsigned page_owners(const void *page);

struct page_counts {
    uint64_t total;  /* pages of the domain */
    uint64_t free;   /* not allocated, mapped in the linear map or not */
    uint64_t tables; /* page tables */
    uint64_t kernel; /* image, start-up data, p2m and counters */
};
void page_count(struct page_counts *counts);

/* Take over what the builder left free: everything above the boot stack, whose top is `boot_stack`. */
void page_init(const struct start_info *info, uint64_t boot_stack);

/* Give a range of pages that the builder filled (the initrd) to the allocator's care: each page has
 * one owner from then on. */
void page_adopt(const void *first, size_t count);

#endif
