// SPDX-License-Identifier: BSD-2-Clause
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE   (500ul * 1000 * 1000)
#define BLOCKS 5000

int main(void)
{
    uint64_t *heap = malloc(SIZE), wrong = 0;
    static char *blocks[BLOCKS];

    if (!heap)
        return 1;
    for (size_t i = 0; i < SIZE / 8; i += 64)
        heap[i] = i * 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < SIZE / 8; i += 64)
        wrong += heap[i] != i * 0x9e3779b97f4a7c15 || heap[i + 1] != 0;
    printf("one block: %lu wrong\n", wrong);
    free(heap);

    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(SIZE / BLOCKS);
        if (!blocks[i])
            return 1;
        for (size_t at = 0; at < SIZE / BLOCKS; at += 4096)
            blocks[i][at] = (char)(i + at / 4096);
    }
    for (int i = 0; i < BLOCKS; i++)
        for (size_t at = 0; at < SIZE / BLOCKS; at += 4096)
            wrong += blocks[i][at] != (char)(i + at / 4096);
    printf("%d blocks: %lu wrong\n", BLOCKS, wrong);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    heap = calloc(1, SIZE); /* memory that comes back is zero again */
    for (size_t i = 0; heap && i < SIZE / 8; i += 512)
        wrong += heap[i] != 0;
    printf("again: %lu wrong\n", wrong);
    return 0;
}
