/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/boot/image.h: the ELF file behind an address of the program, for backtraces: its unwind table and
 * its symbols, read from the file and not from the process, which is not in a state to be trusted. */
#ifndef GUEST_BOOT_IMAGE_H
#define GUEST_BOOT_IMAGE_H

#include "guest/kernel.h"

struct inode;

#define IMAGE_SEGMENTS 32

struct image {
    struct inode *inode;
    const char *path;
    uint64_t base;                /* add to the file's addresses */
    uint64_t unwind, unwind_size; /* PT_GNU_EH_FRAME: address in the file and length; 0: none */
    unsigned segments;            /* PT_LOADs: */
    struct {
        uint64_t address, offset, size;
    } segment[IMAGE_SEGMENTS];
};

/* The image that is mapped at `address`. False: none, or a damaged one. */
bool image_find(uint64_t address, struct image *image);

/* Read bytes that the file has for one of its addresses; how many. */
size_t image_read(const struct image *image, uint64_t address, void *to, size_t size);

/* Where .eh_frame lies, by the section headers: static programs have no PT_GNU_EH_FRAME. */
bool image_unwind_records(const struct image *image, uint64_t *address, uint64_t *size);

/* The function that holds `address` (of the process), NUL-terminated, and how far into it. False: unknown. */
bool image_symbol(const struct image *image, uint64_t address, char *name, size_t size,
                  uint64_t *distance);

#endif
