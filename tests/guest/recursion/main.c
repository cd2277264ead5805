// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static char *bottom;

static __attribute__((noinline)) unsigned long down(size_t left)
{
    volatile char frame[1000];

    frame[0] = (char)left;
    frame[999] = 1;
    if ((size_t)(bottom - (char *)frame) >= left)
        return 0;
    return down(left) + (unsigned long)frame[999];
}

int main(void)
{
    struct rlimit limit;
    char here;

    bottom = &here;
    getrlimit(RLIMIT_STACK, &limit);
    printf("limit %lu\n", (unsigned long)limit.rlim_cur);
    printf("deep enough: %d\n", down(8 * 1024 * 1024 - 128 * 1024) > 7000);
    return 0;
}
