/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bin/caravan.c: `caravan info`: what a job started here would use, and why. `caravan pocket` is launch/pocket's,
 * `caravan node-agent` launch/root's.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "am/link/ring_format.h"
#include "am/port/interface.h"
#include "am/port/packet_run.h"
#include "am/region/grant.h"
#include "control/control.h"
#include "launch/binding.h"
#include "launch/channel.h"
#include "launch/nearest.h"
#include "launch/packet.h"
#include "launch/pocket/pocket.h"
#include "launch/root/root.h"
#include "launch/version.h"

enum { INTERFACES = 64 };

static void line(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(const char *what, const char *format, ...)
{
    va_list list;

    printf("%-22s ", what);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
}

static void show_versions(void)
{
    line("caravan", "%s", CARAVAN_VERSION);
    line("MPI", "3.1, as %s (the interface of Open MPI 4.1)", CARAVAN_ABI_VERSION);
    line("launcher", "control stream %d, agent stream %d", CONTROL_VERSION, CHANNEL_VERSION);
}

static void show_host(void)
{
    struct utsname name;
    cpu_set_t set;
    char cpus[256] = "?";

    uname(&name);
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        binding_describe(&set, cpus, sizeof(cpus));
    line("host", "%s, %s %s", name.nodename, name.sysname, name.release);
    line("cores", "%d (%s); ranks above that yield instead of spinning", CPU_COUNT(&set), cpus);
}

/* ---- shared memory ---------------------------------------------------------------------------- */

/* As am/link/ring.c uses it: from a process of the same user that is not its child. 0, or why not. */
static int try_process_vm(void)
{
    static char source[] = "caravan";
    char copy[sizeof(source)] = "";
    struct iovec here = {.iov_base = copy, .iov_len = sizeof(copy)};
    struct iovec there = {.iov_base = source, .iov_len = sizeof(source)};
    int fd[2], error = 0;
    pid_t target, reader;

    if (pipe(fd) < 0)
        return -errno;
    target = fork();
    if (target == 0) {
        close(fd[1]);
        _exit(read(fd[0], copy, 1) != 0);
    }
    reader = target > 0 ? fork() : -1;
    if (reader == 0) {
        if (process_vm_readv(target, &here, 1, &there, 1, 0) != (ssize_t)sizeof(copy))
            _exit(errno & 0x7f);
        _exit(strcmp(copy, source) == 0 ? 0 : EIO);
    }
    close(fd[0]);
    if (reader < 0 || waitpid(reader, &error, 0) < 0)
        error = W_EXITCODE(EAGAIN, 0);
    close(fd[1]);
    if (target > 0)
        waitpid(target, NULL, 0);
    return -WEXITSTATUS(error);
}

static void show_memory(void)
{
    int fd = memfd_create("caravan-info", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int copied = try_process_vm();
    int barriers = (int)syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

    if (fd < 0)
        line("ring links", "none: memfd_create: %s", strerror(errno));
    else
        line("ring links", "memfd");
    if (fd >= 0)
        close(fd);
    if (copied == 0)
        line("single copy", "process_vm_readv works");
    else
        line("single copy", "no (process_vm_readv: %s); large messages go through the ring",
             strerror(-copied));
    if (barriers >= 0 && (barriers & MEMBARRIER_CMD_GLOBAL_EXPEDITED))
        line("wake-up", "membarrier: senders pay no fence");
    else
        line("wake-up", "a fence with every message (no membarrier: %s)",
             barriers < 0 ? strerror(errno) : "this kernel has no expedited kind");
}

/* ---- granted memory --------------------------------------------------------------------------- */

/* Does this file begin with the word? */
static bool says(const char *path, const char *word)
{
    char text[32] = "";
    FILE *file = fopen(path, "re");
    bool said = file && fgets(text, sizeof(text), file) && strncmp(text, word, strlen(word)) == 0;

    if (file)
        fclose(file);
    return said;
}

/* Whether processes here can have it. Domains that mpirun makes in dom0 have it in any case. */
static void show_granted(void)
{
    /* With modules of that name; and what an agent needs to find others of its host, in the kernel itself. */
    enum { MODULES = 3 };
    static const char *const devices[] = {"gntalloc", "gntdev", "evtchn", "xenbus"};
    bool dom0 = says("/proc/xen/capabilities", "control_d");
    uint32_t pages = (uint32_t)((ring_bytes(RING_LINES) + GRANT_PAGE - 1) / GRANT_PAGE);
    const char *what = "granted memory";
    const char *no = dom0 ? "between domains; not with processes" : "no";
    const char *yes = dom0 ? "between domains, and with processes"
                           : "with other domains of this Xen host";
    struct grants *grants;
    int error;

    if (!says("/sys/hypervisor/type", "xen")) {
        line(what, "no: there is no Xen below this system");
        return;
    }
    for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
        char path[32];

        snprintf(path, sizeof(path), "/dev/xen/%s", devices[i]);
        if (access(path, R_OK | W_OK) < 0) {
            line(what, "%s: %s: %s%s%s", no, path, strerror(errno),
                 errno == ENOENT && i < MODULES ? "; modprobe xen-"
                 : errno == EACCES              ? "; it is root's"
                                                : "",
                 errno == ENOENT && i < MODULES ? devices[i] : "");
            return;
        }
    }
    error = grants_open(&grants, &grant_system_linux);
    grants_close(grants);
    if (error < 0)
        line(what, "%s: /dev/xen: %s", no, strerror(-error));
    else if (grants_limit() == UINT32_MAX)
        line(what, "%s", yes);
    else
        line(what,
             "%s: the kernel lets those of %s grant %u pages (xen_gntalloc's limit), %u rings", yes,
             dom0 ? "dom0" : "this one", grants_limit(), grants_limit() / pages);
}

/* ---- which is whose --------------------------------------------------------------------------- */

static void show_links(void)
{
    line("which link a pair has", "ring links: processes of one node");
    line("", "granted memory: ranks in two domains of one Xen host; processes (dom0's too) with "
             "the rights");
    line("", "frames: all others, and what has no other link");
    line("", "kill -USR1 MPIRUN'S-PID: a job says what its ranks have and do");
}

/* ---- frames ----------------------------------------------------------------------------------- */

static void show_interfaces(const char *named)
{
    static struct interface list[INTERFACES];
    struct interface chosen;
    char text[512];
    int count = interface_list(list, INTERFACES);

    if (interface_choose(named, &chosen, text, sizeof(text)) == 0)
        line("interface", "%s, %02x:%02x:%02x:%02x:%02x:%02x, MTU %u (%s)", chosen.name,
             chosen.mac[0], chosen.mac[1], chosen.mac[2], chosen.mac[3], chosen.mac[4],
             chosen.mac[5], chosen.mtu, named ? "named" : "the one that qualifies");
    else
        line("interface", "none: %s", text);
    for (int i = 0; i < count; i++) {
        const char *refusal = interface_refusal(&list[i]);

        line("", "%s: %s", list[i].name, refusal ? refusal : "qualifies");
    }
}

static int take_nothing(void *context, struct control_message *message)
{
    return 0;
}

static void show_helper(const char *named)
{
    char *path = packet_path(), capability[64], error[512];
    char *range = (char[]){"0-0"};
    struct packet_request request = {
        .path = path,
        .interfaces = named ? named : "",
        .ethertype = 0x88b5,
        .ranges = &range,
        .range_count = 1,
    };
    ssize_t length = getxattr(path, "security.capability", capability, sizeof(capability));
    struct stat status;

    if (stat(path, &status) < 0) {
        line("packet helper", "%s: %s", path, strerror(errno));
        free(path);
        return;
    }
    line("packet helper", "%s, %s", path,
         length > 0                                         ? "with a file capability"
         : status.st_uid == 0 && (status.st_mode & S_ISUID) ? "set-user-ID root"
                                                            : "without a file capability");
    if (packet_run(&request, take_nothing, NULL, error, sizeof(error)) == 0)
        line("frames", "yes: packet sockets can be opened%s",
             geteuid() == 0 && length <= 0 ? " (by root)" : "");
    else
        line("frames", "no: %s", error);
    free(path);
}

/* ---- the command ------------------------------------------------------------------------------ */

static void help(FILE *to)
{
    fputs("Usage: caravan info [--eth NAME]   what a job started here would use, and why\n"
          "       caravan pocket up|status|shell|down   a Xen host in QEMU, on this machine\n"
          "       caravan node-agent [--allow FILE]   on a Xen host, as root: domains for users\n"
          "       caravan --version\n"
          "       caravan --help\n",
          to);
}

int main(int argc, char **argv)
{
    static const char *const words[] = {"info",      "pocket", "node-agent",
                                        "--version", "--help", "--eth"};
    const char *word = argc > 1 ? argv[1] : "--help";

    if (strcmp(word, "pocket") == 0)
        return pocket_main(argc - 2, argv + 2);
    if (strcmp(word, "node-agent") == 0)
        return root_main(argc - 2, argv + 2);
    if (strcmp(word, "info") == 0 &&
        (argc == 2 || (argc == 4 && strcmp(argv[2], "--eth") == 0 && *argv[3]))) {
        const char *named = argc == 4 ? argv[3] : NULL;

        signal(SIGPIPE, SIG_IGN);
        show_versions();
        show_host();
        show_memory();
        show_granted();
        show_interfaces(named);
        show_helper(named);
        show_links();
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0) {
        printf("caravan %s\n", CARAVAN_VERSION);
        return 0;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help(argc > 1 ? stdout : stderr);
        return argc > 1 ? 0 : 1;
    }

    const char *wrong = strcmp(word, "info") == 0 ? argv[2] : word;
    const char *meant = nearest(wrong, words, sizeof(words) / sizeof(*words), sizeof(*words));

    fprintf(stderr, "caravan: what is '%s'?%s%s%s\n", wrong, meant ? " Did you mean '" : "",
            meant ? meant : "", meant ? "'?" : "");
    help(stderr);
    return 1;
}
