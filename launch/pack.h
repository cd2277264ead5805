/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pack.h: a program with all that the dynamic linker opens for it, as an initrd.
 */
#ifndef CARAVAN_PACK_H
#define CARAVAN_PACK_H

#include <stdint.h>

#include "launch/string_list.h"

/* Pack the program that `name` means with this environment (PATH, LD_LIBRARY_PATH, LD_PRELOAD), seen from `directory`, into the
 * empty file `to`. The size of that, and in `program` the path it has there, the caller's to free; or a negative errno with
 * one line in `error`. */
int64_t pack_program(int to, const char *name, const struct strings *environment,
                     const char *directory, char **program, char *error, size_t size);

#endif
