/* Looks, from the control thread, for a hook that runs and never waits: nobody else can, for its
 * worker does nothing but run it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/print.h"
#include "hooks/engine/log.h"
#include "hooks/engine/vm.h"

#define PERIOD_MS 50

struct gw_hook_watchdog {
    struct gw_hook_set *set;
    struct gw_loop *loop;
    struct gw_metrics_shard *shard;
    gw_hook_log_fn log;
    void *log_arg;
    struct gw_timer timer;
};

static void say(struct gw_hook_watchdog *watchdog, const char *file, const char *text)
{
    struct gw_buf line = GW_BUF_HEAP;
    gw_hook_log_begin(&line, "error", file, gw_slice_str(text), (struct gw_slice){0});
    gw_hook_log_end(&line);
    if (watchdog->log != NULL)
        watchdog->log(watchdog->log_arg, gw_buf_slice(&line));
    gw_buf_dispose(&line);
}

static void give_up(const char *path, uint64_t blocked_ms)
{
    gw_print_line(stderr,
                  "sluice: hook %s has held up its worker for %llu ms and cannot be ended safely "
                  "(hook_limits.kill_after): the process ends",
                  path, (unsigned long long)blocked_ms);
    _exit(1);
}

static void look_at(struct gw_hook_watchdog *watchdog, struct gw_hook_vm *vm, uint64_t now_ms)
{
    const struct gw_config_hook_limits *limits = &watchdog->set->config->hook_limits;
    uint64_t turn = __atomic_load_n(&vm->turn, __ATOMIC_ACQUIRE);
    if (turn != vm->watched.turn) {
        vm->watched.turn = turn;
        vm->watched.since_ms = now_ms;
        vm->watched.is_told = false;
    }
    uint64_t blocked_ms = now_ms - vm->watched.since_ms;
    if (turn % 2 == 0 || blocked_ms < limits->time_ms)
        return;
    const struct gw_hook_file *file =
        &watchdog->set->files.items[__atomic_load_n(&vm->file, __ATOMIC_RELAXED)];
    if (!vm->watched.is_told) {
        vm->watched.is_told = true;
        say(watchdog, file->path, "the hook holds up its worker, without waiting for anything");
        if (watchdog->shard != NULL && watchdog->set->is_registered)
            gw_count(watchdog->shard, file->blocked, 1);
    }
    if (blocked_ms >= limits->kill_after_ms)
        give_up(file->path, blocked_ms);
    gw_hook_vm_interrupt(vm, turn);
}

static void on_period(struct gw_timer *timer)
{
    struct gw_hook_watchdog *watchdog =
        H2O_STRUCT_FROM_MEMBER(struct gw_hook_watchdog, timer, timer);
    uint64_t now_ms = gw_loop_now_ms(watchdog->loop);
    pthread_mutex_lock(&watchdog->set->lock);
    for (struct gw_hook_vm *vm = watchdog->set->vms; vm != NULL; vm = vm->next)
        look_at(watchdog, vm, now_ms);
    pthread_mutex_unlock(&watchdog->set->lock);
    gw_timer_start(watchdog->loop, timer, now_ms + PERIOD_MS);
}

struct gw_hook_watchdog *gw_hook_watchdog_create(struct gw_hook_set *set, struct gw_loop *loop,
                                                 struct gw_metrics_shard *shard, gw_hook_log_fn log,
                                                 void *log_arg)
{
    struct gw_hook_watchdog *watchdog = gw_alloc(sizeof(*watchdog));
    *watchdog = (struct gw_hook_watchdog){set, loop, shard, log, log_arg, {.fn = on_period}};
    if (set->files.count > 0)
        gw_timer_start(loop, &watchdog->timer, gw_loop_now_ms(loop) + PERIOD_MS);
    return watchdog;
}

void gw_hook_watchdog_destroy(struct gw_hook_watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    gw_timer_stop(watchdog->loop, &watchdog->timer);
    free(watchdog);
}
