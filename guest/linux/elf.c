/* SPDX-License-Identifier: BSD-2-Clause */
/* The ELF loader: program, interpreter, stack. What it reads is a file's: every number is checked. */
#include "guest/linux/file.h"
#include "guest/boot/boot.h"
#include "guest/boot/trap.h"
#include "guest/linux/calls.h"
#include "guest/linux/process.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"

#include <linux/auxvec.h>
#include <linux/elf.h>
#include <linux/mman.h>

#define HEADERS_MAX     64
#define SCRIPT_LINE     256
#define STACK_EXTRA     0x20000 /* arguments and environment come on top of the stack's size */
#define STACK_WORDS     64      /* what lies below them but for their addresses */
#define HWCAP2_FSGSBASE 2

struct program {
    const char *path;
    struct file *file;
    Elf64_Ehdr header;
    Elf64_Phdr headers[HEADERS_MAX];
    uint64_t base;  /* where address 0 of the file lies */
    uint64_t end;   /* of the highest segment */
    uint64_t table; /* the program headers in memory */
    char interpreter[FILE_PATH_MAX];
};

static int bad(const struct program *program, int error, const char *why)
{
    log_error("%s cannot run: %s", program->path, why);
    return error;
}

static int program_open(struct program *program, const char *path)
{
    struct path found;
    int error;

    program->path = path;
    program->interpreter[0] = '\0';
    error = path_find(file_directory, path, true, &found);
    if (!error && !found.inode)
        error = -ENOENT;
    if (error == -ENOENT)
        return bad(program, error, "no such file in the initrd");
    if (error)
        return bad(program, error, "its path cannot be followed");
    if (!S_ISREG(found.inode->mode))
        return bad(program, -EACCES, "it is not a regular file");
    program->file = file_open(found.inode, O_RDONLY, &error);
    if (!program->file)
        return bad(program, error, "no memory");
    return 0;
}

static int program_check(struct program *program)
{
    const Elf64_Ehdr *header = &program->header;
    struct inode *inode = program->file->inode;
    ssize_t size = inode_read(inode, &program->header, sizeof *header, 0);
    size_t table;

    if (size < (ssize_t)sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return bad(program, -ENOEXEC, "it is not an ELF file");
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64) {
        log_error("%s cannot run: it is for another machine (ELF class %u, machine %u)",
                  program->path, header->e_ident[EI_CLASS], header->e_machine);
        return -ENOEXEC;
    }
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return bad(program, -ENOEXEC, "it is not an executable (a core or an object file?)");
    if (header->e_phentsize != sizeof(Elf64_Phdr) || !header->e_phnum ||
        header->e_phnum > HEADERS_MAX)
        return bad(program, -ENOEXEC, "its program headers are damaged");
    table = header->e_phnum * sizeof(Elf64_Phdr);
    if (inode_read(inode, program->headers, table, header->e_phoff) != (ssize_t)table)
        return bad(program, -ENOEXEC, "it is cut off in the program headers");

    uint64_t below = 0;

    for (unsigned i = 0; i < header->e_phnum; i++) {
        const Elf64_Phdr *segment = &program->headers[i];

        if (segment->p_type == PT_LOAD) {
            if (segment->p_filesz > segment->p_memsz || segment->p_vaddr >= USER_TOP ||
                segment->p_memsz > USER_TOP - segment->p_vaddr || segment->p_vaddr < below ||
                (segment->p_vaddr ^ segment->p_offset) & (PAGE_SIZE - 1))
                return bad(program, -ENOEXEC, "a segment is damaged");
            if (segment->p_offset > inode->size ||
                segment->p_filesz > inode->size - segment->p_offset)
                return bad(program, -ENOEXEC, "it is cut off");
            below = segment->p_vaddr + segment->p_memsz;
        } else if (segment->p_type == PT_INTERP) {
            if (segment->p_filesz < 2 || segment->p_filesz > sizeof program->interpreter ||
                inode_read(inode, program->interpreter, segment->p_filesz, segment->p_offset) !=
                    (ssize_t)segment->p_filesz ||
                program->interpreter[segment->p_filesz - 1])
                return bad(program, -ENOEXEC, "the name of its interpreter is damaged");
        }
    }
    return 0;
}

static int segment_map(struct program *program, const Elf64_Phdr *segment)
{
    uint64_t start = program->base + segment->p_vaddr, from = page_down(start);
    uint64_t file_end = start + segment->p_filesz, memory_end = start + segment->p_memsz;
    unsigned prot = (segment->p_flags & PF_R ? PROT_READ : 0) |
                    (segment->p_flags & PF_W ? PROT_WRITE : 0) |
                    (segment->p_flags & PF_X ? PROT_EXEC : 0);
    int64_t result;

    if (segment->p_filesz) {
        result = vm_map(from, file_end - from, prot, MAP_PRIVATE | MAP_FIXED, program->file,
                        page_down(segment->p_offset));
        if (result < 0)
            return (int)result;
        /* The last page's rest belongs to the zeros that follow, where the segment can be written. */
        if (memory_end > file_end && prot & PROT_WRITE &&
            user_clear((void *)file_end, page_up(file_end) - file_end))
            return -ENOMEM;
    } else {
        file_end = from;
    }
    if (page_up(memory_end) > page_up(file_end)) {
        result = vm_map(page_up(file_end), page_up(memory_end) - page_up(file_end), prot,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0);
        if (result < 0)
            return (int)result;
    }
    return 0;
}

/* Map the segments; `where`: the preferred place of a position-independent one, 0: any. */
static int program_map(struct program *program, uint64_t where)
{
    uint64_t low = UINT64_MAX, high = 0, align = PAGE_SIZE;
    int64_t start;

    for (unsigned i = 0; i < program->header.e_phnum; i++) {
        const Elf64_Phdr *segment = &program->headers[i];

        if (segment->p_type != PT_LOAD)
            continue;
        low = MIN(low, page_down(segment->p_vaddr));
        high = MAX(high, page_up(segment->p_vaddr + segment->p_memsz));
        if (segment->p_align > align && segment->p_align <= 1 << 21 &&
            !(segment->p_align & (segment->p_align - 1)))
            align = segment->p_align;
    }
    if (low >= high)
        return bad(program, -ENOEXEC, "it has nothing to load");
    if (program->header.e_type == ET_EXEC) {
        start = vm_map(low, high - low, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, NULL, 0);
    } else if (where) {
        where = (where + align - 1) & ~(align - 1);
        start = vm_map(where, high - low, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, NULL, 0);
    } else {
        start = vm_map(0, high - low + align - PAGE_SIZE, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);
        if (start > 0) { /* cut to the alignment */
            uint64_t got = (uint64_t)start, size = high - low + align - PAGE_SIZE;
            uint64_t aligned = (got + align - 1) & ~(align - 1);

            if (aligned > got)
                vm_unmap(got, aligned - got);
            if (aligned + high - low < got + size)
                vm_unmap(aligned + high - low, got + size - (aligned + high - low));
            start = (int64_t)aligned;
        }
    }
    if (start < 0)
        return bad(program, (int)start, "there is no room at its addresses");
    program->base = (uint64_t)start - low;
    program->end = program->base + high;
    for (unsigned i = 0; i < program->header.e_phnum; i++) {
        const Elf64_Phdr *segment = &program->headers[i];
        int error;

        if (segment->p_type == PT_LOAD) {
            error = segment_map(program, segment);
            if (error)
                return bad(program, error, "no memory for its segments");
            if (program->header.e_phoff >= segment->p_offset &&
                program->header.e_phoff - segment->p_offset < segment->p_filesz)
                program->table = program->base + segment->p_vaddr +
                                 (program->header.e_phoff - segment->p_offset);
        }
    }
    return 0;
}

/* "#! interpreter [argument]": puts both in front of the arguments. */
static int script_arguments(struct program *program)
{
    static char line[SCRIPT_LINE];
    ssize_t size = inode_read(program->file->inode, line, sizeof line - 1, 0);
    char *name, *end, *argument;
    unsigned added = 1, count = 0;

    if (size < 2 || line[0] != '#' || line[1] != '!')
        return 0;
    line[size] = '\0';
    end = strchr(line, '\n');
    if (end)
        *end = '\0';
    for (name = line + 2; *name == ' ' || *name == '\t'; name++)
        ;
    for (argument = name; *argument && *argument != ' ' && *argument != '\t'; argument++)
        ;
    while (*argument == ' ' || *argument == '\t')
        *argument++ = '\0';
    if (*argument)
        added = 2;
    while (process.arguments[count])
        count++;
    if (!*name)
        return bad(program, -ENOEXEC, "its first line names no interpreter");
    for (unsigned i = count + 1; i-- > 0;)
        process.arguments[i + added] = process.arguments[i];
    process.arguments[added] = program->path;
    process.arguments[0] = name;
    if (added == 2)
        process.arguments[1] = argument;
    file_put(program->file);
    return program_open(program, name);
}

struct stack {
    uint64_t at;
    bool failed;
};

static uint64_t stack_push(struct stack *stack, const void *bytes, size_t size)
{
    stack->at -= size;
    if (user_write((void *)stack->at, bytes, size))
        stack->failed = true;
    return stack->at;
}

static int stack_build(const struct program *program, const struct program *interpreter,
                       struct registers *registers)
{
    uint64_t size = page_up(process.stack_size) + STACK_EXTRA, vdso = vdso_map();
    struct stack stack = {.at = VM_STACK_TOP - 16};
    uint8_t random[16];
    uint64_t count = 1, arguments = 0, variables = 0, random_at, platform_at, name_at, *words;
    int64_t mapped = vm_map(VM_STACK_TOP - size, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, NULL, 0);

    if (mapped < 0)
        return (int)mapped;
    vm_name((uint64_t)mapped, "[stack]", true);

    while (process.arguments[arguments])
        arguments++;
    while (process.environment[variables])
        variables++;
    words = page_alloc_row(page_up((arguments + variables + STACK_WORDS) * sizeof *words) /
                           PAGE_SIZE);
    if (!words)
        return -ENOMEM;
    name_at = stack_push(&stack, process.executable, strlen(process.executable) + 1);
    words[0] = arguments;
    for (uint64_t i = 0; i < arguments; i++)
        words[count++] = stack_push(&stack, process.arguments[i], strlen(process.arguments[i]) + 1);
    words[count++] = 0;
    for (uint64_t i = 0; i < variables; i++)
        words[count++] = stack_push(&stack, process.environment[i],
                                    strlen(process.environment[i]) + 1);
    words[count++] = 0;
    platform_at = stack_push(&stack, "x86_64", 7);
    random_bytes(random, sizeof random);
    random_at = stack_push(&stack, random, sizeof random);

    const uint64_t auxiliary[] = {
        AT_SYSINFO_EHDR, vdso,
        AT_HWCAP,        cpu.hwcap,
        AT_PAGESZ,       PAGE_SIZE,
        AT_CLKTCK,       100,
        AT_PHDR,         program->table,
        AT_PHENT,        sizeof(Elf64_Phdr),
        AT_PHNUM,        program->header.e_phnum,
        AT_BASE,         interpreter ? interpreter->base : 0,
        AT_FLAGS,        0,
        AT_ENTRY,        program->base + program->header.e_entry,
        AT_UID,          process.user,
        AT_EUID,         process.user,
        AT_GID,          process.group,
        AT_EGID,         process.group,
        AT_SECURE,       0,
        AT_RANDOM,       random_at,
        AT_HWCAP2,       cpu.fsgsbase ? HWCAP2_FSGSBASE : 0,
        AT_EXECFN,       name_at,
        AT_PLATFORM,     platform_at,
        AT_MINSIGSTKSZ,  1024 + cpu.xsave_size + 256,
        AT_NULL,         0,
    };
    unsigned skip = vdso ? 0 : 2;

    memcpy(words + count, auxiliary + skip, sizeof auxiliary - skip * sizeof *auxiliary);
    count += ARRAY_SIZE(auxiliary) - skip;
    stack.at = (stack.at - 8 * count) & ~UINT64_C(15);
    if (user_write((void *)stack.at, words, 8 * count))
        stack.failed = true;
    for (uint64_t at = 0; at < count * sizeof *words; at += PAGE_SIZE)
        page_put((char *)words + at);
    if (stack.failed)
        return -ENOMEM;
    registers->rsp = stack.at;
    return 0;
}

/* /proc/self/exe */
static void self_link(const char *target)
{
    struct inode *link = file_make("/proc/self/exe", S_IFLNK | 0777);
    size_t length = strlen(target);

    if (link)
        link->target = heap_alloc(length + 1);
    if (!link || !link->target)
        return;
    memcpy(link->target, target, length);
    link->size = length;
}

int process_load(struct registers *registers)
{
    static struct program program, interpreter;
    struct path path;
    int error = program_open(&program, process.program);

    if (!error)
        error = script_arguments(&program);
    if (!error)
        error = program_check(&program);
    if (!error)
        error = program_map(&program, VM_PIE_BASE);
    if (error)
        return error;
    if (path_find(file_directory, program.path, true, &path) == 0) {
        program.file->path = name_absolute(&path);
        snprintf(process.executable, sizeof process.executable, "%s",
                 program.file->path ? program.file->path : program.path);
    }
    snprintf(process.name, sizeof process.name, "%s",
             strrchr(process.executable, '/') ? strrchr(process.executable, '/') + 1
                                              : process.executable);
    self_link(process.executable);
    vm_brk_init(program.end);

    if (program.interpreter[0]) {
        error = program_open(&interpreter, program.interpreter);
        if (error) {
            log_error("%s needs the interpreter %s", program.path, program.interpreter);
            return error;
        }
        interpreter.file->path = heap_alloc(strlen(program.interpreter) + 1);
        if (interpreter.file->path)
            memcpy(interpreter.file->path, program.interpreter, strlen(program.interpreter));
        error = program_check(&interpreter);
        if (!error)
            error = program_map(&interpreter, 0);
        if (error)
            return error;
    }

    memset(registers, 0, sizeof *registers);
    error = stack_build(&program, program.interpreter[0] ? &interpreter : NULL, registers);
    if (error)
        return bad(&program, error, "no memory for its stack");
    registers->rip = program.interpreter[0] ? interpreter.base + interpreter.header.e_entry
                                            : program.base + program.header.e_entry;
    registers->cs = USER_CS;
    registers->ss = USER_SS;
    registers->rflags = RFLAGS_FIXED;
    log_info("%s at 0x%lx, entry 0x%lx", program.path, program.base, registers->rip);
    file_put(program.file);
    if (interpreter.file)
        file_put(interpreter.file);
    return 0;
}
