/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/domain.c: see domain.h.
 */
#include "launch/domain.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "launch/string_list.h"
#include "launch/xl.h"

enum {
    XL_MS =
        15000, /* an answer of xl's; a second is much on a real host, and little under emulation */
    OVERHEAD_KIB =
        2048, /* beside a domain's own memory: Xen's structures, shadow of none, grant tables */
    GUEST_MIB = 4, /* the guest kernel, its page tables, and a stack */
    MAX_CPU = 4095,
};

/* ---- names ------------------------------------------------------------------------------------ */

void domain_name(char name[DOMAIN_MAX_NAME], uint32_t job, uint32_t process)
{
    snprintf(name, DOMAIN_MAX_NAME, "caravan-%08x-%u", job, process);
}

void domain_user_name(char name[DOMAIN_MAX_NAME], uint32_t job, uint32_t process, uint32_t user)
{
    snprintf(name, DOMAIN_MAX_NAME, "caravan-%08x-%u.%u", job, process & DOMAIN_MAX_RANK, user);
}

/* "caravan" in ASCII, then a zero, the job and the process; or a one and the token. */
#define UUID_MARK    "63617261-7661-6e"
#define UUID_FORMAT  UUID_MARK "00-%04x-%04x%08x"
#define TOKEN_FORMAT UUID_MARK "01-%04x-%012" PRIx64

void domain_uuid(char uuid[DOMAIN_MAX_UUID], uint32_t job, uint32_t process)
{
    snprintf(uuid, DOMAIN_MAX_UUID, UUID_FORMAT, job >> 16, job & 0xffff, process);
}

bool domain_uuid_parse(const char *uuid, uint32_t *job, uint32_t *process)
{
    char again[DOMAIN_MAX_UUID];
    unsigned high, low;

    if (strlen(uuid) != DOMAIN_MAX_UUID - 1 ||
        sscanf(uuid, UUID_MARK "00-%4x-%4x%8x", &high, &low, process) != 3)
        return false;
    *job = high << 16 | low;
    domain_uuid(again, *job, *process);
    return strcmp(uuid, again) == 0; /* exactly as we write it */
}

void domain_token_uuid(char uuid[DOMAIN_MAX_UUID], uint64_t token)
{
    snprintf(uuid, DOMAIN_MAX_UUID, TOKEN_FORMAT, (unsigned)(token >> 48),
             token & UINT64_C(0xffffffffffff));
}

bool domain_token_parse(const char *uuid, uint64_t *token)
{
    char again[DOMAIN_MAX_UUID];
    unsigned high;
    uint64_t low;

    if (strlen(uuid) != DOMAIN_MAX_UUID - 1 ||
        sscanf(uuid, UUID_MARK "01-%4x-%12" SCNx64, &high, &low) != 2)
        return false;
    *token = (uint64_t)high << 48 | low;
    domain_token_uuid(again, *token);
    return strcmp(uuid, again) == 0;
}

void domain_mac(uint8_t mac[6], uint32_t job, uint32_t process)
{
    mac[0] =
        0x06; /* locally administered, one receiver; the job's part has more bits than Xen's own prefix leaves */
    mac[1] = (uint8_t)(job >> 16);
    mac[2] = (uint8_t)(job >> 8);
    mac[3] = (uint8_t)job;
    mac[4] = (uint8_t)(process >> 8);
    mac[5] = (uint8_t)process;
}

/* The processor at `local` in a list, and how many it names. */
static int processor_at(const char *list, unsigned local, unsigned *count)
{
    unsigned total = 0;

    /* Twice: to count them, and to find the one. */
    for (int found = 0; found < 2; found++) {
        unsigned seen = 0;

        for (const char *text = list;; text++) {
            unsigned long first, last;
            char *end;

            if (!isdigit((unsigned char)*text))
                return -EINVAL;
            first = last = strtoul(text, &end, 10);
            if (*end == '-') {
                text = end + 1;
                if (!isdigit((unsigned char)*text))
                    return -EINVAL;
                last = strtoul(text, &end, 10);
            }
            if (first > last || last > MAX_CPU || (*end && *end != ','))
                return -EINVAL;
            if (found && local % total < seen + (last - first + 1)) {
                *count = total;
                return (int)(first + (local % total - seen));
            }
            seen += (unsigned)(last - first + 1);
            text = end;
            if (!*text)
                break;
        }
        total = seen;
    }
    return -EINVAL;
}

int domain_cpu(const char *list, unsigned local)
{
    unsigned count;

    return processor_at(list, local, &count);
}

unsigned domain_cpu_count(const char *list)
{
    unsigned count;

    return processor_at(list, 0, &count) < 0 ? 0 : count;
}

bool domain_cpu_listed(const char *list, unsigned cpu)
{
    unsigned count = domain_cpu_count(list);

    for (unsigned i = 0; i < count; i++)
        if (domain_cpu(list, i) == (int)cpu)
            return true;
    return false;
}

bool domain_bridge_is_name(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > 15 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("-_.:@", *name))
            return false;
    return true;
}

/* ---- the configuration ------------------------------------------------------------------------ */

struct text {
    char *at;
    size_t left;
    bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list list;
    int length;

    va_start(list, format);
    length = vsnprintf(text->at, text->left, format, list);
    va_end(list);
    if ((size_t)length >= text->left) {
        text->full = true;
        length = 0;
    }
    text->at += length;
    text->left -= (size_t)length;
}

/* In xl's quotes everything that means something there is a number (libxlu_cfg_l.l, dequote). */
static void put_quoted(struct text *text, const char *name, const char *value)
{
    put(text, "%s=\"", name);
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;

        if (isalnum(c) || strchr(" /.,:;=_+-@%", c))
            put(text, "%c", c);
        else
            put(text, "\\x%02x", c);
    }
    put(text, "\"\n");
}

int domain_config(const struct domain *domain, char *config, size_t size)
{
    struct text text = {.at = config, .left = size};
    char name[DOMAIN_MAX_NAME], uuid[DOMAIN_MAX_UUID];
    uint8_t mac[6];

    if (strlen(domain->extra) > DOMAIN_MAX_EXTRA)
        return -E2BIG;
    domain_name(name, domain->job, domain->process);
    domain_uuid(uuid, domain->job, domain->process);
    domain_mac(mac, domain->job, domain->process);
    put_quoted(&text, "name", domain->name ? domain->name : name);
    put_quoted(&text, "uuid", domain->uuid ? domain->uuid : uuid);
    put(&text, "type=\"pv\"\nvcpus=1\nmemory=%u\n", domain->memory);
    put_quoted(&text, "kernel", domain->kernel);
    put_quoted(&text, "ramdisk", domain->ramdisk);
    put_quoted(&text, "extra", domain->extra);
    /* Xen would emulate rdtsc otherwise, on some hosts, and each look at the clock cost a microsecond. */
    put(&text, "tsc_mode=\"native\"\n");
    put(&text, "on_poweroff=\"destroy\"\non_reboot=\"destroy\"\non_crash=\"destroy\"\n");
    if (domain->cpus)
        put(&text, "cpus=\"%d\"\n", domain_cpu(domain->cpus, domain->local));
    else if (domain->among)
        put_quoted(&text, "cpus", domain->among);
    if (domain->bridge)
        put(&text, "vif=[\"mac=%02x:%02x:%02x:%02x:%02x:%02x,bridge=%s,mtu=%u\"]\n", mac[0], mac[1],
            mac[2], mac[3], mac[4], mac[5], domain->bridge, domain->mtu);
    return text.full ? -EMSGSIZE : 0;
}

/* ---- the host --------------------------------------------------------------------------------- */

/* The first line of a small file below /sys, or "". */
static void read_line(char *line, size_t size, const char *sys, const char *format, ...)
{
    char path[PATH_MAX];
    va_list list;
    FILE *file;
    int length = snprintf(path, sizeof(path), "%s/", sys);

    va_start(list, format);
    vsnprintf(path + length, sizeof(path) - (size_t)length, format, list);
    va_end(list);
    line[0] = '\0';
    file = fopen(path, "re");
    if (!file)
        return;
    if (!fgets(line, (int)size, file))
        line[0] = '\0';
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
}

/* `name   : value` of `xl info`; -1: there is none. */
static long info_number(const char *info, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && strchr(" :", line[length])) {
            const char *value = line + length + strspn(line + length, " :");

            return isdigit((unsigned char)*value) ? strtol(value, NULL, 10) : -1;
        }
    }
    return -1;
}

/* The last line that says something, without its newline. */
static const char *last_words(char *output)
{
    size_t length = strlen(output);
    char *line;

    while (length > 0 && isspace((unsigned char)output[length - 1]))
        output[--length] = '\0';
    line = strrchr(output, '\n');
    return line ? line + 1 : output;
}

int domain_host_check(const char *sys, char *error, size_t size)
{
    struct utsname system;
    char line[128];

    uname(&system);
    if (strcmp(system.machine, "x86_64") != 0)
        return text_refuse(error, size, -ENOEXEC,
                           "this host is of the kind %s; guests run on x86_64 hosts",
                           system.machine);
    read_line(line, sizeof(line), sys, "hypervisor/type");
    if (strcmp(line, "xen") != 0)
        return text_refuse(
            error, size, -ENODEV,
            "there is no Xen here (%s/hypervisor/type %s%s): boot this host with Xen, or name"
            " a Xen host with --host",
            sys, *line ? "says " : "is missing", line);
    /* A domU has a UUID of its own; dom0's is all zeros. */
    read_line(line, sizeof(line), sys, "hypervisor/uuid");
    if (strspn(line, "0-") != strlen(line))
        return text_refuse(error, size, -EPERM,
                           "this is a Xen guest and not dom0, from which alone domains are made");
    return 0;
}

/* What xl did, when it is not what it should have: 0 when it is. */
static int check_xl(const char *command, int result, char *output, char *error, size_t size)
{
    if (result == 0)
        return 0;
    if (result == -ENOENT)
        return text_refuse(error, size, result,
                           "there is no `xl` in PATH: install Xen's tools (Debian: xen-utils)");
    if (result == -ETIMEDOUT)
        return text_refuse(error, size, result, "`xl %s` has not answered within %d s", command,
                           XL_MS / 1000);
    if (geteuid() != 0)
        return text_refuse(
            error, size, -EPERM,
            "user %u has no right to make domains, for which `xl` wants root (`xl %s`: %s)",
            (unsigned)geteuid(), command, last_words(output));
    return text_refuse(error, size, result < 0 ? result : -EIO, "`xl %s` failed: %s", command,
                       result < 0 ? strerror(-result) : last_words(output));
}

int domain_memory_check(unsigned memory, uint64_t initrd, char *error, size_t size)
{
    unsigned packed = (unsigned)(initrd >> 20) + 1, least = packed + GUEST_MIB;

    if (memory >= least)
        return 0;
    return text_refuse(
        error, size, -ENOMEM,
        "--mem %u: too little, the program and its libraries take %u MiB and the kernel %d;"
        " at least --mem %u, and more for what the program works on",
        memory, packed, GUEST_MIB, least);
}

int domain_host_memory(unsigned count, unsigned memory, unsigned *processors, char *error,
                       size_t size)
{
    static const char *const arguments[] = {"info", NULL};
    unsigned long needed = ((unsigned long)count * (memory * 1024ul + OVERHEAD_KIB) + 1023) / 1024;
    char info[16384];
    long available, its_processors;
    int result = check_xl("info", xl_run(arguments, XL_MS, info, sizeof(info)), info, error, size);

    if (result < 0)
        return result;
    its_processors = info_number(info, "nr_cpus");
    *processors = its_processors > 0 ? (unsigned)its_processors : 1;
    available = info_number(info, "free_memory");
    if (available < 0)
        return text_refuse(error, size, -EPROTO, "`xl info` does not tell how much memory is free");
    if (needed <= (unsigned long)available)
        return 0;
    return text_refuse(
        error, size, -ENOMEM,
        "%u domain%s of %u MiB need%s %lu MiB, and Xen has %ld MiB free of %ld; use a"
        " smaller --mem, fewer ranks, or leave dom0 less (dom0_mem= of Xen)",
        count, count == 1 ? "" : "s", memory, count == 1 ? "s" : "", needed, available,
        info_number(info, "total_memory"));
}

int domain_host_list(void (*found)(void *context, unsigned id, const char *uuid), void *context,
                     char *error, size_t size)
{
    enum { LIST = 1 << 20 }; /* some hundred bytes a domain */
    static const char *const arguments[] = {"list", "-v", NULL};
    char *list = malloc(LIST);
    char *place = NULL, *last = NULL;
    int result = list ? check_xl("list", xl_run(arguments, XL_MS, list, LIST), list, error, size)
                      : -ENOMEM;

    if (result == 0)
        for (char *line = strtok_r(list, "\n", &place); line; line = strtok_r(NULL, "\n", &place)) {
            unsigned id = 0, words = 0;

            for (char *word = strtok_r(line, " ", &last); word; word = strtok_r(NULL, " ", &last)) {
                /* Name, number, ...: a name of ours is one word, and a missing one is `(null)`. */
                if (words++ == 1)
                    id = (unsigned)strtoul(word, NULL, 10);
                if (id != 0 && strncmp(word, UUID_MARK, strlen(UUID_MARK)) == 0)
                    found(context, id, word);
            }
        }
    free(list);
    return result;
}

static bool is_bridge(const char *sys, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/class/net/%s/bridge", sys, name);
    return access(path, F_OK) == 0;
}

int domain_host_bridge(const char *sys, const char *wanted, char name[16], unsigned *mtu,
                       char *error, size_t size)
{
    char path[PATH_MAX], list[256] = "", line[32];
    unsigned count = 0;
    bool usual = false;
    struct dirent *entry;
    DIR *directory;

    name[0] = '\0';
    snprintf(path, sizeof(path), "%s/class/net", sys);
    directory = opendir(path);
    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] == '.' || strlen(entry->d_name) > 15 || !is_bridge(sys, entry->d_name))
            continue;
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", count ? ", " : "",
                 entry->d_name);
        usual |= strcmp(entry->d_name, "xenbr0") == 0;
        if (wanted ? strcmp(entry->d_name, wanted) == 0 : count == 0)
            strcpy(name, entry->d_name);
        count++;
    }
    if (directory)
        closedir(directory);
    if (!wanted && usual)
        strcpy(name, "xenbr0");
    else if (!wanted && count > 1)
        name[0] = '\0';
    if (!*name && count == 0)
        return text_refuse(
            error, size, -ENODEV,
            "there is no bridge here%s%s, and domains reach one another over one: make it (ip"
            " link add xenbr0 type bridge; ip link set xenbr0 up)",
            wanted ? " to be called " : "", wanted ? wanted : "");
    if (!*name)
        return text_refuse(error, size, -ENODEV, "%s%s; name one of these with --bridge: %s",
                           wanted ? "there is no bridge " : "which bridge", wanted ? wanted : "",
                           list);
    read_line(line, sizeof(line), sys, "class/net/%s/mtu", name);
    *mtu = (unsigned)strtoul(line, NULL, 10);
    if (*mtu > DOMAIN_MTU)
        *mtu = DOMAIN_MTU;
    return 0;
}
