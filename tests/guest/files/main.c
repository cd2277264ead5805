// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#define TRY(call)                                                                                  \
    do {                                                                                           \
        long result_ = (call);                                                                     \
        printf("%s: %s\n", #call, result_ < 0 ? strerror(errno) : "good");                         \
    } while (0)

/* For calls whose result is the same everywhere. */
#define SHOW(call)                                                                                 \
    do {                                                                                           \
        long result_ = (call);                                                                     \
        if (result_ < 0)                                                                           \
            printf("%s: %s\n", #call, strerror(errno));                                            \
        else                                                                                       \
            printf("%s: %ld\n", #call, result_);                                                   \
    } while (0)

static char buffer[200000];

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *name)
{
    DIR *directory = opendir(name);
    char *names[1000];
    int count = 0;

    if (!directory) {
        printf("%s: %s\n", name, strerror(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) && count < 1000;)
        names[count++] = strdup(entry->d_name);
    closedir(directory);
    qsort(names, (size_t)count, sizeof *names, by_name);
    printf("%s has %d:", name, count);
    for (int i = 0; i < count && i < 8; i++)
        printf(" %s", names[i]);
    printf("\n");
}

static void status(const char *name)
{
    struct stat s;

    if (lstat(name, &s))
        printf("%s: %s\n", name, strerror(errno));
    else
        printf("%s: mode %o links %lu size %ld\n", name, s.st_mode, (unsigned long)s.st_nlink,
               S_ISDIR(s.st_mode) ? 0 : (long)s.st_size);
}

int main(void)
{
    char top[] = "caravan-files-XXXXXX";
    struct stat s, t;
    int fd, other;

    setvbuf(stdout, NULL, _IONBF, 0);
    umask(022);
    if (!mkdtemp(top) || chdir(top))
        return 1;

    puts("# open");
    SHOW(fd = open("a", O_RDONLY));
    SHOW(fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0644));
    TRY(open("a", O_RDWR | O_CREAT | O_EXCL, 0644));
    TRY(open("a/b", O_RDONLY));
    TRY(open("a/", O_RDONLY));
    TRY(open("no/b", O_RDWR | O_CREAT, 0644));
    TRY(open("new/", O_RDWR | O_CREAT, 0644));
    TRY(open("", O_RDONLY));
    TRY(open(".", O_RDWR));
    TRY(open("a", O_RDONLY | O_DIRECTORY));
    memset(buffer, 'x', 5000);
    buffer[300] = 0;
    TRY(open(buffer, O_RDONLY));
    buffer[300] = 'x';
    buffer[4999] = 0;
    TRY(open(buffer, O_RDONLY));
    SHOW(close(999));

    puts("# read and write");
    for (int i = 0; i < 100000; i++)
        buffer[i] = (char)(i * 13);
    SHOW(write(fd, buffer, 100000));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, -10, SEEK_END));
    SHOW(read(fd, buffer + 100000, 100));
    SHOW(memcmp(buffer + 99990, buffer + 100000, 10));
    SHOW(read(fd, buffer, 100));
    SHOW(lseek(fd, -1, SEEK_SET));
    SHOW(lseek(fd, 0, 99));
    SHOW(lseek(fd, 300000, SEEK_SET));
    SHOW(write(fd, "hole", 4));
    SHOW(pread(fd, buffer + 100000, 8, 299998));
    SHOW(memcmp(buffer + 100000, "\0\0hole", 6));
    SHOW(pwrite(fd, "zz", 2, 4095));
    SHOW(pread(fd, buffer + 100000, 4, 4094));
    SHOW(memcmp(buffer + 100000 + 1, "zz", 2));
    SHOW(pread(fd, buffer, 1, -1));
    struct iovec parts[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
    SHOW(lseek(fd, 10, SEEK_SET));
    SHOW(writev(fd, parts, 3));
    SHOW(writev(fd, parts, -1));
    struct iovec back[2] = {{buffer, 2}, {buffer + 50, 5}};
    SHOW(lseek(fd, 10, SEEK_SET));
    SHOW(readv(fd, back, 2));
    printf("%.2s|%.5s\n", buffer, buffer + 50);
    SHOW(preadv(fd, back, 2, 12));
    printf("%.2s|%.5s\n", buffer, buffer + 50);
    SHOW(read(fd, NULL, 0));
    SHOW(write(open("a", O_RDONLY), "x", 1));
    other = open("a", O_WRONLY | O_APPEND);
    SHOW(read(other, buffer, 1));
    SHOW(write(other, "end", 3));
    SHOW(lseek(other, 0, SEEK_CUR));
    SHOW(lseek(fd, 5, SEEK_SET));
    SHOW(ftruncate(fd, 3));
    SHOW(read(fd, buffer, 10));
    SHOW(ftruncate(fd, 10));
    SHOW(pread(fd, buffer, 20, 0));
    SHOW(memcmp(buffer + 3, "\0\0\0\0\0\0\0", 7));
    SHOW(ftruncate(fd, -1));
    SHOW(truncate("a", 6));
    SHOW(truncate(".", 6));
    SHOW(posix_fallocate(fd, 0, 100));
    SHOW(fsync(fd));
    SHOW(fdatasync(999));
    SHOW(sendfile(other, fd, NULL, 100));
    status("a");

    puts("# descriptors");
    SHOW(dup(999));
    SHOW(dup2(fd, 50));
    SHOW(lseek(50, 7, SEEK_SET));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(dup2(50, 50));
    SHOW(dup3(50, 50, 0));
    SHOW(fcntl(fd, F_DUPFD, 60));
    SHOW(fcntl(fd, F_DUPFD_CLOEXEC, 60));
    SHOW(fcntl(61, F_GETFD));
    SHOW(fcntl(60, F_GETFD));
    SHOW(fcntl(60, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(60, F_GETFD));
    SHOW(fcntl(other, F_GETFL) & (O_ACCMODE | O_APPEND));
    SHOW(fcntl(other, F_SETFL, O_NONBLOCK));
    SHOW(fcntl(other, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    SHOW(fcntl(999, F_GETFL));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
    SHOW(fcntl(fd, F_SETLK, &lock));
    SHOW(fcntl(fd, F_SETLKW, &lock));
    SHOW(fcntl(fd, F_GETLK, &lock));
    SHOW(lock.l_type == F_UNLCK);
    lock.l_type = 77;
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock.l_type = F_UNLCK;
    SHOW(fcntl(fd, F_GETLK, &lock));
    lock.l_type = F_RDLCK;
    SHOW(fcntl(other, F_SETLK, &lock));
    lock.l_start = -1;
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock.l_whence = SEEK_END;
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock.l_len = -10000000;
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock.l_start = INT64_MAX;
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock.l_whence = 3;
    SHOW(fcntl(fd, F_SETLK, &lock));
    SHOW(fcntl(999, F_SETLK, &lock));
    SHOW(flock(fd, LOCK_EX));
    SHOW(flock(fd, LOCK_UN));
    SHOW(flock(fd, 77));
    SHOW(flock(999, LOCK_EX));
    SHOW(fcntl(fd, 999));
    SHOW(dup2(fd, 100000));
    SHOW(ioctl(fd, TIOCGWINSZ, buffer));
    struct pollfd polls[2] = {{.fd = fd, .events = POLLIN | POLLOUT},
                              {.fd = 999, .events = POLLIN}};
    SHOW(poll(polls, 2, -1));
    SHOW(polls[0].revents);
    SHOW(polls[1].revents);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    struct timeval soon = {.tv_usec = 1000};
    SHOW(select(fd + 1, &set, NULL, NULL, &soon));
    SHOW(FD_ISSET(fd, &set));

    puts("# unlink while open");
    SHOW(unlink("a"));
    SHOW(pwrite(fd, "still", 5, 0));
    SHOW(pread(fd, buffer, 5, 0));
    fstat(fd, &s);
    SHOW(s.st_nlink);
    TRY(open("a", O_RDONLY));
    SHOW(unlink("a"));

    puts("# directories");
    SHOW(mkdir("d", 0777));
    SHOW(mkdir("d", 0777));
    SHOW(mkdir("d/e", 0700));
    SHOW(mkdir("x/y", 0700));
    status("d");
    for (int i = 0; i < 300; i++) {
        char name[40];
        snprintf(name, sizeof name, "d/file-%03d", i);
        close(open(name, O_CREAT | O_WRONLY, 0600));
    }
    list("d");
    DIR *directory = opendir("d");
    for (int i = 0; i < 100; i++)
        readdir(directory);
    long place = telldir(directory);
    struct dirent *entry = readdir(directory);
    snprintf(buffer, 100, "%s", entry->d_name);
    seekdir(directory, place);
    entry = readdir(directory);
    SHOW(strcmp(entry->d_name, buffer));
    rewinddir(directory);
    int entries = 0;
    while (readdir(directory))
        entries++;
    SHOW(entries);
    closedir(directory);
    SHOW(rmdir("d"));
    SHOW(rmdir("d/file-000"));
    SHOW(unlink("d/e"));
    SHOW(rmdir("d/e"));
    SHOW(chdir("d"));
    printf("%d\n", getcwd(buffer, sizeof buffer) && strcmp(buffer + strlen(buffer) - 2, "/d") == 0);
    SHOW(getcwd(buffer, 2) != NULL);
    status("../d/./file-007");
    SHOW(chdir("file-007"));
    SHOW(chdir(".."));
    fd = open("d", O_RDONLY | O_DIRECTORY);
    SHOW(openat(fd, "file-009", O_RDONLY) >= 0);
    SHOW(unlinkat(fd, "file-009", 0));
    SHOW(fstatat(fd, "file-009", &s, 0));
    SHOW(fstatat(fd, "", &s, AT_EMPTY_PATH));
    SHOW(read(fd, buffer, 1));
    SHOW(faccessat(fd, "file-010", R_OK | W_OK, 0));
    SHOW(access("d/file-010", X_OK));
    SHOW(access("d/none", F_OK));
    for (int i = 0; i < 300; i++) {
        char name[40];
        snprintf(name, sizeof name, "file-%03d", i);
        unlinkat(fd, name, 0);
    }
    list("d");

    puts("# links and renames");
    close(open("f", O_CREAT | O_WRONLY, 0640));
    SHOW(link("f", "g"));
    status("g");
    SHOW(link("f", "g"));
    SHOW(link("d", "h"));
    SHOW(symlink("f", "s"));
    SHOW(symlink("loop", "loop"));
    TRY(open("loop", O_RDONLY));
    TRY(open("s", O_RDONLY | O_NOFOLLOW));
    int way = open("s", O_PATH | O_NOFOLLOW);

    SHOW(readlinkat(way, "", buffer, 100));
    TRY(read(way, buffer, 1));
    close(way);
    int itself = open("f", O_RDONLY);

    SHOW(linkat(itself, "", AT_FDCWD, "same", AT_EMPTY_PATH));
    close(itself);
    status("same");
    unlink("same");
    status("s");
    SHOW(readlink("s", buffer, 100));
    SHOW(readlink("f", buffer, 100));
    SHOW(readlink("s", buffer, 0));
    SHOW(symlink("d", "sd"));
    status("sd/.");
    SHOW(rename("f", "d/f"));
    status("f");
    status("d/f");
    SHOW(rename("d", "d/inside"));
    SHOW(rename("none", "f"));
    SHOW(rename("g", "d"));
    SHOW(rename("d", "g"));
    SHOW(mkdir("empty", 0755));
    SHOW(rename("d", "empty"));
    list("empty");
    SHOW(rename("g", "empty/f"));
    list("empty");
    SHOW(renameat2(AT_FDCWD, "empty/f", AT_FDCWD, "s", 1));

    puts("# attributes");
    SHOW(chmod("empty/f", 0751));
    SHOW(chown("empty/f", 12, 34));
    stat("empty/f", &s);
    SHOW(s.st_mode);
    SHOW(s.st_uid * 100 + s.st_gid);
    struct timespec times[2] = {{1000000000, 5}, {1100000000, 7}};
    SHOW(utimensat(AT_FDCWD, "empty/f", times, 0));
    stat("empty/f", &t);
    SHOW(t.st_mtim.tv_sec + t.st_mtim.tv_nsec);
    SHOW(t.st_atim.tv_sec + t.st_atim.tv_nsec);
    struct statx x;
    SHOW(statx(AT_FDCWD, "empty/f", 0, STATX_BASIC_STATS, &x));
    SHOW(x.stx_mode);
    struct statfs fs;
    SHOW(statfs(".", &fs));
    SHOW(fs.f_bfree > 0);
    SHOW(umask(077));
    close(open("m", O_CREAT | O_WRONLY, 0666));
    status("m");
    SHOW(s.st_ino == t.st_ino && s.st_dev == t.st_dev);

    puts("# special files");
    fd = open("/dev/null", O_RDWR);
    SHOW(read(fd, buffer, 10));
    SHOW(write(fd, buffer, 10));
    fd = open("/dev/zero", O_RDONLY);
    memset(buffer, 1, 100);
    SHOW(read(fd, buffer, 100));
    SHOW(buffer[0] | buffer[99]);
    SHOW(write(open("/dev/full", O_WRONLY), "x", 1));
    fd = open("/dev/urandom", O_RDONLY);
    memset(buffer, 0, 64);
    SHOW(read(fd, buffer, 64));
    SHOW(memcmp(buffer, buffer + 32, 32) != 0);
    fstat(fd, &s);
    SHOW(S_ISCHR(s.st_mode) && s.st_rdev == 0x109);
    printf("%s\n", realpath("/proc/self/fd/1/../../exe", buffer) ? "found" : "not found");
    SHOW(readlink("/proc/self/exe", buffer, sizeof buffer) > 5);
    TRY(fd = open("/proc/self/exe", O_RDONLY));
    SHOW(read(fd, buffer, 4));
    TRY(fd = open("/proc/self/maps", O_RDONLY));
    SHOW(read(fd, buffer, 1000) > 100);
    SHOW(sysconf(_SC_OPEN_MAX) >= 1024);
    SHOW(sysconf(_SC_PAGESIZE));

    chdir("/");
    snprintf(buffer, sizeof buffer, "rm -rf %s", top);
    return 0;
}
