/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/descriptors.c: see descriptors.h.
 */
#include "launch/descriptors.h"

#include <limits.h>
#include <unistd.h>

void close_all_but(const int *kept, size_t count)
{
    for (int fd = 3, next;; fd = next + 1) {
        next = INT_MAX;
        for (size_t i = 0; i < count; i++)
            if (kept[i] >= fd && kept[i] < next)
                next = kept[i];
        if (next > fd)
            close_range((unsigned)fd, next == INT_MAX ? ~0u : (unsigned)next - 1, 0);
        if (next == INT_MAX)
            return;
    }
}
