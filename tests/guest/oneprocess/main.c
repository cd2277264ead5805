// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *nothing(void *argument)
{
    return argument;
}

int main(void)
{
    pthread_t thread;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    struct timespec soon;
    struct utsname name;
    struct passwd *user;
    struct rlimit limit;
    struct sysinfo info;
    cpu_set_t set;
    sem_t semaphore;
    char a[64], b[64];

    setvbuf(stdout, NULL, _IONBF, 0);
    printf("thread: %s\n", strerror(pthread_create(&thread, NULL, nothing, NULL)));
    pid_t child = fork();
    printf("fork: %s\n", child < 0 ? strerror(errno) : "made");
    printf("system: %d\n", system("true"));
    printf("wait: %s\n", wait(NULL) < 0 ? strerror(errno) : "done");
    printf("processors: %ld %ld %d\n", sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_NPROCESSORS_CONF),
           get_nprocs());
    sched_getaffinity(0, sizeof set, &set);
    printf("affinity: %d\n", CPU_COUNT(&set));
    printf("mutex: %d", pthread_mutex_lock(&mutex));
    printf(" %d\n", pthread_mutex_unlock(&mutex));
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 20000000;
    if (soon.tv_nsec >= 1000000000) {
        soon.tv_nsec -= 1000000000;
        soon.tv_sec++;
    }
    pthread_mutex_lock(&mutex);
    printf("condition, timed: %s\n", strerror(pthread_cond_timedwait(&condition, &mutex, &soon)));
    pthread_mutex_unlock(&mutex);
    sem_init(&semaphore, 0, 1);
    printf("semaphore: %d, ", sem_wait(&semaphore));
    printf("%s\n", sem_trywait(&semaphore) ? strerror(errno) : "taken");
    int word = 1;
    soon = (struct timespec){.tv_nsec = 1000000};
    printf("futex: %s", syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL) ? strerror(errno) : "woken");
    printf(", %s", syscall(SYS_futex, &word, FUTEX_WAIT, 1, &soon) ? strerror(errno) : "woken");
    printf(", %ld\n", syscall(SYS_futex, &word, FUTEX_WAKE, 1));
    uname(&name);
    printf("names: %s %s\n", name.sysname, name.machine);
    user = getpwuid(getuid());
    printf("user: %s\n", user ? user->pw_name : "nobody");
    printf("random numbers differ: %d\n",
           getrandom(a, 64, 0) == 64 && getrandom(b, 64, 0) == 64 && memcmp(a, b, 64) != 0);
    sysinfo(&info);
    printf("memory: %d %d %d\n", info.totalram >= 64 << 20 && info.totalram <= 256 << 20,
           info.freeram > 0 && info.freeram < info.totalram, info.mem_unit);
    printf("a process: %d %ld\n", info.procs, info.uptime < 100000 ? 0 : info.uptime);
    getrlimit(RLIMIT_STACK, &limit);
    printf("limits: %ld\n", (long)limit.rlim_cur);
    sem_wait(&semaphore);
    puts("not reached");
    return 0;
}
