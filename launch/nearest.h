/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/nearest.h: what somebody may have meant.
 */
#ifndef CARAVAN_NEAREST_H
#define CARAVAN_NEAREST_H

#include <stddef.h>

/* Of `count` names, `stride` bytes apart and each a `const char *`, the one with the fewest edits from `text`; NULL
 * when none is near. Names that are NULL are skipped. */
const char *nearest(const char *text, const void *names, size_t count, size_t stride);

#endif
