/* What signals ask of a server; the same of all our programs. A signal whose default is to end the
 * process ends none by that default, but for faults (SEGV and its like), KILL, and real-time ones.
 *
 *   TERM, INT            drain, then end; again after GW_SIGNALS_ONE_MS: end at once
 *   QUIT, PWR, XCPU      drain, then end; again: nothing
 *   HUP, USR1, USR2      reload, open logs again, replace the program
 *   PIPE, ALRM, VTALRM, PROF, IO, XFSZ
 *                        ignored: what they tell of, calls tell of by their errors */
#ifndef GW_BASE_SIGNALS_H
#define GW_BASE_SIGNALS_H

#include "base/error.h"
#include "base/loop.h"

/* A terminal signals a shell and its children, `timeout` a process and its group, a supervisor
 * whoever is left: those that come so soon after the first that asked to drain are the same wish.
 */
#define GW_SIGNALS_ONE_MS 1000

enum gw_signal_wish {
    GW_SIGNAL_NOTHING,
    GW_SIGNAL_DRAIN, /* once */
    GW_SIGNAL_STOP,  /* at once */
    GW_SIGNAL_RELOAD,
    GW_SIGNAL_REOPEN,
    GW_SIGNAL_REPLACE,
};

/* Runs on the loop's thread. */
typedef void (*gw_signals_fn)(void *arg, enum gw_signal_wish wish);

/* Embedded by whoever listens; zero is "not open". */
struct gw_signals {
    struct gw_loop *loop;
    h2o_socket_t *sock;
    gw_signals_fn fn;
    void *arg;
    bool is_draining;
    uint64_t drain_ms; /* when that was asked for */
};

/* Lets HUP, USR1 and USR2 wait until gw_signals_open. Early in main: they must not end a process
 * that is about to be asked what they stand for. */
void gw_signals_hold(void);

/* Before the process has other threads: they inherit that signals are taken here. Fails where no
 * descriptor is left. */
int gw_signals_open(struct gw_signals *signals, struct gw_loop *loop, gw_signals_fn fn, void *arg,
                    struct gw_error *error);
/* Harmless where it is not open. Signals wait from then on. */
void gw_signals_close(struct gw_signals *signals);

/* What this one asks for, after those before it. Needs no open. */
enum gw_signal_wish gw_signals_sort(struct gw_signals *signals, int number, uint64_t now_ms);

#endif
