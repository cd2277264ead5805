/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/closure.h: the files that a program is made of: itself, its interpreter and the libraries that this would load.
 *
 * Nothing is run to find them. The rules are those of ld.so(8), with Debian's default directories: the RPATH of who needs the
 * library and of who loaded that (where there is no RUNPATH), LD_LIBRARY_PATH, the RUNPATH of who needs it, ld.so.cache,
 * the default directories. Of $ORIGIN, $LIB and $PLATFORM in them. Not followed: what a program opens by itself
 * (dlopen), and the variants of a library for newer processors (glibc-hwcaps).
 */
#ifndef CARAVAN_CLOSURE_H
#define CARAVAN_CLOSURE_H

#include "launch/string_list.h"

struct closure_search {
    const char *directory;    /* relative names start here; absolute itself */
    const char *library_path; /* LD_LIBRARY_PATH; NULL: none */
    const char *preload;      /* LD_PRELOAD; NULL: none */
    const char *cache;        /* NULL: /etc/ld.so.cache */
};

/* What `name` (an argument of execvp) means: with `path` as PATH (NULL: the usual), and with the directory as the last place to
 * look, as rank.c's own start has it. The caller's to free; NULL and an error: -ENOENT, or -EACCES for one that may not be run. */
char *closure_find_program(const char *name, const char *path, const char *directory, int *error);

/* The absolute names of the program's files, as they would be opened, the program first; added to `files`. 0; -ENOEXEC for
 * a file that a guest cannot run or load, -ENOENT for one that is missing, or what open says: with one line in `error`. */
int closure_find(const char *program, const struct closure_search *search, struct strings *files,
                 char *error, size_t size);

#endif
