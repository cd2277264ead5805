// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static void last(void)
{
    puts("an exit handler");
}

static __attribute__((constructor)) void first(void)
{
    puts("a constructor");
}

int main(int count, char **arguments)
{
    atexit(last);
    for (int i = 1; i < count; i++)
        printf("argument %d: %s\n", i, arguments[i]);
    for (char **variable = environ; *variable; variable++)
        printf("variable %s\n", *variable);
    printf("%s, %d digits, %.17g, %a\n", setlocale(LC_ALL, "C"), 42, atan(1) * 4, sqrt(2));
    fflush(stdout);
    write(1, "unbuffered\n", 11);
    fprintf(stderr, "standard error\n");
    if (fopen("/does/not/exist", "r") == NULL)
        printf("%s\n", strerror(errno));
    printf("is a terminal: %d %d\n", isatty(0), isatty(1));
    printf("no newline at the end");
    return 7;
}
