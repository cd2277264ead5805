/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/mm/tree.h"
#include "guest/mm/page.h"

#define WAYS       512
#define WAYS_SHIFT 9

static uint64_t reach(unsigned height)
{
    return (UINT64_C(1) << height * WAYS_SHIFT) - 1;
}

void **page_tree_slot(struct page_tree *tree, uint64_t index, bool create)
{
    if (index > PAGE_TREE_MAX)
        return NULL;
    while (index > reach(tree->height)) {
        void **node;

        if (!create)
            return NULL;
        if (tree->root) {
            node = page_alloc_zeroed();
            if (!node)
                return NULL;
            node[0] = tree->root;
            tree->root = node;
        }
        tree->height++;
    }

    void **slot = &tree->root;

    for (unsigned level = tree->height; level > 0; level--) {
        if (!*slot) {
            if (!create)
                return NULL;
            *slot = page_alloc_zeroed();
            if (!*slot)
                return NULL;
        }
        slot = (void **)*slot + (index >> (level - 1) * WAYS_SHIFT & (WAYS - 1));
    }
    return slot;
}

void *page_tree_get(struct page_tree *tree, uint64_t index)
{
    void **slot = page_tree_slot(tree, index, false);

    return slot ? *slot : NULL;
}

/* Drop [from, to] of the subtree at `slot`, whose first index is 0; free it when it is wholly inside. */
static uint64_t subtree_drop(void **slot, unsigned height, uint64_t from, uint64_t to)
{
    uint64_t dropped = height == 0;

    if (!*slot)
        return 0;
    if (height > 0) {
        uint64_t span = reach(height - 1) + 1;
        void **node = *slot;

        for (uint64_t way = from / span; way < WAYS && way * span <= to; way++) {
            uint64_t base = way * span;

            dropped += subtree_drop(&node[way], height - 1, from > base ? from - base : 0,
                                    MIN(to - base, span - 1));
        }
    }
    if (from == 0 && to >= reach(height)) {
        page_put(*slot);
        *slot = NULL;
    }
    return dropped;
}

uint64_t page_tree_drop(struct page_tree *tree, uint64_t from, uint64_t to)
{
    uint64_t dropped = 0;

    if (from <= reach(tree->height))
        dropped = subtree_drop(&tree->root, tree->height, from, to);
    if (!tree->root)
        tree->height = 0;
    return dropped;
}
