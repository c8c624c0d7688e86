#include "base/background.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define JOBS 100

struct numbered {
    struct gw_job super;
    int number;
    bool has_run;
};

static struct gw_loop *loop;
static struct gw_background background;
static int next_to_run, next_done, let_go;
static pthread_t loop_thread;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void run(struct gw_job *job)
{
    struct numbered *n = H2O_STRUCT_FROM_MEMBER(struct numbered, super, job);
    n->has_run = !pthread_equal(pthread_self(), loop_thread) && n->number == next_to_run++;
}

static void run_behind_the_gate(struct gw_job *job)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    run(job);
}

static void done(struct gw_job *job)
{
    struct numbered *n = H2O_STRUCT_FROM_MEMBER(struct numbered, super, job);
    assert_true(pthread_equal(pthread_self(), loop_thread));
    if (n->has_run)
        assert_int_equal(n->number, next_done++);
    else
        let_go++;
}

static int set_up(void **state)
{
    (void)state;
    loop = gw_loop_create();
    gw_background_init(&background, loop);
    next_to_run = next_done = let_go = 0;
    loop_thread = pthread_self();
    return 0;
}

static void give(struct numbered *jobs, int count, gw_job_fn fn)
{
    for (int i = 0; i < count; i++) {
        jobs[i] = (struct numbered){.super = {.run = fn, .done = done}, .number = i};
        gw_background_run(&background, &jobs[i].super);
    }
}

static void jobs_run_in_their_order(void **state)
{
    (void)state;
    struct numbered jobs[JOBS];
    give(jobs, JOBS, run);
    while (next_done < JOBS)
        gw_loop_turn(loop, 1000);
    gw_background_dispose(&background);
    assert_int_equal(let_go, 0);
    gw_loop_destroy(loop);
}

static void what_has_not_begun_can_be_cancelled(void **state)
{
    (void)state;
    struct numbered jobs[3];
    pthread_mutex_lock(&gate);
    give(jobs, 3, run_behind_the_gate);
    assert_true(gw_background_cancel(&background, &jobs[2].super));
    assert_false(gw_background_cancel(&background, &jobs[2].super));
    pthread_mutex_unlock(&gate);
    while (next_done < 2)
        gw_loop_turn(loop, 1000);
    assert_false(gw_background_cancel(&background, &jobs[0].super));
    assert_false(jobs[2].has_run);
    gw_background_dispose(&background);
    gw_loop_destroy(loop);
}

static void at_the_end_all_jobs_are_done_with(void **state)
{
    (void)state;
    struct numbered jobs[JOBS];
    give(jobs, JOBS, run);
    gw_background_dispose(&background);
    assert_int_equal(next_done + let_go, JOBS);
    gw_loop_destroy(loop);
}

static void without_jobs_there_is_no_thread(void **state)
{
    (void)state;
    assert_false(background.is_started);
    gw_background_dispose(&background);
    gw_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(jobs_run_in_their_order, set_up),
        cmocka_unit_test_setup(what_has_not_begun_can_be_cancelled, set_up),
        cmocka_unit_test_setup(at_the_end_all_jobs_are_done_with, set_up),
        cmocka_unit_test_setup(without_jobs_there_is_no_thread, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
