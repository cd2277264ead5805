/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: mpirun's command line, one word a line of the input, and OMPI_MCA_* variables behind an empty line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launch/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    char *text = malloc(size + 1), *words[WORDS + 1], *variables[WORDS + 1], *next = text;
    struct options options;
    int count = 0, variable_count = 0;
    bool environment = false;

    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    memcpy(text, data, size);
    text[size] = '\0';
    while (next) {
        char *word = strsep(&next, "\n");

        if (!*word)
            environment = true;
        else if (!environment && count < WORDS)
            words[count++] = word;
        else if (environment && variable_count < WORDS)
            variables[variable_count++] = word;
    }
    words[count] = variables[variable_count] = NULL;
    if (options_parse(&options, count, words, nowhere) == 0 && options.action == ACTION_RUN) {
        options_read_environment(&options, variables);
        for (size_t i = 0; i < options.program_count; i++)
            if (options.programs[i].arguments.count == 0 || options.programs[i].ranks > MAX_RANKS)
                abort();
    }
    options_clear(&options);
    free(text);
    return 0;
}
