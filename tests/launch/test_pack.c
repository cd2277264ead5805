/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the files of a program are those that the dynamic linker would open, by each of its rules, and what is missing or
 * foreign is named; an initrd holds them as they are, under their real names and links, each file on a page.
 *
 * ELF files are made by hand, as small as they can be, so that each rule has its own.
 */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/closure.h"
#include "launch/elf_file.h"
#include "launch/initrd.h"

static char root[64];

/* A path below the test's directory; valid until the eighth next. */
static const char *at(const char *path)
{
    static char text[8][256];
    static unsigned turn;

    turn = (turn + 1) % 8;
    snprintf(text[turn], sizeof(text[turn]), "%s/%s", root, path);
    return text[turn];
}

static void set_up(void)
{
    char template[] = "/tmp/caravan-test.XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(template));
    snprintf(root, sizeof(root), "%s", template);
}

static void tear_down(void)
{
    char command[PATH_MAX + 16];

    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

/* ---- small ELF files -------------------------------------------------------------------------- */

struct making {
    const char *interpreter, *soname, *rpath, *runpath;
    const char *needed[4];
    bool no_default;
    unsigned machine;
    unsigned char class;
};

struct image {
    Elf64_Ehdr header;
    Elf64_Phdr segments[3];
    Elf64_Dyn dynamic[16];
    char interpreter[PATH_MAX];
    char strings[4096];
};

static uint64_t add_string(struct image *image, size_t *used, const char *text)
{
    uint64_t offset = *used;

    strcpy(image->strings + offset, text);
    *used += strlen(text) + 1;
    return offset;
}

static void make_image(struct image *image, const struct making *making)
{
    size_t used = 1, entries = 0;
    const uint64_t base = 0x10000;

    memset(image, 0, sizeof(*image));
    memcpy(image->header.e_ident, ELFMAG, SELFMAG);
    image->header.e_ident[EI_CLASS] = making->class ? making->class : ELFCLASS64;
    image->header.e_ident[EI_DATA] = ELFDATA2LSB;
    image->header.e_type = ET_DYN;
    image->header.e_machine = (Elf64_Half)(making->machine ? making->machine : EM_X86_64);
    image->header.e_phoff = offsetof(struct image, segments);
    image->header.e_phentsize = sizeof(Elf64_Phdr);
    image->header.e_phnum = 3;
    image->segments[0] = (Elf64_Phdr){
        .p_type = PT_LOAD, .p_vaddr = base, .p_filesz = sizeof(*image), .p_memsz = sizeof(*image)};
#define ENTRY(tag, value)                                                                          \
    image->dynamic[entries++] = (Elf64_Dyn)                                                        \
    {                                                                                              \
        .d_tag = (tag), .d_un.d_val = (value)                                                      \
    }
    for (size_t i = 0; i < 4 && making->needed[i]; i++)
        ENTRY(DT_NEEDED, add_string(image, &used, making->needed[i]));
    if (making->soname)
        ENTRY(DT_SONAME, add_string(image, &used, making->soname));
    if (making->rpath)
        ENTRY(DT_RPATH, add_string(image, &used, making->rpath));
    if (making->runpath)
        ENTRY(DT_RUNPATH, add_string(image, &used, making->runpath));
    if (making->no_default)
        ENTRY(DT_FLAGS_1, DF_1_NODEFLIB);
    ENTRY(DT_STRTAB, base + offsetof(struct image, strings));
    ENTRY(DT_STRSZ, used);
    ENTRY(DT_NULL, 0);
    image->segments[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
                                      .p_offset = offsetof(struct image, dynamic),
                                      .p_filesz = entries * sizeof(Elf64_Dyn)};
    if (making->interpreter) {
        strcpy(image->interpreter, making->interpreter);
        image->segments[2] = (Elf64_Phdr){.p_type = PT_INTERP,
                                          .p_offset = offsetof(struct image, interpreter),
                                          .p_filesz = strlen(making->interpreter) + 1};
    }
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    char directory[PATH_MAX];
    int fd;

    snprintf(directory, sizeof(directory), "%s", path);
    for (char *slash = strchr(directory + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(directory, 0755);
        *slash = '/';
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

#define make(path, ...) make_file(path, &(struct making){__VA_ARGS__})

static void make_file(const char *path, const struct making *making)
{
    static struct image image;

    make_image(&image, making);
    write_file(at(path), &image, sizeof(image));
}

/* ---- the closure ------------------------------------------------------------------------------ */

static struct closure_search search;
static struct strings found;
static char error[1024];

static int look(const char *program)
{
    strings_clear(&found);
    error[0] = '\0';
    if (!search.directory)
        search.directory = root;
    if (!search.cache)
        search.cache = "/nonexistent";
    return closure_find(at(program), &search, &found, error, sizeof(error));
}

static bool has(const char *path)
{
    return strings_contain(&found, at(path));
}

/* The program and its interpreter, which every test here has. */
static void make_program(const char *path, struct making making)
{
    making.interpreter = at("ld.so");
    make("ld.so", .soname = "ld.so");
    make_file(path, &making);
}

START_TEST(itself)
{
    /* What this very test has been started with. */
    search = (struct closure_search){.directory = "/",
                                     .library_path = getenv("LD_LIBRARY_PATH"),
                                     .preload = getenv("LD_PRELOAD")};
    ck_assert_int_eq(closure_find("/proc/self/exe", &search, &found, error, sizeof(error)), 0);
    ck_assert_uint_gt(found.count, 3);

    for (struct link_map *map = _r_debug.r_map; map; map = map->l_next) {
        bool there = *map->l_name != '/'; /* the program, and the vDSO */

        for (size_t i = 0; i < found.count && !there; i++) {
            struct stat a, b;

            there = stat(map->l_name, &a) == 0 && stat(found.list[i], &b) == 0 &&
                    a.st_ino == b.st_ino && a.st_dev == b.st_dev;
        }
        ck_assert_msg(there, "%s was not found", map->l_name);
    }
}
END_TEST

START_TEST(runpath_of_the_one_that_needs_it)
{
    make_program("bin/p", (struct making){.runpath = "$ORIGIN/../lib", .needed = {"a.so"}});
    make("lib/a.so", .needed = {"b.so"}, .soname = "a.so");
    make("lib/b.so", .soname = "b.so");
    /* RUNPATH is not inherited. */
    ck_assert_int_eq(look("bin/p"), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "lib/a.so needs the library b.so"));
    make("lib/a.so", .needed = {"b.so"}, .runpath = "/nowhere:${ORIGIN}");
    ck_assert_int_eq(look("bin/p"), 0);
    ck_assert_uint_eq(found.count, 4);
    ck_assert_str_eq(found.list[0], at("bin/p"));
    ck_assert(has("bin/../lib/a.so") && has("bin/../lib/b.so"));
}
END_TEST

START_TEST(rpath_is_inherited)
{
    make_program("p", (struct making){.rpath = "$ORIGIN/lib", .needed = {"a.so"}});
    make("lib/a.so", .needed = {"b.so"});
    make("lib/b.so", .needed = {"c.so"}, .runpath = "/nowhere");
    make("lib/c.so", .soname = "c.so");
    /* ... but counts for nothing where there is a RUNPATH. */
    ck_assert_int_eq(look("p"), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "c.so"));
    make("lib/b.so", .needed = {"c.so"});
    ck_assert_int_eq(look("p"), 0);
    ck_assert(has("lib/a.so") && has("lib/b.so") && has("lib/c.so"));
    /* Both: RUNPATH wins. */
    make_program(
        "p", (struct making){.rpath = "$ORIGIN/lib", .runpath = "/nowhere", .needed = {"c.so"}});
    ck_assert_int_eq(look("p"), -ENOENT);
}
END_TEST

START_TEST(library_path_between_them)
{
    make_program("p", (struct making){.runpath = "$ORIGIN/run", .needed = {"a.so"}});
    make("run/a.so", .soname = "a.so");
    make("env/a.so", .soname = "a.so");
    search.library_path = "/nowhere;env"; /* relative to the directory of the search */
    ck_assert_int_eq(look("p"), 0);
    ck_assert(has("env/a.so") && !has("run/a.so"));
    make_program("p", (struct making){.rpath = "$ORIGIN/run", .needed = {"a.so"}});
    ck_assert_int_eq(look("p"), 0);
    ck_assert(!has("env/a.so") && has("run/a.so"));
}
END_TEST

START_TEST(known_by_its_soname)
{
    make_program("p", (struct making){.rpath = "$ORIGIN", .needed = {"a.so", "b.so"}});
    make("a.so", .soname = "liba.so.1");
    make("b.so", .needed = {"liba.so.1", "ld.so"}); /* there is no file of the first name */
    ck_assert_int_eq(look("p"), 0);
    ck_assert_uint_eq(found.count, 4);
}
END_TEST

START_TEST(a_foreign_one_is_passed_over)
{
    make_program(
        "p", (struct making){.runpath = "$ORIGIN/arm:$ORIGIN/old:$ORIGIN/lib", .needed = {"a.so"}});
    make("arm/a.so", .machine = EM_AARCH64);
    make("old/a.so", .machine = EM_386, .class = ELFCLASS32);
    make("lib/a.so", .soname = "a.so");
    ck_assert_int_eq(look("p"), 0);
    ck_assert(has("lib/a.so") && !has("arm/a.so") && !has("old/a.so"));
    /* One that is no library at all is an error, as it is to the dynamic linker. */
    write_file(at("arm/a.so"), "GROUP ( a.so )", 14);
    ck_assert_int_eq(look("p"), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(error, "arm/a.so is not an ELF file"));
}
END_TEST

struct cache {
    char magic[20];
    uint32_t count, strings_size;
    char rest[20];
    struct {
        int32_t flags;
        uint32_t name, path, version;
        uint64_t hwcap;
    } entry[3];
    char strings[3][256];
};

START_TEST(the_cache)
{
    static struct cache cache;

    make_program("p", (struct making){.needed = {"a.so"}});
    make("b/a.so", .soname = "a.so");
    make("new/a.so", .soname = "a.so");
    memcpy(cache.magic, "glibc-ld.so.cache1.1", 20);
    cache.count = 3;
    strcpy(cache.strings[0], "a.so");
    strcpy(cache.strings[1], at("b/a.so"));
    strcpy(cache.strings[2], at("new/a.so"));
    for (unsigned i = 0; i < 3; i++) {
        cache.entry[i].flags = i == 0 ? 0x0003 : 0x0303; /* the first is i386's */
        cache.entry[i].name = offsetof(struct cache, strings);
        cache.entry[i].path = offsetof(struct cache, strings) + (i == 2 ? 1 : 2) * 256;
        cache.entry[i].hwcap = i == 1 ? UINT64_C(1) << 62 : 0; /* the second asks for more */
    }
    write_file(at("cache"), &cache, sizeof(cache));
    search.cache = at("cache");
    ck_assert_int_eq(look("p"), 0);
    ck_assert(has("b/a.so") && !has("new/a.so"));
    make_program("p", (struct making){.needed = {"a.so"}, .no_default = true});
    ck_assert_int_eq(look("p"), -ENOENT);
    /* Cut off anywhere, it is only of less use. */
    make_program("p", (struct making){.needed = {"a.so"}});
    for (size_t size = 0; size < sizeof(cache); size += size < 200 ? 1 : 1001) {
        write_file(at("cache"), &cache, size);
        ck_assert_int_le(look("p"), 0);
    }
}
END_TEST

START_TEST(preloaded)
{
    char list[600];

    make_program("p", (struct making){.needed = {NULL}});
    make("pre.so", .soname = "pre.so");
    snprintf(list, sizeof(list), "missing.so %s", at("pre.so"));
    search.preload = list;
    ck_assert_int_eq(look("p"), 0);
    ck_assert(has("pre.so"));
}
END_TEST

START_TEST(what_is_no_program)
{
    static struct image image;

    write_file(at("text"), "hello\n", 6);
    ck_assert_int_eq(look("text"), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(error, "text is not an ELF file"));
    write_file(at("script"), "#!/bin/sh\n", 10);
    ck_assert_int_eq(look("script"), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(error, "script is a script"));
    make("arm", .machine = EM_AARCH64);
    ck_assert_int_eq(look("arm"), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(error, "arm is for AArch64"));
    ck_assert_int_eq(look("absent"), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "absent"));
    make("lib.so", .needed = {"a.so"});
    ck_assert_int_eq(look("lib.so"), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(error, "is a library"));
    make_program("p", (struct making){.needed = {"a.so"}});
    ck_assert_int_eq(look("p"), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "needs the library a.so"));
    make_image(&image, &(struct making){.interpreter = at("ld.so"), .needed = {"a.so"}});
    image.header.e_type = ET_REL;
    write_file(at("o"), &image, sizeof(image));
    ck_assert_int_eq(look("o"), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(error, "cannot be run"));
}
END_TEST

START_TEST(cut_off_anywhere)
{
    static struct image image;
    struct elf_file file;

    make_image(&image, &(struct making){.interpreter = "/ld.so", .needed = {"a.so"}});
    for (size_t size = 0; size < sizeof(image); size += size < 1024 ? 1 : 97) {
        /* On the heap, so that a read beyond it is seen by the sanitizer. */
        char *copy = malloc(size + 1);

        memcpy(copy, &image, size);
        ck_assert_int_ne(elf_read(copy, size, &file, error, sizeof(error)), ELF_OK);
        elf_clear(&file);
        free(copy);
    }
    ck_assert_int_eq(elf_read(&image, sizeof(image), &file, error, sizeof(error)), ELF_OK);
    ck_assert_uint_eq(file.needed.count, 1);
    elf_clear(&file);
    image.dynamic[0].d_un.d_val = 100000; /* a name outside of the string table */
    ck_assert_int_eq(elf_read(&image, sizeof(image), &file, error, sizeof(error)), ELF_BROKEN);
    elf_clear(&file);
}
END_TEST

START_TEST(programs_by_name)
{
    char path[600], *program;
    int result;

    write_file(at("one/p"), "x", 1);
    write_file(at("two/p"), "x", 1);
    ck_assert_int_eq(chmod(at("one/p"), 0644), 0);
    snprintf(path, sizeof(path), "%s:%s", at("one"), at("two"));
    program = closure_find_program("p", path, root, &result);
    /* root may run nothing either that nobody may */
    ck_assert_str_eq(program, at("two/p"));
    free(program);
    program = closure_find_program("one/p", path, root, &result);
    ck_assert_ptr_null(program);
    ck_assert_int_eq(result, -EACCES);
    program = closure_find_program("q", path, root, &result);
    ck_assert_ptr_null(program);
    ck_assert_int_eq(result, -ENOENT);
    write_file(at("here"), "x", 1);
    program = closure_find_program("here", path, root, &result);
    ck_assert_str_eq(program, at("here"));
    free(program);
}
END_TEST

/* ---- the initrd ------------------------------------------------------------------------------- */

struct member {
    char name[PATH_MAX];
    unsigned mode;
    size_t size, offset;
};

static struct member members[64];
static unsigned member_count;
static char *archive;

static unsigned field(const char *header, unsigned index)
{
    char text[9] = "";

    memcpy(text, header + 6 + 8 * index, 8);
    return (unsigned)strtoul(text, NULL, 16);
}

static void read_archive(const struct initrd *initrd)
{
    int fd = open(at("initrd"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    int64_t size = initrd_write(initrd, fd, error, sizeof(error));

    ck_assert_int_gt(size, 0);
    free(archive);
    archive = malloc((size_t)size);
    ck_assert_int_eq(pread(fd, archive, (size_t)size, 0), size);
    ck_assert_int_eq(pread(fd, archive, 1, size), 0);
    close(fd);
    member_count = 0;
    for (size_t place = 0;;) {
        struct member *member = &members[member_count];
        size_t name = field(archive + place, 11);

        ck_assert_int_eq(memcmp(archive + place, "070701", 6), 0);
        snprintf(member->name, sizeof(member->name), "%s", archive + place + 110);
        member->mode = field(archive + place, 1);
        member->size = field(archive + place, 6);
        member->offset = (place + 110 + name + 3) & ~(size_t)3;
        place = (member->offset + member->size + 3) & ~(size_t)3;
        ck_assert_uint_le(place, (size_t)size);
        if (strcmp(member->name, "TRAILER!!!") == 0) {
            ck_assert_uint_eq(place, (size_t)size);
            return;
        }
        if (S_ISREG(member->mode) && member->size)
            ck_assert_uint_eq(member->offset % 4096, 0);
        ck_assert_uint_lt(++member_count, 64);
    }
}

static const struct member *member_of(const char *path)
{
    for (unsigned i = 0; i < member_count; i++)
        if (strcmp(members[i].name, path + strspn(path, "/")) == 0)
            return &members[i];
    ck_abort_msg("no member %s", path);
    return NULL;
}

START_TEST(links_and_files)
{
    static char contents[10000];
    struct initrd *initrd = initrd_new();
    const struct member *member;

    for (size_t i = 0; i < sizeof(contents); i++)
        contents[i] = (char)(i * 7);
    write_file(at("usr/lib/a.so.1.0"), contents, sizeof(contents));
    ck_assert_int_eq(symlink("usr/lib", at("lib")), 0);
    ck_assert_int_eq(symlink("a.so.1.0", at("usr/lib/a.so.1")), 0);
    ck_assert_int_eq(symlink("../loop", at("usr/loop")), 0);
    ck_assert_int_eq(symlink("usr/loop", at("loop")), 0);
    ck_assert_int_eq(initrd_add(initrd, at("lib/./../lib/a.so.1")), 0);
    ck_assert_int_eq(initrd_add(initrd, at("usr/lib/a.so.1.0")), 0);
    ck_assert_int_eq(initrd_add(initrd, at("absent")), -ENOENT);
    ck_assert_int_eq(initrd_add(initrd, at("usr/loop/x")), -ELOOP);
    ck_assert_int_eq(initrd_add(initrd, "/dev/null"), -EINVAL);
    ck_assert_int_eq(initrd_add(initrd, "relative"), -EINVAL);
    ck_assert_int_eq(initrd_add_bytes(initrd, "/caravan/options", "env=A=1", 7, 0644), 0);
    ck_assert_int_eq(initrd_add_bytes(initrd, "/caravan/options", "", 0, 0644), -EEXIST);
    read_archive(initrd);
    initrd_free(initrd);

    member = member_of(at("lib"));
    ck_assert(S_ISLNK(member->mode));
    ck_assert_int_eq(memcmp(archive + member->offset, "usr/lib", 7), 0);
    member = member_of(at("usr/lib/a.so.1"));
    ck_assert(S_ISLNK(member->mode));
    ck_assert(S_ISDIR(member_of(at("usr/lib"))->mode));
    member = member_of(at("usr/lib/a.so.1.0"));
    ck_assert_uint_eq(member->mode, S_IFREG | 0755);
    ck_assert_uint_eq(member->size, sizeof(contents));
    ck_assert_int_eq(memcmp(archive + member->offset, contents, sizeof(contents)), 0);
    ck_assert(S_ISDIR(member_of("/caravan")->mode));
    member = member_of("/caravan/options");
    ck_assert_int_eq(memcmp(archive + member->offset, "env=A=1", 7), 0);
    /* Nothing twice. */
    for (unsigned i = 0; i < member_count; i++)
        ck_assert_ptr_eq(member_of(members[i].name), &members[i]);
}
END_TEST

START_TEST(changed_while_packed)
{
    struct initrd *initrd = initrd_new();
    int fd = open(at("out"), O_RDWR | O_CREAT, 0600), full = open("/dev/full", O_WRONLY);

    write_file(at("f"), "12345678", 8);
    ck_assert_int_eq(initrd_add(initrd, at("f")), 0);
    ck_assert_int_eq(initrd_write(initrd, full, error, sizeof(error)), -ENOSPC);
    write_file(at("f"), "1234567", 7);
    ck_assert_int_eq(initrd_write(initrd, fd, error, sizeof(error)), -EAGAIN);
    ck_assert_ptr_nonnull(strstr(error, "changed"));
    write_file(at("f"), "123456789", 9);
    ck_assert_int_eq(initrd_write(initrd, fd, error, sizeof(error)), -EAGAIN);
    ck_assert_int_eq(unlink(at("f")), 0);
    ck_assert_int_eq(initrd_write(initrd, fd, error, sizeof(error)), -ENOENT);
    initrd_free(initrd);
    close(fd);
    close(full);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch pack");
    TCase *tests = tcase_create("pack");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, itself);
    tcase_add_test(tests, runpath_of_the_one_that_needs_it);
    tcase_add_test(tests, rpath_is_inherited);
    tcase_add_test(tests, library_path_between_them);
    tcase_add_test(tests, known_by_its_soname);
    tcase_add_test(tests, a_foreign_one_is_passed_over);
    tcase_add_test(tests, the_cache);
    tcase_add_test(tests, preloaded);
    tcase_add_test(tests, what_is_no_program);
    tcase_add_test(tests, cut_off_anywhere);
    tcase_add_test(tests, programs_by_name);
    tcase_add_test(tests, links_and_files);
    tcase_add_test(tests, changed_while_packed);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
