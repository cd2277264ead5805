/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tests/xen/take_memory.c: takes memory without end.
 *
 *   take_memory touch   writes to it
 *   take_memory read    has the kernel write to it, in a system call
 *   take_memory ask     asks for ever larger pieces until one is refused, and says so: what was refused is for the program to bear
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

int main(int argc, char **argv)
{
    const char *how = argc == 2 ? argv[1] : "";
    int zeros = open("/dev/zero", O_RDONLY);

    puts("begins");
    fflush(stdout);
    if (strcmp(how, "ask") == 0) {
        size_t size = PIECE;
        void *piece;

        for (; (piece = malloc(size)) && size < SIZE_MAX / 4; size *= 2)
            free(piece);
        puts(piece ? "never refused" : "refused");
        free(piece);
        return 0;
    }
    for (;;) {
        char *piece = malloc(PIECE);

        if (!piece)
            return 3;
        if (strcmp(how, "touch") == 0)
            memset(piece, 1, PIECE);
        else if (read(zeros, piece, PIECE) != PIECE)
            return 4;
    }
}
