/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/descriptors.h: which descriptors a child keeps.
 */
#ifndef CARAVAN_DESCRIPTORS_H
#define CARAVAN_DESCRIPTORS_H

#include <stddef.h>

/* Close every descriptor but the standard ones and these (negative ones are none). */
void close_all_but(const int *kept, size_t count);

#endif
