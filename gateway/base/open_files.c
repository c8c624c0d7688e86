#include "base/open_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define LIMIT_MOST (1u << 20)

uint64_t gw_open_files_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return LIMIT_MOST;
    struct rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max < LIMIT_MOST ? limit.rlim_max : LIMIT_MOST;
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

uint64_t gw_open_files_count(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        struct rlimit limit;
        return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
    }
    close(fd);
    return (uint64_t)fd; /* the kernel gives the lowest that is free */
}
