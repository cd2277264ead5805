/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/elf_file.h: what the dynamic linker would read in an ELF file.
 *
 * The file is anybody's: every offset, size and string in it is checked against its length before it is used.
 */
#ifndef CARAVAN_ELF_FILE_H
#define CARAVAN_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "launch/string_list.h"

enum elf_kind {
    ELF_OK,
    ELF_NOT,     /* no ELF file at all */
    ELF_FOREIGN, /* of another machine or word size: the dynamic linker looks further */
    ELF_BROKEN,  /* of ours, and not as it should be */
};

struct elf_file {
    bool dynamic; /* it has a dynamic section: a library, or a program that is linked with some */
    char *interpreter; /* NULL: none */
    char *soname;      /* NULL: none */
    char *rpath;       /* NULL: none, or there is a RUNPATH, before which it does not count */
    char *runpath;     /* NULL: none */
    bool no_default;   /* -z nodefaultlib: neither the cache nor the default directories */
    struct strings needed;
};

/* Take `size` bytes at `bytes` apart. What is found is the caller's, to be given to elf_clear in any case; when it is not
 * ELF_OK, `error` says why in words that follow the file's name ("is for AArch64, ..."). */
enum elf_kind elf_read(const void *bytes, size_t size, struct elf_file *file, char *error,
                       size_t error_size);
void elf_clear(struct elf_file *file);

#endif
