/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/xl.h: run xl(1), Xen's toolstack, as the first in PATH.
 */
#ifndef CARAVAN_XL_H
#define CARAVAN_XL_H

#include <stddef.h>
#include <sys/types.h>

/* Run `xl` with these arguments (NULL-terminated, without `xl` itself) for at most `milliseconds`, after which it is killed.
 * What it writes, on standard output and error, is in `output`, cut off at `size` - 1. Its exit status; 128 + N when
 * signal N ended it; -ENOENT: there is no xl; -ETIMEDOUT; or another negative errno. */
int xl_run(const char *const *arguments, int milliseconds, char *output, size_t size);

/* Start it and do not wait; its output goes nowhere. Its process, or a negative errno. */
pid_t xl_start(const char *const *arguments);

#endif
