/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/machine.c: see machine.h.
 */
#include "launch/pocket/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launch/pocket/place.h"
#include "launch/prefix.h"
#include "launch/string_list.h"

enum {
    BUILD_MEBIBYTES = 700,  /* packages, unpacked packages, result */
    RUNTIME_MEBIBYTES = 16, /* logs */
    MEMORY_BESIDE = 192,    /* MiB that QEMU needs beside the machine's memory */
    TERM_SECONDS = 3,       /* for QEMU to leave after TERM */
    STATUS_MISSING = 77,    /* of build-host */
    LOG_LINES = 25,
};

static const char cache_name[] = "caravan/pocket";

static void sleep_tick(void)
{
    struct timespec tick = {.tv_nsec = 100000000};

    nanosleep(&tick, NULL);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- before it is started --------------------------------------------------------------------- */

/* Our scripts: in the source tree's folder, copied to the build tree and to a prefix. NULL after a message. */
static char *find_scripts(void)
{
    static const char *const places[] = {"../launch/pocket", "../share/caravan/pocket"};

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        char *directory = prefix_program(places[i]), *script;
        bool found;

        script = text_format("%s/build-host", directory);
        found = access(script, X_OK) == 0;
        free(script);
        if (found)
            return directory;
        free(directory);
    }
    pocket_say("Caravan is not installed completely: share/caravan/pocket/build-host is missing");
    return NULL;
}

static bool program_exists(const char *name)
{
    const char *list = getenv("PATH");
    char *copy = text_copy(list ? list : "/usr/bin:/bin"), *next = NULL;
    bool found = false;

    for (char *part = strtok_r(copy, ":", &next); part && !found;
         part = strtok_r(NULL, ":", &next)) {
        char *path = text_format("%s/%s", part, name);

        found = access(path, X_OK) == 0;
        free(path);
    }
    free(copy);
    return found;
}

static int make_directories(const char *path)
{
    char *copy = text_copy(path);
    int result = 0;

    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0700);
        *slash = '/';
    }
    if (mkdir(copy, 0700) < 0 && errno != EEXIST)
        result = -errno;
    free(copy);
    return result;
}

/* $XDG_CACHE_HOME/caravan/pocket. NULL after a message. */
static char *find_cache(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *path;
    int result;

    if (cache && cache[0] == '/')
        path = text_format("%s/%s", cache, cache_name);
    else
        path = text_format("%s/.cache/%s", home && home[0] == '/' ? home : "/tmp", cache_name);
    result = make_directories(path);
    if (result == 0)
        return path;
    pocket_say("cannot make the directory %s: %s (XDG_CACHE_HOME names another place)", path,
               strerror(-result));
    free(path);
    return NULL;
}

static bool has_space(const char *path, unsigned mebibytes, const char *what)
{
    struct statvfs status;
    unsigned long long left;

    if (statvfs(path, &status) < 0)
        return true;
    left = (unsigned long long)status.f_bavail * status.f_frsize >> 20;
    if (left >= mebibytes)
        return true;
    pocket_say("no space: %s needs %u MiB in %s, where %llu MiB are free", what, mebibytes, path,
               left);
    return false;
}

static bool has_memory(unsigned wanted)
{
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    unsigned long long left = 0;

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "MemAvailable: %llu", &left) == 1)
            break;
    if (file)
        fclose(file);
    left >>= 10;
    if (!file || left == 0 || left >= wanted + MEMORY_BESIDE)
        return true;
    pocket_say("too little memory: the machine needs %u MiB and QEMU %d, and %llu MiB are available"
               " (caravan pocket up --memory MIB; %d is the least)",
               wanted, MEMORY_BESIDE, left, MACHINE_DOM0_MEMORY + 256);
    return false;
}

/* Run `script HOST`, with its messages on our standard error. Its exit status. */
static int run_script(const char *script, const char *host)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        dup2(2, 1);
        execl(script, script, host, (char *)NULL);
        _exit(126);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static int build(const char *scripts, const char *cache)
{
    char *script = text_format("%s/build-host", scripts), *stamp = text_format("%s/stamp", cache);
    bool first = access(stamp, F_OK) < 0;
    double start = now();
    int status = 126;

    if (!first || has_space(cache, BUILD_MEBIBYTES, "building dom0")) {
        if (first)
            pocket_say("building Xen and dom0 from Debian's packages, once, into %s", cache);
        status = run_script(script, cache);
        if (status == STATUS_MISSING)
            pocket_say("what is missing is named above");
        else if (status != 0)
            pocket_say("building Xen and dom0 failed (status %d)", status);
        else if (first)
            pocket_say("built in %.0f s", now() - start);
    }
    free(stamp);
    free(script);
    return status == 0 ? 0 : -1;
}

/* What dom0's /init reads. */
static int write_environment(void)
{
    char *directory = place_path("host"), *path = place_path("host/environment");
    char *caravan = prefix_program("caravan");
    FILE *file = NULL;
    int result = -1;

    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        pocket_say("cannot make %s: %s", directory, strerror(errno));
    else if (strchr(caravan, '\''))
        pocket_say("the pocket cannot use a Caravan whose path has a quote: %s", caravan);
    else if (!(file = fopen(path, "we")) || fprintf(file, "CARAVAN='%s'\n", caravan) < 0 ||
             fflush(file) != 0)
        pocket_say("cannot write %s: %s", path, strerror(errno));
    else
        result = 0;
    if (file)
        fclose(file);
    free(caravan);
    free(path);
    free(directory);
    return result;
}

/* ---- start ------------------------------------------------------------------------------------ */

/* A name with a comma would end the value of a QEMU option: it wants it doubled. */
static char *double_commas(const char *text)
{
    char *doubled = memory_zeroed(2 * strlen(text) + 1, 1), *to = doubled;

    for (; *text; text++) {
        if (*text == ',')
            *to++ = ',';
        *to++ = *text;
    }
    return doubled;
}

static void make_command(struct strings *command, const char *scripts, const char *cache,
                         unsigned memory, unsigned cpus)
{
    char *start = text_format("%s/start-qemu", scripts), *share = place_path("host");
    char *serial = place_path("serial.log"), *directory = double_commas(place());
    char *debugger;
    char *fixed[] = {start,
                     text_copy(cache),
                     text_format("%u", cpus),
                     text_format("%u", memory),
                     text_format("%d", MACHINE_DOM0_MEMORY),
                     share,
                     serial};

    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
        strings_add(command, fixed[i]);
        free(fixed[i]);
    }
    /* The user's files. What dom0 does to them QEMU does, with its user's rights and no others. */
    strings_add(command, "-fsdev");
    strings_add(command, "local,id=tree,path=/,security_model=none,multidevs=remap");
    strings_add(command, "-device");
    strings_add(command, "virtio-9p-pci,fsdev=tree,mount_tag=tree");
    /* For a debugger, which may come at any time (docs/debugging.md). */
    debugger = text_format("socket,id=gdb,path=%s/gdb.sock,server=on,wait=off", directory);
    strings_add(command, "-chardev");
    strings_add(command, debugger);
    strings_add(command, "-gdb");
    strings_add(command, "chardev:gdb");
    free(debugger);
    strings_add(command, "-device");
    strings_add(command, "virtio-serial-pci,max_ports=16");
    for (unsigned i = 1; i <= POCKET_SESSIONS; i++) {
        char *socket = text_format("socket,id=session%u,path=%s/%u.sock,server=on,wait=off", i,
                                   directory, i);
        char *port = text_format("virtserialport,chardev=session%u,name=caravan.%u", i, i);

        strings_add(command, "-chardev");
        strings_add(command, socket);
        strings_add(command, "-device");
        strings_add(command, port);
        free(socket);
        free(port);
    }
    free(directory);
}

/* In the child. */
static void become_qemu(const struct strings *command, int lock)
{
    char *pid_path = place_path("pid"), *log_path = place_path("qemu.log");
    FILE *file = fopen(pid_path, "we");
    int null = open("/dev/null", O_RDONLY), log = open(log_path, O_WRONLY | O_CREAT, 0600);
    sigset_t none;

    setsid();
    if (!file || fprintf(file, "%d\n", (int)getpid()) < 0 || fclose(file) != 0 || null < 0 ||
        log < 0)
        _exit(126);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    if (dup2(lock, 3) < 0 || (lock == 3 && fcntl(3, F_SETFD, 0) < 0) || close_range(4, ~0u, 0) < 0)
        _exit(126);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (chdir("/") == 0)
        execv(command->list[0], command->list);
    dprintf(2, "cannot execute %s: %s\n", command->list[0], strerror(errno));
    _exit(127);
}

int machine_start(int lock, unsigned memory, unsigned cpus)
{
    struct strings command = {0};
    char *scripts = NULL, *cache = NULL;
    int result = -1;
    pid_t pid;

    place_clear();
    if (!program_exists("qemu-system-x86_64"))
        pocket_say("QEMU is missing: apt-get install qemu-system-x86");
    else if (has_memory(memory) && has_space(place(), RUNTIME_MEBIBYTES, "a running pocket") &&
             (scripts = find_scripts()) && (cache = find_cache()) && build(scripts, cache) == 0 &&
             write_environment() == 0)
        result = 0;
    if (result == 0) {
        make_command(&command, scripts, cache, memory, cpus);
        pid = fork();
        if (pid == 0)
            become_qemu(&command, lock);
        if (pid < 0) {
            pocket_say("cannot start QEMU: %s", strerror(errno));
            result = -1;
        }
        strings_clear(&command);
    }
    free(scripts);
    free(cache);
    return result;
}

/* ---- while it boots --------------------------------------------------------------------------- */

static bool log_contains(const char *name, const char *text)
{
    char line[1024], *path = place_path("%s", name);
    FILE *file = fopen(path, "re");
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file))
        found = strstr(line, text) != NULL;
    if (file)
        fclose(file);
    free(path);
    return found;
}

static void find_stage(char *stage, size_t size)
{
    char *path = place_path("host/stage");
    FILE *file = fopen(path, "re");

    if (file && fgets(stage, (int)size, file))
        stage[strcspn(stage, "\n")] = '\0';
    else if (log_contains("host/dom0.log", ""))
        snprintf(stage, size, "dom0 starts Xen's tools");
    else if (log_contains("serial.log", "Dom0 has maximum"))
        snprintf(stage, size, "dom0's Linux boots");
    else if (log_contains("serial.log", "Xen"))
        snprintf(stage, size, "Xen boots");
    else
        snprintf(stage, size, "QEMU starts");
    if (file)
        fclose(file);
    free(path);
}

/* The last lines of a log, on standard error. */
static void show_end(const char *name)
{
    char *lines[LOG_LINES] = {0}, text[512], *path = place_path("%s", name);
    FILE *file = fopen(path, "re");
    size_t count = 0;

    while (file && fgets(text, sizeof(text), file)) {
        free(lines[count % LOG_LINES]);
        lines[count++ % LOG_LINES] = text_copy(text);
    }
    if (file)
        fclose(file);
    if (count > 0)
        fprintf(stderr, "--- the end of %s\n", name);
    for (size_t i = count > LOG_LINES ? count - LOG_LINES : 0; i < count; i++) {
        size_t length = strcspn(lines[i % LOG_LINES], "\r\n");

        fprintf(stderr, "%.*s\n", (int)length, lines[i % LOG_LINES]);
    }
    for (size_t i = 0; i < LOG_LINES; i++)
        free(lines[i]);
    free(path);
}

static void give_up(pid_t pid, const char *reason, double elapsed)
{
    pocket_say("%s after %.0f s", reason, elapsed);
    show_end("qemu.log");
    show_end("serial.log");
    show_end("host/dom0.log");
    machine_end(pid, 0);
}

int machine_wait_ready(unsigned seconds)
{
    bool terminal = isatty(2);
    char stage[128], last[128] = "";
    double start = now();
    pid_t pid = 0;

    while (!place_is_ready()) {
        double elapsed = now() - start;
        bool alive = place_in_use(&pid);

        if (!alive || elapsed > seconds) {
            if (terminal)
                fputc('\n', stderr);
            if (!alive && place_is_ready())
                break;
            give_up(pid, alive ? "the boot was not over" : "the boot failed: QEMU has ended",
                    elapsed);
            return -1;
        }
        find_stage(stage, sizeof(stage));
        if (terminal)
            fprintf(stderr, "\rpocket: %3.0f s  %-40s", elapsed, stage);
        else if (strcmp(stage, last) != 0)
            pocket_say("%3.0f s  %s", elapsed, stage);
        strcpy(last, stage);
        sleep_tick();
    }
    fprintf(stderr, "%spocket: up after %.0f s%-40s\n", terminal ? "\r" : "", now() - start,
            terminal ? " " : "");
    return 0;
}

/* ---- the end ---------------------------------------------------------------------------------- */

/* Whether it ends in that time. */
static bool ends(int process, unsigned seconds)
{
    struct pollfd wait = {.fd = process, .events = POLLIN};

    return poll(&wait, 1, (int)seconds * 1000) > 0;
}

void machine_end(pid_t pid, unsigned seconds)
{
    int process = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1, lock;
    pid_t still = 0;

    /* The number means QEMU as long as the lock is held: looked at once more, now that the process is pinned. */
    if (process >= 0 && place_in_use(&still) && still == pid && !ends(process, seconds)) {
        syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0);
        if (!ends(process, TERM_SECONDS)) {
            syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
            ends(process, TERM_SECONDS);
        }
    }
    if (process >= 0)
        close(process);
    lock = place_lock();
    if (lock >= 0) {
        place_clear();
        close(lock);
    }
}
