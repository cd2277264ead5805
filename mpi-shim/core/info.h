/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/info.h: info objects: an ordered list of key and value (MPI 3.1 chapter 9).
 *
 * The caller holds core_lock where several threads may use one object.
 */
#ifndef CORE_INFO_H
#define CORE_INFO_H

#include <stdbool.h>
#include <stdint.h>

enum { INFO_MAGIC = 0x494e464f, MAX_INFO_KEY = 36, MAX_INFO_VAL = 256 };

struct info {
    uint32_t magic;
    bool predefined;
    int count;
    struct info_entry *first;
};

struct info_entry {
    struct info_entry *next;
    char key[MAX_INFO_KEY];
    char value[MAX_INFO_VAL];
};

/* A new one, empty or with the entries of `from`, where that is not NULL. 0 or ERR_NO_MEM. */
int info_create(const struct info *from, struct info **made);
void info_free(struct info *info);

/* Key and value are shorter than MAX_INFO_KEY and MAX_INFO_VAL. 0 or ERR_NO_MEM. */
int info_set(struct info *info, const char *key, const char *value);
/* 0 or ERR_INFO_NOKEY. */
int info_delete(struct info *info, const char *key);

/* The value of a key, the n-th key: NULL where there is none. They live until the entry changes. */
const char *info_get(const struct info *info, const char *key);
const char *info_key(const struct info *info, int n);

#endif
