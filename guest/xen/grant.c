/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/xen/grant.h"
#include "guest/mm/page.h"
#include "guest/mm/table.h"
#include "guest/xen/hypercall.h"

/* Where the table's frames are mapped: far above what the builder puts at PAGE_IMAGE. */
#define TABLE_VA        UINT64_C(0xffffffffff000000)
#define FRAMES_MAX      64
#define ENTRIES_A_FRAME (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define RESERVED        8 /* xen/grant_table.h: GNTTAB_NR_RESERVED_ENTRIES */
#define END             0 /* of the free list: a reserved entry */

static grant_entry_v1_t *const table = (grant_entry_v1_t *)TABLE_VA;
static unsigned entries, free_count;
static grant_ref_t free_first;

int grant_init(void)
{
    static xen_pfn_t frames[FRAMES_MAX];
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_setup_table setup = {.dom = DOMID_SELF};
    int error;

    if (entries)
        return 0;
    error = xen_grant_table_op(GNTTABOP_query_size, &size, 1);
    if (error || size.status != GNTST_okay) {
        log_error("Xen tells no grant table size: error %d, status %d", error, size.status);
        return -ENODEV;
    }
    setup.nr_frames = MIN(size.max_nr_frames, (uint32_t)FRAMES_MAX);
    set_xen_guest_handle(setup.frame_list, frames);
    error = xen_grant_table_op(GNTTABOP_setup_table, &setup, 1);
    if (error || setup.status != GNTST_okay) {
        log_error("Xen refuses %u grant table frames: error %d, status %d", setup.nr_frames, error,
                  setup.status);
        return -ENODEV;
    }
    for (unsigned i = 0; i < setup.nr_frames; i++) {
        const pte_t *entry = table_entry(TABLE_VA + i * PAGE_SIZE, true);

        if (!entry)
            return -ENOMEM;
        table_set(entry, frames[i] << PAGE_SHIFT | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED |
                             PTE_DIRTY | PTE_NOEXEC);
    }
    table_commit(false);
    entries = setup.nr_frames * ENTRIES_A_FRAME;

    /* Free entries are chained through `frame`, which means nothing while `flags` is 0. */
    for (grant_ref_t ref = entries - 1; ref >= RESERVED; ref--) {
        table[ref].frame = free_first;
        free_first = ref;
    }
    free_count = entries - RESERVED;
    return 0;
}

unsigned grant_available(void)
{
    return free_count;
}

int grant_access(domid_t peer, const void *page, bool readonly)
{
    grant_ref_t ref;
    uint64_t mfn = page_mfn(page);

    if (grant_init())
        return -ENODEV;
    if (free_first == END) {
        static bool told;

        if (!told)
            log_error("all %u grants are in use (Xen's option gnttab_max_frames)",
                      entries - RESERVED);
        told = true;
        return -ENOSPC;
    }
    if (mfn > UINT32_MAX) /* version 1 has 32 bits: machines of 16 TiB and more */
        return -EOVERFLOW;
    ref = free_first;
    free_first = table[ref].frame;
    free_count--;
    table[ref].domid = peer;
    table[ref].frame = (uint32_t)mfn;
    /* The flags make the entry valid: last. */
    __atomic_store_n(&table[ref].flags, GTF_permit_access | (readonly ? GTF_readonly : 0),
                     __ATOMIC_RELEASE);
    return (int)ref;
}

int grant_end(grant_ref_t ref)
{
    uint16_t flags;

    if (ref < RESERVED || ref >= entries)
        return -EINVAL;
    flags = __atomic_load_n(&table[ref].flags, __ATOMIC_RELAXED);
    do {
        if (!(flags & GTF_type_mask))
            return -EINVAL;
        if (flags & (GTF_reading | GTF_writing))
            return -EBUSY;
    } while (!__atomic_compare_exchange_n(&table[ref].flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    table[ref].frame = free_first;
    free_first = ref;
    free_count++;
    return 0;
}

int grant_map(domid_t peer, grant_ref_t ref, uint64_t pte_machine, bool readonly,
              grant_handle_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = pte_machine,
        /* avail0 is PTE_FOREIGN: the entry does not count as a page of ours. */
        .flags = GNTMAP_host_map | GNTMAP_application_map | GNTMAP_contains_pte |
                 (1u << _GNTMAP_guest_avail0) | (readonly ? GNTMAP_readonly : 0),
        .ref = ref,
        .dom = peer,
    };
    int error = xen_grant_table_op(GNTTABOP_map_grant_ref, &op, 1);

    if (error)
        return error;
    if (op.status != GNTST_okay) {
        log_debug("grant %u of domain %u cannot be mapped: status %d", ref, peer, op.status);
        return op.status == GNTST_permission_denied ? -EACCES
               : op.status == GNTST_eagain          ? -EAGAIN
               : op.status == GNTST_no_space        ? -ENOMEM
                                                    : -EINVAL;
    }
    *handle = op.handle;
    return 0;
}

int grant_unmap(grant_handle_t handle, uint64_t pte_machine)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = pte_machine, .handle = handle};
    int error = xen_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);

    return error ? error : op.status == GNTST_okay ? 0 : -EINVAL;
}
