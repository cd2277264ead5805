/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: what a program does with the files of its user gives the same in a domain as on Linux: it prints what it finds, and
 * the two are compared. `host_files DIRECTORY`, which must not exist, works in it and removes it; `host_files fill FILE` writes until
 * there is an error and prints it; `host_files copy FROM TO` copies in pieces of odd sizes; `host_files lock FILE` takes a lock, says
 * so, and has it until its input ends.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SAY(what)                                                                                  \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long said_ = (long)(what);                                                                 \
        printf("%s = %ld%s%s\n", #what, said_, errno ? ", " : "", errno ? strerror(errno) : "");   \
    } while (0)

static void say_stat(const char *name)
{
    struct stat status;

    if (lstat(name, &status) < 0)
        printf("%s: %s\n", name, strerror(errno));
    else
        printf("%s: mode %o, %ld links, %ld bytes, owner %u, time %ld\n", name, status.st_mode,
               S_ISDIR(status.st_mode) ? 0 : (long)status.st_nlink,
               S_ISREG(status.st_mode) ? (long)status.st_size : 0, status.st_uid,
               status.st_mtime < 1000 ? (long)status.st_mtime : 1000);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void say_names(const char *directory)
{
    char *names[64];
    size_t count = 0;
    DIR *stream = opendir(directory);

    for (struct dirent *entry; stream && count < 64 && (entry = readdir(stream));)
        names[count++] = strdup(entry->d_name);
    qsort(names, count, sizeof(*names), by_name);
    printf("in %s:", directory);
    for (size_t i = 0; i < count; i++)
        printf(" %s", names[i]);
    printf("\n");
    if (stream)
        closedir(stream);
}

static void reading_and_writing(void)
{
    static char bytes[300000], back[300000];
    struct iovec parts[2] = {{bytes, 7}, {bytes + 7, 9}};
    char *mapped;
    int fd = open("data", O_RDWR | O_CREAT | O_EXCL, 0666), more;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 + i / 256);
    SAY(write(fd, bytes, sizeof(bytes)));
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(pread(fd, back, sizeof(back), 0));
    SAY(memcmp(bytes, back, sizeof(bytes)));
    SAY(pread(fd, back, 100, 299990));
    SAY(read(fd, back, 100));
    SAY(pwrite(fd, "patch", 5, 131070));
    SAY(lseek(fd, 131068, SEEK_SET));
    SAY(read(fd, back, 9));
    SAY(memcmp(back + 2, "patch", 5));
    SAY(lseek(fd, -10, SEEK_END));
    SAY(writev(fd, parts, 2));
    SAY(lseek(fd, 0, SEEK_END));
    SAY(lseek(fd, -1, SEEK_SET));
    SAY(ftruncate(fd, 200000));
    SAY(fallocate(fd, 0, 0, 250000));
    SAY(fsync(fd));
    SAY(fdatasync(fd));
    mapped = mmap(NULL, 250000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    SAY(mapped != MAP_FAILED);
    SAY(memcmp(mapped, bytes, 131070));
    mapped[5] = 'x';
    SAY(mapped[249999]);
    SAY(pread(fd, back, 1, 5));
    SAY(back[0] == bytes[5]);
    SAY(munmap(mapped, 250000));
    more = open("data", O_WRONLY | O_APPEND);
    SAY(write(more, "end", 3));
    SAY(lseek(more, 0, SEEK_CUR));
    SAY(lseek(fd, 0, SEEK_END));
    SAY(read(more, back, 1));
    SAY(write(open("data", O_RDONLY), back, 1));
    SAY(close(more));
    SAY(close(fd));
    SAY(truncate("data", 12));
    SAY(open("data", O_CREAT | O_EXCL | O_WRONLY, 0600));
    SAY(open("none", O_RDONLY));
    SAY(open("none/none", O_CREAT | O_WRONLY, 0600));
    SAY(open("data/none", O_RDONLY));
    SAY(open("data", O_RDONLY | O_DIRECTORY));
    SAY(open(".", O_WRONLY));
    say_stat("data");
}

static void names_and_attributes(void)
{
    char path[PATH_MAX] = "";
    struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 77}};
    int directory;

    umask(027);
    SAY(mkdir("sub", 0777));
    SAY(mkdir("sub", 0777));
    SAY(close(open("sub/file", O_CREAT | O_WRONLY, 0666)));
    say_stat("sub");
    say_stat("sub/file");
    SAY(link("sub/file", "sub/link"));
    SAY(symlink("sub/file", "symbolic"));
    SAY(readlink("symbolic", path, sizeof(path)));
    printf("leads to %s\n", path);
    say_stat("symbolic");
    say_stat("sub/link");
    SAY(link("symbolic", "sub"));
    SAY(rename("sub/link", "sub/renamed"));
    SAY(rename("sub", "sub/file"));
    SAY(chmod("sub/file", 0640));
    SAY(utimensat(AT_FDCWD, "sub/file", times, 0));
    say_stat("sub/renamed");
    SAY(access("sub/file", R_OK));
    SAY(access("sub/file", X_OK));
    SAY(access("sub/none", F_OK));
    SAY(chown("sub/file", (uid_t)-1, (gid_t)-1));
    say_names("sub");
    SAY(rmdir("sub"));
    SAY(unlink("sub"));
    directory = open("sub", O_RDONLY | O_DIRECTORY);
    SAY(unlinkat(directory, "renamed", 0));
    SAY(unlinkat(directory, "renamed", 0));
    SAY(faccessat(directory, "file", F_OK, 0));
    SAY(fchdir(directory));
    SAY(access("../data", F_OK));
    SAY(chdir(".."));
    SAY(symlink("sub", "way"));
    SAY(chdir("way/./../way//."));
    SAY(strcmp(strrchr(getcwd(path, sizeof(path)), '/'), "/sub"));
    SAY(chdir("../data"));
    SAY(chdir("../none"));
    SAY(chdir(".."));
    SAY(close(directory));
    SAY(unlink("way"));
    SAY(unlink("sub/file"));
    SAY(rmdir("sub"));
    SAY(unlink("symbolic"));
    say_names(".");
}

/* /dev is the guest's own, /tmp the host's. */
static void own_names(void)
{
    int fd = open("/dev/shm/host_files", O_RDWR | O_CREAT | O_TRUNC, 0600);

    SAY(write(fd, "own", 3));
    SAY(rename("/dev/shm/host_files", "moved"));
    SAY(unlink("/dev/shm/host_files"));
    SAY(access("/proc/self/status", R_OK));
    SAY(access("/proc/self/none", R_OK));
    SAY(close(open("/dev/null", O_WRONLY)));
}

static void locks(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 1};
    int fd = open("data", O_RDWR);

    SAY(fcntl(fd, F_SETLK, &lock));
    SAY(fcntl(fd, F_GETLK, &lock));
    SAY(lock.l_type);
    lock.l_type = F_UNLCK;
    SAY(fcntl(fd, F_SETLK, &lock));
    SAY(flock(fd, LOCK_SH));
    SAY(flock(fd, LOCK_UN));
    SAY(close(fd));
    SAY(unlink("data"));
}

static int fill(const char *name)
{
    static char bytes[100000];
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    long total = 0, written;

    while ((written = write(fd, bytes, sizeof(bytes))) > 0)
        total += written;
    printf("after %s: %s\n", total ? "some" : "nothing", strerror(errno));
    return written < 0 && errno == ENOSPC ? 0 : 1;
}

static int copy(const char *from, const char *to)
{
    static char bytes[1 << 20];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    size_t size = 1;
    ssize_t got;

    while ((got = read(in, bytes, size)) > 0) {
        if (write(out, bytes, (size_t)got) != got)
            got = -1;
        size = (size * 5 + 3) % sizeof(bytes) + 1;
    }
    if (got < 0 || fsync(out) < 0)
        printf("%s\n", strerror(errno));
    return got < 0 || close(out) < 0;
}

static int lock_until_told(const char *name)
{
    struct flock lock = {.l_type = F_WRLCK};
    int fd = open(name, O_RDWR | O_CREAT, 0600);

    if (fcntl(fd, F_SETLKW, &lock) < 0)
        return 1;
    printf("locked\n");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "fill") == 0)
        return fill(argv[2]);
    if (argc == 3 && strcmp(argv[1], "lock") == 0)
        return lock_until_told(argv[2]);
    if (argc == 4 && strcmp(argv[1], "copy") == 0)
        return copy(argv[2], argv[3]);
    if (argc != 2 || mkdir(argv[1], 0700) < 0 || chdir(argv[1]) < 0) {
        perror(argv[argc - 1]);
        return 2;
    }
    umask(022);
    reading_and_writing();
    names_and_attributes();
    own_names();
    locks();
    SAY(rmdir(argv[1]));
    return 0;
}
