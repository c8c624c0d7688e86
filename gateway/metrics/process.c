#include "metrics/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void expose(struct gw_buf *out, const char *kind, const char *name, const char *help)
{
    gw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", name, help, name, kind, name);
}

static void expose_count(struct gw_buf *out, const char *name, const char *help, uint64_t value)
{
    expose(out, "gauge", name, help);
    gw_buf_append_u64(out, value);
    gw_buf_append_byte(out, '\n');
}

static void expose_ticks(struct gw_buf *out, const char *kind, const char *name, const char *help,
                         uint64_t whole_seconds, uint64_t ticks)
{
    uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    expose(out, kind, name, help);
    gw_buf_printf(out, "%" PRIu64 ".%02" PRIu64 "\n", whole_seconds + ticks / per_second,
                  ticks % per_second * 100 / per_second);
}

/* From the line "btime SECONDS" of /proc/stat; 0 where it cannot be had. */
static uint64_t boot_time_seconds(void)
{
    FILE *f = fopen("/proc/stat", "re");
    if (f == NULL)
        return 0;
    uint64_t seconds = 0;
    char *line = NULL;
    size_t size = 0;
    while (seconds == 0 && getline(&line, &size, f) > 0)
        sscanf(line, "btime %" SCNu64, &seconds);
    free(line);
    fclose(f);
    return seconds;
}

struct stat_fields {
    uint64_t user_ticks, system_ticks, threads, start_ticks, virtual_bytes, resident_pages;
};

/* proc(5), /proc/pid/stat: the name in parentheses may hold anything, also parentheses. */
static int read_stat(struct stat_fields *ret_fields)
{
    char text[1024];
    FILE *f = fopen("/proc/self/stat", "re");
    if (f == NULL)
        return -1;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *fields = strrchr(text, ')');
    if (fields == NULL)
        return -1;
    struct stat_fields s;
    int found = sscanf(fields + 1,
                       " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s" /* state to cmajflt */
                       " %" SCNu64 " %" SCNu64 " %*s %*s %*s %*s %" SCNu64 " %*s %" SCNu64
                       " %" SCNu64 " %" SCNu64,
                       &s.user_ticks, &s.system_ticks, &s.threads, &s.start_ticks, &s.virtual_bytes,
                       &s.resident_pages);
    if (found != 6)
        return -1;
    *ret_fields = s;
    return 0;
}

static int count_open_fds(uint64_t *ret_count)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return -1;
    uint64_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    *ret_count = count - 1; /* the folder's own */
    return 0;
}

void gw_metrics_expose_process(struct gw_buf *out)
{
    struct stat_fields s;
    if (read_stat(&s) == 0) {
        uint64_t boot_seconds = boot_time_seconds();
        expose_ticks(out, "counter", "process_cpu_seconds_total",
                     "User and system CPU time spent, in seconds.", 0,
                     s.user_ticks + s.system_ticks);
        expose_count(out, "process_resident_memory_bytes", "Resident memory.",
                     s.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE));
        expose_count(out, "process_virtual_memory_bytes", "Virtual memory.", s.virtual_bytes);
        if (boot_seconds != 0)
            expose_ticks(out, "gauge", "process_start_time_seconds",
                         "When the process started, in seconds since 1970.", boot_seconds,
                         s.start_ticks);
        expose_count(out, "process_threads", "Threads of the process.", s.threads);
    }
    uint64_t fds;
    if (count_open_fds(&fds) == 0)
        expose_count(out, "process_open_fds", "Open file descriptors.", fds);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        expose_count(out, "process_max_fds", "Most file descriptors that may be open.",
                     limit.rlim_cur);
}
