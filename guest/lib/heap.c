/* SPDX-License-Identifier: BSD-2-Clause */
/* Small objects: free lists of powers of two from 32 bytes to half a page, cut from pages; whole
 * pages above. A page of small objects starts with its size, so that heap_free finds the list; an
 * object that starts a page is a page. Pages of small objects are kept for reuse. */
#include "guest/kernel.h"
#include "guest/mm/page.h"

#define SMALLEST_SHIFT 5
#define CLASSES        (PAGE_SHIFT - SMALLEST_SHIFT) /* 32 to 2048 */

struct free_object {
    struct free_object *next;
};

static struct free_object *free_objects[CLASSES];

struct object_page {
    uint64_t class;
    uint64_t unused[3]; /* objects are 32-byte aligned */
};

static bool class_refill(unsigned class)
{
    struct object_page *page = page_alloc();
    size_t size = (size_t)1 << (SMALLEST_SHIFT + class);

    if (!page)
        return false;
    page->class = class;
    for (size_t at = sizeof *page; at + size <= PAGE_SIZE; at += size) {
        struct free_object *object = (struct free_object *)((char *)page + at);

        object->next = free_objects[class];
        free_objects[class] = object;
    }
    return true;
}

void *heap_alloc(size_t size)
{
    unsigned class = 0;

    assert(size <= PAGE_SIZE);
    if (size > PAGE_SIZE / 4)
        return page_alloc_zeroed();
    while (size > (size_t)1 << (SMALLEST_SHIFT + class))
        class ++;
    if (!free_objects[class] && !class_refill(class))
        return NULL;

    struct free_object *object = free_objects[class];

    free_objects[class] = object->next;
    return memset(object, 0, (size_t)1 << (SMALLEST_SHIFT + class));
}

void heap_free(void *object)
{
    if (!object)
        return;
    if (((uintptr_t)object & (PAGE_SIZE - 1)) == 0) {
        page_put(object);
        return;
    }

    struct object_page *page = (struct object_page *)((uintptr_t)object & PAGE_MASK);
    struct free_object *free_object = object;

    free_object->next = free_objects[page->class];
    free_objects[page->class] = free_object;
}
