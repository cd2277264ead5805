/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: what mpirun reads in the ELF files that it packs. Input: such a file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launch/elf_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_file file;
    char error[256] = "";
    enum elf_kind kind = elf_read(data, size, &file, error, sizeof(error));

    if ((kind != ELF_OK) != (*error != '\0'))
        abort();
    if (file.interpreter && file.interpreter[0] != '/')
        abort();
    if (file.rpath && file.runpath)
        abort();
    for (size_t i = 0; i < file.needed.count; i++)
        if (file.needed.list[i][0] == '\0')
            abort();
    elf_clear(&file);
    return 0;
}
