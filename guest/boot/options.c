/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/boot/options.h"
#include "guest/linux/file.h"
#include "guest/linux/process.h"

#define TEXT_MAX    32768
#define STRINGS_MAX 512 /* arguments, and variables */

struct options options = {.standard_input = "/dev/null", .seed = ""};

static char text[TEXT_MAX]; /* the words, NUL-terminated, as they were taken apart */
static size_t text_used;
static const char *arguments[STRINGS_MAX + 1 + PROCESS_SPARE], *variables[STRINGS_MAX + 1];
static unsigned argument_count, variable_count;
static bool program_begun;

static int option_set(const char *word);

/* The next word of `*line`, copied to `text`; NULL at the end or when text is full. */
static const char *word_next(const char **line, int *error)
{
    const char *from = *line;
    char *word = text + text_used;
    bool quoted = false;

    while (*from == ' ' || *from == '\t' || *from == '\n')
        from++;
    if (!*from)
        return NULL;
    for (; *from && (quoted || (*from != ' ' && *from != '\t' && *from != '\n')); from++) {
        if (*from == '"') {
            quoted = !quoted;
            continue;
        }
        if (*from == '\\' && from[1])
            from++;
        if (text_used == TEXT_MAX - 1) {
            log_error("the command line is longer than %u bytes", TEXT_MAX);
            *error = -E2BIG;
            return NULL;
        }
        text[text_used++] = *from;
    }
    text[text_used++] = '\0';
    *line = from;
    return word;
}

static int strings_add(const char **strings, unsigned *count, const char *word)
{
    if (*count == STRINGS_MAX) {
        log_error("the command line has more than %u arguments or variables", STRINGS_MAX);
        return -E2BIG;
    }
    strings[(*count)++] = word;
    return 0;
}

static int words_parse(const char *line)
{
    const char *word;
    int error = 0;

    while (!error && (word = word_next(&line, &error))) {
        if (!program_begun && strcmp(word, "--") == 0)
            program_begun = true;
        else if (!program_begun && strchr(word, '='))
            error = option_set(word);
        else {
            program_begun = true;
            error = strings_add(arguments, &argument_count, word);
        }
    }
    return error;
}

static int file_parse(const char *path)
{
    static char contents[TEXT_MAX];
    struct inode *inode = path_inode(path);
    ssize_t size = inode && S_ISREG(inode->mode)
                       ? inode_read(inode, contents, sizeof contents - 1, 0)
                       : -ENOENT;

    if (size < 0 || (size_t)size < inode->size) {
        log_error("the command line's file %s is %s", path,
                  size < 0 ? "not in the initrd" : "too long");
        return -ENOENT;
    }
    contents[size] = '\0';
    return words_parse(contents);
}

static int option_set(const char *word)
{
    const char *value = strchr(word, '=') + 1;
    size_t length = (size_t)(value - word);

    if (strncmp(word, "env=", length) == 0)
        return strings_add(variables, &variable_count, value);
    if (strncmp(word, "file=", length) == 0)
        return file_parse(value);
    if (strncmp(word, "cwd=", length) == 0)
        process.directory = value;
    else if (strncmp(word, "stdin=", length) == 0)
        options.standard_input = value;
    else if (strncmp(word, "stack=", length) == 0)
        process.stack_size = MAX(string_number(value, NULL), 64ul) << 10;
    else if (strncmp(word, "log=", length) == 0)
        log_level = (enum log_level)MIN(string_number(value, NULL), (uint64_t)LOG_DEBUG);
    else if (strncmp(word, "counters=", length) == 0)
        counters_shown = string_number(value, NULL);
    else if (strncmp(word, "seed=", length) == 0)
        options.seed = value;
    else if (strncmp(word, "hostname=", length) == 0)
        process_hostname = value;
    else if (strncmp(word, "control=", length) == 0)
        options.control = string_number(value, NULL);
    else
        log_error("unknown option %s on the kernel's command line", word);
    return 0;
}

int options_parse(const char *line)
{
    int error = words_parse(line);

    process.arguments = arguments;
    process.environment = variables;
    process.program = arguments[0];
    if (!error && !argument_count && !options.control) {
        log_error("the command line names no program: [option=value ...] [--] program [argument "
                  "...]");
        error = -EINVAL;
    }
    return error;
}
