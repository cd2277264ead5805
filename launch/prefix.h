/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/prefix.h: where the parts of this installation are, found from the program that runs: an installed prefix may
 * be moved, and a build tree has the same layout.
 */
#ifndef CARAVAN_PREFIX_H
#define CARAVAN_PREFIX_H

/* All are the caller's to free. */

/* The running program; `absent` where the system does not say. */
char *prefix_self(const char *absent);

/* A program beside it. */
char *prefix_program(const char *name);

/* The directory of libmpi.so.40; where there is none, the one where it should be. */
char *prefix_library_directory(void);

/* The guest kernel; where there is none, the place where it should be. */
char *prefix_guest_kernel(void);

#endif
