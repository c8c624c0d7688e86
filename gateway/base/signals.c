#include "base/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

static const struct {
    int number;
    enum gw_signal_wish wish; /* GW_SIGNAL_STOP: to drain the first time */
} taken[] = {
    {SIGTERM, GW_SIGNAL_STOP},   {SIGINT, GW_SIGNAL_STOP},     {SIGQUIT, GW_SIGNAL_DRAIN},
    {SIGPWR, GW_SIGNAL_DRAIN},   {SIGXCPU, GW_SIGNAL_DRAIN},   {SIGHUP, GW_SIGNAL_RELOAD},
    {SIGUSR1, GW_SIGNAL_REOPEN}, {SIGUSR2, GW_SIGNAL_REPLACE},
};

static const int ignored[] = {SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXFSZ};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void gw_signals_hold(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

enum gw_signal_wish gw_signals_sort(struct gw_signals *signals, int number, uint64_t now_ms)
{
    size_t i = 0;
    while (i < COUNT(taken) && taken[i].number != number)
        i++;
    if (i == COUNT(taken))
        return GW_SIGNAL_NOTHING;
    enum gw_signal_wish wish = taken[i].wish;
    if (wish != GW_SIGNAL_DRAIN && wish != GW_SIGNAL_STOP)
        return wish;
    if (!signals->is_draining) {
        signals->is_draining = true;
        signals->drain_ms = now_ms;
        return GW_SIGNAL_DRAIN;
    }
    return wish == GW_SIGNAL_STOP && now_ms - signals->drain_ms >= GW_SIGNALS_ONE_MS
               ? GW_SIGNAL_STOP
               : GW_SIGNAL_NOTHING;
}

static void on_readable(h2o_socket_t *sock, const char *error)
{
    struct gw_signals *signals = sock->data;
    struct signalfd_siginfo info;
    while (error == NULL && sock->input->size >= sizeof(info)) {
        memcpy(&info, sock->input->bytes, sizeof(info));
        h2o_buffer_consume(&sock->input, sizeof(info));
        enum gw_signal_wish wish =
            gw_signals_sort(signals, (int)info.ssi_signo, gw_loop_now_ms(signals->loop));
        if (wish != GW_SIGNAL_NOTHING)
            signals->fn(signals->arg, wish);
    }
}

/* What a library or a preloaded profiler has taken for itself stays so. */
static void ignore(int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        signal(number, SIG_IGN);
}

int gw_signals_open(struct gw_signals *signals, struct gw_loop *loop, gw_signals_fn fn, void *arg,
                    struct gw_error *error)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNT(taken); i++)
        sigaddset(&set, taken[i].number);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION, "cannot take signals: %s",
                            strerror(errno));
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < COUNT(ignored); i++)
        ignore(ignored[i]);
    signals->loop = loop;
    signals->fn = fn;
    signals->arg = arg;
    signals->sock = h2o_evloop_socket_create(gw_loop_h2o(loop), fd, 0);
    signals->sock->data = signals;
    h2o_socket_read_start(signals->sock, on_readable);
    return 0;
}

void gw_signals_close(struct gw_signals *signals)
{
    if (signals->sock != NULL)
        h2o_socket_close(signals->sock);
    signals->sock = NULL;
}
