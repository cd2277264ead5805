/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/xen/grant.h: pages given to other domains, and pages of theirs mapped here.
 *
 * Grant table version 1. Entries 0 to 7 belong to Xen's tools. Pages are named by their kernel address
 * (mm/page.h) and are zeroed by whoever grants them: a grant hands over all the 4096 bytes (XSA-403).
 */
#ifndef GUEST_XEN_GRANT_H
#define GUEST_XEN_GRANT_H

#include "guest/kernel.h"

#include <xen/xen.h>
#include <xen/grant_table.h>

/* Set up the table with as many frames as Xen allows. A negative errno when Xen refuses. */
int grant_init(void);

/* How many grants may still be made. */
unsigned grant_available(void);

/* Let `peer` map or copy the page at `page`, which must stay allocated until grant_end says 0.
 * Returns the reference (8 and up), or -ENOSPC when the table is full. */
int grant_access(domid_t peer, const void *page, bool readonly);

/* Take a grant back. 0: the peer holds no mapping any more and can make none, decided by one atomic
 * operation (XSA-396); the reference is free and the page may be reused. -EBUSY: the peer still has
 * it mapped; the page must never be freed or reused, the reference stays valid, try again later. */
int grant_end(grant_ref_t ref);

/* Map page `ref` of domain `peer`. `pte_machine` is the machine address of the page table entry
 * that shall hold the mapping (mm/table.h finds it): the mapping is made there and nowhere else,
 * for user and kernel mode. Returns 0 and the handle, or a negative errno. */
int grant_map(domid_t peer, grant_ref_t ref, uint64_t pte_machine, bool readonly,
              grant_handle_t *handle);

/* Undo grant_map, at the same page table entry. */
int grant_unmap(grant_handle_t handle, uint64_t pte_machine);

#endif
