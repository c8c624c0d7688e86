/* A thread that works for one loop, so that what takes long holds up nothing else there. It begins
 * with the first job. Jobs run one after another, in the order in which they were given. */
#ifndef GW_BASE_BACKGROUND_H
#define GW_BASE_BACKGROUND_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/loop.h"

struct gw_job;
typedef void (*gw_job_fn)(struct gw_job *job);

/* Embedded by value; belongs to the thread until `done` is called, or it is cancelled. */
struct gw_job {
    gw_job_fn run;  /* on the thread */
    gw_job_fn done; /* on the loop; may free the job */
    TAILQ_ENTRY(gw_job) link;
    bool is_queued; /* it has not begun */
};

TAILQ_HEAD(gw_jobs, gw_job);

/* Embedded by value. Where it is kept outlives the loop. */
struct gw_background {
    struct gw_loop *loop;
    bool is_started; /* the thread */
    pthread_t thread;
    pthread_mutex_t lock; /* of all below, and of jobs' link and is_queued */
    pthread_cond_t wake;
    struct gw_jobs queued, finished;
    bool is_ending;
    bool is_posted; /* the message */
    struct gw_message message;
};

void gw_background_init(struct gw_background *background, struct gw_loop *loop);
/* Waits for the job that runs. `done` is called of all jobs that are left, even if they never ran.
 * The loop turns no more. */
void gw_background_dispose(struct gw_background *background);

void gw_background_run(struct gw_background *background, struct gw_job *job);
/* Whether the job had not begun: then it is the caller's again. Else `done` is yet to come. */
bool gw_background_cancel(struct gw_background *background, struct gw_job *job);

#endif
