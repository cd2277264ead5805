/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/mm/area.h: what areas (vm.c, and devices) ask of their pages (fault.c). */
#ifndef GUEST_MM_AREA_H
#define GUEST_MM_AREA_H

#include "guest/mm/vm.h"

/* Let go of the pages in [start, end). A page may go back to the allocator before its entry is gone:
 * nothing allocates, and the process does not run, until table_commit. */
void pages_drop(uint64_t start, uint64_t end);

/* Give every page of [from, to) in `area` that has none its page. 0, or what the first failure was. */
int area_fill(struct area *area, uint64_t from, uint64_t to, bool write);

/* Change the entries of [start, end) to the area's protection. */
int pages_protect(struct area *area, uint64_t start, uint64_t end);

/* Move the entries of [from, from + length) to `to`, where nothing is mapped. */
int pages_move(uint64_t from, uint64_t to, uint64_t length);

#endif
