/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/elf_file.c: see elf_file.h. The dynamic section is found by the program headers, as the dynamic linker finds it: section
 * headers may be missing (System V ABI, AMD64 supplement and generic ABI, chapter 5).
 */
#include "launch/elf_file.h"

#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_SEGMENTS = 1 << 12,
    MAX_NEEDED = 1 << 12,
};

struct view {
    const char *bytes;
    size_t size;
    Elf64_Ehdr header;
};

static bool fits(const struct view *view, uint64_t at, uint64_t length)
{
    return at <= view->size && length <= view->size - at;
}

/* A copy, since the file's own alignment is not to be relied on. */
static bool read_at(const struct view *view, uint64_t at, void *to, size_t length)
{
    if (!fits(view, at, length))
        return false;
    memcpy(to, view->bytes + at, length);
    return true;
}

__attribute__((format(printf, 4, 5))) static enum elf_kind
refuse(char *error, size_t size, enum elf_kind kind, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(error, size, format, list);
    va_end(list);
    return kind;
}

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {{EM_386, "32-bit x86"}, {EM_ARM, "ARM"},       {EM_AARCH64, "AArch64"},
                 {EM_PPC64, "POWER"},    {EM_RISCV, "RISC-V"},  {EM_S390, "S/390"},
                 {EM_MIPS, "MIPS"},      {EM_X86_64, "x86-64"}, {EM_LOONGARCH, "LoongArch"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (names[i].machine == machine)
            return names[i].name;
    return "another machine";
}

static enum elf_kind check_header(struct view *view, char *error, size_t size)
{
    unsigned char ident[EI_NIDENT];
    Elf32_Half type_and_machine[2];

    if (!read_at(view, 0, ident, sizeof(ident)) || memcmp(ident, ELFMAG, SELFMAG) != 0) {
        if (view->size >= 2 && memcmp(view->bytes, "#!", 2) == 0)
            return refuse(error, size, ELF_NOT,
                          "is a script; a guest runs ELF programs: name the interpreter, and the"
                          " script as its first argument");
        return refuse(error, size, ELF_NOT, "is not an ELF file");
    }
    if (!read_at(view, EI_NIDENT, type_and_machine, sizeof(type_and_machine)))
        return refuse(error, size, ELF_BROKEN, "is cut off inside its ELF header");
    if (ident[EI_DATA] != ELFDATA2LSB || ident[EI_CLASS] != ELFCLASS64 ||
        type_and_machine[1] != EM_X86_64)
        return refuse(error, size, ELF_FOREIGN,
                      "is for %s (%s, machine %u); a guest runs 64-bit x86-64 programs",
                      ident[EI_DATA] == ELFDATA2LSB ? machine_name(type_and_machine[1])
                                                    : "a big-endian machine",
                      ident[EI_CLASS] == ELFCLASS64 ? "64 bits" : "32 bits", type_and_machine[1]);
    if (!read_at(view, 0, &view->header, sizeof(view->header)))
        return refuse(error, size, ELF_BROKEN, "is cut off inside its ELF header");
    if (view->header.e_type != ET_EXEC && view->header.e_type != ET_DYN)
        return refuse(error, size, ELF_BROKEN,
                      "is an ELF file that cannot be run (an object file, or a core)");
    if (view->header.e_phentsize != sizeof(Elf64_Phdr) || view->header.e_phnum == 0 ||
        view->header.e_phnum > MAX_SEGMENTS ||
        !fits(view, view->header.e_phoff, (uint64_t)view->header.e_phnum * sizeof(Elf64_Phdr)))
        return refuse(error, size, ELF_BROKEN, "has no proper program headers");
    return ELF_OK;
}

static void segment(const struct view *view, unsigned index, Elf64_Phdr *segment)
{
    read_at(view, view->header.e_phoff + index * sizeof(*segment), segment, sizeof(*segment));
}

/* Where in the file lies what is loaded at `address`, and how much of that segment follows. */
static bool file_offset(const struct view *view, uint64_t address, uint64_t *offset, uint64_t *left)
{
    for (unsigned i = 0; i < view->header.e_phnum; i++) {
        Elf64_Phdr load;

        segment(view, i, &load);
        if (load.p_type != PT_LOAD || address < load.p_vaddr ||
            address - load.p_vaddr >= load.p_filesz || !fits(view, load.p_offset, load.p_filesz))
            continue;
        *offset = load.p_offset + (address - load.p_vaddr);
        *left = load.p_filesz - (address - load.p_vaddr);
        return true;
    }
    return false;
}

struct dynamic {
    const struct view *view;
    uint64_t at, entries;
    uint64_t strings, strings_size; /* in the file */
};

static bool entry(const struct dynamic *dynamic, uint64_t index, Elf64_Dyn *item)
{
    return index < dynamic->entries &&
           read_at(dynamic->view, dynamic->at + index * sizeof(*item), item, sizeof(*item)) &&
           item->d_tag != DT_NULL;
}

static bool find_strings(struct dynamic *dynamic)
{
    uint64_t address = 0, size = 0, left;
    Elf64_Dyn item;

    for (uint64_t i = 0; entry(dynamic, i, &item); i++) {
        if (item.d_tag == DT_STRTAB)
            address = item.d_un.d_ptr;
        if (item.d_tag == DT_STRSZ)
            size = item.d_un.d_val;
    }
    if (!file_offset(dynamic->view, address, &dynamic->strings, &left))
        return false;
    dynamic->strings_size = size < left ? size : left;
    return true;
}

/* A name in the string table; NULL when it does not lie there, or is empty. */
static const char *name_at(const struct dynamic *dynamic, uint64_t offset)
{
    if (offset >= dynamic->strings_size)
        return NULL;

    const char *name = dynamic->view->bytes + dynamic->strings + offset;

    return *name && memchr(name, '\0', dynamic->strings_size - offset) ? name : NULL;
}

static bool keep(char **to, const char *name)
{
    if (!name)
        return false;
    free(*to);
    *to = text_copy(name);
    return true;
}

static bool read_dynamic(const struct view *view, uint64_t at, uint64_t size, struct elf_file *file)
{
    struct dynamic dynamic = {.view = view, .at = at, .entries = size / sizeof(Elf64_Dyn)};
    Elf64_Dyn item;
    bool named = false;

    for (uint64_t i = 0; entry(&dynamic, i, &item); i++)
        named |= item.d_tag == DT_NEEDED || item.d_tag == DT_SONAME || item.d_tag == DT_RPATH ||
                 item.d_tag == DT_RUNPATH;
    /* A static program that can be loaded anywhere has a dynamic section with nothing of these in it. */
    if (named && !find_strings(&dynamic))
        return false;
    for (uint64_t i = 0; entry(&dynamic, i, &item); i++) {
        const char *name = name_at(&dynamic, item.d_un.d_val);

        switch (item.d_tag) {
        case DT_NEEDED:
            if (!name || file->needed.count >= MAX_NEEDED)
                return false;
            strings_add(&file->needed, name);
            break;
        case DT_SONAME:
            if (!keep(&file->soname, name))
                return false;
            break;
        case DT_RPATH:
            /* An empty one says nothing, and none counts beside a DT_RUNPATH. */
            if (!file->runpath)
                keep(&file->rpath, name);
            break;
        case DT_RUNPATH:
            if (keep(&file->runpath, name)) {
                free(file->rpath);
                file->rpath = NULL;
            }
            break;
        case DT_FLAGS_1:
            file->no_default = item.d_un.d_val & DF_1_NODEFLIB;
            break;
        }
    }
    return true;
}

enum elf_kind elf_read(const void *bytes, size_t size, struct elf_file *file, char *error,
                       size_t error_size)
{
    struct view view = {.bytes = bytes, .size = size};
    enum elf_kind kind;

    *file = (struct elf_file){0};
    kind = check_header(&view, error, error_size);
    if (kind != ELF_OK)
        return kind;
    for (unsigned i = 0; i < view.header.e_phnum; i++) {
        Elf64_Phdr part;

        segment(&view, i, &part);
        if (part.p_type != PT_INTERP && part.p_type != PT_DYNAMIC && part.p_type != PT_LOAD)
            continue;
        if (!fits(&view, part.p_offset, part.p_filesz))
            return refuse(error, error_size, ELF_BROKEN,
                          "is cut off: it has %zu bytes, and a part of it ends at %llu", size,
                          (unsigned long long)(part.p_offset + part.p_filesz));
        if (part.p_type == PT_INTERP) {
            const char *path = view.bytes + part.p_offset;

            if (part.p_filesz < 2 || path[0] != '/' || path[part.p_filesz - 1] != '\0')
                return refuse(error, error_size, ELF_BROKEN, "names no proper interpreter");
            free(file->interpreter);
            file->interpreter = text_copy(path);
        } else if (part.p_type == PT_DYNAMIC) {
            file->dynamic = true;
            strings_clear(&file->needed);
            if (!read_dynamic(&view, part.p_offset, part.p_filesz, file))
                return refuse(error, error_size, ELF_BROKEN, "has a damaged dynamic section");
        }
    }
    return ELF_OK;
}

void elf_clear(struct elf_file *file)
{
    free(file->interpreter);
    free(file->soname);
    free(file->rpath);
    free(file->runpath);
    strings_clear(&file->needed);
    *file = (struct elf_file){0};
}
