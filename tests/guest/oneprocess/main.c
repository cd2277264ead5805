// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
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
    uname(&name);
    printf("names: %s %s\n", name.sysname, name.machine);
    user = getpwuid(getuid());
    printf("user: %s\n", user ? user->pw_name : "nobody");
    printf("random numbers differ: %d\n",
           getrandom(a, 64, 0) == 64 && getrandom(b, 64, 0) == 64 && memcmp(a, b, 64) != 0);
    getrlimit(RLIMIT_STACK, &limit);
    printf("limits: %ld\n", (long)limit.rlim_cur);
    sem_wait(&semaphore);
    puts("not reached");
    return 0;
}
