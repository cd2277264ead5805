/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/pocket.c: the commands of `caravan pocket`.
 */
#include "launch/pocket/pocket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launch/nearest.h"
#include "launch/pocket/machine.h"
#include "launch/pocket/place.h"
#include "launch/pocket/session.h"

enum { DOWN_SECONDS = 15, STATUS_USAGE = 2 };

static void help(FILE *to)
{
    fputs(
        "Usage: caravan pocket up [--memory MIB] [--cpus N]   start a Xen host in QEMU; booting "
        "may\n"
        "                         [--timeout SECONDS]          take so long (240)\n"
        "       caravan pocket status                         whether it is up, its memory, its "
        "domains\n"
        "       caravan pocket shell [COMMAND [ARGUMENT...]]  a shell, or a command, in its dom0\n"
        "       caravan pocket down [--now]                   end it; at once, if it does not "
        "answer\n",
        to);
}

/* ---- up --------------------------------------------------------------------------------------- */

int pocket_up(unsigned memory, unsigned cpus, unsigned seconds)
{
    int lock, result;

    if (!place())
        return -1;
    lock = place_lock();
    if (lock >= 0) {
        result = machine_start(lock, memory, cpus);
        close(lock);
        if (result < 0)
            return -1;
    } else if (lock != -EWOULDBLOCK) {
        pocket_say("cannot lock %s/lock: %s", place(), strerror(-lock));
        return -1;
    } else if (place_is_ready()) {
        return 0;
    } else {
        pocket_say("it is being started already");
    }
    return machine_wait_ready(seconds);
}

static int number_option(const char *text, unsigned least, unsigned most, unsigned *value)
{
    char *end;
    unsigned long number = text ? strtoul(text, &end, 10) : 0;

    if (!text || *end || number < least || number > most) {
        pocket_say("'%s' is not a number from %u to %u", text ? text : "", least, most);
        return -1;
    }
    *value = (unsigned)number;
    return 0;
}

static int command_up(char **words)
{
    unsigned memory = MACHINE_MEMORY, cpus = MACHINE_CPUS, seconds = MACHINE_BOOT_SECONDS;
    pid_t pid;

    for (; *words; words += 2) {
        int result;

        if (strcmp(*words, "--memory") == 0) {
            result = number_option(words[1], MACHINE_DOM0_MEMORY + 256, 1 << 20, &memory);
        } else if (strcmp(*words, "--cpus") == 0) {
            result = number_option(words[1], 1, 64, &cpus);
        } else if (strcmp(*words, "--timeout") == 0) {
            result = number_option(words[1], 1, 86400, &seconds);
        } else {
            pocket_say("what is '%s'?", *words);
            result = -1;
        }
        if (result < 0)
            return STATUS_USAGE;
    }
    if (!place())
        return 1;
    if (place_in_use(&pid) && place_is_ready()) {
        pocket_say("it is already up (pid %d); `caravan pocket down` ends it", (int)pid);
        return 1;
    }
    return pocket_up(memory, cpus, seconds) < 0 ? 1 : 0;
}

/* ---- down ------------------------------------------------------------------------------------- */

/* Tell dom0 to end. Not longer than a few seconds: it may not listen any more. */
static void ask_to_end(void)
{
    static const char *const command[] = {"/bin/sh", "-c", "kill $(cat /run/caravan-serve.pid)",
                                          NULL};
    pid_t pid = fork();

    if (pid == 0) {
        if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stderr))
            _exit(1);
        alarm(DOWN_SECONDS);
        _exit(session_run(command));
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

static int command_down(bool at_once)
{
    time_t began = time(NULL), took;
    pid_t pid;
    bool was_up, asked;

    if (!place())
        return 1;
    was_up = place_in_use(&pid);
    asked = !at_once && was_up && place_is_ready();
    if (asked)
        ask_to_end();
    took = time(NULL) - began;
    machine_end(pid, asked && took < DOWN_SECONDS ? (unsigned)(DOWN_SECONDS - took) : 0);
    if (place_in_use(&pid)) {
        pocket_say("QEMU (pid %d) does not end", (int)pid);
        return 1;
    }
    pocket_say(was_up ? "down" : "it was not up");
    return 0;
}

/* ---- status ----------------------------------------------------------------------------------- */

static int command_status(void)
{
    static const char *const command[] = {
        "/bin/sh", "-c",
        "xl info | sed -n 's/^\\(nr_cpus\\|total_memory\\|free_memory\\|xen_version\\)  *:/\\1/p';"
        " xl list",
        NULL};
    char *ready = place() ? place_path("host/ready") : NULL, since[64];
    struct stat status;
    pid_t pid;

    if (!ready)
        return 1;
    if (!place_in_use(&pid)) {
        char *path = place_path("pid");
        bool stale = access(path, F_OK) == 0;

        free(path);
        puts(stale ? "down; it was ended from outside, and what it left is removed by the next"
                     " `caravan pocket up` or `down`"
                   : "down");
        return 1;
    }
    if (stat(ready, &status) < 0) {
        printf("coming up (QEMU is pid %d)\n", (int)pid);
        return 1;
    }
    strftime(since, sizeof(since), "%F %T", localtime(&status.st_mtime));
    printf("up since %s (QEMU is pid %d)\n", since, (int)pid);
    fflush(stdout);
    return session_run(command);
}

/* ---- commands in dom0 ------------------------------------------------------------------------- */

static int command_shell(char **command)
{
    const char *shell = getenv("SHELL");
    const char *alone[] = {shell && *shell == '/' ? shell : "/bin/sh", NULL};
    pid_t pid;

    if (!place())
        return SESSION_FAILED;
    if (!place_in_use(&pid) || !place_is_ready()) {
        pocket_say("it is not up; `caravan pocket up` starts it");
        return SESSION_FAILED;
    }
    return session_run(*command ? (const char *const *)command : alone);
}

int pocket_main(int argc, char **argv)
{
    static const char *const words[] = {"up", "down", "status", "shell"};
    const char *word = argc > 0 ? argv[0] : "--help", *meant;

    if (strcmp(word, "up") == 0)
        return command_up(argv + 1);
    if (strcmp(word, "down") == 0 && argc == 1)
        return command_down(false);
    if (strcmp(word, "down") == 0 && argc == 2 && strcmp(argv[1], "--now") == 0)
        return command_down(true);
    if (strcmp(word, "status") == 0 && argc == 1)
        return command_status();
    if (strcmp(word, "shell") == 0)
        return command_shell(argv + 1);
    /* What mpirun enters dom0 with, as with ssh: HOST COMMAND... */
    if (strcmp(word, "enter") == 0 && argc > 2)
        return command_shell(argv + 2);
    if (strcmp(word, "serve") == 0 && argc == 1)
        return session_serve();
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help(argc > 0 ? stdout : stderr);
        return argc > 0 ? 0 : STATUS_USAGE;
    }
    meant = nearest(word, words, sizeof(words) / sizeof(*words), sizeof(*words));
    pocket_say("what is '%s'?%s%s%s", word, meant ? " Did you mean '" : "", meant ? meant : "",
               meant ? "'?" : "");
    help(stderr);
    return STATUS_USAGE;
}
