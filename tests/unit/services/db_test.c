#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/db.h"

static const char *const migrations[] = {
    "CREATE TABLE words (word TEXT PRIMARY KEY, weight INTEGER NOT NULL) STRICT",
    "ALTER TABLE words ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    NULL,
};
enum { ADD, FIND, COUNT };
static const char *const statements[] = {
    [ADD] = "INSERT INTO words (word, weight) VALUES (?1, ?2)",
    [FIND] = "SELECT weight, note FROM words WHERE word = ?1",
    [COUNT] = "SELECT count(*) FROM words",
};
static const struct gw_db_schema schema = {migrations, statements, 3, COUNT};

struct place {
    char folder[64], file[128];
};

static int make_place(void **state)
{
    static struct place place;
    strcpy(place.folder, P_tmpdir "/db_test_XXXXXX");
    if (mkdtemp(place.folder) == NULL)
        return -1;
    snprintf(place.file, sizeof(place.file), "%s/deep/er/words.db", place.folder);
    *state = &place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", place->folder, NULL);
        _exit(1);
    }
    return waitpid(child, NULL, 0) == child ? 0 : -1;
}

static struct gw_db *open_words(void **state)
{
    struct gw_error error = {0};
    struct gw_db *db = gw_db_open(((struct place *)*state)->file, &schema, &error);
    if (db == NULL)
        fail_msg("%s", error.message);
    return db;
}

static int add(struct gw_db *db, const char *word, int64_t weight)
{
    return gw_db_run(db, ADD, GW_DB_VALUES(gw_db_text(word), gw_db_integer(weight)), NULL, NULL);
}

static int64_t count(struct gw_db *db)
{
    int64_t number = -1;
    assert_int_equal(gw_db_run_number(db, COUNT, &number), 0);
    return number;
}

static void read_weight(void *arg, sqlite3_stmt *row)
{
    *(int64_t *)arg = sqlite3_column_int64(row, 0);
}

static void what_one_handle_writes_the_other_reads(void **state)
{
    struct gw_db *one = open_words(state), *two = open_words(state);
    int64_t weight = 0;
    assert_int_equal(add(one, "stone", 7), 0);
    assert_int_equal(gw_db_run(two, FIND, GW_DB_VALUES(gw_db_text("stone")), read_weight, &weight),
                     1);
    assert_int_equal(weight, 7);
    assert_int_equal(add(two, "leaf", 1), 0);
    assert_int_equal(count(one), 2);
    gw_db_close(one);
    gw_db_close(two);
}

static void data_outlives_the_handle(void **state)
{
    struct gw_db *db = open_words(state);
    assert_int_equal(add(db, "stone", 7), 0);
    gw_db_close(db);
    db = open_words(state);
    assert_int_equal(count(db), 1);
    gw_db_close(db);
}

static void a_second_of_the_same_key_is_a_conflict(void **state)
{
    struct gw_db *db = open_words(state);
    assert_int_equal(add(db, "stone", 7), 0);
    assert_int_equal(add(db, "stone", 8), GW_DB_CONFLICT);
    assert_non_null(strstr(gw_db_message(db), "words.word"));
    assert_int_equal(count(db), 1);
    gw_db_close(db);
}

static void what_is_rolled_back_is_gone_and_the_message_stays(void **state)
{
    struct gw_db *db = open_words(state);
    assert_int_equal(gw_db_begin(db), 0);
    assert_int_equal(add(db, "stone", 7), 0);
    assert_int_equal(add(db, "stone", 7), GW_DB_CONFLICT);
    gw_db_rollback(db);
    gw_db_rollback(db);
    assert_non_null(strstr(gw_db_message(db), "UNIQUE"));
    assert_int_equal(count(db), 0);
    assert_int_equal(gw_db_begin(db), 0);
    assert_int_equal(add(db, "leaf", 1), 0);
    assert_int_equal(gw_db_commit(db), 0);
    assert_int_equal(count(db), 1);
    gw_db_close(db);
}

static void a_lock_held_for_too_long_is_busy(void **state)
{
    struct gw_db *one = open_words(state), *two = open_words(state);
    assert_int_equal(gw_db_begin(one), 0);
    assert_int_equal(add(one, "stone", 7), 0);
    assert_int_equal(add(two, "leaf", 1), GW_DB_BUSY);
    assert_int_equal(count(two), 0); /* reading goes on meanwhile */
    assert_int_equal(gw_db_commit(one), 0);
    assert_int_equal(add(two, "leaf", 1), 0);
    gw_db_close(one);
    gw_db_close(two);
}

static void older_data_is_brought_up_to_date(void **state)
{
    const char *const first[] = {migrations[0], NULL};
    const struct gw_db_schema old = {first, statements, 1, 0};
    const char *file = ((struct place *)*state)->file;
    struct gw_error error;
    struct gw_db *db = gw_db_open(file, &old, &error);
    assert_non_null(db);
    assert_int_equal(add(db, "stone", 7), 0);
    gw_db_close(db);
    db = open_words(state);
    assert_int_equal(count(db), 1);
    gw_db_close(db);

    assert_null(gw_db_open(file, &old, &error));
    assert_string_equal(error.message, "the data has version 2; this program knows up to 1");
}

static void many_may_start_at_once(void **state)
{
    enum { CHILDREN = 8 };
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char word[16];
            snprintf(word, sizeof(word), "%d", i);
            struct gw_error error;
            struct gw_db *db = gw_db_open(((struct place *)*state)->file, &schema, &error);
            _exit(db != NULL && add(db, word, i) == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    struct gw_db *db = open_words(state);
    assert_int_equal(count(db), CHILDREN);
    gw_db_close(db);
}

static void what_is_no_database_is_refused(void **state)
{
    struct place *place = *state;
    char path[160];
    snprintf(path, sizeof(path), "%s/text", place->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        fputs("this is not a database\n", file);
    fclose(file);
    struct gw_error error;
    assert_null(gw_db_open(path, &schema, &error));
    assert_non_null(strstr(error.message, "not a database"));

    snprintf(path, sizeof(path), "%s/text/words.db", place->folder);
    assert_null(gw_db_open(path, &schema, &error));
    assert_string_equal(error.message, "unable to open database file");
}

static void a_wrong_statement_is_refused(void **state)
{
    const char *const wrong[] = {"SELECT word FROM nowhere"};
    const struct gw_db_schema broken = {migrations, wrong, 1, 0};
    struct gw_error error;
    assert_null(gw_db_open(((struct place *)*state)->file, &broken, &error));
    assert_string_equal(error.message, "no such table: nowhere");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        TEST(what_one_handle_writes_the_other_reads),
        TEST(data_outlives_the_handle),
        TEST(a_second_of_the_same_key_is_a_conflict),
        TEST(what_is_rolled_back_is_gone_and_the_message_stays),
        TEST(a_lock_held_for_too_long_is_busy),
        TEST(older_data_is_brought_up_to_date),
        TEST(many_may_start_at_once),
        TEST(what_is_no_database_is_refused),
        TEST(a_wrong_statement_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
