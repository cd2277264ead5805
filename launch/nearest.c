/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/nearest.c: see nearest.h.
 */
#include "launch/nearest.h"

#include <string.h>

enum { MAX_LENGTH = 64 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Damerau's distance: insertions, deletions, changes, and swaps of neighbours. */
static unsigned distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    unsigned row[3][MAX_LENGTH + 1];

    if (rows > MAX_LENGTH || columns > MAX_LENGTH)
        return MAX_LENGTH;
    for (size_t j = 0; j <= columns; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= rows; i++) {
        unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            now[j] = least(least(before[j], now[j - 1]) + 1,
                           before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], earlier[j - 2] + 1);
        }
    }
    return row[rows % 3][columns];
}

const char *nearest(const char *text, const void *names, size_t count, size_t stride)
{
    /* A third of what was typed may be wrong, but for a single letter. */
    unsigned best = least((unsigned)(strlen(text) + 2) / 3, 3) + 1;
    const char *found = NULL;

    for (size_t i = 0; i < count; i++) {
        const char *name = *(const char *const *)((const char *)names + i * stride);
        unsigned edits = name ? distance(text, name) : MAX_LENGTH;

        if (edits < best) {
            best = edits;
            found = name;
        }
    }
    return found;
}
