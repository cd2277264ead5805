/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping the vDSO into the process. */
#include "guest/linux/process.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"
#include "guest/vdso/vdso.h"
#include "guest/xen/shared.h"
#include "guest/xen/time.h"

#include <linux/mman.h>

#define FLAGS (MAP_PRIVATE | MAP_ANONYMOUS)

extern const char vdso_image[], vdso_image_end[];

static struct vdso_last *last; /* the kernel's address of the process's page */

uint64_t vdso_now(void)
{
    uint64_t now = time_now();

    if (last) { /* the process can write there what it likes: to its own clock alone */
        now = MAX(now, last->time);
        last->time = now;
    }
    return now;
}

/* An area of one kind that holds given pages; anonymous memory as far as munmap is concerned. */
static bool area_fill_with(uint64_t start, unsigned prot, pte_t value, const char *name)
{
    struct area *area;

    if (vm_map(start, PAGE_SIZE, PROT_NONE, FLAGS | MAP_FIXED, NULL, 0) < 0)
        return false;
    vm_name(start, name, false);
    area = vm_find(start);
    area->prot = prot;
    area->device = true;
    return area_enter(area, start, value) == 0;
}

uint64_t vdso_map(void)
{
    uint64_t size = (uint64_t)(vdso_image_end - vdso_image), pages = page_up(size) >> PAGE_SHIFT;
    int64_t start = vm_map(0, (pages + 2) << PAGE_SHIFT, PROT_NONE, FLAGS, NULL, 0);

    if (start < 0)
        return 0;
    last = page_alloc_zeroed();
    if (!last || !area_fill_with((uint64_t)start, PROT_READ | PROT_WRITE,
                                 table_value(last, true, false), "[vvar]"))
        return 0;
    page_ref(last); /* for the kernel's own use */

    pte_t shared = (shared_machine & PTE_FRAME) | PTE_PRESENT | PTE_USER | PTE_ACCESSED |
                   PTE_FOREIGN | PTE_NOEXEC;

    if (!area_fill_with((uint64_t)start + PAGE_SIZE, PROT_READ, shared, "[vvar]"))
        return 0;
    start += 2 * (int64_t)PAGE_SIZE;
    for (uint64_t i = 0; i < pages; i++) {
        char *page = page_alloc_zeroed();
        uint64_t at = i << PAGE_SHIFT;

        if (!page)
            return 0;
        memcpy(page, vdso_image + at, MIN(size - at, PAGE_SIZE));
        if (!area_fill_with((uint64_t)start + at, PROT_READ | PROT_EXEC,
                            table_value(page, false, true), "[vdso]"))
            return 0;
    }
    return (uint64_t)start;
}
