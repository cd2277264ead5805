/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/mm/tree.h: a sparse array of pages: the contents of a file, pages set aside.
 *
 * A radix tree of 512-way nodes, as high as the largest index needs. A tree of one page is that page.
 * The tree owns one count of each page in it.
 */
#ifndef GUEST_MM_TREE_H
#define GUEST_MM_TREE_H

#include "guest/kernel.h"

struct page_tree {
    void *root;
    unsigned height; /* levels of nodes above the pages */
};

/* The largest index a tree can hold. */
#define PAGE_TREE_MAX ((UINT64_C(1) << 36) - 1)

/* Where the page at `index` is kept. NULL: there is none and `create` is not set, or out of memory. */
void **page_tree_slot(struct page_tree *tree, uint64_t index, bool create);

/* The page at `index`, or NULL. */
void *page_tree_get(struct page_tree *tree, uint64_t index);

/* Let go of every page in [from, to], both included. How many there were. */
uint64_t page_tree_drop(struct page_tree *tree, uint64_t from, uint64_t to);

#endif
