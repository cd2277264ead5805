/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/root/allow.c: the list of those who may have domains.
 *
 *   # who     how much
 *   alice     domains=16 memory=8192 bridge=xenbr0,xenbr1 cpus=1-7
 *   @mpi      domains=4
 *   1234
 *
 * A name, or @ and the name of a group, or their numbers. A line that is not understood closes the door for all: what its
 * author meant to limit is not known.
 */
#include "launch/root/root.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 64 << 10 };

#define BLANKS " \t\r"

/* All of it, the caller's to free. Only root writes it, or it would be no list of root's. */
static char *read_list(const char *path, int *result, char *error, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = memory_zeroed(1, MAX_FILE + 1);
    struct stat status;
    ssize_t length = 0;

    if (fd < 0 || fstat(fd, &status) < 0)
        *result = text_refuse(error, size, -errno, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 022)
        *result = text_refuse(
            error, size, -EPERM,
            "%s is not used: it has to be a file of root's that nobody else can write", path);
    else if ((length = read(fd, text, MAX_FILE + 1)) < 0)
        *result = text_refuse(error, size, -errno, "%s: %s", path, strerror(errno));
    else if (length > MAX_FILE || memchr(text, '\0', (size_t)length))
        *result = text_refuse(error, size, -EINVAL, "%s is not a text of at most %d bytes", path,
                              MAX_FILE);
    else
        *result = 0;
    if (fd >= 0)
        close(fd);
    if (*result == 0)
        return text;
    free(text);
    return NULL;
}

static bool number(const char *text, uint64_t most, uint64_t *value)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 18 || text[digits])
        return false;
    *value = strtoull(text, NULL, 10);
    return *value <= most;
}

static bool is_in(const struct root_peer *peer, gid_t group)
{
    for (size_t i = 0; i < peer->group_count; i++)
        if (peer->groups[i] == group)
            return true;
    return false;
}

/* A name that nobody has fits nobody. */
static bool fits(const char *who, const struct root_peer *peer)
{
    uint64_t id;

    if (*who == '@') {
        const struct group *group = number(who + 1, UINT32_MAX, &id) ? NULL : getgrnam(who + 1);

        return group ? is_in(peer, group->gr_gid)
                     : number(who + 1, UINT32_MAX, &id) && is_in(peer, (gid_t)id);
    }
    if (number(who, UINT32_MAX, &id))
        return peer->user == (uid_t)id;

    const struct passwd *user = getpwnam(who);

    return user && user->pw_uid == peer->user;
}

static bool take_bridges(char *list, struct strings *bridges)
{
    char *place = NULL;

    for (char *name = strtok_r(list, ",", &place); name; name = strtok_r(NULL, ",", &place)) {
        if (!domain_bridge_is_name(name))
            return false;
        strings_add(bridges, name);
    }
    return bridges->count > 0;
}

static bool take_cpus(const char *list, char **cpus)
{
    free(*cpus);
    *cpus = text_copy(list);
    return domain_cpu_count(list) > 0;
}

/* What stands behind the name. */
static bool take_limit(char *word, struct root_allowance *allowance)
{
    uint64_t value;

    if (strncmp(word, "domains=", 8) == 0 && number(word + 8, DOMAIN_MAX_RANK + 1, &value))
        allowance->domains = (unsigned)value;
    else if (strncmp(word, "memory=", 7) == 0 && number(word + 7, UINT32_MAX, &value))
        allowance->memory = value;
    else if (strncmp(word, "cpus=", 5) == 0)
        return take_cpus(word + 5, &allowance->cpus);
    else
        return strncmp(word, "bridge=", 7) == 0 && take_bridges(word + 7, &allowance->bridges);
    return true;
}

static bool is_who(const char *word)
{
    word += *word == '@';
    if (*word == '\0' || strchr(word, '='))
        return false;
    for (; *word; word++)
        if (!isgraph((unsigned char)*word) || *word == '@')
            return false;
    return true;
}

/* One line; what is wrong with it, or NULL. `who`: NULL when it is empty. */
static const char *take_line(char *line, const char **who, struct root_allowance *allowance)
{
    char *place = NULL;

    line[strcspn(line, "#")] = '\0';
    *who = strtok_r(line, BLANKS, &place);
    if (*who && !is_who(*who))
        return *who;
    for (char *word; *who && (word = strtok_r(NULL, BLANKS, &place));)
        if (!take_limit(word, allowance))
            return word;
    return NULL;
}

void root_allowance_clear(struct root_allowance *allowance)
{
    strings_clear(&allowance->bridges);
    free(allowance->cpus);
    allowance->cpus = NULL;
}

int root_allow_read(const char *path, const struct root_peer *peer,
                    struct root_allowance *allowance, char *error, size_t size)
{
    int result = 0;
    unsigned line_number = 0;
    bool found = false;
    char *text = read_list(path, &result, error, size), *rest = text;

    *allowance = (struct root_allowance){.domains = 0};
    for (char *line; result == 0 && (line = strsep(&rest, "\n"));) {
        struct root_allowance its = {
            .line = ++line_number, .domains = ROOT_DOMAINS, .memory = UINT64_MAX};
        const char *who, *wrong = take_line(line, &who, &its);

        if (wrong)
            result = text_refuse(error, size, -EINVAL, "%s is not used: line %u: what is '%.64s'?",
                                 path, line_number, wrong);
        if (!wrong && who && !found && fits(who, peer)) {
            *allowance = its;
            found = true;
        } else {
            root_allowance_clear(&its);
        }
    }
    free(text);
    if (result == 0 && !found)
        result = text_refuse(error, size, -EACCES,
                             "user %s is not allowed to have domains on this host: ask its"
                             " administrator for a line with that name in %s",
                             peer->name, path);
    if (result < 0)
        root_allowance_clear(allowance);
    return result;
}
