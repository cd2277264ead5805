/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bin/wrapper.c: mpicc, mpicxx, mpic++, mpiCC, mpifort, mpif77 and mpif90: the compiler, with the flags for MPI.
 *
 * The options are those of Open MPI's wrapper compilers, on which configure scripts and CMake rely. The library is found from
 * where this program is, so a prefix may be moved and the build directory works as one.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/wrapper_config.h"
#include "launch/nearest.h"
#include "launch/prefix.h"
#include "launch/string_list.h"

struct language {
    const char *name, *compiler;
    const char *compiler_variable, *flags_variable; /* in the environment */
    const char *headers;                            /* directories, with ':' between them */
    const char *flag;                               /* of its own, or NULL */
    const char *libraries;                          /* with blanks between them */
};

/* The C++ bindings, which MPI 3 removed, are a library of Open MPI's that is not ours. Open MPI's module mpi_f08 is a library that calls
 * Fortran's entry points: only who uses it needs it. */
static const struct language c = {"C",  WRAPPER_CC, "OMPI_CC", "OMPI_CFLAGS", WRAPPER_INCLUDE,
                                  NULL, "-lmpi"},
                             cxx = {"C++",           WRAPPER_CXX,     "OMPI_CXX",
                                    "OMPI_CXXFLAGS", WRAPPER_INCLUDE, "-DOMPI_SKIP_MPICXX",
                                    "-lmpi"},
                             fortran = {"Fortran",
                                        WRAPPER_FC,
                                        "OMPI_FC",
                                        "OMPI_FCFLAGS",
                                        WRAPPER_MODULES,
                                        NULL,
                                        "-lmpi_mpifh -lmpi" WRAPPER_F08};

struct wrapper {
    const char *name; /* as it was called */
    const struct language *language;
    char *library_directory;
    struct strings include_directories;

    struct strings command;
    struct strings compile;
    struct strings link;
};

/* ---- what there is ---------------------------------------------------------------------------- */

static void find_headers(struct wrapper *wrapper)
{
    char *list = text_copy(wrapper->language->headers), *place = NULL;

    for (char *item = strtok_r(list, ":", &place); item; item = strtok_r(NULL, ":", &place))
        strings_add(&wrapper->include_directories, item);
    free(list);
}

static void add_words(struct strings *to, const char *words)
{
    char *copy = text_copy(words ? words : ""), *place = NULL;

    for (char *word = strtok_r(copy, " \t\n", &place); word; word = strtok_r(NULL, " \t\n", &place))
        strings_add(to, word);
    free(copy);
}

static void add_variable(struct strings *to, const char *name)
{
    add_words(to, getenv(name));
}

static void add_formatted(struct strings *to, const char *format, const char *value)
{
    char prefix[64];

    snprintf(prefix, sizeof(prefix), "%s", format);

    char *text = text_format("%s%s", prefix, value);

    strings_add(to, text);
    free(text);
}

static void make_flags(struct wrapper *wrapper)
{
    const struct language *language = wrapper->language;
    const char *compiler = getenv(language->compiler_variable);

    add_words(&wrapper->command, compiler && *compiler ? compiler : language->compiler);

    add_variable(&wrapper->compile, "OMPI_CPPFLAGS");
    for (size_t i = 0; i < wrapper->include_directories.count; i++)
        add_formatted(&wrapper->compile, "-I", wrapper->include_directories.list[i]);
    if (language->flag)
        strings_add(&wrapper->compile, language->flag);
    add_variable(&wrapper->compile, language->flags_variable);

    add_variable(&wrapper->link, "OMPI_LDFLAGS");
    add_formatted(&wrapper->link, "-Wl,-rpath,", wrapper->library_directory);
    strings_add(&wrapper->link, "-Wl,--enable-new-dtags");
    add_formatted(&wrapper->link, "-L", wrapper->library_directory);
    add_words(&wrapper->link, language->libraries);
    add_variable(&wrapper->link, "OMPI_LIBS");
}

/* ---- showing it ------------------------------------------------------------------------------- */

/* A word as a shell would have to be given it. */
static void print_word(const char *word, bool *first)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "@%_-+=:,./~^";

    fputs(*first ? "" : " ", stdout);
    *first = false;
    if (*word && strspn(word, plain) == strlen(word)) {
        fputs(word, stdout);
        return;
    }
    putchar('\'');
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*word);
    }
    putchar('\'');
}

static void print_words(const struct strings *words, bool *first)
{
    for (size_t i = 0; i < words->count; i++)
        print_word(words->list[i], first);
}

static void print_libraries(const struct wrapper *wrapper, bool *first)
{
    struct strings words = {0};

    add_words(&words, wrapper->language->libraries);
    for (size_t i = 0; i < words.count; i++)
        if (strncmp(words.list[i], "-l", 2) == 0)
            print_word(words.list[i] + 2, first);
}

static int show(const struct wrapper *wrapper, const char *what)
{
    static const char *const names[] = {"command", "compile", "link",    "incdirs",
                                        "libdirs", "libs",    "version", "help"};
    bool first = true;

    if (strcmp(what, "command") == 0) {
        print_words(&wrapper->command, &first);
    } else if (strcmp(what, "compile") == 0) {
        print_words(&wrapper->compile, &first);
    } else if (strcmp(what, "link") == 0) {
        print_words(&wrapper->link, &first);
    } else if (strcmp(what, "incdirs") == 0) {
        print_words(&wrapper->include_directories, &first);
    } else if (strcmp(what, "libdirs") == 0) {
        print_word(wrapper->library_directory, &first);
    } else if (strcmp(what, "libs") == 0) {
        print_libraries(wrapper, &first);
    } else if (strcmp(what, "version") == 0) {
        printf("%s: Caravan %s, with the interface of Open MPI 4.1 (Language: %s)", wrapper->name,
               CARAVAN_VERSION, wrapper->language->name);
    } else if (strcmp(what, "help") == 0) {
        printf("%s [-showme[:<command,compile,link,incdirs,libdirs,libs,version,help>]] args\n\n"
               "  -showme:command    the compiler\n"
               "  -showme:compile    flags for compiling\n"
               "  -showme:link       flags for linking\n"
               "  -showme:incdirs    directories of headers\n"
               "  -showme:libdirs    directories of libraries\n"
               "  -showme:libs       libraries\n"
               "  -showme:version    the version\n"
               "  -showme:help       this\n"
               "  -showme, -show     the whole command that args would run\n\n"
               "%s, OMPI_CPPFLAGS, %s, OMPI_LDFLAGS and OMPI_LIBS in the environment\n"
               "change the compiler and add flags.",
               wrapper->name, wrapper->language->compiler_variable,
               wrapper->language->flags_variable);
    } else {
        const char *meant = nearest(what, names, sizeof(names) / sizeof(*names), sizeof(*names));

        fprintf(stderr, "%s: there is no -showme:%s%s%s%s\n", wrapper->name, what,
                meant ? "; did you mean -showme:" : "", meant ? meant : "", meant ? "?" : "");
        return 1;
    }
    putchar('\n');
    return 0;
}

/* ---- running it ------------------------------------------------------------------------------- */

/* What the compiler is asked to do: without any file it compiles nothing (--version), and it may stop before linking. */
static void classify(char *const *argument, bool *compiles, bool *links)
{
    static const char *const stops[] = {"-c", "-S", "-E", "-M", "-MM", "-fsyntax-only"};

    *compiles = false;
    *links = true;
    for (; *argument; argument++) {
        if (**argument != '-' || !(*argument)[1])
            *compiles = true;
        for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
            if (strcmp(*argument, stops[i]) == 0)
                *links = false;
    }
}

/* `-showme`, `--showme`, `-show`, `--show`, with `:what` perhaps. What is behind the word, or NULL. */
static const char *showme(const char *argument)
{
    static const char *const words[] = {"-showme", "--showme", "-show", "--show"};
    size_t length = strcspn(argument, ":");

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strlen(words[i]) == length && strncmp(words[i], argument, length) == 0)
            return argument + length;
    return NULL;
}

/* By the program's name; something may follow it, as in mpicc.caravan. */
static const struct language *language_of(const char *name)
{
    size_t length = strcspn(name, ".");

    if (strncmp(name, "mpif", 4) == 0)
        return &fortran;
    return length == 5 && strncmp(name, "mpicc", 5) == 0 ? &c : &cxx;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    struct wrapper wrapper = {.name = slash ? slash + 1 : argv[0]};
    struct strings given = {0};
    bool showing = false, compiles, links;

    wrapper.language = language_of(wrapper.name);
    wrapper.library_directory = prefix_library_directory();
    find_headers(&wrapper);
    make_flags(&wrapper);

    for (int i = 1; i < argc; i++) {
        const char *what = showme(argv[i]);

        if (!what) {
            strings_add(&given, argv[i]);
            continue;
        }
        if (*what == ':')
            return show(&wrapper, what + 1);
        showing = true;
    }
    classify(given.list ? given.list : (char *[]){NULL}, &compiles, &links);
    if (showing && given.count == 0)
        compiles = true;
    strings_copy(&wrapper.command, given.list);
    if (compiles) {
        strings_copy(&wrapper.command, wrapper.compile.list);
        if (links)
            strings_copy(&wrapper.command, wrapper.link.list);
    }
    if (showing) {
        bool first = true;

        print_words(&wrapper.command, &first);
        putchar('\n');
        return 0;
    }
    execvp(wrapper.command.list[0], wrapper.command.list);
    fprintf(stderr, "%s: cannot execute the compiler '%s': %s\n", wrapper.name,
            wrapper.command.list[0], strerror(errno));
    return 1;
}
