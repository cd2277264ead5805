/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/boot/image.h"
#include "guest/linux/file.h"
#include "guest/linux/process.h"
#include "guest/mm/vm.h"

#include <linux/elf.h>

bool image_find(uint64_t address, struct image *image)
{
    struct area *area = vm_find(address);
    Elf64_Ehdr header;
    uint64_t offset;
    bool found = false;

    if (!area || area->start > address || !area->file || !S_ISREG(area->file->inode->mode))
        return false;
    memset(image, 0, sizeof *image);
    image->inode = area->file->inode;
    image->path = area->file->path ? area->file->path : process.executable;
    offset = area->offset + (address - area->start);
    if (inode_read(image->inode, &header, sizeof header, 0) != sizeof header ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;

        if (inode_read(image->inode, &segment, sizeof segment,
                       header.e_phoff + i * sizeof segment) != sizeof segment)
            return false;
        if (segment.p_type == PT_LOAD && image->segments < IMAGE_SEGMENTS) {
            unsigned n = image->segments++;

            image->segment[n].address = segment.p_vaddr;
            image->segment[n].offset = segment.p_offset;
            image->segment[n].size = segment.p_filesz;
            /* Segments may share a page of the file: the one with the same protection is meant. */
            if (offset >= page_down(segment.p_offset) &&
                offset < page_up(segment.p_offset + segment.p_filesz) &&
                (!found || segment.p_flags & PF_X)) {
                image->base = address - (segment.p_vaddr + offset - segment.p_offset);
                found = true;
            }
        } else if (segment.p_type == 0x6474e550 /* PT_GNU_EH_FRAME */) {
            image->unwind = segment.p_vaddr;
            image->unwind_size = segment.p_memsz;
        }
    }
    return found;
}

size_t image_read(const struct image *image, uint64_t address, void *to, size_t size)
{
    for (unsigned i = 0; i < image->segments; i++) {
        uint64_t inside = address - image->segment[i].address;

        if (address >= image->segment[i].address && inside < image->segment[i].size) {
            ssize_t got = inode_read(image->inode, to, MIN(size, image->segment[i].size - inside),
                                     image->segment[i].offset + inside);

            return got > 0 ? (size_t)got : 0;
        }
    }
    return 0;
}

bool image_unwind_records(const struct image *image, uint64_t *address, uint64_t *size)
{
    static const char wanted[] = ".eh_frame";
    Elf64_Ehdr header;
    Elf64_Shdr names, section;
    char name[sizeof wanted];

    if (inode_read(image->inode, &header, sizeof header, 0) != sizeof header ||
        header.e_shentsize != sizeof section || header.e_shstrndx >= header.e_shnum ||
        inode_read(image->inode, &names, sizeof names,
                   header.e_shoff + header.e_shstrndx * sizeof names) != sizeof names)
        return false;
    for (unsigned i = 0; i < header.e_shnum; i++) {
        if (inode_read(image->inode, &section, sizeof section,
                       header.e_shoff + i * sizeof section) != sizeof section)
            return false;
        if (inode_read(image->inode, name, sizeof name, names.sh_offset + section.sh_name) !=
                sizeof name ||
            memcmp(name, wanted, sizeof wanted) != 0)
            continue;
        *address = section.sh_addr;
        *size = section.sh_size;
        return true;
    }
    return false;
}

/* The best symbol of one table. Hand-written assembly may give none of its functions a size. */
#define SIZE_UNKNOWN 64

static bool table_search(const struct image *image, const Elf64_Shdr *symbols,
                         const Elf64_Shdr *strings, uint64_t address, char *name, size_t size,
                         uint64_t *distance)
{
    static Elf64_Sym chunk[128];
    uint64_t best = 0, best_name = 0;
    bool found = false;

    for (uint64_t at = 0; at < symbols->sh_size; at += sizeof chunk) {
        ssize_t got = inode_read(image->inode, chunk, MIN(sizeof chunk, symbols->sh_size - at),
                                 symbols->sh_offset + at);

        for (ssize_t i = 0; i < got / (ssize_t)sizeof *chunk; i++) {
            const Elf64_Sym *symbol = &chunk[i];

            if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || !symbol->st_shndx ||
                symbol->st_value > address || (found && symbol->st_value < best) ||
                address - symbol->st_value >= MAX(symbol->st_size, (uint64_t)SIZE_UNKNOWN))
                continue;
            best = symbol->st_value;
            best_name = symbol->st_name;
            found = true;
        }
        if (got <= 0)
            break;
    }
    if (!found)
        return false;

    ssize_t length = inode_read(image->inode, name, size - 1, strings->sh_offset + best_name);

    if (length <= 0)
        return false;
    name[length] = '\0';
    *distance = address - best;
    return true;
}

bool image_symbol(const struct image *image, uint64_t address, char *name, size_t size,
                  uint64_t *distance)
{
    static const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM}; /* the full table where it is left */
    Elf64_Ehdr header;

    address -= image->base;
    if (inode_read(image->inode, &header, sizeof header, 0) != sizeof header ||
        header.e_shentsize != sizeof(Elf64_Shdr))
        return false;
    for (unsigned kind = 0; kind < ARRAY_SIZE(kinds); kind++)
        for (unsigned i = 0; i < header.e_shnum; i++) {
            Elf64_Shdr symbols, strings;

            if (inode_read(image->inode, &symbols, sizeof symbols,
                           header.e_shoff + i * sizeof symbols) != sizeof symbols)
                return false;
            if (symbols.sh_type != kinds[kind] || symbols.sh_link >= header.e_shnum ||
                inode_read(image->inode, &strings, sizeof strings,
                           header.e_shoff + symbols.sh_link * sizeof strings) != sizeof strings)
                continue;
            if (table_search(image, &symbols, &strings, address, name, size, distance))
                return true;
        }
    return false;
}
