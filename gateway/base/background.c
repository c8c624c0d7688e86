#include "base/background.h"

static void on_finished(struct gw_message *message)
{
    struct gw_background *b = H2O_STRUCT_FROM_MEMBER(struct gw_background, message, message);
    struct gw_jobs finished = TAILQ_HEAD_INITIALIZER(finished);
    pthread_mutex_lock(&b->lock);
    b->is_posted = false;
    TAILQ_CONCAT(&finished, &b->finished, link);
    pthread_mutex_unlock(&b->lock);
    for (struct gw_job *job; (job = TAILQ_FIRST(&finished)) != NULL;) {
        TAILQ_REMOVE(&finished, job, link);
        job->done(job);
    }
}

/* With the lock. */
static void finish(struct gw_background *b, struct gw_job *job)
{
    TAILQ_INSERT_TAIL(&b->finished, job, link);
    if (b->is_posted || b->is_ending)
        return;
    b->is_posted = true;
    gw_loop_post(b->loop, &b->message);
}

static void *work(void *arg)
{
    struct gw_background *b = arg;
    pthread_mutex_lock(&b->lock);
    while (!b->is_ending) {
        struct gw_job *job = TAILQ_FIRST(&b->queued);
        if (job == NULL) {
            pthread_cond_wait(&b->wake, &b->lock);
            continue;
        }
        TAILQ_REMOVE(&b->queued, job, link);
        job->is_queued = false;
        pthread_mutex_unlock(&b->lock);
        job->run(job);
        pthread_mutex_lock(&b->lock);
        finish(b, job);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

void gw_background_init(struct gw_background *b, struct gw_loop *loop)
{
    *b = (struct gw_background){.loop = loop, .message.fn = on_finished};
    TAILQ_INIT(&b->queued);
    TAILQ_INIT(&b->finished);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, NULL);
}

void gw_background_dispose(struct gw_background *b)
{
    pthread_mutex_lock(&b->lock);
    b->is_ending = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    if (b->is_started)
        pthread_join(b->thread, NULL);
    TAILQ_CONCAT(&b->finished, &b->queued, link);
    on_finished(&b->message);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
}

/* Where there can be no thread, the job holds up its loop after all. */
static void run_here(struct gw_background *b, struct gw_job *job)
{
    job->run(job);
    pthread_mutex_lock(&b->lock);
    finish(b, job);
    pthread_mutex_unlock(&b->lock);
}

void gw_background_run(struct gw_background *b, struct gw_job *job)
{
    job->is_queued = false;
    b->is_started = b->is_started || pthread_create(&b->thread, NULL, work, b) == 0;
    if (!b->is_started) {
        run_here(b, job);
        return;
    }
    pthread_mutex_lock(&b->lock);
    job->is_queued = true;
    TAILQ_INSERT_TAIL(&b->queued, job, link);
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

bool gw_background_cancel(struct gw_background *b, struct gw_job *job)
{
    pthread_mutex_lock(&b->lock);
    bool was_queued = job->is_queued;
    if (was_queued)
        TAILQ_REMOVE(&b->queued, job, link);
    job->is_queued = false;
    pthread_mutex_unlock(&b->lock);
    return was_queued;
}
